"""What graft eval measures besides verdicts, against what graft score and the replies themselves say; and gates."""
import json
import math

import pytest

END = 2  # <|im_end|> of the base


def tool(name):
    return {"type": "function", "function": {"name": name, "description": name, "parameters": {
        "type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}}}


def call(name, x):
    return {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": name, "arguments": {"x": x}}}]}


EXAMPLES = [
    {"messages": [{"role": "user", "content": "f of 1?"}, call("f", 1),
                  {"role": "tool", "tool_call_id": "c1", "content": "{\"error\": \"busy\"}"}, call("f", 1),
                  {"role": "tool", "tool_call_id": "c1", "content": "7"},
                  {"role": "assistant", "content": "It is 7."}], "tools": [tool("f"), tool("g")]},
    {"messages": [{"role": "user", "content": "Hello!"}, {"role": "assistant", "content": "Hi."}],
     "tools": [tool("f")]},
]


@pytest.fixture(scope="module")
def evaluated(graft, base_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("scores") / "examples.jsonl"
    path.write_text("".join(json.dumps(example) + "\n" for example in EXAMPLES), encoding="utf-8")

    def run(*arguments, status=0):
        return graft("eval", "--base", base_model, path, "--json", "--max_new_tokens", "24", *arguments,
                     status=status)

    return path, run


def test_measures(evaluated, graft, base_model):
    path, run = evaluated
    report = json.loads(run().stdout)
    lines = graft("score", "--base", base_model, path, "--json").stdout.splitlines()
    ends = [math.exp(logprob) for example in map(json.loads, lines)
            for id, weight, logprob in zip(example["ids"], example["weights"], example["logprobs"])
            if id == END and weight]
    assert len(ends) == 4
    measured = report["end_of_turn_probability"]
    assert measured["of"] == 4 and abs(measured["mean"] - sum(ends) / 4) < 1e-3 * sum(ends) / 4
    items = report["items"]
    assert [(item["index"], item["turn"]) for item in items] == [(0, 1), (0, 3), (0, 5), (1, 1)]
    assert [item["verdicts"]["after_error"] is None for item in items] == [True, False, True, True]
    assert [item["answer_f1"] is None for item in items] == [True, True, False, False]
    assert report["answer_f1"]["of"] == 2
    assert all(item["verdicts"]["no_invented_result"] is ("<tool_response>" not in item["output"])
               for item in items)
    assert report["scores"]["no_loop"]["of"] == 4


def test_last_turns(evaluated):
    _, run = evaluated
    items = json.loads(run("--turns", "last").stdout)["items"]
    assert [(item["index"], item["turn"]) for item in items] == [(0, 5), (1, 1)]


def test_gates(evaluated):
    _, run = evaluated
    assert json.loads(run("--turns", "last", "--require", "no_loop=0").stdout)["n"] == 2
    failed = run("--turns", "last", "--require", "no_loop=0.1,bfcl=0.9", status=10)
    assert json.loads(failed.stdout)["n"] == 2
    assert "bfcl is 0 of 0, required are 90 %" in failed.stderr
    assert 'unknown score "exat"' in run("--require", "exat=1", status=2).stderr


def test_the_dialect_is_chosen_by_name(evaluated):
    _, run = evaluated
    assert "known: hermes, xml" in run("--tool_call_format", "hermse", status=2).stderr
    json.loads(run("--turns", "last", "--tool_call_format", "react").stdout)
