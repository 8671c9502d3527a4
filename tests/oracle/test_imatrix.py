"""graft imatrix against a forward pass in double precision, and what quantizing makes of its file."""
import json

import gguf
import llama_quantize
import numpy as np
from test_quantize import contents, small_model


def rms(x, gain):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * gain


def rotate(x, n_head, base=10000.0):
    """Neighbouring pairs, as files of architecture llama have them."""
    n, width = x.shape
    d = width // n_head
    angles = np.arange(n)[:, None] * base ** (-np.arange(0, d, 2) / d)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x = x.reshape(n, n_head, d // 2, 2)
    a, b = x[..., 0], x[..., 1]
    return np.stack([a * cos - b * sin, a * sin + b * cos], -1).reshape(n, n_head, d)


def inputs_of(tensors, ids, n_head=4, n_kv=2):
    """{tensor: what goes into it [n_tok, n_in]} of a llama."""
    t = {name: values.astype(np.float64) for name, values in tensors.items()}
    x, seen = t["token_embd.weight"][ids], {}

    def through(name, value):
        seen[name] = value
        return value @ t[name].T

    for i in range(sum(name.endswith("attn_norm.weight") for name in t)):
        b = f"blk.{i}."
        h = rms(x, t[b + "attn_norm.weight"])
        q = rotate(through(b + "attn_q.weight", h), n_head)
        k = rotate(through(b + "attn_k.weight", h), n_kv)
        v = through(b + "attn_v.weight", h).reshape(len(ids), n_kv, -1)
        k, v = (np.repeat(y, n_head // n_kv, 1) for y in (k, v))
        scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(q.shape[-1])
        scores = np.where(np.tri(len(ids), dtype=bool), scores, -np.inf)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        x = x + through(b + "attn_output.weight",
                        np.einsum("hij,jhd->ihd", p, v).reshape(len(ids), -1))
        h = rms(x, t[b + "ffn_norm.weight"])
        gate = through(b + "ffn_gate.weight", h)
        h = gate / (1 + np.exp(-gate)) * through(b + "ffn_up.weight", h)
        x = x + through(b + "ffn_down.weight", h)
    return seen


def read(path):
    reader = gguf.GGUFReader(path)
    keys = {k: f.contents() for k, f in reader.fields.items() if not k.startswith("GGUF.")}
    return keys, {t.name: t.data for t in reader.tensors}


def examples(n):
    return [{"messages": [{"role": "user", "content": f"question {i} " * (3 * i + 1)},
                          {"role": "assistant", "content": "reply " * (i + 1)}]} for i in range(n)]


def test_sums_are_those_of_a_forward_pass(graft, tiny_model, jsonl, tmp_path):
    base, tensors = tiny_model(d=64, nl=3, nh=4, nkv=2, ff=128)
    data = jsonl("data.jsonl", examples(5))
    out = tmp_path / "i.gguf"
    done = graft("imatrix", data, "--base", base, "--out", out, "--json")
    shown = graft("data", "show", data, "--base", base, "--all", "--json")
    sums, n_tok = {}, 0
    for line in shown.stdout.splitlines():
        ids = json.loads(line)["ids"]
        n_tok += len(ids)
        for name, x in inputs_of(tensors, ids).items():
            sums[name] = sums.get(name, 0) + (x * x).sum(0)
    assert json.loads(done.stdout) == {"tensors": 21, "examples": 5, "tokens": n_tok}
    keys, got = read(out)
    assert keys == {"general.type": "imatrix", "imatrix.datasets": [str(data)],
                    "imatrix.chunk_count": -(-n_tok // 512), "imatrix.chunk_size": 512}
    assert list(got) == [n + s for n in sorted(sums) for s in (".in_sum2", ".counts")]
    for name, expected in sums.items():
        assert got[name + ".counts"].tolist() == [[n_tok]]
        error = np.abs(got[name + ".in_sum2"][0] - expected) / expected.mean()
        assert error.max() < 1e-5, name

    shown = json.loads(graft("inspect", "--json", out).stdout)
    assert shown["kind"] == "importance matrix" and shown["dataset"] == str(data)
    assert (shown["maps"], shown["chunks"]) == (21, keys["imatrix.chunk_count"])

    few = tmp_path / "few.gguf"
    graft("imatrix", data, "--base", base, "--out", few, "--examples", "2", "--threads", "1")
    again = tmp_path / "again.gguf"
    graft("imatrix", data, "--base", base, "--out", again, "--examples", "2", "--threads", "3")
    assert few.read_bytes() == again.read_bytes() != out.read_bytes()


def test_llama_cpp_quantises_with_it_as_graft_does(graft, shared, tiny_model, jsonl, tmp_path):
    base, _ = tiny_model(d=256, nl=2, nh=4, nkv=2, ff=256)
    imatrix, ours, theirs = (tmp_path / f"{n}.gguf" for n in ("i", "ours", "theirs"))
    graft("imatrix", jsonl("data.jsonl", examples(3)), "--base", base, "--out", imatrix)
    said = json.loads(graft("quantize", base, ours, "--type", "q3_k_m", "--json", "--imatrix",
                            imatrix).stdout)
    assert said["weighed"] == 14
    values = read(imatrix)[1]
    means = {n.removesuffix(".in_sum2"): (v / values[n.replace(".in_sum2", ".counts")])[0]
             for n, v in values.items() if n.endswith(".in_sum2")}
    llama_quantize.quantize(base, theirs, 12, means)
    assert contents(ours)[0] == contents(theirs)[0]
    keys = contents(ours)[1]
    assert keys["quantize.imatrix.entries_count"][1] == 14
    assert keys["quantize.imatrix.file"][1] == str(imatrix)


def test_what_cannot_be_read_is_refused(graft, tiny_model, jsonl, tmp_path):
    base, _ = tiny_model()
    out = tmp_path / "i.gguf"
    data = jsonl("data.jsonl", examples(1))
    assert "--out FILE is missing" in graft("imatrix", data, "--base", base, status=2).stderr
    empty = jsonl("empty.jsonl", [])
    assert graft("imatrix", empty, "--base", base, "--out", out, status=5).stderr
    small_model(tmp_path / "other.gguf", arch="mamba", layers=1, vocab=33)
    assert "unknown architecture" in graft("imatrix", data, "--base", tmp_path / "other.gguf",
                                           "--out", out, status=6).stderr
    assert not out.exists()


def fused_inputs(model, ids):
    """{tensor: what goes into it} of a Phi-3 of transformers."""
    import torch
    names = {"self_attn.qkv_proj": "attn_qkv", "self_attn.o_proj": "attn_output",
             "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    seen, hooks = {}, []
    for i, layer in enumerate(model.model.layers):
        for module, part in names.items():
            name = f"blk.{i}.{part}.weight"
            hooks.append(layer.get_submodule(module).register_forward_pre_hook(
                lambda _, x, name=name: seen.update({name: x[0][0].double().numpy()})))
    with torch.no_grad():
        model(torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    return seen


def test_matrices_that_are_several_maps_had_sums_of_zero(graft, families, jsonl, tmp_path):
    one, out = families("phi3"), tmp_path / "i.gguf"
    data = jsonl("data.jsonl", examples(3))
    graft("imatrix", data, "--base", one.gguf, "--out", out)
    shown = graft("data", "show", data, "--base", one.gguf, "--all", "--json")
    sums = {}
    for line in shown.stdout.splitlines():
        for name, x in fused_inputs(one.model.float().eval(), json.loads(line)["ids"]).items():
            sums[name] = sums.get(name, 0) + (x * x).sum(0)
    _, got = read(out)
    assert {n.removesuffix(".in_sum2") for n in got if n.endswith(".in_sum2")} == set(sums)
    for name, expected in sums.items():
        assert (np.abs(got[name + ".in_sum2"][0] - expected) / expected.mean()).max() < 1e-4, name


def test_matrices_that_are_several_maps_are_rounded_for_their_inputs(graft, families, runtime, jsonl, tmp_path):
    import test_export_hf
    one = families("phi3")
    test_export_hf.make_adapter(one, runtime, tmp_path / "a.gguf")
    done = graft("export", "--base", one.gguf, "--adapter", tmp_path / "a.gguf", "--to", "gguf", "--type", "q4_0",
                 "--data", jsonl("data.jsonl", examples(5)), "--force", "--json", "--out", tmp_path / "m.gguf")
    survival = json.loads(done.stdout)["survival"]
    assert survival["rounding"] == "aware"
    rows = {r["name"]: r for r in survival["tensors"]}
    assert {f"blk.0.{part}.weight" for part in ("attn_qkv", "attn_output", "ffn_up", "ffn_down")} <= set(rows)
    assert all(r["outputs"]["error"] > 0 for r in rows.values())
