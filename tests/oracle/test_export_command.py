"""graft export: artefacts as the programs they are for read them."""
import hashlib
import json
import re

import numpy as np
import pytest

IDS = [1, 5, 77, 300, 12, 900, 45, 3]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def base(base_model, runtime, tmp_path_factory):
    """(path, tensors) of a tiny llama whose rows fit every block."""
    path = tmp_path_factory.mktemp("base") / "tiny.gguf"
    return path, runtime.tiny.make_tiny(str(path), src=str(base_model), d=256, nl=2, nh=4, nkv=2,
                                        ff=256, untied=True)


@pytest.fixture(scope="module")
def adapters(base, runtime, tmp_path_factory):
    """{name: (path, pairs, scale)} of two adapters, the second on few modules."""
    folder, made = tmp_path_factory.mktemp("adapters"), {}
    for name, rank, alpha, which in (("one", 4, 8.0, runtime.ggutil.LIN),
                                     ("two", 3, 2.0, ["attn_q", "ffn_down"])):
        pairs = runtime.ggutil.random_pairs(base[1], rank, seed=rank, which=which, amp=0.1)
        runtime.ggutil.write_adapter(str(folder / f"{name}.gguf"), pairs, alpha, extra={
            "graft.base_sha256": (runtime.ggutil.VT.STRING, sha256(base[0]), None)})
        made[name] = folder / f"{name}.gguf", pairs, alpha / rank
    return made


@pytest.fixture(scope="module")
def export(graft, base):
    def run(to, out, *words, adapter=(), status=0, model=None):
        return graft("export", "--base", model or base[0], "--to", to, "--out", out, *words,
                     *(w for a in adapter for w in ("--adapter", a)), status=status)

    return run


def read(path):
    import gguf
    return gguf.GGUFReader(path)


def logits(runtime, path, adapter=None):
    model = runtime.llamart.Model(path, check_tensors=True)
    result = model.logits(IDS, [(model.adapter(adapter), 1.0)] if adapter else [])
    model.close()
    return result


@pytest.fixture(scope="module")
def expected(base, adapters, runtime, tmp_path_factory):
    """Logits with the first adapter, by llama.cpp from a model that was merged by hand."""
    path = tmp_path_factory.mktemp("hand") / "merged.gguf"
    merged = runtime.ggutil.merge(base[1], adapters["one"][1], adapters["one"][2])
    runtime.ggutil.write_like(read(base[0]), merged, str(path))
    return logits(runtime, path)


@pytest.mark.parametrize("kind, limit", [("f32", 1e-3), ("f16", 0.05), ("bf16", 0.5)])
def test_adapters_of_every_type(kind, limit, base, adapters, export, runtime, expected, tmp_path):
    export("adapter", tmp_path / "a.gguf", "--type", kind, adapter=[adapters["one"][0]])
    reader = read(tmp_path / "a.gguf")
    assert {t.tensor_type.name for t in reader.tensors} == {kind.upper()}
    assert reader.fields["graft.base_sha256"].contents() == sha256(base[0])
    difference = np.abs(logits(runtime, base[0], tmp_path / "a.gguf") - expected).max()
    assert difference <= limit
    assert np.abs(expected - logits(runtime, base[0])).max() > 1


def test_the_sum_of_adapters_is_exact(base, adapters, export, runtime, tmp_path):
    (one, pairs_one, scale_one), (two, pairs_two, scale_two) = adapters["one"], adapters["two"]
    export("adapter", tmp_path / "sum.gguf", adapter=[f"{one}:0.7", f"{two}:-0.3"])
    factors = {t.name: np.array(t.data).astype(np.float64) for t in read(tmp_path / "sum.gguf").tensors}
    alpha = read(tmp_path / "sum.gguf").fields["adapter.lora.alpha"].contents()
    assert len(factors) == 2 * len(pairs_one)
    for name, (a, b) in pairs_one.items():
        wanted = 0.7 * scale_one * b.astype(np.float64) @ a.astype(np.float64)
        rank = a.shape[0]
        if name in pairs_two:
            a2, b2 = pairs_two[name]
            wanted -= 0.3 * scale_two * b2.astype(np.float64) @ a2.astype(np.float64)
            rank += a2.shape[0]
        ours_a, ours_b = factors[name + ".lora_a"], factors[name + ".lora_b"]
        assert ours_a.shape[0] == ours_b.shape[1] == rank
        assert np.abs(alpha / rank * ours_b @ ours_a - wanted).max() <= 1e-6 * np.abs(wanted).max()
    notes = json.loads(read(tmp_path / "sum.gguf").fields["graft.adapters"].contents())
    assert [(n["name"], n["weight"], n["sha256"]) for n in notes] == [
        ("one", 0.7, sha256(one)), ("two", -0.3, sha256(two))]


