"""Tool calls as real templates write them (rendered by jinja2) are read back by the dialect that is chosen
for the template, and replies in the other dialects as their documentation shows them."""
import itertools
import json
import random
import re

import pytest

from test_templates import SIMPLE_TOOLS, TOOLS, USER, Templates, call, reference

# Templates that render no call, and why.
WITHOUT_CALLS = {
    "microsoft-Phi-3.5-mini-instruct": "knows neither tools nor calls",
    "LFM2.5-Instruct": "shows tools but passes over the calls of messages",
    "ibm-granite-granite-3.3-2B-Instruct": "shows tools but passes over the calls of messages",
    "Kimi-K2-Instruct": "jinja2 refuses it in transformers' sandbox; its calls are those of moonshotai-Kimi-K2",
    "Kimi-K2-Thinking": "jinja2 refuses it in transformers' sandbox; its calls are those of moonshotai-Kimi-K2",
    "llama-cpp-deepseek-r1": "jinja2 refuses it in transformers' sandbox; its calls are those of DeepSeek-R1-Distill",
}
ENDS = r"(\s|</s>|<\|(im_end|eot_id|eom_id|end|eom|end_of_text|endoftext)\|>|<end_of_turn>|<turn\|>|\[e~\[|" \
       r"<｜end▁of▁sentence｜>|<SPECIAL_\d+>)*$"


@pytest.fixture(scope="module")
def templates(driver):
    opened = Templates(driver("templates"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def sources(shared):
    folder = shared / "fixtures/templates"
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jinja"))}


def words(rng, plain):
    """`plain`: for a template that quotes texts without escaping what is in them."""
    pieces = ["a", "b c", "Zürich", "<b>", "[1]", "(ok)", ", "] if plain else ["Zürich", "a", "b c", "日本", "🙂", "\"quoted\"", "it's", "{x}", "[1]", "a=b", "back\\slash", "tab\tx",
              "line\nend", "<b>", "1.5", "(ok)", ", ", ";", "'", "```", "```json\n{}\n```"]
    return "w" + "".join(rng.choice(pieces) for _ in range(rng.randrange(4)))


def arguments(rng, plain):
    """Of get_weather, whose schema types them all."""
    made = {"city": words(rng, plain), "unit": rng.choice(["celsius", "fahrenheit"])}
    for name, value in {
        "days": rng.randrange(-5, 5), "tags": [words(rng, plain) for _ in range(rng.randrange(3))],
        "where": {"lat": rng.choice([1.5, -7, 0.25])}, "either": rng.randrange(99), "flag": rng.random() < 0.5,
    }.items():
        if rng.random() < 0.5:
            made[name] = value
    return made


def assistant_text(source, calls, spell):
    """What the template adds for an assistant's message with these calls; None if it refuses."""
    spelled = [call(c["name"], json.dumps(c["arguments"], ensure_ascii=False) if spell else c["arguments"],
                    f"call0000{i}") for i, c in enumerate(calls)]
    common = {"functions": json.dumps(TOOLS), "documents": None, "bos_token": "<s>",
              "eos_token": "</s>", "datetime": "now", "date_string": "now"}
    for content, common["tools"] in itertools.product(("", None), (TOOLS, SIMPLE_TOOLS)):
        message = {"role": "assistant", "content": content, "tool_calls": spelled}
        before, _ = reference(source, {**common, "messages": [USER], "add_generation_prompt": True})
        after, _ = reference(source, {**common, "messages": [USER, message],
                                      "add_generation_prompt": False})
        if before is None or after is None:
            continue
        while not after.startswith(before):  # the prompt may think first, or say what was already said
            before = before[:-1]
        if "<" in before and ">" not in before[before.rindex("<"):]:
            before = before[:before.rindex("<")]
        reply = after[len(before):]
        if all(reply.count(c["name"]) >= [d["name"] for d in calls].count(c["name"]) for c in calls):
            return re.sub(ENDS, "", reply)
    return None


def test_templates_are_read_back(templates, sources):
    rng = random.Random(3)
    n_read, wrong, silent, read_back = 0, [], set(), set()
    for name, source in sources.items():
        dialect = templates.ask(source=source, bos="<s>", eos="</s>", with_tools=False)["dialect"]
        for i in range(40):
            calls = [{"name": "get_weather", "arguments": arguments(rng, name.startswith("LFM2"))}
                     for _ in range(1 + i % 2)]
            if i % 5 == 4:
                calls.append({"name": "get_time", "arguments": {}})
            reply = assistant_text(source, calls, False) or assistant_text(source, calls, True)
            if reply is None and len(calls) > 1:
                continue  # one call a message, or none with several
            if reply is None:
                silent.add(name)
                break
            got = templates.ask(dialect=dialect, reply=reply, tools=TOOLS)
            if got.get("calls") != calls or got["broken"]:
                wrong.append(f"{name} ({dialect}): {reply!r}\n  -> {got}\n  not {calls}")
                break
            n_read += 1
            read_back.add(name)
    print(f"{n_read} replies of {len(read_back)} templates read back")
    assert not wrong, f"{len(wrong)} templates differ\n" + "\n".join(wrong)
    assert silent == set(WITHOUT_CALLS) and n_read > 1700 and len(read_back) + len(silent) == len(sources)


# What llama.cpp has a parser for that takes a reply put in front of the model's own. It does not for Functionary 3.2, GigaChat 3.1
# and Solar Open, whose parsers it chooses from what the prompt ends with.
PARSED_BY_LLAMA_CPP = [
    "Qwen3-Coder", "meta-llama-Llama-3.1-8B-Instruct", "deepseek-ai-DeepSeek-V3.1", "GLM-4.7-Flash", "MiniMax-M2",
    "unsloth-mistral-Devstral-Small-2507", "mistralai-Ministral-3-14B-Reasoning-2512", "LFM2.5-8B-A1B",
    "NVIDIA-Nemotron-Nano-v2", "google-gemma-4-31B-it", "ibm-granite-granite-4.1", "unsloth-Apriel-1.5",
    "meetkai-functionary-medium-v3.1", "Apertus-8B-Instruct", "GigaChat3-10B-A1.8B", "Kimi-K3", "MiniMax-M3",
]
WEATHER = [{"type": "function", "function": {"name": "get_weather", "description": "w", "parameters": {
    "type": "object", "required": ["city"], "properties": {
        "city": {"type": "string"}, "unit": {"type": "string"}, "days": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}}, "either": {"type": "integer"}, "flag": {"type": "boolean"},
        "where": {"type": "object", "properties": {"lat": {"type": "number"}}}}}}}]


