"""tests/torture/run soak - memory of a long run: what a step allocates, and how the process grows."""
import json
import shutil
import subprocess
import time

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
    """(steps, bytes by which the process grew after step 100, where, hours it took)

    It ends by the clock, not by steps: what else the machine does only makes it slower."""
    folder = prepare(options, "soak", max_hours=options.minutes / 60, max_steps=10 ** 9, save_steps=0,
                     logging_steps=100, threads=2)
    start = time.monotonic()
    done = subprocess.run([GRAFT, *jobs.TRAIN], cwd=folder, env=environment(None),
                          capture_output=True, text=True)
    hours = (time.monotonic() - start) / 3600
    found = records_of_steps(folder, 100)
    wrong = [] if done.returncode == 0 else [f"exit {done.returncode}: {done.stderr.strip()[-300:]}"]
    if len(found) < 2:
        wrong.append("fewer than two records of steps after step 100")
    rss = [r["rss_bytes"] for r in found] or [0]
    if max(rss) - rss[0] > MIB:
        wrong.append(f"grew by {(max(rss) - rss[0]) / MIB:.2f} MiB after step 100")
    steps = found[-1]["step"] if found else 0
    tally.add("growth", f"{steps} steps", wrong)
    shutil.rmtree(folder, ignore_errors=True)
    return steps, max(rss) - rss[0], rises(found), hours


def rises(found, least=64 << 10):
    """[(step, bytes)]: where the process became larger by at least so much than it had been."""
    most, steps = found[0]["rss_bytes"] if found else 0, []
    for r in found:
        if r["rss_bytes"] >= most + least:
            steps.append((r["step"], r["rss_bytes"] - most))
            most = r["rss_bytes"]
    return steps


def records_of_steps(folder, first):
    path = folder / "run/metrics.jsonl"
    lines = path.open() if path.exists() else []
    return [r for r in map(json.loads, lines) if r["event"] == "step" and r["step"] >= first]


def run(options):
    tally = Tally("soak")
    n = options.soak_steps
    for threads in (1, 2):
        few, many = (allocations(options, steps, threads=threads) for steps in (n, 2 * n))
        wrong = [] if few == many else [f"{many - few} allocations in {n} further steps"]
        tally.add(f"allocations:{threads}", f"{(many - few) / n:g} per step", wrong)
    text = "; ".join(sorted(f"{o} allocations" for o in tally.outcomes))
    if options.minutes > 0:
        steps, growth, where, hours = grow(options, tally)
        at = "".join(f", {n / MIB:.2f} of it at step {step}" for step, n in where)
        text = f"{growth / MIB:.2f} MiB in {steps} steps ({hours:.2f} hours{at}); " + text
    return Report(tally, f"Allocations: a run of {2 * n} steps calls the allocators (those of libraries "
                  f"included) as often as one of {n}. Growth: resident memory from step 100 on in a run "
                  "that writes metrics, and a checkpoint at least every 50 steps.", {"soak": text})
