"""Every real sample of every layout loads as an independent reading of it says, or is refused with
what is missing."""
import ast
import json
import re

import pytest

# Per file: examples, messages and calls that load, bad records, and what their messages say.
# A folder stands for its files, taken together.
TABLE = {
    "api-bank": (50, 528, 93, 0, None),
    "bfcl/BFCL_v4_irrelevance.json": (8, 8, 0, 0, None),
    "bfcl/BFCL_v4_multi_turn_base.json": (0, 0, 0, 6, "is a multi-turn question"),
    "bfcl/BFCL_v4_multi_turn_miss_func.json": (0, 0, 0, 6, "is a multi-turn question"),
    "bfcl/BFCL_v4_multiple.json": (10, 20, 10, 0, None),
    "bfcl/BFCL_v4_parallel.json": (10, 20, 25, 0, None),
    "bfcl/BFCL_v4_parallel_multiple.json": (10, 20, 20, 0, None),
    "bfcl/BFCL_v4_simple_java.json": (10, 20, 10, 0, None),
    "bfcl/BFCL_v4_simple_javascript.json": (10, 20, 10, 0, None),
    "bfcl/BFCL_v4_simple_python.json": (12, 24, 12, 0, None),
    "derived/glaive_v2.jsonl": (40, 274, 56, 0, None),
    "derived/hermes_json.jsonl": (20, 124, 26, 0, None),
    "derived/hermes_python_dict.jsonl": (20, 150, 30, 0, None),
    "derived/xlam.json": (40, 80, 101, 0, None),
    "glaive-v2/quoted_row.json": (1, 6, 1, 0, None),
    "hermes-xml/few_shot.json": (2, 6, 2, 0, None),
    "hermes-xml/quoted_row_shortened.json": (1, 2, 3, 0, None),
    "instruction/axolotl_alpaca.json": (2, 4, 0, 0, None),
    "instruction/axolotl_conversation.json": (1, 12, 0, 0, None),
    "instruction/axolotl_conversation.missingturns.json": (0, 0, 0, 1, "the assistant says nothing"),
    "instruction/self_instruct_seed_tasks.jsonl": (40, 80, 0, 0, None),
    "llamafactory-v1/reason_tool_use.jsonl": (50, 274, 68, 0, None),
    "llamafactory-v1/v1_sft.jsonl": (30, 60, 0, 0, None),
    "nestful/executable-data.json": (20, 40, 69, 0, None),
    "nestful/non-executable-glaive-data.json": (20, 40, 95, 0, None),
    "nestful/non-executable-glaive-spec.json": (0, 0, 0, 70, "declares a tool"),
    "nestful/non-executable-sgd-data.json": (20, 40, 64, 0, None),
    "openai/functionary_test_case.json": (0, 0, 0, 1, "arguments are not JSON"),
    "openai/functionary_test_case_v1.json": (1, 8, 2, 0, None),
    "openai/functionary_test_case_v2.json": (0, 0, 0, 1, "arguments are not JSON"),
    "openai/functionary_test_case_v2.llama3.json": (0, 0, 0, 1, "arguments are not JSON"),
    "openai/tau_bench_airline_gpt4o.json": (20, 530, 118, 0, None),
    "react-text/alfworld_3prompts.json": (36, 995, 0, 0, None),
    "react-text/fever.json": (4, 48, 16, 0, None),
    "react-text/fireact_alpaca_format.json": (50, 285, 110, 0, None),
    "react-text/fireact_gpt_format.jsonl": (50, 320, 135, 0, None),
    "react-text/hotpotqa_prompts.json": (8, 208, 76, 0, None),
    "seal-tools/dataset_for_finetune_dev.json": (40, 80, 86, 0, None),
    "seal-tools/dev.jsonl": (50, 100, 107, 0, None),
    "seal-tools/tool.jsonl": (0, 0, 0, 60, "declares a tool"),
    "sharegpt-function_call/glaive_toolcall_en.json": (50, 334, 38, 0, None),
    "sharegpt-function_call/glaive_toolcall_zh.json": (30, 192, 24, 0, None),
    "swe-agent/function_calling_simple.traj": (1, 12, 5, 0, None),
    "swe-agent/humanevalfix-python-0.traj": (1, 11, 0, 0, None),
    "swe-agent/networking_1.traj": (1, 9, 0, 0, None),
    "text-transcript/tau_bench_retail_few_shot.jsonl": (0, 0, 0, 30, "the tool calls are missing"),
    "toolalpaca/chatgpt_runs_3apis.json": (0, 0, 0, 43, "the agent was stopped|it is not used"),
    "toolalpaca/eval_simulated_4apis.json": (21, 42, 21, 21, "the results between them are missing|is not JSON"),
    "toolalpaca/golden_eval_real_4apis.json": (38, 128, 45, 6, "ended with an error"),
    "toolbench/G1_answer": (4, 38, 16, 1, "train_messages is missing"),
    "toolbench/G1_query.json": (0, 0, 0, 5, "is a ToolBench query: the answer is missing"),
    "toolbench/G2_answer": (5, 42, 17, 0, None),
    "toolbench/G2_query.json": (0, 0, 0, 3, "is a ToolBench query: the answer is missing"),
    "toolbench/G3_answer": (1, 9, 4, 0, None),
    "toolbench/G3_query.json": (0, 0, 0, 2, "is a ToolBench query: the answer is missing"),
    "toolbench/tooleval_G1_instruction_25.json": (0, 0, 0, 25, "cut at 100 characters"),
}


