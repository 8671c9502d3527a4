"""Grammars for constrained decoding: what llama.cpp lets through is what fits the schemas of the tools."""
import ast
import copy
import itertools
import json
import os
import random
import subprocess

import jsonschema
import pytest

import gbnf
import test_templates

HERMES = "<tool_call>\n{{\"name\": {}, \"arguments\": {}}}\n</tool_call>"


@pytest.fixture(scope="module")
def make(driver):
    """make([{"schema"} or {"tools", "template", ...}]) -> [{"grammar", "dialect", "not_kept"} or {"error"}]"""
    def run(lines, timeout=60):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        done = subprocess.run([driver("grammars")], input=text, capture_output=True, text=True,
                              encoding="utf-8", timeout=timeout)
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
        assert len(answers) == len(lines)
        return answers

    return run


@pytest.fixture(scope="module")
def vocabulary(base_model, runtime):
    return gbnf.Vocabulary(runtime.llamart, str(base_model))


@pytest.fixture(scope="module")
def read(vocabulary):
    """read(answer) -> the grammar as llama.cpp reads it."""
    def run(answer):
        assert "error" not in answer, answer
        grammar = vocabulary.grammar(answer["grammar"])
        assert grammar is not None, (vocabulary.errors[-3:], answer["grammar"])
        return grammar

    return run


@pytest.fixture(scope="module")
def of_schema(make, read):
    return lambda schema: read(make([{"schema": schema}])[0])


def spell(value):
    return json.dumps(value, ensure_ascii=False)


# --- schemas ---

NODE = {"$defs": {"node": {"type": "object", "properties": {
    "v": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}}, "required": ["v"]}},
    "$ref": "#/$defs/node"}
