"""Runs the case files of tests/cli and tests/bad: commands with the output they must have.

A case file (*.case) holds one or more cases:

    == an unknown command names the nearest one
    needs build/base/SmolLM2-135M-Instruct.Q4_1.gguf
    file bad.jsonl
    | {"messages": [
    $ graft data check $TMP/bad.jsonl
    exit 5
    stdout empty
    stderr: bad.jsonl:1: 
    stderr~ column [0-9]+

  == NAME          begins a case
  needs PATH       the case is skipped, with this reason, where PATH does not exist
  file NAME        writes the following lines that begin with "| " to $TMP/NAME, each with a
                   newline ("|" alone is an empty line)
  $ COMMAND        runs COMMAND with sh in the repository root; "graft" is build/graft
and about the last command:
  exit N           its exit code (0 if not said)
  stdout: TEXT     stdout contains TEXT (to the end of the line, as it stands)
  stdout! TEXT     ... does not contain TEXT
  stdout~ REGEX    ... matches REGEX somewhere (Python's re, ^ and $ at every line)
  stdout empty     ... is empty
  stderr...        likewise

$TMP is an empty folder of the case, $CASES the folder of the case file. Lines that begin with #
and empty lines are ignored. A command has 120 seconds, in other builds than the release six times
as long. A process that dies by a signal fails the case whatever is expected."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from support.results import PATIENCE

SECONDS = 120 * PATIENCE


class Case:
    def __init__(self, path, line, name):
        self.path, self.line, self.name = path, line, name
        self.needs, self.files, self.steps = [], {}, []

    def __str__(self):
        return f"{self.path}: {self.name}"


class Step:
    def __init__(self, line, command):
        self.line, self.command, self.exit, self.checks = line, command, 0, []


def parse(path):
    """The cases of one file; ValueError with file and line if it is not well formed."""
    cases, content = [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        def wrong(what):
            return ValueError(f"{path}:{number}: {what}: {line}")

        if line.startswith("|"):
            if content is None:
                raise wrong("content outside a file")
            content.append(line[2:])
            continue
        content = None
        if not line or line.startswith("#"):
            continue
        if line.startswith("== "):
            cases.append(Case(path, number, line[3:].strip()))
            continue
        if not cases:
            raise wrong("expected \"== NAME\" first")
        case = cases[-1]
        step = case.steps[-1] if case.steps else None
        check = re.fullmatch(r"(stdout|stderr)(: |! |~ | empty$)(.*)", line)
        if line.startswith("needs "):
            case.needs.append(line[6:].strip())
        elif line.startswith("file "):
            content = case.files[line[5:].strip()] = []
        elif line.startswith("$ "):
            case.steps.append(Step(number, line[2:]))
        elif re.fullmatch(r"exit \d+", line) and step:
            step.exit = int(line[5:])
        elif check and step:
            step.checks.append((number, *check.groups()))
        else:
            raise wrong("not understood")
    for case in cases:
        if not case.steps:
            raise ValueError(f"{path}:{case.line}: case without a command")
    return cases


def holds(kind, expected, text):
    if kind == ": ":
        return expected in text
    if kind == "! ":
        return expected not in text
    if kind == "~ ":
        return re.search(expected, text, re.M) is not None
    return text == ""


def run(case, root, build):
    """(verdict, details): verdict is "passed", "failed" or "skipped". build holds the binary."""
    for path in case.needs:
        if not (root / path).exists():
            return "skipped", f"{path} is not there"
    (root / "build/tmp").mkdir(parents=True, exist_ok=True)
    tmp = pathlib.Path(tempfile.mkdtemp(prefix="case-", dir=root / "build/tmp"))
    try:
        for name, lines in case.files.items():
            (tmp / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return run_steps(case, root, build, tmp)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def run_steps(case, root, build, tmp):
    environment = dict(os.environ, TMP=os.path.relpath(tmp, root), LC_ALL="C.UTF-8",
                       CASES=os.path.relpath(pathlib.Path(case.path).parent, root),
                       OMP_WAIT_POLICY="passive",
                       PATH=f"{build}{os.pathsep}{os.environ['PATH']}")
    environment.pop("GRAFT_CPU", None)
    for step in case.steps:
        try:
            done = subprocess.run(["sh", "-c", step.command], cwd=root, env=environment,
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return "failed", f"{case.path}:{step.line}: still running after {SECONDS} seconds"
        text = {"stdout": done.stdout.decode("utf-8", "replace"),
                "stderr": done.stderr.decode("utf-8", "replace")}
        wrong = []
        if done.returncode < 0 or done.returncode > 128:
            wrong.append(f"{case.path}:{step.line}: died, status {done.returncode}")
        elif done.returncode != step.exit:
            wrong.append(f"{case.path}:{step.line}: exit {done.returncode}, expected {step.exit}")
        for number, stream, kind, expected in step.checks:
            if not holds(kind, expected, text[stream]):
                wrong.append(f"{case.path}:{number}: not so: {stream}{kind}{expected}")
        if wrong:
            shown = "".join(f"--- {name}\n{out[-4000:]}" for name, out in text.items() if out)
            return "failed", "\n".join(wrong) + f"\n$ {step.command}\n{shown}"
    return "passed", ""
