#!/usr/bin/env python3
"""Writes what the section shape trains: a GGUF model of random Q4_0 blocks in the shape of a
well-known model (SHAPES of torch_lora.py), with the tokenizer of --base padded to its vocabulary; a
dataset of texts of exactly --length tokens; a template that adds nothing. The prompt of a text is
its first two tokens: graft refuses data of which nothing is context. The model is kept if it is
there already."""
import argparse
import json
import os

import gguf
import numpy as np

from torch_lora import SHAPES

Q4_0 = gguf.GGMLQuantizationType.Q4_0
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
    for layer in range(s["num_hidden_layers"]):
        block = {"attn_norm": (width,), "attn_q": (n_q, width), "attn_k": (n_k, width),
                 "attn_v": (n_k, width), "attn_output": (width, n_q), "ffn_norm": (width,),
                 "ffn_gate": (ff, width), "ffn_up": (ff, width), "ffn_down": (width, ff)}
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    return {f"{name}.weight": shape for name, shape in shapes.items()}


def random_blocks(rng, n_out, n_in):
    """Weights of deviation 0.02, as models are initialised: uniform nibbles (-8..7, deviation 4.6)
    times a scale whose sign is random, because their mean is not zero."""
    n = n_out * n_in // 32
    blocks = rng.integers(0, 256, (n, 18), dtype=np.uint8)
    scales = np.where(rng.integers(0, 2, n), 0.02 / 4.6, -0.02 / 4.6).astype(np.float16)
    blocks[:, :2] = scales.view(np.uint8).reshape(n, 2)
    return blocks.reshape(n_out, n_in // 32 * 18)


def write_model(path, name, reader):
    s, shapes, rng = SHAPES[name], tensor_shapes(SHAPES[name]), np.random.default_rng(1)
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
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    copy_tokenizer(writer, reader, s["vocab_size"])
    for tensor, shape in shapes.items():
        if len(shape) == 1:
            writer.add_tensor_info(tensor, shape, np.dtype(np.float32), 4 * shape[0])
        else:
            row = shape[1] // 32 * 18
            writer.add_tensor_info(tensor, (shape[0], row), np.dtype(np.uint8), shape[0] * row,
                                   raw_dtype=Q4_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for shape in shapes.values():
        writer.write_tensor_data(np.ones(shape, np.float32) if len(shape) == 1
                                 else random_blocks(rng, *shape))
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
    parser.add_argument("--shape", choices=SHAPES, default="qwen3-1.7b")
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
