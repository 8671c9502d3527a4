"""graft verify: sound things of all kinds are sound, and of what is broken the place is named."""
import json
import re
import shutil
import struct
import subprocess

import numpy as np
import pytest


@pytest.fixture(scope="module")
def base(root, tmp_path_factory):
    path = tmp_path_factory.mktemp("base") / "tiny.gguf"
    subprocess.run(["python3", root / "tests/cli/tiny_model.py", path], check=True)
    return path


@pytest.fixture(scope="module")
def finished(root, graft, base, tmp_path_factory):
    """A finished run with a small adapter and a token cache."""
    folder = tmp_path_factory.mktemp("finished")
    graft("train", "--base_model", base, "--dataset", root / "datasets/prompt-completion.jsonl",
          "--output_dir", folder / "run", "--max_steps", 2, "--batch_size", 2, "--lora_r", 1,
          "--lora_target_modules", "q_proj,v_proj", "--val_set_size", 2, "--eval_samples", 1,
          "--eval_max_new_tokens", 2, "--save_steps", 1, "--token_cache", folder / "cache")
    return folder


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished / "run", tmp_path / "run")


@pytest.fixture
def bad(graft):
    """bad(status, *arguments) -> the lines about what is not sound"""
    def verify(status, *arguments):
        done = graft("verify", *arguments, status=status)
        assert re.search(r"\d+ of \d+ objects? (is|are) not sound", done.stderr), done.stderr
        return [line for line in done.stdout.splitlines() if ": BAD: " in line]

    return verify


def one(lines):
    assert len(lines) == 1, lines
    return lines[0]


def flip(path, at, bit=0):
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


# --- what is sound ---

def test_a_finished_run_is_sound(graft, finished, base):
    done = graft("verify", finished / "run", "--base", base)
    lines = done.stdout.splitlines()
    assert all(": ok (" in line for line in lines) and len(lines) == 14, done.stdout
    assert "of this base, matches its digest" in done.stdout
    assert "finished, adapter.gguf and adapter_model.safetensors hold the same numbers" in lines[-1]
    said = json.loads(graft("verify", finished / "run", "--json").stdout)
    assert said["sound"] is True and len(said["objects"]) == 14
    assert {o["kind"] for o in said["objects"]} == {
        "digests", "adapter", "chat template", "settings", "evaluation", "metrics", "report", "log",
        "safetensors file", "PEFT adapter", "checkpoint", "run"}


def test_parts_of_it_alone(graft, finished, base):
    folder = finished / "run"
    for path in (*folder.glob("adapter*"), *folder.glob("eval*"), *folder.glob("checkpoints/*"), base,
                 folder / "metrics.jsonl", folder / "config.yaml", folder / "chat_template.jinja",
                 *(finished / "cache").iterdir()):
        if path.name != "adapter_config.json":
            assert graft("verify", path).stdout.startswith(f"{path}: ok (")


def test_bases_and_models_in_parts(bad, graft, base_model, small_model, copy_model, tmp_path):
    path, tensors = small_model
    copy_model(path, tmp_path / "m.gguf", tensors, split_max_tensors=5)
    parts = sorted(tmp_path.glob("m-*.gguf"))
    done = graft("verify", base_model, parts[1])
    assert "ok (model, 272 tensors)" in done.stdout
    assert f"ok (model, in {len(parts)} parts, {len(tensors)} tensors)" in done.stdout
    data = bytearray(parts[1].read_bytes())
    data[-4:] = struct.pack("<f", float("inf"))
    parts[1].write_bytes(data)
    line = one(bad(6, parts[0]))
    assert f'tensor "{parts[1]}: blk.0.' in line and line.endswith(f"at byte {len(data) - 4})"), line


def test_what_sha256sum_says(finished):
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=finished / "run", capture_output=True)
    assert done.returncode == 0 and done.stdout.count(b": OK") == 9


def test_importance_matrix(graft, bad, base, root, tmp_path):
    path = tmp_path / "imatrix.gguf"
    graft("imatrix", root / "datasets/text.jsonl", "--base", base, "--out", path)
    assert "ok (importance matrix" in graft("verify", path).stdout
    import gguf
    t = gguf.GGUFReader(str(path)).tensors[3]
    data = bytearray(path.read_bytes())
    data[int(t.data_offset):int(t.data_offset) + 4] = struct.pack("<f", float("nan"))
    path.write_bytes(data)
    assert f'tensor "{t.name}": number 0 of row 0 is not finite' in bad(6, path)[0]


# --- one changed byte ---