def simple(one):
    """A conversation as role, text and calls."""
    return [(m["role"], m["content"] or "",
             [(c["function"]["name"], c["function"]["arguments"]) for c in m.get("tool_calls", [])])
            for m in one["messages"]]


def files_of(shared, name):
    base = shared / "data/formats" / name
    if base.is_dir():
        return sorted(base.glob("*.jsonl"))
    return [base] if base.exists() else sorted(base.parent.glob(base.name + "_*"))


def read_one(dump_all, path):
    answers = path.parent / "possible_answer" / path.name
    return dump_all(path, answers if answers.exists() else None)


@pytest.mark.parametrize("name", TABLE)
def test_every_sample_loads_or_says_what_is_missing(shared, dump_all, name):
    examples, messages, calls, bad, reason = TABLE[name]
    got, told = [], []
    files = files_of(shared, name)
    assert files
    for path in files:
        one, messages_of_bad = read_one(dump_all, path)
        got += one
        told += messages_of_bad
    turns = [turn for one in got for turn in simple(one)]
    counts = len(got), len(turns), sum(len(turn[2]) for turn in turns), len(told)
    for wanted, found in zip((examples, messages, calls, bad), counts):
        assert wanted is None or wanted == found, counts
    assert got or told
    for message in told:
        assert re.search(reason, message), message


def test_no_sample_is_forgotten(shared):
    folder = shared / "data/formats"
    named = {path for name in TABLE for path in files_of(shared, name)}
    there = {path for path in folder.rglob("*") if path.is_file() and "possible_answer" not in path.parts
             and path.name != "README.md"}
    assert there == named


# --- the same files, read here ---

def load(path):
    """Records of an array, an object or lines."""
    content = path.read_text(encoding="utf-8")
    try:
        value = json.loads(content)
    except json.JSONDecodeError:
        return [json.loads(line) for line in content.splitlines() if line.strip()]
    return value if isinstance(value, list) else [value]


def api_bank(path):
    turns = []
    for line in load(path):
        if line["role"] != "API":
            turns.append(({"User": "user", "AI": "assistant"}[line["role"]], line["text"], []))
            continue
        if turns[-1][0] != "assistant":
            turns.append(("assistant", "", []))
        turns[-1][2].append((line["api_name"], line["param_dict"]))
        result = line["result"]
        output = result["output"]
        if output is None and result["exception"]:
            output = "exception: " + str(result["exception"])
        turns.append(("tool", output if isinstance(output, str) else
                      json.dumps(output, ensure_ascii=False), []))
    return [turns]


def glaive(path):
    out = []
    for record in load(path):
        turns = []
        parts = re.split(r"(?:^|\n)(USER|ASSISTANT|FUNCTION RESPONSE):", record["chat"])[1:]
        for label, body in zip(parts[::2], parts[1::2]):
            body = body.strip().removesuffix("<|endoftext|>").strip()
            if label != "ASSISTANT":
                turns.append(({"USER": "user"}.get(label, "tool"), body, []))
                continue
            content, _, call = body.partition("<functioncall>")
            calls = []
            if call:
                found = re.fullmatch(r"""\s*\{"name": "(.*?)", "arguments": '(.*)'\}""", call, re.S)
                calls = [(found[1], json.loads(found[2]))]
            turns.append(("assistant", content.strip(), calls))
        out.append(turns)
    return out


