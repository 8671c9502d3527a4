"""Token ids against llama.cpp: its own fixtures, the vocabulary of the base, and vocabularies made so
that every word border shows in the ids."""
import ctypes
import itertools
import json
import random
import re
import struct
import subprocess

import numpy as np
import pytest

PLAIN, SPECIAL, MASKED = 0, 1, 2
FIXTURES = ["gpt-2", "llama-bpe", "qwen2", "starcoder", "deepseek-coder", "llama-spm", "phi-3"]
# What the runtime knows, one line per row of the table, without "whitespace" and "mmbert" (models that
# embed texts).
ROWS = """
gpt-2 phi-2 mpt olmo jais trillion granite-docling gigachat a.x-4.0 mellum exaone4 modern-bert \
roberta-bpe jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code
smollm starcoder refact command-r codeshell exaone minerva-7b mellum2
llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano
dbrx smaug-bpe
chatglm-bpe glm4 glm5
jais-2
minicpm5
qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2
qwen35
laguna
ufakzeka
k2-horizon
kimi-k2
seed-coder
bailingmoe bailingmoe2 llada-moe
exaone-moe
tekken
gpt-4o llama4 kanana2 talkie minimax-m2
granite-embed-multi-97m
tiny_aya cohere2moe
youtu
deepseek-llm
deepseek-coder
deepseek-v3 hunyuan-dense joyai-llm hy_v4
spark2_5
afmoe
falcon
default
bloom poro-chat gpt3-finnish
viking
chameleon
superbpe
gemma4 granite-embed-multi-311m
sarvam-moe
"""
ROWS = [line.split() for line in ROWS.replace("\\\n", "").strip().split("\n")]
FAMILIES = [row[0] for row in ROWS]
CHARACTERS = ["gemma4", "granite-embed-multi-311m", "sarvam-moe"]


