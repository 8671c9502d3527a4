"""JSON Schema: the official test suite, and the verdicts of jsonschema."""
import copy
import json
import random
import re
import subprocess

import jsonschema
import pytest

DRAFTS = {"draft7": 7, "draft2020-12": 2020}

# Groups of the official suite that need a document which graft does not fetch.
REMOTE_IN_BOTH = {
    "ref: remote ref, containing refs itself",
    "refRemote: Location-independent identifier in remote ref",
    "refRemote: base URI change",
    "refRemote: base URI change - change folder",
    "refRemote: base URI change - change folder in subschema",
    "refRemote: fragment within remote ref",
    "refRemote: ref within remote ref",
    "refRemote: remote ref",
    "refRemote: retrieved nested refs resolve relative to their URI not $id",
    "refRemote: root ref in remote ref",
}
REMOTE = {
    "draft7": REMOTE_IN_BOTH | {
        "definitions: validate definition against metaschema",
        "refRemote: $ref to $ref finds location-independent $id",
        "refRemote: remote ref with ref to definitions",
    },
    "draft2020-12": REMOTE_IN_BOTH | {
        "defs: validate definition against metaschema",
        "dynamicRef: $ref and $dynamicAnchor are independent of order - $defs first",
        "dynamicRef: $ref and $dynamicAnchor are independent of order - $ref first",
        "dynamicRef: $ref to $dynamicRef finds detached $dynamicAnchor",
        "dynamicRef: strict-tree schema, guards against misspelled properties",
        "dynamicRef: tests for implementation dynamic anchor and reference link",
        "refRemote: $ref to $ref finds detached $anchor",
        "refRemote: anchor within remote ref",
        "refRemote: remote HTTP ref with different $id",
        "refRemote: remote HTTP ref with different URN $id",
        "refRemote: remote HTTP ref with nested absolute ref",
        "refRemote: remote ref with ref to defs",
        "vocabulary: ignore unrecognized optional vocabulary",
        "vocabulary: schema that uses custom metaschema with with no validation vocabulary",
    },
    "draft7/optional": {
        "cross-draft: refs to future drafts are processed as future drafts",
    },
    "draft2020-12/optional": {
        "cross-draft: refs to historic drafts are processed as historic drafts",
        "format-assertion: schema that uses custom metaschema with format-assertion: false",
        "format-assertion: schema that uses custom metaschema with format-assertion: true",
    },
}
# Formats and contents only annotate: their optional files are left out.
LEFT_OUT = {"draft7/optional": {"content"}}
# Tests that pass, and those of numbers that graft's JSON reader refuses (beyond 64 bits).
COUNTS = {"draft7": (900, 0), "draft2020-12": (1246, 0), "draft7/optional": (99, 7),
          "draft2020-12/optional": (150, 7)}


@pytest.fixture
def check(driver):
    """check([{"schema", "draft", "values"}]) -> [{"fits", "findings", "remarks"}]."""
    def run(lines):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        done = subprocess.run([driver("schemas")], input=text, capture_output=True, text=True,
                              encoding="utf-8")
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == len(lines)
        for answer in answers:  # what does not fit is explained, and nothing else
            for fits, findings in zip(answer["fits"], answer["findings"]):
                assert fits is None or fits == (findings == []), answer
        return answers

    return run


# --- the official suite ---

def readable(value):
    """False for what graft's JSON reader refuses by design."""
    try:
        text = json.dumps(value)
    except ValueError:
        return False
    return not re.search(r"\d{20,}|Infinity|NaN", text)


def suite(folder, left_out):
    for path in sorted(folder.glob("*.json")):
        if path.stem not in left_out:
            for group in json.loads(path.read_text(encoding="utf-8")):
                yield f"{path.stem}: {group['description']}", group


