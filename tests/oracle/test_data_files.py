"""graft data dedup, split, stats and check against what Python computes from the same files."""
import collections
import ctypes.util
import json
import random
import re
import subprocess
import sys

import jsonschema
import pytest

from conftest import OUT, existing

DATA = ["tooluse-train", "tooluse-eval", "bfcl-nonlive", "general"]


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def without_ids(record):
    """What must be equal for two examples to be the same."""
    messages = []
    for message in record["messages"]:
        message = {k: v for k, v in message.items() if k != "tool_call_id"}
        message["content"] = message.get("content")
        calls = [call["function"] for call in message.pop("tool_calls", None) or []]
        messages.append([message, [[c["name"], list(c["arguments"].items())] for c in calls]])
    return json.dumps([[json.dumps(m[0], sort_keys=True), m[1]] for m in messages]) + \
        json.dumps([record.get("tools") or None, record.get("expected")], sort_keys=True)


def words_of(text):
    return re.findall(r"[a-z0-9]+|[^\x00-\x7f]", re.sub(r"[A-Z]", lambda m: m[0].lower(), text))


def json_words(value):
    if isinstance(value, dict):
        return [w for k, v in value.items() for w in words_of(k) + json_words(v)]
    if isinstance(value, list):
        return [w for v in value for w in json_words(v)]
    if isinstance(value, str):
        return words_of(value)
    if value is None or isinstance(value, bool):
        return [json.dumps(value)]
    return words_of(f"{float(value):.17g}")


def shingles(record):
    words = []
    for message in record["messages"]:
        if message["role"] in ("system", "developer"):
            continue
        words += words_of(message["role"])
        if message.get("content") is not None:
            words += words_of(message["content"])
        for call in message.get("tool_calls") or []:
            words += words_of(call["function"]["name"]) + json_words(call["function"]["arguments"])
    if record.get("expected"):
        words += json_words(record["expected"])
    words += [""] * (3 - len(words))
    return frozenset(zip(words, words[1:], words[2:]))


def jaccard(a, b):
    return len(a & b) / len(a | b)


