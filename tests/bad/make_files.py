#!/usr/bin/env python3
"""tests/bad/make_files.py FOLDER - broken files of every format that has no script of its own.

Writes FOLDER/KIND/NAME for every case and FOLDER/expected.txt with lines "KIND<tab>NAME<tab>part of
the message", where the message also has to name the file. tests/unit/formats_bad.c opens them all.
GGUF files: make_gguf.py; Hugging Face folders: make_hf.py."""
import hashlib
import json
import pathlib
import struct
import sys

sys.dont_write_bytecode = True

from make_gguf import (A, ARRAY, F32, I32, STRING, TYPE_F32, U32, array, gguf, kv, string, tensor,  # noqa: E402
                       u32, u64)

CORPUS = pathlib.Path(__file__).resolve().parents[1] / "fuzz/corpus"


def f32(*values):
    return struct.pack(f"<{len(values)}f", *values)


# --- safetensors ---

def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return u64(len(text) if length is None else length) + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def safetensors_cases():
    eight = bytes(8)
    yield "seven_bytes", bytes(7), "not a safetensors file: 7 bytes"
    yield "header_of_nothing", u64(0) + eight, "its header does not begin with '{'"
    yield "header_is_a_list", safetensors(b"[]"), "its header does not begin with '{'"
    yield "header_huge", safetensors(b"{}", length=2**63), "a header of 9223372036854775808 bytes (at most"
    yield "header_beyond", safetensors(b"{}", length=3), "a header of 3 bytes, but the file has only 2"
    yield "header_cut", safetensors(b'{"a":'), "header: at byte 5: the text ends where"
    yield "header_trailing", safetensors(b"{}{}"), "header: at byte 2: "
    yield "header_padded_by_zeros", safetensors(b"{}\0\0"), "header: at byte 2: something follows the value"
    yield "name_twice", safetensors(b'{"a":1,"a":2}'), 'header: at byte 7: duplicate key "a"'
    yield "name_latin1", safetensors(b'{"\xe9":1}'), "header: at byte 2: "
    yield "tensor_is_a_number", safetensors({"a": 1}), 'tensor "a" is not described by an object'
    yield "no_dtype", safetensors({"a": {"shape": [2], "data_offsets": [0, 8]}}, eight), \
        'tensor "a": no dtype'
    yield "dtype_unknown", safetensors({"a": entry("F33")}, eight), 'tensor "a": unknown dtype "F33"'
    yield "dtype_sub_byte", safetensors({"a": entry("F4")}, eight), 'tensor "a": unknown dtype "F4"'
    yield "shape_is_text", safetensors({"a": {**entry(), "shape": "2"}}, eight), \
        'tensor "a": shape is not a list of at most 8 sizes'
    yield "nine_dimensions", safetensors({"a": entry(shape=[1] * 9)}, eight), "at most 8 sizes"
    yield "dimension_negative", safetensors({"a": entry(shape=[-2])}, eight), \
        'tensor "a": dimension 0 is not a size'
    yield "dimension_fraction", safetensors({"a": entry(shape=[1, 2.5])}, eight), "dimension 1 is not a size"
    yield "elements_overflow", safetensors({"a": entry(shape=[2**62, 2**62])}, eight), \
        'tensor "a": the number of its elements overflows'
    yield "offsets_of_three", safetensors({"a": entry(offsets=[0, 4, 8])}, eight), \
        'tensor "a": data_offsets is not a pair of offsets'
    yield "offsets_backwards", safetensors({"a": entry(offsets=[8, 0])}, eight), "is not a pair of offsets"
    yield "offsets_beyond", safetensors({"a": entry(offsets=[0, 16], shape=[4])}, eight), \
        "its data ends at 16, but the file has 8 bytes of data"
    yield "data_too_short", safetensors({"a": entry(shape=[3])}, eight), \
        'tensor "a": 8 bytes of data do not fit its shape and dtype'
    yield "overlap", safetensors({"a": entry(), "b": entry(offsets=[4, 12])}, bytes(12)), \
        'tensor "b" overlaps the one before it'
    yield "hole", safetensors({"a": entry(), "b": entry(offsets=[12, 20])}, bytes(20)), \
        'tensor "b" leaves a hole before it'
    yield "hole_at_the_beginning", safetensors({"z": entry(offsets=[4, 12])}, bytes(12)), \
        'tensor "z" leaves a hole before it'
    yield "behind_the_last", safetensors({"a": entry()}, bytes(9)), "1 bytes after the last tensor"
    yield "metadata_is_a_list", safetensors({"__metadata__": []}), "__metadata__ is not an object"
    yield "metadata_of_numbers", safetensors({"__metadata__": {"a": 1}}), \
        "__metadata__ holds something that is not a string"
    yield "cut_in_the_data", safetensors({"a": entry()}, bytes(7)), "but the file has 7 bytes of data"


