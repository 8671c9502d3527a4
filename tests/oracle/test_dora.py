"""DoRA against PEFT's: trained from the same start, exported, merged, read back and trained on."""
import json

import numpy as np
import pytest
from test_training import RATE, adapter, compare_losses, examples, samples_of, torch_model, train, train_torch

IDS = [1, 5, 77, 300, 12, 900, 45, 3]


@pytest.fixture
def data(root, tiny_model, jsonl):
    """(path of a tiny model, path of an even number of examples)"""
    records = examples(root)
    return tiny_model()[0], jsonl("train.jsonl", records[:len(records) // 2 * 2])


def logprobs_of(model, ids):
    import torch
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, :-1]
        return torch.log_softmax(logits, -1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0].numpy()


def graft_logprobs(graft, base, data, *more):
    line = graft("score", "--base", base, "--dataset", data, "--json", *more).stdout.splitlines()[0]
    return np.array(json.loads(line)["logprobs"][1:])


def load_torch(path):
    import torch
    from transformers import AutoModelForCausalLM
    return AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)


PATTERNS = ["--lora_rank_pattern", "q_proj=2,layers.0.mlp.down_proj=6", "--lora_alpha_pattern", "k_proj=16",
            "--use_rslora", "true"]
CASES = {
    "plain": ({}, []),
    "patterns": ({"rank_pattern": {"q_proj": 2, "layers.0.mlp.down_proj": 6},
                  "alpha_pattern": {"k_proj": 16}, "use_rslora": True}, PATTERNS),
    "loraplus": ({}, ["--loraplus_lr_ratio", 8]),
}


@pytest.mark.parametrize("case", CASES)
def test_losses_and_adapter_equal_peft(graft, data, tmp_path, case):
    import torch
    from peft.optimizers import create_loraplus_optimizer
    path, examples = data
    settings, words = CASES[case]
    model = torch_model(path, use_dora=True, **settings)
    model.save_pretrained(tmp_path / "init")
    optimizer = None
    if case == "loraplus":
        optimizer = create_loraplus_optimizer(model=model, optimizer_cls=torch.optim.AdamW, lr=RATE,
                                              loraplus_lr_ratio=8, weight_decay=0.01,
                                              loraplus_weight_decay=0.01)
    samples = samples_of(graft, path, examples)
    mine = train(graft, path, examples, tmp_path / "run", tmp_path / "init", "--use_dora", "true", *words)
    compare_losses(mine, train_torch(model, samples, optimizer))
    model.save_pretrained(tmp_path / "theirs")
    got, expected = adapter(tmp_path / "run"), adapter(tmp_path / "theirs")
    initial = adapter(tmp_path / "init")
    assert sorted(got) == sorted(expected)
    assert sum(name.endswith("lora_magnitude_vector") for name in got) == 14
    for name, value in expected.items():
        moved = np.abs(value - initial[name]).max()
        assert moved > RATE
        if "lora_B" in name and case == "patterns":  # its scale is folded in
            continue
        assert np.abs(got[name] - value).max() <= 0.02 * moved, name
    ids = samples[0]["ids"]
    theirs = logprobs_of(model.eval(), ids)
    mine = graft_logprobs(graft, path, examples, "--adapter", tmp_path / "run")
    np.testing.assert_allclose(mine, theirs, atol=5e-3)
    assert np.abs(theirs - logprobs_of(load_torch(path), ids)).max() > 0.1


def test_parts_of_the_weights_equal_peft(graft, data, tmp_path, kind="pissa"):
    """What is exported fits the unchanged base, to which the start and its negative are one map."""
    path, examples = data
    model = torch_model(path, init_lora_weights=kind, use_dora=True)
    mine = train(graft, path, examples, tmp_path / "run", None, "--init_lora_weights", kind, "--use_dora", "true")
    samples = samples_of(graft, path, examples)
    compare_losses(mine, train_torch(model, samples))
    theirs = logprobs_of(model.eval(), samples[0]["ids"])
    mine = graft_logprobs(graft, path, examples, "--adapter", tmp_path / "run")
    np.testing.assert_allclose(mine, theirs, atol=5e-3)


@pytest.fixture
def tuned(graft, data, tmp_path):
    """(base, examples, run folder) of a DoRA that was trained from graft's own start."""
    path, examples = data
    train(graft, path, examples, tmp_path / "run", None, "--use_dora", "true")
    return path, examples, tmp_path / "run"


