"""graft export --to hf: folders that transformers loads, with the tokens and the logits of the merged
model; converted back they are the merged GGUF file."""
import json

import hf_folders
import numpy as np
import pytest

WRITTEN = ["llama", "llama3", "llama-spm", "mistral", "smollm3", "qwen2", "qwen2-yarn", "qwen3", "phi3",
           "gemma2", "gemma3", "granite"]


def make_adapter(one, runtime, path):
    """Random factors for every map of the layers."""
    rng = np.random.default_rng(7)
    pairs = {}
    for name, tensor in one.tensors.items():
        if name.startswith("blk.") and name.endswith(".weight") and tensor.ndim == 2:
            n_out, n_in = tensor.shape
            pairs[name] = (0.05 * rng.standard_normal((3, n_in)).astype(np.float32),
                           0.3 * rng.standard_normal((n_out, 3)).astype(np.float32))
    runtime.ggutil.write_adapter(str(path), pairs, 3.0, arch=one.arch)


@pytest.fixture(scope="module")
def exported(families, graft, runtime, tmp_path_factory):
    """exported(name) -> (folder, merged GGUF file)"""
    root, made = tmp_path_factory.mktemp("hf"), {}

    def get(name):
        if name not in made:
            one = families(name)
            make_adapter(one, runtime, root / "tuned.gguf")
            words = ["--base", one.gguf, "--adapter", root / "tuned.gguf"]
            graft("export", *words, "--to", "hf", "--type", "f32", "--out", root / name)
            graft("export", *words, "--to", "gguf", "--out", root / f"{name}.gguf")
            made[name] = root / name, root / f"{name}.gguf"
        return made[name]

    return get


@pytest.mark.parametrize("name", WRITTEN)
def test_transformers_computes_the_merged_model(name, exported, families, runtime):
    import torch
    from transformers import AutoModelForCausalLM
    folder, merged = exported(name)
    n_vocab = families(name).model.config.vocab_size
    ids = [i % (n_vocab - 3) for i in (1, 5, 77, 300, 12, 200, 45, 3, 9, 400)]
    model, loading = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True,
                                                          dtype=torch.float32)
    assert not loading["missing_keys"] and not loading["unexpected_keys"], loading
    with torch.no_grad():
        theirs = model.eval()(torch.tensor([ids])).logits[0].numpy()
        plain = families(name).model(torch.tensor([ids])).logits[0].numpy()
    runs = runtime.llamart.Model(merged, check_tensors=True)
    ours = runs.logits(ids)
    runs.close()
    assert np.abs(theirs - plain).max() > 0.05
    assert np.abs(theirs - ours).max() <= 1e-3


@pytest.mark.parametrize("name", WRITTEN)
def test_transformers_finds_the_same_tokens(name, exported, graft):
    from transformers import AutoTokenizer
    folder, merged = exported(name)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in hf_folders.SAMPLES + ["<|im_start|>user\nhi<|im_end|>\n", "</s>x <s>y"]:
        done = graft("tokenize", "--base", merged, "--special", "--json", text)
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == json.loads(done.stdout)["ids"], text


@pytest.mark.parametrize("name", WRITTEN)
def test_converting_back_gives_the_merged_file(name, exported, convert, tmp_path):
    folder, merged = exported(name)
    convert(folder, tmp_path / "back.gguf")
    keys, tensors = hf_folders.read_gguf(tmp_path / "back.gguf")
    wanted_keys, wanted = hf_folders.read_gguf(merged)
    assert set(tensors) == set(wanted)
    for tensor, values in wanted.items():
        limit = 1e-6 * np.abs(values).max()  # gains of Gemma's norms: less one and one more
        assert np.abs(tensors[tensor] - values).max() <= limit, tensor
    ours = {k: v for k, v in keys.items() if not k.startswith(("general.", "tokenizer.", "graft."))}
    for key, value in ours.items():
        if key in wanted_keys:
            assert value == pytest.approx(wanted_keys[key], rel=1e-6) \
                if isinstance(value, float) else value == wanted_keys[key], key
    assert keys["tokenizer.ggml.tokens"] == wanted_keys["tokenizer.ggml.tokens"]


def test_folders_in_16_bits(exported, families, graft, runtime, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    one = families("qwen3")
    make_adapter(one, runtime, tmp_path / "a.gguf")
    for kind, name in (("bf16", torch.bfloat16), ("f16", torch.float16)):
        done = graft("export", "--base", one.gguf, "--adapter", tmp_path / "a.gguf", "--to", "hf",
                     "--type", kind, "--out", tmp_path / kind, "--json")
        report = json.loads(done.stdout)["survival"]
        assert 0 < report["error"] and report["kept"] > 0.95
        model = AutoModelForCausalLM.from_pretrained(tmp_path / kind, dtype="auto")
        assert model.dtype == name and {p.dtype for p in model.parameters()} == {name}
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "bf16")
    messages = [{"role": "user", "content": "hi"}]
    assert tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == \
        "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_what_config_json_cannot_say_is_refused(families, graft, runtime, tmp_path):
    one = families("phi4-mini")
    make_adapter(one, runtime, tmp_path / "a.gguf")
    done = graft("export", "--base", one.gguf, "--adapter", tmp_path / "a.gguf", "--to", "hf", "--out",
                 tmp_path / "out", status=1)
    assert "LongRoPE" in done.stderr and not (tmp_path / "out").exists()


def test_a_name_that_changes_the_tokens_is_refused(families, graft, runtime, tmp_path):
    """llama.cpp lets special tokens of models named like Phi-3 swallow the spaces behind them."""
    one = families("qwen2")
    make_adapter(one, runtime, tmp_path / "phi3.gguf")
    words = ["export", "--base", one.gguf, "--adapter", tmp_path / "phi3.gguf", "--to", "gguf"]
    assert 'has "phi-3"' in graft(*words, "--out", tmp_path / "m.gguf", status=2).stderr
    assert not (tmp_path / "m.gguf").exists()
    graft(*words, "--out", tmp_path / "m.gguf", "--name", "mine")
