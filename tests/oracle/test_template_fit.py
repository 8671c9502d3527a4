"""What real chat templates show of a conversation, lose of it, or refuse: graft, which follows every
byte to where it comes out, against jinja2, which is given marked texts to look for.

tests/models/templates prints the table."""
import copy
import re

import pytest

from test_templates import (TOOLS, USER, Templates, call, reference, result,
                            sources)  # noqa: F401

CALL, ARGUMENT, CONTENT, THOUGHT, TOOL, DESCRIPTION, PARAMETER = range(7)
MARK = "Zq7Marker"
KEYS = ("reasoning_content", "reasoning", "thinking")


@pytest.fixture(scope="module")
def templates(driver):
    opened = Templates(driver("templates"))
    yield opened
    opened.close()


# ---- templates x features ----

def declare(name, **parameters):
    return {"type": "function", "function": {
        "name": name, "description": f"What {name} is for", "parameters": {
            "type": "object", "required": list(parameters), "properties": {
                key: {"type": type, "description": f"The {key}"}
                for key, type in parameters.items()}}}}


PLAIN_TOOLS = [declare("get_weather", city="string", days="integer"),
               declare("get_time", zone="string")]
WEATHER = call("get_weather", {"city": "Bern", "days": 2}, "abc123def")
TIME = call("get_time", {"zone": "CET"}, "ghi456jkl")


def reply(content, **more):
    return {"role": "assistant", "content": content, **more}


WEATHER_RESULT = result("rain", "abc123def", name="get_weather")
TIME_RESULT = result("noon", "ghi456jkl", name="get_time")
SYSTEM = {"role": "system", "content": "Be brief."}
FEATURES = {  # letter: (what, messages, tools)
    "p": ("plain", [USER, reply("Sunny."), USER, reply("Rainy.")], None),
    "s": ("system", [SYSTEM, USER, reply("Sunny.")], None),
    "d": ("developer", [{"role": "developer", "content": "Be brief."}, USER, reply("Sunny.")], None),
    "h": ("thought", [USER, reply("Four.", reasoning_content="Two and two.")], None),
    "H": ("thought under another key", [USER, reply("Four.", thinking="Two and two.")], None),
    "i": ("thought in the text", [USER, reply("<think>\nTwo and two.\n</think>\n\nFour.")], None),
    "u": ("two user messages", [USER, USER, reply("Yes.")], None),
    "c": ("call", [USER, reply(None, tool_calls=[WEATHER])], PLAIN_TOOLS),
    "C": ("system and call", [SYSTEM, USER, reply(None, tool_calls=[WEATHER])], PLAIN_TOOLS),
    "t": ("text beside a call", [USER, reply("I look.", tool_calls=[WEATHER])], PLAIN_TOOLS),
    "T": ("thought before a call",
          [USER, reply(None, tool_calls=[WEATHER], reasoning_content="I must look.")], PLAIN_TOOLS),
    "2": ("parallel calls", [USER, reply(None, tool_calls=[WEATHER, TIME])], PLAIN_TOOLS),
    "r": ("result", [USER, reply(None, tool_calls=[WEATHER]), WEATHER_RESULT, reply("Rain.")], PLAIN_TOOLS),
    "R": ("results", [USER, reply(None, tool_calls=[WEATHER, TIME]), WEATHER_RESULT, TIME_RESULT,
                      reply("Rain.")], PLAIN_TOOLS),
    "m": ("more turns", [USER, reply(None, tool_calls=[WEATHER]), WEATHER_RESULT, reply("Rain."), USER,
                         reply(None, tool_calls=[TIME]), TIME_RESULT, reply("Noon.")], PLAIN_TOOLS),
    "l": ("long ids", [USER, reply(None, tool_calls=[call("get_time", {"zone": "CET"}, "call_1")]),
                       result("noon", "call_1", name="get_time"), reply("Noon.")], PLAIN_TOOLS),
    "x": ("tools with nested parameters", [USER, reply(None, tool_calls=[WEATHER])], TOOLS),
}

