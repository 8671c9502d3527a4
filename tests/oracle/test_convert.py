"""Hugging Face folders as GGUF files: every tensor, every key, logits and token ids.

What is expected is written here, from transformers' own configuration and gguf-py's tables: names
(TensorNameMap), special tokens (SpecialVocab), general keys (Metadata). The runtime loads each file."""
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import hf_folders

FAMILIES = list(hf_folders.FAMILIES)
INTERLEAVED = {"llama", "mistral3", "smollm3", "granite"}


def expected_tensors(one):
    import gguf
    config = one.model.config
    arch = next(a for a, n in gguf.MODEL_ARCH_NAMES.items() if n == one.arch)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    out = {}
    for name, value in one.model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        value = value.float().numpy()
        if one.arch in INTERLEAVED and ".q_proj." in name:
            value = hf_folders.interleave(value, config.num_attention_heads)
        if one.arch in INTERLEAVED and ".k_proj." in name:
            value = hf_folders.interleave(value, config.num_key_value_heads)
        if one.arch.startswith("gemma") and name.endswith("norm.weight"):
            value = value + np.float32(1)
        out[names.get_name(name, try_suffixes=(".weight", ".bias"))] = value
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") == "llama3":
        plain = 1 / rope["rope_theta"] ** (np.arange(0, config.head_dim, 2) / config.head_dim)
        scaled = one.model.model.rotary_emb.inv_freq.double().numpy()
        out["rope_freqs.weight"] = plain / scaled
    if rope.get("rope_type") == "longrope":
        out["rope_factors_short.weight"] = np.array(rope["short_factor"], np.float32)
        out["rope_factors_long.weight"] = np.array(rope["long_factor"], np.float32)
    return out


@pytest.mark.parametrize("name", FAMILIES)
def test_tensors(name, families):
    one = families(name)
    expected = expected_tensors(one)
    assert sorted(one.tensors) == sorted(expected)
    for tensor, value in expected.items():
        if tensor == "rope_freqs.weight":  # transformers divides in another order
            assert np.abs(one.tensors[tensor] / value - 1).max() < 1e-6 and value.max() > 7
        else:
            assert np.array_equal(one.tensors[tensor], value), tensor


def expected_hyperparameters(one):
    c = one.model.config
    head = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    rope = c.rope_parameters
    keys = {"block_count": c.num_hidden_layers, "context_length": c.max_position_embeddings,
            "embedding_length": c.hidden_size, "feed_forward_length": c.intermediate_size,
            "attention.head_count": c.num_attention_heads,
            "attention.head_count_kv": c.num_key_value_heads,
            "attention.layer_norm_rms_epsilon": np.float32(c.rms_norm_eps)}
    if one.arch not in ("gemma2", "gemma3"):
        keys["rope.freq_base"] = rope["rope_theta"]
    if one.arch in INTERLEAVED:
        keys.update({"vocab_size": c.vocab_size, "rope.dimension_count": head})
    if one.arch in ("llama", "mistral3", "qwen3", "gemma2", "gemma3"):
        keys.update({"attention.key_length": head, "attention.value_length": head})
    if rope.get("rope_type") == "linear":
        keys.update({"rope.scaling.type": "linear", "rope.scaling.factor": rope["factor"]})
    if rope.get("rope_type") == "yarn":
        keys.update({"rope.scaling.type": "yarn", "rope.scaling.factor": rope["factor"],
                     "rope.scaling.original_context_length": rope["original_max_position_embeddings"]})
    if one.arch == "mistral3":
        keys.update({f"rope.scaling.yarn_{k}": v for k, v in {
            "beta_fast": rope["beta_fast"], "beta_slow": rope["beta_slow"],
            "log_multiplier": np.float32(rope["mscale_all_dim"])}.items()})
        keys["attention.temperature_scale"] = np.float32(rope["llama_4_scaling_beta"])
    if one.arch == "phi3":
        original = c.original_max_position_embeddings
        keys.update({"rope.scaling.original_context_length": original,
                     "rope.dimension_count": int(rope.get("partial_rotary_factor", 1.0) * head),
                     "attention.sliding_window": 0})
        if rope["rope_type"] == "longrope":
            ratio = c.max_position_embeddings / original
            keys["rope.scaling.attn_factor"] = np.float32(np.sqrt(1 + np.log(ratio) / np.log(original)))
    if one.arch == "gemma2":
        keys.update({"attn_logit_softcapping": c.attn_logit_softcapping,
                     "final_logit_softcapping": c.final_logit_softcapping,
                     "attention.sliding_window": c.sliding_window})
    if one.arch == "gemma3":
        keys.update({"rope.freq_base": rope["full_attention"]["rope_theta"],
                     "rope.freq_base_swa": rope["sliding_attention"]["rope_theta"],
                     "attention.sliding_window": c.sliding_window})
    if one.arch == "granite":
        keys.update({"attention.scale": np.float32(c.attention_multiplier),
                     "embedding_scale": c.embedding_multiplier,
                     "residual_scale": np.float32(c.residual_multiplier),
                     "logit_scale": c.logits_scaling})
    return {f"{one.arch}.{k}": v for k, v in keys.items()}