# schema, what it lets through, what it refuses (texts that begin with RAW as they are)
CASES = [
    ({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"},
                                       "c": {"type": "boolean"}}, "required": ["b"]},
     [{"b": 2}, {"a": "x", "b": 1}, {"b": 1, "c": True}, {"a": "", "b": -1, "c": False},
      'RAW{"a":"x","b":1}', 'RAW{\n  "b": 1\n}'],
     [{"a": "x"}, {"b": "x"}, {"b": 1, "d": 2}, {"b": 1.5}, {}, "RAW{\"b\": 1", "RAW{\"b\": 1}}",
      "RAW{\"b\": 01}", "RAW{,\"b\": 1}", "RAW{\"b\": 1,}"]),
    ({"type": "integer", "minimum": -5, "maximum": 1234}, [-5, -1, 0, 9, 10, 999, 1000, 1234],
     [-6, -50, 1235, 1300, 2000, 12340, 1.5, "1"]),
    ({"type": "integer", "exclusiveMinimum": 0}, [1, 9, 10, 10**15], [0, -1, "RAW01"]),
    ({"type": "integer", "maximum": -17}, [-17, -18, -99, -100], [-16, -9, 0, 17]),
    ({"type": "number", "minimum": 0, "maximum": 1}, [0, 0.5, 1, 1.0], [1.5, -0.1, 2]),
    ({"type": "number", "minimum": -90, "maximum": 90}, [-90, -89.99, 0, 45.5, 90.0],
     [-90.5, 91, 90.01, -100]),
    ({"type": "number"}, [0, -1.5, 1e300, 1e-9], ["1", None, "RAW1.", "RAW.5"]),
    ({"type": "string"}, ["", "ä😀", "a\"b\\c\n\t", "RAW\"\\ud83d\\ude00\\u00e9\""],
     [1, "RAW\"a", "RAW\"\\x\"", "RAW\"\n\"", "RAW\"\\ud83d\""]),
    ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "ä😀x", "\"\\"], ["", "a", "abcd"]),
    ({"type": "string", "pattern": "^a[bc]{2}\\d+$"}, ["abc1", "acc12"], ["ab1", "abcd", "xabc1"]),
    ({"type": "string", "pattern": "b+|^x$"}, ["abc", "b", "x"], ["ac", "", "xx"]),
    ({"type": "string", "pattern": "^(?:[A-Z]{3}-)?[^a-z\"]*$"}, ["ABC-1", "12", "\\", "\n"],
     ["abc", "1\"2"]),
    ({"type": "string", "pattern": "^(a*)*$"}, ["", "aa", "b"], [1]),
    ({"type": "string", "format": "date"}, ["2024-02-29"], ["2024-13-01", "tomorrow"]),
    ({"type": "string", "format": "date-time"}, ["2024-02-29T10:00:00Z", "2024-02-29T10:00+01:00"],
     ["2024-02-29"]),
    ({"type": "string", "format": "uuid"}, ["2eb8aa08-aa98-11ea-b4aa-73b441d16380"], ["2eb8aa08"]),
    ({"enum": ["a", 1, None, True, {"x": [1, "y"]}]}, ["a", 1, None, True, {"x": [1, "y"]}],
     ["b", 2, False, {"x": [1]}]),
    ({"enum": ["a", "bb", 3], "type": "string", "maxLength": 1}, ["a"], ["bb", 3]),
    ({"const": 1.0}, [1, 1.0], [2]),
    ({"type": ["string", "null"]}, ["x", None], [1]),
    ({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
     [[1], [1, 2], [1, 2, 3]], [[], [1, 2, 3, 4], ["a"]]),
    ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
     [[], [1], [1, "a"]], [["a"], [1, "a", 2]]),
    ({"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "string"},
      "minItems": 2}, [[1, "a"], [1, "a", "b"]], [[], [1], ["a", "b"], [1, 2]]),
    (NODE, [{"v": 1}, {"v": 1, "next": {"v": 2, "next": {"v": 3}}}],
     [{"v": 1, "next": {}}, {"next": {"v": 1}}]),
    ({"type": "object", "additionalProperties": {"type": "integer"},
      "properties": {"ab": {"type": "string"}}},
     [{}, {"ab": "x"}, {"abc": 1}, {"a": 1, "x": 2}, {"ab": "x", "q": 1}, {"": 1}],
     [{"ab": 1}, {"q": "x"}, "RAW{\"ab\": \"x\", \"ab\": 1}"]),
    ({"type": "object", "patternProperties": {"^s_": {"type": "string"}},
      "additionalProperties": False}, [{}, {"s_a": "x"}], [{"s_a": 1}, {"t": "x"}]),
    ({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 3}]}, ["x", 3], [2, None]),
    ({"type": "object", "properties": {"a": {}, "b": {}},
      "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, [{"a": 1}, {"b": 1}], [{}]),
    ({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"properties": {"a": {"maximum": 5}, "b": {"type": "string"}}}]},
     [{"a": 5}, {"a": 1, "b": "x"}], [{"a": 6}, {"b": "x"}]),
    ({"type": "object", "properties": {"q": False, "r": {"type": "string"}}},
     [{}, {"r": "x"}], [{"q": 1}]),
    ({"type": "object", "maxProperties": 0}, [{}], [{"a": 1}]),
    ({"type": "object", "minProperties": 1}, [{"a": 1}], [{}]),
    ({"properties": {"a\"b\\": {"type": "integer"}}}, [{"a\"b\\": 1}, [], "x"], [{"a\"b\\": "x"}]),
    (True, [1, "x", [{"a": [None]}], {}], ["RAW{", "RAWx"]),
]


@pytest.mark.parametrize("schema, good, bad", CASES, ids=[spell(case[0])[:60] for case in CASES])
def test_values_of_a_schema(schema, good, bad, of_schema):
    grammar = of_schema(schema)

    def text(value):
        raw = isinstance(value, str) and value.startswith("RAW")
        return value[3:] if raw else spell(value)

    assert [v for v in good if not grammar.accepts(text(v))] == []
    assert [v for v in bad if grammar.accepts(text(v))] == []


def test_integers_between_bounds_one_by_one(make, read):
    """Every integer around random bounds, against comparison."""
    rng = random.Random(7)
    bounds = [sorted(rng.randint(-10**k, 10**k) for _ in range(2)) for k in (1, 1, 2, 2, 3, 3, 4)]
    answers = make([{"schema": {"type": "integer", "minimum": low, "maximum": high}}
                    for low, high in bounds])
    for (low, high), answer in zip(bounds, answers):
        grammar = read(answer)
        near = [v + d for v in (low, high, 0, *(s * 10**k for k in range(6) for s in (-1, 1)))
                for d in range(-12, 13)]
        for value in {*near, *(rng.randint(-10**5, 10**5) for _ in range(200))}:
            assert grammar.accepts(str(value)) == (low <= value <= high), (low, high, value)


