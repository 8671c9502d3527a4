"""A fine-tune in llama-server: trained, merged and served with the template in its file, a model answers tool
calls over the OpenAI-style API; and scripts/prove-llamacpp, which compares replies item by item."""
import json
import os
import pathlib
import re
import subprocess
import sys

import jsonschema
import pytest

TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "w", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"]}}}]
QUESTIONS = [("Oslo?", {"city": "Oslo", "days": 2}), ("Rome?", {"city": "Rome"})]


def message(arguments):
    return {"role": "assistant", "content": "", "tool_calls": [
        {"id": "c1", "type": "function",
         "function": {"name": "get_weather", "arguments": json.dumps(arguments)}}]}


@pytest.fixture(scope="module")
def fine_tune(graft, base_model, runtime, tmp_path_factory):
    """(model, adapter, merged, data): a small model with random weights that has learnt two calls by heart."""
    folder = tmp_path_factory.mktemp("served")
    model, data, run = folder / "tiny.gguf", folder / "data.jsonl", folder / "run"
    runtime.tiny.make_tiny(str(model), src=str(base_model))
    data.write_text("".join(json.dumps({"tools": TOOLS, "messages": [
        {"role": "user", "content": question}, message(arguments)]}) + "\n"
        for question, arguments in QUESTIONS))
    settings = {"base_model": str(model), "dataset": str(data), "output_dir": str(run), "lora_r": 32,
                "max_steps": 150, "batch_size": 2, "learning_rate": 0.01, "eval_strategy": "no",
                "eval_before": False, "compute": "f32", "save_steps": 1000}
    config = folder / "run.yaml"
    config.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items()))
    graft("train", config)
    merged, tools = folder / "merged.gguf", folder / "tools.json"
    tools.write_text(json.dumps(TOOLS))
    done = graft("export", "--base", model, "--adapter", run / "adapter.gguf", "--to", "gguf", "--out",
                 merged, "--grammar", tools, "--force")
    assert "calls of 1 tool as hermes" in done.stdout, done.stdout
    return model, run / "adapter.gguf", merged, data


def in_child(code, *arguments):
    """Runs Python that needs the server, which lives as long as its process."""
    runtime_folder = pathlib.Path(__file__).resolve().parents[3] / "shared/runtime"
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(runtime_folder)!r})\n"
                           + code, *map(str, arguments)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().split("\n")[-1])


ASK = """
import json, os, server
asked = json.loads(sys.argv[2])
# what the library prints must not stand in the answer
out = os.fdopen(os.dup(1), "w"); os.dup2(2, 1)
s = server.start(sys.argv[1], n_ctx=1024)
print(json.dumps([server.call(s, path, body) for path, body in asked]), file=out, flush=True)
os._exit(0)
"""


def test_a_served_model_calls_a_tool(fine_tune):
    """Right name and arguments in `tool_calls`, with nothing but the file: its template and its weights."""
    merged = fine_tune[2]
    asked = [("/v1/chat/completions", {"messages": [{"role": "user", "content": question}],
                                       "tools": TOOLS, "temperature": 0, "max_tokens": 100})
             for question, _ in QUESTIONS]
    for (_, arguments), reply in zip(QUESTIONS, in_child(ASK, merged, json.dumps(asked))):
        choice = reply["choices"][0]
        call, = choice["message"]["tool_calls"]
        assert choice["finish_reason"] == "tool_calls", reply
        assert call["function"]["name"] == "get_weather"
        assert json.loads(call["function"]["arguments"]) == arguments, reply


