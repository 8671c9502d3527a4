"""Adapters of mlx-lm: what it saves, graft trains on, merges, converts and writes again, bit for bit.

Folders are made here as mlx-lm 0.32 makes them (what it did itself: tests/exports/RESULTS.md)."""
import json
import struct

import numpy as np
import pytest

IDS = [1, 5, 77, 300, 12, 200, 45, 3]
NAMES = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
         "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
         "ffn_down": "mlp.down_proj"}
HEADS = {"attn_q": 4, "attn_k": 2}
RANK, SCALE = 4, 10.0


def save_as_mlx(tensors, path):
    """mlx says that there is no metadata, too."""
    header, at, kinds = {"__metadata__": None}, 0, {"float32": "F32", "float16": "F16"}
    for name, values in tensors.items():
        header[name] = {"dtype": kinds[str(values.dtype)], "shape": values.shape,
                        "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(v.tobytes() for v in tensors.values()))


def write_folder(folder, pairs, scale, dtype=np.float32, **config):
    """As `mlx_lm.lora --train` leaves it: all settings of the command are in adapter_config.json."""
    folder.mkdir()
    tensors = {}
    for name, (a, b) in pairs.items():
        part = name.split(".")[2]
        if part in HEADS:  # rows as Hugging Face has them
            b = b.reshape(HEADS[part], -1, 2, b.shape[1]).swapaxes(1, 2).reshape(b.shape)
        module = f"model.layers.{name.split('.')[1]}.{NAMES[part]}"
        tensors[f"{module}.lora_a"] = np.ascontiguousarray(a.T, dtype)
        tensors[f"{module}.lora_b"] = np.ascontiguousarray(b.T, dtype)
    save_as_mlx(tensors, folder / "adapters.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({
        "model": "mlx-community/tiny", "train": True, "fine_tune_type": "lora", "num_layers": 16,
        "optimizer_config": {"adam": {}}, "resume_adapter_file": None, "lr_schedule": None,
        "lora_parameters": {"rank": RANK, "dropout": 0.0, "scale": scale}, **config}, indent=4))
    return tensors


@pytest.fixture(scope="module")
def trained(small_model, runtime, tmp_path_factory):
    """(folder, its tensors, logits with it)"""
    root = tmp_path_factory.mktemp("mlx")
    pairs = runtime.ggutil.random_pairs(small_model[1], RANK, seed=5, amp=0.1)
    tensors = write_folder(root / "adapters", pairs, SCALE)
    import gguf
    merged = runtime.ggutil.merge(small_model[1], pairs, SCALE)
    runtime.ggutil.write_like(gguf.GGUFReader(small_model[0]), merged, str(root / "merged.gguf"))
    return root / "adapters", tensors, logits(runtime, root / "merged.gguf")


def logits(runtime, path, adapter=None):
    model = runtime.llamart.Model(path, check_tensors=True)
    result = model.logits(IDS, [(model.adapter(adapter), 1.0)] if adapter else [])
    model.close()
    return result


def same_tensors(folder, wanted):
    from safetensors.numpy import load_file
    found = load_file(folder / "adapters.safetensors")
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        assert np.array_equal(found[name], values), name