# "." whole, "-" something is lost, "!" refused, "b": the template shows no tools and the built-in one
# takes over
TABLE = """
Apertus-8B-Instruct                                ...--.....-......
Apriel-1.6-15b-Thinker-fixed                       .................
Bielik-11B-v3.0-Instruct                           .................
Cohere2MoE                                         .........-.......
CohereForAI-c4ai-command-r-plus-tool_use           ...--.....-.....!
CohereForAI-c4ai-command-r7b-12-2024-tool_use      ...--....-.......
GLM-4.7-Flash                                      .................
GigaChat3-10B-A1.8B                                ...--.....--.-...
GigaChat3.1-10B-A1.8B                              ...--.....--.-...
Kimi-K2-Instruct                                   ...--..bbbbbbbbbb
Kimi-K2-Thinking                                   ...--..bbbbbbbbbb
Kimi-K3                                            .................
LFM2.5-8B-A1B                                      .................
LFM2.5-Instruct                                    ...--..bbbbbbbbbb
MiMo-VL                                            ...--.....-......
MiniMax-M2                                         .................
MiniMax-M3                                         .................
Mistral-Small-3.2-24B-Instruct-2506                ...--.!..--......
NVIDIA-Nemotron-Nano-v2                            ...--.....-......
NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use      ...--....--.....!
NousResearch-Hermes-3-Llama-3.1-8B-tool_use        ...--....--.....!
Qwen-Qwen2.5-7B-Instruct                           ...--.....-......
Qwen-Qwen3-0.6B                                    .................
Qwen3-Coder                                        ...--.....-......
Qwen3.5-4B                                         .................
Reka-Edge                                          ...---....-......
Spark2.5                                           .................
deepseek-ai-DeepSeek-R1-Distill-Llama-8B           ...---.bbbbbbbbbb
deepseek-ai-DeepSeek-R1-Distill-Qwen-32B           ...---.bbbbbbbbbb
deepseek-ai-DeepSeek-V3.1                          ...---.bbbbbbbbbb
deepseek-ai-DeepSeek-V4-Flash-0731                 ...--.....-......
deepseek-ai-DeepSeek-V4                            ...--.....-......
fireworks-ai-llama-3-firefunction-v2               !!!!!!!bbbbbbbbbb
google-gemma-4-31B-it-interleaved                  ...--............
google-gemma-4-31B-it                              ...--............
ibm-granite-granite-3.3-2B-Instruct                ...--..bbbbbbbbbb
ibm-granite-granite-4.1                            ...--.....-......
inclusionai-ling-3.0-flash                         .................
llama-cpp-deepseek-r1                              ...---.bbbbbbbbbb
meetkai-functionary-medium-v3.1                    ...--.....-......
meetkai-functionary-medium-v3.2                    ...--.....-......
meta-llama-Llama-3.1-8B-Instruct                   ...--....--!.!...
meta-llama-Llama-3.2-3B-Instruct                   ...--....--!.!...
meta-llama-Llama-3.3-70B-Instruct                  ...--....--!.!...
microsoft-Phi-3.5-mini-instruct                    ...--..bbbbbbbbbb
mistralai-Ministral-3-14B-Reasoning-2512           ...--.!...-......
moonshotai-Kimi-K2                                 ...--.....-......
muse-glimmer                                       .........-.......
openai-gpt-oss-120b                                ...........-.-...
poolside-Laguna-S-2.1                              .................
poolside-Laguna-XS-2.1                             .................
poolside-Laguna-XS.2                               .................
unsloth-Apriel-1.5                                 ...--.....-......
unsloth-mistral-Devstral-Small-2507                ...--.....-......
upstage-Solar-Open-100B                            .........-.......
"""

