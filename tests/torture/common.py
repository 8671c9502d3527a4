"""What the sections of tests/torture/run share: graft under the shim, counting, what failed.

A section is a function `run(options) -> Report`. A *point* is one thing that goes wrong in one run; its
name repeats it: tests/torture/run SECTION --point NAME."""
import collections
import concurrent.futures
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ.get("BUILD", "release")
OUT = ROOT / "build" if BUILD == "release" else ROOT / "build" / BUILD
GRAFT = OUT / "graft"
SHIM = OUT / "tests/torture/shim.so"
TIMES = {"seconds", "tokens_per_second", "rss_bytes"}      # of metrics.jsonl; no function of the run
SECONDS = 30                                               # a run takes a tenth of one


class Failed(Exception):
    """A section that cannot be run, and why; the others go on."""


@dataclasses.dataclass
class Child:
    code: int                     # negative: died by that signal
    out: str
    err: str
    report: dict                  # what the shim counted; empty if the process was killed
    struck: list                  # its lines "struck N KIND PLACE PATH"


class Tally:
    """Points of one section, from any thread."""

    shown = 20                    # failures that are printed

    def __init__(self, name):
        self.name, self.points, self.lock = name, 0, threading.Lock()
        self.outcomes, self.failures = collections.Counter(), []

    def add(self, point, outcome, wrong):
        """wrong: sentences; none if all is well."""
        with self.lock:
            self.points += 1
            self.outcomes[outcome] += 1
            if wrong:
                self.failures.append((point, "; ".join(wrong)))
                if len(self.failures) <= Tally.shown:
                    print(f"FAILED {point}: {'; '.join(wrong)}\n"
                          f"  repeat: tests/torture/run {self.name} --point {point}", flush=True)

    def take(self, other):
        self.points += other.points
        self.outcomes += other.outcomes
        self.failures += other.failures


@dataclasses.dataclass
class Report:
    tally: Tally
    what: str                                              # one sentence: what was done
    figures: dict = dataclasses.field(default_factory=dict)  # key of results.GOALS -> text
    body: list = dataclasses.field(default_factory=list)     # lines of markdown


def environment(torture):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GRAFT_", "TORTURE_", "LD_"))}
    kept.update(OPENBLAS_NUM_THREADS="1", OMP_WAIT_POLICY="passive", LC_ALL="C.UTF-8")
    if torture is not None:
        kept.update({f"TORTURE_{k}": str(v) for k, v in torture.items()}, LD_PRELOAD=str(SHIM))
    return kept


def read_report(path):
    counts, struck = {}, []
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.startswith("crash "):
            counts["crash"] = line.split(" ", 2)[2]
        elif line.startswith("struck "):
            struck.append(line)
        else:
            name, value = line.split()
            counts[name] = int(value)
    return counts, struck


def graft(folder, command, torture=None, seconds=SECONDS, beside="report"):
    """Runs graft in a folder; the shim's report lies beside the folder."""
    report = folder.parent / f"{folder.name}.{beside}"
    if torture is not None:
        torture = {"REPORT": report, **torture}
        report.unlink(missing_ok=True)
    try:
        done = subprocess.run([GRAFT, *command], cwd=folder, env=environment(torture),
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        code, out, err = -14, late.stdout or b"", late.stderr or b""
    counts, struck = read_report(report) if torture is not None else ({}, [])
    return Child(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), counts,
                 struck)


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def in_parallel(function, items, options):
    """function(item) for all items, as many at a time as options.jobs."""
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        return list(pool.map(function, items))


def metrics_without_times(content):
    """metrics.jsonl as far as it is a function of the run; lines that are no JSON as they are."""
    lines = []
    for line in content.split(b"\n"):
        try:
            record = json.loads(line)
            line = json.dumps({k: v for k, v in record.items() if k not in TIMES}).encode()
        except ValueError:
            pass
        lines.append(line)
    return b"\n".join(lines)


def content_of(path):
    """The bytes that count: no times."""
    content = path.read_bytes()
    return metrics_without_times(content) if path.name == "metrics.jsonl" else content


def files_of(folder):
    """Relative names of the files in a folder, sorted."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


TEMPORARY = re.compile(r"\.tmp-\d+-\d+(?=/|$)")


def state_of(folder, without=()):
    """A digest of a folder as the next run sees it: names and contents, without times and process ids."""
    digest = hashlib.sha256()
    for name in sorted(str(p.relative_to(folder)) for p in folder.rglob("*")):
        path = folder / name
        if name in without:
            continue
        digest.update(TEMPORARY.sub(".tmp", name).encode() + b"\0")
        if not path.is_dir():
            content = content_of(path)
            digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def describe(status):
    """A wait status in words."""
    if os.WIFSIGNALED(status):
        return "hung" if os.WTERMSIG(status) == 14 else f"signal {os.WTERMSIG(status)}"
    return f"exit {os.WEXITSTATUS(status)}"


@functools.cache
def commit():
    """As it is before RESULTS.md is written to."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True,
                          text=True)
    return done.stdout.strip() or "unknown"


def say(text):
    print(f"tests/torture/run: {text}", file=sys.stderr, flush=True)
