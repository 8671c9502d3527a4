"""Training against PEFT: the same adapter, data and order must give the same losses and adapter."""
import json

import numpy as np
import pytest

STEPS, BATCH, RATE = 10, 2, 2e-3
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def examples(root):
    """A few conversations of the repository's own samples."""
    lines = (root / "datasets/canonical.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def torch_model(path, dropout=0.0, **more):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name,
                                                 dtype=torch.float32)
    torch.manual_seed(2)
    model = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=MODULES,
                                             lora_dropout=dropout, task_type="CAUSAL_LM", **more))
    for name, parameter in model.named_parameters():
        if "lora_B" in name and "init_lora_weights" not in more:  # not zero, so that A learns from the first step on
            torch.nn.init.normal_(parameter, std=0.05)
    return model


def train_torch(model, samples, optimizer=None):
    import torch
    optimizer = optimizer or torch.optim.AdamW([p for p in model.parameters() if p.requires_grad],
                                               lr=RATE, weight_decay=0.01)
    losses = []
    for step in range(STEPS):
        begin = step * BATCH % (len(samples) // BATCH * BATCH)
        batch = samples[begin:begin + BATCH]
        total = sum(sum(s["weights"][1:]) for s in batch)
        optimizer.zero_grad()
        value = 0.0
        for sample in batch:
            logits = model(torch.tensor([sample["ids"]])).logits[0, :-1]
            nll = torch.nn.functional.cross_entropy(logits, torch.tensor(sample["ids"][1:]),
                                                    reduction="none")
            loss = (nll * torch.tensor(sample["weights"][1:])).sum() / total
            loss.backward()
            value += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(value)
    return losses


@pytest.fixture
def start(root, tiny_model, jsonl, tmp_path):
    """(model path, data path, PEFT model saved to `init`)."""
    path, _ = tiny_model()
    records = examples(root)
    records = records[:len(records) // BATCH * BATCH]
    data = jsonl("train.jsonl", records)
    model = torch_model(path)
    model.save_pretrained(tmp_path / "init")
    return path, data, model


def train(graft, path, data, out, init, *more):
    start = ["--init_adapter", init] if init else []
    graft("train", "--base_model", path, "--dataset", data, "--output_dir", out, *start, "--lora_r", 4, "--lora_alpha", 8, "--max_steps", STEPS, "--batch_size", BATCH,
          "--learning_rate", RATE, "--lr_scheduler_type", "constant", "--warmup_ratio", 0,
          "--weight_decay", 0.01, "--shuffle", "false", "--compute", "f32", "--quiet", *more)
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [r["loss"] for r in records if r["event"] == "step"]


def adapter(folder):
    from safetensors.numpy import load_file
    return load_file(folder / "adapter_model.safetensors")


def samples_of(graft, path, data):
    shown = graft("data", "show", "--base", path, "--dataset", data, "--n", 1000,
                  "--json").stdout
    return [json.loads(line) for line in shown.splitlines()]


def test_losses_and_adapter_equal_peft(graft, start, tmp_path):
    path, data, model = start
    samples = samples_of(graft, path, data)
    mine = train(graft, path, data, tmp_path / "run", tmp_path / "init")
    theirs = train_torch(model, samples)
    assert len(mine) == STEPS
    np.testing.assert_allclose(mine, theirs, rtol=1e-4)
    assert theirs[-1] < theirs[0]
    model.save_pretrained(tmp_path / "theirs")
    got, expected = adapter(tmp_path / "run"), adapter(tmp_path / "theirs")
    initial = adapter(tmp_path / "init")
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        moved = np.abs(value - initial[name]).max()
        assert moved > RATE
        assert np.abs(got[name] - value).max() <= 0.02 * moved, name


def test_layouts_give_the_same_run(graft, start, tmp_path):
    """Packed, unpacked, recomputed, cut into small passes: the same losses."""
    path, data, _ = start
    reference = train(graft, path, data, tmp_path / "a", tmp_path / "init")
    for i, more in enumerate([("--packing", "false"), ("--prefix_sharing", "false"),
                              ("--gradient_checkpointing", "true"), ("--threads", "1")]):
        other = train(graft, path, data, tmp_path / f"b{i}", tmp_path / "init", *more)
        np.testing.assert_allclose(other, reference, rtol=1e-4)


def compare_losses(mine, theirs):
    assert len(mine) == STEPS
    np.testing.assert_allclose(mine, theirs, rtol=1e-4)
    assert theirs[-1] < theirs[0]


RANKS, ALPHAS = {"q_proj": 2, "layers.0.mlp.down_proj": 6}, {"down_proj": 3, "k_proj": 16}


def as_setting(patterns):
    return ",".join(f"{name}={value}" for name, value in patterns.items())


@pytest.mark.parametrize("rslora", [False, True])
def test_patterns_of_rank_and_alpha_equal_peft(graft, start, tmp_path, rslora):
    path, data, _ = start
    model = torch_model(path, rank_pattern=RANKS, alpha_pattern=ALPHAS, use_rslora=rslora)
    model.save_pretrained(tmp_path / "patterns")
    mine = train(graft, path, data, tmp_path / "run", tmp_path / "patterns", "--lora_rank_pattern",
                 as_setting(RANKS), "--lora_alpha_pattern", as_setting(ALPHAS), "--use_rslora",
                 str(rslora).lower())
    compare_losses(mine, train_torch(model, samples_of(graft, path, data)))
    # what is written is read back as it was by both
    from peft import PeftModel
    from transformers import AutoModelForCausalLM
    again = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name)
    again = PeftModel.from_pretrained(again, tmp_path / "run")
    ids = samples_of(graft, path, data)[0]["ids"]
    import torch
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits
        np.testing.assert_allclose(again(torch.tensor([ids])).logits, expected, atol=2e-3)


def test_lora_plus_equals_peft(graft, start, tmp_path):
    import torch
    from peft.optimizers import create_loraplus_optimizer
    path, data, model = start
    optimizer = create_loraplus_optimizer(model=model, optimizer_cls=torch.optim.AdamW, lr=RATE,
                                          loraplus_lr_ratio=8, weight_decay=0.01,
                                          loraplus_weight_decay=0.01)
    mine = train(graft, path, data, tmp_path / "run", tmp_path / "init", "--loraplus_lr_ratio", 8)
    plain = train(graft, path, data, tmp_path / "plain", tmp_path / "init")
    compare_losses(mine, train_torch(model, samples_of(graft, path, data), optimizer))
    assert abs(mine[-1] - plain[-1]) > 1e-3 * plain[-1]


@pytest.mark.parametrize("kind", ["pissa", "olora"])
def test_parts_of_the_weights_equal_peft(graft, start, tmp_path, kind):
    """The adapter starts as a part of W, of which the base then has the rest. What is exported fits the
    unchanged base."""
    path, data, _ = start
    model = torch_model(path, init_lora_weights=kind)
    mine = train(graft, path, data, tmp_path / "run", None, "--init_lora_weights", kind)
    compare_losses(mine, train_torch(model, samples_of(graft, path, data)))
    score = graft("score", "--base", path, "--adapter", tmp_path / "run/adapter.gguf", "--dataset", data,
                  "--compute", "f32", "--json").stdout
    sample, got = samples_of(graft, path, data)[0], json.loads(score.splitlines()[0])["logprobs"]
    import torch
    with torch.no_grad():
        logits = model(torch.tensor([sample["ids"]])).logits[0, :-1]
        expected = torch.log_softmax(logits, -1).gather(
            1, torch.tensor(sample["ids"][1:])[:, None])[:, 0]
    np.testing.assert_allclose(got[1:], expected, atol=5e-3)
