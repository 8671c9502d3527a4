"""Python literals and calls in text, against Python's own parser."""
import ast
import json
import random
import subprocess

import pytest


@pytest.fixture
def read(driver, tmp_path):
    """read(sources) -> what the C code makes of each."""
    def run(sources):
        path = tmp_path / "literals.jsonl"
        path.write_text("".join(json.dumps(s) + "\n" for s in sources), encoding="utf-8")
        done = subprocess.run([driver("literals"), path], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.split("\n")[:-1]]

    return run


def plain(value):
    """As json.dumps would have it: tuples and sets are arrays, keys are text."""
    return json.loads(json.dumps(value, default=list))


ALPHABET = "ab Z09'\"\\\n\t\r\0\x07\x7f{}[](),:=#é漢😀\u2028"


def text(rng):
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(12)))


def value(rng, depth=0):
    kind = rng.randrange(10 if depth < 4 else 7)
    if kind < 2:
        return text(rng)
    if kind == 2:
        return rng.choice([0, -1, 7, 10**12, -2**63, 2**64 - 1, rng.randrange(-1000, 1000)])
    if kind == 3:
        return rng.choice([0.5, -0.25, 1e22, 1e-7, 3.0, rng.random() * 10**rng.randrange(-9, 9)])
    if kind < 7:
        return rng.choice([True, False, None])
    items = [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 7:
        return items
    if kind == 8:
        return tuple(items)
    keys = [rng.choice([text(rng).replace("\0", ""), rng.randrange(9), True, None, 1.5])
            for _ in items]
    return dict(zip(keys, items))


def test_what_repr_writes_is_read(read):
    rng = random.Random(7)
    values = [value(rng) for _ in range(3000)]
    for one, got in zip(values, read([repr(v) for v in values]), strict=True):
        assert got == {"value": plain(one)}, repr(one)


SPELLINGS = [
    "1_000", "0x1F", "0o17", "0b101", "1.", ".5", "-.5e3", "+7", "1E5", "-0", "00", "(1)", "(1,)", "()",
    "[1, 2, ]", "{'a': 1, }", "{1, }", "{}", "'a' 'b' \"c\"", "r'a\\n'", "u'x'", "b'bytes'", "'''a\n'b'''",
    '"""q"q"""', "'\\x41\\u00e9\\U0001F600\\101\\a\\v\\q'", "'a\\\nb'", " [ ( 1 , ) , { 'k' : ( ) } ]",
    "{None: 1, 2: 3, True: 4}", "''", "'\u00e9'",
    "1e400", "1__0", "0x", "01a", "a", "[1", "{'a'}b", "{'a': }", "'a", "'a\nb'", "f'{x}'", "1 2", "",
    "[,]", "{,}", "(,)", "'\\ud800'", "lambda: 0", "[1 2]", "{1: 2, 3}", "{[]: 1}", "-'a'", "1j", "True1"]


def test_spellings(read):
    """What Python takes is read alike; what it does not take is refused."""
    for source, got in zip(SPELLINGS, read(SPELLINGS), strict=True):
        try:
            wanted = ast.literal_eval(source.strip())
        except (SyntaxError, ValueError, TypeError):
            assert "bad" in got or source == "1__0", source  # spellings of digits are not judged
            continue
        if isinstance(wanted, bytes):
            wanted = wanted.decode()
        if isinstance(wanted, (float, complex)) and not abs(wanted) < 1e309 or source in ("1j",) \
                or (isinstance(wanted, str) and any(0xd800 <= ord(c) < 0xe000 for c in wanted)):
            assert "bad" in got, source
            continue
        assert got.get("value", got) == plain(wanted), source


def test_a_key_that_stands_twice_is_refused(read):
    """Python takes the last one, without a word."""
    for got in read(["{'a': 1, 'a': 2}", "{'b': {'a': 1, 'a': 1}}", "{1: 2, '1': 3}"]):
        assert "a key that stands there twice" in got["bad"]


def test_json_is_read_too(read):
    source = '{"a": true, "b": [false, null], "c": "\\ud83d\\ude00\\u00e9"}'
    assert read([source]) == [{"value": json.loads(source)}]


def test_depth_is_bounded(read):
    deep, shallow = "[" * 101 + "]" * 101, "[" * 100 + "]" * 100
    got = read([deep, shallow, "{'a':" * 5000, "(" * 100000])
    assert "deep" in got[0]["bad"] and got[1]["value"] and "bad" in got[2] and "bad" in got[3]


def calls_of(source):
    """The calls in Python source, read by Python."""
    tree = ast.parse(source.strip(), mode="eval").body
    nodes = tree.elts if isinstance(tree, (ast.List, ast.Tuple)) else [tree]
    return [{"name": ast.unparse(node.func),
             "arguments": {k.arg: plain(ast.literal_eval(k.value)) for k in node.keywords}}
            for node in nodes]


def test_calls(read):
    rng = random.Random(11)
    sources = []
    for _ in range(1000):
        calls = []
        for _ in range(rng.randrange(1, 4)):
            names = rng.sample(["a", "b_c", "d1", "città"], rng.randrange(4))
            gap = rng.choice(["", " "])
            inside = ", ".join(f"{n}{gap}={gap}{value(rng)!r}" for n in names)
            calls.append(rng.choice(["f", "g.h", "_x9"]) + f"({inside})")
        brackets = rng.randrange(3)
        body = rng.choice([", ", ",\n "] if brackets else [", "]).join(calls)
        sources.append(f"[{body}]" if brackets else body)
    for source, got in zip(sources, read(["calls " + s for s in sources]), strict=True):
        assert got == {"calls": calls_of(source)}, source


def test_names_with_spaces_inside_of_brackets(read):
    assert read(['calls [Market Trends API(trend_type="X", n = 1), a-b.c()]']) == [{"calls": [
        {"name": "Market Trends API", "arguments": {"trend_type": "X", "n": 1}},
        {"name": "a-b.c", "arguments": {}}]}]


def test_what_is_no_list_of_calls(read):
    sources = ["", "[]", "[1]", "[f(1)]", "[f(a=1]", "[f(a=1)", "f(a=1) and more", "Hello (there)",
               "[f(a=g())]", "[f(a=1, a=2)]", "[f(a=1) g()]", "Call f(a=1)", "[f(a=1)] [g()]", "f", "(a=1)",
               "[f(=1)]", "[f(a=)]", "[f(a=1,,b=2)]"]
    for source, got in zip(sources, read(["calls " + s for s in sources]), strict=True):
        assert got == {"bad": "not understood"}, source