def test_calls_as_llama_cpp_reads_them(templates, sources, runtime, tiny_model):
    """The reply stands in front of the model's own, which a bias makes the end of the turn."""
    rng, n_same = random.Random(6), 0
    path, _ = tiny_model()
    for name in PARSED_BY_LLAMA_CPP:
        source = sources[name]
        dialect = templates.ask(source=source, bos="<s>", eos="</s>", with_tools=False)["dialect"]
        server = runtime.server.start(str(path), n_ctx=4096, template=source)
        for _ in range(6):
            calls = [{"name": "get_weather", "arguments": arguments(rng, name.startswith("LFM2"))}]
            if name == "Qwen3-Coder":  # it writes False, which llama.cpp does not take for a boolean
                calls[0]["arguments"].pop("flag", None)
            reply = assistant_text(source, calls, False) or assistant_text(source, calls, True)
            body = {"messages": [USER, {"role": "assistant", "content": reply}], "tools": WEATHER, "max_tokens": 2,
                    "temperature": 0, "logit_bias": [[2, 1000]]}
            answer = runtime.server.call(server, "/v1/chat/completions", body)
            assert "choices" in answer, (name, reply, answer)
            want = [{"name": c["function"]["name"], "arguments": json.loads(c["function"]["arguments"])}
                    for c in answer["choices"][0]["message"].get("tool_calls", [])]
            assert templates.ask(dialect=dialect, reply=reply, tools=WEATHER)["calls"] == want, (name, reply)
            n_same += 1
        del server
    print(f"{n_same} replies read as llama.cpp reads them")


