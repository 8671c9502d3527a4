"""What is trained: for every real template, token by token, against jinja2 and llama.cpp; parts of a
turn that weigh more or nothing; errors; long conversations cut between turns; mixtures."""
import datetime
import json

import jinja2
import pytest

from test_templates import environment

SHAPES = [(False, False), (False, True), (True, False), (True, True)]


def lookup(key):
    return {"id": "call00001", "type": "function",
            "function": {"name": "lookup", "arguments": {"key": key}}}


TOOLS = [{"type": "function", "function": {
    "name": "lookup", "description": "Looks up", "parameters": {
        "type": "object", "properties": {"key": {"type": "string", "description": "What"}},
        "required": ["key"]}}}]


def conversation(tools, words="SUTVW"):
    """Two exchanges; what others than the assistant say is made of `words`."""
    system, user, result, again, _ = (f"{word}word {word}{word}" for word in words)
    steps = [{"role": "assistant", "content": "FIRST", "tool_calls": [lookup("CALL")]},
             {"role": "tool", "tool_call_id": "call00001", "name": "lookup", "content": result}]
    return {"messages": [{"role": "system", "content": system}, {"role": "user", "content": user},
                         *(steps if tools else []), {"role": "assistant", "content": "SECOND one"},
                         {"role": "user", "content": again},
                         {"role": "assistant", "content": "THIRD"}],
            "tools": TOOLS if tools else []}


def shaped(message, string_arguments, empty_content):
    message = json.loads(json.dumps(message))
    for one in message.get("tool_calls", []) if string_arguments else []:
        one["function"]["arguments"] = json.dumps(one["function"]["arguments"])
    if empty_content and not message.get("content"):
        message["content"] = ""
    return message


class Renderer:
    """A template in jinja2, given messages in one of the shapes templates want."""

    def __init__(self, source, record, shape):
        env = environment()
        env.globals["strftime_now"] = lambda f: datetime.datetime.now().strftime(f)
        self.template = env.from_string(source)
        self.messages = [shaped(m, *shape) for m in record["messages"]]
        self.tools = record["tools"] or None

    def __call__(self, n, generation):
        def render(tools):
            return self.template.render(messages=self.messages[:n], tools=tools, documents=None,
                                        add_generation_prompt=generation, bos_token="<|im_start|>",
                                        eos_token="<|im_end|>")

        try:
            return render(self.tools)
        except TypeError:  # it walks over tools where there are none
            return render(self.tools or [])


def common(a, b):
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return n


def expected_samples(render, turns):
    """[(text, [(begin, end), ...])] for the trained turns, from prefixes alone: a turn is what comes
    behind its prompt; one sample serves all turns that the last of them repeats as they stand.
    None where a prompt is not a prefix of what follows."""
    ends = {}
    for i in turns:
        prompt, whole = render(i, True), render(i + 1, False)
        if not whole.startswith(prompt):
            return None
        ends[i] = (len(prompt), len(whole.rstrip(" \t\r\n")), whole)
    samples, done = [], set()
    for last in reversed(turns):
        if last in done:
            continue
        whole = ends[last][2]
        parts = [i for i in turns if i <= last and i not in done
                 and whole.startswith(ends[i][2][:ends[i][1]])]
        done |= set(parts)
        samples.append((whole, [ends[i][:2] for i in parts]))
    return samples[::-1]