@pytest.mark.parametrize("part", COUNTS)
def test_official_suite(shared, check, part):
    groups, lines, unreadable = [], [], 0
    for name, group in suite(shared / "fixtures/json-schema" / part, LEFT_OUT.get(part, ())):
        tests = [t for t in group["tests"] if readable([group["schema"], t["data"]])]
        unreadable += len(group["tests"]) - len(tests)
        groups.append((name, tests))
        lines.append({"schema": group["schema"] if tests else True,
                      "draft": DRAFTS[part.split("/")[0]], "values": [t["data"] for t in tests]})
    wrong, remote, passed = [], set(), 0
    for (name, tests), answer in zip(groups, check(lines)):
        if any("not fetched" in remark for remark in answer["remarks"]):
            remote.add(name)
            continue
        wrong += [f"{name}: {test['description']}"
                  for test, fits in zip(tests, answer["fits"]) if fits != test["valid"]]
        passed += sum(fits == test["valid"] for test, fits in zip(tests, answer["fits"]))
    assert not wrong
    assert remote == REMOTE[part]
    assert (passed, unreadable) == COUNTS[part]


# --- arguments of tools ---

def tools_and_arguments(shared):
    for path in sorted((shared / "data").glob("*.jsonl")):
        for line in path.open(encoding="utf-8"):
            record = json.loads(line)
            schemas = {t["function"]["name"]: t["function"].get("parameters") or {}
                       for t in record.get("tools") or []}
            used = set()
            for message in record["messages"]:
                for call in message.get("tool_calls") or []:
                    function = call["function"]
                    if function["name"] in schemas:
                        used.add(function["name"])
                        yield schemas[function["name"]], function["arguments"]
            for name in sorted(schemas.keys() - used):
                yield schemas[name], None


VALUES = ["1", 1, 1.5, 2.0, True, None, [], ["a"], {}, {"a": 1}, -3, "", "celsius", 10 ** 12, "é"]


def example(rng, schema, depth=0):
    """Something that fits the schema of an argument, or nearly."""
    if "enum" in schema and schema["enum"]:
        return rng.choice(schema["enum"])
    kind = schema.get("type", "string")
    kind = rng.choice(kind) if isinstance(kind, list) else kind
    if kind == "object" and depth < 5:
        required = schema.get("required", [])
        return {name: example(rng, part, depth + 1)
                for name, part in schema.get("properties", {}).items()
                if name in required or rng.random() < 0.6}
    if kind == "array" and depth < 5:
        return [example(rng, schema.get("items", {}), depth + 1) for _ in range(rng.randrange(3))]
    return {"string": "text", "integer": 7, "number": 2.5, "boolean": False, "null": None,
            "array": [], "object": {}}.get(kind, "text")


def places(value, path=()):
    yield path
    parts = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, path + (key,))


def mutate(rng, arguments, names):
    """One thing changed, at any depth: another value, one missing, one too many."""
    changed = copy.deepcopy(arguments)
    path = rng.choice(list(places(changed)))
    if not path:
        changed[rng.choice(["extra", *names])] = rng.choice(VALUES)
        return changed
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    kind = rng.randrange(4)
    if kind == 0:
        del inner[path[-1]]
    elif kind == 1 and isinstance(inner[path[-1]], dict):
        inner[path[-1]]["extra"] = rng.choice(VALUES)
    elif kind == 2 and isinstance(inner[path[-1]], list):
        inner[path[-1]].append(rng.choice(VALUES))
    elif kind == 3 and isinstance(inner[path[-1]], str):
        inner[path[-1]] += "x"
    else:
        inner[path[-1]] = rng.choice(VALUES)
    return changed