def reply_of(calls):
    return [{"name": name, "arguments": given} for name, given in calls]


SHOWN = [  # (dialect, reply, calls, words beside them), from the models' documentation
    ("json", '<|python_tag|>{"name": "f", "parameters": {"a": 1}}; {"name": "g", "parameters": {}}',
     [("f", {"a": 1}), ("g", {})], ""),
    ("json", '<|python_tag|>brave_search.call(query="a (b) \\"c\\"")', [("brave_search", {"query": 'a (b) "c"'})], ""),
    ("json", '<|python_tag|>f.call(a=1); g.call(b="x")', [("f", {"a": 1}), ("g", {"b": "x"})], ""),
    ("mistral", '[TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}, "id": "abcdefghi"}]', [("f", {"a": 1})], ""),
    ("mistral", 'So.[TOOL_CALLS]f[ARGS]{"a": "[x"}[TOOL_CALLS]g[CALL_ID]123456789[ARGS]{}',
     [("f", {"a": "[x"}), ("g", {})], "So."),
    ("phi", '<|tool_call|>[{"name": "f", "arguments": {"a": 1}}]<|/tool_call|>', [("f", {"a": 1})], ""),
    ("phi", 'functools[{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}]',
     [("f", {"a": 1}), ("g", {})], ""),
    ("gemma", '```tool_code\nget_weather(city="Berlin", days=2)\n```', [("get_weather", {"city": "Berlin", "days": 2})], ""),
    ("gemma", 'Yes.\n```tool_code\nprint(f(a=[1, 2]))\ng(b={"k": None})\n```', [("f", {"a": [1, 2]}), ("g", {"b": {"k": None}})],
     "Yes."),
    ("gemma", '[f(a=1), g(b="x")]', [("f", {"a": 1}), ("g", {"b": "x"})], ""),
    ("gemma", '```json\n{"name": "f", "parameters": {"a": 1}}\n```', [("f", {"a": 1})], ""),
    ("gemma", '{"name": "f", "parameters": {"a": 1}}', [("f", {"a": 1})], ""),
    ("gemma4", '<start_function_call>call:f{a:<escape>x, "y"<escape>,b:2}<end_function_call>', [("f", {"a": 'x, "y"', "b": 2})], ""),
    ("xml", 'I see.\n<tool_call>\n<function=get_weather>\n<parameter=city>\n12\n</parameter>\n<parameter=days>\n12\n</parameter>\n'
     '<parameter=flag>\ntrue\n</parameter>\n<parameter=tags>\n["a", "b"]\n</parameter>\n</function>\n</tool_call>',
     [("get_weather", {"city": "12", "days": 12, "flag": True, "tags": ["a", "b"]})], "I see."),
    ("xml", '<function=f>{"a": 1}</function>', [("f", {"a": 1})], ""),
    ("deepseek", '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{"a": 1}<｜tool▁call▁end｜>'
     '<｜tool▁call▁begin｜>g<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>', [("f", {"a": 1}), ("g", {})], ""),
    ("deepseek", 'Hm.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{"a": 1}\n```<｜tool▁call▁end｜>'
     '<｜tool▁calls▁end｜>', [("f", {"a": 1})], "Hm."),
    ("harmony", '<|channel|>analysis<|message|>Need weather.<|end|><|start|>assistant<|channel|>commentary to=functions.f '
     '<|constrain|>json<|message|>{"a": "x"}<|call|>', [("f", {"a": "x"})], ""),
    ("harmony", ' to=functions.f<|channel|>commentary json<|message|>{"a": 1}<|call|>', [("f", {"a": 1})], ""),
    ("harmony", '<|channel|>analysis<|message|>Simple.<|end|><|start|>assistant<|channel|>final<|message|>2 + 2 = 4.<|return|>',
     [], "2 + 2 = 4."),
    ("python", "[get_weather(city='Zürich', days=-1), a.b(x=True, y=None)]",
     [("get_weather", {"city": "Zürich", "days": -1}), ("a.b", {"x": True, "y": None})], ""),
    ("python", 'Ok.<|tool_call_start|>[f(a="x")]<|tool_call_end|>', [("f", {"a": "x"})], "Ok."),
    ("react", 'Thought: I need the weather.\nAction: get_weather\nAction Input: {"city": "Berlin"}\nObservation: 20 degrees',
     [("get_weather", {"city": "Berlin"})], "Thought: I need the weather."),
    ("react", "Thought: I know it.\nFinal Answer: 4", [], "4"),
    ("kimi", '<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{"a": 1}<|tool_call_end|>'
     '<|tool_calls_section_end|>', [("f", {"a": 1})], ""),
    ("glm", '<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>5</arg_value>\n<arg_key>days</arg_key>\n'
     '<arg_value>5</arg_value>\n</tool_call>', [("get_weather", {"city": "5", "days": 5})], ""),
    ("tool_calls", '<tool_calls>[{"name": "f", "arguments": {"a": 1}, "id": "1"}]</tool_calls>', [("f", {"a": 1})], ""),
    ("cohere", 'Hm.<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "f", "parameters": {"a": 1}}\n]<|END_ACTION|>',
     [("f", {"a": 1})], "Hm."),
    ("invoke", 'So.\n<minimax:tool_call>\n<invoke name="get_weather">\n<parameter name="city">Rome</parameter>\n'
     '<parameter name="days">2</parameter>\n</invoke>\n</minimax:tool_call>', [("get_weather", {"city": "Rome", "days": 2})], "So."),
]