def orders(value, limit=200):
    """The value with its members in every order."""
    if isinstance(value, list):
        parts = [list(orders(one, 6)) for one in value] if len(value) < 6 else [[v] for v in value]
        return [list(one) for one in itertools.islice(itertools.product(*parts), limit)]
    if not isinstance(value, dict):
        return [value]
    found = []
    for keys in itertools.permutations(value) if len(value) <= 4 else [tuple(value)]:
        parts = [list(orders(value[key], 6)) for key in keys]
        found += [dict(zip(keys, one)) for one in itertools.islice(itertools.product(*parts), 20)]
    return found[:limit]


# Values of the official suite that fit their schema and are refused, each for a convention of the grammar
# (or, the last, because its metaschema is not fetched).
CONVENTIONS = {
    "additional properties are allowed", "doesn't invalidate other properties", "property absent",
    "both anyOf valid (complex)", "when two match and has no unevaluated properties",
    "a float with zero fractional part is an integer",
    "invalid date string is only an annotation by default",
    "invalid time string is only an annotation by default",
    "invalid uuid string is only an annotation by default",
    "no validation: invalid number, but it still validates",
}


def test_official_suite(make, vocabulary, shared):
    """What fits passes, except for the conventions; what does not fit is refused, unless it was said that
    a keyword is not kept."""
    groups = []
    for folder, uri in (("draft2020-12", None), ("draft7", "http://json-schema.org/draft-07/schema#")):
        for path in sorted((shared / "fixtures/json-schema" / folder).glob("*.json")):
            for group in json.loads(path.read_text()):
                if uri and isinstance(group["schema"], dict):
                    group["schema"] = {"$schema": uri, **group["schema"]}
                groups.append(group)
    counts = {"passed": 0, "refused": 0, "let through": 0}
    refused = set()
    for group, answer in zip(groups, make([{"schema": group["schema"]} for group in groups])):
        grammar = None if "error" in answer else vocabulary.grammar(answer["grammar"])
        assert grammar is not None or "no value fits" in answer["error"], group["description"]
        for test in group["tests"]:
            passes = grammar is not None and any(grammar.accepts(spell(v)) for v in orders(test["data"]))
            if test["valid"] and not passes:
                refused.add(test["description"])
            elif passes and not test["valid"]:
                counts["let through"] += 1
                assert answer["not_kept"], (group["description"], test["description"])
            else:
                counts["passed" if passes else "refused"] += 1
    assert refused <= CONVENTIONS, refused - CONVENTIONS
    print(f"\nofficial suite: {counts}")
    assert counts["passed"] > 1000 and counts["refused"] > 500, counts


# --- hostile schemas ---

def nested(depth):
    schema = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


