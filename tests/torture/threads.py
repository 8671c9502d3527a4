"""tests/torture/run threads - one hash whatever the number of threads, resumed or not."""
import hashlib
import random

import jobs
from common import Report, Tally, graft, in_parallel

ADAPTER = "run/adapter_model.safetensors"


def hash_of(folder):
    path = folder / ADAPTER
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "nothing"


def run(options):
    job = next((j for j in options.chosen if j.name == "train"), None)
    tally, hashes = Tally("threads"), {}
    wanted = hashlib.sha256(job.final[ADAPTER]).hexdigest()

    def one(point):
        threads, resumed = point
        name = f"{threads}:{'resumed' if resumed else 'whole'}"
        if options.point and options.point != name:
            return
        folder = jobs.copy_of(job, options.work / f"threads-{threads}-{resumed}")
        wrong = []
        if resumed:                      # killed with one number of threads, continued with another
            rng = random.Random(f"{options.seed}/{threads}")
            step, others = rng.randint(2, jobs.STEPS), rng.randint(1, options.threads)
            child = graft(folder, [*job.command, "--threads", str(others)],
                          {"KIND": "rename", "UNDER": f"run/checkpoints/step-{step}.h5", "AT": 1,
                           "DO": "kill-before"}, seconds=120)
            wrong += [] if child.code == -9 else [f"was not killed: {child.err.strip()[-200:]}"]
        child = graft(folder, [*job.command, "--threads", str(threads)], seconds=120)
        wrong += [] if child.code == 0 else [f"exit {child.code}: {child.err.strip()[-200:]}"]
        hashes[name] = hash_of(folder)
        wrong += [] if hashes[name] == wanted else [f"its adapter is {hashes[name][:16]}, with one thread "
                                                    f"{wanted[:16]}"]
        tally.add(name, "same bits" if not wrong else "other bits", wrong)

    in_parallel(one, [(n, r) for n in range(1, options.threads + 1) for r in (False, True)], options)
    n_hashes = len(set(hashes.values()))
    return Report(tally, f"The same run with 1 to {options.threads} threads, whole, and killed at a checkpoint "
                  "under one number of threads and continued under another.",
                  {"threads": f"{len(hashes)} runs with 1..{options.threads} threads: {n_hashes} hash"
                              f"{'es' if n_hashes != 1 else ''} ({wanted[:16]})"})
