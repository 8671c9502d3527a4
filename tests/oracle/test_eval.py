"""Verdicts against independent implementations: jsonschema for declared tools, the rules of the
leaderboard's checker for alternatives."""
import collections
import copy
import json
import random
import re
import string
import subprocess

import jsonschema
import pytest


@pytest.fixture
def judge(driver):
    def run(lines):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        done = subprocess.run([driver("judge")], input=text, capture_output=True, text=True,
                              encoding="utf-8")
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == len(lines)
        return answers

    return run


def tools_and_calls(shared):
    for path in sorted((shared / "data").glob("*.jsonl")):
        for line in path.open(encoding="utf-8"):
            record = json.loads(line)
            schemas = {t["function"]["name"]: t["function"].get("parameters") or {}
                       for t in record.get("tools") or []}
            for message in record["messages"]:
                for call in message.get("tool_calls") or []:
                    function = call["function"]
                    if function["name"] in schemas:
                        yield schemas[function["name"]], function["arguments"], record["tools"], function


def mutations(rng, schema, arguments):
    """The arguments and what a model might make of them."""
    yield arguments
    values = ["1", 1, 1.5, 2.0, True, None, [], ["a"], {}, {"a": 1}, -3, ""]
    for _ in range(4):
        changed = copy.deepcopy(arguments)
        names = list(changed)
        kind = rng.randrange(4)
        if kind == 0 and names:
            del changed[rng.choice(names)]
        elif kind == 1:
            changed[rng.choice(["extra", "unit", *schema.get("properties", {})])] = rng.choice(values)
        elif names:
            name = rng.choice(names)
            inner = changed[name]
            if kind == 2 and isinstance(inner, list) and inner:
                inner[rng.randrange(len(inner))] = rng.choice(values)
            elif kind == 2 and isinstance(inner, dict) and inner:
                inner[rng.choice(list(inner))] = rng.choice(values)
            else:
                changed[name] = rng.choice(values)
        yield changed


def test_tools_against_jsonschema(shared, judge):
    rng = random.Random(1)
    lines, wanted = [], []
    for i, (schema, arguments, tools, function) in enumerate(tools_and_calls(shared)):
        if i % 5:
            continue
        strict = dict(schema)
        if "properties" in schema:
            strict.setdefault("additionalProperties", False)
        validator = jsonschema.Draft202012Validator(strict)
        for value in mutations(rng, schema, arguments):
            lines.append({"message": {"tool_calls": [{"function": function}]}, "tools": tools,
                          "ended": True, "broken": 0,
                          "calls": [{"name": function["name"], "arguments": value}]})
            properties = schema.get("properties")
            wanted.append((validator.is_valid(value),
                           all(name in value for name in schema.get("required", [])),
                           properties is None or all(name in properties for name in value),
                           value == arguments and json.dumps(value) == json.dumps(arguments)))
    assert len(lines) > 2500
    answers = judge(lines)
    for line, got, (valid, required, known, same) in zip(lines, answers, wanted):
        assert got["valid_json"] and got["tool_name"] and got["end_of_turn"]
        assert got["schema_valid"] == valid, line["calls"]
        assert got["required_arguments"] == required and got["known_arguments"] == known
        assert got["exact"] or not same
    for column in zip(*wanted):
        assert 0.05 < sum(column) / len(column) < 0.99


# --- the leaderboard's rules for alternatives, written down independently (on values without NaN) ---

def plain(text):
    return re.sub(r"[ ,./\-_*^]", "", text).lower().replace("'", '"')


def agrees_with_any(value, options):
    if value == "" and not all(isinstance(option, str) for option in options):
        return False  # here "" only says that the argument may be left out
    return any(agrees(value, option) for option in options)


def agrees(value, wanted):
    if isinstance(value, str) and isinstance(wanted, str):
        return plain(value) == plain(wanted)
    if isinstance(value, dict) and isinstance(wanted, dict):
        return all(k in wanted and agrees_with_any(v, wanted[k]) for k, v in value.items()) \
            and all(k in value or "" in options for k, options in wanted.items())
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(map(agrees, value, wanted))
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted


def fits(call, wanted):
    (name, options), = wanted.items()
    return call["name"] == name and agrees(call["arguments"], options)


def some_order(calls, expected):
    if not expected:
        return not calls
    return any(fits(call, expected[0]) and some_order(calls[:i] + calls[i + 1:], expected[1:])
               for i, call in enumerate(calls))


