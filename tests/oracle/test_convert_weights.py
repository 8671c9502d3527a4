"""Weights of Hugging Face folders as they are stored: 16 bits, shards, parts of larger models, 8-bit
floats with scales, 4 bits of bitsandbytes. The references are torch and numpy."""
import json
import shutil

import numpy as np
import pytest

import hf_folders


def stored(folder, name="llama-bias"):
    """(path, tensors of its model.safetensors) of a fresh folder whose weights a test changes."""
    from safetensors.torch import load_file
    hf_folders.make_folder(folder, name)
    path = folder / "model.safetensors"
    return path, load_file(path)


def save(path, tensors, **quantization):
    from safetensors.torch import save_file
    save_file(tensors, path, {"format": "pt"})
    if quantization:
        config = json.loads((path.parent / "config.json").read_text())
        config["quantization_config"] = quantization
        (path.parent / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("kind", ["bf16", "f16"])
def test_sixteen_bits(kind, convert, tmp_path):
    """Matrices in the type, vectors in f32; bf16 in, rounded as torch rounds."""
    import gguf
    import torch
    model, _ = hf_folders.make_folder(tmp_path / "in", "qwen2", dtype="bfloat16")
    convert(tmp_path / "in", tmp_path / "out.gguf", kind)
    reader = gguf.GGUFReader(tmp_path / "out.gguf")
    wanted = {"bf16": torch.bfloat16, "f16": torch.float16}[kind]
    assert reader.fields["general.file_type"].contents() == {"f16": 1, "bf16": 32}[kind]
    found = {t.name: t for t in reader.tensors}
    for layer in range(2):
        value = model.model.layers[layer].mlp.down_proj.weight.detach()
        t = found[f"blk.{layer}.ffn_down.weight"]
        assert t.data.tobytes() == value.to(wanted).contiguous().view(torch.uint8).numpy().tobytes()
        bias = model.model.layers[layer].self_attn.q_proj.bias.detach().float().numpy()
        assert np.array_equal(found[f"blk.{layer}.attn_q.bias"].data, bias)


def test_shards(convert, families, tmp_path):
    """Several files with an index give what one file gives."""
    one = families("qwen3")
    shutil.copytree(one.folder, tmp_path / "tiny")
    (tmp_path / "tiny/model.safetensors").unlink()
    one.model.save_pretrained(tmp_path / "tiny", max_shard_size="60KB")
    assert len(list((tmp_path / "tiny").glob("model-*.safetensors"))) > 2
    convert(tmp_path / "tiny", tmp_path / "out.gguf")
    keys, tensors = hf_folders.read_gguf(tmp_path / "out.gguf")
    assert keys == one.keys
    assert all(np.array_equal(tensors[n], one.tensors[n]) for n in one.tensors)


@pytest.mark.parametrize("name, architecture, kind", [
    ("gemma3", "Gemma3ForConditionalGeneration", "gemma3_text"),
    ("ministral3", "Mistral3ForConditionalGeneration", "ministral3")])
def test_the_text_part_of_a_vision_model(name, architecture, kind, convert, families, tmp_path):
    """Both generations of names; what is not text is left out."""
    import torch
    from safetensors.torch import save_file
    one = families(name)
    text = one.model.config.to_dict()
    text["model_type"] = kind
    for prefix, head in (("language_model.model.", "language_model.lm_head."),
                         ("model.language_model.", "lm_head.")):
        folder = tmp_path / prefix.split(".")[0] / "tiny"
        shutil.copytree(one.folder, folder)
        tensors = {n.replace("model.", prefix, 1): v.clone() for n, v in
                   one.model.state_dict().items() if n != "lm_head.weight"}
        tensors[head + "weight"] = one.model.lm_head.weight.detach().clone()
        tensors["vision_tower.x.weight"] = torch.ones(3, 4)
        tensors["multi_modal_projector.y.weight"] = torch.ones(3, 4)
        save_file(tensors, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(
            {"architectures": [architecture], "text_config": text,
             "vision_config": {"hidden_size": 5}, "bos_token_id": 1}))
        said = convert(folder, tmp_path / "out.gguf")
        assert "2 tensors of other parts" in said
        assert ("lm_head.weight is left out" in said) == one.model.config.tie_word_embeddings
        keys, tensors = hf_folders.read_gguf(tmp_path / "out.gguf")
        assert keys == {**one.keys, **{k: v for k, v in keys.items() if k.startswith("general.size")},
                        "graft.source_class": architecture}
        assert one.keys["graft.source_class"] == type(one.model).__name__
        assert sorted(tensors) == sorted(one.tensors)
        assert all(np.array_equal(tensors[n], one.tensors[n]) for n in one.tensors)


def test_two_sets_of_weights_are_refused(families, graft, tmp_path):
    """transformers would read the single file, an index says otherwise."""
    one = families("qwen3")
    shutil.copytree(one.folder, tmp_path / "tiny")
    one.model.save_pretrained(tmp_path / "shards", max_shard_size="60KB")
    for path in (tmp_path / "shards").glob("model-*"):
        shutil.copy(path, tmp_path / "tiny")
    shutil.copy(tmp_path / "shards/model.safetensors.index.json", tmp_path / "tiny")
    done = graft("quantize", tmp_path / "tiny", tmp_path / "out.gguf", "--type", "f32", status=6)
    assert "model.safetensors: stands beside" in done.stderr and "index.json" in done.stderr
    (tmp_path / "tiny/model.safetensors").unlink()
    graft("quantize", tmp_path / "tiny", tmp_path / "out.gguf", "--type", "f32")


def test_a_trained_head_stays_though_the_config_ties_it(convert, families, tmp_path):
    """transformers 5 does not tie tensors that differ."""
    one = families("qwen3")
    assert not one.model.config.tie_word_embeddings
    shutil.copytree(one.folder, tmp_path / "tiny")
    config = json.loads((tmp_path / "tiny/config.json").read_text())
    (tmp_path / "tiny/config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    assert "lm_head.weight is not the embeddings" in convert(tmp_path / "tiny", tmp_path / "out.gguf")
    _, tensors = hf_folders.read_gguf(tmp_path / "out.gguf")
    assert sorted(tensors) == sorted(one.tensors)
    assert np.array_equal(tensors["output.weight"], one.tensors["output.weight"])


def test_of_mistral3_what_the_runtime_cannot_do_is_refused(families, graft, tmp_path):
    one = families("ministral3")
    folder = tmp_path / "tiny"
    shutil.copytree(one.folder, folder)
    config = json.loads((folder / "config.json").read_text())
    rope = config["rope_parameters"]
    for change, message in (
            ({"sliding_window": 16}, "layers with windows"),
            ({"rope_parameters": None}, "rope_parameters are missing"),
            ({"rope_parameters": {**rope, "mscale": 0.5}}, "mscale is 0.5, and the runtime takes 1"),
            ({"rope_parameters": {**rope, "llama_4_scaling_beta": -1}}, "llama_4_scaling_beta is negative"),
            ({"model_type": "mistral4"}, "the text part is a")):
        (folder / "config.json").write_text(json.dumps({**config, **change}))
        done = graft("quantize", folder, tmp_path / "out.gguf", "--type", "f32", status=6)
        assert message in done.stderr and "config.json" in done.stderr, done.stderr
    # as Devstral 2 says that it has neither, and as Mistral Small 3.1 has it
    for change, gone in (({**rope, "mscale_all_dim": 0, "llama_4_scaling_beta": 0}, ("log_multiplier", "temperature")),
                         ({"rope_type": "default", "rope_theta": 1000.0}, ("log_multiplier", "temperature", "yarn"))):
        (folder / "config.json").write_text(json.dumps({**config, "rope_parameters": change}))
        graft("quantize", folder, tmp_path / "out.gguf", "--type", "f32")
        keys = hf_folders.gguf_keys(tmp_path / "out.gguf")
        assert keys["general.architecture"] == "mistral3" and keys["mistral3.rope.freq_base"] == 1000
        assert not [k for k in keys for word in gone if word in k]


SCALES = {"tensor": (lambda w: (1,), None), "scalar": (lambda w: (), None),
          "rows": (lambda w: (w.shape[0], 1), None),
          "blocks": (lambda w: (-(-w.shape[0] // 24), -(-w.shape[1] // 40)), [24, 40])}


@pytest.mark.parametrize("layout", SCALES)
@pytest.mark.parametrize("suffix", ["weight_scale_inv", "weight_scale"])
def test_eight_bit_floats(layout, suffix, convert, tmp_path):
    """F8_E4M3 with scales, bit for bit what torch makes of it; each of its 254 numbers occurs."""
    import torch
    path, tensors = stored(tmp_path / "in", "qwen2")
    shape, block = SCALES[layout]
    expected, codes = {}, torch.arange(256, dtype=torch.uint8)
    codes = codes[(codes & 127) != 127]
    torch.manual_seed(2)
    for name in [n for n in tensors if n.endswith("proj.weight")]:
        w = tensors[name]
        picks = torch.cat([torch.arange(254), torch.randint(254, (w.numel() - 254,))])
        w8 = codes[picks].reshape(w.shape).view(torch.float8_e4m3fn)
        scale = torch.rand(shape(w)) * 0.1 + 1e-3
        full = scale
        if layout == "blocks":
            full = scale.repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)
            full = full[:w.shape[0], :w.shape[1]]
        expected[name] = w8.float() * full
        tensors[name] = w8
        tensors[name.replace("weight", suffix)] = scale
        tensors[name.replace("weight", "input_scale")] = torch.ones(1)
    save(path, tensors, quant_method="fp8", **({"weight_block_size": block} if block else {}))
    convert(tmp_path / "in", tmp_path / "out.gguf")
    _, found = hf_folders.read_gguf(tmp_path / "out.gguf")
    for layer in range(2):
        for theirs, ours in (("self_attn.v_proj", "attn_v"), ("mlp.up_proj", "ffn_up"),
                             ("mlp.down_proj", "ffn_down"), ("self_attn.q_proj", "attn_q")):
            want = expected[f"model.layers.{layer}.{theirs}.weight"].numpy()
            assert found[f"blk.{layer}.{ours}.weight"].tobytes() == want.tobytes(), theirs


NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
       -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
       0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
       0.7229568362236023, 1.0]
FP4 = [0.0, 0.0052083334885537624, 0.6666666865348816, 1.0, 0.3333333432674408, 0.5, 0.1666666716337204,
       0.25, -0.0, -0.0052083334885537624, -0.6666666865348816, -1.0, -0.3333333432674408, -0.5,
       -0.1666666716337204, -0.25]


def bitsandbytes(tensors, name, kind, dtype, nested, rng):
    """Replaces a weight by what bitsandbytes saves for it; returns the numbers it stands for."""
    import torch
    shape = list(tensors[name].shape)
    n, block = tensors[name].numel(), 64
    codes = rng.integers(0, 16, n, dtype=np.uint8)
    table = np.array({"nf4": NF4, "fp4": FP4}[kind], np.float32)
    blocks = -(-n // block)
    state = {"quant_type": kind, "blocksize": block, "dtype": dtype, "shape": shape}
    parts = {"quant_map": table}
    if nested:
        parts["nested_quant_map"] = np.sort(rng.standard_normal(256)).astype(np.float32)
        parts["nested_absmax"] = rng.random(-(-blocks // 256)).astype(np.float32) * 0.1
        parts["absmax"] = rng.integers(0, 256, blocks, dtype=np.uint8)
        state.update(nested_blocksize=256, nested_dtype="float32", nested_offset=0.0321)
        absmax = parts["nested_quant_map"][parts["absmax"]] \
            * np.repeat(parts["nested_absmax"], 256)[:blocks] + np.float32(0.0321)
    else:
        absmax = parts["absmax"] = rng.random(blocks).astype(np.float32) * 0.2
    tensors[name] = torch.from_numpy((codes[0::2] << 4 | codes[1::2]).reshape(-1, 1))
    for part, value in parts.items():
        tensors[f"{name}.{part}"] = torch.from_numpy(value)
    text = json.dumps(state).encode()
    tensors[f"{name}.quant_state.bitsandbytes__{kind}"] = torch.tensor(list(text), dtype=torch.uint8)
    numbers = torch.from_numpy(table[codes] * np.repeat(absmax, block)[:n])
    return numbers.to(getattr(torch, dtype)).float().numpy().reshape(shape)


@pytest.mark.parametrize("kind, dtype, nested", [
    ("nf4", "bfloat16", True), ("nf4", "float16", False), ("fp4", "float32", True)])
def test_four_bits_of_bitsandbytes(kind, dtype, nested, convert, tmp_path):
    """QLoRA's bases: the numbers that training computed with, rounded to its type; rows of q and k
    are reordered as those of plain weights."""
    path, tensors = stored(tmp_path / "in")
    rng = np.random.default_rng(5)
    expected = {n: bitsandbytes(tensors, n, kind, dtype, nested, rng)
                for n in list(tensors) if n.endswith("proj.weight")}
    save(path, tensors, quant_method="bitsandbytes", load_in_4bit=True)
    convert(tmp_path / "in", tmp_path / "out.gguf")
    _, found = hf_folders.read_gguf(tmp_path / "out.gguf")
    for layer in range(2):
        at = f"model.layers.{layer}."
        for theirs, ours, heads in (("self_attn.q_proj", "attn_q", 4), ("self_attn.k_proj", "attn_k", 2),
                                    ("mlp.gate_proj", "ffn_gate", 0), ("self_attn.o_proj", "attn_output", 0)):
            want = expected[f"{at}{theirs}.weight"]
            want = hf_folders.interleave(want, heads) if heads else want
            assert found[f"blk.{layer}.{ours}.weight"].tobytes() == want.tobytes(), theirs
