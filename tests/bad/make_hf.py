#!/usr/bin/env python3
"""tests/bad/make_hf.py FOLDER - folders of Hugging Face models that must be refused, and some that must
not.

Writes FOLDER/NAME/ for every case and FOLDER/expected.txt with lines "NAME<tab>file that the message
names<tab>part of the message" (folders to be accepted have an empty message).
tests/unit/convert_bad.c opens them all."""
import json
import pathlib
import shutil
import struct
import sys

CONFIG = {"architectures": ["LlamaForCausalLM"], "hidden_size": 8, "intermediate_size": 12,
          "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
          "vocab_size": 6, "max_position_embeddings": 32, "rms_norm_eps": 1e-5, "hidden_act": "silu"}
SHAPES = {"model.embed_tokens.weight": [6, 8], "model.norm.weight": [8], "lm_head.weight": [6, 8]}
LAYER = {"input_layernorm.weight": [8], "post_attention_layernorm.weight": [8],
         "self_attn.q_proj.weight": [8, 8], "self_attn.k_proj.weight": [4, 8],
         "self_attn.v_proj.weight": [4, 8], "self_attn.o_proj.weight": [8, 8],
         "mlp.gate_proj.weight": [12, 8], "mlp.up_proj.weight": [12, 8],
         "mlp.down_proj.weight": [8, 12]}
SHAPES.update({"model.layers.0." + name: shape for name, shape in LAYER.items()})
TOKENIZER = {"added_tokens": [{"id": 5, "content": "<|end|>", "special": True}],
             "normalizer": None, "post_processor": None,
             "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
             "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "c": 3}, "merges": ["a b"]}}
Q = "model.layers.0.self_attn.q_proj.weight"
BYTES = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1, "F8_E4M3": 1, "F64": 8, "I64": 8}


def product(shape):
    n = 1
    for size in shape:
        n *= size
    return n


def safetensors(tensors):
    """{name: shape or (dtype, shape) or (dtype, shape, bytes)} as a file."""
    header, data = {}, b""
    for name, what in tensors.items():
        dtype, shape, *raw = what if isinstance(what, tuple) else ("F32", what)
        bytes_ = raw[0] if raw else bytes(product(shape) * BYTES[dtype])
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(bytes_)]}
        data += bytes_
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def text(value):
    return value if isinstance(value, (str, bytes)) else json.dumps(value)


def folder(config=None, tensors=None, tokenizer=TOKENIZER, **files):
    """Names and contents of the small valid folder, or a variation; NAME=None leaves a file out.
    In names of `files` "__" stands for "." and "___" for "-"."""
    out = {"config.json": text({**CONFIG, **(config or {})}),
           "model.safetensors": safetensors({**SHAPES, **(tensors or {})}),
           "tokenizer.json": text(tokenizer)}
    for name, value in files.items():
        out[name.replace("___", "-").replace("__", ".")] = value if value is None else text(value)
    return out


def without(name):
    return safetensors({n: s for n, s in SHAPES.items() if n != name})


def changed(**parts):
    return {**TOKENIZER, **parts}


def shards(weight_map, files):
    return folder(model__safetensors=None, model__safetensors__index__json={"weight_map": weight_map},
                  **{name.replace(".", "__").replace("-", "___"): safetensors(tensors)
                     for name, tensors in files.items()})


HALF = dict(list(SHAPES.items())[:4])
REST = dict(list(SHAPES.items())[4:])
MAP = {n: "model-1.safetensors" for n in HALF} | {n: "model-2.safetensors" for n in REST}
BOTH = {"model-1.safetensors": HALF, "model-2.safetensors": REST}
STATE = {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [8, 8]}


