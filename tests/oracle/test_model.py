"""Forward and backward of the llama family against llama.cpp, transformers and PyTorch autograd."""
import subprocess

import numpy as np
import pytest

TEXT = ("<|im_start|>user\nWhat is 17 times 3? Answer in one word, naïve or not.<|im_end|>\n"
        "<|im_start|>assistant\nFifty-one.<|im_end|>\n")


def graft_logits(driver, tmp_path, model, ids, n_vocab):
    out = tmp_path / "logits.bin"
    subprocess.run([driver("logits"), model, out, *map(str, ids)], check=True)
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


def test_rope_factors_equal_llama_cpp(driver, tmp_path, tiny_model, runtime):
    """Llama 3's rope_freqs.weight."""
    path, tensors = tiny_model()
    factors = np.linspace(1, 8, 8).astype(np.float32)
    tensors["rope_freqs.weight"] = factors
    scaled = tmp_path / "scaled.gguf"
    runtime.ggutil.write_like(runtime.ggutil.GGUFReader(str(path)), tensors, str(scaled))
    model = runtime.llamart.Model(scaled)
    ids = model.tokenize(TEXT)
    expected = model.logits(ids)
    got = graft_logits(driver, tmp_path, scaled, ids, model.n_vocab)
    plain = graft_logits(driver, tmp_path, path, ids, model.n_vocab)
    assert np.abs(got - expected).max() <= 1e-3
    assert np.abs(got - plain).max() > 1e-2


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


HF = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
      "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
      "ffn_down": "mlp.down_proj"}


def to_gguf_rows(b, n_head):
    """Rows of B of q_proj or k_proj: (head, 2, d/2) of transformers to (head, d/2, 2) of GGUF."""
    return b.reshape(n_head, 2, -1, b.shape[1]).swapaxes(1, 2).reshape(b.shape)


@pytest.mark.parametrize("untied", [False, True], ids=["tied", "untied"])
def test_gradients_equal_torch_autograd(driver, tmp_path, tiny_model, runtime, untied):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM
    path, _ = tiny_model(untied=untied)
    n_layer, n_head, n_kv, rank, alpha = 2, 4, 2, 4, 8.0
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name,
                                                 dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(r=rank, lora_alpha=alpha, task_type="CAUSAL_LM",
                                             target_modules=[m.split(".")[1] for m in HF.values()]))
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    ids = runtime.llamart.Model(path).tokenize(TEXT)
    weights = [0.0 if i % 3 else 1.0 + i % 2 for i in range(len(ids))]
    weights[0] = 0.0

    logits = model(torch.tensor([ids])).logits[0]
    nll = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")
    loss = (nll * torch.tensor(weights[1:])).sum() / sum(weights)
    loss.backward()

    parameters = {n: p for n, p in model.named_parameters() if "lora_" in n}
    values, gradients = [], []
    for layer in range(n_layer):
        for part, module in HF.items():
            for which in "AB":
                p = parameters[f"base_model.model.model.layers.{layer}.{module}.lora_{which}.default.weight"]
                v, g = p.detach().numpy(), p.grad.numpy()
                heads = {"attn_q": n_head, "attn_k": n_kv}.get(part)
                if which == "B" and heads:
                    v, g = to_gguf_rows(v, heads), to_gguf_rows(g, heads)
                values.append(v)
                gradients.append((f"blk.{layer}.{part}.{which}", g))
    params, out = tmp_path / "params.bin", tmp_path / "gradients.bin"
    np.concatenate([v.ravel() for v in values]).astype(np.float32).tofile(params)
    subprocess.run([driver("gradients"), path, str(rank), str(alpha), params, out,
                    *(f"{i}:{w}" for i, w in zip(ids, weights))], check=True)
    got_loss = np.fromfile(out, np.float64, 1)[0]
    got = np.fromfile(out, np.float32, offset=8)
    assert abs(got_loss - loss.item()) <= 1e-5 * loss.item()
    at = 0
    for name, expected in gradients:
        mine = got[at:at + expected.size].reshape(expected.shape)
        at += expected.size
        assert np.abs(mine - expected).max() <= 1e-4 * np.abs(expected).max(), name
    assert at == got.size