def expected_vocabulary(one):
    """tokens, types, and scores or merges, by the rules of each kind of vocabulary."""
    kind, n = hf_folders.FAMILIES[one.name][2], one.model.config.vocab_size
    data = json.loads(one.tokenizer.to_str())
    tokens, types = [f"[PAD{i}]" for i in range(n)], [5] * n
    scores, merges = [-10000.0] * n, [" ".join(m) for m in data["model"]["merges"]]
    spm = kind.startswith("spm")
    for text, i in data["model"]["vocab"].items():
        tokens[i], types[i] = text, 6 if spm and re.fullmatch("<0x..>", text) else 1
        scores[i] = 0.0
    if spm:  # by rank, each piece once
        made = list(dict.fromkeys(a + b for a, b in data["model"]["merges"]))
        for i in range(259, n):
            if tokens[i] in made:
                scores[i] = -float(made.index(tokens[i]))
    for token in data["added_tokens"]:
        special = token["special"] or token["content"].startswith("<|")
        i = token["id"]
        tokens[i] = token["content"] if special else token["content"].replace("\u2581", " ")
        types[i], scores[i] = 3 if special else 4, -1000.0
    return tokens, types, scores if spm else None, None if spm else merges


def order(values, of):
    """The ids `of` by their scores: what those are is free, what they order is not."""
    return sorted(of, key=lambda i: -values[i])


@pytest.mark.parametrize("name", FAMILIES)
def test_keys(name, families):
    import gguf
    one = families(name)
    kind = hf_folders.FAMILIES[name][2]
    spm = kind.startswith("spm")
    tokens, types, scores, merges = expected_vocabulary(one)
    expected = {**expected_hyperparameters(one), "general.architecture": one.arch,
                "general.type": "model", "general.file_type": 0, "general.quantization_version": 2,
                "tokenizer.ggml.model": "llama" if spm else "gpt2",
                "tokenizer.ggml.pre": "default" if spm else kind,
                "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types}
    if one.arch in ("gemma3", "mistral3"):  # graft's own: classes of text alone and such that see become these
        expected["graft.source_class"] = type(one.model).__name__
    total = sum(t.size for t in one.tensors.values())
    meta = gguf.Metadata.load(None, one.folder, None, total)
    expected["general.name"] = meta.name
    expected["general.size_label"] = meta.size_label or gguf.size_label(total, total, 0, 0)
    special = gguf.SpecialVocab(one.folder, load_merges=True, n_vocab=len(tokens))
    assert spm or special.merges == merges
    names = {"unk": "unknown", "sep": "seperator", "pad": "padding"}
    for what, i in special.special_token_ids.items():
        expected[f"tokenizer.ggml.{names.get(what, what)}_token_id"] = i
    for what, add in special.add_special_token.items():
        expected[f"tokenizer.ggml.add_{what}_token"] = add
    if special.chat_template:
        expected["tokenizer.chat_template"] = special.chat_template
    if one.arch.startswith("gemma") or kind == "smollm":
        expected["tokenizer.ggml.add_space_prefix"] = False
    if spm:
        found = one.keys["tokenizer.ggml.scores"]
        made = [i for i in range(259, len(scores)) if -1000 < scores[i] < 0 or i == 259]
        if kind == "spm-json":  # its files hold no scores: only their order is known
            assert order(found, made) == order(scores, made)
            types[0] = 2
        else:
            assert [found[i] for i in made] == [scores[i] for i in made]
        assert len(made) > 100 and found[1] == -1000 and found[-1] == -10000
        expected["tokenizer.ggml.scores"] = found
    else:
        expected["tokenizer.ggml.merges"] = merges
    assert one.keys == expected


@pytest.mark.parametrize("name", FAMILIES)
def test_the_runtime_agrees_with_transformers(name, families, runtime):
    """llama.cpp on the converted file: ids of text as `tokenizers` gives them, logits as transformers'."""
    import torch
    one = families(name)
    model = runtime.llamart.Model(one.gguf, check_tensors=True)
    for text in hf_folders.SAMPLES:
        assert list(model.tokenize(text, True, True)) == one.tokenizer.encode(text).ids, text
    ids = np.random.default_rng(1).integers(3, one.tokenizer.get_vocab_size(), 40).tolist()
    got = model.logits(ids)
    model.close()
    with torch.no_grad():
        want = one.model(torch.tensor([ids])).logits[0].numpy()
    assert np.abs(want).max() > 0.5
    assert np.abs(got - want).max() <= 1e-3


# --- published vocabularies ---

@pytest.mark.parametrize("pre", ["smollm", "starcoder"])
def test_a_published_vocabulary_has_its_name(pre, base_model, shared, convert, tmp_path):
    """SmolLM2's and StarCoder's tokenizer.json, put together again from GGUF files: tokens, types and
    merges come out as they were, and so does the name, though the two are defined alike."""
    source = {"smollm": base_model}.get(pre, shared / f"fixtures/tokenizers/ggml-vocab-{pre}.gguf")
    parts = [f"tokenizer.ggml.{key}" for key in ("tokens", "token_type", "merges")]
    keys = hf_folders.gguf_keys(source)
    tokens, types, merges = (keys[part] for part in parts)
    data = json.loads(hf_folders.byte_level("smollm").to_str())
    data["model"].update(vocab={t: i for i, t in enumerate(tokens) if types[i] == 1}, merges=merges)
    data["added_tokens"] = [dict(id=i, content=t, special=types[i] == 3, normalized=False, lstrip=False,
                                 rstrip=False, single_word=False)
                            for i, t in enumerate(tokens) if types[i] != 1]
    folder = tmp_path / "model"
    folder.mkdir()
    hf_folders.make_model("llama", len(tokens)).half().save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(data))
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": tokens[1]}))
    convert(folder, tmp_path / "out.gguf", "f16")
    found = hf_folders.gguf_keys(tmp_path / "out.gguf")
    assert found["tokenizer.ggml.pre"] == pre
    assert all(found[part] == keys[part] for part in parts)
    # without a merge it is another vocabulary, and has the name of the definition
    data["model"]["merges"] = merges[1:]
    (folder / "tokenizer.json").write_text(json.dumps(data))
    convert(folder, tmp_path / "out.gguf", "f16")
    assert hf_folders.gguf_keys(tmp_path / "out.gguf")["tokenizer.ggml.pre"] == "smollm"


