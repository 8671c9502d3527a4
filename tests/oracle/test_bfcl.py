"""Verdicts of the metric `bfcl` against the leaderboard's own checker (package bfcl-eval), on its own
questions with right, wrong and mutated answers."""
import collections
import copy
import importlib.util
import json
import pathlib
import random
import subprocess
import sys
import types

import pytest

CATEGORIES = ["simple_python", "multiple", "parallel", "parallel_multiple", "live_simple", "live_multiple",
              "live_parallel", "live_parallel_multiple"]
TYPES = {"dict": "object", "float": "number", "tuple": "array"}  # as data/reader_bfcl.c maps them


@pytest.fixture(scope="module")
def official():
    """(the package's folder, its ast_checker), without the API clients that its list of models imports."""
    found = importlib.util.find_spec("bfcl_eval")
    if found is None:
        pytest.skip("the package bfcl-eval is not installed (pip install --no-deps bfcl-eval)")
    models = types.ModuleType("bfcl_eval.constants.model_config")
    plain = types.SimpleNamespace(underscore_to_dot=False)
    models.MODEL_CONFIG_MAPPING = collections.defaultdict(lambda: plain)
    sys.modules[models.__name__] = models
    from bfcl_eval.constants.enums import Language
    from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker

    def check(functions, calls, answers, category):
        output = [{c["name"]: copy.deepcopy(c["arguments"])} for c in calls]
        return ast_checker(copy.deepcopy(functions), output, copy.deepcopy(answers), Language.PYTHON,
                           category, "any-model")["valid"]

    return pathlib.Path(found.submodule_search_locations[0]), check


def records(folder, category):
    name = f"BFCL_v4_{category}.json"
    answers = {}
    for line in (folder / "data/possible_answer" / name).open(encoding="utf-8"):
        record = json.loads(line)
        answers[record["id"]] = record["ground_truth"]
    for line in (folder / "data" / name).open(encoding="utf-8"):
        record = json.loads(line)
        yield record["function"], answers[record["id"]]


def mapped(schema):
    if isinstance(schema, list):
        return [mapped(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: mapped(value) for key, value in schema.items()}
    if out.get("type") == "any":
        del out["type"]
    elif isinstance(out.get("type"), str):
        out["type"] = TYPES.get(out["type"], out["type"])
    return out


def concrete(rng, value):
    """One choice where an acceptable value holds lists of alternatives in objects."""
    if isinstance(value, dict):
        return {k: concrete(rng, rng.choice(v) if isinstance(v, list) else v)
                for k, v in value.items() if v not in ([], [""])}
    if isinstance(value, list):
        return [concrete(rng, item) for item in value]
    return value


def right(rng, answers):
    calls = []
    for answer in answers:
        (name, options), = answer.items()
        given = {}
        for key, values in options.items():
            value = rng.choice(values or [""])
            if value != "" or rng.random() < 0.1:
                given[key] = concrete(rng, value)
        calls.append({"name": name, "arguments": given})
    return calls


def twisted(rng, value):
    """Something near the value: often still right, often just wrong."""
    kind = rng.randrange(8)
    if isinstance(value, bool):
        return rng.choice([not value, int(value), str(value), value, None])
    if isinstance(value, int):
        return rng.choice([float(value), str(value), value + 1, bool(value), [value], value + 0.5])
    if isinstance(value, float):
        return rng.choice([int(value), str(value), value + 1, -value, [value]])
    if isinstance(value, str):
        return [value.upper(), value + " ", value.replace(" ", "_"), "'" + value + '"', value + "x", value[:-1],
                [value], 7][kind]
    if isinstance(value, list):
        out = copy.deepcopy(value)
        if not out or kind == 0:
            return rng.choice([[], [1], ["a"], [[]], [{}], "a", {}, None, out + [None]])
        if kind == 1:
            return out[::-1]
        if kind == 2:
            return out[:-1]
        at = rng.randrange(len(out))
        out[at] = twisted(rng, out[at])
        return out
    if isinstance(value, dict):
        out = copy.deepcopy(value)
        if not out or kind == 0:
            return rng.choice([{}, {"a": 1}, [], [{}], "a", None])
        key = rng.choice(list(out))
        if kind == 1:
            del out[key]
        elif kind == 2:
            out["extra"] = out[key]
        else:
            out[key] = twisted(rng, out[key])
        return out
    return rng.choice(["", 0, None, [], False])


def mutated(rng, calls, functions):
    calls = copy.deepcopy(calls)
    for _ in range(rng.choice([1, 1, 1, 2])):
        kind = rng.randrange(12)
        if not calls:
            return calls
        at = rng.randrange(len(calls))
        given = calls[at]["arguments"]
        if kind == 0:
            rng.shuffle(calls)
        elif kind == 1:
            calls.append(copy.deepcopy(rng.choice(calls)))
        elif kind == 2:
            del calls[at]
        elif kind == 3:
            calls[at]["name"] = rng.choice([f["name"] for f in functions] + ["nothing"])
        elif kind == 4 and given:
            del given[rng.choice(list(given))]
        elif kind == 5:
            known = [k for f in functions for k in f["parameters"]["properties"]]
            given[rng.choice(known + ["extra"])] = rng.choice(["", 0, 1.5, None, [], {}, True, "a"])
        elif given:
            key = rng.choice(list(given))
            given[key] = twisted(rng, given[key])
    return calls


def test_verdicts_are_the_leaderboards(official, driver):
    folder, check = official
    rng = random.Random(4)
    lines, wanted, where, crashed = [], [], [], 0
    for category in CATEGORIES:
        for functions, answers in records(folder, category):
            tools = [{"type": "function", "function": mapped(function)} for function in functions]
            good = right(rng, answers)
            for calls in [good] + [mutated(rng, right(rng, answers), functions) for _ in range(9)]:
                try:
                    verdict = check(functions, calls, answers, category)
                except Exception:  # a value that the checker does not expect: no verdict
                    crashed += 1
                    continue
                lines.append({"message": None, "alternatives": answers, "tools": tools, "calls": calls,
                              "broken": 0, "ended": True})
                wanted.append(verdict)
                where.append(category)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([driver("judge")], input=text, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    got = [json.loads(line)["bfcl"] for line in done.stdout.splitlines()]
    assert len(got) == len(wanted) > 20000
    table = collections.Counter((category, want, have) for category, want, have in zip(where, wanted, got))
    for category in CATEGORIES:
        print(f"{category:24}", *(f"{name} {table[category, want, have]:6}" for name, want, have in (
            ("both yes", True, True), ("both no", False, False), ("only graft", False, True),
            ("only official", True, False), ("only official", True, None), ("no verdict", False, None))))
    print(f"{len(got)} verdicts, {crashed} answers without one, {sum(wanted)} right")
    wrong = [(lines[i]["calls"], lines[i]["alternatives"], wanted[i], got[i])
             for i in range(len(got)) if got[i] != wanted[i]]
    assert not wrong, f"{len(wrong)} disagreements\n" + "\n".join(map(str, wrong[:8]))
    assert 0.2 < sum(wanted) / len(wanted) < 0.8
