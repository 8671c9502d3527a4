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
from make_gguf import (ARRAY, STRING, TYPE_F32, U32, U64, VALID, array, gguf, kv, string, tensor,  # noqa: E402
                       u32)

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


def mlx(config, **shapes):
    header, at = {}, 0
    for module, (n_in, rank, n_out) in shapes.items():
        for factor, shape in (("a", [n_in, rank]), ("b", [rank, n_out])):
            name = f"model.layers.0.{'mlp' if module == 'up_proj' else 'self_attn'}.{module}.lora_{factor}"
            header[name] = entry(shape=shape, offsets=[at, at + 4 * shape[0] * shape[1]])
            at += 4 * shape[0] * shape[1]
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


def beside_checks():
    """Inputs that a single check refuses, or almost: one that goes is missed at once (tests/fuzz/recall)."""
    nan, infinite = b"\xff\xff\xff\x7f", b"\0\0\x80\x7f"
    q, strings = make_files.Q, (string("a"), string("bcdefgh"))
    last = kv("k", ARRAY, array(STRING, 2, b"".join(strings)))
    yield "export_adapter_gguf", "broken-one_row", adapter(None, ((q + ".lora_a", [8, 2]), (q + ".lora_b", [2, 1])))
    yield "export_adapter_peft", "broken-six_rows", peft({"peft_type": "LORA", "r": 2, "lora_alpha": 4}, A=[2, 8], B=[6, 2])
    yield "export_adapter_write", "nan_in_a", bytes([0, 0, 63, 0, 200]) + nan
    yield "export_adapter_write", "nan_in_b", bytes([0, 0, 63, 0, 200]) + f32(*range(8)) + nan
    yield "export_adapter_write", "nan_in_b_that_is_not_scaled", bytes([0, 0, 31, 0, 192]) + f32(*range(8)) + nan
    yield "export_adapter_write", "infinite_in_b_of_peft", bytes([1, 1, 63, 0, 100]) + f32(*range(8)) + infinite
    yield "io_gguf", "ends_in_strings", gguf(kvs=(last,), tensors=())
    yield "io_gguf", "broken-last_string_over_the_end", gguf(
        kvs=(kv("k", ARRAY, array(STRING, 2, strings[0] + string("bcdefgh", 9))),), tensors=())
    yield "io_gguf", "broken-key_over_the_end", gguf(kvs=(last, string("k" * 30, 60)), tensors=())
    yield "io_gguf", "broken-array_wraps_to_nothing", gguf(kvs=(kv("k", ARRAY, array(U64, 2**61, b"")),), tensors=())
    yield "io_gguf", "broken-alignment_24", gguf(kvs=(kv("general.alignment", U32, u32(24)),), tensors=())
    yield "io_safetensors", "broken-elements_wrap_to_0", safetensors({"a": entry(shape=[2**32, 2**32], offsets=[0, 0])})
    yield "io_safetensors", "broken-overlap_of_as_many_bytes", safetensors(
        {"a": entry(), "b": entry(offsets=[4, 12])}, bytes(16))
    yield "chat_template", "broken-endless_without_memory.jinja", \
        b"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    yield "run_cache", "broken-sample_over_the_end", cache(
        struct.pack("<2I", 3, 3), struct.pack("<2I", 2, 1000), struct.pack("<2I", 0, 1), struct.pack("<3i", 5, 6, 7),
        f32(0, 1, 1), bytes([1, 2, 2]))
    yield "train_notes", "broken-infinite", b"a.b: 1e999\n"
    yield "run_folder", "broken-sums_of_other_folders", b"\4" + b"0" * 64 + b"  ../config.yaml\n"