def test_graft_merges_and_converts_what_mlx_lm_trained(trained, small_model, graft, runtime, tmp_path):
    folder, _, expected = trained
    plain = logits(runtime, small_model[0])
    assert np.abs(expected - plain).max() > 1
    words = ["export", "--base", small_model[0], "--adapter", folder, "--to"]
    graft(*words, "adapter", "--out", tmp_path / "a.gguf")
    assert np.abs(logits(runtime, small_model[0], tmp_path / "a.gguf") - expected).max() <= 1e-3
    graft(*words, "gguf", "--out", tmp_path / "m.gguf")
    assert np.abs(logits(runtime, tmp_path / "m.gguf") - expected).max() <= 1e-3
    graft(*words, "peft", "--out", tmp_path / "p")
    graft("export", "--base", small_model[0], "--adapter", tmp_path / "p", "--to", "gguf", "--out",
          tmp_path / "n.gguf")
    one, two = (runtime.ggutil.load(str(tmp_path / f"{name}.gguf"))[1] for name in "mn")
    assert all(np.array_equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("scale", [10.0, 0.1, 1 / 3])
def test_mlx_lm_and_back_keeps_every_bit(scale, trained, small_model, graft, runtime, tmp_path):
    pairs = runtime.ggutil.random_pairs(small_model[1], RANK, seed=6)
    tensors = write_folder(tmp_path / "in", pairs, scale)
    graft("export", "--base", small_model[0], "--adapter", tmp_path / "in", "--to", "mlx", "--out",
          tmp_path / "out")
    same_tensors(tmp_path / "out", tensors)
    config = json.loads((tmp_path / "out/adapter_config.json").read_text())
    assert config["lora_parameters"]["scale"] == scale and config["lora_parameters"]["rank"] == RANK
    assert config["model"] == "mlx-community/tiny"
    if scale == 10.0:  # alpha is a single precision number: through a GGUF file as well
        graft("export", "--base", small_model[0], "--adapter", tmp_path / "in", "--to", "adapter", "--out",
              tmp_path / "a.gguf")
        graft("export", "--base", small_model[0], "--adapter", tmp_path / "a.gguf", "--to", "mlx", "--out",
              tmp_path / "again")
        same_tensors(tmp_path / "again", tensors)


def test_training_goes_on_where_mlx_lm_stopped(trained, small_model, graft, jsonl, tmp_path):
    """A step too small to move single-precision numbers leaves the adapter as it was; a real one does not."""
    folder, tensors, _ = trained
    data = jsonl("d.jsonl", [{"prompt": "a", "completion": "b"}, {"prompt": "c", "completion": "d"}])
    for rate, moved in ((1e-20, False), (1e-3, True)):
        run = tmp_path / f"run{moved}"
        done = graft("train", "--base_model", small_model[0], "--dataset", data, "--output_dir", run,
                     "--init_adapter", folder, "--lora_r", RANK, "--lora_alpha", RANK * SCALE, "--max_steps", 1,
                     "--learning_rate", rate, "--export", "adapter,mlx", "--weight_decay", 0)
        assert f"starting from {folder}: 7 maps" in done.stderr
        from safetensors.numpy import load_file
        found = load_file(run / "mlx/adapters.safetensors")
        same = all(np.array_equal(found[name], values) for name, values in tensors.items())
        assert set(found) == set(tensors) and same != moved


def test_verify_and_inspect_know_the_folder(trained, small_model, graft, tmp_path):
    folder, tensors, _ = trained
    done = graft("verify", "--base", small_model[0], folder, "--json")
    objects = json.loads(done.stdout)["objects"]
    assert [o["kind"] for o in objects] == ["safetensors file", "mlx adapter"]
    about = json.loads(graft("inspect", folder, "--json").stdout)
    assert about["file"] == "mlx-lm folder" and about["rank"] == RANK and about["scale"] == SCALE
    assert about["parameters"] == sum(t.size for t in tensors.values())
    graft("export", "--base", small_model[0], "--adapter", folder, "--to", "mlx", "--out", tmp_path / "own")
    graft("verify", "--base", small_model[0], tmp_path / "own")
    data = bytearray((folder / "adapters.safetensors").read_bytes())
    data[-2:] = b"\x80\x7f"  # the last number is infinite
    (tmp_path / "own/adapters.safetensors").write_bytes(data)
    assert "is not finite" in graft("verify", tmp_path / "own", status=6).stdout


def test_what_mlx_lm_can_do_and_graft_cannot_is_refused(trained, small_model, graft, runtime, tmp_path):
    from safetensors.numpy import load_file
    pairs = runtime.ggutil.random_pairs(small_model[1], RANK)
    for name, config, message in (
            ("dora", {"fine_tune_type": "dora"}, "holds no magnitudes"),
            ("full", {"fine_tune_type": "full"}, "fuse them (mlx_lm.fuse)"),
            ("old", {"lora_parameters": {"rank": RANK, "alpha": 16}}, "reads scale and not alpha")):
        write_folder(tmp_path / name, pairs, SCALE, **config)
        done = graft("export", "--base", small_model[0], "--adapter", tmp_path / name, "--to", "gguf", "--out",
                     tmp_path / "m.gguf", status=6)
        assert message in done.stderr and "adapter_config.json" in done.stderr, name
    write_folder(tmp_path / "embedding", pairs, SCALE)
    tensors = load_file(tmp_path / "embedding/adapters.safetensors")
    tensors["model.embed_tokens.lora_a"] = np.ones((512, RANK), np.float32)
    save_as_mlx(tensors, tmp_path / "embedding/adapters.safetensors")
    done = graft("export", "--base", small_model[0], "--adapter", tmp_path / "embedding", "--to", "gguf",
                 "--out", tmp_path / "m.gguf", status=6)
    assert "adapters of embeddings are not supported" in done.stderr
    assert not (tmp_path / "m.gguf").exists()


def test_doras_are_merged_as_mlx_lm_fuses_them(small_model, graft, runtime, tmp_path):
    """mlx_lm/tuner/dora.py: rows of W + scale (A B)^T are made as long as m says."""
    pairs = runtime.ggutil.random_pairs(small_model[1], RANK, seed=7, amp=0.1)
    tensors = write_folder(tmp_path / "dora", pairs, SCALE, fine_tune_type="dora")
    wanted = runtime.ggutil.merge(small_model[1], pairs, SCALE)
    for name in pairs:
        rows = wanted[name].astype(np.float64)
        m = np.linalg.norm(small_model[1][name].astype(np.float64), axis=1).astype(np.float32)
        wanted[name] = rows / np.linalg.norm(rows, axis=1, keepdims=True) * m[:, None]
        part = name.split(".")[2]
        if part in HEADS:
            m = m.reshape(HEADS[part], -1, 2).swapaxes(1, 2).reshape(-1)
        tensors[f"model.layers.{name.split('.')[1]}.{NAMES[part]}.m"] = m
    save_as_mlx(tensors, tmp_path / "dora/adapters.safetensors")
    graft("export", "--base", small_model[0], "--adapter", tmp_path / "dora", "--to", "gguf", "--out",
          tmp_path / "m.gguf")
    found = runtime.ggutil.load(str(tmp_path / "m.gguf"))[1]
    for name in pairs:
        assert np.abs(found[name] - wanted[name]).max() <= 1e-6 * np.abs(wanted[name]).max(), name
    graft("verify", "--base", small_model[0], tmp_path / "dora")
    graft("export", "--base", small_model[0], "--adapter", tmp_path / "dora", "--to", "mlx", "--out", tmp_path / "again")
    same_tensors(tmp_path / "again", tensors)
    assert json.loads((tmp_path / "again/adapter_config.json").read_text())["fine_tune_type"] == "dora"


def test_half_precision_adapters_are_read(small_model, graft, runtime, tmp_path):
    pairs = runtime.ggutil.random_pairs(small_model[1], RANK, amp=0.1)
    pairs = {n: tuple(f.astype(np.float16).astype(np.float32) for f in p) for n, p in pairs.items()}
    for name, dtype in (("half", np.float16), ("single", np.float32)):
        write_folder(tmp_path / name, pairs, SCALE, dtype)
        graft("export", "--base", small_model[0], "--adapter", tmp_path / name, "--to", "peft", "--out",
              tmp_path / f"{name}-peft")
    from safetensors.numpy import load_file
    one, two = (load_file(tmp_path / f"{n}-peft/adapter_model.safetensors") for n in ("half", "single"))
    assert set(one) == set(two) and all(np.array_equal(one[name], two[name]) for name in one)