HOSTILE = {
    "many properties": {"properties": {f"p{i}": {"type": "string"} for i in range(3000)}},
    "a choice of choices": {"allOf": [{"anyOf": [{"minimum": i}, {"maximum": -i}]}
                                      for i in range(30)]},
    "many branches below many": {"properties": {f"p{i}": {"$ref": "#/$defs/big", "title": str(i)}
                                                for i in range(300)},
                                 "$defs": {"big": {"anyOf": [{"const": [i]} for i in range(300)]}}},
    "large bounds": {"type": "string", "minLength": 10**12, "maxLength": 10**18},
    "many items": {"type": "array", "minItems": 10**9},
    "a long key": {"properties": {"k" * 10**5: {}}, "additionalProperties": True},
    "itself": {"$ref": "#"},
    "each other": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"},
                                                  "b": {"allOf": [{"$ref": "#/$defs/a"}]}}},
    "a choice of itself": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    "only larger ones": {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
    "a pattern in patterns": {"pattern": "(" * 100 + "a" + ")" * 100},
    "repetition in repetition": {"pattern": "((a{200}){200}){200}"},
    "deep": nested(100),
    "long list": {"enum": [f"v{i}" for i in range(20000)]},
    "nonsense": {"type": 7, "properties": [1], "required": {"a": 1}, "enum": 3, "anyOf": {},
                 "minLength": "x", "pattern": 5, "items": 4, "$ref": 8},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schemas_end(name, make, vocabulary):
    """A grammar that llama.cpp can read, or an error."""
    answer = make([{"schema": HOSTILE[name]}], timeout=20)[0]
    assert "error" in answer or vocabulary.grammar(answer["grammar"]) is not None, answer
    if "error" in answer:
        print("\n", answer["error"])


# --- calls of real data ---

def closed(schema):
    """The convention that objects which declare properties take no others, as a schema."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: {k: closed(v) for k, v in value.items()} if key in ("properties", "$defs") and
           isinstance(value, dict) else closed(value) if key not in ("enum", "const", "default")
           else value for key, value in schema.items()}
    if isinstance(out.get("properties"), dict) and out["properties"]:
        out.setdefault("additionalProperties", False)
    return out


def in_order(value, schema):
    """Members in the order of the schema."""
    if isinstance(value, list) and isinstance(schema, dict):
        return [in_order(one, schema.get("items")) for one in value]
    if not isinstance(value, dict) or not isinstance(schema, dict):
        return value
    declared = schema.get("properties") or {}
    keys = [key for key in declared if key in value] + [key for key in value if key not in declared]
    return {key: in_order(value[key], declared.get(key)) for key in keys}


def fits(value, schema):
    try:
        validator = jsonschema.Draft202012Validator(
            closed(schema), format_checker=jsonschema.FormatChecker(["date", "uuid"]))
        return isinstance(value, dict) and validator.is_valid(value)
    except (jsonschema.exceptions.SchemaError, jsonschema.exceptions.UnknownType):
        return None


def mutations(name, arguments, schema, rng):
    """(what, name, arguments) that do not fit, as far as jsonschema can tell."""
    yield "unknown tool", name + "x", arguments
    yield "unknown tool", name[:-1], arguments
    yield "unknown key", name, {**arguments, "no_such_key": 1}
    for key in schema.get("required") or []:
        yield "missing", name, {k: v for k, v in arguments.items() if k != key}
    for key in arguments:
        for other in ("text", 7, 1.5, None, True, [], {}, [1], {"a": 1}):
            if rng.random() < 0.5:
                yield "wrong value", name, {**arguments, key: other}


def real_calls(conversation):
    for message in conversation["messages"]:
        calls = [call["function"] for call in message.get("tool_calls") or []]
        if calls:
            yield message.get("content") or "", [(c["name"], c["arguments"]) for c in calls]


@pytest.mark.parametrize("file", ["tooluse-eval.jsonl", "tau-airline.jsonl"])
def test_calls_of_real_data(file, make, read, dump_all, shared):
    """All calls that fit their tools pass, as the built-in template writes them; mutated ones do not."""
    rng = random.Random(5)
    conversations = [c for c in dump_all(shared / "data" / file)[0] if c.get("tools")]
    counts = dict.fromkeys(["replies", "in another order", "do not fit", "unknown tool",
                            "unknown key", "missing", "wrong value"], 0)
    distinct = {json.dumps(c["tools"]): c["tools"] for c in conversations}
    answers = make([{"tools": tools} for tools in distinct.values()])
    grammars = {key: (read(answer), answer) for key, answer in zip(distinct, answers)}

    def reply(words, calls):
        texts = [HERMES.format(spell(name), spell(arguments)) for name, arguments in calls]
        return (words + "\n" if words else "") + "\n".join(texts)

    for conversation in conversations:
        grammar, answer = grammars[json.dumps(conversation["tools"])]
        assert grammar.accepts("Which city do you mean?")
        schemas = {t["function"]["name"]: t["function"].get("parameters") or {"properties": {}}
                   for t in conversation["tools"]}
        for words, calls in real_calls(conversation):
            if not all(name in schemas and fits(arguments, schemas[name])
                       for name, arguments in calls):
                counts["do not fit"] += 1
                continue
            ordered = [(name, in_order(arguments, schemas[name])) for name, arguments in calls]
            text = reply(words, ordered)
            at = grammar.read(text)
            assert at > len(text), (text[:at], text[at:][:60], answer["not_kept"])
            counts["replies"] += 1
            counts["in another order"] += not grammar.accepts(reply(words, calls))
            name, arguments = ordered[0]
            for what, other, changed in mutations(name, arguments, schemas[name], rng):
                changed = in_order(changed, schemas[name])
                if other in schemas and fits(changed, schemas[other]) is not False:
                    continue
                accepted = grammar.accepts(reply("", [(other, changed)]))
                assert not accepted or answer["not_kept"], (what, other, changed, schemas[name])
                counts[what] += not accepted
    print(f"\n{file}: {counts}")
    assert counts["replies"] > 50 and min(counts["unknown tool"], counts["wrong value"]) > 50


# --- every template ---

TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "w", "parameters": {
        "type": "object", "properties": {
            "city": {"type": "string"}, "days": {"type": "integer"}, "metric": {"type": "boolean"},
            "mode": {"enum": ["short", "long"]}, "tags": {"type": "array", "items": {"type": "string"}},
            "where": {"type": "object", "properties": {"lat": {"type": "number"}}}},
        "required": ["city"]}}},
    {"type": "function", "function": {"name": "now", "description": "n",
                                      "parameters": {"type": "object", "properties": {}}}},
]
GOOD = [
    [("get_weather", {"city": "Oslo"})],
    [("get_weather", {"city": "It's \"x\"\nab", "days": 3, "metric": True, "mode": "long"})],
    [("get_weather", {"city": "ä😀", "tags": ["a", "b c"], "where": {"lat": -1.5}})],
    [("now", {})],
    [("get_weather", {"city": "Oslo"}), ("now", {}), ("get_weather", {"city": "Rom", "days": 1})],
]
BAD = [
    [("get_rain", {"city": "Oslo"})],
    [("get_weather", {"days": 3})],
    [("get_weather", {})],
    [("get_weather", {"city": "Oslo", "days": "soon"})],
    [("get_weather", {"city": "Oslo", "mode": "other"})],
    [("get_weather", {"city": "Oslo", "rain": 1})],
    [("get_weather", {"city": "Oslo", "tags": [1]})],
    [("now", {"city": "Oslo"})],
    [("get_weather", {"city": "Oslo"}), ("get_rain", {})],
]
STOPS = ["</s>", "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>", "<|call|>",
         "<|return|>", "<|END_OF_TURN_TOKEN|>", "<|end_of_text|>", "<|user|>", "[e~[", "<|message_sep|>", "</assistant>", "<|role_end|>", "\n\n<sep>"]
# Templates whose way to write calls has no grammar, and why.
REFUSED = {
    "Cohere2MoE": "not what follows the prompt", "Kimi-K3": "marks of their own",
    "CohereForAI-c4ai-command-r-plus-tool_use": "does not show what was said",
    "MiniMax-M3": "a way of its own", "NVIDIA-Nemotron-Nano-v2": "not what follows the prompt",
    "deepseek-ai-DeepSeek-V4-Flash-0731": "marks of their own",
    "deepseek-ai-DeepSeek-V4": "marks of their own",
    "google-gemma-4-31B-it-interleaved": "marks of their own",
    "google-gemma-4-31B-it": "marks of their own", "muse-glimmer": "in it twice",
    "meetkai-functionary-medium-v3.2": "nothing tells a call from a text",
}


QUESTION = [{"role": "user", "content": "q"}]
VARIABLES = {"tools": TOOLS, "bos_token": "<s>", "eos_token": "</s>", "documents": None,
             "add_generation_prompt": False}


def rendered_reply(source, calls, words=""):
    """What jinja2 makes of a reply behind the prompt, up to the end of the turn; None if it refuses."""
    reply = {"role": "assistant", "content": words, "tool_calls": [
        {"id": f"functions.{name}:{i}" if "functions." in source else f"callid00{i}",
         "type": "function", "function": {"name": name, "arguments": arguments}}
        for i, (name, arguments) in enumerate(calls)]}
    if not calls:
        del reply["tool_calls"]
    before, _ = test_templates.reference(source, {
        **VARIABLES, "messages": QUESTION, "add_generation_prompt": True})
    for shape in (reply, {**reply, "tool_calls": [
            {**c, "function": {**c["function"], "arguments": spell(c["function"]["arguments"])}}
            for c in reply.get("tool_calls", [])]}):
        whole, _ = test_templates.reference(source, {
            **VARIABLES, "messages": [*QUESTION, shape], "add_generation_prompt": False})
        if whole is not None and before is not None and whole.startswith(before):
            text = whole[len(before):]
            ends = [text.find(stop) for stop in STOPS if stop in text]
            return text[:min(ends)] if ends else text.rstrip("\n")
    return None


def is_python(text):
    try:
        return bool(ast.parse(text[text.index("["):text.rindex("]") + 1]))
    except SyntaxError:
        return False


@pytest.fixture(scope="module")
def template_sources(shared):
    return {path.stem: path.read_text(encoding="utf-8")
            for path in sorted((shared / "fixtures/templates").glob("*.jinja"))}


def test_every_template(make, read, template_sources):
    """As jinja2 renders them, good calls pass and bad ones do not; the other templates say why not."""
    answers = make([{"tools": TOOLS, "template": source, "bos": "<s>", "eos": "</s>", "stops": STOPS}
                    for source in template_sources.values()])
    n_checked = n_rendered = 0
    for (name, source), answer in zip(template_sources.items(), answers):
        if name in REFUSED:
            assert REFUSED[name] in answer.get("error", ""), (name, answer)
            continue
        grammar = read(answer)
        checked = [0, 0]
        prompt, _ = test_templates.reference(source, {**VARIABLES, "messages": QUESTION})
        if "get_weather" not in (prompt or "") or \
                "get_weather" not in (rendered_reply(source, GOOD[0]) or ""):
            continue  # shows no tools: the built-in template is used instead
        n_rendered += 1
        for good, examples in ((True, GOOD), (False, BAD)):
            for calls in examples:
                text = rendered_reply(source, calls)
                if text is None or not all(call in text for call, _ in calls):
                    continue  # some write one call at most
                if answer["dialect"] == "python" and not is_python(text):
                    continue  # it does not escape quotes in texts
                assert grammar.accepts(text) == good, (name, good, text, grammar.read(text))
                checked[good] += 1
        words = rendered_reply(source, [], "It rains.")
        assert words is None or grammar.accepts(words), (name, words)
        both = rendered_reply(source, GOOD[0], "I will look.")
        if both and 0 <= both.find("I will look.") < both.find("get_weather"):
            assert grammar.accepts(both), (name, both)
        assert checked[0] > 4 and checked[1] > 3, (name, checked)
        n_checked += sum(checked)
    print(f"\n{len(template_sources)} templates: {n_rendered} checked with {n_checked} replies, "
          f"{len(REFUSED)} refused")
    assert n_rendered > 20


# --- the command ---

def test_the_command_writes_a_grammar(graft, base_model, vocabulary, tmp_path):
    """Alone, from a list of tools and from a data file; what is not kept is warned of."""
    odd = copy.deepcopy(TOOLS)
    odd[0]["function"]["parameters"]["properties"]["days"]["multipleOf"] = 7
    tools, data, out = tmp_path / "tools.json", tmp_path / "data.jsonl", tmp_path / "tools.gbnf"
    tools.write_text(json.dumps(odd))
    data.write_text(json.dumps({"tools": TOOLS, "messages": [
        {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}) + "\n")
    done = graft("export", "--base", base_model, "--grammar", tools, "--out", out, "--json")
    told = json.loads(done.stdout)
    assert told["tools"] == 2 and told["not_kept"] == ["get_weather: multipleOf: is not kept"], told
    assert "get_weather: multipleOf: is not kept" in done.stderr
    first = out.read_text()
    assert vocabulary.grammar(first).accepts(HERMES.format('"now"', "{}"))
    done = graft("export", "--base", base_model, "--grammar", data, "--out", out)
    assert "calls of 2 tools as hermes" in done.stdout and out.read_text() == first
    assert os.listdir(tmp_path) == ["tools.json"] or len(os.listdir(tmp_path)) == 3  # nothing else


@pytest.mark.parametrize("content, said", [
    ("[]", "declares no tools"), ("{\"tools\": 3}", "tools"), ("[{\"name\": 3}]", "name"),
    ("{", "tools.json"), ("[{\"name\": \"f\", \"parameters\": {\"type\": \"string\"}}]",
                          "tool \"f\": no arguments fit its schema"),
])
def test_tools_that_have_no_grammar_are_named(content, said, graft, base_model, tmp_path):
    tools, out = tmp_path / "tools.json", tmp_path / "out.gbnf"
    tools.write_text(content)
    done = graft("export", "--base", base_model, "--grammar", tools, "--out", out, status=None)
    assert done.returncode in (1, 5) and said in done.stderr and "tools.json" in done.stderr, done.stderr
    assert not out.exists()
