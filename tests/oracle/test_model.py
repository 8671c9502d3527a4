"""The llama family on more shapes and on a real base; test_families.py has the rest."""
import subprocess

import numpy as np
import pytest

TEXT = ("<|im_start|>user\nWhat is 17 times 3? Answer in one word, naïve or not.<|im_end|>\n"
        "<|im_start|>assistant\nFifty-one.<|im_end|>\n")


def graft_logits(driver, tmp_path, model, ids, n_vocab):
    out = tmp_path / "logits.bin"
    subprocess.run([driver("logits"), model, "-", out, *map(str, ids)], check=True)
    return np.fromfile(out, np.float32).reshape(len(ids), n_vocab)


@pytest.mark.parametrize("options", [
    dict(), dict(untied=True, seed=3), dict(nh=8, nkv=1, d=96, ff=160, nl=3, seed=4),
    dict(dtype=np.float16, seed=5)], ids=["tied", "untied", "one-kv-head", "f16"])
def test_tiny_logits_equal_llama_cpp(driver, tmp_path, tiny_model, runtime, options):
    path, _ = tiny_model(**options)
    model = runtime.llamart.Model(path)
    ids = model.tokenize(TEXT)
    expected = model.logits(ids)
    got = graft_logits(driver, tmp_path, path, ids, model.n_vocab)
    # f16 weights: the runtime rounds activations to f16 in its products
    limit = 1e-3 if options.get("dtype") is None else 2e-2
    assert np.abs(got - expected).max() <= limit
    assert np.abs(expected).max() > 1


def test_base_logits(driver, tmp_path, base_model, base_f32, runtime):
    """SmolLM2: the dequantised file against llama.cpp and transformers; the quantised file against
    the dequantised one (graft computes with exactly those weights)."""
    model = runtime.llamart.Model(base_f32)
    ids = model.tokenize(TEXT)
    expected = model.logits(ids)
    got = graft_logits(driver, tmp_path, base_f32, ids, model.n_vocab)
    assert np.abs(got - expected).max() <= 1e-3
    quantised = graft_logits(driver, tmp_path, base_model, ids, model.n_vocab)
    assert np.abs(got - quantised).max() <= 1e-3
    model.close()
    import torch
    from transformers import AutoModelForCausalLM
    reference = AutoModelForCausalLM.from_pretrained(base_f32.parent, gguf_file=base_f32.name,
                                                     dtype=torch.float32)
    with torch.no_grad():
        logits = reference(torch.tensor([ids])).logits[0].numpy()
    assert np.abs(got - logits).max() <= 1e-3
