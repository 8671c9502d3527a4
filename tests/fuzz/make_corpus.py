#!/usr/bin/env python3
"""tests/fuzz/make_corpus.py - the first inputs of targets whose formats are binary, written into
tests/fuzz/corpus. Those of model_open come from the target itself (build/tests/fuzz/model_open --seed ARCH
FILE)."""
import json
import pathlib
import struct
import sys

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/bad"))

import make_files  # noqa: E402
import make_gguf  # noqa: E402
from make_files import adapter, dat, entry, envelope, f32, safetensors  # noqa: E402
from make_gguf import STRING, TYPE_F32, U32, VALID, gguf, kv, string, tensor, u32  # noqa: E402

CORPUS = ROOT / "tests/fuzz/corpus"
PEFT = "base_model.model.model.layers.0.self_attn.q_proj.lora_%s.weight"


def peft(config, **shapes):
    header, at = {}, 0
    for factor, shape in shapes.items():
        n = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        name = PEFT % factor if len(shape) > 1 else PEFT.replace("lora_%s.weight", factor)
        header[name] = entry(shape=shape, offsets=[at, at + n])
        at += n
    return json.dumps(config).encode() + b"\0" + safetensors(header, f32(*[0.5] * (at // 4)))


def importance():
    kvs = (kv("general.type", STRING, string("imatrix")), kv("imatrix.chunk_count", U32, u32(3)))
    return gguf(kvs=kvs, data=f32(*range(8)) + f32(2) + bytes(28),
                tensors=(tensor("a.in_sum2", [8], TYPE_F32, 0), tensor("a.counts", [1], TYPE_F32, 32)))


def cache(*columns):
    return b"".join(bytes([len(column)]) + column for column in columns)


def report():
    item = {"index": 0, "turn": 1, "prompt_tokens": 2, "output": "x", "calls": [{"name": "f", "arguments": {"a": 1}}],
            "expected": [{"name": "f", "arguments": {"a": [1, 2]}}], "spurious": 0, "missing": 1, "answer_f1": 0.5,
            "verdicts": {"valid_json": True, "tool_name": False, "exact_match": None}}
    return {"n": 2, "loss_per_token": 1.5, "tokens": 7, "scores": {}, "items": [item, {**item, "index": 1}]}


def inputs():
    lora = {"peft_type": "LORA", "r": 2, "lora_alpha": 4}
    yield "io_hdf5_envelope", "three", envelope((CORPUS / "io_hdf5/three.image").read_bytes())
    yield "export_adapter_gguf", "q", adapter()
    yield "export_adapter_gguf", "q_and_up", adapter(None, (
        ("blk.0.attn_q.weight.lora_a", [8, 1]), ("blk.0.attn_q.weight.lora_b", [1, 8]),
        ("blk.0.ffn_up.weight.lora_a", [8, 3]), ("blk.0.ffn_up.weight.lora_b", [3, 6])))
    yield "export_adapter_peft", "q", peft(lora, A=[2, 8], B=[8, 2])
    yield "export_adapter_peft", "rslora", peft({**lora, "use_rslora": True, "rank_pattern": {"q_proj": 1},
                                                 "alpha_pattern": {"self_attn.q_proj": 3}}, A=[1, 8], B=[8, 1])
    yield "export_adapter_peft", "dora", peft({**lora, "use_dora": True}, A=[2, 8], B=[8, 2],
                                              lora_magnitude_vector=[8])
    yield "export_adapter_write", "dora", bytes([3, 129, 31]) + bytes([2, 100]) + f32(*[1e-2] * 70)
    yield "export_adapter_write", "gguf", bytes([0, 0, 63, 1, 200]) + f32(*range(24))
    yield "export_adapter_write", "peft", bytes([7, 1, 31]) + bytes([2, 100]) + f32(*[1e-3] * 60)
    yield "export_importance", "old", dat() + struct.pack("<ii", 3, 4) + b"text"
    yield "export_importance", "new", importance()
    yield "export_quantize", "small", gguf(
        kvs=(kv("general.architecture", STRING, string("llama")), kv("llama.block_count", U32, u32(1))),
        tensors=(tensor("token_embd.weight", [32, 2], TYPE_F32, 0), tensor("blk.0.attn_v.weight", [32, 1], TYPE_F32, 256),
                 tensor("output_norm.weight", [32], TYPE_F32, 384)), data=f32(*[i / 7 for i in range(128)])) + b"\x03"
    yield "export_quantize", "valid", VALID + b"\x01"
    yield "eval_report", "two.json", json.dumps(report()).encode()
    yield "run_cache", "two", cache(struct.pack("<2I", 3, 3), struct.pack("<2I", 2, 1), struct.pack("<2I", 0, 1),
                                    struct.pack("<3i", 5, 6, 7), f32(0, 1, 1), bytes([1, 2, 2]))
    yield "train_checkpoint", "one", struct.pack("<HB", 2048, 1)
    yield "train_checkpoint", "four", struct.pack("<HBHBHBHB", 2051, 0x7f, 5000, 0xc0, 6003, 0xff, 7777, 9)
    yield "config_settings", "run.yaml", b"base_model: a.gguf\ndataset:\n  - {path: a.jsonl, weight: 2}\n  - b.jsonl\n" \
        b"lora_r: 8\nlora_target_modules: [q_proj, v_proj]\nlearning_rate: 1e-3\nval_set_size: 0.1\n"
    yield "config_settings", "names.json", json.dumps({"lora_rank": 4, "eval_strategy": "steps", "eval_steps": 5,
                                                       "eval_dataset": "e.jsonl", "replay": {
                                                           "path": "r.jsonl", "share": 0.2}}).encode()
    yield "config_settings", "empty_map.yaml", b"{}\n"


BROKEN = {"safetensors": "io_safetensors", "json": "io_json", "yaml": "config_settings", "zst": "io_lines",
          "checkpoint": "io_hdf5_envelope", "tokenizer": "tokenizer_vocabulary", "template": "chat_template",
          "adapter": "export_adapter_gguf", "peft": "export_adapter_peft", "sentencepiece": "io_sentencepiece",
          "importance": "export_importance", "report": "eval_report"}


def broken():
    """The broken files of tests/bad: each stands where a check is, and is found should the check go."""
    for kind, target in BROKEN.items():
        for name, data, _ in make_files.KINDS[kind]():
            if isinstance(data, tuple):  # a PEFT folder
                data = b"\0".join(d if isinstance(d, bytes) else json.dumps(d).encode() for d in data)
            data = data if isinstance(data, bytes) else json.dumps(data).encode()
            yield target, f"broken-{name}", data
    for name, data, message in make_gguf.cases():
        if message:
            yield "io_gguf", f"broken-{name}", data


def main():
    for target, name, data in (*inputs(), *broken()):
        if len(data) > 8 << 10:
            continue
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        (CORPUS / target / name).write_bytes(data)


if __name__ == "__main__":
    main()