@pytest.mark.parametrize("form", ["tokenizer.model", "tokenizer.json"])
def test_llamas_vocabulary(form, shared, convert, runtime, tmp_path):
    """Llama 2's 32,000 pieces as tokenizer.model, and as a tokenizer.json that has merges and no scores:
    the runtime cuts its test texts on the converted file as on its own."""
    source = shared / "fixtures/tokenizers/ggml-vocab-llama-spm.gguf"
    keys = hf_folders.gguf_keys(source)
    tokens, types, scores = (keys[f"tokenizer.ggml.{key}"] for key in ("tokens", "token_type", "scores"))
    folder = tmp_path / "model"
    folder.mkdir()
    hf_folders.make_model("llama", len(tokens)).half().save_pretrained(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "add_bos_token": True}))
    if form == "tokenizer.model":
        (folder / form).write_bytes(hf_folders.sentencepiece_model(tokens, scores, types, True))
    else:  # as transformers lists them: all pairs of a piece, pieces by score
        ids = {t: i for i, t in enumerate(tokens)}
        pairs = [(-scores[i], t[:k], t[k:]) for t, i in ids.items() if types[i] == 1
                 for k in range(1, len(t)) if t[:k] in ids and t[k:] in ids]
        pairs.sort(key=lambda p: (p[0], ids[p[1]], ids[p[2]]))
        data = json.loads(hf_folders.sentencepiece()[0].to_str())
        data["model"].update(vocab=ids, merges=[p[1:] for p in pairs])
        (folder / form).write_text(json.dumps(data))
    convert(folder, tmp_path / "out.gguf", "f16")
    found = hf_folders.gguf_keys(tmp_path / "out.gguf")
    assert found["tokenizer.ggml.tokens"] == tokens and found["tokenizer.ggml.token_type"] == types
    if form == "tokenizer.model":
        assert found["tokenizer.ggml.scores"] == scores
    model = runtime.llamart.Model(tmp_path / "out.gguf", vocab_only=True)
    texts = source.with_suffix(".gguf.inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")[:-1]
    lines = source.with_suffix(".gguf.out").read_text().splitlines()
    assert len(texts) == len(lines) > 40
    for text, line in zip(texts, lines):
        assert list(model.tokenize(text, False, False)) == list(map(int, line.split())), text
    model.close()


