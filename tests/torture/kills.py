"""tests/torture/run kills - SIGKILL at every change to a file, at allocations and at random moments."""
import random
import shutil
import signal
import subprocess
import time

import jobs
from common import GRAFT, SECONDS, Report, Tally, environment, graft, in_parallel
from loops import Way, run_ways, table_of

CHANGES = "open,create,write,fsync,close,rename,unlink,truncate,mkdir"
WAYS = [
    Way("before", CHANGES, "kill-before", (-9,)),
    Way("within", "write", "kill-middle", (-9,)),
    Way("behind", "create,write,fsync,rename,unlink,truncate,mkdir", "kill-after", (-9,)),
    Way("anywhere", "memory", "kill-before", (-9,), thin=10),
]


def once(folder, job, seconds, threads):
    """Runs the job and kills it after that time; its exit code, None if it was killed."""
    process = subprocess.Popen([GRAFT, *job.command, "--threads", str(threads)], cwd=folder,
                               env=environment(None), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    code = process.wait()
    return None if code == -signal.SIGKILL else code


def chain(job, number, options, span):
    """Kills a run, and often those that continue it; the number of kills and sentences. config.yaml names
    the threads of the last one, so that it is not compared."""
    rng = random.Random(f"{options.seed}/{job.name}/{number}")
    folder = jobs.copy_of(job, options.work / f"random-{job.name}-{number}")
    kills, wrong = 0, []
    while kills < 8 and (kills == 0 or rng.random() < 0.6):
        code = once(folder, job, rng.uniform(0, span), rng.choice((1, 1, 2, 3)))
        if code is not None:
            wrong += [f"exit {code} before it was killed"] if code != 0 else []
            break
        kills += 1
        wrong += jobs.check_files(job, folder) if job.command != jobs.TRAIN else []
    child = graft(folder, job.command)
    wrong += [f"afterwards: exit {child.code}: {child.err.strip()[-300:]}"] if child.code != 0 else []
    wrong += jobs.check_final(job, folder)
    wrong += [f"{name} is still there" for name in jobs.files_of(folder)
              if ".tmp-" in name and job.command == jobs.TRAIN]
    shutil.rmtree(folder, ignore_errors=True)
    return kills, wrong


def seconds_of(job, options):
    folder = jobs.copy_of(job, options.work / f"random-{job.name}-time")
    start = time.monotonic()
    graft(folder, job.command, seconds=SECONDS)
    return time.monotonic() - start


def run_random(options):
    """Chains until enough kills have hit."""
    tally = Tally("kills")
    chosen = [j for j in options.chosen if j.name in ("train", "resume", "export", "finish")] or options.chosen
    spans = {job.name: seconds_of(job, options) for job in chosen}
    per_job = -(-options.kills // len(chosen))

    def hunt(task):
        job, part = task
        done, number = 0, part
        while done < per_job / options.jobs and number < 20 * per_job:
            kills, wrong = chain(job, number, options, spans[job.name])
            for k in range(max(kills, 1)):
                if kills or wrong:
                    tally.add(f"{job.name}:random:{number}", "signal 9", wrong if k == 0 else [])
            done, number = done + kills, number + options.jobs
    in_parallel(hunt, [(job, part) for job in chosen for part in range(options.jobs)], options)
    return tally


def run(options):
    if options.point and ":random:" in options.point:
        name, _, number = options.point.split(":")
        job = next(j for j in options.chosen if j.name == name)
        tally = Tally("kills")
        kills, wrong = chain(job, int(number), options, seconds_of(job, options))
        tally.add(options.point, f"{kills} kills", wrong)
        return Report(tally, "One chain of kills.")
    total, tallies, n_states = run_ways(
        "kills", WAYS, options, lambda job, way: way.name != "anywhere" or job.name == "train")
    at_calls, at_random = total.points, Tally("kills")
    if not options.point:
        at_random = run_random(options)
    total.take(at_random)
    n_different = sum(n_states.values())
    text = (f"{at_calls} at calls ({n_different} different states of the folder, each continued), "
            f"{at_random.points} at random moments, {len(total.failures)} wrong")
    return Report(total, "SIGKILL before, within and behind every change to a file and at every tenth "
                  "allocation; the next run of the same command must end with the same bits, metrics "
                  "included. At random moments, with 1 to 3 threads, a run that continues is often killed "
                  "again.",
                  {"kills": text}, table_of(options, tallies, n_states))