def nf4(state=STATE, codes=32, absmax=("F32", [1]), **more):
    raw = state if isinstance(state, bytes) else json.dumps(state).encode()
    parts = {Q: ("U8", [codes, 1]), Q + ".absmax": absmax, Q + ".quant_map": ("F32", [16]),
             Q + ".quant_state.bitsandbytes__nf4": ("U8", [len(raw)], raw)}
    parts.update({f"{Q}.{name}": what for name, what in more.items()})
    return folder({"quantization_config": {"quant_method": "bitsandbytes"}},
                  {name: what for name, what in parts.items() if what})


def fp8(scale, block=None, name=Q + "_scale_inv"):
    quantization = {"quant_method": "fp8"} | ({"weight_block_size": block} if block else {})
    return folder({"quantization_config": quantization},
                  {Q: ("F8_E4M3", [8, 8])} | ({name: ("F32", scale)} if scale is not None else {}))


def piece(content, kind=1, score=-1.0):
    raw = content if isinstance(content, bytes) else content.encode()
    body = b"\x0a" + bytes([len(raw)]) + raw + b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kind])
    return b"\x0a" + bytes([len(body)]) + body


PIECES = piece("<unk>", 2) + piece("a") + piece("b")
DEEP = "[" * 100000 + "]" * 100000
HUGE = 2**31
INDEX = "model.safetensors.index.json"

