"""tests/bench/run epoch, airline - real examples, graft beside PyTorch + PEFT in bf16."""
from common import BASE, GRAFT, OUT, PYTHON, SHARED, TEMPLATE, Report, has_option, need
from training import RANK, row_table, run_graft, run_torch, scale


def take(data, n, name):
    """The first n lines of a dataset as a file of its own."""
    path = OUT / f"{name}.jsonl"
    with open(data) as lines:
        taken = [line for _, line in zip(range(n), lines)]
    path.write_text("".join(taken))
    return path, len(taken)


def compare(name, data, n, length, batch, micro, settings, options):
    """Both programs over the same lines in the same order; those longer than `length` are left out
    by both. With --peer-steps PyTorch runs only its first steps and its time is scaled."""
    need(GRAFT, PYTHON, BASE, TEMPLATE, data)
    examples, n = take(data, options.n or n, name)
    graft, steps = run_graft(name, {"base_model": BASE, "dataset": examples,
                                    "chat_template": TEMPLATE, "max_seq_length": length,
                                    **settings}, options)
    peer = run_torch(name, ["--base", BASE, "--data", examples, "--template", TEMPLATE, "-n", n,
                            "--batch", batch, "--micro", micro, "--max-length", length,
                            "--steps", options.peer_steps], options)
    cut = peer["steps"] * batch < peer["examples"]
    if cut:
        peer = scale(peer, graft["tokens"])
    saved = sum(s.get("saved_tokens", 0) for s in steps)
    trained = sum(s["trained_tokens"] for s in steps)
    tokens = graft["tokens"]
    body = row_table([peer, graft]) + [
        "", f"{100 * trained / tokens:.0f} % of the tokens are trained; graft computes "
        f"{100 * (tokens - saved) / tokens:.0f} % of them, the rest is shared. In steps graft is "
        f"{peer['seconds'] / graft['seconds']:.2f}x as fast, by the wall clock "
        f"{peer['wall_seconds'] / graft['wall_seconds']:.2f}x, in 1/"
        f"{peer['peak_bytes'] / graft['peak_bytes']:.1f} of the memory."]
    if cut:
        body += ["", f"**PyTorch ran only {peer['scaled_from']}**; its time is scaled by tokens to "
                 "the whole epoch (at the rate after its first step, plus its loading), its "
                 "memory and losses are those of the steps that ran."]
    elif peer["tokens"] != tokens:
        body += ["", f"The tokenizers differ: {peer['tokens']} tokens in PyTorch, {tokens} in "
                 "graft."]
    if options.settings:
        given = ", ".join(f"{key} {value}" for key, value in options.settings.items())
        body += ["", f"graft with {given}."]
    report = Report(name, [peer, graft], "", body)
    report.figures[f"{name}_time"] = peer["wall_seconds"] / graft["wall_seconds"]
    return report, n


def run_epoch(options):
    report, n = compare("epoch", SHARED / "data/tooluse-train.jsonl", 256, 2048, 8, options.micro,
                        {"batch_size": 8}, options)
    report.what = (f"One epoch over the first {n} examples of tooluse-train, SmolLM2-135M-Instruct "
                   f"Q4_1, rank {RANK} on all linear layers, batches of 8, at most 2,048 tokens. "
                   f"PyTorch takes a batch in micro-batches of {options.micro} padded to their "
                   "longest.")
    peer, graft = report.rows
    report.figures["epoch_memory"] = peer["peak_bytes"] / graft["peak_bytes"]
    return report


def run_airline(options):
    settings = {"batch_size": 8}
    if has_option("train", "group_by_prefix"):
        settings["group_by_prefix"] = "true"
    report, n = compare("airline", SHARED / "data/tau-airline.jsonl", 1000, 8192, 1, 1, settings,
                        options)
    grouped = "with" if "group_by_prefix" in settings else "without (this build has none)"
    report.what = (f"One epoch over {n} whole trajectories of tau-airline, SmolLM2-135M-Instruct "
                   f"Q4_1, rank {RANK} on all linear layers, at most 8,192 tokens: graft in "
                   f"batches of 8 {grouped} group_by_prefix, PyTorch one by one.")
    return report
