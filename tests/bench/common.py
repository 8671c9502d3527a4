"""What the sections of tests/bench/run share: running a command, targets, tables, RESULTS.md.

A section is a function `run(options) -> Report`. Every ratio is of two measurements of one
call."""
import csv
import dataclasses
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/bench"
OUT = ROOT / "build/bench"
GRAFT = ROOT / "build/graft"
PYTHON = ROOT / "build/oracle-venv/bin/python"
BASE = ROOT / "build/base/SmolLM2-135M-Instruct.Q4_1.gguf"
SHARED = ROOT.parent / "shared"
TEMPLATE = SHARED / "fixtures/templates/Qwen-Qwen2.5-7B-Instruct.jinja"
RESULTS = HERE / "RESULTS.md"

# The target table: key -> figure, unit, floor, goal. Units of FEW should be few, all others many.
FEW = ("min", "GB", "% off")
TARGETS = {
    "products_peak": ("bf16 products, worst share of the FMA peak", "%", 0.85, 0.93),
    "products_torch": ("bf16 products, worst rate / PyTorch's bf16 product", "x", 0.95, 1.05),
    "products_f32": ("f32 products, worst share of the FMA peak", "%", 0.85, 0.93),
    "epoch_time": ("epoch of tool calls, wall clock of PyTorch / graft", "x", 5, 7),
    "epoch_int8_time": ("the same with compute: int8", "x", 5, 7),
    "epoch_memory": ("epoch of tool calls, memory of graft / PyTorch", "1/", 10, 15),
    "airline_time": ("airline trajectories, wall clock of PyTorch / graft", "x", 6, 10),
    "airline_int8_time": ("the same with compute: int8", "x", 6, 10),
    "shape_time": ("1.7B shape, step time of PyTorch / graft", "x", 2.2, 2.8),
    "shape_int8_time": ("the same with compute: int8", "x", 2.2, 2.8),
    "shape_memory": ("1.7B shape, memory of graft / PyTorch", "1/", 4, 8),
    "large_memory": ("8B shape in Q4_K_M, peak of a step of 2,048 tokens", "GB", 14, 8),
    "large_plan": ("the same, what `graft plan` says of it", "% off", 0.1, 0.05),
    "threads": ("tokens/s of 2 threads / 1 thread", "x", 1.85, 1.95),
    "quickstart": ("train configs/quickstart.yaml, minutes", "min", 6, 4),
}


class Failed(Exception):
    """A section that cannot be measured, and why; the others go on."""


@dataclasses.dataclass
class Report:
    name: str
    rows: list                                   # dicts with the same keys: the CSV file
    what: str                                    # one line: what was measured
    body: list = dataclasses.field(default_factory=list)      # lines of markdown
    figures: dict = dataclasses.field(default_factory=dict)   # key of TARGETS -> value


@dataclasses.dataclass
class Child:
    out: str
    err: str
    wall: float                                  # seconds
    peak: int                                    # resident bytes, mapped files included


class Others:
    """What other programs take of the processor from now on: all that is busy, less our own."""

    def __init__(self):
        self.start, self.seconds = time.monotonic(), self.busy()

    @staticmethod
    def busy():
        with open("/proc/stat") as stat:
            user, nice, system, _, _, irq, softirq, steal = stat.readline().split()[1:9]
        ticks = sum(map(int, (user, nice, system, irq, softirq, steal)))
        return ticks / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])

    def cores(self):
        return max(0, self.busy() - self.seconds) / (time.monotonic() - self.start)


def need(*paths):
    missing = [os.path.relpath(p, ROOT) for p in paths if not pathlib.Path(p).exists()]
    if missing:
        raise Failed(f"{', '.join(missing)} is not there")


def run_child(command, name):
    """Runs a command to its end. What it prints also stays in build/bench/NAME.out and .err."""
    words = [str(c).replace(f"{ROOT}/", "").replace(f"{SHARED}/", "../shared/") for c in command]
    print(f"  {name}: {' '.join(words)}", file=sys.stderr, flush=True)
    environment = dict(os.environ)
    if command[0] == PYTHON:                     # PyTorch chooses for itself
        for key in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            environment.pop(key, None)
    out, err = OUT / f"{name}.out", OUT / f"{name}.err"
    with open(out, "w") as out_file, open(err, "w") as err_file:
        start = time.monotonic()
        process = subprocess.Popen([str(c) for c in command], cwd=ROOT, env=environment,
                                   stdout=out_file, stderr=err_file)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - start
    if process.returncode != 0:
        raise Failed(f"{name} ended with {process.returncode}:\n{err.read_text()[-3000:]}")
    return Child(out.read_text(), err.read_text(), wall, usage.ru_maxrss * 1024)


