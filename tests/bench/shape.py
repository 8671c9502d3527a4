"""tests/bench/run shape - random weights in the shape of a larger model, every token trained."""
from common import BASE, GRAFT, HERE, OUT, PYTHON, Report, need, run_child
from training import RANK, row_table, run_graft, run_torch, ways_of


def run(options):
    need(GRAFT, PYTHON, BASE)
    model, data, template = (OUT / f"{options.shape}.{end}" for end in
                             ("Q4_0.gguf", "jsonl", "jinja"))
    run_child([PYTHON, HERE / "make_shape.py", "--shape", options.shape, "--base", BASE, "--model",
               model, "--data", data, "--template", template, "--length", options.length,
               "-n", options.batch * options.steps], "shape-make")
    grafts = {}
    for way, more in ways_of(options).items():
        grafts[way] = run_graft("shape", {"base_model": model, "dataset": data,
                                          "dataset_format": "prompt", "chat_template": template,
                                          "max_seq_length": 2 * options.length,
                                          "batch_size": options.batch, **more}, options)
    graft, steps = grafts[""]
    rows = [row for row, _ in grafts.values()]
    peer = run_torch("shape", ["--shape", options.shape, "--batch", options.batch, "--micro",
                               options.batch, "--length", options.length, "--steps",
                               options.steps], options, rows)
    ratio = graft["warm_tokens_per_second"] / peer["warm_tokens_per_second"]
    memory = peer["peak_bytes"] / graft["peak_bytes"]
    per_step = options.batch * options.length
    trained = sum(s["trained_tokens"] for s in steps) / len(steps)
    body = row_table([peer] + rows) + [
        "", f"Without the first step: PyTorch {per_step / peer['warm_tokens_per_second']:.2f} s a "
        f"step, {peer['warm_tokens_per_second']:.0f} tokens/s; graft "
        f"{graft['tokens'] / len(steps) / graft['warm_tokens_per_second']:.2f} s, "
        f"{graft['warm_tokens_per_second']:.0f} tokens/s: {ratio:.2f}x, in 1/{memory:.1f} of the "
        f"memory (graft's holds the mapped file, {model.stat().st_size / 1e9:.2f} GB).", "",
        f"A step of graft has {graft['tokens'] / len(steps):.0f} tokens and predicts "
        f"{trained:.0f}, one of PyTorch {per_step} and {per_step - options.batch}: graft wants two "
        "tokens of context in a text, PyTorch one. The texts of graft are words of the small "
        "model's tokenizer, PyTorch's ids come from the whole vocabulary; both compute all logits."]
    report = Report("shape", [peer] + rows,
                    f"Random weights in the shape of {options.shape} (arch llama, tied; graft "
                    f"Q4_0, PyTorch {options.peer_dtype}), rank {RANK} on all linear layers, "
                    f"{options.steps} steps of {options.batch} x {options.length} tokens, all "
                    "trained.", body)
    if options.shape == "qwen3-1.7b":
        report.figures = {"shape_time": ratio}
        for way in [way for way in grafts if way]:
            rate = grafts[way][0]["warm_tokens_per_second"]
            report.figures[f"shape_{way}_time"] = rate / peer["warm_tokens_per_second"]
        report.figures["shape_memory"] = memory
    return report
