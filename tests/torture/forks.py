"""Every call of one run struck in turn: forks.c makes a child at each, which goes on in a copy of the folder.

So a point costs a fork and what is left to do after the failure, not a whole run."""
import dataclasses
import functools
import os
import pathlib
import subprocess

from common import GRAFT, environment, fresh, read_report


@dataclasses.dataclass
class Point:
    number: int                  # of the call
    kind: str
    status: int                  # of wait()
    place: str                   # that made the call
    folder: pathlib.Path         # as the child left it; removed before the next point comes
    err: str
    report: dict


def stay_on(number):
    """On one processor, so that it has one thread, whatever the command."""
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpus[number % len(cpus)]})


def each_call(folder, command, torture, first=1, every=1, last=None):
    """Runs the command in the folder and yields a Point for every `every`-th call that counts."""
    copy = folder.parent / f"{folder.name}.copy"
    report = folder.parent / f"{folder.name}.report"
    to_read, from_shim = os.pipe()
    from_us, to_write = os.pipe()
    torture = {"REPORT": report, "AT": first, "EVERY": every, "COPY": copy, "SECONDS": 10, **torture,
               "FORKS": f"{from_us}:{from_shim}"}
    fresh(copy).rmdir()
    process = subprocess.Popen([GRAFT, *command], cwd=folder, env=environment(torture),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, pass_fds=(from_us, from_shim),
                               preexec_fn=functools.partial(stay_on, first))
    os.close(from_shim)
    os.close(from_us)
    try:
        with os.fdopen(to_read) as lines:
            for line in lines:
                number, kind, status, place = line.rstrip("\n").split(" ", 3)
                point = Point(int(number), kind, int(status), place, copy,
                              copy.with_name(f"{copy.name}.err").read_text(errors="replace"),
                              read_report(report)[0])
                yield point
                fresh(copy).rmdir()
                if last is not None and point.number + every > last:
                    break
                os.write(to_write, b"g")
    finally:
        os.close(to_write)       # the shim then ends the run
        process.wait()
