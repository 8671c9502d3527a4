#!/usr/bin/env python3
"""Writes what the sections shape and large train: a GGUF model of random blocks in the shape of a
well-known model (Q4_0: SHAPES of torch_lora.py; Q4_K_M: LARGE), with the tokenizer of --base padded
to its vocabulary; a dataset of texts of exactly --length tokens; a template that adds nothing. The
prompt of a text is its first two tokens: graft refuses data of which nothing is context. The model
is kept if it is there already."""
import argparse
import json
import os

import gguf
import numpy as np

from torch_lora import SHAPES

# Too large for PyTorch on these machines.
LARGE = {
    "llama-3.1-8b": dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32,
                         num_attention_heads=32, num_key_value_heads=8, head_dim=128,
                         vocab_size=128256, tie_word_embeddings=False),
}
Q4_0, Q4_K, Q6_K = (gguf.GGMLQuantizationType[name] for name in ("Q4_0", "Q4_K", "Q6_K"))
DEVIATION = 0.02  # of weights, as models are initialised
CHUNK = 1 << 18   # blocks made at once
TEMPLATE = "{%- for message in messages %}{{ message.content }}{% endfor -%}"


def contents(reader, key):
    return reader.fields[key].contents()


def copy_tokenizer(writer, reader, n_vocab):
    unused = gguf.TokenType.UNUSED
    for key, field in reader.fields.items():
        if not key.startswith("tokenizer.ggml."):
            continue
        value = field.contents()
        if key == "tokenizer.ggml.tokens":
            value = value + [f"<|unused_{i}|>" for i in range(len(value), n_vocab)]
        elif key == "tokenizer.ggml.token_type":
            value = value + [int(unused)] * (n_vocab - len(value))
        kind = field.types[0]
        writer.add_key_value(key, value, kind, sub_type=field.types[-1]
                             if kind == gguf.GGUFValueType.ARRAY else None)


def tensor_shapes(s):
    """name -> (n_out, n_in), or (n,) for a norm"""
    width, ff, heads = s["hidden_size"], s["intermediate_size"], s["head_dim"]
    n_q, n_k = s["num_attention_heads"] * heads, s["num_key_value_heads"] * heads
    shapes = {"token_embd": (s["vocab_size"], width), "output_norm": (width,)}
    if not s["tie_word_embeddings"]:
        shapes["output"] = (s["vocab_size"], width)
    for layer in range(s["num_hidden_layers"]):
        block = {"attn_norm": (width,), "attn_q": (n_q, width), "attn_k": (n_k, width),
                 "attn_v": (n_k, width), "attn_output": (width, n_q), "ffn_norm": (width,),
                 "ffn_gate": (ff, width), "ffn_up": (ff, width), "ffn_down": (width, ff)}
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    return {f"{name}.weight": shape for name, shape in shapes.items()}


def signed(rng, n, value):
    """Half floats +value or -value: the mean of what is multiplied by them is not zero."""
    return np.where(rng.integers(0, 2, n), value, -value).astype(np.float16)


def set_half(blocks, at, values):
    blocks[:, at:at + 2] = values.view(np.uint8).reshape(len(blocks), 2)


def random_q4_0(rng, n):
    """Uniform nibbles (-8..7, deviation 4.6) times a scale."""
    blocks = rng.integers(0, 256, (n, 18), dtype=np.uint8)
    set_half(blocks, 0, signed(rng, n, DEVIATION / 4.6))
    return blocks


def random_q4_k(rng, n):
    """Uniform nibbles times a scale less a minimum of their mean: all eight scales and minima of a
    block are 32."""
    blocks = rng.integers(0, 256, (n, 144), dtype=np.uint8)
    scale = signed(rng, n, DEVIATION / 4.6 / 32)
    set_half(blocks, 0, scale)
    set_half(blocks, 2, (7.5 * scale.astype(np.float32)).astype(np.float16))
    blocks[:, 4:16] = [160] * 8 + [0] * 4
    return blocks


def random_q6_k(rng, n):
    """Uniform -32..31 (deviation 18.5) times a scale of 16 parts of the block's."""
    blocks = rng.integers(0, 256, (n, 210), dtype=np.uint8)
    blocks[:, 192:208] = 16
    set_half(blocks, 208, signed(rng, n, DEVIATION / 18.5 / 16))
    return blocks