def hermes_python(path):
    out = []
    for record in load(path):
        turns = []
        for item in record["conversations"]:
            body = item["value"]
            if item["from"] == "system":
                continue
            calls = [ast.literal_eval(c) for c in re.findall(
                r"<tool_call>\s*(.*?)\s*</tool_call>", body, re.S)]
            for response in re.findall(r"<tool_response>\s*(.*?)\s*</tool_response>", body, re.S):
                turns.append(("tool", json.loads(response)["content"], []))
            if item["from"] != "tool":
                turns.append(({"human": "user", "gpt": "assistant"}[item["from"]],
                              "" if calls else body, [(c["name"], c["arguments"]) for c in calls]))
        out.append(turns)
    return out


def seal(path):
    out = []
    for record in load(path):
        if "query" in record:
            query, calling = record["query"], record["calling"]
        else:
            prompt, answer = (item["value"] for item in record["conversations"])
            query = re.search(r'\ntask_instruction = "(.*)"\nOutput:', prompt, re.S)[1]
            calling = ast.literal_eval(answer)
        out.append([("user", query, []),
                    ("assistant", "", [(c["api"], c["parameters"]) for c in calling])])
    return out


def nestful(path):
    return [[("user", r["input"], []),
             ("assistant", "", [(c["name"], c["arguments"]) for c in r["output"]])]
            for r in load(path)]


def llamafactory(path):
    out = []
    for record in load(path):
        turns = []
        for message in record["messages"]:
            parts = message["content"]
            text = "\n".join(p["value"] for p in parts if p["type"] == "text")
            calls = [json.loads(p["value"]) for p in parts if p["type"] == "tool_call"]
            turns.append((message["role"], text, [(c["name"], c["arguments"]) for c in calls]))
        out.append(turns)
    return out


def openai(path):
    out = []
    for record in load(path):
        turns = []
        for m in record.get("messages") or record.get("traj") or record["history"]:
            calls = [c["function"] for c in m.get("tool_calls") or []]
            calls += [m["function_call"]] if m.get("function_call") else []
            turns.append((m["role"].replace("function", "tool"), m["content"] or "",
                          [(c["name"], json.loads(c["arguments"])) for c in calls]))
        out.append(turns)
    return out


def react_messages(path):
    out = []
    for record in load(path):
        turns = []
        for m in record["messages"]:
            found = re.fullmatch(r"(?:Thought: (.*?)\n)?Action: (\w+)\[(.*)\]\s*", m["content"], re.S)
            if m["role"] == "assistant" and found:
                turns.append(("assistant", (found[1] or "").strip(),
                              [(found[2], {"input": found[3]})]))
            elif m["content"].startswith("Observation: "):
                turns.append(("tool", m["content"].removeprefix("Observation: ").strip(), []))
            else:
                turns.append((m["role"], m["content"], []))
        out.append(turns)
    return out


def alfworld(path):
    out = []
    for text in json.loads(path.read_text(encoding="utf-8")).values():
        turns = []
        for line in text.strip().split("\n"):
            if line.startswith("> "):
                turns.append(("assistant", line[2:].strip(), []))
            elif turns and turns[-1][0] == "user":
                turns[-1] = ("user", (turns[-1][1] + "\n" + line).strip(), [])
            else:
                turns.append(("user", line, []))
        out.append([(role, said.strip(), []) for role, said, _ in turns])
    return out


def react_course(text, turns, head):
    """Adds what labelled text says; `head` is the role of what stands before the first label."""
    pieces = re.split(r"(?:^|\n)(Question|Claim|Thought|Action|Observation|Answer)(?: \d+)?:", text)
    if pieces[0].strip():
        turns.append((head, pieces[0].strip(), []))
    thoughts = []
    for label, body in zip(pieces[1::2], map(str.strip, pieces[2::2])):
        if label == "Thought":
            thoughts.append(body)
        elif label in ("Action", "Answer"):
            found = re.fullmatch(r"([^\[]+)\[(.*)\][^\]]*", body, re.S)
            act = label == "Action"
            said = "\n".join(thoughts + ([] if act else [body]))
            turns.append(("assistant", said, [(found[1].strip(), {"input": found[2]})] if act else []))
            thoughts = []
        else:
            if thoughts:
                turns.append(("assistant", "\n".join(thoughts), []))
                thoughts = []
            turns.append(("tool" if label == "Observation" else "user", body, []))
    if thoughts:
        turns.append(("assistant", "\n".join(thoughts), []))
    return turns