def closed(schema):
    """The schema with additionalProperties: false wherever properties are declared."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        result["additionalProperties"] = False
    return result


def compare(check, lines, validator):
    """-> number of values compared, of them that fit"""
    n, n_fit = 0, 0
    for line, answer in zip(lines, check(lines)):
        judge = validator(line["schema"])
        for value, fits in zip(line["values"], answer["fits"]):
            assert fits == judge.is_valid(value), (line["schema"], value, answer["findings"])
            n += 1
            n_fit += fits
    return n, n_fit


def test_arguments_of_tools_against_jsonschema(shared, check):
    rng = random.Random(1)
    lines, n = [], 0
    sets = list(tools_and_arguments(shared))
    rng.shuffle(sets)
    for schema, arguments in sets:
        if n >= 10000:
            break
        if arguments is None:
            arguments = example(rng, {"type": "object", **schema})
        if not isinstance(arguments, dict):
            continue
        names = list(schema.get("properties", {}))
        values = [arguments, *(mutate(rng, arguments, names) for _ in range(4))]
        values.append(mutate(rng, values[-1], names))
        lines.append({"schema": closed(schema) if rng.random() < 0.5 else schema, "draft": 2020,
                      "values": values})
        n += len(values)
    compared, fit = compare(check, lines, jsonschema.Draft202012Validator)
    print(f"{compared} argument sets, {fit} of them fit, {len(lines)} tools")
    assert compared >= 10000
    assert 0.2 < fit / compared < 0.8


# --- schemas of all kinds ---

NAMES = ["a", "b", "ab", "c"]


def any_value(rng, depth=0):
    kind = rng.randrange(9 if depth < 3 else 7)
    if kind == 7:
        return [any_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 8:
        return {name: any_value(rng, depth + 1) for name in rng.sample(NAMES, rng.randrange(4))}
    return rng.choice([None, True, False, 0, 1, 2, 3, -1, 1.0, 2.5, 1e300, "", "a", "ab", "abc",
                       "é1"])


def any_schema(rng, draft, depth=0):
    """Up to four keywords of the draft."""
    def below():
        return any_schema(rng, draft, depth + 1)

    def some():
        return [below() for _ in range(rng.randrange(1, 4))]

    def named():
        return {name: below() for name in rng.sample(NAMES, rng.randrange(1, 3))}

    if depth > 3 or rng.random() < 0.1:
        return rng.choice([True, False, {}, {"type": "integer"}, {"type": ["string", "null"]}])
    count = rng.randrange(4)
    makers = {
        "type": lambda: rng.choice(["object", "array", "number", "integer", ["string", "boolean"]]),
        "enum": lambda: [any_value(rng, 2) for _ in range(3)], "const": lambda: any_value(rng, 2),
        "minimum": lambda: rng.choice([0, 1.5]), "exclusiveMaximum": lambda: rng.choice([3, 2.5]),
        "multipleOf": lambda: rng.choice([1, 2, 0.5]), "minLength": lambda: 1,
        "maxLength": lambda: 2,
        "pattern": lambda: rng.choice(["^a", "b$", "[0-9]", "^(a|b)+$"]),
        "items": below, "contains": below, "uniqueItems": lambda: rng.random() < 0.7,
        "minItems": lambda: count, "maxItems": lambda: count, "properties": named,
        "patternProperties": lambda: {rng.choice(["^a", "b"]): below()},
        "additionalProperties": below, "propertyNames": lambda: {"maxLength": rng.randrange(1, 3)},
        "required": lambda: rng.sample(NAMES, 1), "minProperties": lambda: count,
        "maxProperties": lambda: count, "allOf": some, "anyOf": some, "oneOf": some, "not": below,
        "if": below, "then": below, "else": below,
    }
    if draft == 7:
        makers["additionalItems"] = below
        makers["items"] = lambda: some() if rng.random() < 0.5 else below()
        makers["dependencies"] = lambda: {"a": rng.choice([["b"], below()])}
    else:
        makers.update({
            "prefixItems": some, "minContains": lambda: count, "maxContains": lambda: count,
            "dependentRequired": lambda: {"a": ["b"]}, "dependentSchemas": named,
            "unevaluatedItems": below, "unevaluatedProperties": below})
    schema = {key: makers[key]() for key in rng.sample(list(makers), rng.randrange(1, 5))}
    if draft == 7 and isinstance(schema.get("items"), bool):
        schema.pop("additionalItems", None)  # where jsonschema itself fails
    if depth == 0:
        schema["$defs"] = named()
    elif rng.random() < 0.1:
        schema["$ref"] = "#/$defs/" + rng.choice(NAMES)
    return schema


@pytest.mark.parametrize("draft", DRAFTS.values())
def test_random_schemas_against_jsonschema(check, draft):
    rng = random.Random(draft)
    lines = []
    while len(lines) < 1500:
        schema = any_schema(rng, draft)
        definitions = schema.get("$defs", {}) if isinstance(schema, dict) else {}
        refs = set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema)))
        if not refs <= definitions.keys() or "$ref" in json.dumps(definitions):
            continue  # no reference that leads nowhere or in a circle
        lines.append({"schema": schema, "draft": draft,
                      "values": [any_value(rng) for _ in range(10)]})
    compared, fit = compare(check, lines, jsonschema.Draft7Validator if draft == 7
                            else jsonschema.Draft202012Validator)
    assert compared == 15000
    assert 0.2 < fit / compared < 0.8