def flips(path, graft_binary, folder, places=None):
    """The places where a flipped bit is not reported, of all bytes of the file."""
    data = bytearray(path.read_bytes())
    missed = []
    places = list(places if places is not None else range(len(data)))
    for begin in range(0, len(places), 250):
        part = {}
        for at in places[begin:begin + 250]:
            data[at] ^= 1 << (at % 8)
            name = folder / f"{at}{path.suffix}"
            name.write_bytes(data)
            data[at] ^= 1 << (at % 8)
            part[str(name)] = at
        done = subprocess.run([graft_binary, "verify", *part], capture_output=True, text=True)
        assert done.returncode in (0, 2, 5, 6, 7), done.stderr
        found = set(line.split(": BAD: ")[0] for line in done.stdout.splitlines() if ": BAD: " in line)
        missed += [at for name, at in part.items() if name not in found]
        for name in folder.iterdir():
            name.unlink()
    return missed


@pytest.fixture
def binary(driver):
    return driver("../../graft")


def test_every_byte_of_an_adapter_counts(finished, binary, tmp_path):
    assert flips(finished / "run/adapter.gguf", binary, tmp_path) == []


def test_every_byte_of_a_small_checkpoint_counts(finished, binary, tmp_path):
    path = finished / "run/checkpoints/step-2.h5"
    size = path.stat().st_size
    assert flips(path, binary, tmp_path, range(0, size, 3)) == []


