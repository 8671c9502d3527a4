"""Loops over all calls of a job: each of them fails in turn, in every way of a list."""
import dataclasses
import re
import shutil

import jobs
from common import Failed, Tally, describe, fresh, in_parallel
from forks import each_call


@dataclasses.dataclass
class Way:
    """How calls fail, and what graft may make of it."""
    name: str
    kinds: str                   # of calls
    do: str                      # of the shim
    codes: tuple                 # exit codes that are right; -9: killed, as it should be
    says: str = ""               # regular expression: the message
    times: int = 1               # so many calls in a row; 0: all from there on
    everywhere: bool = False     # calls on any file, not only on those that the job writes
    thin: int = 1                # only every so-manieth call
    beyond: str = ""             # regular expression: places of libraries that may crash on their own account

    def torture(self, job):
        under = {} if self.everywhere else {"UNDER": job.under}
        return {"KIND": self.kinds, "DO": self.do, "TIMES": self.times, **under}


def temporaries(folder):
    return {n for n in jobs.files_of(folder) if ".tmp-" in n}


def check_message(way, job, code, err):
    lines = [line for line in err.strip().splitlines() if line.strip()]
    if code == 0:
        return []
    last = lines[-1] if lines else ""
    if not re.match(r"graft[a-z ]*: \S", last):
        return [f"exit {code} without a message: {last!r}"]
    return [] if re.search(way.says, last) else [f"its message does not say why: {last!r}"]


def check(job, way, point, states):
    """(end, sentences) of one point. The folder is used up."""
    end, wrong = describe(point.status), []
    left = temporaries(point.folder) - temporaries(job.start)
    state = states.judge(point.folder)
    lost = state.files + state.repeat
    if way.codes == (-9,):
        return end, ([] if end == "signal 9" else [f"{end} instead of a kill"]) + lost
    # it dies there, or later of what it wrote over the heap
    library = way.beyond and (re.match(way.beyond, point.report.get("crash", "")) or
                              re.match(way.beyond, point.place))
    said = "does not survive that" in point.err        # by graft, of the library
    if library and end not in ("exit 0", "exit 3"):   # not graft's fault; but nothing may be lost
        return f"end within {library.group(1)}", lost
    if said:
        wrong += [] if end == "exit 3" else [f"{end} instead of exit 3"]
        return f"{end} (libhdf5 ended)", wrong + check_message(way, job, 3, point.err) + lost
    code = int(end[5:]) if end.startswith("exit ") else None
    if code not in way.codes:
        lines = point.err.strip().splitlines()
        wrong.append(f"{end} instead of {' or '.join(map(str, way.codes))} "
                     f"(at {point.kind} by {point.place}): {point.report.get('crash') or (lines[-1] if lines else '')}")
    wrong += check_message(way, job, code, point.err) if code is not None else []
    if way.times == 0 or point.kind in ("open", "list", "stat"):   # a folder that cannot be listed cannot be removed
        left = {name for name in left if ".tmp-" in name.rsplit("/", 1)[1]}
    if not ("unlink" in way.kinds and (way.times == 0 or point.kind == "unlink")):
        wrong += [f"{name} was left behind" for name in sorted(left)]
    own = point.report.get("own_live")
    if code is not None and own != job.counts["own_live"]:
        wrong.append(f"{own} blocks were not freed" if own is not None else "no regular end")
    return end, wrong + lost + (state.success if code == 0 else [])


def loop(job, way, options, part, parts, tally, states):
    """Every `parts`-th call, from number `part` on."""
    folder = jobs.copy_of(job, options.work / f"{job.name}-{way.name}-{part}")
    every = way.thin * options.every * parts
    first = 1 + (options.seed + part * way.thin * options.every) % every
    for point in each_call(folder, job.command, way.torture(job), first, every):
        what, wrong = check(job, way, point, states)
        tally.add(f"{job.name}:{way.name}:{point.number}", f"{way.name}: {what}", wrong)
    shutil.rmtree(folder, ignore_errors=True)


def run_point(job, way, number, options, states):
    """One point alone, whose folder stays."""
    folder = jobs.copy_of(job, options.work / "point")
    for point in each_call(folder, job.command, way.torture(job), int(number), last=int(number)):
        kept = fresh(options.work / "point-after")
        shutil.copytree(point.folder, kept, dirs_exist_ok=True)
        print(f"{job.name}:{way.name}:{number}: {point.kind} by {point.place}: "
              f"{describe(point.status)}\n{point.err}--- in {kept}")
        return check(job, way, point, states)
    raise Failed(f"the run makes fewer calls than {number}")


def run_ways(name, ways, options, wanted=lambda job, way: True):
    """All ways over all jobs, in parallel; a Tally for each job."""
    chosen = jobs.of_section(options.chosen, name)
    tallies = {job.name: Tally(name) for job in chosen}
    states = {job.name: jobs.States(job) for job in chosen}
    by_name = {way.name: way for way in ways}
    if options.point:
        job_name, way_name, number = options.point.split(":")
        job = next(j for j in options.chosen if j.name == job_name)
        tallies[job_name].add(options.point, *run_point(job, by_name[way_name], number, options,
                                                        states[job_name]))
    else:
        parts = options.jobs
        tasks = [(job, way, part) for job in chosen for way in ways if wanted(job, way)
                 for part in range(parts)]
        in_parallel(lambda task: loop(*task[:2], options, task[2], parts,
                                           tallies[task[0].name], states[task[0].name]),
                         tasks, options)
    total = Tally(name)
    for tally in tallies.values():
        total.take(tally)
    n_states = {job: len(r.seen) for job, r in states.items()}
    return total, tallies, n_states


def table_of(options, tallies, n_states):
    """Lines of markdown: points, ends and states by job."""
    lines = ["| job | points | ends | states in which it was repeated | failures |",
             "| --- | --- | --- | --- | --- |"]
    for job in options.chosen:
        if job.name not in tallies:
            continue
        t = tallies[job.name]
        ends = {}
        for outcome, n in t.outcomes.items():
            end = outcome.split(": ")[-1]
            ends[end] = ends.get(end, 0) + n
        shown = ", ".join(f"{end}: {n}" for end, n in sorted(ends.items()))
        lines.append(f"| {job.name}: {job.about} | {t.points} | {shown} | {n_states[job.name]} | "
                     f"{len(t.failures)} |")
    return lines