class Tokens:
    """The tokenizer under test, as a process that answers frames."""

    def __init__(self, program, model):
        self.process = subprocess.Popen([program, model], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def read(self, n):
        data = self.process.stdout.read(n)
        assert len(data) == n, "the driver stopped"
        return data

    def encode(self, text, mode=PLAIN, mask=b""):
        """(ids, ends, pieces joined)"""
        raw = text.encode() if isinstance(text, str) else text
        self.process.stdin.write(struct.pack("<IB", len(raw), mode) + raw + mask)
        self.process.stdin.flush()
        n, = struct.unpack("<I", self.read(4))
        ids = np.frombuffer(self.read(4 * n), np.int32).tolist()
        ends = np.frombuffer(self.read(4 * n), np.uint32).tolist()
        size, = struct.unpack("<I", self.read(4))
        return ids, ends, self.read(size)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0


@pytest.fixture
def tokens(driver):
    opened = []

    def open_one(model):
        opened.append(Tokens(driver("tokens"), str(model)))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def spelling():
    """The character that spells each byte."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {b: chr(b) for b in plain}
    for i, b in enumerate(b for b in range(256) if b not in table):
        table[b] = chr(256 + i)
    return table


@pytest.fixture(scope="module")
def make_vocabulary(tmp_path_factory):
    """make_vocabulary(pre, pairs) -> a model file whose vocabulary has every byte and the pairs
    of bytes given, each of which merges. What depends on the pairs alone is written once."""
    import gguf
    folder = tmp_path_factory.mktemp("vocabularies")
    spell = spelling()
    mark = b"a pre-tokeniser of this name is nowhere"

    def write(path, pairs, special, title):
        texts = [spell[b] for b in range(256)] + [spell[a] + spell[b] for a, b in pairs]
        writer = gguf.GGUFWriter(str(path), "llama")
        for key, value in dict(context_length=64, embedding_length=64, block_count=1, head_count=1,
                               feed_forward_length=64).items():
            getattr(writer, f"add_{key}")(value)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(mark.decode())
        writer.add_token_list(texts + [text for text, _ in special])
        writer.add_token_types([1] * len(texts) + [kind for _, kind in special])
        writer.add_token_merges([f"{spell[a]} {spell[b]}" for a, b in pairs])
        writer.add_bos_token_id(0)
        writer.add_name(title)
        writer.add_string("test.end", "end")  # no zero bytes before the padding
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    def make(pre, pairs, special=(), title="test"):
        name = f"{len(pairs)}-{hash((tuple(pairs), tuple(special), title))}"
        common = folder / f"{name}.gguf"
        if not common.exists():
            write(common, pairs, special, title)
        data = common.read_bytes().rstrip(b"\0").replace(struct.pack("<Q", len(mark)) + mark,
                                                         struct.pack("<Q", len(pre)) + pre.encode())
        path = folder / f"{pre}-{name}.gguf"
        path.write_bytes(data + bytes(-len(data) % 32))
        return path

    return make


# Characters that the patterns tell apart, and neighbours they must not mistake for them.
PARTS = list("  \n\n\r\t'''stmdrevlSTMDREVL0123456789aAzZ.,!?-_/\\\"()[]{}<>|@#$%^&*+=~`;:") + [
    "'s", "'LL", "'re", " 'd", "\r\n", "   ", "\n\n", " \n ", "\x00", "\x01", "\x1c", "\x7f",
    "\x85", "\xa0", "\xad", "é", "É", "ß", "ſ", "K", "ñ", "٣", "৩", "²", "½", "Ⅷ", "①", "〇",
    "世", "界", "한", "あ", "ア", "𝟘", "😀", "👩‍👩‍👧", "🏳️‍🌈", "e\u0301", "\u0300", "\u0903",
    "\u1680", "\u180e", "\u2003", "\u200b", "\u200d", "\u2028", "\u202f", "\u205f", "\u3000",
    "\ufeff", "\ufffd", "\ue000", "\U0001133f", "\U00011f02", "\U00011f50", "\U0002ebf0",
    "\U00031350", "\U0001e030", "\U000f0000", "\U0010ffff"]


def random_texts(seed, n, longest=40):
    rng = random.Random(seed)

    def any_character():
        while True:
            c = rng.choice([rng.randrange(0x80), rng.randrange(0x3000), rng.randrange(0x110000)])
            if not 0xD800 <= c < 0xE000:
                return chr(c)

    for _ in range(n):
        yield "".join(rng.choice(PARTS) if rng.random() < 0.8 else any_character()
                      for _ in range(rng.randint(1, longest)))


def random_bytes(seed, n, longest=100):
    """Text with holes: what is no UTF-8, and what is overlong, a surrogate or cut. Nothing beyond
    U+10FFFF: the runtime does not survive that."""
    rng = random.Random(seed)
    parts = [b" the", "é".encode(), b"\xed\xa0\x80", b"\xc0\x80", b"\xe0\x81\x81", b"\xe2\x82", b"12",
             b"\xf0\x9f", b"\xf0\x82\x82\xac", b"\xff", b"\xfe", "世".encode(), b" ", b"\n", b"A", b"!",
             "▁".encode()]
    beyond = re.compile(rb"\xf4[\x90-\xbf][\x80-\xbf]{2}|[\xf5-\xf7][\x80-\xbf]{3}")
    while n > 0:
        text = b"".join(rng.choice(parts) if rng.random() < 0.7 else bytes([rng.randrange(256)])
                        for _ in range(rng.randint(1, longest)))
        if not beyond.search(text):
            n -= 1
            yield text


SCRIPTS = [(0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x3FF), (0x400, 0x52F), (0x530, 0x58F), (0x5D0, 0x5EA),
           (0x600, 0x6FF), (0x900, 0x97F), (0x980, 0x9FF), (0xB80, 0xBFF), (0xE00, 0xE7F),
           (0x1000, 0x109F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x2000, 0x206F),
           (0x2190, 0x22FF), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1F64F)]


def many_scripts(seed, n):
    """n bytes of lines, each in one script, as words with punctuation and numbers between."""
    rng = random.Random(seed)
    lines = []
    while n > 0:
        first, last = rng.choice(SCRIPTS)
        words = ["".join(chr(rng.randint(first, last)) for _ in range(rng.randint(1, 9)))
                 for _ in range(rng.randint(1, 12))]
        lines.append(rng.choice([" ", "  ", ", "]).join(words) +
                     rng.choice([".\n", " ", "\t", "! 123 ", "\r\n\r\n", "。"]))
        n -= len(lines[-1].encode())
    return "".join(lines)


def runtime_ids(runtime, model, text, special=False):
    """As Model.tokenize, of any bytes."""
    raw = text.encode() if isinstance(text, str) else text
    llama = runtime.llamart
    buffer = (llama.I * (3 * len(raw) + 16))()
    n = llama.L.llama_tokenize(model.vocab, raw, len(raw), buffer, len(buffer), False, special)
    assert n >= 0
    return list(buffer[:n])


def compare(graft, runtime, model, texts, mode=PLAIN):
    for text in texts:
        ids, ends, pieces = graft.encode(text, mode)
        wanted = runtime_ids(runtime, model, text, mode == SPECIAL)
        if ids != wanted:
            at = next((i for i, (a, b) in enumerate(zip(ids, wanted)) if a != b),
                      min(len(ids), len(wanted)))
            assert ids[:at + 5] == wanted[:at + 5], repr(text[:2000])
        size = len(text if isinstance(text, bytes) else text.encode())
        assert ends == sorted(ends) and (not ends or ends[-1] <= size), repr(text[:2000])


@pytest.mark.parametrize("name", FIXTURES)
def test_fixtures(shared, tokens, name):
    path = shared / f"fixtures/tokenizers/ggml-vocab-{name}.gguf"
    graft = tokens(path)
    texts = path.with_suffix(".gguf.inp").read_bytes().split(b"\n__ggml_vocab_test__\n")
    wanted = path.with_suffix(".gguf.out").read_text().split("\n")
    assert len(texts) > 40
    for text, line in zip(texts, wanted):
        ids, ends, pieces = graft.encode(text)
        assert ids == [int(word) for word in line.split()], text
        prefix = b" " if name in ("llama-spm", "phi-3") and text else b""
        assert pieces == prefix + text and (not text or ends[-1] == len(text))


@pytest.mark.parametrize("name", FIXTURES)
def test_a_megabyte_of_languages(shared, runtime, tokens, name):
    path = shared / f"fixtures/tokenizers/ggml-vocab-{name}.gguf"
    model = runtime.llamart.Model(path, vocab_only=True)
    text = many_scripts(7, 600_000) + "\n".join(messages(shared))[:400_000]
    texts = [text] if name in ("llama-spm", "phi-3") else text.splitlines(keepends=True)
    texts = ["".join(texts[i:i + 50]) for i in range(0, len(texts), 50)]
    graft = tokens(path)
    compare(graft, runtime, model, texts)
    compare(graft, runtime, model, random_texts(8, 1000))
    compare(graft, runtime, model, random_bytes(9, 1000))
    model.close()


def messages(shared):
    texts = {}
    for path in sorted((shared / "data").glob("*.jsonl")):
        for line in path.open(encoding="utf-8"):
            record = json.loads(line)
            for message in record["messages"]:
                if isinstance(message.get("content"), str):
                    texts[message["content"]] = None
                for call in message.get("tool_calls") or []:
                    texts[json.dumps(call, ensure_ascii=False)] = None
    return list(texts)


def test_every_message(shared, runtime, base_model, tokens):
    model = runtime.llamart.Model(base_model, vocab_only=True)
    texts = messages(shared)
    assert len(texts) > 5000
    compare(tokens(base_model), runtime, model, texts)
    model.close()


def test_random_text_on_the_base(runtime, base_model, tokens):
    model = runtime.llamart.Model(base_model, vocab_only=True)
    graft = tokens(base_model)
    special = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>", "<reponame>", "<|im_"]
    rng = random.Random(2)
    texts = list(random_texts(1, 4000))
    compare(graft, runtime, model, texts)
    compare(graft, runtime, model, ["".join(rng.choice([text, rng.choice(special), text])
                                   for _ in range(4)) for text in texts[:1000]], SPECIAL)
    model.close()


@pytest.mark.parametrize("pre", [name for row in ROWS for name in row])
def test_word_borders(runtime, make_vocabulary, tokens, pre):
    """With all pairs of bytes as tokens, ids tell nearly every border between words."""
    pairs = PAIRS if pre in FAMILIES else FEW_PAIRS
    path = make_vocabulary(pre, pairs)
    model = runtime.llamart.Model(path, vocab_only=True)
    graft = tokens(path)
    n = 2000 if pre in FAMILIES else 100
    texts = list(random_texts(3, n))
    compare(graft, runtime, model, ["".join(texts[i:i + 10]) for i in range(0, n, 10)])
    compare(graft, runtime, model, random_bytes(6, n // 10))
    compare(graft, runtime, model, DIGITS)
    model.close()


PAIRS = list(itertools.product(range(256), repeat=2))
FEW_PAIRS = list(itertools.product(b" 'astlA1.!\n\xc3\xa9", repeat=2))
DIGITS = ["1" * n + after + "2" * m for n in range(8) for m in range(8)
          for after in ("", "a", " ", "٣", "\n", ",", "²")]
DIGITS += [" " * n + "x" + "\n" * m + " " * (m * 3 % 7) for n in (1, 2, 3, 5, 9, 31, 600) for m in (0, 1, 4)]


@pytest.mark.parametrize("pre", ["qwen35", "deepseek-v3", "deepseek-llm", "afmoe", "kimi-k2",
                                 "k2-horizon", "youtu", "bloom"])  # all categories and sets
def test_every_character_is_cut_as_the_runtime_does(runtime, make_vocabulary, tokens, pre):
    """Whether a character continues a word of letters, digits or signs: all of Unicode at once."""
    path = make_vocabulary(pre, [(lead, byte) for lead in b"a1!" for byte in range(256)])
    model = runtime.llamart.Model(path, vocab_only=True)
    graft = tokens(path)
    planes = [*range(0xD800), *range(0xE000, 0x32400), *range(0xE0000, 0xE0200), 0x10FFFD]
    characters = [chr(c) for c in planes]  # the others are empty or private
    for lead in "a1!":
        for i in range(0, len(characters), 0x8000):
            text = "".join(f"\n{lead}{c}" for c in characters[i:i + 0x8000])
            if graft.encode(text)[0] != runtime_ids(runtime, model, text):
                compare(graft, runtime, model, [f"\n{lead}{c}" for c in characters[i:i + 0x8000]])
    model.close()


def test_every_name(runtime, make_vocabulary, driver):
    """The names graft knows are those of ROWS, and the same BOS is added; others the runtime does not
    know either."""
    unknown = make_vocabulary("no-such", FEW_PAIRS)
    # a server of earlier tests in this process has taken the runtime's log
    runtime.llamart.L.llama_log_set(runtime.llamart._log, None)
    with pytest.raises(runtime.llamart.LoadError, match="unknown pre-tokenizer type"):
        runtime.llamart.Model(unknown, vocab_only=True)
    done = subprocess.run([driver("tokens"), unknown], capture_output=True, text=True)
    assert done.returncode == 1
    names = re.search(r"\(known: ([^)]*)\)", done.stderr).group(1).split()
    assert names == [name for row in ROWS for name in row]
    get_add_bos = runtime.llamart.L.llama_vocab_get_add_bos
    get_add_bos.argtypes, get_add_bos.restype = [ctypes.c_void_p], ctypes.c_bool
    for name in names:
        path = make_vocabulary(name, FEW_PAIRS)
        model = runtime.llamart.Model(path, vocab_only=True)
        done = subprocess.run([driver("tokens"), path, "flags"], capture_output=True, text=True)
        assert done.stdout == f"add_bos {int(get_add_bos(model.vocab))}\n", name
        model.close()


def copy_with(source, path, changes):
    """Writes the vocabulary of a GGUF file with other values of some keys (None: left out)."""
    import gguf
    reader = gguf.GGUFReader(str(source))
    changes = dict(changes)
    writer = gguf.GGUFWriter(str(path), reader.fields["general.architecture"].contents())
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        value = changes.pop(key, field.contents())
        if value is not None:
            kind = field.types[0]
            array = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(key, value, kind, sub_type=array)
    for key, value in changes.items():
        kind = gguf.GGUFValueType.BOOL if isinstance(value, bool) else gguf.GGUFValueType.STRING
        if isinstance(value, list):
            writer.add_array(key, value)
        else:
            writer.add_key_value(key, value, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def sentences(seed, n):
    rng = random.Random(seed)
    parts = ["<s>", "</s>", "<unk>", "<|end|>", "<|assistant|>", "<|user|>", "<0x0A>", " ", "  ", "\n", "▁",
             "hi", "Hello", ",", "é", "\t", "世界", "1"]
    return ["".join(rng.choice(parts) for _ in range(rng.randint(1, 12))) for _ in range(n)]


@pytest.mark.parametrize("name, changes", [
    ("llama-spm", {"tokenizer.ggml.add_space_prefix": False}),
    ("llama-spm", {"tokenizer.ggml.scores": [float(i % 7) for i in range(32000)]}),  # ties
    ("phi-3", {"general.name": "none"}),  # no stripping
    ("phi-3", {})])
def test_sentencepiece(shared, runtime, tokens, tmp_path, name, changes):
    """Special tokens and the spaces around them, whatever the keys say."""
    source = shared / f"fixtures/tokenizers/ggml-vocab-{name}.gguf"
    path = copy_with(source, tmp_path / "v.gguf", changes)
    model = runtime.llamart.Model(path, vocab_only=True)
    graft = tokens(path)
    texts = sentences(11, 1000)
    compare(graft, runtime, model, texts, SPECIAL)
    compare(graft, runtime, model, texts, PLAIN)
    compare(graft, runtime, model, random_texts(12, 300))
    for text in texts[:200]:  # the pieces are the runtime's
        ids, ends, pieces = graft.encode(text, SPECIAL)
        assert pieces.decode() == "".join(runtime_piece(runtime, model, i) for i in ids)
    model.close()


def runtime_piece(runtime, model, token):
    """What the server streams for a token."""
    llama = runtime.llamart
    buffer = ctypes.create_string_buffer(256)
    n = llama.L.llama_token_to_piece(ctypes.c_void_p(model.vocab), token, buffer, 256, 0, True)
    return buffer.raw[:n].decode("utf-8", "surrogateescape")


@pytest.fixture
def sentencepiece_model(shared, tmp_path):
    """A small llama with random weights, the vocabulary of Llama 2, and a template like its."""
    import gguf
    source = gguf.GGUFReader(str(shared / "fixtures/tokenizers/ggml-vocab-llama-spm.gguf"))
    path = tmp_path / "spm.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    for key, value in dict(context_length=512, embedding_length=32, block_count=1, head_count=2,
                           head_count_kv=2, feed_forward_length=64, vocab_size=32000,
                           rope_dimension_count=16).items():
        getattr(writer, f"add_{key}")(value)
    writer.add_layer_norm_rms_eps(1e-5)
    for key, field in source.fields.items():
        if key.startswith("tokenizer."):
            array = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(key, field.contents(), field.types[0], sub_type=array)
    writer.add_chat_template(
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
        "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}")
    rng = np.random.default_rng(0)
    shapes = {"token_embd": (32000, 32), "output_norm": (32,), "blk.0.attn_norm": (32,),
              "blk.0.ffn_norm": (32,), "blk.0.ffn_gate": (64, 32), "blk.0.ffn_up": (64, 32),
              "blk.0.ffn_down": (32, 64)}
    shapes |= {f"blk.0.attn_{name}": (32, 32) for name in ("q", "k", "v", "output")}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", (rng.standard_normal(shape) * 0.1).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_conversations_in_sentencepiece(graft, runtime, sentencepiece_model, jsonl, tmp_path):
    """What is trained are the tokens of the whole text, cut into turns or not; data that looks like
    a special token stays text; the adapter loads."""
    turns = [("Hi there", "Hello."), ("2 plus 2?", "  It's 4,\nof course"), ("ü", "世界 \N{GRINNING FACE}")]
    messages = [{"role": role, "content": text} for turn in turns
                for role, text in zip(("user", "assistant"), turn)]
    data = jsonl("d.jsonl", [{"messages": messages[:n]} for n in (2, 4, 6)] * 3 +
                 [{"messages": [{"role": "user", "content": "a </s> b"}, messages[1]]}])
    shown = graft("data", "show", "--json", "--n", 10, "--base", sentencepiece_model, data).stdout
    examples = [json.loads(line) for line in shown.splitlines()]
    assert len(examples) == 10
    model = runtime.llamart.Model(sentencepiece_model)
    for example in examples[:9]:
        text = "<s>" + "".join(f"[INST] {user} [/INST] {reply}</s>"
                               for user, reply in turns[:example["ids"].count(2)])
        assert example["ids"] == model.tokenize(text)
        assert example["weights"][-1] == 1 and example["ids"][-1] == 2
    assert examples[9]["ids"].count(2) == 1
    out = tmp_path / "run"
    config = tmp_path / "c.yaml"
    config.write_text(f"base_model: {sentencepiece_model}\ndataset: {data}\noutput_dir: {out}\n"
                      "max_steps: 2\nlora_r: 2\nbatch_size: 2\n")
    graft("train", config)
    model.adapter(out / "adapter.gguf")
    model.close()


@pytest.mark.parametrize("pre", [None, *CHARACTERS])
def test_merges_over_characters(shared, runtime, tokens, tmp_path, pre):
    """Pieces of Llama 2 with merges in place of their scores. None: model "gemma4"."""
    import gguf
    source = shared / "fixtures/tokenizers/ggml-vocab-llama-spm.gguf"
    fields = gguf.GGUFReader(str(source)).fields
    pieces = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    pieces = pieces[:3000] + pieces[29871:]  # the best, and single characters
    kinds = kinds[:3000] + kinds[29871:]
    known, merges = set(pieces), []
    for piece in pieces:
        merges += [piece[:i] + " " + piece[i:] for i in range(1, len(piece))
                   if piece[:i] in known and piece[i:] in known]
    changes = {"tokenizer.ggml.tokens": [*pieces, "\n", "\n\n\n"],
               "tokenizer.ggml.token_type": [*kinds, 1, 1],
               "tokenizer.ggml.merges": merges,
               "tokenizer.ggml.scores": None,
               "tokenizer.ggml.model": "gpt2" if pre else "gemma4",
               "tokenizer.ggml.pre": pre or "default"}
    path = copy_with(source, tmp_path / "v.gguf", changes)
    model = runtime.llamart.Model(path, vocab_only=True)
    graft = tokens(path)
    text = many_scripts(13, 60_000) + "\n".join(messages(shared)[:100])
    compare(graft, runtime, model, [text, *(f"a{n * chr(10)}b" for n in range(8))])
    compare(graft, runtime, model, random_texts(14, 500))
    compare(graft, runtime, model, random_bytes(15, 500))
    compare(graft, runtime, model, sentences(16, 500), SPECIAL)
    model.close()


@pytest.mark.parametrize("title", ["test", "a Modern-BERT", "phi3"])
def test_special_tokens_claim_text_as_in_the_runtime(runtime, make_vocabulary, tokens, title):
    """Longest first, left to right, whatever they share; kinds: 2 unknown, 3 control, 4 user-defined."""
    special = [("<a>", 3), ("<a><b>", 4), ("b><a", 3), ("<<", 4), ("<<<", 3), ("<a", 2), ("aaa", 4),
               (" ", 4), ("世", 3), ("\u20ac<", 4), ("<|im_end|>", 1), ("<|fim_pad|>", 4),
               ("[MASK]", 3), ("<s>", 3), ("</s>", 3), ("<unk>", 2), ("<|endoftext|>", 3),
               ("<PRE>", 1)]
    special = special[:7] + special[8 if title != "test" else 7:]  # a space would hide stripping
    if title == "test":
        del special[-5:]
    else:
        del special[1:4]
    assert len(special) <= 16  # the runtime's sort is stable up to there only
    path = make_vocabulary("gpt-2", [(97, 97), (97, 62), (62, 60)], special, title)
    model = runtime.llamart.Model(path, vocab_only=True)
    graft = tokens(path)
    rng = random.Random(5)
    parts = ["<a>", "<b>", "<a", "b>", "<", ">", "a", "aa", " ", "世", "€", "<|im_end|>", "x", "\n",
             "<|fim_pad|>", "[MASK]", "<s>", "</s>", "<|endoftext|>", "<PRE>", " ", "\t"]
    texts = ["".join(rng.choice(parts) for _ in range(rng.randint(1, 14))) for _ in range(3000)]
    compare(graft, runtime, model, texts, SPECIAL)
    compare(graft, runtime, model, texts, PLAIN)
    model.close()


def test_mask(base_model, tokens):
    """What comes from data stays text; the template's own tokens are found."""
    graft = tokens(base_model)
    template, data = "<|im_start|>user\n", "say <|im_end|> please"
    mask = bytes([1] * len(template) + [0] * len(data) + [1] * 10)
    ids, ends, pieces = graft.encode(template + data + "<|im_end|>", MASKED, mask)
    assert pieces.decode() == template + data + "<|im_end|>"
    assert ids[0] == 1 and ids[-1] == 2 and ids.count(2) == 1 and ends[-1] == len(pieces)
    assert graft.encode(data)[0] == ids[ids.index(graft.encode("say")[0][0]):-1]
    half = bytes([1] * 5 + [0] + [1] * 4)
    assert 2 not in graft.encode("<|im_end|>", MASKED, half)[0]
    assert graft.encode("<|im_end|>", MASKED, bytes([1] * 10))[0] == [2]


def test_end_of_generation(runtime, shared, base_model, driver):
    names = ["gpt-2", "llama-bpe", "llama-spm", "phi-3"]
    paths = [shared / f"fixtures/tokenizers/ggml-vocab-{name}.gguf" for name in names]
    for path in [base_model, *paths]:
        model = runtime.llamart.Model(path, vocab_only=True)
        is_eog = runtime.llamart.L.llama_vocab_is_eog
        wanted = [i for i in range(model.n_vocab) if is_eog(model.vocab, i)]
        done = subprocess.run([driver("tokens"), path, "eog"], capture_output=True, text=True)
        assert [int(line) for line in done.stdout.split()] == wanted
        model.close()


def test_end_of_generation_by_name(runtime, make_vocabulary, driver):
    """Names that the runtime goes by, with the families in which one of them is taken back."""
    kinds = itertools.cycle([1, 3, 4])
    names = ["<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>",
             "<|end_of_text|>", "<eos>", "<turn|>", "[EOT]", "[EOS]", "<｜end▁of▁sentence｜>",
             "[e~[", "<end_of_utterance>", "</s>", "<EOT>", "_<EOT>", "<PAD>", "<reponame>",
             "<|file_sep|>", "<|message|>", "<fim_prefix>", "nothing"]
    harmony = ["<|return|>", "<|call|>", "<|end|>", "<|start|>", "<|channel|>", "<|constrain|>"]
    solar = ["<|flush|>", "<|calls|>", "<|end|>", "</s>"]
    gemma = ["</s>", "<|tool_response>", "<eos>"]
    plamo = ["</s>", "<|plamo:eos|>", "<|ifm|im_end|>", "<|plamo:file_separator|>"]
    for i, group in enumerate([names, harmony, solar, gemma, plamo, ["<|flush|>", "<|end|>", "</s>"]]):
        special = [(name, next(kinds)) for name in group]
        path = make_vocabulary("gpt-2", [(97, 97 + k) for k in range(i + 1)], special)
        model = runtime.llamart.Model(path, vocab_only=True)
        is_eog = runtime.llamart.L.llama_vocab_is_eog
        wanted = [k for k in range(model.n_vocab) if is_eog(model.vocab, k)]
        done = subprocess.run([driver("tokens"), path, "eog"], capture_output=True, text=True)
        assert [int(line) for line in done.stdout.split()] == wanted, group
        model.close()
