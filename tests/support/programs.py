"""Runs one cmocka program and counts its tests."""
import os
import re
import subprocess

from support.results import PATIENCE, Result

SECONDS = 600 * PATIENCE  # for one program


def run(name, command, root, environment=None, seconds=SECONDS):
    """Counts the tests from the TAP lines; a program that does not report is failed.

    command is a list; environment replaces that of this process."""
    result = Result()
    environment = dict(environment or os.environ, CMOCKA_MESSAGE_OUTPUT="TAP",
                       OMP_WAIT_POLICY="passive")
    environment.pop("CMOCKA_XML_FILE", None)
    try:
        done = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=seconds)
        output, code = done.stdout.decode("utf-8", "replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        output, code = (late.stdout or b"").decode("utf-8", "replace"), "none: it did not end"
    planned = sum(int(n) for n in re.findall(r"^1\.\.(\d+)$", output, re.M))
    reports = re.findall(r"^(not ok|ok) \d+ (?:- |# (SKIP) )(\S+)$", output, re.M)
    bad = False
    for verdict, skipped, test in reports:
        if skipped:
            reason = re.search(rf"skip: (?:{re.escape(test)}: )?(.*)", output)
            result.add(f"{name}: {test}", "skipped", reason.group(1) if reason else "no reason")
        elif verdict == "ok":
            result.add(f"{name}: {test}", "passed")
        else:
            bad = True
            result.add(f"{name}: {test}", "failed", failure_lines(output, test))
    silent = planned - len(reports)
    if silent > 0 or not reports or (code != 0 and not bad):
        for _ in range(max(silent, 1)):
            result.add(f"{name}: no report", "failed", f"exit status {code}\n{output[-4000:]}")
    return result


def failure_lines(output, test):
    """What was printed from the test before to the comments after this test's line."""
    lines = output.splitlines()
    at = next(i for i, line in enumerate(lines) if re.fullmatch(rf"not ok \d+ - {test}", line))
    first, last = at, at + 1
    while first > 0 and not re.match(r"(not )?ok \d+ |1\.\.\d+$", lines[first - 1]):
        first -= 1
    while last < len(lines) and lines[last].startswith("#"):
        last += 1
    return "\n".join(lines[first:last])