# weights of a block, its bytes, and what makes it
BLOCKS = {Q4_0: (32, 18, random_q4_0), Q4_K: (256, 144, random_q4_k), Q6_K: (256, 210, random_q6_k)}


def mixed(tensor, n_layer):
    """The type of a tensor in a file that is called Q4_K_M: more bits for the output, and for
    attn_v and ffn_down of the first and last eighth of the layers and of every third between."""
    if tensor == "output.weight":
        return Q6_K
    part, layer = tensor.split(".")[-2], tensor.split(".")[1]
    if part not in ("attn_v", "ffn_down"):
        return Q4_K
    layer, eighth = int(layer), n_layer // 8
    more = layer < eighth or layer >= 7 * n_layer // 8 or (layer - eighth) % 3 == 2
    return Q6_K if more else Q4_K


def write_blocks(writer, rng, shape, kind):
    """A tensor chunk by chunk; the writer pads behind the last."""
    per_block, _, make = BLOCKS[kind]
    n = shape[0] * shape[1] // per_block
    blocks = np.concatenate([make(rng, min(CHUNK, n - at)) for at in range(0, n, CHUNK)])
    writer.write_tensor_data(blocks)


def write_model(path, name, reader):
    s, rng = {**SHAPES, **LARGE}[name], np.random.default_rng(1)
    shapes, n_layer = tensor_shapes(s), s["num_hidden_layers"]
    kinds = {tensor: mixed(tensor, n_layer) if name in LARGE else Q4_0
             for tensor, shape in shapes.items() if len(shape) > 1}
    writer = gguf.GGUFWriter(f"{path}.new", "llama")
    writer.add_name(f"random weights in the shape of {name}")
    writer.add_block_count(s["num_hidden_layers"])
    writer.add_context_length(4096)
    writer.add_embedding_length(s["hidden_size"])
    writer.add_feed_forward_length(s["intermediate_size"])
    writer.add_head_count(s["num_attention_heads"])
    writer.add_head_count_kv(s["num_key_value_heads"])
    writer.add_key_length(s["head_dim"])
    writer.add_value_length(s["head_dim"])
    writer.add_rope_dimension_count(s["head_dim"])
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(s["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M if name in LARGE
                         else gguf.LlamaFileType.MOSTLY_Q4_0)
    copy_tokenizer(writer, reader, s["vocab_size"])
    for tensor, shape in shapes.items():
        if len(shape) == 1:
            writer.add_tensor_info(tensor, shape, np.dtype(np.float32), 4 * shape[0])
        else:
            per_block, block_bytes, _ = BLOCKS[kinds[tensor]]
            row = shape[1] // per_block * block_bytes
            writer.add_tensor_info(tensor, (shape[0], row), np.dtype(np.uint8), shape[0] * row,
                                   raw_dtype=kinds[tensor])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor, shape in shapes.items():
        if tensor in kinds:
            write_blocks(writer, rng, shape, kinds[tensor])
        else:
            writer.write_tensor_data(np.ones(shape, np.float32))
    writer.close()
    os.replace(f"{path}.new", path)


def write_data(path, n, length, reader):
    """Texts of words that are one token each."""
    words = [t[1:] for t in contents(reader, "tokenizer.ggml.tokens")
             if t[0] == "\u0120" and len(t) > 4 and t[1:].isascii() and t[1:].isalpha()
             and t[1:].islower()]
    rng = np.random.default_rng(2)
    with open(path, "w") as file:
        for _ in range(n):
            text = [f" {word}" for word in rng.choice(words, length)]
            file.write(json.dumps({"prompt": "".join(text[:2]),
                                   "completion": "".join(text[2:])}) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=[*SHAPES, *LARGE], default="qwen3-1.7b")
    for name in ("--base", "--model", "--data", "--template"):
        parser.add_argument(name, required=True)
    parser.add_argument("-n", type=int, default=12)
    parser.add_argument("--length", type=int, default=512)
    options = parser.parse_args()
    reader = gguf.GGUFReader(options.base)
    if not os.path.exists(options.model):
        write_model(options.model, options.shape, reader)
    write_data(options.data, options.n, options.length, reader)
    with open(options.template, "w") as file:
        file.write(TEMPLATE)


main()
