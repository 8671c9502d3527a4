"""tests/torture/RESULTS.md: the goal table, of which a section's run rewrites its own rows, and what each did."""
import datetime
import re

from common import ROOT, commit

RESULTS = ROOT / "tests/torture/RESULTS.md"
# key of a figure -> what, as the first cell of its row says; goal
GOALS = {
    "kills": ("kill -9 at random moments and at every write",
              ">= 2,000 points; the resumed run ends with a bit-identical adapter"),
    "images": ("power-loss images (unsynced writes lost or torn)",
               ">= 5,000; always a valid checkpoint"),
    "faults": ("I/O faults (ENOSPC, EIO, short write) at each call in turn",
               "all; clear error, nothing lost"),
    "allocations": ("allocation failure at each call in turn",
                    "all; clear error, nothing lost, no leak"),
    "threads": ("threads 1..16, resumed or not", "one hash"),
    "soak": ("soak", "hours; growth after step 100 <= 1 MiB; 0 heap allocations per step"),
}


def row(key, reached, section):
    what, goal = GOALS[key]
    return f"| {what} | {goal} | {reached} | {commit()} | `tests/torture/run {section}` |"


def replace_row(text, key, line):
    """The row whose first cell is that goal's; a new one goes behind the last row of the first table."""
    what = re.escape(GOALS[key][0])
    text, n = re.subn(rf"^\| {what} \|.*$", lambda _: line, text, count=1, flags=re.M)
    if n == 0:
        text = re.sub(r"((?:^\|.*\n)+)", lambda m: m.group(1) + line + "\n", text, count=1,
                      flags=re.M)
    return text


def section_text(name, report, options, seconds):
    counts = f"{report.tally.points} points, {len(report.tally.failures)} wrong"
    lines = [f"## {name}", "", f"{datetime.date.today()}, commit {commit()}, seed {options.seed}: {counts}, "
             f"in {seconds / 60:.1f} minutes.", "", report.what]
    if report.body:
        lines += ["", *report.body]
    if report.tally.failures:
        lines += ["", "Wrong:", "", *(f"- `{point}`: {why}" for point, why in
                                      report.tally.failures[:20])]
    return "\n".join(lines) + "\n"


def record(name, report, options, seconds):
    text = RESULTS.read_text()
    for key, reached in report.figures.items():
        text = replace_row(text, key, row(key, reached, name))
    parts = re.split(r"^(?=## )", text, flags=re.M)
    mine = [i for i, part in enumerate(parts) if part.startswith(f"## {name}\n")]
    new = section_text(name, report, options, seconds)
    if mine:
        parts[mine[0]] = new
    else:
        parts.append(new)
    RESULTS.write_text("\n\n".join(part.rstrip("\n") for part in parts) + "\n")
