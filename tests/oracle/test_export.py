"""Adapters as files: what graft writes, PEFT and llama.cpp load; what PEFT writes, graft loads."""
import json
import subprocess

import numpy as np
import pytest

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
IDS = [1, 5, 77, 300, 12, 900, 45, 3]


@pytest.fixture(scope="module")
def adapters(driver):
    def run(base, source, exporter, folder, status=0):
        done = subprocess.run([driver("adapters"), base, source, exporter, folder],
                              capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        return done.stderr

    return run


@pytest.fixture(scope="module")
def models(base_model, runtime, tmp_path_factory):
    """Tiny llamas, made once: models["untied"] -> (path, {name: float32 array})."""
    folder = tmp_path_factory.mktemp("models")

    def make(name, **options):
        path = folder / f"{name}.gguf"
        return path, runtime.tiny.make_tiny(str(path), src=str(base_model), **options)

    return {"tied": make("tied"), "untied": make("untied", untied=True)}


def torch_logits(model):
    import torch
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0].float().numpy()


def load_torch(path):
    import torch
    from transformers import AutoModelForCausalLM
    return AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name,
                                                dtype=torch.float32).eval()


def make_peft(path, folder, **settings):
    """A PEFT adapter with random weights for the model; returns the logits with it."""
    import torch
    from peft import LoraConfig, get_peft_model
    torch.manual_seed(3)
    settings = {"r": 4, "lora_alpha": 8, "target_modules": MODULES, **settings}
    model = get_peft_model(load_torch(path), LoraConfig(task_type="CAUSAL_LM", **settings))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(folder, save_embedding_layers=False)
    return torch_logits(model.eval())


CASES = {
    "plain": {},
    "rank-stabilised": {"use_rslora": True, "lora_alpha": 3},
    "patterns": {"rank_pattern": {"q_proj": 2, "model.layers.1.mlp.up_proj": 7},
                 "alpha_pattern": {"k_proj": 5, "layers.0.mlp.down_proj": 1}},
    "few modules": {"target_modules": ["k_proj", "down_proj"], "r": 1},
    "one layer": {"target_modules": ["q_proj", "v_proj"], "layers_to_transform": [1]},
}


@pytest.mark.parametrize("case", CASES)
def test_peft_to_gguf_and_back(case, models, adapters, runtime, tmp_path):
    from peft import PeftModel
    base, _ = models["untied"]
    expected = make_peft(base, tmp_path / "peft", **CASES[case])
    plain = torch_logits(load_torch(base))
    assert np.abs(expected - plain).max() > 0.1
    adapters(base, tmp_path / "peft", "adapter", tmp_path / "gguf")
    model = runtime.llamart.Model(base, check_tensors=True)
    handle = model.adapter(tmp_path / "gguf/adapter.gguf")
    logits = model.logits(IDS, [(handle, 1.0)])
    meta = model.adapter_meta(handle)
    model.close()
    assert meta["general.type"] == "adapter" and meta["adapter.type"] == "lora"
    assert np.abs(logits - expected).max() <= 1e-3
    adapters(base, tmp_path / "gguf/adapter.gguf", "peft", tmp_path / "back")
    again = torch_logits(PeftModel.from_pretrained(load_torch(base), tmp_path / "back").eval())
    assert np.abs(again - expected).max() <= 1e-4
    config = json.loads((tmp_path / "back/adapter_config.json").read_text())
    assert config["peft_type"] == "LORA" and config["inference_mode"] is True


def test_a_plain_adapter_keeps_its_bits(models, adapters, tmp_path):
    """PEFT -> graft -> PEFT: the same tensors, names and values."""
    from safetensors.numpy import load_file
    base, _ = models["tied"]
    make_peft(base, tmp_path / "peft")
    adapters(base, tmp_path / "peft", "peft", tmp_path / "copy")
    theirs = load_file(tmp_path / "peft/adapter_model.safetensors")
    ours = load_file(tmp_path / "copy/adapter_model.safetensors")
    assert sorted(ours) == sorted(theirs) and len(ours) == 28
    for name in theirs:
        assert np.array_equal(ours[name], theirs[name]), name