CASES = {
    "valid": (folder(), "", ""),
    "valid_shards": (shards(MAP, BOTH), "", ""),
    "valid_nf4": (nf4(), "", ""),
    "valid_fp8": (fp8([2, 2], [4, 6]), "", ""),
    "valid_pieces": (folder(tokenizer__json=None, tokenizer__model=PIECES), "", ""),
    "valid_bytes": (folder(tokenizer=changed(
        model={**TOKENIZER["model"], "byte_fallback": True}, added_tokens=[{"id": 6, "content": "<i>"}],
        normalizer={"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": " "},
                                                         "content": "\u2581"}]},
        pre_tokenizer={"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious"})),
        "", ""),
    "valid_tied": (folder({"tie_word_embeddings": True}), "", ""),
    # config.json
    "no_config": (folder(config__json=None), "config.json", "there is no such file"),
    "config_is_a_list": (folder(config__json="[]"), "config.json", "is not a JSON object"),
    "config_nan": (folder(config__json='{"rms_norm_eps": NaN}'), "config.json", "at byte"),
    "config_deep": (folder(config__json=DEEP), "config.json", "nested"),
    "config_cut": (folder(config__json='{"architectures": ["Llama'), "config.json", "at byte"),
    "no_architecture": (folder({"architectures": []}), "config.json",
                        "names none (known: LlamaForCausalLM, "),
    "other_architecture": (folder({"architectures": ["MambaForCausalLM"]}), "config.json",
                           'architecture "MambaForCausalLM" is unknown (known: LlamaForCausalLM, Mistral'),
    "no_heads": (folder({"num_attention_heads": 0}), "config.json", "num_attention_heads is 0 (1 to"),
    "kv_heads": (folder({"num_attention_heads": 4, "num_key_value_heads": 3}), "config.json",
                 "is not a multiple of num_key_value_heads 3"),
    "odd_head": (folder({"head_dim": 3}), "config.json", "a head of 3 numbers"),
    "many_layers": (folder({"num_hidden_layers": HUGE}), "config.json",
                    "num_hidden_layers is 2147483648 (1 to 4096"),
    "wide": (folder({"hidden_size": 2**60}), "config.json", "hidden_size is 1152921504606846976"),
    "layers_are_text": (folder({"num_hidden_layers": "1"}), "config.json",
                        "num_hidden_layers is not an integer"),
    "no_width": (folder({"hidden_size": None}), "config.json", "hidden_size is missing"),
    "negative_eps": (folder({"rms_norm_eps": -1.0}), "config.json", "rms_norm_eps is not positive"),
    "huge_eps": (folder({"rms_norm_eps": 1e300}), "config.json", "rms_norm_eps is out of range"),
    "relu": (folder({"hidden_act": "relu"}), "config.json", 'hidden_act is "relu"'),
    "rope_of_another_kind": (folder({"rope_scaling": {"type": "spiral", "factor": 2}}),
                             "config.json", 'rope type "spiral"'),
    "llama3_without_factor": (folder({"rope_scaling": {"rope_type": "llama3"}}), "config.json",
                              "without a positive factor"),
    "yarn_of_no_length": (folder({"rope_scaling": {"rope_type": "yarn", "factor": 2,
                                                   "original_max_position_embeddings": 1e30}}), "config.json",
                          "original_max_position_embeddings is out of range"),
    "mistral3_without_rotation": (folder({"architectures": ["Ministral3ForCausalLM"], "model_type": "ministral3"}),
                                  "config.json", "rope_parameters are missing"),
    "mistral3_of_mistral4": (folder({"architectures": ["Mistral3ForConditionalGeneration"],
                                     "text_config": {"model_type": "mistral4"}}),
                             "config.json", 'the text part is a "mistral4"'),
    "quantised_otherwise": (folder({"quantization_config": {"quant_method": "gptq"}}), "config.json",
                            'quant_method "gptq" is not read (known: bitsandbytes'),
    "windows": (folder({"architectures": ["Gemma2ForCausalLM"], "head_dim": 4,
                        "hidden_act": "gelu_pytorch_tanh", "layer_types": ["full_attention"]}),
                "config.json", "every 2th layer"),
    # weights
    "no_weights": (folder(model__safetensors=None), "no_weights", "neither model.safetensors nor"),
    "pickled": (folder(model__safetensors=None, pytorch_model__bin=b"x"), "pickled",
                "pickled weights (.bin) are not read"),
    "header_length": (folder(model__safetensors=struct.pack("<Q", 2**40)), "model.safetensors",
                      "a header of 1099511627776 bytes"),
    "header_cut": (folder(model__safetensors=safetensors(SHAPES)[:100]), "model.safetensors",
                   "but the file has only"),
    "missing_tensor": (folder(model__safetensors=without(Q)), "missing_tensor",
                       f'tensor "{Q}" is missing'),
    "missing_norm": (folder(model__safetensors=without("model.norm.weight")), "missing_norm",
                     'tensor "model.norm.weight" is missing'),
    "missing_head": (folder(model__safetensors=without("lm_head.weight")), "missing_head",
                     'tensor "lm_head.weight" is missing, and tie_word_embeddings'),
    "another_shape": (folder(tensors={Q: [8, 9]}), "model.safetensors",
                      f'tensor "{Q}" has shape 8 x 9 (2 dimensions); config.json says 8 x 8'),
    "vector_for_matrix": (folder(tensors={Q: [64]}), "model.safetensors", "config.json says 8 x 8"),
    "another_vocabulary": (folder({"vocab_size": 7}), "model.safetensors", "config.json says 7 x 8"),
    "unknown_tensor": (folder(tensors={"model.layers.0.self_attn.sinks": [2]}), "model.safetensors",
                       "is unknown to LlamaForCausalLM, and would be left out"),
    "unknown_part": (folder(tensors={"vision_tower.x.weight": [2]}), "model.safetensors",
                     "is unknown to LlamaForCausalLM"),
    "layer_too_many": (folder(tensors={"model.layers.7.mlp.up_proj.weight": [12, 8]}),
                       "model.safetensors", "is of layer 7; config.json says that there are 1"),
    "layer_huge": (folder(tensors={"model.layers.99999999999999999999.mlp.up_proj.weight": [12, 8]}),
                   "model.safetensors", "is of layer"),
    "f64": (folder(tensors={Q: ("F64", [8, 8])}), "model.safetensors", "is F64, which is not read"),
    # several files
    "index_outside": (shards(MAP | {Q: "../secret.safetensors"}, BOTH), INDEX,
                      '"../secret.safetensors" is not a safetensors file of this folder'),
    "index_absolute": (shards(MAP | {Q: "/etc/passwd"}, BOTH), INDEX, '"/etc/passwd" is not a'),
    "index_hidden": (shards(MAP | {Q: ".model.safetensors"}, BOTH), INDEX, "is not a safetensors"),
    "index_number": (shards(MAP | {Q: 3}, BOTH), INDEX, "is not a safetensors file"),
    "index_empty": (shards({}, BOTH), INDEX, "weight_map is missing or empty"),
    "index_cut": (folder(model__safetensors__index__json="{"), INDEX, "at byte"),
    "shard_missing": (shards(MAP, {"model-1.safetensors": HALF}), "model-2.safetensors",
                      "No such file or directory"),
    "in_two_shards": (shards(MAP, {**BOTH, "model-2.safetensors": REST | {"lm_head.weight": [6, 8]}}),
                      "model-2.safetensors", 'tensor "lm_head.weight" is in'),
    "in_another_shard": (shards(MAP | {"lm_head.weight": "model-2.safetensors"}, BOTH), INDEX,
                         'tensor "lm_head.weight" is not in model-2.safetensors but in'),
    "in_no_shard": (shards(MAP | {"x.weight": "model-1.safetensors"}, BOTH), INDEX,
                    'tensor "x.weight" is not in model-1.safetensors'),
    "not_in_the_index": (shards({n: f for n, f in MAP.items() if n != Q}, BOTH),
                         "model-", f'tensor "{Q}" is not in {INDEX}'),
    # 8-bit floats
    "fp8_without_scale": (fp8(None), "model.safetensors", "is F8_E4M3 without scales"),
    "fp8_three_scales": (fp8([3]), "model.safetensors", "has 3 scales, which fit neither"),
    "fp8_blocks": (fp8([2, 2], [8, 4]), "model.safetensors", "nor blocks of 8 x 4"),
    "fp8_block_of_zero": (fp8([2, 2], [0, 4]), "config.json", "weight_block_size is not a pair"),
    "fp8_unknown_companion": (fp8([1], name=Q + "_zero_point"), "model.safetensors",
                              "is F8_E4M3 without scales"),
    # 4 bits of bitsandbytes
    "nf4_state": (nf4(b"\x00{"), "model.safetensors", "is not JSON"),
    "nf4_no_shape": (nf4({**STATE, "shape": 64}), "model.safetensors", "do not fit the shape"),
    "nf4_shape": (nf4({**STATE, "shape": [8, 9]}), "model.safetensors", "has 32 bytes, which do not fit"),
    "nf4_huge": (nf4({**STATE, "shape": [2**40, 2**40]}), "model.safetensors", "do not fit the shape"),
    "nf4_block": (nf4({**STATE, "blocksize": 0}), "model.safetensors", "blocksize is not a size"),
    "nf4_dtype": (nf4({**STATE, "dtype": "int8"}), "model.safetensors", 'dtype "int8"'),
    "nf4_absmax": (nf4(absmax=("F32", [2])), "model.safetensors", "needs 1 numbers in absmax"),
    "nf4_no_absmax": (nf4(absmax=None), "model.safetensors", "needs 1 numbers in absmax, and there are 0"),
    "nf4_map": (nf4(quant_map=("F32", [8])), "model.safetensors", "needs 16 numbers in quant_map"),
    "nf4_nested": (nf4({**STATE, "nested_blocksize": 256}), "model.safetensors",
                   "needs 1 codes (U8) in absmax"),
    "nf4_unknown": (nf4(secret=("F32", [1])), "model.safetensors", "is unknown, and would be left out"),
    # vocabulary
    "no_tokenizer": (folder(tokenizer__json=None), "no_tokenizer", "neither tokenizer.json nor"),
    "tokenizer_cut": (folder(tokenizer__json='{"model":'), "tokenizer.json", "at byte"),
    "unigram": (folder(tokenizer=changed(model={"type": "Unigram", "vocab": []})), "tokenizer.json",
                'type "Unigram" is not supported'),
    "id_too_large": (folder(tokenizer=changed(model={"type": "BPE", "vocab": {"a": 6}, "merges": []})),
                     "tokenizer.json", 'token "a" has id 6, but vocab_size of config.json is 6'),
    "id_negative": (folder(tokenizer=changed(model={"type": "BPE", "vocab": {"a": -1}, "merges": []})),
                    "tokenizer.json", 'token "a" has id -1'),
    "id_text": (folder(tokenizer=changed(model={"type": "BPE", "vocab": {"a": "0"}, "merges": []})),
                "tokenizer.json", 'the id of "a" is not an integer'),
    "merge_of_three": (folder(tokenizer=changed(
        model={**TOKENIZER["model"], "merges": [["a", "b", "c"]]})), "tokenizer.json",
        "entry 0 is not two tokens"),
    "added_without_id": (folder(tokenizer=changed(added_tokens=[{"content": "x"}])), "tokenizer.json",
                         "added_tokens: entry 0 has no id"),
    "added_too_large": (folder(tokenizer=changed(added_tokens=[{"content": "x", "id": 2**40}])),
                        "tokenizer.json", "has id 1099511627776"),
    "unknown_pre": (folder(tokenizer=changed(pre_tokenizer={"type": "BertPreTokenizer"})),
                    "tokenizer.json", 'pre-tokeniser "<BertPreTokenizer>" is unknown (known: gpt-2, '),
    "unknown_pattern": (folder(tokenizer=changed(pre_tokenizer={"type": "Split", "invert": False,
                        "behavior": "Isolated", "pattern": {"Regex": "x+"}})), "tokenizer.json",
                        'pre-tokeniser "x+" is unknown'),
    "lowercase": (folder(tokenizer=changed(normalizer={"type": "Lowercase"})), "tokenizer.json",
                  "<normalizer Lowercase>"),
    "no_pre": (folder(tokenizer=changed(pre_tokenizer=None)), "tokenizer.json", "<without a type>"),
    "bytes_and_another_cut": (folder(tokenizer=changed(
        model={**TOKENIZER["model"], "byte_fallback": True})), "tokenizer.json",
        "does more than SentencePiece's"),
    "decoder_id": (folder(tokenizer_config__json={"added_tokens_decoder": {"x": {"content": "y"}}}),
                   "tokenizer_config.json", '"x" is not an id'),
    "pieces_cut": (folder(tokenizer__model=PIECES[:-3]), "tokenizer.model", "but only"),
    "pieces_empty": (folder(tokenizer__model=b""), "tokenizer.model", "0 pieces"),
    "piece_type": (folder(tokenizer__model=PIECES + piece("x", 9)), "tokenizer.model",
                   "of a type that there is not"),
    "piece_latin1": (folder(tokenizer__model=PIECES + piece(b"\xff")), "tokenizer.model",
                     "whose text is not UTF-8"),
    "piece_nan": (folder(tokenizer__model=PIECES + piece("x", 1, float("nan"))), "tokenizer.model",
                  "whose score is not finite"),
    "piece_group": (folder(tokenizer__model=PIECES + b"\x0b"), "tokenizer.model",
                    "a kind that there is not"),
    "piece_length": (folder(tokenizer__model=PIECES + b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
                     "tokenizer.model", "but only 0 are left"),
    "piece_number": (folder(tokenizer__model=PIECES + b"\x10" + b"\xff" * 11), "tokenizer.model",
                     "more than ten bytes"),
    "template_is_a_folder": (folder(**{"chat_template__jinja": None}) | {"chat_template.jinja/x": ""},
                             "chat_template.jinja", "is a directory"),
}


def main():
    root = pathlib.Path(sys.argv[1])
    shutil.rmtree(root, ignore_errors=True)
    lines = []
    for name, (files, where, message) in CASES.items():
        for file, content in files.items():
            if content is not None:
                path = root / name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        lines.append(f"{name}\t{where}\t{message}\n")
    (root / "expected.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
