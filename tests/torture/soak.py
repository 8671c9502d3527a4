"""tests/torture/run soak - memory of a long run: what a step allocates, and how the process grows."""
import json
import shutil
import subprocess

import jobs
from common import GRAFT, Failed, Report, Tally, environment, fresh, graft

MIB = 1 << 20
MEMORY = ("malloc", "calloc", "realloc", "memalign")


def prepare(options, name, **settings):
    folder = fresh(options.work / name)
    jobs.write_run(folder, eval_after=False, val_set_size=0, **settings)
    return folder


def allocations(options, steps, **settings):
    """Calls of allocators in a run of so many steps that says nothing until its last."""
    folder = prepare(options, f"soak-{steps}", max_steps=steps, logging_steps=10 ** 9, save_steps=0,
                     save_minutes=0, dataset="long.jsonl", **settings)
    # one epoch: at the end of each a checkpoint is saved
    line = (jobs.material(folder) / "data.jsonl").read_text().splitlines()
    (folder / "long.jsonl").write_text("".join(
        line[i % len(line)] + "\n" for i in range(8 * options.soak_steps)))
    child = graft(folder, jobs.TRAIN, {"KIND": "memory"}, seconds=600)
    if child.code != 0:
        raise Failed(f"a run of {steps} steps fails: {child.err}")
    return sum(child.report[k] for k in MEMORY)


def grow(options, tally):
    """(steps, bytes by which the process grew after step 100, minutes)"""
    probe = prepare(options, "soak-probe", max_steps=300, save_steps=0, save_minutes=0)
    graft(probe, jobs.TRAIN, seconds=600)
    seconds = sum(r["seconds"] for r in records(probe)) / 300
    steps = max(1000, int(options.minutes * 60 / seconds))
    folder = prepare(options, "soak", max_steps=steps, save_steps=max(100, steps // 50),
                     save_minutes=0, logging_steps=10, threads=2)
    done = subprocess.run([GRAFT, *jobs.TRAIN], cwd=folder, env=environment(None),
                          capture_output=True, text=True)
    found = [r for r in records(folder) if r["step"] >= 100]
    growth = max(r["rss_bytes"] for r in found) - found[0]["rss_bytes"] if found else 0
    wrong = [] if done.returncode == 0 else [f"exit {done.returncode}: {done.stderr.strip()[-300:]}"]
    if growth > MIB:
        wrong.append(f"grew by {growth / MIB:.2f} MiB after step 100")
    tally.add("growth", f"{steps} steps", wrong)
    minutes = sum(r["seconds"] for r in found) * 10 / 60
    shutil.rmtree(folder, ignore_errors=True)
    return steps, growth, minutes


def records(folder):
    path = folder / "run/metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [r for r in map(json.loads, lines) if r["event"] == "step"]


def run(options):
    tally = Tally("soak")
    n = options.soak_steps
    for threads in (1, 2):
        few, many = (allocations(options, steps, threads=threads) for steps in (n, 2 * n))
        wrong = [] if few == many else [f"{many - few} allocations in {n} further steps"]
        tally.add(f"allocations:{threads}", f"{(many - few) / n:g} per step", wrong)
    text = "; ".join(sorted(f"{o} allocations" for o in tally.outcomes))
    if options.minutes > 0:
        steps, growth, minutes = grow(options, tally)
        text = (f"{growth / MIB:.2f} MiB in {steps} steps ({minutes:.1f} minutes of steps, 50 "
                f"checkpoints); ") + text
    return Report(tally, f"Allocations: a run of {2 * n} steps calls the allocators (those of libraries "
                  f"included) as often as one of {n}. Growth: resident memory from step 100 on in a run "
                  "that writes metrics and checkpoints.", {"soak": text})
