"""The perplexity of general text against transformers: the same windows of the same tokens."""
import json
import math

import pytest

WINDOW, LIMIT = 512, 1100


@pytest.fixture(scope="module")
def reference(base_f32):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    model = AutoModelForCausalLM.from_pretrained(base_f32.parent, gguf_file=base_f32.name,
                                                 dtype=torch.float32)
    return model.eval(), AutoTokenizer.from_pretrained(base_f32.parent, gguf_file=base_f32.name)


def losses(reference, text, limit):
    """Sum of the losses, and how many tokens have one."""
    import torch
    model, tokenizer = reference
    ids = tokenizer(text, add_special_tokens=False)["input_ids"][:limit]
    total, n = 0.0, 0
    for begin in range(0, len(ids), WINDOW):
        window = torch.tensor([ids[begin:begin + WINDOW]])
        if window.shape[1] < 2:
            continue
        with torch.no_grad():
            logits = model(window).logits[0, :-1]
        total += torch.nn.functional.cross_entropy(logits, window[0, 1:], reduction="sum").item()
        n += window.shape[1] - 1
    return total, n


def measured(graft, base, data, examples, limit):
    out = graft("eval", examples, "--base", base, "--samples", 1, "--max_new_tokens", 1, "--json",
                "--perplexity_dataset", data, "--perplexity_tokens", limit).stdout
    return json.loads(out)["perplexity"]


def assert_agree(got, total, n):
    assert got["of"] == n
    assert abs(got["loss_per_token"] - total / n) < 2e-4 * total / n
    assert math.isclose(got["perplexity"], math.exp(got["loss_per_token"]), rel_tol=1e-9)


def test_a_text_file(graft, base_f32, reference, root):
    got = measured(graft, base_f32, "README.md", root / "datasets/prompt-completion.jsonl", LIMIT)
    total, n = losses(reference, (root / "README.md").read_text()[:LIMIT * 16], LIMIT)
    assert n == LIMIT - 3
    assert_agree(got, total, n)


def test_texts_of_a_dataset(graft, base_f32, reference, root, jsonl):
    import torch
    texts = ["The river rises in the mountains and runs to the sea.", "Once more, with feeling!",
             "# A heading\n\nAnd below it: <|im_end|> is only text."]
    data = jsonl("texts.jsonl", [{"text": text} for text in texts])
    got = measured(graft, base_f32, data, root / "datasets/prompt-completion.jsonl", 0)
    parts = [losses(reference, text, None) for text in texts[:2]]
    # the marker is written in letters there: transformers would read it as the control token
    pieces = json.loads(graft("tokenize", "--base", base_f32, texts[2], "--json").stdout)["ids"]
    with torch.no_grad():
        logits = reference[0](torch.tensor([pieces])).logits[0, :-1]
    last = torch.nn.functional.cross_entropy(logits, torch.tensor(pieces[1:]), reduction="sum")
    parts.append((last.item(), len(pieces) - 1))
    assert_agree(got, sum(p[0] for p in parts), sum(p[1] for p in parts))
