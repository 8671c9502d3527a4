"""What graft promises not to do, watched from outside: a preloaded library writes down network calls,
programs that are started, and every file that is opened for writing, changed or removed."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

from conftest import OUT, ROOT, existing

WATCHED = {"socket", "connect", "execve", "system", "popen", "fork"}


@pytest.fixture(scope="module")
def witness(tmp_path_factory):
    """Runs graft; returns what the library saw: [(call, argument)]."""
    folder = tmp_path_factory.mktemp("witness")
    library, binary = folder / "witness.so", existing(OUT / "graft", "make")
    if subprocess.run(["nm", "-D", binary], capture_output=True, text=True).stdout.find("__asan") >= 0:
        pytest.skip("a sanitizer build cannot be preloaded")
    subprocess.run([os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O1", "-o", library,
                    ROOT / "tests/oracle/guard/witness.c", "-ldl"], check=True)

    def run(*arguments, status=0):
        seen = folder / "seen.txt"
        seen.write_text("")
        done = subprocess.run([binary, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True,
                              errors="replace", env=dict(os.environ, LD_PRELOAD=str(library), WITNESS=str(seen)))
        assert done.returncode == status, done.stderr
        return [tuple(line.split(" ", 1)) for line in seen.read_text().splitlines()]

    return run


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.gguf"
    subprocess.run([sys.executable, ROOT / "tests/cli/tiny_model.py", path], check=True)
    return path


def written(seen):
    return {str((ROOT / path).resolve()) for call, path in seen
            if call == "write" and not path.startswith(("/dev/", "/proc/"))}


def assert_inside(seen, *folders):
    assert not [line for line in seen if line[0] in WATCHED], seen
    outside = [path for path in written(seen) if not any(path.startswith(f"{f}/") for f in folders)]
    assert not outside, outside
    made = {str((ROOT / path).resolve()) for call, path in seen if call == "mkdir"}
    new = [path for path in made if not any(str(f).startswith(path) or path.startswith(str(f)) for f in folders)]
    assert not new, new


def test_the_witness_sees(tmp_path, witness):
    """It would tell: a command that writes is seen to write."""
    seen = witness("data", "convert", "datasets/canonical.jsonl", "--to", "sharegpt", "--out", tmp_path / "o.jsonl",
                   "--skip-bad")
    assert any(path.startswith(str(tmp_path)) for path in written(seen))
    assert_inside(seen, tmp_path)


def test_training_writes_only_inside_its_folders(tmp_path, witness, tiny):
    run, cache = tmp_path / "run", tmp_path / "cache"
    seen = witness("train", "--base_model", tiny, "--dataset", "datasets/canonical.jsonl", "--val_set_size", 2,
                   "--max_steps", 2, "--batch_size", 2, "--eval_max_new_tokens", 2, "--output_dir", run,
                   "--token_cache", cache)
    assert any(path.endswith("adapter_model.safetensors") or "adapter_model" in path for path in written(seen))
    assert_inside(seen, run, cache)


@pytest.mark.parametrize("arguments", [
    ("eval", "datasets/canonical.jsonl", "--base", "TINY", "--samples", "1", "--max_new_tokens", "2"),
    ("generate", "--base", "TINY", "--prompt", "hi", "--max_new_tokens", "2"),
    ("inspect", "TINY"),
    ("data", "check", "datasets/canonical.jsonl"),
    ("tokenize", "--base", "TINY", "hello"),
    ("version",),
])
def test_what_only_reads_writes_nothing(witness, tiny, arguments):
    seen = witness(*[tiny if word == "TINY" else word for word in arguments])
    assert not [line for line in seen if line[0] in WATCHED], seen
    assert not written(seen)


def test_quantising_writes_one_file(tmp_path, witness, tiny):
    out = tmp_path / "q.gguf"
    seen = witness("quantize", tiny, out, "--type", "q8_0")
    assert_inside(seen, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["q.gguf"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny):
    folder = tmp_path_factory.mktemp("trained") / "run"
    subprocess.run([OUT / "graft", "train", "-q", "--base_model", tiny, "--dataset",
                    ROOT / "datasets/prompt-completion.jsonl", "--max_steps", "1", "--lora_r", "2",
                    "--output_dir", folder], check=True, capture_output=True)
    return folder


def artefacts():
    """Every one that there is."""
    shown = subprocess.run([existing(OUT / "graft", "make"), "export", "--help"], capture_output=True,
                           text=True, check=True).stdout
    names = ["adapter", "peft", "vllm", "mlx", "gguf", "ollama", "lmstudio", "localai", "hf"]
    assert all(re.search(rf"^ *{name} ", shown, re.M) for name in names)
    return names


@pytest.mark.parametrize("to", ["adapter", "peft", "vllm", "mlx", "gguf", "ollama", "lmstudio", "localai", "hf"])
def test_exports_write_only_what_was_named(to, tmp_path, witness, tiny, trained):
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*")}
    out = tmp_path / "there" / f"{to}.out"
    out.parent.mkdir()
    assert to in artefacts()
    seen = witness("export", "-q", "--base", tiny, "--adapter", trained, "--to", to, "--out", out)
    assert_inside(seen, out.parent)
    beside = {f"{to}.out.survival.json"} if to == "gguf" else set()
    assert {path.name for path in out.parent.iterdir()} == {out.name} | beside
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*")} == before


@pytest.mark.parametrize("arguments", [
    ("verify", "RUN", "TINY", "--base", "TINY"),
    ("verify", "RUN/checkpoints/step-1.h5", "RUN/adapter.gguf", "RUN/config.yaml"),
    ("inspect", "RUN"),
    ("plan", "--base_model", "TINY", "--dataset", "datasets/prompt-completion.jsonl", "--output_dir", "RUN/new"),
    ("score", "datasets/prompt-completion.jsonl", "--base", "TINY"),
])
def test_what_looks_at_runs_writes_nothing(arguments, witness, tiny, trained):
    names = {"TINY": str(tiny), "RUN": str(trained)}
    seen = witness(*[str(pathlib.Path(names[word.split("/")[0]], *word.split("/")[1:]))
                     if word.split("/")[0] in names else word for word in arguments])
    assert not [line for line in seen if line[0] in WATCHED], seen
    assert not written(seen)
    assert not [line for line in seen if line[0] == "mkdir"], seen


def test_converting_and_weighing_write_one_file(tmp_path, witness, tiny):
    hf = tmp_path / "hf"
    subprocess.run([sys.executable, ROOT / "tests/bad/make_hf.py", hf], check=True)
    out = tmp_path / "out"
    out.mkdir()
    for arguments in (("quantize", hf / "valid", out / "c.gguf", "--type", "f16"),
                      ("imatrix", "datasets/prompt-completion.jsonl", "--base", tiny, "--out", out / "i.gguf",
                       "--examples", 2),
                      ("quantize", tiny, out / "q.gguf", "--type", "q4_0", "--imatrix", out / "i.gguf")):
        assert_inside(witness(*arguments), out)
    assert {path.name for path in out.iterdir()} == {"c.gguf", "i.gguf", "q.gguf"}