def react_prompts(path):
    return [react_course(text, [], "system")
            for text in json.loads(path.read_text(encoding="utf-8")).values()]


def react_alpaca(path):
    return [react_course(r["output"], [(
        "user", r["instruction"] + ("\n" + r["input"] if r["input"] else ""), [])], "assistant")
        for r in load(path)]


def hermes_example(path):
    out = []
    for record in load(path):
        text, turns = record["example"].strip().strip("`"), []
        for label, body in re.findall(r"(USER|ASSISTANT):(.*?)(?=\n(?:USER|ASSISTANT):|\Z)", text, re.S):
            calls = [json.loads(c) for c in re.findall(r"<tool_call>(.*?)</tool_call>", body, re.S)]
            turns.append(({"USER": "user"}.get(label, "assistant"), "" if calls else body.strip(),
                          [(c["name"], c["arguments"]) for c in calls]))
        system = re.match(r"\s*SYSTEM:(.*?)<tools>", text, re.S)[1].strip()
        out.append([("system", system, [])] + turns)
    return out


def sharegpt(path):
    return [[({"human": "user", "gpt": "assistant"}[i["from"]], i["value"], [])
             for i in r["conversations"]] for r in load(path)]


def toolalpaca_golden(path):
    out = []
    for api in load(path):
        for instance in api["Instances"]:
            if "error" in instance:
                continue
            turns = [("user", instance["input"], [])]
            for (name, arguments), seen in instance["intermediate_steps"]:
                turns += [("assistant", "", [(name, json.loads(arguments))]), ("tool", seen, [])]
            out.append(turns)
    return out


def toolbench(path):
    answer = load(path)[0]["answer_generation"]
    return openai_records([{"messages": answer["train_messages"][-1]}])


def openai_records(records):
    out = []
    for record in records:
        turns = []
        for m in record["messages"]:
            calls = [m["function_call"]] if m.get("function_call") else []
            turns.append((m["role"].replace("function", "tool"), m["content"] or "",
                          [(c["name"], json.loads(c["arguments"])) for c in calls]))
        out.append(turns)
    return out


def alpaca(path):
    out = []
    for record in load(path):
        for one in record.get("instances", [record]):
            question = record["instruction"] + ("\n" + one["input"] if one["input"] else "")
            out.append([("user", question, []), ("assistant", one["output"], [])])
    return out


READINGS = {
    "api-bank": api_bank, "glaive-v2/quoted_row.json": glaive, "derived/glaive_v2.jsonl": glaive,
    "derived/hermes_python_dict.jsonl": hermes_python,
    "hermes-xml/quoted_row_shortened.json": hermes_python,
    "seal-tools/dev.jsonl": seal, "seal-tools/dataset_for_finetune_dev.json": seal,
    "nestful/executable-data.json": nestful, "nestful/non-executable-sgd-data.json": nestful,
    "nestful/non-executable-glaive-data.json": nestful,
    "llamafactory-v1/reason_tool_use.jsonl": llamafactory,
    "llamafactory-v1/v1_sft.jsonl": llamafactory,
    "openai/functionary_test_case_v1.json": openai, "openai/tau_bench_airline_gpt4o.json": openai,
    "swe-agent/function_calling_simple.traj": openai, "swe-agent/networking_1.traj": openai,
    "swe-agent/humanevalfix-python-0.traj": openai,
    "react-text/fireact_gpt_format.jsonl": react_messages, "react-text/alfworld_3prompts.json": alfworld,
    "toolalpaca/golden_eval_real_4apis.json": toolalpaca_golden,
    "toolbench/G1_answer": toolbench, "toolbench/G2_answer": toolbench, "toolbench/G3_answer": toolbench,
    "react-text/hotpotqa_prompts.json": react_prompts, "react-text/fever.json": react_prompts,
    "react-text/fireact_alpaca_format.json": react_alpaca, "hermes-xml/few_shot.json": hermes_example,
    "instruction/axolotl_conversation.json": sharegpt, "instruction/axolotl_alpaca.json": alpaca,
    "instruction/self_instruct_seed_tasks.jsonl": alpaca,
}


