"""Arrays and values over several lines are read like lines; what can be written in a layout comes
back the same."""
import json
import random
import subprocess
import sys

import pytest

# --- arrays, objects, lines ---

RECORDS = [{"prompt": f"a [{{ {i}\\", "completion": "b}\"" * i + "\n"} for i in range(1, 40)]


@pytest.mark.parametrize("indent", [None, 0, 1, 4])
def test_one_array_is_read_like_lines(dump_all, tmp_path, jsonl, indent):
    path = tmp_path / "array.json"
    path.write_text(json.dumps(RECORDS, indent=indent))
    lines = dump_all(jsonl("lines.jsonl", RECORDS))[0]
    strip = [{k: v for k, v in one.items() if k != "line"} for one in lines]
    assert [{k: v for k, v in one.items() if k != "line"} for one in dump_all(path)[0]] == strip
    assert len(strip) == len(RECORDS)


def test_values_over_lines(dump_all, tmp_path):
    path = tmp_path / "values.json"
    path.write_text("\n\n".join(json.dumps(r, indent=2) for r in RECORDS))
    got, bad = dump_all(path)
    assert len(got) == len(RECORDS) and not bad and got[0]["line"] == 1 and got[1]["line"] == 6
    path.write_text(json.dumps({"one": RECORDS[0], "two": RECORDS[1]}, indent=1))
    assert len(dump_all(path)[0]) == 2


def test_an_array_is_read_in_little_memory(driver, tmp_path):
    """A file of one line, 96 MiB, most of it spaces between records."""
    path = tmp_path / "large.json"
    with open(path, "w") as f:
        f.write("[")
        for i in range(96):
            f.write(("," if i else "") + " " * (1 << 20) + json.dumps(RECORDS[0]))
        f.write("]")
    code = ("import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); print(resource."
            "getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(done.returncode)")
    done = subprocess.run([sys.executable, "-c", code, driver("data_dump"), path],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 96
    assert int(done.stderr) < 64 << 10  # KiB


# --- there and back ---

ALPHABET = "ab Z09.,:;'\"\\\n\t{}[]()<>/=#é漢😀\u2028|"


def word(rng, n=12):
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(n)))


def said(rng):
    """A text that no layout takes for something else: no white space around it, no marks."""
    return ("x" + word(rng, 30)).strip()


SPELLINGS = ["1.0", "1.50", "1e5", "1E+2", "-0.0", "0.1", "12345678901234567890.0", "1e-7", "3", "-17",
             "18446744073709551615", "-9223372036854775808", "0"]


def argument(rng, depth=0):
    kind = rng.randrange(8 if depth < 3 else 5)
    if kind < 2:
        return json.dumps(word(rng), ensure_ascii=bool(rng.randrange(2)))
    if kind == 2:
        return rng.choice(SPELLINGS)
    if kind == 3:
        return rng.choice(["true", "false", "null"])
    if kind == 4:
        return '""'
    if kind == 5:
        return "[" + ", ".join(argument(rng, depth + 1) for _ in range(rng.randrange(3))) + "]"
    return members(rng, depth + 1)


def members(rng, depth=0, named=False):
    """Text of an object: order and spelling are the point. named: keys that are names."""
    known = ["z", "a_1", "m", "é"] if named else ["z", "a", "m", "é", "a b", "Ω'\"", "10", "2"]
    keys = rng.sample(known, rng.randrange(4))
    return "{" + ", ".join(f"{json.dumps(k)}: {argument(rng, depth)}" for k in keys) + "}"


def declared(rng, name):
    properties = {rng.choice(["city", "n", "é"]): rng.choice(
        [{"type": "string", "description": word(rng)}, {"type": "integer"}, {"type": "array",
         "items": {"type": "number"}}, {"enum": ["a", 1, None]}, {}]) for _ in range(rng.randrange(3))}
    parameters = {"type": "object", "properties": properties}
    if rng.randrange(2):
        parameters["required"] = [k for k in properties if rng.randrange(2)]
    function = {"name": name, "description": word(rng), "parameters": parameters}
    return {"type": "function", "function": function}