def test_merged_f32_is_what_the_runtime_computes(base, adapters, export, runtime, expected, tmp_path):
    done = export("gguf", tmp_path / "m.gguf", "--json", adapter=[adapters["one"][0]])
    assert np.abs(logits(runtime, tmp_path / "m.gguf") - expected).max() <= 1e-3
    report = json.loads(done.stdout)["survival"]
    assert report["error"] == 0 and report["kept"] == 1 and report["verdict"] == "survives"
    assert len(report["tensors"]) == 14
    merged = runtime.ggutil.merge(base[1], adapters["one"][1], adapters["one"][2])
    for t in read(tmp_path / "m.gguf").tensors:
        assert np.allclose(np.array(t.data), merged[t.name], rtol=0, atol=1e-7), t.name
    for row in report["tensors"]:
        delta = merged[row["name"]].astype(np.float64) - base[1][row["name"]]
        assert abs(row["delta"] / np.linalg.norm(delta) - 1) < 1e-4, row


def test_keys_of_a_merged_file(base, adapters, export, tmp_path):
    (tmp_path / "t.jinja").write_text("{{ messages[0].content }}!")
    export("gguf", tmp_path / "m.gguf", "--chat-template", tmp_path / "t.jinja", "--type", "q8_0",
           adapter=[adapters["one"][0]])
    old, new = read(base[0]).fields, read(tmp_path / "m.gguf").fields
    value = {key: field.contents() for key, field in new.items() if not key.startswith("GGUF.")}
    assert value["general.name"] == "tiny one"
    assert value["general.base_model.count"] == 1 and value["general.base_model.0.name"] == "tiny"
    assert value["general.file_type"] == 7 and value["general.quantized_by"] == "graft"
    assert value["tokenizer.chat_template"] == "{{ messages[0].content }}!"
    assert value["graft.base_sha256"] == sha256(base[0])
    changed = {"general.name", "general.file_type", "tokenizer.chat_template"}
    for key, field in old.items():
        if not key.startswith("GGUF.") and key not in changed:
            assert value[key] == field.contents(), key


@pytest.fixture(scope="module")
def quantised(base, graft, tmp_path_factory):
    """The base in other types."""
    folder, made = tmp_path_factory.mktemp("quantised"), {}

    def get(kind):
        if kind not in made:
            made[kind] = folder / f"{kind}.gguf"
            graft("quantize", base[0], made[kind], "--type", kind)
        return made[kind]

    return get


@pytest.fixture(scope="module")
def unbound(adapters, runtime, tmp_path_factory):
    """The first adapter without a word about its base."""
    path = tmp_path_factory.mktemp("unbound") / "one.gguf"
    runtime.ggutil.write_adapter(str(path), adapters["one"][1], 8.0)
    return path