class Tokens:
    """llama.cpp's tokenizer of the base, and the bytes of its tokens."""

    def __init__(self, runtime, base_model):
        self.llamart = runtime.llamart
        self.model = runtime.llamart.Model(str(base_model), vocab_only=True)

    def piece(self, token):
        C, out = self.llamart.C, self.llamart.C.create_string_buffer(256)
        n = self.llamart.L.llama_detokenize(self.model.vocab, (C.c_int32 * 1)(token), 1, out, 256,
                                            False, True)
        return out.raw[:n]

    def expected(self, text, spans):
        """ids and weights: the text is cut where turns begin; a token that begins in a turn is
        trained."""
        cuts = [0, *(begin for begin, _ in spans), len(text)]
        ids, weights = [], []
        for k in range(len(cuts) - 1):
            at, end = cuts[k], spans[k - 1][1] if k else cuts[k]
            limit = len(text[at:end].encode())
            n = 0
            for token in self.model.tokenize(text[at:cuts[k + 1]]):
                weights.append(float(n < limit))
                ids.append(token)
                n += len(self.piece(token))
        return ids, weights

    def trained(self, example):
        """The trained runs as text."""
        runs, before = [], 0.0
        for token, weight in zip(example["ids"], example["weights"]):
            if weight and not before:
                runs.append(b"")
            if weight:
                runs[-1] += self.piece(token)
            before = weight
        return [run.decode() for run in runs]

    def spans(self, example):
        """Bytes at which the trained runs begin, their last token begins, and they end."""
        out, at, before = [], 0, 0.0
        for token, weight in zip(example["ids"], example["weights"]):
            n = len(self.piece(token))
            if weight and not before:
                out.append([at, at, at])
            if weight:
                out[-1][1:] = at, at + n
            at += n
            before = weight
        return out

    def untrained(self, example):
        return b"".join(self.piece(t) for t, w in zip(example["ids"], example["weights"])
                        if not w).decode()


@pytest.fixture(scope="module")
def tokens(runtime, base_model):
    made = Tokens(runtime, base_model)
    yield made
    made.model.close()


@pytest.fixture
def show(graft, jsonl, base_model):
    """show(record, template, *options) -> its examples, or the message of refusal."""
    def run(record, template, *more):
        done = graft("data", "show", "--base", base_model, "--chat-template", template, "--json",
                     *more, jsonl("one.jsonl", [record]), status=None)
        if done.returncode:
            assert done.returncode in (5, 6), done.stderr
            return done.stderr
        replaced = "built-in tool template" in done.stderr
        return [{**json.loads(line), "replaced": replaced} for line in done.stdout.splitlines()]

    return run


# Templates that cannot be used on these conversations, by tools, and the construct that is why.
REWRITES = "changes what stands before this reply"
REFUSED = {
    True: {"CohereForAI-c4ai-command-r7b-12-2024-tool_use": REWRITES, "openai-gpt-oss-120b": REWRITES},
    False: {"CohereForAI-c4ai-command-r7b-12-2024-tool_use": REWRITES,
            # it wants variables that nobody sets
            "fireworks-ai-llama-3-firefunction-v2": "'functions' is undefined"},
}


def templates(shared):
    return sorted((shared / "fixtures/templates").glob("*.jinja"))


def reference(source, record, examples):
    """The expected samples in the shape in which the texts agree; None where prompts are no
    prefixes."""
    turns = [i for i, m in enumerate(record["messages"]) if m["role"] == "assistant"]
    for shape in SHAPES:
        try:
            samples = expected_samples(Renderer(source, record, shape), turns)
        except (jinja2.exceptions.TemplateError, TypeError):
            continue
        if samples is not None and [text for text, _ in samples] == [e["text"] for e in examples]:
            return samples
    return None


def behind_what_stood_before(tokens, source, record, shape, examples):
    """Is every trained run of the examples the end of a turn in jinja2's rendering, behind all that
    stood before the turn, or a turn put behind its prompt?"""
    try:
        render = Renderer(source, record, shape)
        turns = [(render(i, False).encode(), render(i, True).encode(),
                  render(i + 1, False).encode().rstrip())
                 for i, m in enumerate(record["messages"]) if m["role"] == "assistant"]
    except (jinja2.exceptions.TemplateError, TypeError):
        return False
    for example in examples:
        text = example["text"].encode()
        for begin, last, end in tokens.spans(example):
            # to this base most markers are text: its tokens may reach over the end of a turn
            if not any((text.startswith(whole) and last < len(whole) <= end
                        and begin >= common(before, whole))
                       or (text.startswith(prompt) and begin == len(prompt)
                           and whole.endswith(text[begin:end].rstrip()))
                       for before, prompt, whole in turns):
                return False
    return True


