"""Tiny Hugging Face folders: random models and small vocabularies, made by transformers and tokenizers.

Everything is a function of the names: the same call makes the same folder."""
import json
import struct

import numpy as np

TEXT = """The quick brown fox jumps over the lazy dog. I'VE been told: she'll pay 1,234.56 by 2026!
Bücher, naïve façades, Ærøskøbing; все счастливые семьи похожи друг на друга.
def add(a, b):\n    return a + b  # 3 + 4 == 7\n\n\n\tif x >= 10: print("ten")
\u4eca\u5929\u5929\u6c14\u5f88\u597d\uff0c\u6211\u4eec\u53bb\u516c\u56ed\u5427\u3002 \u0645\u0631\u062d\u0628\u0627 \u0928\u0645\u0633\u062a\u0947 \U0001f680\U0001f999
"""
SAMPLES = [
    "Hello world", " leading and  double   spaces", "I'll say 1234567 words, isn't it?\n\n\n  ok",
    "Bücher & naïve façades: \u4eca\u5929\u5929\u6c14\u5f88\u597d", "tabs\t\tand\nnewlines\r\n\r\n x",
    "\U0001f680 rocket \U0001f999\u200d", "CamelCaseWords and UPPER lower 3.14e-10", "\u0645\u0631\u062d\u0628\u0627 \u0928\u0645\u0633\u094d\u0924\u0947",
    "x = {'a': [1, 22, 333]};  // done", "",
]

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = ("{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def byte_level(kind, size=420):
    """A byte-level BPE of `tokenizers`, trained on TEXT; kinds are names of GGUF pre-tokenisers."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    tokenizer = Tokenizer(models.BPE(ignore_merges=kind == "llama-bpe"))
    pattern = {"llama-bpe": LLAMA3, "dbrx": LLAMA3, "qwen2": QWEN2}.get(kind)
    if pattern:
        steps = [pre_tokenizers.Split(Regex(pattern), "isolated"),
                 pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    else:
        steps = [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
        if kind == "smollm":
            steps.insert(0, pre_tokenizers.Digits(individual_digits=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps) if len(steps) > 1 else steps[0]
    if kind == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator([TEXT] * 3, trainers.BpeTrainer(
        vocab_size=size, special_tokens=SPECIALS, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    if kind == "llama-bpe":
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{SPECIALS[0]} $A", pair=f"{SPECIALS[0]} $A {SPECIALS[0]} $B:1",
            special_tokens=[(SPECIALS[0], 0)])
    tokenizer.add_tokens(["<tool_call>", "\u2581\u2581x"])
    return tokenizer


def sentencepiece(prefix=True, size=520):
    """(tokenizer of `tokenizers`, bytes of tokenizer.model): one vocabulary in both forms. Pieces are
    merged by score in the one, in the order of their ranks in the other."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors, trainers
    learned = Tokenizer(models.BPE())
    learned.normalizer = normalizers.Replace(" ", "\u2581")
    learned.train_from_iterator([TEXT] * 3, trainers.BpeTrainer(
        vocab_size=size - 259, show_progress=False, max_token_length=12))
    merges = [tuple(m) for m in json.loads(learned.to_str())["model"]["merges"]]
    letters = sorted({c for m in merges for part in m for c in part})
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    made = list(dict.fromkeys(left + right for left, right in merges))
    pieces += made + [c for c in letters if c not in made]
    vocab = {p: i for i, p in enumerate(pieces)}
    rank = {p: i for i, p in enumerate(made)}
    # as converters of vocabularies list them: every pair that gives the piece, by the piece's rank
    pairs = [(rank[p], p[:k], p[k:]) for p in made for k in range(1, len(p))
             if p[:k] in vocab and p[k:] in vocab]
    pairs.sort(key=lambda t: t[0])
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[(a, b) for _, a, b in pairs],
                                     unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    steps = [normalizers.Prepend("\u2581")] if prefix else []
    tokenizer.normalizer = normalizers.Sequence(steps + [normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
        + ([decoders.Strip(" ", 1, 0)] if prefix else []))
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in pieces[:3]])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[("<s>", 1)])

    scores = [-float(rank[p]) if p in rank else -float(len(made) + i) if i >= 259 else 0.0
              for i, p in enumerate(pieces)]
    types = [{0: 2, 1: 3, 2: 3}.get(i, 6 if i < 259 else 1) for i in range(len(pieces))]
    return tokenizer, sentencepiece_model(pieces, scores, types, prefix)