def test_the_adapter_equals_the_merged_model(models, adapters, runtime, tmp_path):
    """llama.cpp: base + our adapter against a base with scale * B A added by hand."""
    base, tensors = models["untied"]
    make_peft(base, tmp_path / "peft", use_rslora=True)
    adapters(base, tmp_path / "peft", "adapter", tmp_path / "gguf")
    import gguf
    reader = gguf.GGUFReader(tmp_path / "gguf/adapter.gguf")
    alpha = reader.fields["adapter.lora.alpha"].contents()
    factors = {t.name: np.array(t.data) for t in reader.tensors}
    pairs = {name[:-7]: (factors[name], factors[name[:-1] + "b"])
             for name in factors if name.endswith(".lora_a")}
    assert len(pairs) == 14
    merged = runtime.ggutil.merge(tensors, pairs, alpha / 4)
    runtime.ggutil.write_like(gguf.GGUFReader(base), merged, str(tmp_path / "merged.gguf"))
    one, two = runtime.llamart.Model(base), runtime.llamart.Model(tmp_path / "merged.gguf")
    handle = one.adapter(tmp_path / "gguf/adapter.gguf")
    half = one.logits(IDS, [(handle, 0.5)])
    difference = np.abs(one.logits(IDS, [(handle, 1.0)]) - two.logits(IDS)).max()
    plain = one.logits(IDS)
    one.close(), two.close()
    assert difference <= 1e-4
    assert np.abs(half - plain).max() > 0.05


def test_what_peft_can_do_and_graft_cannot_is_refused(models, adapters, tmp_path):
    base, _ = models["tied"]
    refused = {
        "use_dora": ({"use_dora": True}, "adapter: cannot hold a DoRA"),
        "bias": ({"bias": "lora_only"}, "trained biases are not supported"),
        "saved": ({"modules_to_save": ["norm"]}, "modules_to_save is set"),
        "embedding": ({"target_modules": ["embed_tokens", "q_proj"]}, "embeddings are not"),
        "head": ({"target_modules": ["lm_head"]}, "tied to the embeddings"),
        "pissa": ({"init_lora_weights": "pissa"}, 'init_lora_weights is "pissa"'),
        "olora": ({"init_lora_weights": "olora"}, 'init_lora_weights is "olora"'),
    }
    for name, (settings, message) in refused.items():
        make_peft(base, tmp_path / name, **settings)
        assert message in adapters(base, tmp_path / name, "adapter", tmp_path / "out", status=1), name


@pytest.mark.parametrize("init", ["gaussian", "orthogonal", "mica", "pissa", "olora"])
def test_inits_that_leave_the_base_alone_are_read(init, models, adapters, runtime, tmp_path):
    """PiSSA and OLoRA change the base; PEFT's own conversion makes plain LoRA of them, which is read."""
    import torch
    from peft import LoraConfig, get_peft_model
    base, _ = models["untied"]
    torch.manual_seed(3)
    config = LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=MODULES, init_lora_weights=init)
    model = get_peft_model(load_torch(base), config)
    if init in ("pissa", "olora"):
        model.peft_config["default"].init_lora_weights = True  # as PEFT's documentation has it
        model.save_pretrained(tmp_path / "begun", save_embedding_layers=False)
        config.init_lora_weights = init
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data += 0.1 * torch.randn_like(parameter)
    changed = {"path_initial_model_for_weight_conversion": str(tmp_path / "begun")} if init in ("pissa", "olora") else {}
    expected = torch_logits(model.eval())
    model.save_pretrained(tmp_path / "peft", save_embedding_layers=False, **changed)
    adapters(base, tmp_path / "peft", "adapter", tmp_path / "gguf")
    llama = runtime.llamart.Model(base)
    logits = llama.logits(IDS, [(llama.adapter(tmp_path / "gguf/adapter.gguf"), 1.0)])
    llama.close()
    assert np.abs(logits - expected).max() <= 1e-3