def test_pre_says_what_it_is(convert, families, tmp_path):
    """--pre wins over what is recognised, and helps where nothing is."""
    one = families("qwen3")
    convert(one.folder, tmp_path / "out.gguf", pre="llama-bpe")
    assert hf_folders.read_gguf(tmp_path / "out.gguf")[0]["tokenizer.ggml.pre"] == "llama-bpe"
    shutil.copytree(one.folder, tmp_path / "tiny")
    data = json.loads((tmp_path / "tiny/tokenizer.json").read_text())
    data["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "[a-z]+"
    (tmp_path / "tiny/tokenizer.json").write_text(json.dumps(data))
    said = convert(tmp_path / "tiny", tmp_path / "none.gguf", status=6)
    assert 'tokenizer.json: the pre-tokeniser "[a-z]+" is unknown (known: gpt-2, smollm, ' in said
    assert not (tmp_path / "none.gguf").exists()
    convert(tmp_path / "tiny", tmp_path / "out.gguf", pre="qwen2")
    assert hf_folders.read_gguf(tmp_path / "out.gguf")[0] == one.keys


def test_chat_templates(convert, families, tmp_path):
    """Where folders keep them, and named ones."""
    one = families("llama3")
    shutil.copytree(one.folder, tmp_path / "tiny")
    path = tmp_path / "tiny/tokenizer_config.json"
    settings = json.loads(path.read_text())

    def keys(template, **files):
        settings["chat_template"] = template
        path.write_text(json.dumps({k: v for k, v in settings.items() if v is not None}))
        for name, text in files.items():
            (tmp_path / f"tiny/chat_template.{name}").write_text(text)
        convert(tmp_path / "tiny", tmp_path / "out.gguf")
        return {k.split("tokenizer.")[1]: v for k, v in hf_folders.read_gguf(tmp_path / "out.gguf")[0].items()
                if "chat_template" in k}

    assert keys(None) == {}
    assert keys(None, json='{"chat_template": "c"}') == {"chat_template": "c"}
    assert keys(None, jinja="b \u00fc\n") == {"chat_template": "b \u00fc\n"}
    assert keys("a") == {"chat_template": "a"}
    named = [{"name": "default", "template": "d"}, {"name": "tool-use", "template": "t"}]
    assert keys(named) == {"chat_template": "d", "chat_template.tool_use": "t",
                           "chat_templates": ["tool_use"]}


NAMES = ["SmolLM2-135M-Instruct", "Mistral-7B-Instruct-v0.3", "Meta-Llama-3.1-8B", "my model", "tiny",
         "Qwen2.5-0.5B", "gemma-3-4b-it", "phi-4-mini-instruct", "Phi-3-mini-128k-instruct", "granite-3.3-2b",
         "bloom-7b1", "Mixtral-8x7B-v0.1", "v2-chat", "x-1_5b-chat-Q4_K_M", "smollm2-135M-8k-lc100k-mix1-ep2"]


@pytest.mark.parametrize("kind", ["folder", "id"])
def test_what_names_say(kind, convert, families, tmp_path):
    """general.name and its parts, from the folder's name or the id in config.json, as gguf-py has it."""
    import gguf
    one = families("qwen2")
    total = sum(t.size for t in one.tensors.values())
    for name in NAMES:
        folder = tmp_path / (name if kind == "folder" else "local")
        if not folder.exists():
            shutil.copytree(one.folder, folder)
        if kind == "id":
            config = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps({**config, "_name_or_path": f"some-org/{name}"}))
        convert(folder, tmp_path / "out.gguf")
        found = hf_folders.gguf_keys(tmp_path / "out.gguf")
        meta = gguf.Metadata.load(None, folder, None, total)
        for part in ("name", "organization", "basename", "finetune", "version", "size_label"):
            expected = getattr(meta, part)
            if part == "size_label":
                expected = expected or gguf.size_label(total, total, 0, 0)
            assert found.get(f"general.{part}") == expected, (name, part)


CARDS = {
    "usual": """license: apache-2.0
language:
- en
- "no"
tags: [chat, "tool use"]
pipeline_tag: text-generation
base_model: some-org/Tiny-1.5B-v0.2
datasets:
- org/Data-Set
- https://huggingface.co/another/one
- https://example.org/three
""",
    "names": """model_name: My Own Name
model_creator: Somebody
version: "7"
license: [mit, other]
license_name: own
license_link: LICENSE
base_model:
- plain-7B
- a/b-7b-Instruct
description: "line: one"
url: https://example.org
""",
    "nothing": "",
    "tabs": "tags:\t[a]\nlanguage: de\n",
}