def shuffled_copies(lines, seed=1):
    """Every line, a third of them again with other ids of calls and other spacing."""
    rng = random.Random(seed)
    out = list(lines)
    for line in rng.sample(lines, len(lines) // 3):
        record = json.loads(line)
        for message in record["messages"]:
            for call in message.get("tool_calls") or []:
                call["id"] = "other-" + call["id"]
            if message.get("tool_call_id"):
                message["tool_call_id"] = "other-" + message["tool_call_id"]
        out.append(json.dumps(record, ensure_ascii=False, separators=(",", ": ")))
    rng.shuffle(out)
    return out


@pytest.mark.parametrize("name", DATA)
def test_exact_duplicates(graft, shared, tmp_path, name):
    lines = lines_of(shared / f"data/{name}.jsonl")
    if name != "tooluse-train":
        lines = shuffled_copies(lines)
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    got = json.loads(graft("data", "dedup", path, "--out", out, "--json").stdout)
    seen, expected = set(), []
    for line in lines:
        key = without_ids(json.loads(line))
        if key not in seen:
            seen.add(key)
            expected.append(line)
    assert lines_of(out) == expected
    assert got["examples"] == len(lines) and got["written"] == len(expected)
    assert got["duplicates"] == len(lines) - len(expected) and got["near_duplicates"] == 0


def altered(lines, rng):
    """Lines and copies of them in which a few words are replaced."""
    out = []
    for line in lines:
        out.append(line)
        record = json.loads(line)
        words = record["messages"][-1]["content"].split() if record["messages"][-1]["content"] else []
        for _ in range(rng.choice([0, 1, 1, 2, 5, 20])):
            if words:
                words[rng.randrange(len(words))] = f"word{rng.randrange(10 ** 9)}"
        record["messages"][-1]["content"] = " ".join(words) or "nothing"
        out.append(json.dumps(record, ensure_ascii=False))
    return out


@pytest.mark.parametrize("near", [0.6, 0.8, 0.9])
def test_near_duplicates(graft, shared, tmp_path, near):
    records = [line for line in lines_of(shared / "data/general.jsonl")
               if json.loads(line)["messages"][-1]["content"]]
    lines = altered(records, random.Random(2))
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    got = json.loads(graft("data", "dedup", path, "--out", out, "--near", near, "--json").stdout)
    kept_lines = lines_of(out)
    assert got["written"] == len(kept_lines)
    assert got["duplicates"] + got["near_duplicates"] == len(lines) - len(kept_lines)
    kept, wrong = [], 0
    at = 0
    for line in lines:
        mine = shingles(json.loads(line))
        best = max((jaccard(mine, other) for other in kept), default=0)
        if at < len(kept_lines) and kept_lines[at] == line:
            at += 1
            kept.append(mine)
            wrong += best >= near
            assert best < near + 0.15, best       # four standard errors
        else:
            wrong += best < near
            assert best > near - 0.17, best
    assert at == len(kept_lines)
    assert got["near_duplicates"] > 100
    assert wrong <= 0.08 * len(lines)             # only close to the threshold


def tools_of(record):
    names = {(t.get("function") or t)["name"] for t in record.get("tools") or []}
    return names | {c["function"]["name"] for m in record["messages"]
                    for c in m.get("tool_calls") or []}


@pytest.mark.parametrize("by", ["random", "tool"])
@pytest.mark.parametrize("size", ["40", "0.1"])
def test_split(graft, shared, tmp_path, by, size):
    source = shared / "data/tooluse-train.jsonl"
    lines = lines_of(source)

    def split(seed, name):
        paths = tmp_path / f"{name}-train.jsonl", tmp_path / f"{name}-eval.jsonl"
        text = graft("data", "split", source, "--size", size, "--by", by, "--seed", seed,
                     "--train_out", paths[0], "--eval_out", paths[1], "--json").stdout
        return json.loads(text), *(lines_of(p) for p in paths)

    counts, train, held = split(1, "a")
    assert counts["examples"] == len(lines)
    assert (counts["train"], counts["eval"]) == (len(train), len(held))
    assert len(train) + len(held) + counts["left_out"] == len(lines)
    places = {}
    for i, line in enumerate(lines):
        places.setdefault(line, []).append(i)
    order = [[places[line][0] for line in part] for part in (train, held)]
    assert not set(train) & set(held) or len(places) < len(lines)
    for part in order:
        assert part == sorted(part)
    wanted = 40 if size == "40" else -(-len(lines) // 10)
    if by == "random":
        assert len(held) == wanted and counts["left_out"] == 0
    else:
        assert 0 < len(held) <= wanted + 16
        of_train = set().union(*(tools_of(json.loads(line)) for line in train))
        of_eval = set().union(*(tools_of(json.loads(line)) for line in held))
        assert not of_train & of_eval
    assert split(1, "b")[1:] == (train, held)
    assert split(2, "c")[2] != held


@pytest.mark.parametrize("name", DATA)
def test_stats(graft, shared, name):
    path = shared / f"data/{name}.jsonl"
    lines = lines_of(path)
    records = [json.loads(line) for line in lines]
    got = json.loads(graft("data", "stats", path, "--json").stdout)
    calls = collections.Counter(c["function"]["name"] for r in records for m in r["messages"]
                                for c in m.get("tool_calls") or [])
    declared = collections.Counter((t.get("function") or t)["name"] for r in records
                                   for t in r.get("tools") or [])
    assert got["examples"] == len(records) and got["calls"] == sum(calls.values())
    assert {t["name"]: (t["calls"], t["declared"]) for t in got["tool_use"]} == \
        {n: (calls[n], declared[n]) for n in {*calls, *declared}}
    order = [(-t["calls"], -t["declared"], t["name"].encode()) for t in got["tool_use"]]
    assert order == sorted(order)
    sizes = sorted(len(line.encode()) for line in lines)
    assert got["bytes_per_example"]["min"] == sizes[0]
    assert got["bytes_per_example"]["max"] == sizes[-1]
    assert got["bytes_per_example"]["median"] == sizes[(len(sizes) + 1) // 2 - 1]
    assert got["bytes_per_example"]["p90"] == sizes[-(-len(sizes) * 9 // 10) - 1]
    assert got["bytes_per_example"]["mean"] == pytest.approx(sum(sizes) / len(sizes))
    for bin in got["bytes_per_example"]["histogram"]:
        assert bin["examples"] == sum(bin["from"] <= s <= bin["to"] for s in sizes)
    assert got["messages_per_example"]["max"] == max(len(r["messages"]) for r in records)


@pytest.mark.parametrize("name", DATA)
def test_arguments_are_judged_as_by_jsonschema(graft, shared, name):
    path = shared / f"data/{name}.jsonl"
    got = json.loads(graft("data", "check", path, "--json", "--near", 0, "--limit", 0).stdout)
    flagged = {f["line"] for f in got["findings"] if f["kind"] == "bad_arguments"}
    expected = set()
    for number, line in enumerate(lines_of(path), 1):
        record = json.loads(line)
        schemas = {(t.get("function") or t)["name"]: (t.get("function") or t).get("parameters")
                   for t in record.get("tools") or []}
        for call in (c["function"] for m in record["messages"] for c in m.get("tool_calls") or []):
            schema = schemas.get(call["name"])
            if schema and not jsonschema.Draft202012Validator(schema).is_valid(call["arguments"]):
                expected.add(number)
    assert flagged == expected


def compressed(content):
    zstd = ctypes.CDLL(ctypes.util.find_library("zstd"))
    zstd.ZSTD_compressBound.restype = zstd.ZSTD_compress.restype = ctypes.c_size_t
    room = zstd.ZSTD_compressBound(ctypes.c_size_t(len(content)))
    out = ctypes.create_string_buffer(room)
    n = zstd.ZSTD_compress(out, ctypes.c_size_t(room), content, ctypes.c_size_t(len(content)), 3)
    return out.raw[:n]


def test_findings_do_not_depend_on_threads_or_compression(graft, shared, tmp_path):
    lines = lines_of(shared / "data/tooluse-train.jsonl") * 3
    path = tmp_path / "d.jsonl"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    packed = tmp_path / "d.jsonl.zst"
    packed.write_bytes(compressed(path.read_bytes()))
    texts = [graft("data", "check", path, "--limit", 0, "--threads", n).stdout for n in (1, 2, 5)]
    texts.append(graft("data", "check", packed, "--limit", 0).stdout.replace(".jsonl.zst", ".jsonl"))
    assert len(set(texts)) == 1 and " [duplicate]" in texts[0]


FORMATS = ["derived/hermes_json.jsonl", "derived/xlam.json", "derived/glaive_v2.jsonl",
           "llamafactory-v1/reason_tool_use.jsonl", "nestful/executable-data.json",
           "toolbench/G2_answer_10_ChatGPT_DFS_woFilter_w2.json", "react-text/fireact_gpt_format.jsonl",
           "toolalpaca/eval_simulated_4apis.json", "seal-tools/dev.jsonl",
           "sharegpt-function_call/glaive_toolcall_en.json"]


@pytest.mark.parametrize("name", FORMATS)
def test_fixed_files_say_the_same(graft, driver, shared, tmp_path, name):
    """Whatever the layout, --fix without anything to repair keeps every conversation."""
    path, out = shared / "data/formats" / name, tmp_path / "out.jsonl"
    got = json.loads(graft("data", "check", path, "--near", 0, "--fix", "--out", out,
                           "--json").stdout)

    def dump(file):
        done = subprocess.run([driver("data_dump"), file], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        records = [json.loads(line) for line in done.stdout.splitlines()]
        for record in records:
            del record["line"]
        return records

    kept = []
    for record in dump(path) if not got["bad_lines"] else []:
        messages, weights = record["messages"], record["weights"]
        while len(messages) > 1 and messages[0]["role"] == "system" and \
                not (messages[0]["content"] or "").strip():
            messages, weights = messages[1:], weights[1:]
        last = max(i for i, m in enumerate(messages) if m["role"] == "assistant")
        record = {**record, "messages": messages[:last + 1], "weights": weights[:last + 1]}
        if record not in kept:
            kept.append(record)
    assert got["written"] == len(dump(out)) > 0
    assert dump(out) == kept or got["bad_lines"] or got["fixed"].get("duplicate")


PEAK = "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); " \
       "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done.returncode)"


@pytest.mark.parametrize("layout", ["sharegpt", "openai"])
def test_convert_takes_no_more_memory_for_more_examples(tmp_path, layout):
    """The larger file holds eight times as many; all of it read would take more than 300 MiB. On one thread
    the peak is the same each time; of two each may keep room for a whole batch: the lesser of two."""
    peaks, binary = {1: [], 2: []}, existing(OUT / "graft", "make")
    for n in (10000, 80000):
        path, out = tmp_path / f"{n}.jsonl", tmp_path / f"{n}.out"
        with path.open("w") as file:
            for i in range(n):
                file.write(json.dumps({"messages": [
                    {"role": "user", "content": f"question {i} " + "word " * 20},
                    {"role": "assistant", "content": None, "tool_calls": [
                        {"id": "x", "type": "function", "function": {"name": "f", "arguments": {"a": i, "b": ["c", {"d": i}]}}}]},
                    {"role": "tool", "tool_call_id": "x", "content": "r"}, {"role": "assistant", "content": f"answer {i}"}],
                    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {
                        "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "array"}}}}}]}) + "\n")
        for threads, times in ((1, 1), (2, 2)):
            command = [binary, "data", "convert", path, "--to", layout, "--out", out, "--threads", threads, "--quiet"]
            found = []
            for _ in range(times):
                out.unlink(missing_ok=True)
                done = subprocess.run([sys.executable, "-c", PEAK, *map(str, command)], capture_output=True, text=True)
                assert done.returncode == 0, done.stderr
                found.append(int(done.stdout.split()[-1]))
                with out.open() as file:
                    assert sum(1 for _ in file) == n
            assert max(found) < 200 * 1024
            peaks[threads].append(min(found))
    print(f"{layout}: peaks in MiB by threads: { {k: [p // 1024 for p in v] for k, v in peaks.items()} }")
    assert peaks[1][1] < 1.1 * peaks[1][0] and peaks[2][1] < 1.4 * peaks[2][0]