# --- JSON ---

def json_cases():
    yield "empty", b"", "at byte 0: the text ends where"
    yield "white", b" \n\t ", "at byte 4: the text ends where"
    yield "comma_at_the_end", b"[1,2,]", "at byte 5: ']' where"
    yield "two_values", b"{} 1", "at byte 3: something follows the value"
    yield "single_quotes", b"{'a':1}", "at byte 1: ''' where"
    yield "comment", b"[1 /* one */]", "at byte 3: '/' where"
    yield "no_colon", b'{"a" 1}', "at byte 5: '1' where"
    yield "key_without_quotes", b"{a:1}", "at byte 1: 'a' where"
    yield "leading_zero", b"[01]", "at byte 1: the number begins with a superfluous 0"
    yield "plus", b"[+1]", "at byte 1: '+' where"
    yield "point_at_the_end", b"[1.]", "at byte 3: ']' where"
    yield "nan", b"[NaN]", "at byte 1: 'N' where"
    yield "infinity", b"[-Infinity]", "at byte 2: 'I' where"
    yield "double_overflows", b"[1e999]", "at byte 1: the number is too large for a double"
    yield "integer_beyond_64_bits", b"[18446744073709551616]", "at byte 1: the integer does not fit in 64 bits"
    yield "negative_beyond_64_bits", b"[1,-9223372036854775809]", "at byte 3: the integer does not fit"
    yield "control_character", b'["a\nb"]', "at byte 3: a control character inside a string"
    yield "bad_escape", b'["\\x41"]', "at byte 2: an escape that JSON does not have"
    yield "lone_surrogate", b'["\\ud800"]', "at byte 2: "
    yield "low_surrogate_first", b'["..\\udc00"]', "at byte 4: "
    yield "not_utf8", b'["\xff"]', "at byte 2: "
    yield "overlong_utf8", b'["abc\xc0\x80"]', "at byte 5: "
    yield "duplicate_key", b'{"a":1,"b":{"a":2},"a":3}', 'at byte 19: duplicate key "a"'
    yield "duplicate_key_escaped", b'{"a":1, "\\u0061":3}', 'at byte 8: duplicate key "a"'
    yield "key_with_zero", b'{"a\\u0000b":1}', "at byte 1: a key that holds a zero byte"
    yield "deep", b"[" * 129 + b"]" * 129, "at byte 128: nested deeper than 128"
    yield "word_cut", b"[tru]", "at byte 1: a word that is not null, true or false"
    yield "string_cut", b'["abc', "at byte 1: a string without its closing quote"
    yield "byte_order_mark", b"\xef\xbb\xbf{}", "at byte 0: "


# --- lines of examples ---

def jsonl(*rows):
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def messages(*rows, **more):
    return {"messages": [dict(zip(("role", "content"), row)) if isinstance(row, tuple) else row
                         for row in rows], **more}


GOOD = messages(("user", "u"), ("assistant", "a"))