def conversation(rng, kind):
    """The JSON text of a canonical record. kind: texts, calls (one turn), named (arguments have names,
    no text beside calls, no weights), all."""
    messages, tools = [], [declared(rng, n) for n in ("f", "g.h", "k_1")[:rng.randrange(4)]]

    def add(role, content, **more):
        text = {"role": json.dumps(role), "content": json.dumps(content, ensure_ascii=False), **more}
        messages.append("{" + ", ".join(f'"{k}": {v}' for k, v in text.items()) + "}")

    def call(n):
        made = [f"call{len(messages)}x{i}" for i in range(n)]
        names = [rng.choice(["f", "g.h", "k_1"]) for _ in made]
        return made, "[" + ", ".join(
            f'{{"id": "{i}", "type": "function", "function": {{"name": "{name}", "arguments": '
            f'{members(rng, 0, kind == "named")}}}}}' for i, name in zip(made, names)) + "]"

    if kind == "calls":
        add("user", said(rng))
        add("assistant", None, tool_calls=call(rng.randrange(1, 4))[1])
    else:
        if rng.randrange(2):
            add("system", said(rng))
        for _ in range(rng.randrange(1, 4)):
            add("user", said(rng))
            if kind in ("all", "named") and rng.randrange(2):
                ids, calls = call(rng.randrange(1, 4))
                add("assistant", said(rng) if kind == "all" and rng.randrange(2) else None,
                    tool_calls=calls)
                for one in ids:
                    add("tool", rng.choice(["", "{}", word(rng)]), tool_call_id=json.dumps(one))
            add("assistant", said(rng),
                **({"weight": rng.choice(["0.5", "0", "2", "0.1"])} if kind == "all" and
                   not rng.randrange(4) else {}))
    return "{" + f'"messages": [{", ".join(messages)}]' + (
        f', "tools": {json.dumps(tools)}' if tools and kind != "texts" else "") + "}"


HOLDS = {"openai": "all", "sharegpt": "all", "hermes": "all", "ms-swift": "all", "prompt": "all",
         "xlam": "calls", "toolace": "named", "alpaca": "texts"}


def without_ids(one):
    """A conversation with calls numbered, so that only the links count."""
    ids, out = {}, []
    for m in one["messages"]:
        m = dict(m)
        if m.get("tool_calls"):
            m["content"] = m["content"] or None
            for c in m["tool_calls"]:
                ids[c["id"]] = len(ids)
            m["tool_calls"] = [c["function"] for c in m["tool_calls"]]
        if "tool_call_id" in m:
            m["tool_call_id"] = ids[m["tool_call_id"]]
            m.pop("name", None)
        out.append(m)
    return json.dumps([out, one["tools"], one["weights"]])


@pytest.mark.parametrize("layout", HOLDS)
def test_random_conversations_survive(graft, driver, tmp_path, layout):
    rng = random.Random(layout)
    lines = [conversation(rng, HOLDS[layout]) for _ in range(400)]
    source, written = tmp_path / "source.jsonl", tmp_path / "written.jsonl"
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = graft("data", "convert", source, "--to", layout, "--out", written, "--format", "openai",
                 "--skip-bad", "--json")
    summary = json.loads(done.stdout)
    assert summary["written"] == 400, summary["findings"][:3]

    def texts(path):
        """Dumps with numbers as they are spelt."""
        shown = subprocess.run([driver("data_dump"), path], capture_output=True, text=True)
        assert shown.returncode == 0, shown.stderr
        return [json.loads(line, parse_float=lambda s: "float " + s, parse_int=lambda s: "int " + s)
                for line in shown.stdout.split("\n")[:-1]]

    before, after = texts(source), texts(written)
    assert len(after) == 400
    for one, again in zip(before, after):
        assert without_ids(one) == without_ids(again)


@pytest.mark.parametrize("layout", ["openai", "sharegpt", "hermes", "ms-swift", "prompt"])
def test_real_conversations_survive(shared, graft, dump_all, tmp_path, layout):
    source, written = shared / "data/tooluse-eval.jsonl", tmp_path / "written.jsonl"
    done = graft("data", "convert", source, "--to", layout, "--out", written, "--skip-bad", "--json")
    summary = json.loads(done.stdout)
    before, after = dump_all(source)[0], dump_all(written)[0]
    assert summary["written"] + summary["left_out"] == len(before)
    assert summary["written"] >= 0.97 * len(before), summary["findings"][:3]
    lost = {int(f.split(":")[1]) for f in summary["findings"]}
    kept = [one for one in before if one["line"] not in lost]
    assert [without_ids(one) for one in kept] == [without_ids(one) for one in after]
