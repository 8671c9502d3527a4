"""graft quantize against llama.cpp's own quantize: the type of every tensor and every byte."""
import hashlib
import json
import pathlib
import re
import struct
import subprocess
import time

import gguf
import llama_quantize
import numpy as np
import pytest

MIXES = {"q4_0": 2, "q4_1": 3, "q8_0": 7, "q5_0": 8, "q5_1": 9, "q2_k": 10, "q3_k_s": 11,
         "q3_k_m": 12, "q3_k_l": 13, "q4_k_s": 14, "q4_k_m": 15, "q5_k_s": 16, "q5_k_m": 17,
         "q6_k": 18, "iq4_nl": 25, "iq4_xs": 30, "f32": 0, "f16": 1, "bf16": 32}
NUMBERS = {**MIXES, "q2_k_s": 21}


def small_model(path, arch="llama", layers=24, d=256, ff=512, heads=8, kv=2, vocab=300,
                untied=False, seed=1, dtype=np.float32, experts=0, joined=False, empty=False,
                change=None):
    """Shapes with whole super-blocks, enough layers for the patterns, and a vocabulary of its own.
    empty: all weights 0; change(tensors): to damage it."""
    rng = np.random.default_rng(seed)
    w = gguf.GGUFWriter(path, arch)
    w.add_type("model")
    w.add_name("tiny")
    w.add_context_length(64)
    w.add_embedding_length(d)
    w.add_block_count(layers)
    w.add_feed_forward_length(ff)
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_rope_dimension_count(d // heads)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_layer_norm_eps(1e-5)
    w.add_sliding_window(32)
    w.add_vocab_size(vocab)
    if experts:
        w.add_expert_count(experts)
        w.add_expert_used_count(2)
    w.add_file_type(0)
    w.add_quantization_version(2)
    w.add_tokenizer_model("llama")
    w.add_token_list([f"t{i}" for i in range(vocab)])
    w.add_token_scores([0.0] * vocab)
    w.add_token_types([1] * vocab)
    w.add_array("tokenizer.ggml.odd", [True, False])
    tensors = {}

    def add(name, *shape):
        tensors[name] = np.zeros(shape, np.float32) if empty else \
            (rng.standard_normal(shape) * 0.05).astype(np.float32)

    add("token_embd.weight", vocab, d)
    add("output_norm.weight", d)
    if untied:
        add("output.weight", vocab, d)
    for i in range(layers):
        b = f"blk.{i}."
        add(b + "attn_norm.weight", d)
        add(b + "ffn_norm.weight", d)
        if joined:
            add(b + "attn_qkv.weight", d + 2 * d * kv // heads, d)
            add(b + "attn_qkv.bias", d + 2 * d * kv // heads)
        else:
            add(b + "attn_q.weight", d, d)
            add(b + "attn_k.weight", d * kv // heads, d)
            add(b + "attn_v.weight", d * kv // heads, d)
        add(b + "attn_output.weight", d, d)
        if experts:
            add(b + "ffn_gate_inp.weight", experts, d)
            add(b + "ffn_gate_exps.weight", experts, ff, d)
            add(b + "ffn_up_exps.weight", experts, ff, d)
            add(b + "ffn_down_exps.weight", experts, d, ff)
        else:
            add(b + "ffn_gate.weight", ff, d)
            add(b + "ffn_up.weight", ff, d)
            add(b + "ffn_down.weight", d, ff)
    if change:
        change(tensors)
    for name, values in tensors.items():
        w.add_tensor(name, values.astype(dtype) if values.ndim > 1 else values)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return tensors


def contents(path):
    """{tensor: (type, shape, hash of its bytes)}, {key: value}"""
    reader = gguf.GGUFReader(path)
    tensors = {t.name: (t.tensor_type.name, tuple(int(n) for n in t.shape),
                        hashlib.sha256(t.data.tobytes()).hexdigest()) for t in reader.tensors}
    keys = {k: (f.types, f.contents()) for k, f in reader.fields.items()
            if not k.startswith("GGUF.")}
    return tensors, keys


def compare(graft, source, tmp_path, mix, importance=None, importance_file=None, **options):
    ours, theirs = tmp_path / f"ours-{mix}.gguf", tmp_path / f"theirs-{mix}.gguf"
    llama_quantize.quantize(source, theirs, NUMBERS[mix], importance=importance, **options)
    more = ["--imatrix", importance_file] if importance_file else []
    more += ["--allow-requantize"] if options.get("allow_requantize") else []
    done = graft("quantize", source, ours, "--type", mix, "--json", *more)
    (got, keys), (expected, their_keys) = contents(ours), contents(theirs)
    assert set(got) == set(expected)
    wrong = {n: (got[n][:2], expected[n][:2]) for n in got if got[n][:2] != expected[n][:2]}
    assert not wrong
    assert not [n for n in got if got[n] != expected[n]], "bytes"
    said = json.loads(done.stdout)
    assert {k: v["tensors"] for k, v in said["formats"].items()} == \
        {k: sum(t[0] == k for t in got.values()) for k in {t[0] for t in got.values()}}
    for key in [k for k in keys if k.startswith("quantize.imatrix.")]:
        del keys[key]  # added by the program around the library
    assert keys == their_keys
    if not importance:
        assert ours.read_bytes() == theirs.read_bytes()  # the whole file
    ours.unlink()
    theirs.unlink()
    return said


@pytest.mark.parametrize("mix", MIXES)
def test_every_mix_is_llama_cpps(graft, shared, tmp_path, mix):
    small_model(tmp_path / "in.gguf", layers=5)
    said = compare(graft, tmp_path / "in.gguf", tmp_path, mix)
    assert said["type"] == mix and said["fallbacks"] == 0 and said["weighed"] == 0
    if mix == "q4_k_m":
        assert set(said["formats"]) == {"Q4_K", "Q6_K", "F32"}
        assert 4.5 < said["bits_per_weight"] < 5.5


SHAPES = {
    "tied": {"layers": 24},
    "untied": {"layers": 33, "untied": True, "kv": 8},
    "70b": {"layers": 80, "ff": 256, "vocab": 40},
    "qwen2 72b": {"arch": "qwen2", "layers": 80, "ff": 256, "untied": True},
    "qwen2": {"arch": "qwen2", "layers": 9, "dtype": np.float16},
    "phi3": {"arch": "phi3", "layers": 17, "joined": True, "untied": True},
    "gemma2": {"arch": "gemma2", "layers": 26, "heads": 8, "kv": 4},
    "8 experts": {"layers": 16, "experts": 8, "untied": True},
    "4 experts": {"layers": 16, "experts": 4},
    "falcon": {"arch": "falcon", "layers": 32, "joined": True, "kv": 1, "untied": True},
    "192": {"layers": 8, "d": 192, "ff": 320, "heads": 6, "kv": 3},  # no whole super-blocks
    "288": {"layers": 8, "d": 256, "ff": 288, "untied": True, "vocab": 33},
}


@pytest.mark.parametrize("importance", [False, True], ids=["plain", "weighed"])
@pytest.mark.parametrize("shape", SHAPES)
def test_any_model_gets_the_types_that_llama_cpp_gives(driver, shared, tmp_path, shape, importance):
    tensors = small_model(tmp_path / "in.gguf", empty=True, **SHAPES[shape])
    mixes = NUMBERS if importance else MIXES
    weights = {n: np.ones(a.shape[-1] * (a.shape[0] if a.ndim > 2 else 1), np.float32)
               for n, a in tensors.items() if n.startswith("blk.") and a.ndim > 1}
    theirs = llama_quantize.types(tmp_path / "in.gguf", mixes.values(),
                                  weights if importance else None)
    done = subprocess.run([driver("mixes"), tmp_path / "in.gguf", str(int(importance)), *mixes],
                          check=True, capture_output=True, text=True)
    ours = {}
    for line in done.stdout.splitlines():
        mix, tensor, kind = line.split()
        ours.setdefault(mixes[mix], {})[tensor] = kind
    assert set(theirs) == set(mixes.values()) and set(theirs[0]) == set(tensors)
    for mix, number in mixes.items():
        wrong = {n: (k, theirs[number][n]) for n, k in ours[number].items()
                 if k != theirs[number][n]}
        assert not wrong, mix
    if shape == "tied":
        assert set(ours[15].values()) == {"Q4_K", "Q6_K", "F32"}


@pytest.mark.parametrize("shape", ["phi3", "4 experts", "192", "288"])
def test_other_shapes_have_the_bytes_that_llama_cpp_writes(graft, shared, tmp_path, shape):
    small_model(tmp_path / "in.gguf", **{**SHAPES[shape], "layers": 3})
    said = compare(graft, tmp_path / "in.gguf", tmp_path, "q4_k_m")
    assert (said["fallbacks"] > 0) == (shape in ("192", "288"))


def test_a_real_model_has_the_bytes_that_llama_cpp_writes(graft, shared, tmp_path, base_f32):
    said = compare(graft, base_f32, tmp_path, "q4_k_m")
    assert said["tensors"] == 272 and said["fallbacks"] > 0  # rows of 576


def write_importance(path, weights, rng):
    """As llama.cpp's imatrix program writes it; what quantize makes of it: means."""
    w = gguf.GGUFWriter(path, "unused")
    w.add_type("imatrix")
    w.add_array("imatrix.datasets", ["mine.jsonl", "other.txt"])
    w.add_uint32("imatrix.chunk_count", 12)
    w.add_uint32("imatrix.chunk_size", 512)
    means = {}
    for name, shape in weights.items():
        counts = rng.integers(1, 1000, (shape[0], 1)).astype(np.float32)
        if shape[0] > 1:
            counts[1] = 0  # an expert that was never asked
        sums = (rng.gamma(0.5, 1, shape) * counts).astype(np.float32)
        w.add_tensor(name + ".in_sum2", sums)
        w.add_tensor(name + ".counts", counts)
        with np.errstate(all="ignore"):
            means[name] = np.where(counts > 0, sums / counts, np.float32(1)).reshape(-1)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return means


def write_legacy_importance(path, means):
    with open(path, "wb") as f:
        f.write(struct.pack("<i", len(means)))
        for name, values in means.items():
            f.write(struct.pack("<i", len(name)) + name.encode())
            f.write(struct.pack("<ii", 4, values.size) + (values * np.float32(4)).tobytes())
        f.write(struct.pack("<ii", 12, 4) + b"mine")


@pytest.mark.parametrize("mix", ["q4_k_m", "q5_k_s", "q3_k_m", "q2_k_s", "q6_k", "q4_0", "q4_1",
                                 "q5_0", "q5_1", "iq4_nl", "iq4_xs", "q8_0", "bf16"])
def test_an_importance_matrix_does_what_it_does_in_llama_cpp(graft, shared, tmp_path, mix):
    tensors = small_model(tmp_path / "in.gguf", layers=8, ff=256, d=256, heads=4, kv=1, vocab=33,
                          experts=3 if mix == "q4_k_m" else 0)
    rng = np.random.default_rng(5)
    shapes = {n: (a.shape[0] if a.ndim > 2 else 1, a.shape[-1]) for n, a in tensors.items()
              if n.startswith("blk.") and a.ndim > 1 and "gate_inp" not in n}
    if mix != "q2_k_s":
        del shapes["blk.2.attn_k.weight"]  # that one goes unweighed
    means = write_importance(tmp_path / "i.gguf", shapes, rng)
    said = compare(graft, tmp_path / "in.gguf", tmp_path, mix, means, tmp_path / "i.gguf")
    assert said["weighed"] == (len(shapes) if mix != "bf16" else 0)
    if mix == "q5_k_s":
        write_legacy_importance(tmp_path / "i.dat", means)
        compare(graft, tmp_path / "in.gguf", tmp_path, mix, means, tmp_path / "i.dat")


def test_what_needs_an_importance_matrix_is_refused_without(graft, tmp_path):
    small_model(tmp_path / "in.gguf", layers=1, vocab=33)
    done = graft("quantize", tmp_path / "in.gguf", tmp_path / "out.gguf", "--type", "q2_k_s",
                 status=6)
    assert "q2_k_s is of no use without an importance matrix" in done.stderr
    assert not (tmp_path / "out.gguf").exists()


def test_a_quantised_file_can_be_quantised_again_as_llama_cpp_does(graft, shared, tmp_path):
    small_model(tmp_path / "in.gguf", layers=3, vocab=33)
    graft("quantize", tmp_path / "in.gguf", tmp_path / "q.gguf", "--type", "q5_k_m")
    compare(graft, tmp_path / "q.gguf", tmp_path, "q4_k_m", allow_requantize=True)


def test_memory_does_not_grow_with_the_model(graft, root, tmp_path):
    """One tensor of 256 MiB; what the program has in memory is looked at while it works."""
    small_model(tmp_path / "in.gguf", layers=1, vocab=262144, empty=True)
    work = subprocess.Popen([root / "build/graft", "quantize", "-q", tmp_path / "in.gguf",
                             tmp_path / "out.gguf", "--type", "q4_0"], stdout=subprocess.DEVNULL)
    peak, status = 0, pathlib.Path(f"/proc/{work.pid}/status")
    while work.poll() is None:
        own = re.search(r"VmRSS:\s+(\d+) kB", status.read_text())
        peak = max(peak, int(own[1]) if own else 0)
        time.sleep(0.01)
    assert work.returncode == 0 and 1000 < peak < 96 << 10
    assert (tmp_path / "out.gguf").stat().st_size > 50 << 20
