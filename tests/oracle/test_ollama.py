"""TEMPLATE of exported Modelfiles, executed by Go's own text/template, against jinja2.

Needs Go (scripts/setup --tests installs it where it may); what Ollama would add around it, BOS, is left out on both sides."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sysconfig

import pytest

BUILTIN = "builtin"
WITH_TOOLS = [BUILTIN, "Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B", "MiMo-VL", "Reka-Edge",
              "ibm-granite-granite-4.1", "NVIDIA-Nemotron-Nano-v2"]
PLAIN = ["GLM-4.7-Flash", "Kimi-K2-Instruct", "meta-llama-Llama-3.1-8B-Instruct",
         "moonshotai-Kimi-K2"]


def tool(name):
    return {"type": "function", "function": {
        "name": name, "description": f"Asks {name}: \"now\" & <later>",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}


def call(name, **arguments):
    return {"type": "function", "id": "call00001", "function": {"name": name, "arguments": arguments}}


SYSTEM = {"role": "system", "content": "Be brief. {{ not a template }}"}
USER = {"role": "user", "content": "What's the weather in \"Oslo\"?"}
REPLY = {"role": "assistant", "content": "It rains."}
ONE = {"role": "assistant", "content": "", "tool_calls": [call("weather", city="Oslo")]}
TWO = {"role": "assistant", "content": "I look.",
       "tool_calls": [call("weather", city="Bergen"), call("time", city="Bergen")]}
RESULT = {"role": "tool", "name": "weather", "tool_call_id": "call00001", "content": "{\"rain\": 1}"}
TALKS = [[USER], [SYSTEM, USER], [USER, REPLY, USER], [SYSTEM, USER, REPLY, USER, REPLY, USER]]
CALLS = [[SYSTEM, USER, ONE, RESULT], [USER, ONE, RESULT, REPLY, USER],
         [USER, TWO, RESULT, RESULT, REPLY, USER], [SYSTEM, USER, TWO, RESULT, RESULT]]


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    found = shutil.which("go") or pathlib.Path(sysconfig.get_paths()["purelib"]) / "go/bin/go"
    if not pathlib.Path(found).exists():
        pytest.skip("no Go (apt-get install golang-go)")
    folder = tmp_path_factory.mktemp("go")
    source = pathlib.Path(__file__).parent / "modelfile.go"
    subprocess.run([found, "build", "-o", folder / "modelfile", source], check=True, cwd=folder,
                   env={**os.environ, "GOCACHE": str(folder / "cache"), "GOTOOLCHAIN": "local",
                        "GOFLAGS": "-mod=mod", "HOME": str(folder)})

    def run(template, requests):
        done = subprocess.run([folder / "modelfile"], text=True, capture_output=True, check=True,
                              input=json.dumps({"template": template, "requests": requests}))
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def adapted(base_model, runtime, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapted")
    tensors = runtime.tiny.make_tiny(str(folder / "base.gguf"), src=str(base_model))
    runtime.ggutil.write_adapter(str(folder / "a.gguf"), runtime.ggutil.random_pairs(tensors, 2), 4.0)
    return folder


def jinja(source, messages, tools):
    """As Ollama would spell it: JSON without spaces."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                                extensions=["jinja2.ext.loopcontrols"])

    def refuse(message):
        raise jinja2.TemplateError(message)

    environment.globals["raise_exception"] = refuse
    environment.filters["tojson"] = lambda v, **_: json.dumps(v, ensure_ascii=False,
                                                              separators=(",", ":"))
    return environment.from_string(source).render(messages=messages, tools=tools or None,
                                                  add_generation_prompt=True, bos_token="",
                                                  eos_token="<|im_end|>")


def plain(text):
    """Marks of calls that templates write themselves keep their spaces, and Go escapes in JSON what could
    be HTML; a parser of JSON sees no difference."""
    for escape, letter in (("\\u0026", "&"), ("\\u003c", "<"), ("\\u003e", ">")):
        text = text.replace(escape, letter)
    return text.replace('": ', '":').replace('", "', '","')


def request(messages, tools):
    # of system messages Ollama makes System; they stay in Messages
    return {"System": "\n\n".join(m["content"] for m in messages if m["role"] == "system"),
            "Tools": tools, "Messages": [
                {"Role": m["role"], "Content": m["content"],
                 "ToolCalls": [{"Function": {"Name": c["function"]["name"],
                                             "Arguments": c["function"]["arguments"]}}
                               for c in m.get("tool_calls", [])]} for m in messages]}


@pytest.mark.parametrize("name", WITH_TOOLS + PLAIN)
def test_go_renders_what_jinja_does(name, adapted, go, graft, shared, tmp_path):
    source = name if name == BUILTIN else shared / f"fixtures/templates/{name}.jinja"
    graft("export", "--base", adapted / "base.gguf", "--adapter", adapted / "a.gguf", "--to", "ollama",
          "--type", "adapter", "--chat-template", source, "--out", tmp_path / "o")
    if name == BUILTIN:
        graft("export", "--base", adapted / "base.gguf", "--adapter", adapted / "a.gguf", "--to", "vllm",
              "--chat-template", source, "--out", tmp_path / "v")
        source = tmp_path / "v/chat_template.jinja"
    modelfile = (tmp_path / "o/Modelfile").read_text()
    template = re.search(r'^TEMPLATE """(.*?)"""$', modelfile, re.M | re.S).group(1)
    cases = [(talk, []) for talk in TALKS]
    if name in WITH_TOOLS:
        cases += [(talk, tools) for talk in TALKS + CALLS
                  for tools in ([tool("weather")], [tool("weather"), tool("time")])]
    else:
        assert "# The template lacks tools" in modelfile and ".ToolCalls" not in template
    ours = go(template, [request(*case) for case in cases])
    for (messages, tools), text in zip(cases, ours):
        wanted = jinja(source.read_text(), messages, tools)
        assert plain(text) == plain(wanted), (messages, tools)