@pytest.mark.parametrize("tools", [True, False], ids=["tools", "plain"])
def test_every_template_token_by_token(shared, show, tokens, tools):
    """Where a prompt is a prefix of what follows, ids and weights are those of jinja2 and llama.cpp.
    Elsewhere (the template opens a thought, or changes what stands before a reply) every trained run
    ends where a turn ends, and begins behind all that others said before."""
    exact, other, replaced, refused = [], [], [], {}
    for path in templates(shared):
        record = conversation(tools)
        examples = show(record, path)
        if isinstance(examples, str):
            refused[path.stem] = examples
            continue
        if examples[0]["replaced"]:
            replaced.append(path.stem)
            continue
        source = path.read_text(encoding="utf-8")
        samples = reference(source, record, examples)
        if samples is None:
            assert any(behind_what_stood_before(tokens, source, record, shape, examples)
                       for shape in SHAPES), path.stem
            other.append(path.stem)
            continue
        for (text, spans), example in zip(samples, examples, strict=True):
            ids, weights = tokens.expected(text, spans)
            assert example["ids"] == ids, path.stem
            assert example["weights"] == weights, path.stem
        exact.append(path.stem)
    print(f"{len(exact)} exact; {len(other)} other: {other}; replaced: {replaced}")
    assert refused.keys() == REFUSED[tools].keys()
    for name, why in REFUSED[tools].items():
        assert why in refused[name], refused[name]
    assert len(exact) + len(other) + len(replaced) + len(refused) == len(templates(shared))
    assert len(exact) >= (30 if tools else 40)


@pytest.mark.parametrize("tools", [True, False], ids=["tools", "plain"])
def test_what_others_say_changes_nothing_trained(shared, show, tokens, tools):
    """Whatever system, user and tool say, the same text is trained, and all that the assistant says
    is in it; whatever the assistant says, what is not trained stays the same."""
    n = 0
    for path in templates(shared):
        one, two = (show(conversation(tools, words), path) for words in ("SUTVW", "ABCDE"))
        if isinstance(one, str):
            assert path.name in one
            continue
        trained = [run for e in one for run in tokens.trained(e)]
        assert trained == [run for e in two for run in tokens.trained(e)], path.stem
        for said in ("SECOND one", "THIRD", *(["FIRST", "CALL"] if tools else [])):
            kept = sum(said in run for run in trained)
            assert kept == 1 or (said == "FIRST" and kept == 0), (path.stem, said, trained)
        if len(one) == 1:
            spoken = conversation(tools)
            for message in spoken["messages"]:
                if message["role"] == "assistant":
                    message["content"] = message["content"].replace("R", "QQ")
            other = show(spoken, path)
            assert tokens.untrained(one[0]) == tokens.untrained(other[0]), path.stem
        n += 1
    assert n >= 50


# --- parts of a turn ---

THOUGHT = "I had better look\nit up"


def weighed(tokens, example):
    """{weight: text of its tokens}"""
    out = {}
    for token, weight in zip(example["ids"], example["weights"]):
        out[weight] = out.get(weight, b"") + tokens.piece(token)
    return {weight: text.decode() for weight, text in out.items()}


def test_calls_weigh_more(shared, show, tokens):
    record = conversation(True)
    record["messages"].insert(3, {"role": "assistant", "content": None,
                                  "tool_calls": [{**lookup("MORE"), "id": "call00002"},
                                                 {**lookup("PARALLEL"), "id": "call00003"}]})
    record["messages"].insert(3, {"role": "tool", "tool_call_id": "call00001", "content": "r"})
    record["messages"][5]["tool_call_id"] = "call00002"
    template = shared / "fixtures/templates/Qwen-Qwen2.5-7B-Instruct.jinja"
    plain, = show(record, template)
    example, = show(record, template, "--tool_call_weight", 2.5)
    assert example["ids"] == plain["ids"]
    found = weighed(tokens, example)
    assert found.keys() == {0.0, 1.0, 2.5}
    calls = [f'<tool_call>\n{{"name": "lookup", "arguments": {{"key": "{key}"}}}}\n</tool_call>'
             for key in ("CALL", "MORE", "PARALLEL")]
    # the line break between text and call is there because of the call
    assert found[2.5] == f"\n{calls[0]}{calls[1]}\n{calls[2]}"
    assert found[1.0] == "FIRST<|im_end|><|im_end|>SECOND one<|im_end|>THIRD<|im_end|>"


def reasoning_record(inline):
    record = conversation(True)
    for message in record["messages"]:
        if message["role"] == "assistant" and inline:
            message["content"] = f"<think>\n{THOUGHT}\n</think>\n\n{message['content']}"
        elif message["role"] == "assistant":
            message["reasoning_content"] = THOUGHT
    return record