def has_option(command, option):
    text = subprocess.run([GRAFT, command, "--help"], capture_output=True, text=True).stdout
    return re.search(rf"^ *--{option}\b", text, re.M) is not None


def precision(child):
    """What graft says it computes in."""
    found = re.search(r"computing in (\w+)", child.err)
    return found.group(1) if found else "auto"


def table(head, rows):
    return ["| " + " | ".join(str(c) for c in line) + " |"
            for line in [head, ["---"] * len(head), *rows]]


def gigabytes(n):
    return f"{n / 1e9:.2f} GB"


def figure_rows(figures):
    shown = {"%": lambda v: f"{100 * v:.1f} %", "x": lambda v: f"{v:.2f}x",
             "1/": lambda v: f"1/{v:.1f}", "min": lambda v: f"{v:.1f} min",
             "GB": lambda v: f"{v:.2f} GB", "% off": lambda v: f"{100 * v:.1f} % off"}
    for key, value in figures.items():
        what, unit, floor, goal = TARGETS[key]
        sign = -1 if unit in FEW else 1
        met = "goal met" if sign * value >= sign * goal else \
              "floor met" if sign * value >= sign * floor else "below the floor"
        limit = "<=" if unit in (*FEW, "1/") else ">="
        yield [what, shown[unit](value), f"{limit} {shown[unit](floor)}",
               f"{limit} {shown[unit](goal)}", met]


def cpu_level():
    version = subprocess.run([GRAFT, "version", "--json"], capture_output=True, text=True,
                             check=True).stdout
    return json.loads(version)["cpu_level"]


def has_bf16():
    """Whether this CPU multiplies bfloat16; where it does not, PyTorch is faster in f32."""
    return cpu_level() in ("avx512bf16", "amx")


def knows_bf16():
    """Whether compute: auto is bf16, whatever it is multiplied with."""
    return cpu_level() in ("avx2", "avx512bf16", "amx")


def has_int8():
    """Whether compute: int8 is measured: as VPDPBUSD, or as VPMADDUBSW where there is AVX2 alone;
    beside the tiles of AMX it never was."""
    return cpu_level() in ("avx2", "avx512bf16")


def machine(options):
    with open("/proc/cpuinfo") as info:
        names = [line.split(":")[1].strip() for line in info if line.startswith("model name")]
    with open("/proc/meminfo") as info:
        kib = int(info.readline().split()[1])
    version = json.loads(subprocess.run([GRAFT, "version", "--json"], capture_output=True,
                                        text=True, check=True).stdout)
    return (f"{datetime.date.today()}, commit {version['build']}. "
            f"{names[0] if names else os.uname().machine}, level {version['cpu_level']}, "
            f"{len(os.sched_getaffinity(0))} cores, {kib / 2**20:.0f} GiB; "
            f"{options.threads} threads; other programs used {options.others.cores():.2f} "
            "cores meanwhile.")


def section_text(report, options):
    lines = [f"## {report.name}", "", machine(options), "", report.what, ""]
    if report.figures:
        lines += table(["figure", "measured", "floor", "goal", ""],
                       figure_rows(report.figures)) + [""]
    return "\n".join(lines + report.body).rstrip() + "\n"


def record(report, text):
    """Puts the section into RESULTS.md, in the place of the one with the same name."""
    old = RESULTS.read_text()
    parts = re.split(r"^(?=## )", old, flags=re.M)
    mine = [i for i, part in enumerate(parts) if part.startswith(f"## {report.name}\n")]
    if mine:
        parts[mine[0]] = text
    else:
        parts.append(text)
    RESULTS.write_text("\n\n".join(part.rstrip("\n") for part in parts) + "\n")


def publish(report, options):
    path = OUT / f"{report.name}.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, report.rows[0].keys())
        writer.writeheader()
        writer.writerows(report.rows)
    text = section_text(report, options)
    print(path.read_text() + "\n" + text, flush=True)
    if options.record:
        record(report, text)