def choose(rng, options):
    """A reply that takes one alternative of each argument, sometimes spelled differently."""
    def concrete(value):
        if isinstance(value, dict):
            return {k: concrete(rng.choice(v)) for k, v in value.items() if v != [""]}
        if isinstance(value, list):
            return [concrete(v) for v in value]
        if isinstance(value, str) and value and rng.random() < 0.3:
            return rng.choice([value.upper(), value + " ", value.replace(" ", ""), "-" + value])
        if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.2:
            return float(value)
        return value

    chosen = {}
    for name, values in options.items():
        value = rng.choice(values)
        if value != "" or rng.random() < 0.3:
            chosen[name] = concrete(value)
    if chosen and rng.random() < 0.25:
        chosen[rng.choice(list(chosen))] = rng.choice(["no", 0, None, [], True, 1e300])
    return chosen


def test_alternatives(shared, judge):
    rng = random.Random(2)
    lines, wanted = [], []
    for line in (shared / "data/bfcl-nonlive.jsonl").open(encoding="utf-8"):
        expected = json.loads(line).get("expected")
        if not expected:
            continue
        for _ in range(2):
            calls = [{"name": name, "arguments": choose(rng, options)}
                     for call in expected for name, options in call.items()]
            rng.shuffle(calls)
            if rng.random() < 0.1:
                calls = calls[1:]
            if rng.random() < 0.1 and len(calls) > 1:
                calls[0] = copy.deepcopy(calls[1])
            lines.append({"message": None, "alternatives": expected, "calls": calls, "broken": 0,
                          "ended": False, "tools": None})
            wanted.append((some_order(calls, expected),
                           sorted(c["name"] for c in calls) == sorted(n for c in expected for n in c)))
    assert len(lines) > 1500
    for line, got, (exact, names) in zip(lines, judge(lines), wanted):
        assert (got["exact"], got["tool_name"]) == (exact, names), line
        assert got["schema_valid"] is None and got["end_of_turn"] is False
    for column in zip(*wanted):
        assert 0.3 < sum(column) / len(column) < 0.97


# --- words and errors ---

def squad_f1(reply, answer):
    """As the evaluation script of SQuAD 1.1 has it, on ASCII."""
    def tokens(text):
        text = "".join(c for c in text.lower() if c not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", text).split()

    said, wanted = tokens(reply), tokens(answer)
    shared = sum((collections.Counter(said) & collections.Counter(wanted)).values())
    if not said or not wanted:
        return float(said == wanted)
    if not shared:
        return 0.0
    precision, recall = shared / len(said), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def test_answers_against_squad(judge):
    rng = random.Random(5)
    pieces = ["the", "The", "a", "cat", "cat", "sat", "Mat.", "3.5", "$4", "it's", "--", "an", "dog,", "x\ny", "over", ""]
    lines = [{"reply": " ".join(rng.choices(pieces, k=rng.randrange(9))),
              "answer": " ".join(rng.choices(pieces, k=rng.randrange(9)))} for _ in range(3000)]
    wanted = [squad_f1(line["reply"], line["answer"]) for line in lines]
    for line, got, want in zip(lines, judge(lines), wanted):
        assert abs(got - want) < 1e-12, line
    assert 0.1 < sum(wanted) / len(wanted) < 0.9


def test_errors_of_tools(judge):
    errors = ["Error: no such city", '{"error": "x"}', {"error": {"code": 3}}, '{"status": "failed"}', "Traceback (most recent",
              '{"success": false}', " error", {"is_error": True}]
    fine = ["20 degrees", "", None, "{}", '{"error": null}', '{"error": ""}', '{"status": "ok"}', "no errors", [1],
            '{"success": true}', {"errors": []}, '{"error": "x"']
    answers = judge([{"content": json.dumps(result) if isinstance(result, dict) else result}
                     for result in errors + fine])
    assert answers == [True] * len(errors) + [False] * len(fine)


def test_an_evaluation_stays_within_max_memory(tmp_path, base_model, bfcl, graft):
    """Keys and values take what max_memory leaves beside the passes and the mapped base: with all 24
    prompts at once the run takes 754 MiB."""
    limit, name, config = 600, "BFCL_v4_multiple.json", tmp_path / "config.yaml"
    config.write_text(f"""base_model: {base_model}
datasets:
  - path: {bfcl / name}
    format: bfcl
    answers: {bfcl / "possible_answer" / name}
val_set_size: 24
eval_max_new_tokens: 16
max_steps: 1
batch_size: 1
eval_after: false
max_memory: {limit}
output_dir: {tmp_path / "run"}
""")
    done = graft("train", config, "--compute", "auto")
    peak = int(re.search(r"at most (\d+) MiB of memory", done.stdout).group(1))
    assert peak <= limit
