"""graft export --to hf: folders that transformers loads, with the tokens and the logits of the merged
model; converted back they are the merged GGUF file."""
import json
import subprocess

import hf_folders
import numpy as np
import pytest

FAMILIES = ["llama", "llama3", "llama-spm", "mistral", "ministral3", "smollm3", "qwen2", "qwen2-yarn", "qwen3", "phi3",
             "phi4-mini", "phi4-long", "gemma2", "gemma3", "granite"]


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


@pytest.mark.parametrize("name", FAMILIES)
def test_transformers_computes_the_merged_model(name, exported, families, driver, runtime, tmp_path):
    """Beside graft and llama.cpp. There are more tokens than the first contexts of phi4-long and
    ministral3, so that the second half of their rotations is seen."""
    import torch
    from transformers import AutoModelForCausalLM
    folder, merged = exported(name)
    n_vocab = families(name).n_vocab
    ids = [i * i * 7 % (n_vocab - 3) for i in range(1, 41)]
    model, loading = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True,
                                                          dtype=torch.float32)
    assert not loading["missing_keys"] and not loading["unexpected_keys"], loading
    with torch.no_grad():
        theirs = model.eval()(torch.tensor([ids])).logits[0].numpy()
    subprocess.run([driver("logits"), merged, "-", tmp_path / "logits", *map(str, ids)], check=True)
    ours = np.fromfile(tmp_path / "logits", np.float32).reshape(theirs.shape)
    run, plain = (runtime.llamart.Model(path, check_tensors=True) for path in (merged, families(name).gguf))
    assert np.abs(theirs - plain.logits(ids)).max() > 0.05
    assert np.abs(theirs - ours).max() <= 1e-4
    limit = 3e-3 if name.startswith("gemma") else 1e-3  # its GELU comes from a table of half floats
    assert np.abs(theirs - run.logits(ids)).max() <= limit
    run.close(), plain.close()


@pytest.mark.parametrize("name", FAMILIES)
def test_transformers_finds_the_same_tokens(name, exported, graft):
    from transformers import AutoTokenizer
    folder, merged = exported(name)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in hf_folders.SAMPLES + ["<|im_start|>user\nhi<|im_end|>\n", "</s>x <s>y"]:
        done = graft("tokenize", "--base", merged, "--special", "--json", text)
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == json.loads(done.stdout)["ids"], text


@pytest.mark.parametrize("name", FAMILIES)
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


def test_magnitudes_that_are_not_the_usual_survive(families, graft, runtime, convert, tmp_path):
    """config.json names LongRoPE's magnitude only if it is not what lengths make of it."""
    one = families("phi4-mini")
    make_adapter(one, runtime, tmp_path / "a.gguf")
    hf_folders.copy_gguf(one.gguf, tmp_path / "odd.gguf", {"phi3.rope.scaling.attn_factor": 1.25})
    for base, factor in ((one.gguf, None), (tmp_path / "odd.gguf", 1.25)):
        graft("export", "--base", base, "--adapter", tmp_path / "a.gguf", "--to", "hf", "--out", tmp_path / "hf")
        rope = json.loads((tmp_path / "hf/config.json").read_text())["rope_scaling"]
        assert rope.get("attention_factor") == factor and rope["rope_type"] == "longrope"
        convert(tmp_path / "hf", tmp_path / "back.gguf")
        back = hf_folders.gguf_keys(tmp_path / "back.gguf")["phi3.rope.scaling.attn_factor"]
        assert back == pytest.approx(hf_folders.gguf_keys(base)["phi3.rope.scaling.attn_factor"], rel=1e-6)


def test_what_config_json_cannot_say_is_refused(families, graft, runtime, tmp_path):
    one = families("phi4-mini")
    make_adapter(one, runtime, tmp_path / "a.gguf")
    hf_folders.copy_gguf(one.gguf, tmp_path / "odd.gguf", {"phi3.rope.scaling.type": "yarn",
                                                           "phi3.rope.scaling.factor": 2.0})
    done = graft("export", "--base", tmp_path / "odd.gguf", "--adapter", tmp_path / "a.gguf", "--to", "hf",
                 "--out", tmp_path / "out", status=1)
    assert "the rotation of this model" in done.stderr and not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["linear", "yarn"])
def test_a_scale_beside_own_frequencies_is_refused(kind, families, graft, runtime, tmp_path):
    """rope_freqs.weight of Llama 3.1 in a file that was stretched further: no rope_type has both."""
    one = families("llama3")
    make_adapter(one, runtime, tmp_path / "a.gguf")
    hf_folders.copy_gguf(one.gguf, tmp_path / "odd.gguf", {"llama.rope.scaling.type": kind,
                                                           "llama.rope.scaling.factor": 2.0})
    done = graft("export", "--base", tmp_path / "odd.gguf", "--adapter", tmp_path / "a.gguf", "--to", "hf",
                 "--out", tmp_path / "out", status=1)
    assert "a scale beside factors of frequencies" in done.stderr and not (tmp_path / "out").exists()


def test_a_name_that_changes_the_tokens_is_refused(families, graft, runtime, tmp_path):
    """llama.cpp lets special tokens of models named like Phi-3 swallow the spaces behind them."""
    one = families("qwen2")
    make_adapter(one, runtime, tmp_path / "phi3.gguf")
    words = ["export", "--base", one.gguf, "--adapter", tmp_path / "phi3.gguf", "--to", "gguf"]
    assert 'has "phi-3"' in graft(*words, "--out", tmp_path / "m.gguf", status=2).stderr
    assert not (tmp_path / "m.gguf").exists()
    graft(*words, "--out", tmp_path / "m.gguf", "--name", "mine")
