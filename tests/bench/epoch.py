"""tests/bench/run epoch, airline - real examples, graft beside PyTorch + PEFT."""
from common import BASE, GRAFT, OUT, PYTHON, SHARED, TEMPLATE, Report, need
from training import RANK, row_table, run_graft, run_torch, scale, ways_of


def take(data, n, name):
    """The first n lines of a dataset as a file of its own."""
    path = OUT / f"{name}.jsonl"
    with open(data) as lines:
        taken = [line for _, line in zip(range(n), lines)]
    path.write_text("".join(taken))
    return path, len(taken)


def said_of(graft, peer, steps):
    saved, tokens = sum(s.get("saved_tokens", 0) for s in steps), graft["tokens"]
    return (f"{graft['program']}: computes {100 * (tokens - saved) / tokens:.0f} % of the tokens, "
            "the rest is shared; in steps "
            f"{peer['seconds'] / graft['seconds']:.2f}x as fast, by the wall clock "
            f"{peer['wall_seconds'] / graft['wall_seconds']:.2f}x, in 1/"
            f"{peer['peak_bytes'] / graft['peak_bytes']:.1f} of the memory.")


def compare(name, data, n, length, batch, micro, ways, peer_steps, options):
    """Both programs over the same lines in the same order; those longer than `length` are left out
    by both. ways: {name of a figure: settings}. PyTorch runs only its first peer_steps steps and its
    time is scaled; --peer-steps says another number, 0 all of them."""
    need(GRAFT, PYTHON, BASE, TEMPLATE, data)
    examples, n = take(data, options.n or n, name)
    peer_steps = peer_steps if options.peer_steps is None else options.peer_steps
    grafts = {}
    for way, settings in ways.items():
        row, steps = run_graft(name, {"base_model": BASE, "dataset": examples,
                                      "chat_template": TEMPLATE, "max_seq_length": length,
                                      **settings}, options)
        row["program"] += f", batches of {settings['batch_size']}"
        grafts[way] = (row, steps)
    graft, steps = grafts[""]
    tokens = graft["tokens"]
    peer = run_torch(name, ["--base", BASE, "--data", examples, "--template", TEMPLATE, "-n", n,
                            "--batch", batch, "--micro", micro, "--max-length", length,
                            "--steps", peer_steps], options, [row for row, _ in grafts.values()])
    cut = peer["steps"] * batch < peer["examples"]
    if cut:
        peer = scale(peer, tokens)
    trained = sum(s["trained_tokens"] for s in steps)
    body = row_table([peer] + [row for row, _ in grafts.values()]) + [
        "", f"{100 * trained / tokens:.0f} % of the tokens are trained.", ""]
    body += ["- " + said_of(row, peer, journal) for row, journal in grafts.values()]
    if cut:
        body += ["", f"**PyTorch ran only {peer['scaled_from']}**; its time is scaled to the "
                 f"{peer['padded_in_all']} that the whole epoch has with padding (at the rate after its "
                 "first step, plus its loading), its memory and losses are those of the steps that ran."]
    elif peer["tokens"] != tokens:
        body += ["", f"The tokenizers differ: {peer['tokens']} tokens in PyTorch, {tokens} in "
                 "graft."]
    if options.settings:
        given = ", ".join(f"{key} {value}" for key, value in options.settings.items())
        body += ["", f"graft with {given}."]
    report = Report(name, [peer] + [row for row, _ in grafts.values()], "", body)
    for way, (row, _) in grafts.items():
        key = f"{name}_{way}_time" if way else f"{name}_time"
        report.figures[key] = peer["wall_seconds"] / row["wall_seconds"]
    return report, n


def run_epoch(options):
    report, n = compare("epoch", SHARED / "data/tooluse-train.jsonl", 256, 2048, 8, options.micro,
                        {way: {"batch_size": 8, **more} for way, more in ways_of(options).items()},
                        16, options)  # all 32 steps are more than PyTorch can do in 24 GiB
    report.what = (f"One epoch over the first {n} examples of tooluse-train, SmolLM2-135M-Instruct "
                   f"Q4_1, rank {RANK} on all linear layers, batches of 8, at most 2,048 tokens. "
                   f"PyTorch takes a batch in micro-batches of {options.micro} padded to their "
                   "longest.")
    peer, graft = report.rows[:2]
    report.figures["epoch_memory"] = peer["peak_bytes"] / graft["peak_bytes"]
    return report


def run_airline(options):
    ways = {way: {"batch_size": 8, "group_by_prefix": "true", **more}
            for way, more in ways_of(options).items()}
    report, n = compare("airline", SHARED / "data/tau-airline.jsonl", 1000, 8192, 1, 1, ways,
                        4, options)
    report.what = (f"One epoch over {n} whole trajectories of tau-airline, SmolLM2-135M-Instruct "
                   f"Q4_1, rank {RANK} on all linear layers, at most 8,192 tokens: graft in "
                   "batches of 8 with group_by_prefix, PyTorch one by one.")
    return report