@pytest.mark.parametrize("card", CARDS)
def test_model_cards(card, convert, families, tmp_path):
    """The head of README.md, as gguf-py's Metadata writes it."""
    import gguf
    one = families("qwen2")
    shutil.copytree(one.folder, tmp_path / "tiny")
    (tmp_path / "tiny/README.md").write_text(f"---\n{CARDS[card]}---\n\n# A model\nlicense: none\n")
    convert(tmp_path / "tiny", tmp_path / "out.gguf")
    found = {k: v for k, v in hf_folders.gguf_keys(tmp_path / "out.gguf").items()
             if k.startswith("general.")}
    total = sum(t.size for t in one.tensors.values())
    meta = gguf.Metadata.load(None, tmp_path / "tiny", None, total)
    meta.size_label = meta.size_label or gguf.size_label(total, total, 0, 0)
    writer = gguf.GGUFWriter(tmp_path / "expected.gguf", "qwen2")
    writer.add_type("model")
    meta.set_gguf_meta_model(writer)
    writer.add_file_type(0)
    writer.add_quantization_version(2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    expected = hf_folders.gguf_keys(tmp_path / "expected.gguf")
    assert {k: v for k, v in found.items() if "sampling" not in k} == \
        {k: v for k, v in expected.items() if "sampling" not in k}


def test_a_card_that_is_no_yaml_is_said(convert, families, tmp_path):
    shutil.copytree(families("qwen2").folder, tmp_path / "tiny")
    (tmp_path / "tiny/README.md").write_text("---\ntags: &a [x]\n---\n")
    said = convert(tmp_path / "tiny", tmp_path / "out.gguf")
    assert "README.md:1: " in said and "is left out" in said


# --- what becomes of the file ---

@pytest.mark.parametrize("name", [f for f in FAMILIES if f != "llama-bias"])  # which it refuses
def test_graft_computes_the_same(name, families, driver, tmp_path):
    """graft's own forward pass of the converted file against transformers'."""
    import torch
    one = families(name)
    ids = np.random.default_rng(2).integers(3, one.tokenizer.get_vocab_size(), 40).tolist()
    out = tmp_path / "logits.bin"
    subprocess.run([driver("logits"), one.gguf, "-", out, *map(str, ids)], check=True)
    with torch.no_grad():
        want = one.model(torch.tensor([ids])).logits[0].numpy()
    got = np.fromfile(out, np.float32).reshape(want.shape)
    assert np.abs(got - want).max() <= 1e-4


@pytest.mark.parametrize("name", FAMILIES)
def test_graft_finds_the_same_tokens(name, families, graft):
    """graft's ids of text, which has no BOS of its own, against the tokenizer that made the folder."""
    one = families(name)
    for text in hf_folders.SAMPLES:
        found = json.loads(graft("tokenize", "--base", one.gguf, "--json", "--", text).stdout)
        assert found["ids"] == one.tokenizer.encode(text, add_special_tokens=False).ids, text


@pytest.mark.parametrize("name", ["llama", "llama3", "smollm3", "granite", "qwen3", "phi3", "gemma3"])
def test_peft_adapters_fit_the_converted_base(name, families, driver, runtime, tmp_path):
    """A PEFT adapter of the folder's model, loaded by graft for the converted file (as init_adapter
    does) and written for the runtime: rows of q and k are reordered like those of the base."""
    import torch
    from peft import LoraConfig, get_peft_model
    one = families(name)
    model = get_peft_model(hf_folders.make_model(name, one.model.config.vocab_size),
                           LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM",
                                      target_modules="all-linear"))
    torch.manual_seed(4)
    for parameter_name, parameter in model.named_parameters():
        if "lora_" in parameter_name:
            torch.nn.init.normal_(parameter, std=0.05)
    model.save_pretrained(tmp_path / "peft")
    subprocess.run([driver("adapters"), one.gguf, tmp_path / "peft", "adapter", tmp_path / "out"],
                   check=True)
    ids = np.random.default_rng(3).integers(3, one.tokenizer.get_vocab_size(), 30).tolist()
    with torch.no_grad():
        want = model.eval()(torch.tensor([ids])).logits[0].numpy()
        plain = one.model(torch.tensor([ids])).logits[0].numpy()
    base = runtime.llamart.Model(one.gguf)
    got = base.logits(ids, [(base.adapter(tmp_path / "out/adapter.gguf"), 1.0)])
    base.close()
    assert np.abs(want - plain).max() > 0.02
    assert np.abs(got - want).max() <= 1e-3
