"""tests/torture/run images - folders as they may lie on disk after power failed (disk.py).

The changes that an undisturbed run makes are recorded; an image is the disk at a random moment of them."""
import collections
import random
import re
import shutil

import jobs
from common import Failed, Report, Tally, fresh, graft, in_parallel, state_of
from disk import Disk, read_trace

JOURNALS = ("run/run.log", "run/metrics.jsonl", "run/.lock")    # grow; all others appear whole
STEP = re.compile(r"checkpoints/step-(\d+)\.h5")


def record(job, options):
    """Runs the job once under the shim: (operations, data)."""
    folder = jobs.copy_of(job, options.work / f"{job.name}-trace")
    trace = options.work / f"{job.name}.trace"
    child = graft(folder, job.command, {"TRACE": trace, "UNDER": job.under})
    if child.code != 0:
        raise Failed(f"job {job.name} fails while it is recorded: {child.err}")
    return read_trace(trace)


class Crashes:
    """Images of one job. Moments come in order, so that the disk is built up once per part."""

    def __init__(self, job, options):
        self.job, self.options = job, options
        self.ops, self.data = record(job, options)
        self.seen = {}                       # state -> sentences

    def disk_at(self, moment):
        disk = Disk(self.job.start)
        for op in self.ops[:moment]:
            disk.apply(op, self.data)
        return disk

    def check(self, number, folder):
        """(kind, sentences) of image `number`, which is made in the folder."""
        rng = random.Random(f"{self.options.seed}/{self.job.name}/{number}")
        moment = number * 7919 % (len(self.ops) + 1)   # spread, whatever their number
        kind = rng.choice(("journal", "any"))
        disk = self.disk_at(moment)
        image = disk.image(rng, kind)
        for name in self.job_start():
            image.setdefault(name, self.job_start()[name])
        write_image(image, folder)
        wrong = self.check_whole(image)
        wrong += [f"{name} is not whole" for name in image if STEP.search(name) and ".tmp-" not in name
                  and not jobs.is_whole(folder / name)]
        safe = max((int(m.group(1)) for m in map(STEP.search, disk.published) if m), default=0)
        state = state_of(folder, ("run/.lock",)), safe
        if state not in self.seen:
            self.seen[state] = self.go_on(safe, folder)
        return kind, wrong + self.seen[state]

    def job_start(self):
        """Inputs: what lies outside of what the job writes."""
        if not hasattr(self, "inputs"):
            start = self.job.start
            self.inputs = {n: (start / n).read_bytes() for n in jobs.files_of(start)
                           if n.split("/")[0] != self.job.under}
            self.inputs.update({str(p.relative_to(start)): None for p in start.rglob("*")
                                if p.is_dir() and p.relative_to(start).parts[0] != self.job.under})
        return self.inputs

    def check_whole(self, image):
        return [f"{name} is neither old nor new" for name, content in image.items()
                if content is not None and name not in JOURNALS and ".tmp-" not in name
                and name not in jobs.UNTIMED and not name.startswith("run/checkpoints/")
                and content not in self.job.known.get(name, ())]

    def go_on(self, safe, folder):
        """The next run: it must find the newest checkpoint that was safe, and end with the same bits."""
        log = folder / "run/run.log"
        before = log.stat().st_size if log.exists() else 0
        child = graft(folder, self.job.command)
        if child.code != 0:
            return [f"the next run: exit {child.code}: {child.err.strip()[-300:]}"]
        wrong = jobs.check_final(self.job, folder)
        if self.job.command == jobs.TRAIN:
            said = log.read_bytes()[before:].decode("utf-8", "replace")
            found = re.search(r"continuing from .*?/step-(\d+)\.h5", said)
            step = int(found.group(1)) if found else 0
            if self.job.continues and step < safe:
                wrong.append(f"the next run went on from step {step}, though step {safe} was safe")
            wrong += [f"{n} is still there" for n in jobs.files_of(folder)
                      if ".tmp-" in n and "/cache/" not in n]   # which others may be writing to
        return wrong


def write_image(image, folder):
    fresh(folder)
    for name, content in image.items():      # folders sort before what they hold
        path = folder / name
        if content is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def run(options):
    tally, rows = Tally("images"), []
    weights = {"train": 4, "resume": 2}
    chosen = jobs.of_section(options.chosen, "images")
    total_weight = sum(weights.get(j.name, 1) for j in chosen)
    for job in chosen:
        crashes = Crashes(job, options)
        n = -(-options.images * weights.get(job.name, 1) // total_weight)
        kinds = collections.Counter()

        def one(number):
            folder = options.work / f"image-{job.name}-{number}"
            kind, wrong = crashes.check(number, folder)
            kinds[kind] += 1
            tally.add(f"{job.name}:{number}", kind, wrong)
            if not options.point:
                shutil.rmtree(folder, ignore_errors=True)

        numbers = range(n)
        if options.point:
            name, number = options.point.split(":")
            numbers = [int(number)] if name == job.name else []
        in_parallel(one, numbers, options)
        rows.append(f"| {job.name} | {len(crashes.ops)} | {len(numbers)} | {len(crashes.seen)} | "
                    f"{kinds['journal']} | {kinds['any']} |")
    n_states = sum(int(r.split("|")[4]) for r in rows)
    head = ["| job | changes recorded | images | different ones, each continued | names in order "
            "(ext4, XFS) | names in any order (POSIX) |", "| --- | --- | --- | --- | --- | --- |"]
    return Report(tally, "Images of the disk after power failed at a random moment: unsynced data lost, old, "
                  "zero, stale or torn at sectors, names lost or kept. Whatever has a name is whole, the "
                  "next run goes on from the newest checkpoint that was synced or a later one, and ends "
                  "with the same bits, metrics included.",
                  {"images": f"{tally.points} images, {n_states} different, {len(tally.failures)} wrong"},
                  head + rows)