GO = """{% if tools %}<|im_start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content }}
{% endif %}Tools:{% for t in tools %}
{{ t|tojson }}{% endfor %}<|im_end|>
{% elif messages[0].role == 'system' %}<|im_start|>system
{{ messages[0].content }}<|im_end|>
{% endif %}{% for m in messages %}{% if m.role != 'system' %}<|im_start|>{{ m.role }}
{{ m.content }}{% if m.tool_calls %}{% for c in m.tool_calls %}<tool_call>
{{ c.function|tojson }}
</tool_call>{% endfor %}{% endif %}<|im_end|>
{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def texts():
    step = b'{"event":"step","step":%d,"epoch":1,"loss":2,"grad_norm":1,"learning_rate":0.1}\n'
    score = b'{"event":"eval","when":"%s","step":%d,"rollbacks":1}\n'
    yield "train_journal", "steps", b"\1\1\0" + step % 1 + step % 2 + score % (b"step", 2) + score % (b"after", 2)
    yield "train_journal", "torn", b"\2\2\1" + step % 1 + score % (b"epoch", 1) + (step % 2)[:-9]
    yield "train_journal", "one_step_more", b"\1\1\0" + step % 2 + step % 3
    yield "train_notes", "two", b"rate.factor: 0.5\npace.steps: 100\n"
    yield "train_notes", "identities", b"lora_r: 8\nseed: 1\nbase: 12\nlevel: avx2\n\0lora_r: 4\nseed: 1\nbase: 13\nmore: 1\n"
    yield "export_go_template", "chatml.jinja", GO.encode()
    yield "export_go_template", "plain.jinja", b"{% for m in messages %}[{{ m.role }}]{{ m.content }};{% endfor %}" \
        b"{% if add_generation_prompt %}[assistant]{% endif %}"
    yield "export_go_template", "quotes.jinja", b'{% for m in messages %}"""{{ m.role }}{{ "{{" }}{{ m.content }}' \
        b'""""{% endfor %}{% if add_generation_prompt %}"""assistant{{ "{{" }}{% endif %}'
    for i, text in enumerate((step % 1 + step % 3 + b'{"event":"best","step":3,"metric":"loss","best_step":1}\n',
                              b"base_model: a.gguf\nexport: [adapter, peft]\nlora_r: 4\n",
                              b"{% for m in messages %}{{ m.content }}{% endfor %}", json.dumps(report()).encode(),
                              b"0" * 64 + b"  run.log\n" + b"1" * 64 + b"  gone\n", b"<html>", b"begun", adapter(),
                              json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4}).encode(),
                              safetensors({"a": entry()}, f32(1, 2)))):
        yield "run_folder", f"file_{i}", bytes([i]) + text
    yield "convert_folder", "config-mistral3", b"0" + json.dumps({
        "architectures": ["Ministral3ForCausalLM"], "model_type": "ministral3", "hidden_size": 8,
        "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
        "head_dim": 4, "vocab_size": 6, "max_position_embeddings": 32, "rms_norm_eps": 1e-05,
        "rope_parameters": {"rope_type": "yarn", "rope_theta": 100, "factor": 4, "mscale": 1, "mscale_all_dim": 1,
                            "llama_4_scaling_beta": 0.1, "original_max_position_embeddings": 8}}).encode()
    yield "convert_folder", "template.jinja", b"\xf0{{ messages }}"
    yield "convert_folder", "template.json", b'\xf1{"chat_template": "{{ messages }}"}'


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
    scales = {"rank": 2, "scale": 20.0, "dropout": 0.0}
    yield "export_adapter_mlx", "q", mlx({"lora_parameters": scales, "num_layers": -1}, q_proj=(8, 2, 8))
    yield "export_adapter_mlx", "q_and_up", mlx(
        {"fine_tune_type": "lora", "lora_parameters": {**scales, "keys": ["mlp.up_proj"]}, "model": "a/b"},
        q_proj=(8, 2, 8), up_proj=(8, 2, 6))
    yield "export_adapter_mlx", "dora", mlx({"fine_tune_type": "dora", "lora_parameters": scales}, q_proj=(8, 2, 8))
    yield "export_adapter_mlx", "rank", mlx({"lora_parameters": {**scales, "rank": 3}}, q_proj=(8, 2, 8))
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
    for target, name, data in (*inputs(), *texts(), *beside_checks(), *broken()):
        if len(data) > 8 << 10:
            continue
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        (CORPUS / target / name).write_bytes(data)


if __name__ == "__main__":
    main()
