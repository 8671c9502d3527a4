"""The built-in tool template in jinja2 and in llama.cpp, real conversations, and tool calls read back."""
import json
import re

import pytest

from test_templates import (CALLS, CONVERSATIONS, SIMPLE_TOOLS, SYSTEM, TOOLS, USER, Templates, call,
                            compare, reference, result)


@pytest.fixture(scope="module")
def templates(driver):
    opened = Templates(driver("templates"))
    yield opened
    opened.close()


def render(templates, messages, tools=None, n=None, generate=True, source=None, with_tools=True):
    got = templates.ask(source=source, bos="<s>", eos="</s>", with_tools=with_tools,
                        conversation={"messages": messages, "tools": tools or []},
                        n=len(messages) if n is None else n, generate=generate)
    assert "error" not in got, got["error"]
    return got


@pytest.fixture(scope="module")
def builtin(templates):
    return templates.ask(source=None, bos="", eos="", with_tools=True)["source"]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_builtin_in_jinja2(templates, builtin, name):
    messages = [{"reasoning_content" if key == "thinking" else key: value  # the key that it reads
                 for key, value in message.items()} for message in CONVERSATIONS[name]]
    for tools in (None, SIMPLE_TOOLS, TOOLS):
        for generate in (False, True):
            want, why = reference(builtin, {"messages": messages, "tools": tools,
                                            "documents": None, "add_generation_prompt": generate})
            assert why is None
            assert render(templates, CONVERSATIONS[name], tools, generate=generate)["text"] == want


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_builtin_keeps_prefixes(templates, name):
    messages = CONVERSATIONS[name]
    for i, message in enumerate(messages):
        if message["role"] == "assistant":
            before = render(templates, messages, TOOLS, i)["text"]
            after = render(templates, messages, TOOLS, i + 1, generate=False)["text"]
            assert after.startswith(before)


def test_shared_conversations(templates, builtin, shared, sources):
    """Real data, long ones too, as jinja2 renders them."""
    own = sources["Qwen-Qwen2.5-7B-Instruct"]
    n = 0
    for name in ("tooluse-train", "tau-airline", "general", "bfcl-multiturn"):
        lines = (shared / f"data/{name}.jsonl").read_text(encoding="utf-8").splitlines()
        for line in lines[::max(1, len(lines) // 12)]:
            example = json.loads(line)
            for source in (builtin, own):
                data = {"messages": example["messages"], "tools": example.get("tools") or None}
                got = compare(templates, source, data, {"add_generation_prompt": False})
                assert "text" in got
                n += 1
    assert n >= 80


@pytest.fixture(scope="module")
def sources(shared):
    folder = shared / "fixtures/templates"
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jinja"))}


# templates that ignore tools or the calls and results of others, or that transformers cannot run
REPLACED = {
    "microsoft-Phi-3.5-mini-instruct": "tools", "deepseek-ai-DeepSeek-V3.1": "tools",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": "tools",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "tools",
    "llama-cpp-deepseek-r1": "tools", "fireworks-ai-llama-3-firefunction-v2": "tools",
    "LFM2.5-Instruct": "tool calls", "ibm-granite-granite-3.3-2B-Instruct": "tool calls",
    "Kimi-K2-Instruct": "tool calls", "Kimi-K2-Thinking": "tool calls",
}


def test_choice_for_real_templates(templates, sources):
    """Who shows tools keeps the own template; who does not is replaced, with a note."""
    replaced = {}
    for name, source in sources.items():
        got = templates.ask(source=source, bos="<s>", eos="</s>", with_tools=True)
        assert (got["name"] == "built-in tool template") == bool(got["note"])
        if got["note"]:
            replaced[name] = re.search(r"shows no (tools|tool calls|tool results) to", got["note"])[1]
    assert replaced == REPLACED


@pytest.fixture(scope="module")
def server(runtime, base_model, builtin):
    started = runtime.server.start(str(base_model), n_ctx=1024, template=builtin)
    yield lambda path, body: runtime.server.call(started, path, body)
    del started


# llama.cpp continues a last message of the assistant, and takes only text as content
SERVED = {name: messages for name, messages in CONVERSATIONS.items()
          if messages and messages[-1]["role"] in ("user", "tool")
          and name not in ("result, mapping", "parts")}


def test_builtin_in_llama_cpp(templates, server):
    assert len(SERVED) > 8
    for name, messages in SERVED.items():
        for tools in (None, TOOLS):
            body = {"messages": messages, **({"tools": tools} if tools else {})}
            assert server("/apply-template", body).get("prompt") == \
                render(templates, messages, tools)["text"], name


REPLIES = [
    '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>',
    '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": [1.5, "x"], "c": {"k": "\\u00fc\\n"}}}\n'
    '</tool_call>\n<tool_call>\n{"name": "add", "arguments": {"a": -2}}\n</tool_call>',
    'Let me add.\n<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>',
    "Nothing to call.",
]


@pytest.mark.parametrize("reply", REPLIES)
def test_calls_as_llama_cpp_reads_them(templates, server, reply):
    """A reply put in front of the model's own (one token): the server's parser takes it apart."""
    got = templates.ask(dialect="hermes", reply=reply)
    answer = server("/v1/chat/completions",
                    {"messages": [USER, {"role": "assistant", "content": reply}],
                     "tools": SIMPLE_TOOLS, "max_tokens": 1, "temperature": 0})
    message = answer["choices"][0]["message"]
    want = [{"name": c["function"]["name"], "arguments": json.loads(c["function"]["arguments"])}
            for c in message.get("tool_calls", [])]
    assert got["calls"] == want
    assert got["broken"] == 0
    assert message["content"].startswith(got["content"])


def test_round_trip(templates):
    """What the template writes for a call is what the dialect reads."""
    messages = [SYSTEM, USER, {"role": "assistant", "content": "Now.",
                               "tool_calls": [*CALLS, call("get_time", {}, "call_0002")]},
                result("x")]
    before = render(templates, messages, TOOLS, 2)["text"]
    after = render(templates, messages, TOOLS, 3, generate=False)["text"]
    reply = after[len(before):].removesuffix("<|im_end|>\n")
    got = templates.ask(dialect="hermes", reply=reply)
    assert got == {"calls": [c["function"] for c in messages[2]["tool_calls"]], "content": "Now.",
                   "broken": 0}