@pytest.mark.parametrize("name", READINGS)
def test_what_samples_say(shared, dump_all, name):
    for path in files_of(shared, name):
        got, bad = read_one(dump_all, path)
        if not got:
            assert bad
            continue
        wanted = READINGS[name](path)
        for one, turns in zip(got, wanted, strict=True):
            assert simple(one) == turns


def canonical(shared):
    out = {}
    for name in ("tooluse-train", "tooluse-eval"):
        for line in (shared / f"data/{name}.jsonl").read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            out[record["id"]] = record
    return out


def schemas(tools):
    return [(t["function"]["name"], t["function"].get("description"), t["function"]["parameters"])
            for t in tools or []]


@pytest.mark.parametrize("name", ["hermes_json.jsonl", "hermes_python_dict.jsonl"])
def test_hermes_files_are_the_records_they_were_made_of(shared, dump_all, name):
    path, origin = shared / "data/formats/derived" / name, canonical(shared)
    got, _ = dump_all(path)
    for record, one in zip(load(path), got, strict=True):
        wanted = origin[record["id"]]
        assert simple(one) == simple(wanted)
        assert one["tools"] == (wanted["tools"] or None)


def test_xlam_and_seal_tools_give_the_schemas_they_were_made_of(shared, dump_all):
    origin = canonical(shared)
    questions = {r["messages"][0]["content"]: r for r in origin.values()}
    seen = 0
    for name in ("derived/xlam.json", "seal-tools/dataset_for_finetune_dev.json"):
        for one in dump_all(shared / "data/formats" / name)[0]:
            wanted = questions.get(one["messages"][0]["content"])
            if wanted:
                seen += 1
                if name.startswith("derived"):  # the others were brought into the types declared
                    assert simple(one)[1][2] == simple(wanted)[1][2]
                assert schemas(one["tools"]) == schemas(wanted["tools"])
    assert seen >= 40


def test_glaive_tools(shared, dump_all):
    for name in ("derived/glaive_v2.jsonl", "glaive-v2/quoted_row.json"):
        path = shared / "data/formats" / name
        for record, one in zip(load(path), dump_all(path)[0], strict=True):
            text, found = record["system"], []
            while "{" in text:
                value, end = json.JSONDecoder().raw_decode(text, text.index("{"))
                found.append(value)
                text = text[end:]
            assert [t["function"] for t in one["tools"] or []] == found


def test_reasoning_and_weights_of_llamafactory(shared, dump_all):
    path = shared / "data/formats/llamafactory-v1/reason_tool_use.jsonl"
    for record, one in zip(load(path), dump_all(path)[0], strict=True):
        for message, kept in zip(record["messages"], one["messages"], strict=True):
            reasoning = [p["value"] for p in message["content"] if p["type"] == "reasoning"]
            assert kept.get("reasoning_content", "") == "\n".join(reasoning)
    path = shared / "data/formats/llamafactory-v1/v1_sft.jsonl"
    for record, one in zip(load(path), dump_all(path)[0], strict=True):
        assert one["weights"] == [m.get("loss_weight", float(m["role"] == "assistant"))
                                  for m in record["messages"]]


# --- the samples of the repository: one story in each layout ---

QUESTION, ANSWER = "Will it rain in Lisbon tomorrow? It's for a picnic.", \
    "Hardly: half a millimetre is expected."
CALL, RESULT = ("get_weather", {"city": "Lisbon", "days": 1}), '{"rain_mm": 0.5}'
ASKED, CALLED, SEEN, SAID = ("user", QUESTION, []), ("assistant", "", [CALL]), ("tool", RESULT, []), \
    ("assistant", ANSWER, [])
