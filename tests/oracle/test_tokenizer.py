"""Token ids against llama.cpp: its own fixtures, the vocabulary of the base, and vocabularies made so
that every word border shows in the ids."""
import itertools
import json
import random
import re
import struct
import subprocess

import numpy as np
import pytest

PLAIN, SPECIAL, MASKED = 0, 1, 2
FAMILIES = ["gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "qwen35"]  # one name per row


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
    of bytes given, each of which merges."""
    import gguf
    folder = tmp_path_factory.mktemp("vocabularies")
    spell = spelling()

    def make(pre, pairs, special=()):
        path = folder / f"{pre}-{len(pairs)}-{len(special)}.gguf"
        if path.exists():
            return path
        texts = [spell[b] for b in range(256)] + [spell[a] + spell[b] for a, b in pairs]
        writer = gguf.GGUFWriter(str(path), "llama")
        for key, value in dict(context_length=64, embedding_length=64, block_count=1, head_count=1,
                               feed_forward_length=64).items():
            getattr(writer, f"add_{key}")(value)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list(texts + [text for text, _ in special])
        writer.add_token_types([1] * len(texts) + [kind for _, kind in special])
        writer.add_token_merges([f"{spell[a]} {spell[b]}" for a, b in pairs])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
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


def compare(graft, runtime, texts, mode=PLAIN):
    for text in texts:
        ids, ends, pieces = graft.encode(text, mode)
        assert ids == runtime.tokenize(text, parse_special=mode == SPECIAL), repr(text)
        assert ends == sorted(ends) and (not ends or ends[-1] <= len(text.encode())), repr(text)


@pytest.mark.parametrize("name", ["gpt-2", "llama-bpe", "qwen2", "starcoder"])
def test_fixtures(shared, tokens, name):
    path = shared / f"fixtures/tokenizers/ggml-vocab-{name}.gguf"
    graft = tokens(path)
    texts = path.with_suffix(".gguf.inp").read_bytes().split(b"\n__ggml_vocab_test__\n")
    wanted = path.with_suffix(".gguf.out").read_text().split("\n")
    assert len(texts) > 40
    for text, line in zip(texts, wanted):
        ids, ends, pieces = graft.encode(text)
        assert ids == [int(word) for word in line.split()], text
        assert pieces == text and (not text or ends[-1] == len(text))


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
    compare(tokens(base_model), model, texts)
    model.close()


def test_random_text_on_the_base(runtime, base_model, tokens):
    model = runtime.llamart.Model(base_model, vocab_only=True)
    graft = tokens(base_model)
    special = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>", "<reponame>", "<|im_"]
    rng = random.Random(2)
    texts = list(random_texts(1, 4000))
    compare(graft, model, texts)
    compare(graft, model, ["".join(rng.choice([text, rng.choice(special), text])
                                   for _ in range(4)) for text in texts[:1000]], SPECIAL)
    model.close()


@pytest.mark.parametrize("pre", FAMILIES)
def test_word_borders(runtime, make_vocabulary, tokens, pre):
    """With all pairs of bytes as tokens, ids tell nearly every border between words."""
    path = make_vocabulary(pre, list(itertools.product(range(256), repeat=2)))
    model = runtime.llamart.Model(path, vocab_only=True)
    compare(tokens(path), model, random_texts(3, 4000))
    model.close()


@pytest.mark.parametrize("pre", ["smollm", "llama-bpe", "qwen35"])  # the others share their classes
def test_every_character_is_cut_as_the_runtime_does(runtime, make_vocabulary, tokens, pre):
    """Whether a character continues a word of letters, digits or signs: all of Unicode at once."""
    path = make_vocabulary(pre, [(lead, byte) for lead in b"a1!" for byte in range(256)])
    model = runtime.llamart.Model(path, vocab_only=True)
    graft = tokens(path)
    planes = [*range(0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xE0200), 0x10FFFD]
    characters = [chr(c) for c in planes]  # the others are empty or private
    for lead in "a1!":
        for i in range(0, len(characters), 0x8000):
            text = "".join(f"\n{lead}{c}" for c in characters[i:i + 0x8000])
            if graft.encode(text)[0] != model.tokenize(text, parse_special=False):
                compare(graft, model, [f"\n{lead}{c}" for c in characters[i:i + 0x8000]])
    model.close()


def test_every_alias(runtime, make_vocabulary, driver, tokens):
    """Each name of the table exists in the runtime and means the same there."""
    unknown = make_vocabulary("no-such", [])
    done = subprocess.run([driver("tokens"), unknown], capture_output=True, text=True)
    assert done.returncode == 1
    names = re.search(r"\(known: ([^)]*)\)", done.stderr).group(1).split()
    assert set(FAMILIES) <= set(names) and len(names) > 25
    pairs = list(itertools.product(b" 'astlA1.!\n\xc3\xa9", repeat=2))
    for name in names:
        path = make_vocabulary(name, pairs)
        model = runtime.llamart.Model(path, vocab_only=True)
        compare(tokens(path), model, random_texts(4, 100))
        model.close()


def test_special_tokens_claim_text_as_in_the_runtime(runtime, make_vocabulary, tokens):
    """Longest first, left to right, whatever they share; kinds: 2 unknown, 3 control, 4 user-defined."""
    special = [("<a>", 3), ("<a><b>", 4), ("b><a", 3), ("<<", 4), ("<<<", 3), ("<a", 2), ("aaa", 4),
               (" ", 4), ("世", 3), ("\u20ac<", 4), ("<|im_end|>", 1), ("<|fim_pad|>", 4)]
    path = make_vocabulary("gpt-2", [(97, 97), (97, 62), (62, 60)], special)
    model = runtime.llamart.Model(path, vocab_only=True)
    graft = tokens(path)
    rng = random.Random(5)
    parts = ["<a>", "<b>", "<a", "b>", "<", ">", "a", "aa", " ", "世", "€", "<|im_end|>", "x", "\n",
             "<|fim_pad|>"]
    texts = ["".join(rng.choice(parts) for _ in range(rng.randint(1, 14))) for _ in range(3000)]
    compare(graft, model, texts, SPECIAL)
    compare(graft, model, texts, PLAIN)
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


def test_invalid_utf8_becomes_bytes(shared, tokens):
    """Nothing is lost and nothing crashes; valid text around it keeps its tokens."""
    graft = tokens(shared / "fixtures/tokenizers/ggml-vocab-gpt-2.gguf")
    rng = random.Random(6)
    for _ in range(2000):
        raw = b"".join(rng.choice([bytes([rng.randrange(256)]), b" the", "é".encode(), b"\xed\xa0\x80"])
                       for _ in range(rng.randint(1, 30)))
        ids, ends, pieces = graft.encode(raw)
        assert pieces == raw and ends[-1] == len(raw)
    ids, ends, pieces = graft.encode(b" hello\xff world")
    assert ids[0] == graft.encode(" hello")[0][0] and ids[-1] == graft.encode(" world")[0][0]


def test_end_of_generation(runtime, shared, base_model, driver):
    names = ["gpt-2", "llama-bpe", "qwen2", "starcoder"]
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
    for i, group in enumerate([names, harmony, solar, gemma, ["<|flush|>", "<|end|>", "</s>"]]):
        special = [(name, next(kinds)) for name in group]
        path = make_vocabulary("gpt-2", [(97, 97 + k) for k in range(i + 1)], special)
        model = runtime.llamart.Model(path, vocab_only=True)
        is_eog = runtime.llamart.L.llama_vocab_is_eog
        wanted = [k for k in range(model.n_vocab) if is_eog(model.vocab, k)]
        done = subprocess.run([driver("tokens"), path, "eog"], capture_output=True, text=True)
        assert [int(line) for line in done.stdout.split()] == wanted, group
        model.close()
