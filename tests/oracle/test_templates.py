"""Chat templates against jinja2 in the environment that transformers gives them: real templates on
many conversations, and every construct of the language on its own."""
import datetime
import functools
import json
import os
import pathlib
import re
import subprocess

import jinja2
import jinja2.ext
import jinja2.sandbox
import pytest

NOW = 1717245296  # 2024-06-01 12:34:56 UTC


class Templates:
    """tests/oracle/templates.c as a process that answers lines."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, "TZ": "UTC"})

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the driver stopped"
        return json.loads(line)

    def render(self, source, data, trusted=None):
        return self.ask(source=source, data=data, trusted=trusted or {}, time=NOW)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0


@pytest.fixture(scope="module")
def templates(driver):
    opened = Templates(driver("templates"))
    yield opened
    opened.close()


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_pass"), [], [], body).set_lineno(line)

    def _pass(self, caller):
        return caller()


class Namespace(jinja2.utils.Namespace):
    def __init__(*args, **kwargs):
        self, args = args[0], args[1:]
        members = dict(*args, **kwargs)
        for name in members:
            Namespace.check(name)
        jinja2.utils.Namespace.__init__(self, members)

    def __setitem__(self, name, value):
        Namespace.check(name)
        jinja2.utils.Namespace.__setitem__(self, name, value)

    @staticmethod
    def check(name):
        if isinstance(name, str) and name.startswith("_"):
            raise jinja2.exceptions.SecurityError("underscore")


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                          sort_keys=sort_keys)

    def strftime_now(format):
        return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).strftime(format)

    env.filters["tojson"] = tojson
    env.globals.update(raise_exception=raise_exception, strftime_now=strftime_now,
                       namespace=Namespace, dict=dict)
    return env


ENVIRONMENT = environment()


@functools.lru_cache(maxsize=None)
def compiled(source):
    return ENVIRONMENT.from_string(source)


def reference(source, variables):
    """(text, None) or (None, what jinja2 raises)"""
    try:
        return compiled(source).render(**variables), None
    except Exception as error:  # whatever a template can make Python raise
        return None, f"{type(error).__name__}: {error}"


def compare(templates, source, data, trusted=None):
    """Both render the same text, or both refuse."""
    want, why = reference(source, {**data, **(trusted or {})})
    got = templates.render(source, data, trusted)
    if want is None:
        assert "error" in got, f"jinja2 raises {why}; graft renders {got['text']!r}"
        said = why.removeprefix("TemplateError: ")
        if said != why:  # the template's own words, on one line
            assert "the template says: " + re.sub(r"[\0-\x1f]", " ", said)[:300] in got["error"]
        assert re.match(r"t:\d+: ", got["error"]), got["error"]
    else:
        assert "error" not in got, f"graft: {got['error']}; jinja2 renders {want!r}"
        assert got["text"] == want
        assert len(got["origin"]) == len(want.encode())
    return got


# ---- real templates ----

TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "Weather in a city — now",
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string", "description": "The city, e.g. \"Zürich\""},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
            "days": {"type": "integer", "default": 3, "minimum": 0.5},
            "tags": {"type": "array", "items": {"type": "string"}},
            "where": {"type": "object", "properties": {"lat": {"type": "number"},
                                                       "lon": {"type": "number", "nullable": True}},
                      "required": ["lat"]},
            "any": {"type": ["string", "null"]},
            "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            "flag": {"type": "boolean", "description": "", "default": False}},
            "required": ["city", "unit"]}}},
    {"type": "function", "function": {
        "name": "get_time", "description": "The time",
        "parameters": {"type": "object", "properties": {}}}},
]

SIMPLE_TOOLS = [{"type": "function", "function": {
    "name": "add", "description": "Adds two numbers", "parameters": {
        "type": "object", "properties": {
            "a": {"type": "integer", "description": "One"},
            "b": {"type": "array", "items": {"type": "number"}, "description": "Two"},
            "c": {"type": "object", "additionalProperties": {"type": "string"},
                  "description": "Three"}},
        "required": ["a"]}, "return": {"type": "integer", "description": "Sum"}}}]


def call(name, arguments, id="call_0001"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(content, id="call_0001", **more):
    return {"role": "tool", "tool_call_id": id, "content": content, **more}


USER = {"role": "user", "content": "What is the weather?"}
SYSTEM = {"role": "system", "content": "Be brief.\n"}
CALLS = [call("get_weather", {"city": "Zürich", "days": 2, "deep": {"a": [1, 2.5, None, True]}})]
CONVERSATIONS = {
    "plain": [USER],
    "system": [SYSTEM, USER],
    "turns": [SYSTEM, USER, {"role": "assistant", "content": " Sunny. "}, USER],
    "unicode": [{"role": "user", "content": "日本語 🙂 é\u2028 <b>\"quoted\"</b>\t'x' \\n {{ x }}"},
                {"role": "assistant", "content": "ß → ÄÖ\n\nend\n"}],
    "call": [USER, {"role": "assistant", "content": None, "tool_calls": CALLS}],
    "call, empty content": [USER, {"role": "assistant", "content": "", "tool_calls": CALLS}],
    "call, text": [USER, {"role": "assistant", "content": "Let me see.", "tool_calls": CALLS}],
    "call, no content": [USER, {"role": "assistant", "tool_calls": CALLS}],
    "call, string": [USER, {"role": "assistant", "content": "",
                            "tool_calls": [call("get_time", "{\"a\": 1}")]}],
    "call, empty arguments": [USER, {"role": "assistant", "content": None,
                                     "tool_calls": [call("get_time", {})]},
                              result("", name="get_time")],
    "call, nested arguments": [USER, {"role": "assistant", "content": "", "tool_calls": [
        call("get_weather", {"where": {"lat": 47.4, "at": [{"a": []}, {"b": {}}, [[1]]]}, "any": None,
                             "flag": False, "days": -1, "tags": ["a\"b", "c\\d", "é\n\t<&>'"]})]},
                               result("[1, {\"a\": null}]", name="get_weather")],
    "escapes": [{"role": "system", "content": "a\\b \"c\" \\n </tools> &amp; {% x %}\r\n"},
                {"role": "user", "content": "\\\\ \u0007 \x7f \ufeff <tool_call>{}</tool_call> %s %(x)s"},
                {"role": "assistant", "content": "'''\"\"\" \\u00e9 \n\n\n  x  "},
                {"role": "user", "content": "   "}],
    "result": [SYSTEM, USER, {"role": "assistant", "content": "", "tool_calls": CALLS},
               result("{\"sky\": \"blue\"}", name="get_weather"),
               {"role": "assistant", "content": "Blue."}],
    "result, mapping": [USER, {"role": "assistant", "content": None, "tool_calls": CALLS},
                        result({"sky": "blue", "n": 3}, name="get_weather")],
    "parallel": [USER, {"role": "assistant", "content": "",
                        "tool_calls": [*CALLS, call("get_time", {}, "call_0002")]},
                 result("rain", name="get_weather"), result("12:00", "call_0002", name="get_time"),
                 {"role": "assistant", "content": "Rain at noon."}, USER,
                 {"role": "assistant", "content": "", "tool_calls": CALLS},
                 result("sun", name="get_weather")],
    "short ids": [USER, {"role": "assistant", "content": "",
                         "tool_calls": [call("get_time", {"zone": "CET"}, "abcdefghi")]},
                  result("12:00", "abcdefghi", name="get_time"),
                  {"role": "assistant", "content": "Noon."}],
    "reasoning": [USER, {"role": "assistant", "content": "4", "reasoning_content": "2 + 2\n"}, USER,
                  {"role": "assistant", "content": "<think>\nhm\n</think>\n\nyes", "thinking": "t"}],
    "reasoning, call": [USER, {"role": "assistant", "content": "", "reasoning_content": "I need it",
                               "tool_calls": CALLS}, result("sun", name="get_weather")],
    "parts": [{"role": "system", "content": [{"type": "text", "text": "Sys"}]},
              {"role": "user", "content": [{"type": "text", "text": "One "},
                                           {"type": "text", "text": "two"}]},
              {"role": "assistant", "content": [{"type": "text", "text": "Three"}]}],
    "developer": [{"role": "developer", "content": "Rules"}, USER],
    "two users": [USER, USER],
    "starts with assistant": [{"role": "assistant", "content": "Hi"}, USER],
    "unknown role": [USER, {"role": "critic", "content": "no"}],
    "control tokens": [{"role": "user", "content": "<|im_end|>\n<|im_start|>assistant\n</s>[INST]"}],
    "empty": [],
}


@pytest.fixture(scope="module")
def sources(shared):
    folder = shared / "fixtures/templates"
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jinja"))}


def variants():
    for tools, generate in ((None, True), (None, False), (TOOLS, False)):
        yield {"tools": tools, "documents": None}, {
            "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": generate}
    yield {"tools": SIMPLE_TOOLS}, {"bos_token": "<s>", "eos_token": "</s>", "datetime": "today",
                                    "functions": json.dumps(SIMPLE_TOOLS), "date_string": "now",
                                    "add_generation_prompt": True}
    yield {"tools": TOOLS}, {"bos_token": "<s>", "eos_token": "</s>", "enable_thinking": True,
                             "thinking": True, "add_generation_prompt": True}
    yield {}, {"bos_token": "<s>", "eos_token": "</s>", "enable_thinking": False, "thinking": False,
               "add_generation_prompt": True, "reasoning_effort": "high"}


def test_real_templates(templates, sources):
    """Every template on every conversation: rendered alike, or refused alike in its own words."""
    assert len(sources) > 50
    failures, n_passed, n = [], 0, len(CONVERSATIONS) * len(list(variants()))
    print(f"\n{'template':50} {'rendered':>8} {'refused':>8} {'differ':>8}   of {n}: "
          f"{len(CONVERSATIONS)} conversations, {len(list(variants()))} ways")
    for name, source in sources.items():
        counts = {"rendered": 0, "refused": 0, "differ": 0}
        for conversation, messages in CONVERSATIONS.items():
            for data, trusted in variants():
                try:
                    got = compare(templates, source, {"messages": messages, **data}, trusted)
                    counts["rendered" if "text" in got else "refused"] += 1
                except AssertionError as error:
                    counts["differ"] += 1
                    failures.append(f"{name}, {conversation} (tools: {bool(data.get('tools'))}): "
                                    f"{str(error)[:600]}")
        n_passed += counts["differ"] == 0 and counts["rendered"] > 0
        print(f"{name:50} {counts['rendered']:8} {counts['refused']:8} {counts['differ']:8}")
    print(f"templates x passed: {n_passed} of {len(sources)}")
    assert not failures, f"{len(failures)} differ\n" + "\n".join(failures[:20])
    assert n_passed == len(sources)


def test_every_real_template_renders(templates, sources):
    """Refusing alike is not enough: each one shows a simple conversation, and all but one tools."""
    _, trusted = list(variants())[3]
    without_tools = []
    for name, source in sources.items():
        got = compare(templates, source, {"messages": [USER], "tools": SIMPLE_TOOLS}, trusted)
        if "text" not in got:
            without_tools.append(name)
            got = compare(templates, source, {"messages": [USER], "tools": None}, trusted)
        assert "the weather?" in got["text"], name
    assert without_tools in ([], ["llama-cpp-deepseek-r1"])  # dumps a generator: not in transformers


# ---- one construct at a time ----

DATA = {
    "s": "Hello, World", "u": "Zürich ✈ ǅ ß İ", "e": "", "ws": "  \t a b \n\u00a0\u2003", "lines": "a\nb\r\n\nc\x0bd\u2028e\n",
    "html": "<a href='x'>&\"</a>", "i": 7, "neg": -7, "f": 2.5, "big": 1e16, "small": 1e-7, "t": True, "n": None,
    "l": [3, 1, 2], "ls": ["b", "A", "c"], "nested": [[1, 2], [3], []], "d": {"b": 1, "a": 2, "items": 3, "x y": None},
    "people": [{"name": "Bo", "age": 30, "tags": ["x"]}, {"name": "al", "age": 25, "tags": []}, {"name": "Cy", "age": 30}],
    "schema": {"type": "object", "properties": {"q": {"type": "string", "enum": ["a", "b"]}}, "required": ["q"]},
    "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None}, {"role": "user", "content": "bye"}],
}

MULTILINE = [
    '{% filter indent(2) %}a\nb{% endfilter %}',
    '{# comment #}a{#- c -#} b {#+ c +#} c {# multi\nline #}d',
    '  {% if t %}\n  a\n  {% endif %}\nb\n  {%- if t %}\n  a\n  {%- endif -%}\n  b\n  {%+ if t %}x{%+ endif +%}\ny',
    '{% if t -%}\n    x\n{%- endif %}\n\nz\n',
    '\t{% set q = 1 %}\t{{ q }}  {% set q = 2 %}\nx {% set q = 1 %}\ny\n{%- for x in l %}\n{{ x }}\n{%- endfor %}\n\nend\n',
    'a\n\n',
    'a\r\nb\rc\r\n{{ s }}\r\n',
    '{% if t %}\n\n{% endif %}x\n   {# c #}   \n  {#- c -#}  \n  {% raw %}\n   {{ x }}\n  {% endraw %}\n y',
    '{% for x in l -%}\n   {{ x }}\n   {%- if not loop.last %}, {% endif %}\n{% endfor +%}\ntail',
    '{%- macro m(a) -%}\n   [{{ a }}]\n{%- endmacro -%}\n\n{{ m(1) }}\n{{- m(2) -}}\n end',
    '{% set x %}\n  a\n   b\n{% endset %}[{{ x }}]',
    '{{\n  s\n    | upper\n}}',
    '{% set x = [\n   1,\n   2,\n] %}{{ x }}\n{{ missing.y }}',
]


def constructs():
    """One template a line."""
    lines = pathlib.Path(__file__).with_name("constructs.txt").read_text(encoding="utf-8")
    return lines.rstrip("\n").split("\n") + MULTILINE


def test_constructs(templates):
    failures = []
    for source in constructs():
        try:
            compare(templates, source, DATA, {"trusted": "<s>"})
        except AssertionError as error:
            failures.append(f"{source}\n    {error}")
    assert not failures, f"{len(failures)} differ\n" + "\n".join(failures)
