"""Adapters for the classes of Hugging Face's that see: PEFT has to find every module of the text model
inside of them, and nothing else."""
import json
import shutil

import numpy as np
import pytest

import hf_folders
from test_export_hf import make_adapter

EYES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "image_size": 28, "patch_size": 14,
        "num_attention_heads": 2}
CASES = {"gemma3": ("Gemma3", "gemma3_text", {"mm_tokens_per_image": 4}),
         "ministral3": ("Mistral3", "ministral3", {"spatial_merge_size": 1})}


def make_folder(one, prefix, kind, settings, folder):
    """The family's text model with eyes; transformers makes the class and its file."""
    import torch
    import transformers
    text = {**one.model.config.to_dict(), "model_type": kind}
    config = getattr(transformers, f"{prefix}Config")(
        text_config=text, vision_config={**EYES, **({"head_dim": 8, "model_type": "pixtral"}
                                                    if prefix == "Mistral3" else {})},
        tie_word_embeddings=one.model.config.tie_word_embeddings, **settings)
    torch.manual_seed(1)
    model = getattr(transformers, f"{prefix}ForConditionalGeneration")(config)
    model.model.language_model.load_state_dict(one.model.model.state_dict())
    model.lm_head.load_state_dict(one.model.lm_head.state_dict())
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    for path in one.folder.glob("tokenizer*"):
        shutil.copy(path, folder)


def logits(model, ids):
    import torch
    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor([ids])).logits[0].numpy()


@pytest.mark.parametrize("name", CASES)
def test_peft_finds_every_module(name, families, convert, graft, runtime, tmp_path):
    from peft import PeftModel
    from safetensors.numpy import load_file
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText
    one = families(name)
    prefix, kind, settings = CASES[name]
    seeing, out = tmp_path / "seeing/tiny", tmp_path / "peft"
    make_folder(one, prefix, kind, settings, seeing)
    convert(seeing, tmp_path / "base.gguf")
    make_adapter(one, runtime, tmp_path / "a.gguf")
    words = ["export", "--base", tmp_path / "base.gguf", "--adapter", tmp_path / "a.gguf"]
    done = graft(*words, "--to", "peft", "--out", out)
    assert "model.language_model.layers.N" in done.stderr and "AutoModelForImageTextToText" in done.stdout
    graft(*words, "--to", "hf", "--type", "f32", "--out", tmp_path / "merged")
    graft(*words, "--to", "gguf", "--type", "f32", "--out", tmp_path / "merged.gguf")
    assert hf_folders.read_gguf(tmp_path / "merged.gguf")[0]["graft.source_class"] == f"{prefix}ForConditionalGeneration"
    ids = [i * i * 7 % (one.n_vocab - 3) for i in range(1, 31)]
    wanted = logits(AutoModelForCausalLM.from_pretrained(tmp_path / "merged"), ids)
    base = AutoModelForImageTextToText.from_pretrained(seeing)
    plain = logits(base, ids)
    tuned = PeftModel.from_pretrained(base, out)
    assert np.abs(logits(tuned, ids) - wanted).max() <= 1e-4 < 0.05 < np.abs(plain - wanted).max()
    adapted = {n.split(".lora_")[0] for n, _ in tuned.named_parameters() if ".lora_" in n}
    assert len(adapted) == len(load_file(out / "adapter_model.safetensors")) / 2


def test_an_adapter_trained_inside_is_read(families, graft, tmp_path):
    """PEFT on the class that sees; patterns name its modules as it does."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM
    one = families("gemma3")
    prefix, kind, settings = CASES["gemma3"]
    make_folder(one, prefix, kind, settings, tmp_path / "seeing/tiny")
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "seeing/tiny")
    torch.manual_seed(2)
    tuned = get_peft_model(base, LoraConfig(
        task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=r".*language_model.*\.(q_proj|down_proj)",
        rank_pattern={"model.language_model.layers.1.self_attn.q_proj": 2}))
    for parameter in (p for n, p in tuned.named_parameters() if "lora_" in n):
        torch.nn.init.normal_(parameter, std=0.1)
    tuned.save_pretrained(tmp_path / "adapter")
    graft("export", "--base", one.gguf, "--adapter", tmp_path / "adapter", "--to", "hf", "--type", "f32",
          "--out", tmp_path / "merged")
    ids = list(range(4, 30))
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert np.abs(logits(merged, ids) - logits(tuned, ids)).max() <= 1e-4
    assert json.loads((tmp_path / "adapter/adapter_config.json").read_text())["rank_pattern"]