THOUGHT = ("assistant", "The forecast knows.", [CALL])
STORY = [ASKED, CALLED, SEEN, SAID]
PLAIN = [("user", "Who are you?", []), ("assistant", "I look up the weather.", [])]
SAMPLES = {
    "hermes.jsonl": ("hermes", [PLAIN, STORY, STORY]),
    "xlam.json": ("xlam", [[ASKED, CALLED]]),
    "toolace.jsonl": ("toolace", [STORY]),
    "glaive.jsonl": ("glaive", [STORY, [(
        "system", "You are a helpful assistant, with no access to external functions.", [])] + PLAIN]),
    "ms-swift.jsonl": ("ms-swift", [STORY, PLAIN]),
    "llamafactory.jsonl": ("llamafactory", [STORY]),
    "react.jsonl": ("react", [[ASKED, THOUGHT, SEEN, SAID], [
        ASKED, ("assistant", "The forecast knows.", [("search", {"input": "rain in Lisbon"})]),
        ("tool", "0.5 mm", []), ("assistant", "That is little.\n" + ANSWER, [])]]),
    "toolbench.jsonl": ("toolbench", [[
        ("system", "You are AutoGPT, you can use many tools(functions) to do the following task.", []),
        ASKED, THOUGHT, SEEN,
        ("assistant", "", [("Finish", {"return_type": "give_answer", "final_answer": ANSWER})])]]),
    "toolalpaca.json": ("toolalpaca", [[ASKED, THOUGHT, SEEN, SAID], PLAIN]),
    "api-bank.jsonl": ("api-bank", [STORY]),
    "seal-tools.jsonl": ("seal-tools", [[ASKED, CALLED]]),
    "nestful.json": ("nestful", [[ASKED, ("assistant", "", [
        ("find_city", {"name": "Lisbon"}), ("get_weather", {"city": "$var1.city$", "days": 1})])]]),
    "swe-agent.traj": ("swe-agent", [[("system", "You work in a shell.", []), ASKED, THOUGHT, SEEN,
                                      SAID]]),
    "alpaca.jsonl": ("alpaca", [PLAIN, [
        ("system", "Be short.", []), ("user", "Hello", []), ("assistant", "Hi", []),
        ("user", "Answer the question.\nWho are you?", []), PLAIN[1]], [
        ("user", "Say it shorter.\nI look up the weather.", []), ("assistant", "I forecast.", [])], [
        ("user", "Say it shorter.\nHardly any rain.", []), ("assistant", "Dry.", [])]]),
    "text.jsonl": ("text", [[("assistant", "Rain falls mainly in winter in Lisbon.", [])], PLAIN]),
}
DECLARED = [{"type": "function", "function": {
    "name": "get_weather", "description": "Forecast of rain for a city", "parameters": {
        "type": "object", "properties": {
            "city": {"type": "string", "description": "Name of the city"},
            "days": {"type": "integer", "description": "How many days ahead"}}, "required": ["city"]}}}]
UNDECLARED = {"react.jsonl", "api-bank.jsonl", "seal-tools.jsonl", "nestful.json", "swe-agent.traj"}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_of_the_repository(root, graft, dump_all, name):
    layout, wanted = SAMPLES[name]
    path = root / "datasets" / name
    got, bad = dump_all(path)
    assert not bad and [simple(one) for one in got] == wanted
    for one, turns in zip(got, wanted):
        calls = any(turn[2] for turn in turns)
        tools = [{"type": t["type"], "function": {k: v for k, v in t["function"].items()
                                                  if k != "required"}} for t in one["tools"] or []]
        assert tools == (DECLARED if calls and name not in UNDECLARED else tools)
        assert bool(tools) == (calls and name not in UNDECLARED) or layout == "toolalpaca"
    summary = json.loads(graft("data", "check", path, "--json").stdout)
    assert summary["format"] == layout and summary["examples"] == len(wanted)


def test_a_layout_may_show_only_after_some_records(dump_all, jsonl):
    """ms-swift and Hermes look like plainer layouts until a call comes."""
    plain = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    call = {"messages": [{"role": "user", "content": "q"},
                         {"role": "tool_call", "content": '{"name": "f", "arguments": {}}'}]}
    got, bad = dump_all(jsonl("late.jsonl", [plain] * 20 + [call]))
    assert not bad and simple(got[20])[1][2] == [("f", {})]
    tagged = {"messages": [{"role": "user", "content": "q"}, {
        "role": "assistant", "content": '<tool_call>{"name": "f", "arguments": {}}</tool_call>'}]}
    got, bad = dump_all(jsonl("late.jsonl", [plain] * 20 + [tagged]))
    assert not bad and simple(got[20])[1][2] == [("f", {})]