# what is said of some of them
WHYS = {
    ("meta-llama-Llama-3.1-8B-Instruct", "2"):
        "up to message 2: its own template:71: the template says: This model only supports single "
        "tool-calls at once!: it takes one call per message: give each call, with its result behind it, "
        "a message of its own, or use another template (chat_template: builtin, or a file); ",
    ("meta-llama-Llama-3.1-8B-Instruct", "t"):
        "message 2: the text of role \"assistant\" beside its calls is not in what its own template "
        "writes: take it out, or use a template that shows it",
    ("Qwen-Qwen2.5-7B-Instruct", "h"):
        "message 2: the thought of the assistant is not in what its own template writes: train without "
        "thoughts (reasoning: drop), or use a template that shows it",
    ("GigaChat3-10B-A1.8B", "2"):
        "message 2: call 2 (\"get_time\") is not in what its own template writes (nor is 1 other part): ",
    ("Mistral-Small-3.2-24B-Instruct-2506", "u"):
        "up to message 2: its own template:52: the template says: After the optional system message, "
        "conversation roles must alternate user/assistant/user/assistant/...: it wants roles to "
        "alternate: join messages of one role, or use another template",
    # three templates that jinja2 refuses, too: none of them can write every declaration
    ("CohereForAI-c4ai-command-r-plus-tool_use", "x"):
        "up to message 1: its own template:10: 'dict object' has no attribute 'additionalProperties': "
        "it cannot write tool 1 (\"get_weather\"), parameter \"where\": declare it another way, or use",
    ("NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "x"):
        "up to message 1: its own template:9: nested more than 2000 levels deep: it cannot write tool 1 "
        "(\"get_weather\"), parameter \"any\": declare it another way, or use",
    ("NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "x"):
        "up to message 1: its own template:9: nested more than 2000 levels deep: it cannot write tool 1 "
        "(\"get_weather\"), parameter \"any\": declare it another way, or use",
    ("fireworks-ai-llama-3-firefunction-v2", "p"):
        "up to message 1: its own template:21: 'functions' is undefined: use another template",
}


def fit(templates, source, messages, tools):
    got = templates.ask(source=source, bos="<s>", eos="</s>", with_tools=tools is not None,
                        fit={"messages": messages, **({"tools": tools} if tools else {})})
    assert "error" not in got, got["error"]
    return got


def test_table_of_losses(templates, sources):
    letters = "".join(FEATURES)
    print("\n" + "\n".join(f"{letter} {what}" for letter, (what, _, _) in FEATURES.items()))
    print(f"{'':50} {letters}")
    rows, whys = [], {}
    for name, source in sources.items():
        cells = ""
        for letter, (what, messages, tools) in FEATURES.items():
            got = fit(templates, source, messages, tools)
            whys[name, letter] = got["why"]
            cells += ("b" if got["name"] == "built-in tool template" and got["fit"] == "whole" else
                      {"whole": ".", "loses": "-", "refused": "!"}[got["fit"]])
        rows.append(f"{name:50} {cells}")
        print(rows[-1])
    assert "\n".join(rows) == TABLE.strip("\n")
    for (name, letter), why in WHYS.items():
        assert whys[name, letter].startswith(why), whys[name, letter]


# ---- parts ----

def mark_text(holder, key):
    holder[key] = holder[key] + MARK


def rename(holder, key):
    """Marks a member: its key, and its value if that is a text."""
    items = [(k + MARK, v + MARK if isinstance(v, str) else v) if k == key else (k, v)
             for k, v in holder.items()]
    holder.clear()
    holder.update(items)


def places(messages, tools):
    """(kind, owner, call, item, function that marks the part in copies of messages and tools)"""
    for i, message in enumerate(messages):
        for key in ("reasoning_content", "thinking"):
            if key in message:
                yield THOUGHT, i, 0, 0, lambda m, t, i=i, key=key: mark_text(m[i], key)
        if message.get("content"):
            if message["content"].startswith("<think>"):
                yield THOUGHT, i, 0, 0, lambda m, t, i=i: m[i].update(
                    content=m[i]["content"].replace("\n</think>", MARK + "\n</think>"))
            yield CONTENT, i, 0, 0, lambda m, t, i=i: mark_text(m[i], "content")
        for k, one in enumerate(message.get("tool_calls", [])):
            yield CALL, i, k, 0, lambda m, t, i=i, k=k: mark_text(
                m[i]["tool_calls"][k]["function"], "name")
            for n, key in enumerate(one["function"]["arguments"]):
                yield ARGUMENT, i, k, n, lambda m, t, i=i, k=k, key=key: rename(
                    m[i]["tool_calls"][k]["function"]["arguments"], key)
    for i, tool in enumerate(tools or []):
        for kind, key in ((TOOL, "name"), (DESCRIPTION, "description")):
            yield kind, i, 0, 0, lambda m, t, i=i, key=key: mark_text(t[i]["function"], key)
        for n, key in enumerate(tool["function"]["parameters"]["properties"]):
            yield PARAMETER, i, 0, n, lambda m, t, i=i, key=key: rename(
                t[i]["function"]["parameters"]["properties"], key)


def others(source, messages, tools):
    """What jinja2 renders with thoughts under the keys that graft may move them to, and with the
    developer as a system."""
    texts = ""
    for key in KEYS:
        moved = [{key if k in KEYS else k: "system" if v == "developer" else v
                  for k, v in m.items()} for m in messages]
        texts += reference(source, {"messages": moved, "tools": tools, "documents": None,
                                    "bos_token": "<s>", "eos_token": "</s>",
                                    "add_generation_prompt": False})[0] or ""
    return texts


def test_parts_as_jinja2_shows_them(templates, sources):
    """A part that graft says is shown is changed: the change must be seen in what jinja2 renders, and
    of a part that is not shown it must not."""
    failures, n, n_lost = [], 0, 0
    for name, source in sources.items():
        for what, messages, tools in FEATURES.values():
            got = templates.ask(source=source, bos="<s>", eos="</s>", with_tools=False,
                                conversation={"messages": messages, "tools": tools or []},
                                n=len(messages), generate=False, trace=True)
            if "error" in got:
                continue
            shown = {tuple(part[:4]): bool(part[4]) for part in got["parts"]}
            for *part, mark in places(messages, tools):
                m, t = copy.deepcopy(messages), copy.deepcopy(tools)
                mark(m, t)
                text, why = reference(source, {"messages": m, "tools": t, "documents": None,
                                               "bos_token": "<s>", "eos_token": "</s>",
                                               "add_generation_prompt": False})
                if text is None:
                    continue  # refused with the mark
                if part[0] == THOUGHT or "developer" in str(messages):
                    text += others(source, m, t)
                n += 1
                n_lost += not shown[tuple(part)]
                if shown[tuple(part)] != (MARK in text):
                    failures.append(f"{name}: {what}: {part}: graft: {shown[tuple(part)]}")
    print(f"\n{n} parts, {n_lost} of them not shown")
    assert not failures, f"{len(failures)} of {n}\n" + "\n".join(failures)
    assert n > 5000 and n_lost > 100


# ---- what graft adapts ----

DEVELOPER = [{"role": "developer", "content": "Be brief."}, USER]
THINKS = [USER, reply("", tool_calls=[WEATHER], reasoning_content="I must look."), WEATHER_RESULT]
SERVED = {
    # goes over tools, of which there are none: jinja2 refuses it
    "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use": [([SYSTEM, USER], None), (DEVELOPER, None)],
    "Qwen-Qwen3-0.6B": [(DEVELOPER, None), (THINKS, PLAIN_TOOLS)],  # knows no developer
    "openai-gpt-oss-120b": [(DEVELOPER, None), (THINKS, PLAIN_TOOLS)],  # reads `thinking`
}


@pytest.mark.parametrize("name", SERVED)
def test_adapted_as_llama_cpp_adapts(templates, sources, runtime, base_model, name):
    server = runtime.server.start(str(base_model), n_ctx=512, template=sources[name])
    for messages, tools in SERVED[name]:
        got = templates.ask(source=sources[name], bos="<|im_start|>", eos="<|im_end|>",
                            with_tools=tools is not None, n=len(messages), generate=True,
                            conversation={"messages": messages, "tools": tools or []})
        want = runtime.server.call(server, "/apply-template",
                                   {"messages": messages, **({"tools": tools} if tools else {})})
        assert got["text"] == want["prompt"]
        assert "Be brief." in got["text"] or "I must look." in got["text"]
    del server


def test_ids_are_adapted(templates, sources):
    """Ids that a template refuses get its form, equal ones the same; those of its form are kept."""
    source = sources["Mistral-Small-3.2-24B-Instruct-2506"]
    ids = ["call_0", "call_1", "abcDEF123", "a-23456789"]
    messages = [USER]
    for id in ids:
        messages += [reply("", tool_calls=[call("get_time", {"zone": id}, id)]),
                     result(f"at {id}", id)]
    _, why = reference(source, {"messages": messages, "tools": PLAIN_TOOLS})
    assert "length 9" in why
    got = templates.ask(source=source, bos="<s>", eos="</s>", with_tools=True, n=len(messages),
                        generate=False, conversation={"messages": messages, "tools": PLAIN_TOOLS})
    short = [re.search(rf"\[CALL_ID\](\w{{9}})\[ARGS\]{{\"zone\": \"{id}\"", got["text"])[1]
             for id in ids]
    assert len(set(short)) == 4 and short[2] == ids[2]
    for id, new in zip(ids, short):
        assert f"[TOOL_RESULTS]{new}[TOOL_CONTENT]at {id}" in got["text"]