def test_a_served_model_keeps_a_grammar(fine_tune, graft, tmp_path):
    """Under the grammar the fine-tune says the same; the untrained base, which babbles, is made to call
    correctly where the reply has to be a call."""
    model, adapter, merged, _ = fine_tune
    path = tmp_path / "tools.gbnf"
    graft("export", "--base", model, "--adapter", adapter, "--grammar", merged.parent / "tools.json",
          "--out", path)
    grammar = path.read_text()
    assert merged.with_name("merged.gguf.gbnf").read_text() == grammar  # as beside an artefact
    replies = in_child("""
import json, os, server
merged, model, grammar, tools, question = sys.argv[1], sys.argv[2], *map(json.loads, sys.argv[3:])
out = os.fdopen(os.dup(1), "w"); os.dup2(2, 1)
s = server.start(merged, n_ctx=1024)
prompt = server.call(s, "/apply-template", {"messages": [{"role": "user", "content": question}], "tools": tools})
body = {"prompt": prompt["prompt"], "temperature": 0, "n_predict": 150, "grammar": grammar}
said = [server.call(s, "/completion", body)["content"]]
must = {**body, "grammar": grammar.replace("root ::= ", "root ::= \\"<tool_call>\\" calls\\nfree ::= ")}
babbler = server.start(model, n_ctx=1024)
said.append(server.call(babbler, "/completion", must)["content"])
print(json.dumps(said), file=out, flush=True)
os._exit(0)
""", merged, model, json.dumps(re.sub(r"calls-\d+", "calls", grammar)), json.dumps(TOOLS),
                       json.dumps(QUESTIONS[0][0]))
    calls = [json.loads(re.fullmatch(r"<tool_call>\n(.*)\n</tool_call>", reply, re.S)[1])
             for reply in replies]
    assert calls[0] == {"name": "get_weather", "arguments": QUESTIONS[0][1]}, replies
    assert calls[1]["name"] == "get_weather", replies
    jsonschema.validate(calls[1]["arguments"], TOOLS[0]["function"]["parameters"])


def prove(*arguments, status):
    root = pathlib.Path(__file__).resolve().parents[2]
    done = subprocess.run([root / "scripts/prove-llamacpp", *map(str, arguments)], cwd=root,
                          capture_output=True, text=True, timeout=240)
    assert done.returncode == status, (done.stdout, done.stderr[-3000:])
    return done


@pytest.mark.parametrize("form", ["merged", "adapter"])
def test_llamacpp_agrees_item_by_item(form, fine_tune):
    model, adapter, merged, data = fine_tune
    words = [merged, data] if form == "merged" else [model, data, "--adapter", adapter]
    more = ["--chat", "2", "--grammar"] if form == "merged" else []
    done = prove(*words, "--max-new-tokens", "100", *more, status=0)
    assert "2 items: 2 replies the same, 0 verdicts differ" in done.stdout, done.stdout
    assert done.stdout.count("right") == 4 and done.stdout.count("the same calls") == len(more[1:]), \
        done.stdout


def test_what_differs_is_told(fine_tune, graft, tmp_path):
    """Replies of another runtime are judged as they are; an item whose verdict differs is an exit of 1."""
    model, adapter, merged, data = fine_tune
    prompts = [json.loads(line) for line in graft("eval", "--base", merged, data, "--prompts").stdout.splitlines()]
    assert [p["index"] for p in prompts] == [0, 1] and all(p["max_new_tokens"] > 0 for p in prompts)
    replies = tmp_path / "replies.jsonl"
    replies.write_text("".join(json.dumps({"index": p["index"], "turn": p["turn"], "ids": [5, 6, 2]}) + "\n"
                               for p in prompts))
    report = json.loads(graft("eval", "--base", merged, data, "--replies", replies, "--json").stdout)
    assert report["scores"]["exact"]["hits"] == 0 and report["n"] == 2, report
    assert all(item["verdicts"]["end_of_turn"] for item in report["items"])
    assert report["items"][0]["prompt_tokens"] == len(prompts[0]["prompt"])


@pytest.mark.parametrize("lines, said", [
    ([], "no reply to index 0, turn 1"), (["{"], "replies.jsonl:1"), (["{\"index\": 0}"], "is not {"),
    (["{\"index\": 9, \"turn\": 1, \"ids\": []}"], "there is no such item"),
    (["{\"index\": 0, \"turn\": 1, \"ids\": [99999]}"], "ids[0] is no token"),
    (["{\"index\": 0, \"turn\": 1, \"ids\": []}"] * 2, "two replies"),
])
def test_replies_that_cannot_be_judged(lines, said, fine_tune, graft, tmp_path):
    replies = tmp_path / "replies.jsonl"
    replies.write_text("".join(line + "\n" for line in lines))
    done = graft("eval", "--base", fine_tune[2], fine_tune[3], "--replies", replies, status=5)
    assert said in done.stderr, done.stderr