def ggml_blocks(runtime, kind, rows):
    """What ggml's quantisers make of the rows."""
    import ctypes
    import gguf
    chunk = runtime.llamart.L.ggml_quantize_chunk
    chunk.restype, size = ctypes.c_size_t, gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros(rows.size // size[0] * size[1], np.uint8)
    rows = np.ascontiguousarray(rows, np.float32)
    chunk(ctypes.c_int(kind), ctypes.c_void_p(rows.ctypes.data), ctypes.c_void_p(out.ctypes.data),
          ctypes.c_int64(0), ctypes.c_int64(rows.shape[0]), ctypes.c_int64(rows.shape[1]), None)
    return out.tobytes()


@pytest.mark.parametrize("kind", ["q4_1", "q4_k_m", "q8_0", "bf16"])
def test_same_keeps_types_and_rounds_as_ggml(kind, quantised, adapters, unbound, export, runtime,
                                             graft, tmp_path):
    """Untouched tensors keep their bytes; adapted ones are ggml's blocks of W + scale B A, with W as it
    is dequantised. The report's figures are recomputed from both files."""
    import gguf
    source = quantised(kind)
    done = export("gguf", tmp_path / "m.gguf", "--json", adapter=[unbound], model=source)
    export("gguf", tmp_path / "f32.gguf", "--type", "f32", adapter=[unbound], model=source)
    rows = {r["name"]: r for r in json.loads(done.stdout)["survival"]["tensors"]}
    old = {t.name: t for t in read(source).tensors}
    new = {t.name: t for t in read(tmp_path / "m.gguf").tensors}
    plain = {t.name: np.array(t.data) for t in read(tmp_path / "f32.gguf").tensors}
    assert list(new) == list(old)
    pairs, scale = adapters["one"][1:]
    weights = runtime.ggutil.load(str(source))[1]
    merged = runtime.ggutil.merge(weights, pairs, scale)
    for name, tensor in new.items():
        assert tensor.tensor_type == old[name].tensor_type
        if name not in pairs:
            assert tensor.data.tobytes() == old[name].data.tobytes(), name
            continue
        assert np.abs(plain[name] - merged[name]).max() <= 1e-6
        assert tensor.data.tobytes() == ggml_blocks(runtime, tensor.tensor_type, plain[name]), name
        result = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
        delta = scale * pairs[name][1].astype(np.float64) @ pairs[name][0].astype(np.float64)
        error = result - (weights[name] + delta)
        kept = ((result - weights[name]) * delta).sum() / (delta * delta).sum()
        assert abs(rows[name]["error"] - np.linalg.norm(error)) <= 1e-3 * np.linalg.norm(error) + 1e-6
        assert abs(rows[name]["kept"] - kept) <= 1e-3


def test_another_type_is_quantize_of_the_merged_model(adapters, base, export, graft, runtime, tmp_path):
    """Merging into q4_k_m gives the tensors that quantising the merged f32 model gives, bit for bit."""
    export("gguf", tmp_path / "f32.gguf", adapter=[adapters["one"][0]])
    for kind in ("q4_k_m", "q4_0", "f16"):
        export("gguf", tmp_path / "m.gguf", "--type", kind, adapter=[adapters["one"][0]])
        graft("quantize", tmp_path / "f32.gguf", tmp_path / "q.gguf", "--type", kind)
        one, two = read(tmp_path / "m.gguf").tensors, read(tmp_path / "q.gguf").tensors
        assert [t.name for t in one] == [t.name for t in two]
        for a, b in zip(one, two):
            assert a.tensor_type == b.tensor_type and a.data.tobytes() == b.data.tobytes(), a.name


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "d.jsonl"
    path.write_text("".join(json.dumps({"messages": [
        {"role": "user", "content": f"How warm is it in town {i}, and what of {i * i % 97} degrees?"},
        {"role": "assistant", "content": f"In town {i} it is {i * 7 % 40} degrees."}]}) + "\n"
        for i in range(60)))
    return path


@pytest.mark.parametrize("kind", ["same", "q4_0", "q4_k_m"])
def test_aware_rounding_gives_the_runtime_what_nearest_loses(kind, quantised, adapters, unbound,
                                                             export, runtime, examples, tmp_path):
    """Logits of llama.cpp on text like the examples, beside those of the unrounded merge; the change is
    small beside the steps of the base."""
    source = quantised("q4_1")
    pairs = {n: (a, b * 0.2) for n, (a, b) in adapters["one"][1].items()}
    runtime.ggutil.write_adapter(str(tmp_path / "small.gguf"), pairs, 8.0)
    ids, errors = None, {}
    for name, words in (("f32", ["--type", "f32"]), ("nearest", ["--rounding", "nearest"]),
                        ("aware", ["--data", examples])):
        words += [] if name == "f32" else ["--type", kind]
        export("gguf", tmp_path / f"{name}.gguf", "--chat-template", "builtin", "--force", *words,
               adapter=[tmp_path / "small.gguf"], model=source)
        model = runtime.llamart.Model(tmp_path / f"{name}.gguf", check_tensors=True)
        ids = ids or model.tokenize("How warm is it in town 77, and what of 12 degrees?")
        errors[name] = model.logits(ids).astype(np.float64)
        model.close()
    nearest, aware = (np.square(errors[n] - errors["f32"]).mean() for n in ("nearest", "aware"))
    assert aware < 0.6 * nearest, (nearest, aware)
    fields = read(tmp_path / "aware.gguf").fields
    assert fields["graft.rounding"].contents() == "aware"
    assert re.fullmatch(r"\d+ tokens of d.jsonl", fields["graft.rounding_data"].contents())
    assert read(tmp_path / "nearest.gguf").fields["graft.rounding"].contents() == "nearest"
    report = json.loads((tmp_path / "aware.gguf.survival.json").read_text())
    assert report["rounding"] == "aware" and len(report["tensors"]) == 14
    assert 0 < report["outputs"]["error"] and report["outputs"]["kept"] > report["kept"] - 0.5
    assert "outputs" not in json.loads((tmp_path / "nearest.gguf.survival.json").read_text())


def test_aware_files_are_the_same_again_and_at_any_number_of_threads(quantised, unbound, export,
                                                                     examples, tmp_path):
    hashes = set()
    for threads in (1, 3):
        export("gguf", tmp_path / "m.gguf", "--chat-template", "builtin", "--force", "--data", examples,
               "--threads", threads, adapter=[unbound], model=quantised("q4_1"))
        hashes.add(sha256(tmp_path / "m.gguf"))
    assert len(hashes) == 1


def test_rounding_does_not_read_what_the_run_held_back(quantised, unbound, examples, export, graft,
                                                       tmp_path):
    """The examples of a run are those it was trained on: tensors as with these alone, others with all."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/adapter.gguf").write_bytes(unbound.read_bytes())
    graft("data", "split", examples, "--size", 25, "--by", "random", "--seed", 3, "--train_out",
          tmp_path / "train.jsonl", "--eval_out", tmp_path / "eval.jsonl")
    tensors = {}
    for name, config, words in (
            ("run", "val_set_size: 25\nval_split: random\nseed: 3\n", []),
            ("trained", "", ["--data", tmp_path / "train.jsonl"]), ("all", "", [])):
        (tmp_path / "run/config.yaml").write_text(f"dataset: {examples}\n{config}")
        export("gguf", tmp_path / "m.gguf", "--chat-template", "builtin", "--force", *words,
               adapter=[tmp_path / "run/adapter.gguf"], model=quantised("q4_1"))
        assert read(tmp_path / "m.gguf").fields["graft.rounding"].contents() == "aware"
        tensors[name] = [t.data.tobytes() for t in read(tmp_path / "m.gguf").tensors]
    assert tensors["run"] == tensors["trained"]
    assert tensors["all"] != tensors["run"]


def test_examples_of_the_run_are_found_beside_the_adapter(quantised, unbound, examples, export,
                                                          tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/adapter.gguf").write_bytes(unbound.read_bytes())
    (tmp_path / "run/config.yaml").write_text(f"dataset: {examples}\n")
    export("gguf", tmp_path / "m.gguf", "--chat-template", "builtin", "--force",
           adapter=[tmp_path / "run/adapter.gguf"], model=quantised("q4_1"))
    assert read(tmp_path / "m.gguf").fields["graft.rounding"].contents() == "aware"
    (tmp_path / "run/config.yaml").write_text("dataset: nowhere.jsonl\n")
    done = export("gguf", tmp_path / "m.gguf", "--chat-template", "builtin", "--force",
                  adapter=[tmp_path / "run/adapter.gguf"], model=quantised("q4_1"))
    assert "rounded to the nearest" in done.stderr and "nowhere.jsonl" in done.stderr
    assert read(tmp_path / "m.gguf").fields["graft.rounding"].contents() == "nearest"
    done = export("gguf", tmp_path / "n.gguf", "--rounding", "aware", "--chat-template", "builtin",
                  adapter=[tmp_path / "run/adapter.gguf"], model=quantised("q4_1"), status=None)
    assert done.returncode != 0 and "nowhere.jsonl" in done.stderr and not (tmp_path / "n.gguf").exists()


@pytest.mark.parametrize("command", ["export", "quantize"])
def test_a_size_is_reached_and_not_passed(command, base, adapters, export, graft, tmp_path):
    """No tensor could be raised any more, and a size that cannot be is refused with those that can."""
    def write(*words, status=0):
        out = tmp_path / "m.gguf"
        if command == "quantize":
            return graft("quantize", base[0], out, "--type", "q4_0", *words, status=status)
        return export("gguf", out, "--type", "q4_0", "--force", *words, adapter=[adapters["one"][0]],
                      status=status)

    done = write("--size", "100K", status=2)
    assert "cannot be reached" in done.stderr
    least, most = map(int, re.search(r"has (\d+) bytes at least, and (\d+) with", done.stderr).groups())
    write()
    assert abs((tmp_path / "m.gguf").stat().st_size - least) <= 64
    counts = []
    for share in (0.1, 0.5, 0.9):
        size = int(least + share * (most - least))
        write("--size", size)
        tensors = read(tmp_path / "m.gguf").tensors
        assert size * 0.99 - 8000 <= (tmp_path / "m.gguf").stat().st_size <= size
        counts.append(sum(t.tensor_type.name != "Q4_0" for t in tensors))
    assert counts == sorted(counts) and counts[-1] > counts[0]
    write("--size", most)
    assert write("--size", 2 * most, status=2).stderr.count("cannot be reached") == 1
    assert "no number of bytes" in write("--size", "big", status=2).stderr


def test_a_change_that_rounding_erases_is_refused(quantised, adapters, runtime, export, tmp_path):
    pairs = {n: (a, b * 1e-4) for n, (a, b) in adapters["one"][1].items()}
    runtime.ggutil.write_adapter(str(tmp_path / "small.gguf"), pairs, 8.0)
    done = export("gguf", tmp_path / "m.gguf", adapter=[tmp_path / "small.gguf"], status=1,
                  model=quantised("q8_0"))
    assert "most of the fine-tune is lost" in done.stderr and "nothing was written" in done.stderr
    assert re.search(r"^blk\.\d\.\w+\.weight +Q8_0 ", done.stdout, re.M), done.stdout
    assert not (tmp_path / "m.gguf").exists()
    export("gguf", tmp_path / "m.gguf", "--force", adapter=[tmp_path / "small.gguf"],
           model=quantised("q8_0"))
    report = json.loads((tmp_path / "m.gguf.survival.json").read_text())
    assert report["verdict"] == "lost" and report["kept"] < 0.5
    export("gguf", tmp_path / "f32.gguf", "--type", "f32", adapter=[tmp_path / "small.gguf"],
           model=quantised("q8_0"))


def test_peft_gives_the_same_logits(base, adapters, export, runtime, expected, tmp_path):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM
    export("peft", tmp_path / "peft", adapter=[adapters["one"][0]])
    model = AutoModelForCausalLM.from_pretrained(base[0].parent, gguf_file=base[0].name,
                                                 dtype=torch.float32)
    model = PeftModel.from_pretrained(model, tmp_path / "peft").eval()
    with torch.no_grad():
        ours = model(torch.tensor([IDS])).logits[0].numpy()
    assert np.abs(ours - expected).max() <= 1e-4


def test_vllm_is_peft_with_a_template(base, adapters, export, tmp_path):
    for to in ("peft", "vllm"):
        export(to, tmp_path / to, adapter=[adapters["one"][0]])
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "peft" / name).read_bytes() == (tmp_path / "vllm" / name).read_bytes()
    template = read(base[0]).fields["tokenizer.chat_template"].contents()
    assert (tmp_path / "vllm/chat_template.jinja").read_text() == template
    assert "vllm serve" in (tmp_path / "vllm/README.md").read_text()


def test_mlx_names_shapes_and_product(base, adapters, export, runtime, tmp_path):
    """mlx-lm's layout, checked against its documented names (mlx_lm/tuner/lora.py: y + scale * (x A) B
    with lora_a (n_in, r), lora_b (r, n_out)); rows of q and k as Hugging Face has them."""
    from safetensors.numpy import load_file
    (one, pairs_one, scale_one), (two, pairs_two, scale_two) = adapters["one"], adapters["two"]
    export("mlx", tmp_path / "mlx", adapter=[one, two])
    tensors = load_file(tmp_path / "mlx/adapters.safetensors")
    config = json.loads((tmp_path / "mlx/adapter_config.json").read_text())
    assert config["fine_tune_type"] == "lora" and config["num_layers"] == -1
    lora = config["lora_parameters"]
    assert lora["rank"] == 7 and set(lora) == {"rank", "scale", "dropout", "keys"}
    assert set(lora["keys"]) == {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                 "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
                                 "mlp.down_proj"}
    names = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "ffn_down": "mlp.down_proj"}
    for part, module in names.items():
        name = f"blk.1.{part}.weight"
        wanted = scale_one * pairs_one[name][1].astype(np.float64) @ pairs_one[name][0]
        if name in pairs_two:
            wanted += scale_two * pairs_two[name][1].astype(np.float64) @ pairs_two[name][0]
        if part in ("attn_q", "attn_k"):
            heads = 4 if part == "attn_q" else 2
            wanted = wanted.reshape(heads, -1, 2, wanted.shape[1]).swapaxes(1, 2).reshape(wanted.shape)
        a = tensors[f"model.layers.1.{module}.lora_a"].astype(np.float64)
        b = tensors[f"model.layers.1.{module}.lora_b"].astype(np.float64)
        assert a.shape == (wanted.shape[1], 7) and b.shape == (7, wanted.shape[0])
        assert np.abs(lora["scale"] * (a @ b).T - wanted).max() <= 1e-6 * np.abs(wanted).max()


def test_localai_and_lmstudio_layouts(adapters, export, tmp_path):
    """Keys of LocalAI's reference of model configuration; LM Studio's PUBLISHER/MODEL/FILE.gguf."""
    import yaml
    export("localai", tmp_path / "l", "--type", "q8_0", adapter=[adapters["one"][0]])
    config = yaml.safe_load((tmp_path / "l/tiny-one.yaml").read_text())
    assert config["name"] == "tiny-one" and config["backend"] == "llama-cpp"
    assert (tmp_path / "l" / config["parameters"]["model"]).exists()
    assert config["template"] == {"use_tokenizer_template": True}
    assert "<|im_end|>" in config["stopwords"] and config["context_size"] == 4096
    assert config["function"]["grammar"] == {"disable": True}
    export("lmstudio", tmp_path / "s", adapter=[adapters["one"][0]])
    assert [p.relative_to(tmp_path / "s").as_posix() for p in (tmp_path / "s").rglob("*.gguf")] == [
        "graft/tiny-one/tiny-one.gguf"]


def test_the_same_inputs_give_the_same_bytes(base, adapters, export, graft, tmp_path):
    def content(folder):
        return {p.relative_to(folder).as_posix(): p.read_bytes()
                for p in sorted(folder.rglob("*")) if p.is_file()}

    both = [adapters["one"][0], f"{adapters['two'][0]}:0.5"]
    for to in ("ollama", "peft", "mlx", "localai", "lmstudio", "vllm"):
        for i, threads in enumerate((1, 2)):
            export(to, tmp_path / f"{to}{i}", "--threads", threads, adapter=both)
        assert content(tmp_path / f"{to}0") == content(tmp_path / f"{to}1"), to
        listed = json.loads((tmp_path / f"{to}0/graft.json").read_text())["sha256"]
        found = {name: hashlib.sha256(data).hexdigest()
                 for name, data in content(tmp_path / f"{to}0").items() if name != "graft.json"}
        assert listed == found
    export("ollama", tmp_path / "ollama0", adapter=both)  # an earlier export is replaced
    assert content(tmp_path / "ollama0") == content(tmp_path / "ollama1")
    assert not [p for p in tmp_path.iterdir() if "tmp-" in p.name or "old-" in p.name]


def test_adapters_of_another_base_are_refused(base, adapters, export, tmp_path):
    other = tmp_path / "other.gguf"
    data = bytearray(base[0].read_bytes())
    data[-1] ^= 1  # one bit of one weight
    other.write_bytes(data)
    done = export("gguf", tmp_path / "m.gguf", adapter=[adapters["one"][0]], model=other, status=6)
    for word in ("one.gguf was trained on", sha256(base[0])[:12], "other.gguf", sha256(other)[:12]):
        assert word in done.stderr
    export("peft", tmp_path / "p", adapter=[adapters["one"][0]])
    done = export("gguf", tmp_path / "m.gguf", adapter=[tmp_path / "p"], model=other, status=6)
    assert "was trained on" in done.stderr  # the PEFT folder remembers it, too
    assert not (tmp_path / "m.gguf").exists()
    export("gguf", tmp_path / "m.gguf", "--force", adapter=[adapters["one"][0]], model=other)


def test_adapters_of_tied_embeddings_are_refused_with_the_reason(base, export, runtime, tmp_path):
    tied = tmp_path / "tied.gguf"
    tensors = {n: t for n, t in base[1].items() if n != "output.weight"}
    runtime.ggutil.write_like(read(base[0]), tensors, str(tied))
    for name, reason in (("token_embd.weight", "are the output as well, and llama.cpp aborts"),
                         ("output.weight", "its output is tied to the embeddings")):
        shape = tensors["token_embd.weight"].shape
        pair = np.ones((2, shape[1]), np.float32), np.ones((shape[0], 2), np.float32)
        runtime.ggutil.write_adapter(str(tmp_path / "a.gguf"), {name: pair}, 4.0)
        for to in ("adapter", "gguf"):
            done = export(to, tmp_path / "out", adapter=[tmp_path / "a.gguf"], model=tied, status=6)
            assert reason in done.stderr and not (tmp_path / "out").exists()


def test_the_proof_is_what_the_runtime_finds(base, adapters, export, graft, runtime, jsonl, copy_model,
                                             tmp_path):
    """KL and loss of --prove against llama.cpp's logits of base and adapter, and of the merged file's
    dequantised numbers."""
    words = ["dataset", "loss", "adapter", "weights", "model"]
    path = jsonl("held.jsonl", [{"messages": [{"role": "user", "content": f"Say {a} and {b}."},
                                              {"role": "assistant", "content": f"{a}, {b}!"}]}
                                for a in words for b in words[:2]])
    done = export("gguf", tmp_path / "m.gguf", "--type", "q4_0", "--prove", path, "--compute", "f32",
                  "--max_new_tokens", 4, "--json", adapter=[adapters["one"][0]])
    proof = json.loads(done.stdout)["proof"]
    reader, tensors = runtime.ggutil.load(str(tmp_path / "m.gguf"))
    copy_model(tmp_path / "m.gguf", tmp_path / "plain.gguf", tensors)
    scores = [json.loads(line) for line in graft(
        "score", path, "--base", base[0], "--json").stdout.splitlines()]
    one, two = runtime.llamart.Model(base[0]), runtime.llamart.Model(tmp_path / "plain.gguf")
    handle = one.adapter(adapters["one"][0])

    def log_softmax(logits):
        shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    kl, agreeing, losses = [], [], []
    for score in scores:
        rows = [i - 1 for i, w in enumerate(score["weights"]) if w > 0 and i > 0]
        p = log_softmax(one.logits(score["ids"], [(handle, 1.0)]))[rows]
        q = log_softmax(two.logits(score["ids"]))[rows]
        kl += list((np.exp(p) * (p - q)).sum(axis=1))
        agreeing += list(p.argmax(axis=1) == q.argmax(axis=1))
        losses += [-q[k, score["ids"][row + 1]] for k, row in enumerate(rows)]
    one.close(), two.close()
    assert proof["tokens"] == len(kl) > 50
    assert proof["kl"] == pytest.approx(np.mean(kl), rel=1e-3) and proof["kl"] > 1e-3
    assert proof["agreeing"] == pytest.approx(np.mean(agreeing), abs=0.03)
    assert proof["merged"]["after"]["loss_per_token"] == pytest.approx(np.mean(losses), rel=1e-3)