@pytest.mark.parametrize("inline", [True, False], ids=["think", "reasoning_content"])
@pytest.mark.parametrize("name", ["Qwen-Qwen3-0.6B", "Qwen-Qwen2.5-7B-Instruct", "GLM-4.7-Flash",
                                  "Qwen3.5-4B"])
def test_reasoning(shared, show, tokens, name, inline):
    record = reasoning_record(inline)
    template = shared / f"fixtures/templates/{name}.jinja"
    trained, context, dropped = (show(record, template, "--reasoning", how)
                                 for how in ("train", "context", "drop"))
    assert [e["ids"] for e in trained] == [e["ids"] for e in context]
    text = ["\n".join(tokens.trained(e)) for e in trained]
    if not any(THOUGHT in one for one in text):  # the template does not know reasoning_content
        assert trained == context and not inline
    shown = sum(THOUGHT in e["text"] for e in trained)
    for a, b in zip(trained, context):
        assert sum(b["weights"]) < sum(a["weights"]) or THOUGHT not in "\n".join(tokens.trained(a))
        kept = "\n".join(tokens.trained(b))
        assert "had better" not in kept and "it up" not in kept
        for said in ("FIRST", "CALL", "SECOND one", "THIRD"):
            assert (said in kept) == (said in "\n".join(tokens.trained(a)))
    for e in dropped:
        assert "had better" not in e["text"]
    plain = show(conversation(True), template)
    assert [e["ids"] for e in dropped] == [e["ids"] for e in plain]
    assert shown or not inline


def test_turns_without_their_thoughts_become_samples(shared, show, tokens):
    """Qwen3 strips the thoughts of earlier exchanges: each trained turn is seen as it is served."""
    template = shared / "fixtures/templates/Qwen-Qwen3-0.6B.jinja"
    examples = show(reasoning_record(False), template)
    assert len(examples) == 2  # the steps of one exchange stay together
    first, second = (tokens.trained(e) for e in examples)
    assert [THOUGHT in run for run in first] == [True, True] and "SECOND one" in first[1]
    assert len(second) == 1 and "THIRD" in second[0] and THOUGHT in second[0]
    assert examples[1]["text"].count(THOUGHT) == 1


# --- errors ---

def test_failed_calls_are_context(shared, show, tokens):
    template = shared / "fixtures/templates/Qwen-Qwen2.5-7B-Instruct.jinja"
    record = conversation(True)
    record["messages"][3]["content"] = "Error: no such key"
    kept, = show(record, template)
    masked, = show(record, template, "--mask_errors", "true")
    assert kept["ids"] == masked["ids"]
    assert [run[:6] for run in tokens.trained(kept)] == ["FIRST\n", "SECOND", "THIRD<"]
    assert [run[:6] for run in tokens.trained(masked)] == ["SECOND", "THIRD<"]


def test_real_trajectories(shared, graft, base_model, tmp_path):
    """tau-bench writes errors as "Error: ..."; the counts are those of a plain search."""
    path = shared / "data/tau-airline.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    errors, calls = 0, set()
    for k, record in enumerate(records):
        for message in record["messages"]:
            if message["role"] == "tool" and message["content"].startswith("Error"):
                errors += 1
                calls.add((k, message["tool_call_id"]))
    shown = graft("data", "show", "--base", base_model, "--json", "--mask_errors", "true", path)
    assert f"mask_errors: {errors} tool results report an error; {len(calls)} messages" \
        in shown.stderr and errors >= 5


# --- cut between turns ---

def test_real_conversations_are_cut(shared, graft, base_model):
    data = shared / "data/tau-airline.jsonl"
    base = ("--base_model", base_model, "--dataset", data, "--max_seq_length", 6144, "--measure",
            "false")
    plan = json.loads(graft("plan", *base, "--truncation", "turns", "--json", "--quiet").stdout)
    lengths = plan["lengths"]
    dropped = json.loads(graft("plan", *base, "--truncation", "drop", "--json",
                               "--quiet").stdout)["lengths"]
    assert lengths["longer"] == dropped["longer"] > 5
    assert lengths["cut"] <= lengths["longer"] and lengths["windows"] > lengths["cut"]
    assert lengths["trained_tokens"] > dropped["trained_tokens"]
    table = graft("plan", *base, "--truncation", "turns", "--quiet").stdout
    assert f"{lengths['cut']}, into {lengths['windows']} windows" in table
