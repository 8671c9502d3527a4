"""A model in several files, as gguf-py writes it: what the one file is, for graft as for llama.cpp."""
import hashlib
import json
import subprocess

import gguf
import numpy as np
import pytest


@pytest.fixture(params=[dict(split_max_tensors=4), dict(split_max_size=700000),
                        dict(split_max_tensors=5, small_first_shard=True)],
                ids=["by-tensors", "by-size", "keys-first"])
def parts(request, tmp_path, small_model, copy_model):
    """(the model in one file, its parts)"""
    whole, tensors = small_model
    copy_model(whole, tmp_path / "split.gguf", tensors, **request.param)
    found = sorted(tmp_path.glob("split-*.gguf"))
    assert len(found) > 2
    return whole, found


def logits(driver, tmp_path, model, ids):
    subprocess.run([driver("logits"), model, "-", tmp_path / "logits.bin", *map(str, ids)],
                   check=True)
    return np.fromfile(tmp_path / "logits.bin", np.float32)


def test_parts_are_the_model(driver, graft, tmp_path, runtime, parts):
    whole, files = parts
    model = runtime.llamart.Model(files[0])
    text = "What is 17 times 3?"
    ids = model.tokenize(text)
    assert np.array_equal(model.logits(ids), runtime.llamart.Model(whole).logits(ids))
    expected = logits(driver, tmp_path, whole, ids)
    for file in files[0], files[-1]:
        assert np.array_equal(logits(driver, tmp_path, file, ids), expected)
        tokens = graft("tokenize", "--base", file, "--json", text)
        assert json.loads(tokens.stdout)["ids"] == ids
        shown = json.loads(graft("inspect", "--json", file).stdout)
        one = json.loads(graft("inspect", "--json", whole).stdout)
        assert [p["name"] for p in shown["parts"]] == [f.name for f in files]
        assert shown["bytes"] == sum(f.stat().st_size for f in files)
        assert shown["trainable"] and "parts" not in one
        assert [shown[k] for k in ("tensors", "parameters", "formats")] \
            == [one[k] for k in ("tensors", "parameters", "formats")]


def test_what_is_missing_is_said_as_in_llama_cpp(graft, runtime, parts):
    _, files = parts
    files[1].unlink()
    with pytest.raises(runtime.llamart.LoadError):
        runtime.llamart.Model(files[0])
    said = graft("tokenize", "--base", files[0], "x", status=8).stderr
    assert f"1 of {len(files)} parts of the model is missing: {files[1]}" in said


def test_quantised_they_are_the_same_file(graft, tmp_path, parts):
    whole, files = parts
    made = []
    for i, source in enumerate([whole, files[0], files[-1]]):
        graft("quantize", source, tmp_path / f"{i}.gguf", "--type", "q8_0")
        made.append((tmp_path / f"{i}.gguf").read_bytes())
    assert made[0] == made[1] == made[2]


def test_runs_belong_to_all_parts(graft, root, tmp_path, parts):
    _, files = parts
    sha = hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()
    run = ["train", "--base_model", files[-1], "--dataset", root / "datasets/canonical.jsonl",
           "--output_dir", tmp_path / "run", "--lora_r", 2, "--eval_before", "false",
           "--eval_after", "false"]
    done = graft(*run, "--max_steps", 1)
    assert f"llama-server -m {files[0]} " in done.stdout
    adapter = gguf.GGUFReader(str(tmp_path / "run/adapter.gguf"))
    assert adapter.fields["graft.base_sha256"].contents() == sha
    last = bytearray(files[-1].read_bytes())
    last[-64] ^= 1
    files[-1].write_bytes(last)
    said = graft(*run, "--max_steps", 1, status=7).stderr
    assert "base_model (SHA-256): " in said and " -> " in said


def test_no_part_is_written_over(graft, parts):
    _, files = parts
    before = files[1].read_bytes()
    said = graft("quantize", files[0], files[1], "--type", "q8_0", status=2).stderr
    assert f"{files[1]}: would be written over itself" in said
    assert files[1].read_bytes() == before