def sentencepiece_model(pieces, scores, types, prefix):
    """The bytes of a tokenizer.model that merges pairs."""
    def piece(text, score, kind):
        raw = text.encode()
        body = b"\x0a" + varint(len(raw)) + raw + b"\x15" + struct.pack("<f", score) \
            + b"\x18" + varint(kind)
        return b"\x0a" + varint(len(body)) + body

    trainer = b"\x18\x02" + b"\xc0\x02\x00" + b"\xc8\x02\x01" + b"\xd0\x02\x02" + b"\x98\x02\x01"
    normalizer = b"\x0a\x08identity" + b"\x18" + bytes([prefix]) + b"\x20\x00\x28\x01"
    return b"".join(map(piece, pieces, scores, types)) \
        + b"\x12" + varint(len(trainer)) + trainer + b"\x1a" + varint(len(normalizer)) + normalizer


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


COMMON = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=2,
              pad_token_id=0)
LLAMA3_ROPE = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}

MINISTRAL = {"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "original_max_position_embeddings": 16,
             "beta_fast": 4.0, "beta_slow": 0.5, "mscale": 1.0, "mscale_all_dim": 0.7,
             "llama_4_scaling_beta": 0.3}


def long_rope(original):
    """Settings of Phi-4-mini; texts longer than `original` take the long factors."""
    return dict(hidden_size=96, max_position_embeddings=4 * original, tie_word_embeddings=True,
                original_max_position_embeddings=original, sliding_window=None,
                rope_parameters={"rope_type": "longrope", "rope_theta": 10000.0,
                                 "partial_rotary_factor": 0.75,
                                 "original_max_position_embeddings": original,
                                 "short_factor": [1.0 + 0.05 * i for i in range(9)],
                                 "long_factor": [1.0 + 0.3 * i for i in range(9)]})


# name -> (class, what differs from COMMON, vocabulary)
FAMILIES = {
    "llama": ("Llama", dict(rms_norm_eps=1e-5), "smollm"),
    "llama-bias": ("Llama", dict(attention_bias=True), "gpt-2"),
    "llama3": ("Llama", dict(head_dim=32, rope_parameters=LLAMA3_ROPE, tie_word_embeddings=True),
               "llama-bpe"),
    "llama-spm": ("Llama", dict(rope_parameters={"rope_type": "linear", "factor": 2.0,
                                                 "rope_theta": 10000.0}), "spm"),
    "mistral": ("Mistral", dict(head_dim=24, sliding_window=None), "spm-json"),
    "ministral3": ("Ministral3", dict(head_dim=24, rms_norm_eps=1e-5, rope_parameters=MINISTRAL), "smollm"),
    "smollm3": ("SmolLM3", dict(num_hidden_layers=5), "dbrx"),
    "qwen2": ("Qwen2", dict(num_key_value_heads=1, tie_word_embeddings=True), "qwen2"),
    "qwen2-yarn": ("Qwen2", dict(rope_parameters={
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0,
        "original_max_position_embeddings": 64}), "qwen2"),
    "qwen3": ("Qwen3", dict(head_dim=32), "qwen2"),
    "phi3": ("Phi3", dict(num_key_value_heads=4, original_max_position_embeddings=256,
                          sliding_window=None), "spm"),
    "phi4-mini": ("Phi3", long_rope(original=512), "gpt-2"),
    "phi4-long": ("Phi3", long_rope(original=16), "gpt-2"),
    "gemma2": ("Gemma2", dict(head_dim=32, query_pre_attn_scalar=32, sliding_window=16), "spm-plain"),
    "gemma3": ("Gemma3Text", dict(num_hidden_layers=7, head_dim=32, query_pre_attn_scalar=32,
                                  sliding_window=16), "spm-plain"),
    "granite": ("Granite", dict(attention_multiplier=0.1, embedding_multiplier=12.0,
                                residual_multiplier=0.22, logits_scaling=8.0,
                                tie_word_embeddings=True), "smollm"),
}


def make_model(name, n_vocab):
    """The family's tiny model with random weights, gains and biases included."""
    import torch
    import transformers
    kind, settings, _ = FAMILIES[name]
    settings = {**COMMON, **settings, "vocab_size": n_vocab}
    config = getattr(transformers, kind + "Config")(**settings)
    torch.manual_seed(sum(map(ord, name)))
    model = getattr(transformers, {"Gemma3Text": "Gemma3"}.get(kind, kind) + "ForCausalLM")(config)
    with torch.no_grad():
        for parameter in model.parameters():
            # the runtime computes gelu through a table of half floats: gentle weights for Gemma
            gemma = kind.startswith("Gemma")
            parameter.normal_(std=(0.3 if gemma else 0.5) if parameter.dim() == 1 else
                              0.05 if gemma else 0.15)
            if parameter.dim() == 1 and not gemma:
                parameter.add_(1.0)
    return model.eval()


