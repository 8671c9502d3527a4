"""Training jobs of graft and of PyTorch + PEFT (torch_lora.py) as rows that can be compared."""
import json
import re
import shutil

from common import (GRAFT, HERE, OUT, PYTHON, Failed, gigabytes, has_int8, precision, run_child,
                    table)

RANK, ALPHA, RATE = 16, 32, 2e-4


def ways_of(options):
    """How graft runs a job: as it chooses, and where this machine can, in 8-bit integers."""
    ways = {"": {}}
    if has_int8() and "compute" not in options.settings:
        ways["int8"] = {"compute": "int8"}
    return ways


def run_graft(name, settings, options):
    """`graft train` without evaluation, every step in the journal. Options of --set win."""
    folder, config = OUT / f"{name}-run", OUT / f"{name}.yaml"
    shutil.rmtree(folder, ignore_errors=True)
    settings = {"output_dir": folder, "lora_r": RANK, "lora_alpha": ALPHA, "learning_rate": RATE,
                "lr_scheduler_type": "constant", "warmup_steps": 0, "num_train_epochs": 1,
                "truncation": "drop", "shuffle": "false", "eval_before": "false",
                "eval_after": "false", "save_minutes": 0, "logging_steps": 1, "compute": "auto",
                "threads": options.threads, **settings, **options.settings}
    config.write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
    child = run_child([GRAFT, "train", config], f"{name}-graft")
    with open(folder / "metrics.jsonl") as journal:
        steps = [e for e in map(json.loads, journal) if e["event"] == "step"]
    examples = re.search(r"^training: (\d+) examples", child.err, re.M)
    row = {"program": f"graft {precision(child)}",
           "examples": int(examples.group(1)) if examples else "", "steps": len(steps),
           "tokens": sum(s["tokens"] for s in steps),
           "seconds": round(sum(s["seconds"] for s in steps), 2),
           "wall_seconds": round(child.wall, 2),
           "warm_tokens_per_second": warm_rate(steps), "peak_bytes": child.peak,
           "first_loss": steps[0]["loss"], "last_loss": steps[-1]["loss"], "scaled_from": ""}
    return row, steps


def warm_rate(steps):
    """Tokens per second without the first step, as torch_lora.py counts."""
    warm = steps[1:] or steps
    return round(sum(s["tokens"] for s in warm) / sum(s["seconds"] for s in warm), 1)


def run_torch(name, arguments, options, beside):
    """beside: rows of graft, told where PyTorch does not come to an end."""
    command = [PYTHON, HERE / "torch_lora.py", *arguments, "--dtype", options.peer_dtype, "--rank",
               RANK, "--alpha", ALPHA, "--lr", RATE, "--threads", options.threads]
    try:
        child = run_child(command, f"{name}-torch")
    except Failed as failure:
        told = [str(failure).rstrip(), "graft, measured before:", *row_table(beside)]
        raise Failed("\n".join(told)) from None
    said = json.loads(child.out.splitlines()[-1])
    return {"program": said["peer"], "examples": said["examples"], "steps": said["steps"],
            "tokens": said["tokens"], "seconds": said["seconds"],
            "wall_seconds": round(child.wall, 2),
            "warm_tokens_per_second": said["tokens_per_second"], "padded": said["padded"],
            "padded_per_second": said["padded_per_second"], "padded_in_all": said["padded_in_all"],
            "peak_bytes": child.peak, "first_loss": said["first_loss"], "last_loss": said["last_loss"], "scaled_from": ""}


def scale(row, tokens):
    """The time of a job of which only some steps ran: what loading took, and all it would compute, with
    padding (steps differ in how much of it they have), at the rate of the steps after the first. Its
    losses and its memory are those of the steps that ran."""
    seconds = row["padded_in_all"] / row["padded_per_second"]
    return {**row, "tokens": tokens, "seconds": round(seconds, 2),
            "wall_seconds": round(row["wall_seconds"] - row["seconds"] + seconds, 2),
            "scaled_from": f"{row['steps']} steps, {row['tokens']} tokens, {row['padded']} with padding"}


def row_table(rows):
    """Tokens are those of the examples, unpadded; what graft shares counts every time."""
    return table(["program", "tokens/s", "seconds in steps", "wall seconds", "peak memory",
                  "examples", "tokens", "first loss", "last loss"],
                 [[r["program"] + (" (scaled)" if r["scaled_from"] else ""),
                   f"{r['tokens'] / r['seconds']:.0f}", f"{r['seconds']:.1f}",
                   f"{r['wall_seconds']:.1f}", gigabytes(r["peak_bytes"]), r["examples"],
                   r["tokens"], f"{r['first_loss']:.4f}", f"{r['last_loss']:.4f}"] for r in rows])