def test_bytes_of_safetensors_alone_and_beside_the_rest(finished, run, binary, graft, tmp_path):
    """Alone only its structure is covered, and numbers that are not finite; beside its twin and
    SHA256SUMS every byte is."""
    path = run / "adapter_model.safetensors"
    data = path.read_bytes()
    header = 8 + struct.unpack("<Q", data[:8])[0]
    folder = tmp_path / "flips"
    folder.mkdir()
    missed = flips(path, binary, folder)
    named = [at for at in missed if at < header]
    # what is missed of the header is a letter of a name, which no other file knows
    spelled = {m for q in re.finditer(rb'"(?:[^"\\]|\\.)*"', data[:header]) for m in range(*q.span())}
    assert set(named) <= spelled and len([at for at in missed if at >= header]) > 200
    for at in missed[::max(1, len(missed) // 40)]:
        flip(path, at, at % 8)
        done = graft("verify", run, status=None)
        assert done.returncode == 6 and "SHA256SUMS: BAD: " in done.stdout, at
        if at >= header:
            assert re.search(r"run: BAD: adapter_model.safetensors: row \d+ of blk\.\d\.attn_[qv]\.weight"
                             r"\.lora_[ab] in .*adapter.gguf is not that of", done.stdout.replace(
                                 str(run) + "/adapter_model", "adapter_model")), done.stdout
        path.write_bytes(data)


def test_every_file_of_a_run_is_covered(finished, run, graft):
    """SHA256SUMS finds a byte in any file that it lists; a run without it is still checked as far as its
    parts go."""
    for path in sorted(run.iterdir()):
        if path.name in ("SHA256SUMS", "checkpoints", "run.log", ".lock"):
            continue
        data = path.read_bytes()
        for at in (0, len(data) // 2, len(data) - 1):
            flip(path, at, 1)
            done = graft("verify", run, status=None)
            assert done.returncode != 0
            assert re.search(rf"SHA256SUMS: BAD: .*{re.escape(path.name)}", done.stdout), (path, at)
            path.write_bytes(data)
    (run / "SHA256SUMS").unlink()
    assert "not finished" in graft("verify", run).stdout


# --- models ---

def patched(base, tmp_path, name, index, value):
    import gguf
    t = next(t for t in gguf.GGUFReader(str(base)).tensors if t.name == name)
    data = bytearray(base.read_bytes())
    at = int(t.data_offset) + index * len(value)
    data[at:at + len(value)] = value
    path = tmp_path / "patched.gguf"
    path.write_bytes(data)
    return path, at


def test_a_number_that_is_none_is_named(bad, base, tmp_path):
    path, at = patched(base, tmp_path, "blk.1.ffn_up.weight", 32 * 5 + 7, struct.pack("<f", float("nan")))
    assert one(bad(6, path)).endswith(f'tensor "blk.1.ffn_up.weight": number 7 of row 5 is not finite '
                                      f'(F32 at byte {at})')


@pytest.mark.parametrize("kind", ["Q4_0", "Q8_0", "Q4_K", "Q6_K", "IQ4_XS", "BF16", "F16"])
def test_a_scale_that_is_none_is_named(bad, graft, small_model, copy_model, tmp_path, kind):
    import gguf
    path, tensors = small_model
    kind_number = gguf.GGMLQuantizationType[kind]
    whole, broken = tmp_path / "whole.gguf", tmp_path / "broken.gguf"
    graft("quantize", path, whole, "--type", kind.lower() if kind in ("BF16", "F16") else
          {"Q4_K": "q4_k_s", "IQ4_XS": "iq4_xs"}.get(kind, kind.lower()))
    reader = gguf.GGUFReader(str(whole))
    t = [t for t in reader.tensors if t.tensor_type == kind_number and len(t.shape) == 2][-1]
    block, size = gguf.GGML_QUANT_SIZES[kind_number]
    row = int(t.shape[0]) // block * size
    assert "ok (model" in graft("verify", whole).stdout
    data = bytearray(whole.read_bytes())
    scale = size - 2 if kind == "Q6_K" else 0
    at = int(t.data_offset) + 3 * row + (size if block > 1 and row > size else 0)
    data[at + scale:at + scale + 2] = {"BF16": b"\x80\x7f"}.get(kind, b"\x00\x7c")
    broken.write_bytes(data)
    line = one(bad(6, broken))
    assert f'tensor "{t.name}": number ' in line and "of row 3 is not finite" in line
    assert line.endswith(f"at byte {at})")


def test_structure_tokenizer_and_shapes(bad, base, tmp_path):
    data = base.read_bytes()
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(data[:-32])
    assert "beyond the end" in one(bad(6, cut)) or "bytes" in one(bad(6, cut))
    other = tmp_path / "merge.gguf"
    other.write_bytes(data.replace(b"h e", b"h \x01", 1))
    assert "merge" in one(bad(6, other))
    heads = tmp_path / "heads.gguf"
    at = data.index(b"llama.attention.head_count_kv") + len(b"llama.attention.head_count_kv") + 4
    heads.write_bytes(data[:at] + struct.pack("<I", 3) + data[at + 4:])
    assert bad(6, heads)


def test_parts_of_a_model(bad, root, tmp_path):
    subprocess.run(["python3", root / "tests/bad/make_gguf.py", tmp_path], check=True)
    part = tmp_path / "whole-00001-of-00002.gguf"
    (tmp_path / "whole-00002-of-00002.gguf").unlink()
    assert "whole-00002-of-00002.gguf" in one(bad(8, part))


# --- adapters ---

def test_an_adapter_of_another_base(bad, base, finished, tmp_path):
    other = tmp_path / "other.gguf"
    data = bytearray(base.read_bytes())
    data[-1] ^= 1
    other.write_bytes(data)
    line = one(bad(6, finished / "run/adapter.gguf", "--base", other))
    assert "was trained on another base" in line and str(other) in line
    assert "cannot open" in bad(8, finished / "run/adapter.gguf", "--base", tmp_path / "none.gguf")[0]


def adapter(path, tensors, alpha=2.0):
    import gguf
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, shape in tensors.items():
        writer.add_tensor(name, np.zeros(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_adapters_that_do_not_pair_up(bad, graft, base, tmp_path):
    q = "blk.0.attn_q.weight"
    good = adapter(tmp_path / "good.gguf", {f"{q}.lora_a": (2, 32), f"{q}.lora_b": (32, 2)})
    assert "does not say of which base it is" in graft("verify", good, "--base", base).stdout
    alone = adapter(tmp_path / "alone.gguf", {f"{q}.lora_a": (2, 32)})
    assert f'tensor "{q}.lora_a" is there without "{q}.lora_b"' in one(bad(6, alone))
    ranks = adapter(tmp_path / "ranks.gguf", {f"{q}.lora_a": (2, 32), f"{q}.lora_b": (32, 3)})
    assert "are no pair: ranks 2 and 3" in one(bad(6, ranks))
    shape = adapter(tmp_path / "shape.gguf", {f"{q}.lora_a": (2, 16), f"{q}.lora_b": (32, 2)})
    assert "A is 2 x 16, but the base is 32 x 32" in one(bad(6, shape, "--base", base))
    stray = adapter(tmp_path / "stray.gguf", {f"{q}.lora_a": (2, 32), f"{q}.lora_b": (32, 2),
                                              "magnitude": (32,)})
    assert 'tensor "magnitude" is neither .lora_a nor .lora_b' in one(bad(6, stray))


def test_peft_folders(bad, graft, finished, base, tmp_path):
    from safetensors.numpy import load_file, save_file
    folder = tmp_path / "peft"
    folder.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(finished / "run" / name, folder)
    assert "ok (PEFT adapter" in graft("verify", folder, "--base", base).stdout
    tensors = load_file(folder / "adapter_model.safetensors")
    first = sorted(tensors)[0]
    save_file({k: v for k, v in tensors.items() if k != first.replace("lora_A", "lora_B")},
              folder / "adapter_model.safetensors")
    assert "is there without" in one(bad(6, folder))
    save_file({**tensors, first: np.full_like(tensors[first], np.inf)},
              folder / "adapter_model.safetensors")
    assert "number 0 of row 0 is not finite" in bad(6, folder)[0]
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"r": 0, "lora_alpha": 16}')
    assert "r and lora_alpha are not both positive" in one(bad(6, folder))
    (folder / "adapter_config.json").write_text('{"r": ')
    assert "adapter_config.json: " in one(bad(6, folder))


def test_hugging_face_folders(bad, graft, root, tmp_path):
    subprocess.run(["python3", root / "tests/bad/make_hf.py", tmp_path], check=True)
    valid = tmp_path / "valid"
    assert "ok (Hugging Face folder" in graft("verify", valid).stdout
    path = valid / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-4] + struct.pack("<f", float("nan")))
    assert re.search(r"number \d+ of row \d+ is not finite \(\w+ at byte \d+\)", one(bad(6, valid)))


# --- runs ---

def test_what_is_missing_from_a_run(bad, run):
    (run / "chat_template.jinja").unlink()
    lines = bad(8, run)
    assert any("SHA256SUMS: BAD: " in x and "chat_template.jinja: cannot open" in x for x in lines)
    assert any(x.endswith("chat_template.jinja is missing") for x in lines)
    (run / "SHA256SUMS").unlink()
    (run / "adapter.gguf").unlink()
    (run / "adapter_model.safetensors").unlink()
    shutil.rmtree(run / "checkpoints")
    assert any("neither an adapter nor a checkpoint" in x for x in bad(8, run))


def test_a_checkpoint_of_another_run(bad, run, graft, root, base, tmp_path):
    graft("train", "--base_model", base, "--dataset", root / "datasets/prompt-completion.jsonl",
          "--output_dir", tmp_path / "other", "--max_steps", 2, "--batch_size", 2, "--lora_r", 2,
          "--learning_rate", "0.5")
    shutil.copy(tmp_path / "other/checkpoints/step-2.h5", run / "checkpoints/step-2.h5")
    lines = bad(7, run)
    assert any('belongs to another run: learning_rate is "0.5", and "0.0002" in config.yaml' in x
               for x in lines), lines


def test_an_adapter_that_does_not_fit_its_twin(bad, run, finished, graft, root, base, tmp_path):
    graft("train", "--base_model", base, "--dataset", root / "datasets/prompt-completion.jsonl",
          "--output_dir", tmp_path / "other", "--max_steps", 1, "--batch_size", 2, "--lora_r", 1,
          "--lora_target_modules", "q_proj,v_proj")
    shutil.copy(tmp_path / "other/adapter.gguf", run / "adapter.gguf")
    (run / "SHA256SUMS").unlink()
    assert "one of the two files is damaged" in one(bad(6, run))


def test_metrics_and_evaluations(bad, run, tmp_path):
    metrics = (run / "metrics.jsonl").read_text(encoding="utf-8")
    path = tmp_path / "metrics.jsonl"
    path.write_text(metrics[:-9])
    assert one(bad(5, path)).split(": BAD: ")[1].startswith("line 4: at byte ")
    path.write_text(re.sub(r'"loss":[^,]*', '"loss":null', metrics))
    assert "loss of step 1 is no number" in one(bad(5, path))
    lines = metrics.splitlines(keepends=True)
    path.write_text("".join(lines + lines[1:2]))
    assert "step 1 comes after step 2" in one(bad(5, path))
    path.write_text('{"step": 1}\n')
    assert 'line 1: has no "event"' in one(bad(5, path))
    scores = tmp_path / "eval-after.json"
    report = json.loads((run / "eval-after.json").read_text())
    name = next(n for n, v in report["items"][0]["verdicts"].items() if v is not None)
    report["items"][0]["verdicts"][name] = not report["items"][0]["verdicts"][name]
    scores.write_text(json.dumps(report))
    assert f"scores: {name} is said to be" in one(bad(5, scores))
    scores.write_text("{}")
    assert "has no items: not the result of an evaluation" in one(bad(5, scores))


def test_settings_template_page_and_log(bad, run, tmp_path):
    cases = {"config.yaml": ("lora_r: none\n", 2, "lora_r"), "x.jinja": ("{% for %}", 6, "x.jinja:1"),
             "report.html": ("<html>", 5, "is cut off"), "run.log": ("torn", 5, "is cut off")}
    for name, (content, status, message) in cases.items():
        (tmp_path / name).write_text(content)
        assert message in one(bad(status, tmp_path / name)), name


def test_token_caches(bad, finished, tmp_path):
    path = tmp_path / "train.h5"
    shutil.copy(finished / "cache/train.h5", path)
    flip(path, 1000)
    assert "its digest does not match" in one(bad(7, path))


def test_names_from_files_cannot_steer_the_terminal(bad, tmp_path):
    path = adapter(tmp_path / "evil.gguf", {"\x1b[2Jx": (2, 32)})
    assert "\\x1b[2Jx" in one(bad(6, path))
