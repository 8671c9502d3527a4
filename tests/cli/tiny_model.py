#!/usr/bin/env python3
"""tests/cli/tiny_model.py FILE [TEMPLATE] - a random llama model of 2 layers that speaks bytes, as F32
GGUF; with a second chat template, for tools, if a file with one is named.

Small enough to train within a second; its replies mean nothing."""
import pathlib
import random
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bad"))

from make_gguf import ARRAY, F32, STRING, TYPE_F32, U32, array, kv, string, tensor, u32, u64  # noqa: E402

WIDTH, LAYERS, HEADS, KV_HEADS, FF, CONTEXT = 32, 2, 4, 2, 64, 4096
CONTROL, NORMAL = 3, 1
TEMPLATE = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def byte_letters():
    """GPT-2's way to write each byte as a printable letter."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (b for b in range(256) if b not in plain)
    return [chr(b) for b in plain] + [chr(256 + i) for i, _ in enumerate(others)]


def vocabulary():
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + byte_letters() + ["he", "in"]
    kinds = [CONTROL] * 3 + [NORMAL] * (len(tokens) - 3)
    return tokens, kinds, ["h e", "i n"]


def metadata():
    tokens, kinds, merges = vocabulary()

    def strings(key, values):
        return kv(key, ARRAY, array(STRING, len(values), b"".join(map(string, values))))

    numbers = {"llama.context_length": CONTEXT, "llama.embedding_length": WIDTH,
               "llama.block_count": LAYERS, "llama.feed_forward_length": FF,
               "llama.attention.head_count": HEADS, "llama.attention.head_count_kv": KV_HEADS,
               "llama.rope.dimension_count": WIDTH // HEADS, "llama.vocab_size": len(tokens),
               "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2}
    texts = {"general.architecture": "llama", "general.type": "model", "general.name": "tiny",
             "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm",
             "tokenizer.chat_template": TEMPLATE}
    return ([kv(key, STRING, string(text)) for key, text in texts.items()]
            + [kv(key, U32, u32(n)) for key, n in numbers.items()]
            + [kv("llama.attention.layer_norm_rms_epsilon", F32, struct.pack("<f", 1e-5)),
               strings("tokenizer.ggml.tokens", tokens), strings("tokenizer.ggml.merges", merges),
               kv("tokenizer.ggml.token_type", ARRAY,
                  array(5, len(kinds), b"".join(struct.pack("<i", k) for k in kinds)))])


def weights():
    """(name, dims innermost first, values)"""
    rng = random.Random(1)

    def matrix(n_out, n_in, size=0.2):
        return [n_in, n_out], [rng.gauss(0, size) for _ in range(n_in * n_out)]

    head = WIDTH // HEADS
    yield ("token_embd.weight", *matrix(len(vocabulary()[0]), WIDTH, 0.5))
    yield "output_norm.weight", [WIDTH], [1.0] * WIDTH
    for layer in range(LAYERS):
        parts = {"attn_q": (HEADS * head, WIDTH), "attn_k": (KV_HEADS * head, WIDTH),
                 "attn_v": (KV_HEADS * head, WIDTH), "attn_output": (WIDTH, HEADS * head),
                 "ffn_gate": (FF, WIDTH), "ffn_up": (FF, WIDTH), "ffn_down": (WIDTH, FF)}
        for part, shape in parts.items():
            yield (f"blk.{layer}.{part}.weight", *matrix(*shape))
        for part in ("attn_norm", "ffn_norm"):
            yield f"blk.{layer}.{part}.weight", [WIDTH], [1.0] * WIDTH


def write(path, tensors, template=None):
    infos, data = [], b""
    for name, dims, values in tensors:
        infos.append(tensor(name, dims, TYPE_F32, len(data)))
        data += struct.pack(f"<{len(values)}f", *values)
        data += bytes(-len(data) % 32)
    keys = metadata()
    if template is not None:
        keys.append(kv("tokenizer.chat_template.tool_use", STRING,
                       string(pathlib.Path(template).read_text())))
    head = b"GGUF" + u32(3) + u64(len(infos)) + u64(len(keys)) + b"".join(keys) + b"".join(infos)
    pathlib.Path(path).write_bytes(head + bytes(-len(head) % 32) + data)


if __name__ == "__main__":
    write(sys.argv[1], weights(), *sys.argv[2:3])