def test_exports_are_the_same_model(graft, tuned, runtime, tmp_path):
    """PEFT loads what is written at the end; merged in f32 it is the same to graft, llama.cpp and
    transformers; and graft reads back what PEFT saves."""
    from peft import PeftModel
    path, examples, run = tuned
    config = json.loads((run / "adapter_config.json").read_text())
    assert config["use_dora"] is True and not (run / "adapter.gguf").exists()
    model = PeftModel.from_pretrained(load_torch(path), run).eval()
    ids = samples_of(graft, path, examples)[0]["ids"]
    expected = logprobs_of(model, ids)
    assert np.abs(expected - logprobs_of(load_torch(path), ids)).max() > 0.1
    np.testing.assert_allclose(graft_logprobs(graft, path, examples, "--adapter", run), expected, atol=1e-4)
    graft("export", "--base", path, "--adapter", run, "--to", "gguf", "--type", "f32", "--out",
          tmp_path / "merged.gguf")
    np.testing.assert_allclose(graft_logprobs(graft, tmp_path / "merged.gguf", examples), expected, atol=1e-4)
    runner = runtime.llamart.Model(tmp_path / "merged.gguf", check_tensors=True)
    import torch
    with torch.no_grad():
        logits = model(torch.tensor([IDS])).logits[0].numpy()
    assert np.abs(runner.logits(IDS) - logits).max() <= 1e-3
    runner.close()
    graft("export", "--base", path, "--adapter", run, "--to", "hf", "--out", tmp_path / "hf")
    from transformers import AutoModelForCausalLM
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "hf", dtype=torch.float32).eval()
    np.testing.assert_allclose(logprobs_of(whole, ids), expected, atol=1e-4)
    model.save_pretrained(tmp_path / "again")
    np.testing.assert_allclose(graft_logprobs(graft, path, examples, "--adapter", tmp_path / "again"), expected,
                               atol=1e-4)


def test_merged_rows_are_the_formula(graft, tuned, runtime, tmp_path):
    """m (W + s B A) / |W + s B A| in double, to the last bit but one of f32."""
    path, _, run = tuned
    graft("export", "--base", path, "--adapter", run, "--to", "gguf", "--type", "f32", "--out",
          tmp_path / "merged.gguf")
    base, merged = runtime.ggutil.load(str(path))[1], runtime.ggutil.load(str(tmp_path / "merged.gguf"))[1]
    factors = adapter(run)
    module = "base_model.model.model.layers.1.mlp.down_proj."
    a, b, m = (factors[module + name].astype(np.float64)
               for name in ("lora_A.weight", "lora_B.weight", "lora_magnitude_vector"))
    whole = base["blk.1.ffn_down.weight"].astype(np.float64) + 2 * b @ a
    expected = m[:, None] * whole / np.linalg.norm(whole, axis=1, keepdims=True)
    np.testing.assert_allclose(merged["blk.1.ffn_down.weight"], expected, rtol=2e-7, atol=1e-9)


def test_training_goes_on_from_a_folder(graft, tuned, tmp_path):
    """From a DoRA as one; from a LoRA as a DoRA that begins as that LoRA; never as a LoRA from a DoRA."""
    path, examples, run = tuned
    before = graft_logprobs(graft, path, examples, "--adapter", run)
    still = ["--learning_rate", "1e-12", "--weight_decay", 0]
    train(graft, path, examples, tmp_path / "on", run, "--use_dora", "true", *still)
    np.testing.assert_allclose(graft_logprobs(graft, path, examples, "--adapter", tmp_path / "on"), before,
                               atol=1e-5)
    train(graft, path, examples, tmp_path / "lora", None)
    before = graft_logprobs(graft, path, examples, "--adapter", tmp_path / "lora")
    train(graft, path, examples, tmp_path / "more", tmp_path / "lora", "--use_dora", "true", *still)
    np.testing.assert_allclose(graft_logprobs(graft, path, examples, "--adapter", tmp_path / "more"), before,
                               atol=1e-4)
    done = graft("train", "--base_model", path, "--dataset", examples, "--output_dir", tmp_path / "no", "--lora_r", 4,
                 "--init_adapter", run, "--max_steps", 1, "--quiet", status=2)
    assert "it is a DoRA, which is trained on with use_dora: true" in done.stderr