def write_vocabulary(folder, kind, **settings):
    """Tokenizer files; returns the tokenizer of `tokenizers`."""
    model = None
    if kind.startswith("spm"):
        tokenizer, model = sentencepiece(prefix=kind != "spm-plain")
        names = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>",
                     tokenizer_class="LlamaTokenizer", add_bos_token=True, add_eos_token=False)
        if kind != "spm-json":
            (folder / "tokenizer.model").write_bytes(model)
    else:
        tokenizer = byte_level(kind)
        names = dict(bos_token=SPECIALS[1], eos_token=SPECIALS[2], unk_token=SPECIALS[0],
                     pad_token=SPECIALS[2], tokenizer_class="PreTrainedTokenizerFast",
                     chat_template=TEMPLATE)
        if kind == "llama-bpe":
            names["bos_token"] = SPECIALS[0]
        if kind == "gpt-2":
            names["tokenizer_class"] = "GPT2Tokenizer"
        if kind == "smollm":
            names["add_prefix_space"] = False
    added = json.loads(tokenizer.to_str())["added_tokens"]
    names["added_tokens_decoder"] = {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in added}
    names["model_max_length"] = int(1e30)  # as transformers writes a length without a bound
    names.update(settings)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return tokenizer


def make_folder(folder, name, dtype=None, pad=3, **saving):
    """A whole folder; returns (model, tokenizer). `pad` ids have no token."""
    import torch
    folder.mkdir(parents=True)
    tokenizer = write_vocabulary(folder, FAMILIES[name][2])
    model = make_model(name, tokenizer.get_vocab_size() + pad)
    if dtype is not None:
        model = model.to(getattr(torch, dtype))
    model.save_pretrained(folder, **saving)
    return model, tokenizer


def gguf_keys(path):
    """All keys of a GGUF file; gguf-py's reader takes seconds for large vocabularies."""
    data = path.read_bytes()
    at = 24
    sizes = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
             12: "<d"}

    def take(kind):
        nonlocal at
        if kind == 8:
            n = take(10)
            at += n
            return data[at - n:at].decode()
        if kind == 9:
            kind, n = take(4), take(10)
            return [take(kind) for _ in range(n)]
        value, = struct.unpack_from(sizes[kind], data, at)
        at += struct.calcsize(sizes[kind])
        return value

    assert data[:8] == b"GGUF\x03\0\0\0"
    return {take(8): take(take(4)) for _ in range(struct.unpack_from("<Q", data, 16)[0])}


def interleave(rows, n_head):
    """Rows of heads from (head, 2, d/2) to (head, d/2, 2)."""
    return rows.reshape(n_head, 2, -1, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def read_gguf(path):
    import gguf
    return gguf_keys(path), {t.name: np.array(t.data) for t in gguf.GGUFReader(path).tensors}


ARCH = {"Llama": "llama", "Mistral": "llama", "Ministral3": "mistral3", "SmolLM3": "smollm3",
        "Qwen2": "qwen2", "Qwen3": "qwen3", "Phi3": "phi3", "Gemma2": "gemma2", "Gemma3Text": "gemma3",
        "Granite": "granite"}


def copy_gguf(source, target, keys, arch=None):
    """A GGUF file with some keys changed or added, and perhaps of another architecture."""
    import gguf
    reader = gguf.GGUFReader(source)
    own = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(target, arch or own)
    for key, field in reader.fields.items():
        new = key.replace(f"{own}.", f"{arch or own}.", 1)
        if not key.startswith("GGUF.") and key != "general.architecture" and new not in keys:
            writer.add_key_value(new, field.contents(), field.types[0],
                                 sub_type=field.types[-1] if len(field.types) > 1 else None)
    for key, value in keys.items():
        {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}[type(value)](key, value)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Converted:
    """A family's folder, its model, and the GGUF file that graft makes of it."""

    def __init__(self, root, name, convert):
        self.name, self.folder = name, root / name / "tiny"
        self.model, self.tokenizer = make_folder(self.folder, name)
        self.arch = ARCH[FAMILIES[name][0]]
        self.n_vocab = self.model.config.vocab_size
        self.gguf = root / name / "tiny.gguf"
        convert(self.folder, self.gguf)
        self.keys, self.tensors = read_gguf(self.gguf)