def jsonl_cases():
    call = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}
    yield "third_line_cut.jsonl", jsonl(GOOD, GOOD, b'{"messages": ['), ".jsonl:3: at byte 14: "
    yield "second_line_list.jsonl", jsonl(GOOD, b"[1]"), ".jsonl:2: is array, not an object"
    yield "role_unknown.jsonl", jsonl(messages(("bot", "x"), ("assistant", "a"))), \
        '.jsonl:1: message 1: unknown role "bot"'
    yield "nothing_to_train.jsonl", jsonl(GOOD, messages(("user", "u"))), ".jsonl:2: no assistant message"
    yield "tool_first.jsonl", jsonl(messages(("tool", "r"), ("assistant", "a"))), \
        '.jsonl:1: message 1: role "tool" without a call before it'
    yield "tool_of_no_call.jsonl", jsonl(messages(("user", "u"), call, {
        "role": "tool", "content": "r", "tool_call_id": "2"}, ("assistant", "a"))), \
        '.jsonl:1: message 3: tool_call_id "2" names no call'
    yield "arguments_cut.jsonl", jsonl(GOOD, messages(("user", "u"), {
        "role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"a":'}}]})), \
        '.jsonl:2: message 2: call 1: "f": arguments are not JSON: at byte 5'
    yield "tools_are_text.jsonl", jsonl({**GOOD, "tools": "none"}), ".jsonl:1: tools are not JSON"
    yield "tool_twice.jsonl", jsonl({**GOOD, "tools": [{"name": "f"}, {"name": "f"}]}), \
        '.jsonl:1: tool 2: "f" is declared twice'
    yield "no_layout.jsonl", jsonl({"page": 1}), '.jsonl:1: unknown layout with keys "page"'
    yield "array_open.json", b"[\n" + jsonl(GOOD), ".json:2: the array that begins the file is not closed"
    yield "array_and_more.json", b"[" + json.dumps(GOOD).encode() + b"]\n{}", \
        ".json:2: something stands behind the array"
    yield "nothing.jsonl", b"\n\n", ".jsonl: holds no examples"
    yield "weight_text.jsonl", jsonl(messages(("user", "u"), {
        "role": "assistant", "content": "a", "weight": "1"})), ".jsonl:1: message 2: weight is string"
    yield "latin1.jsonl", jsonl(GOOD, b'{"messages":[{"role":"user","content":"caf\xe9"}]}'), \
        ".jsonl:2: at byte 42: "


# --- configurations ---

def yaml_cases():
    yield "list.yaml", b"- a\n- b\n", "is not a map of settings"
    yield "empty.yaml", b"", "is empty"
    yield "tabs.yaml", b"seed: 1\n\tlora_r: 8\n", ".yaml:2: "
    yield "twice.yaml", b"seed: 1\nlora_r: 4\nseed: 2\n", '.yaml:3: key "seed" appears twice'
    yield "alias_twice.yaml", b"lora_r: 4\nlora_rank: 8\n", '"lora_rank" sets lora_r a second time'
    yield "anchor.yaml", b"a: &x [1]\nb: *x\n", ".yaml:1: "
    yield "tag.yaml", b"seed: !!int 1\n", ".yaml:1: "
    yield "tag_directive.yaml", b"%TAG ! tag:x,2000:\n---\nseed: 1\n", "tags (%TAG) are not supported"
    yield "unknown.yaml", b"seed: 1\nlora_rr: 8\n", 'unknown setting "lora_rr" (did you mean "lora_r"?)'
    yield "far_from_all.yaml", b"zzzzzzzzzz: 8\n", 'unknown setting "zzzzzzzzzz" (graft train --help lists'
    yield "rank_zero.yaml", b"lora_r: 0\n", "lora_r: 0 is outside"
    yield "rank_text.yaml", b"lora_r: many\n", 'lora_r: "many" is not a whole number'
    yield "rate_negative.yaml", b"learning_rate: -1\n", "learning_rate: -1 is outside"
    yield "rate_nan.yaml", b"learning_rate: .nan\n", ".yaml:1: the number is not finite"
    yield "choice.yaml", b"truncation: maybe\n", 'truncation: "maybe" is unknown (known: error'
    yield "flag.yaml", b"shuffle: perhaps\n", 'shuffle: "perhaps" is neither true nor false'
    yield "list_for_one.yaml", b"seed: [1, 2]\n", "seed: a list where one value is expected"
    yield "map_for_one.yaml", b"output_dir: {a: 1}\n", "output_dir: a map where one value is expected"
    yield "dataset_key.yaml", b"dataset: [{path: a, wight: 2}]\n", 'unknown key "wight" (known: path, format'
    yield "dataset_no_path.yaml", b"dataset: [{format: openai}]\n", "dataset: an entry without path"
    yield "both_batches.yaml", b"batch_size: 4\nper_device_train_batch_size: 2\n", \
        "batch_size and per_device_train_batch_size are both set"
    yield "both_warmups.yaml", b"warmup_ratio: 0.1\nwarmup_steps: 5\n", "warmup_ratio and warmup_steps are both set"
    yield "replay_without_share.yaml", b"replay: a.jsonl\n", "replay: share is not set"
    yield "two_documents.yaml", b"seed: 1\n---\nseed: 2\n", ".yaml:"
    yield "deep.yaml", b"a: " + b"[" * 200 + b"]" * 200 + b"\n", "nested deeper than"
    yield "zero_byte.yaml", b'output_dir: "a\\0b"\n', "zero byte"
    yield "number_too_large.yaml", b"seed: 99999999999999999999999\n", "the number is too large"
    yield "not_utf8.yaml", b"output_dir: caf\xe9\n", "at byte "
    yield "open_quote.yaml", b'seed: "1\n', ".yaml:2: "
    yield "eval_steps_alone.yaml", b"eval_strategy: steps\n", "eval_strategy: steps needs eval_steps"


# --- compressed lines ---

def zst_cases():
    packed = (CORPUS / "io_lines/0.jsonl.zst").read_bytes()
    yield "no_frame.jsonl.zst", b"hello\n" * 9, "broken compressed data: "
    yield "cut.jsonl.zst", packed[:-5], "the compressed data is cut off"
    yield "magic.jsonl.zst", b"\x29" + packed[1:], "broken compressed data: "
    yield "reserved_bit.jsonl.zst", packed[:4] + bytes([packed[4] | 8]) + packed[5:], "broken compressed data: "
    yield "window.jsonl.zst", b"\x28\xb5\x2f\xfd\x00\xf8" + bytes(9), "broken compressed data: "
    yield "second_frame_broken.jsonl.zst", packed + b"\x28\xb5\x2f\xfd\x20\xff\xff\xff\xff", "broken compressed data: "
    yield "header_only.jsonl.zst", packed[:5], "the compressed data is cut off"


# --- checkpoints ---

def envelope(image, magic=b"GRAFTCK1", version=1, length=None, digest=None, padding=bytes(460)):
    digest = hashlib.sha256(image).digest() if digest is None else digest
    return (magic + u32(version) + u64(len(image) if length is None else length) + digest + padding)[:512] + image


def checkpoint_cases():
    image = (CORPUS / "io_hdf5/three.image").read_bytes()
    yield "empty.h5", b"", "not a graft checkpoint"
    yield "plain_hdf5.h5", image, "not a graft checkpoint"
    yield "header_cut.h5", envelope(image)[:511], "not a graft checkpoint"
    yield "version.h5", envelope(image, version=2), "checkpoint version 2; only 1 is supported"
    yield "cut.h5", envelope(image)[:-1], f"holds {len(image) - 1} bytes of state instead of {len(image)}"
    yield "longer.h5", envelope(image) + b"x", f"holds {len(image) + 1} bytes of state instead of"
    yield "length_huge.h5", envelope(image, length=2**64 - 1), "instead of 18446744073709551615"
    yield "one_bit.h5", envelope(image, digest=hashlib.sha256(image + b"x").digest()), \
        "its digest does not match: the file is damaged"
    yield "padding.h5", envelope(image, padding=b"x" + bytes(459)), "its digest does not match"
    yield "no_image.h5", envelope(b""), "what it holds is no HDF5 image of graft's kind"
    yield "another_image.h5", envelope(b"\x89PNG" * 300), "what it holds is no HDF5 image of graft's kind"
    yield "superblock.h5", envelope(image[:8] + b"\x09" + image[9:]), "what it holds is no HDF5 image of graft's kind"
    yield "no_state.h5", envelope(image), 'array "run/identity" is missing'


# --- vocabularies ---

def vocabulary(model="gpt2", tokens=("a", "b", "ab"), merges=("a b",), types=None, pre="gpt-2", *more):
    key = "tokenizer.ggml."
    kvs = [kv("general.architecture", STRING, string("llama"))]
    kvs += [kv(key + "model", STRING, string(model))] if model is not None else []
    kvs += [kv(key + "pre", STRING, string(pre))] if pre is not None else []
    if tokens is not None:
        kvs.append(kv(key + "tokens", ARRAY, array(STRING, len(tokens), b"".join(map(string, tokens)))))
    if merges is not None:
        kvs.append(kv(key + "merges", ARRAY, array(STRING, len(merges), b"".join(map(string, merges)))))
    if types is not None:
        kvs.append(kv(key + "token_type", ARRAY, array(I32, len(types), struct.pack(f"<{len(types)}i", *types))))
    return gguf(kvs=(*kvs, *more), tensors=())


def tokenizer_cases():
    key = "tokenizer.ggml."
    scores = kv(key + "scores", ARRAY, array(F32, 2, f32(1, 2)))
    nan = kv(key + "scores", ARRAY, array(F32, 3, f32(1, 2, float("nan"))))
    yield "no_model.gguf", vocabulary(model=None), 'key "tokenizer.ggml.model" is missing'
    yield "model_unknown.gguf", vocabulary(model="bert"), 'tokenizer model "bert" (known:'
    yield "pre_unknown.gguf", vocabulary(pre="gpt-9"), 'pre-tokeniser "gpt-9" (known:'
    yield "no_tokens.gguf", vocabulary(tokens=None), 'key "tokenizer.ggml.tokens" is missing'
    yield "zero_tokens.gguf", vocabulary(tokens=()), ": 0 tokens"
    yield "token_twice.gguf", vocabulary(tokens=("a", "b", "a")), "token 2 has the same text as another"
    yield "types_too_few.gguf", vocabulary(types=(1, 1)), "3 tokens but 2 token types"
    yield "no_merges.gguf", vocabulary(merges=None), 'key "tokenizer.ggml.merges" is missing'
    yield "merge_of_one.gguf", vocabulary(merges=("ab",)), "merge 0 is not two tokens"
    yield "merge_left.gguf", vocabulary(merges=("a b", "x b")), "merge 1: its first part is not a token"
    yield "merge_right.gguf", vocabulary(merges=("a x",)), "merge 0: its second part is not a token"
    yield "merge_result.gguf", vocabulary(merges=("b a",)), "merge 0: its result is not a token"
    yield "scores_too_few.gguf", vocabulary("llama", ("a", "b", "ab"), None, None, None, scores), \
        "3 tokens but 2 scores"
    yield "score_nan.gguf", vocabulary("llama", ("a", "b", "ab"), None, None, None, nan), \
        "the score of token 2 is not a number"
    yield "eos_outside.gguf", vocabulary("gpt2", ("a", "b", "ab"), ("a b",), None, "gpt-2",
                                         kv(key + "eos_token_id", U32, u32(3))), \
        "eos_token_id is 3, but there are 3 tokens"
    yield "tokens_are_numbers.gguf", gguf(kvs=(kv(key + "model", STRING, string("gpt2")),
                                               kv(key + "pre", STRING, string("gpt-2")),
                                               kv(key + "tokens", ARRAY, array(U32, 1, u32(1)))), tensors=()), \
        "tokenizer.ggml.tokens"


# --- chat templates ---

def template_cases():
    yield "unknown_tag.jinja", b"hello\n{% frobnicate %}", ".jinja:2: unknown tag 'frobnicate'"
    yield "not_supported.jinja", b"{% include 'x' %}", ".jinja:1: the tag 'include' is not supported"
    yield "open_for.jinja", b"{% for m in messages %}\n{{ m }}\n", "unexpected end of template: '"
    yield "open_expression.jinja", b"\n\n{{ messages", ".jinja:3: "
    yield "open_string.jinja", b"{{ 'abc }}", ".jinja:1: "
    yield "empty_expression.jinja", b"{{ }}", ".jinja:1: unexpected"
    yield "stray_end.jinja", b"a\n{% endif %}", ".jinja:2: "
    yield "no_in.jinja", b"{% for m messages %}{% endfor %}", ".jinja:1: expected"
    yield "tag_number.jinja", b"{% 5 %}", ".jinja:1: tag name expected"
    yield "argument_order.jinja", b"{% macro m(a=1, b) %}{% endmacro %}", \
        ".jinja:1: non-default argument follows default argument"
    yield "call_of_nothing.jinja", b"{% call 5 %}{% endcall %}", ".jinja:1: expected call"
    yield "not_utf8.jinja", b"caf\xe9", ": byte 3 is not valid UTF-8"
    yield "huge.jinja", b"x" * ((4 << 20) + 1), ": a template of 4194305 bytes (at most"
    yield "no_filter.jinja", b"{{ messages|frobnicate }}", ".jinja:1: No filter named 'frobnicate'."
    yield "no_test.jinja", b"{{ messages is frobnicated }}", ".jinja:1: No test named 'frobnicated'."
    yield "not_callable.jinja", b"\n{{ 5() }}", ".jinja:2: "
    yield "undefined_member.jinja", b"{{ nothing.at.all }}", ".jinja:1: 'nothing' is undefined"
    yield "endless.jinja", b"{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}", \
        ".jinja:1: "
    yield "raised.jinja", b"{{ raise_exception('no system prompt') }}", ".jinja:1: the template says: no system prompt"
    yield "divided_by_zero.jinja", b"{{ 1 // 0 }}", ".jinja:1: "


# --- adapters ---

def adapter(kvs=None, tensors=None, data=None):
    kvs = kvs if kvs is not None else (("general.type", "adapter"), ("adapter.type", "lora"),
                                       ("general.architecture", "llama"))
    tensors = tensors if tensors is not None else ((Q + ".lora_a", [8, 2]), (Q + ".lora_b", [2, 8]))
    rows, at = [], 0
    for name, dims in tensors:
        rows.append(tensor(name, dims, TYPE_F32, at))
        n = 4
        for d in dims:
            n *= d
        at += (n + 31) // 32 * 32
    return gguf(kvs=tuple(kv(k, STRING, string(v)) for k, v in kvs), tensors=tuple(rows),
                data=bytes(at) if data is None else data)


Q = "blk.0.attn_q.weight"


def adapter_cases():
    lora = (("general.type", "adapter"), ("adapter.type", "lora"))
    yield "a_model.gguf", gguf(tensors=(A,), data=bytes(32)), 'key "general.type" is missing'
    yield "of_type_model.gguf", adapter((("general.type", "model"),)), 'general.type is "model", not "adapter"'
    yield "vera.gguf", adapter((("general.type", "adapter"), ("adapter.type", "vera"))), \
        'adapter.type is "vera", not "lora"'
    yield "no_architecture.gguf", adapter(lora), 'key "general.architecture" is missing'
    yield "architecture.gguf", adapter((*lora, ("general.architecture", "gpt2"))), \
        'general.architecture is "gpt2", not "llama"'
    yield "suffix.gguf", adapter(None, ((Q + ".lora_x", [8, 2]),)), "is neither .lora_a nor .lora_b"
    yield "magnitude.gguf", adapter(None, ((Q + ".lora_magnitude", [8, 1]),)), "there are no adapter files of DoRAs"
    yield "three_dimensions.gguf", adapter(None, ((Q + ".lora_a", [8, 2, 1]),)), "has 3 dimensions instead of 2"
    yield "unknown_base.gguf", adapter(None, (("blk.5.attn_q.weight.lora_a", [8, 2]),)), \
        'the base has no tensor "blk.5.attn_q.weight"'
    yield "width.gguf", adapter(None, ((Q + ".lora_a", [4, 2]),)), "A is 2 x 4, but the base is 8 x 8"
    yield "height.gguf", adapter(None, ((Q + ".lora_a", [8, 2]), (Q + ".lora_b", [2, 6]))), \
        "B is 6 x 2, but the base is 8 x 8"
    yield "ranks.gguf", adapter(None, ((Q + ".lora_a", [8, 2]), (Q + ".lora_b", [3, 8]))), \
        "A has rank 2, B has rank 3"
    yield "no_b.gguf", adapter(None, ((Q + ".lora_a", [8, 2]),)), '"blk.0.attn_q.weight": B is missing'
    yield "no_a.gguf", adapter(None, ((Q + ".lora_b", [2, 8]),)), '"blk.0.attn_q.weight": A is missing'
    yield "nothing.gguf", adapter(None, ()), "it adapts no tensor"
    yield "nan.gguf", adapter(data=f32(float("nan")) + bytes(124)), "row 0, column 0 of A is not finite"
    yield "inf.gguf", adapter(data=bytes(64 + 8) + f32(float("inf")) + bytes(52)), "row 1, column 0 of B is not finite"
    yield "cut.gguf", adapter()[:-60], "lie outside the"


def peft_cases():
    """Folders: adapter_config.json and adapter_model.safetensors."""
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_%s.weight"
    good = {"peft_type": "LORA", "r": 2, "lora_alpha": 4}
    both = {name % "A": entry(shape=[2, 8], offsets=[0, 64]), name % "B": entry(shape=[8, 2], offsets=[64, 128])}
    weights = safetensors(both, bytes(128))

    def config(**more):
        return {**good, **more}, weights

    yield "config_cut", (b'{"r"', weights), "adapter_config.json: at byte 4: "
    yield "config_list", (b"[]", weights), "adapter_config.json: "
    yield "config_rank_text", config(r="2"), "adapter_config.json: r is not a positive integer"
    yield "config_alpha", config(lora_alpha=0), "adapter_config.json: lora_alpha is not a positive number"
    yield "config_kind", config(peft_type="LOHA"), "peft_type is LOHA; only LORA"
    yield "config_dora", config(use_dora=True), "there is no lora_magnitude_vector"
    yield "config_bias", config(bias="lora_only"), 'bias is "lora_only"; trained biases'
    yield "config_saved", config(modules_to_save=["embed_tokens"]), "modules_to_save is set"
    yield "config_pattern", config(rank_pattern={"q_proj": "2"}), 'rank_pattern: "q_proj" is not a positive'
    yield "config_other_rank", config(r=4), "has rank 2, but adapter_config.json says 4"
    yield "weights_cut", (good, weights[:-1]), "adapter_model.safetensors: "
    yield "weights_nan", (good, safetensors(both, bytes(60) + f32(float("nan")) + bytes(64))), \
        "row 1, column 7 of A is not finite"
    yield "weights_integer", (good, safetensors({name % "A": entry("I32", [2, 8], [0, 64])}, bytes(64))), \
        "A is not F32, F16 or BF16"
    yield "weights_one", (good, safetensors({name % "A": entry(shape=[2, 8], offsets=[0, 64])}, bytes(64))), \
        "B is missing"
    yield "weights_vector", (good, safetensors({name % "A": entry(shape=[16], offsets=[0, 64])}, bytes(64))), \
        "adapter_model.safetensors: "
    yield "weights_none", (good, safetensors({})), "it adapts no tensor"


# --- tools ---

def schema_cases():
    yield "type_unknown.json", {"type": "str"}, '/type: "str" is no type'
    yield "type_empty.json", {"properties": {"a": {"type": []}}}, "/properties/a/type: names no type"
    yield "enum.json", {"enum": "a"}, "/enum: is no array"
    yield "properties.json", {"properties": ["a"]}, "/properties: is no object"
    yield "required.json", {"required": "a"}, "/required: is no array of names"
    yield "minimum.json", {"properties": {"n": {"minimum": "0"}}}, "/properties/n/minimum: is no number"
    yield "multiple.json", {"multipleOf": 0}, "/multipleOf: is no number above 0"
    yield "length.json", {"minLength": -1}, "/minLength: is no integer from 0 on"
    yield "pattern_number.json", {"pattern": 5}, "/pattern: is no string"
    yield "pattern_open.json", {"pattern": "(a"}, "/pattern: is no pattern: "
    yield "pattern_escape.json", {"pattern": "\\u12"}, "/pattern: is no pattern: at character "
    yield "reference.json", {"$ref": "#/$defs/a"}, '/$ref: "#/$defs/a" leads to no schema'
    yield "reference_number.json", {"$ref": 1}, "/$ref: is no reference"
    yield "all_of.json", {"allOf": {}}, "/allOf: is no array of schemas"
    yield "items.json", {"items": 5}, "/items: holds "
    yield "unique.json", {"uniqueItems": "yes"}, "/uniqueItems: is neither true nor false"


# --- SentencePiece ---

def field(number, value):
    """A protobuf field: bytes, or an int as a varint, or a float."""
    if isinstance(value, bytes):
        return bytes([number << 3 | 2, len(value)]) + value
    if isinstance(value, float):
        return bytes([number << 3 | 5]) + f32(value)
    return bytes([number << 3]) + bytes([value])


def piece(text=b"a", score=0.5, kind=None):
    return field(1, field(1, text) + field(2, score) + (field(3, kind) if kind is not None else b""))


def sentencepiece_cases():
    yield "empty.model", b"", "not a SentencePiece model: 0 pieces"
    yield "no_pieces.model", field(2, field(3, 1)), "not a SentencePiece model: 0 pieces"
    yield "field_zero.model", piece() + b"\x02\x00", "at byte 11: a field has no valid number"
    yield "group.model", piece() + b"\x0b", "at byte 11: a field of a kind that there is not"
    yield "longer_than_the_file.model", piece() + b"\x0a\x7f", "at byte 12: a field of 127 bytes, but only 0"
    yield "varint_cut.model", piece() + b"\x18\x80", "at byte 1"
    yield "varint_endless.model", b"\x18" + b"\xff" * 11 + b"\x01", "at byte "
    yield "fixed_cut.model", piece() + b"\x1d\x00", "at byte 11: a number is cut off"
    yield "without_text.model", field(1, field(2, 1.0)), "at byte 2: a piece without text"
    yield "latin1.model", piece(b"\xe9"), "at byte 2: a piece whose text is not UTF-8"
    yield "score_nan.model", piece(score=float("nan")), "at byte 2: a piece whose score is not finite"
    yield "type.model", piece(kind=7), "at byte 12: a piece of a type that there is not"
    yield "kind.model", piece() + field(2, field(3, 9)), "a model of kind 9"


# --- importance matrices ---

def dat(name=b"blk.0.attn_q.weight", calls=1, values=(1.0, 2.0), n=1, **lengths):
    return (struct.pack("<ii", n, lengths.get("n_name", len(name))) + name
            + struct.pack("<ii", calls, lengths.get("n_values", len(values))) + f32(*values))


def importance_cases():
    imatrix = kv("general.type", STRING, string("imatrix"))
    chunks = kv("imatrix.chunk_count", U32, u32(1))
    sums, counts = "a.in_sum2", "a.counts"
    yield "empty.dat", b"", "at byte 0: the file ends too early"
    yield "entries_huge.dat", struct.pack("<i", 2**31 - 1) + bytes(24), "at byte 0: no number of entries"
    yield "entries_negative.dat", struct.pack("<i", -1) + bytes(24), "at byte 0: no number of entries"
    yield "name_beyond.dat", dat(n_name=1000), "at byte 4: a name is longer than the file"
    yield "name_zero.dat", dat(name=b"a\0b"), "at byte 8: a name is not valid UTF-8"
    yield "calls_negative.dat", dat(calls=-1), "a number of calls is negative"
    yield "values_beyond.dat", dat(n_values=9), "there are more values than the file has"
    yield "cut.dat", dat()[:-1], "at byte 35: the file ends too early"
    yield "negative.dat", dat(values=(1.0, -1.0)), "value 1 is not a mean of squares"
    yield "nan.dat", dat(values=(float("nan"),)), "value 0 is not a mean of squares"
    yield "twice.dat", dat(n=2) + dat()[4:], 'tensor "blk.0.attn_q.weight" is there twice'
    yield "behind_the_end.dat", dat() + struct.pack("<ii", 1, 0) + b"x", "there is more behind the end"
    yield "nothing.dat", struct.pack("<i", 0), "holds no importances"
    yield "a_model.gguf", gguf(), 'general.type is not "imatrix"'
    yield "no_chunks.gguf", gguf(kvs=(imatrix,)), 'key "imatrix.chunk_count" is missing'
    yield "no_counts.gguf", gguf(kvs=(imatrix, chunks), tensors=(tensor(sums, [8], TYPE_F32, 0),), data=bytes(32)), \
        'tensor "a.counts" is missing'
    yield "counts_of_two.gguf", gguf(kvs=(imatrix, chunks), data=bytes(64), tensors=(
        tensor(sums, [8], TYPE_F32, 0), tensor(counts, [2], TYPE_F32, 32))), \
        'tensors "a.in_sum2" and "a.counts" do not belong together'


# --- models in parts ---

def part(no, count, n_tensors, kvs=(), tensors=(), data=b""):
    kvs = (*kvs, kv("split.no", U32, u32(no)), kv("split.count", U32, u32(count)),
           kv("split.tensors.count", I32, struct.pack("<i", n_tensors)))
    return gguf(kvs=kvs, tensors=tensors, data=data)


def split_cases():
    """Name, the files beside it; the first is opened."""
    arch = kv("general.architecture", STRING, string("llama"))
    first, b = part(0, 2, 2, (arch,), (A,), bytes(32)), tensor("b.weight", [8], TYPE_F32, 0)
    second = part(1, 2, 2, (), (b,), bytes(32))
    one, two = "-00001-of-00002.gguf", "-00002-of-00002.gguf"
    yield "name", {".gguf": first}, "part 1 of 2 of a model; its name must end in"
    yield "missing", {one: first}, "1 of 2 parts of the model is missing: "
    yield "count", {one: first, two: part(1, 3, 2, (), (b,), bytes(32))}, "split.count is 3, in "
    yield "number", {one: first, two: part(0, 2, 2, (), (b,), bytes(32))}, "split.no is 0, by its name it is part 2"
    yield "tensors", {one: first, two: part(1, 2, 7, (), (b,), bytes(32))}, "a part of another model: split.tensors.count is 7"
    yield "another", {one: first, two: part(1, 2, 2, (kv("general.architecture", STRING, string("gemma")),), (b,),
                                            bytes(32))}, 'has another key "general.architecture"'
    yield "same_tensor", {one: first, two: part(1, 2, 2, (), (A,), bytes(32))}, 'tensor "a.weight" is in an earlier part'
    yield "too_few", {one: part(0, 2, 3, (arch,), (A,), bytes(32)), two: part(1, 2, 3, (), (b,), bytes(32))}, \
        "split.tensors.count is 3, the 2 parts have 2 tensors"
    yield "part_cut", {one: first, two: second[:-1]}, "-00002-of-00002.gguf: at byte "


# --- results of evaluations ---

def report_cases():
    item = {"index": 0, "turn": 1, "prompt_tokens": 2, "output": "x", "calls": [], "expected": [], "spurious": 0,
            "missing": 0, "verdicts": {}}
    yield "no_items.json", {}, "has no items: not the result of an evaluation"
    head = {"n": 1, "loss_per_token": None, "tokens": 0, "scores": {}}
    yield "index.json", {**head, "items": [{**item, "index": -1}]}, "items[0]: index is not a count"
    yield "turn.json", {**head, "items": [item, {**item, "turn": "1"}]}, "items[1]: turn is not a count"
    yield "output.json", {**head, "items": [{**item, "output": 5}]}, "items[0]: output is not of type string"
    yield "calls.json", {**head, "items": [{**item, "calls": {}}]}, "items[0]: calls is not of type array"
    yield "verdict.json", {**head, "items": [{**item, "verdicts": {"tool_name": "yes"}}]}, "is neither true, false nor null"


KINDS = {"safetensors": safetensors_cases, "json": json_cases, "jsonl": jsonl_cases, "yaml": yaml_cases,
         "zst": zst_cases, "checkpoint": checkpoint_cases, "tokenizer": tokenizer_cases,
         "template": template_cases, "adapter": adapter_cases, "peft": peft_cases, "schema": schema_cases,
         "sentencepiece": sentencepiece_cases, "importance": importance_cases, "split": split_cases,
         "report": report_cases}


def write(folder, name, content):
    """Returns what is to be opened."""
    if isinstance(content, tuple):  # a PEFT folder
        (folder / name).mkdir(exist_ok=True)
        for file, data in zip(("adapter_config.json", "adapter_model.safetensors"), content):
            (folder / name / file).write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        return name
    if isinstance(content, dict) and all(isinstance(data, bytes) for data in content.values()) and content:
        for suffix, data in content.items():
            (folder / (name + suffix)).write_bytes(data)
        return name + next(iter(content))
    (folder / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return name


def main():
    root, lines = pathlib.Path(sys.argv[1]), []
    for kind, cases in KINDS.items():
        folder = root / kind
        folder.mkdir(parents=True, exist_ok=True)
        for name, content, message in cases():
            lines.append(f"{kind}\t{write(folder, name, content)}\t{message}\n")
    (root / "expected.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
