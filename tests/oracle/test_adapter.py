"""The adapter that training writes, in the real runtime: llama.cpp on an f32 base."""
import json

import numpy as np
import pytest


@pytest.fixture(scope="module")
def trained(graft, base_f32, shared, tmp_path_factory):
    """A few steps on real data: enough to move the logits by more than rounding does."""
    folder = tmp_path_factory.mktemp("adapter")
    lines = (shared / "data/bfcl-nonlive.jsonl").read_text(encoding="utf-8").splitlines()
    train, items = folder / "train.jsonl", folder / "items.jsonl"
    train.write_text("\n".join(lines[100:112]) + "\n", encoding="utf-8")
    items.write_text("\n".join(lines[:20]) + "\n", encoding="utf-8")
    graft("train", "--base_model", base_f32, "--dataset", train, "--output_dir", folder / "run",
          "--max_steps", 3, "--batch_size", 4, "--learning_rate", "2e-3", "--warmup_ratio", 0,
          "--export", "adapter", "--quiet")
    return folder / "run", items


def examples(graft, base, items):
    shown = graft("data", "show", "--base", base, "--dataset", items, "--n", 1000, "--json").stdout
    return [json.loads(line) for line in shown.splitlines()]


def test_logprobs_with_adapter_equal_llama_cpp(graft, trained, base_f32, runtime):
    run, items = trained
    few = items.with_name("few.jsonl")
    few.write_text("".join(items.open(encoding="utf-8").readlines()[:3]), encoding="utf-8")
    lines = graft("score", "--base", base_f32, "--adapter", run / "adapter.gguf", "--dataset",
                  few, "--json").stdout.splitlines()
    plain = graft("score", "--base", base_f32, "--dataset", few, "--json").stdout.splitlines()
    model = runtime.llamart.Model(base_f32, check_tensors=True)
    handle = model.adapter(run / "adapter.gguf")
    moved = 0.0
    for line, without in zip(lines, plain):
        mine = json.loads(line)
        ids, got = mine["ids"], np.array(mine["logprobs"][1:])
        logits = model.logits(ids, [(handle, 1.0)]).astype(np.float64)[:-1]
        logits -= logits.max(1, keepdims=True)
        expected = (logits - np.log(np.exp(logits).sum(1, keepdims=True)))[
            np.arange(len(ids) - 1), ids[1:]]
        assert np.abs(got - expected).max() <= 1e-3
        moved = max(moved, np.abs(got - np.array(json.loads(without)["logprobs"][1:])).max())
    model.close()
    assert moved > 0.1


def test_greedy_answers_equal_llama_cpp(graft, trained, base_f32, runtime):
    run, items = trained
    mine = json.loads(graft("eval", "--base", base_f32, "--adapter", run / "adapter.gguf",
                            "--dataset", items, "--eval_max_new_tokens", 48, "--json",
                            "--quiet").stdout)
    assert len(mine["items"]) == 20
    shown = {e["index"]: e for e in examples(graft, base_f32, items)}
    server = runtime.server.start(str(base_f32), [(str(run / "adapter.gguf"), 1.0)], n_ctx=2048)
    agree = 0
    for item in mine["items"]:
        example = shown[item["index"]]
        prompt = example["ids"][:item["prompt_tokens"]]
        assert not any(example["weights"][:item["prompt_tokens"]])
        reply = runtime.server.call(server, "/completion", {
            "prompt": prompt, "temperature": 0, "n_predict": 48, "cache_prompt": False,
            "samplers": ["top_k"], "top_k": 1})
        agree += reply["content"] == item["output"]
    assert agree == 20