@pytest.mark.parametrize("dialect, reply, calls, content", SHOWN)
def test_documented_replies(templates, dialect, reply, calls, content):
    assert templates.ask(dialect=dialect, reply=reply, tools=TOOLS) == {
        "calls": reply_of(calls), "content": content, "broken": 0}


SHOWN += [
    ("apertus", 'Hm.<|tools_prefix|>[{"f": {"a": 1}}, {"g": {}}]<|tools_suffix|>', [("f", {"a": 1}), ("g", {})], "Hm."),
    ("apertus", '<|inner_prefix|>I need it<|inner_suffix|>Ok<|tools_prefix|>[{"f": "{\\"a\\": [1]}"}]', [("f", {"a": [1]})], "Ok"),
    ("gigachat", 'Hm.<|message_sep|>\n\nfunction call<|role_sep|>\n{"name": "f", "arguments": {"a": 1}}<|message_sep|>\n\n',
     [("f", {"a": 1})], "Hm."),
    ("gigachat", 'Hm.<|function_call|>{"name": "f", "arguments": {"a": 1}}<|message_sep|>\n\n', [("f", {"a": 1})], "Hm."),
    ("functionary", 'f\n{"a": ">>>g\\n{}"}>>>g\n{}', [("f", {"a": ">>>g\n{}"}), ("g", {})], ""),
    ("functionary", 'all\nLet me see: 1 >>> 0.>>>f\n{"a": 1}', [("f", {"a": 1})], "Let me see: 1 >>> 0."),
    ("functionary", '>>>python\nprint(1)\nprint(2)', [("python", {"code": "print(1)\nprint(2)"})], ""),
    ("solar", '<|think|>I need it<|end|><|begin|>assistant<|tool_calls|><|tool_call:begin|>a1b2c3d4e5<|tool_call:name|>f'
     '<|tool_call:args|>{"a": 1}<|tool_call:end|><|tool_call:begin|>x<|tool_call:name|>g<|tool_call:args|>{}<|tool_call:end|><|calls|>',
     [("f", {"a": 1}), ("g", {})], ""),
    ("solar", "<|content|>Hello.<|end|>", [], "Hello."),
    ("xtml", '<|open|>think<|sep|>hm<|close|>think<|sep|><|open|>response<|sep|>Ok.<|close|>response<|sep|><|open|>tools<|sep|>'
     '<|open|>call tool="f" index="1"<|sep|><|open|>argument key="a&quot;&amp;b" type="number"<|sep|>1.5<|close|>argument<|sep|>'
     '<|open|>argument key="c" type="string"<|sep|>12<|close|>argument<|sep|><|close|>call<|sep|><|open|>call tool="g" index="2"<|sep|>'
     '<|open|>json type="object"<|sep|>{"k": [1]}<|close|>json<|sep|><|close|>call<|sep|><|close|>tools<|sep|><|close|>message<|sep|>',
     [("f", {'a"&b': 1.5, "c": "12"}), ("g", {"k": [1]})], "Ok."),
    ("xtml", "hm<|close|>think<|sep|><|open|>response<|sep|>4<|close|>response<|sep|>", [], "4"),
    ("minimax", '<mm:think>hm</mm:think>So.]<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name="get_weather">]<]minimax[>[<city>12]<]minimax[>[</city>'
     ']<]minimax[>[<days>12]<]minimax[>[</days>]<]minimax[>[<tags>]<]minimax[>[<item>a]<]minimax[>[</item>]<]minimax[>[</tags>]<]minimax[>[<where>'
     ']<]minimax[>[<lat>1.5]<]minimax[>[</lat>]<]minimax[>[</where>]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>',
     [("get_weather", {"city": "12", "days": 12, "tags": ["a"], "where": {"lat": 1.5}})], "So."),
]
BROKEN = [
    ("apertus", "<|tools_prefix|>[1]<|tools_suffix|>"), ("apertus", "<|tools_prefix|>[]<|tools_suffix|>"), ("apertus", "<|tools_prefix|>f"),
    ("gigachat", "<|function_call|>{"), ("functionary", ">>>f\nnothing"), ("solar", "<|tool_calls|><|calls|>"),
    ("solar", "<|tool_call:begin|>f{}<|tool_call:end|>"), ("xtml", "<|open|>tools<|sep|>"),
    ("xtml", '<|open|>call tool="f"<|sep|><|open|>argument key="a" type="number"<|sep|>x<|close|>argument<|sep|>'),
    ("xtml", '<|open|>call index="1"<|sep|><|close|>call<|sep|>'), ("minimax", "]<]minimax[>[<tool_call>"),
    ("minimax", ']<]minimax[>[<invoke name="f">]<]minimax[>[<a>1]<]minimax[>[</b>]<]minimax[>[</invoke>'),
    ("minimax", ']<]minimax[>[<invoke name="f">' + "]<]minimax[>[<a>" * 40 + "]<]minimax[>[</a>" * 40),
    ("json", '<|python_tag|>import math'), ("mistral", "[TOOL_CALLS]"), ("mistral", "[TOOL_CALLS]f[ARGS]{"),
    ("phi", "<|tool_call|>"), ("phi", "functools[1]"), ("gemma", "```tool_code\nf(1)\n```"),
    ("gemma4", "<|tool_call>call:f{a:<|\"|>x}<tool_call|>"), ("xml", "<tool_call>\n</tool_call>"),
    ("xml", "<tool_call><function=f"), ("deepseek", "<｜tool▁calls▁begin｜>f{}"),
    ("deepseek", "<｜tool▁call▁begin｜>f<｜tool▁sep｜>[]<｜tool▁call▁end｜>"),
    ("harmony", "<|channel|>commentary to=functions.f<|message|>no"), ("python", "[f(g(1))]"),
    ("react", "Action: f\nAction Input: no JSON"), ("react", "Action: f"), ("kimi", "<|tool_calls_section_begin|>"),
    ("glm", "<tool_call>f<arg_key>a</arg_key></tool_call>"), ("tool_calls", "<tool_calls>[]</tool_calls>"),
]


@pytest.mark.parametrize("dialect, reply", BROKEN)
def test_broken_replies_are_counted(templates, dialect, reply):
    got = templates.ask(dialect=dialect, reply=reply, tools=TOOLS)
    assert got["broken"] == 1 and got["calls"] == []


@pytest.mark.parametrize("dialect", sorted({row[0] for row in SHOWN}) + ["hermes"])
def test_words_are_words(templates, dialect):
    for reply in ("", "Hello.", "It costs 5 (or {6}) euros; see [1]."):
        assert templates.ask(dialect=dialect, reply=reply, tools=TOOLS) == {
            "calls": [], "content": reply, "broken": 0}
