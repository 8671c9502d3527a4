"""What people see: progress, colours, escaping and signals, on a real (pseudo-)terminal."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest


def sit_down():
    """As a shell's child: at a controlling terminal, no signal ignored."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Terminal:
    """A command whose standard streams are a terminal of `columns`."""

    def __init__(self, arguments, columns=80, env=None):
        self.output = b""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        # What the suite was started with may be ignored, as SIGINT is in the background of a shell.
        self.process = subprocess.Popen(arguments, stdin=slave, stdout=slave, stderr=slave,
                                        env={**environment, **(env or {})}, start_new_session=True,
                                        preexec_fn=sit_down)
        os.close(slave)
        self.master = master

    def read(self, until=None, seconds=100):
        """Collects output until it matches, or until the command ends."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if until and re.search(until, self.output):
                return True
            if not select.select([self.master], [], [], 0.05)[0]:
                continue
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                return False
            if not piece:
                return False
            self.output += piece
        pytest.fail(f"nothing more within {seconds} s: {self.output[-500:]}")

    def finish(self):
        self.read()
        os.close(self.master)
        return self.process.wait(timeout=60)

    def screen(self):
        """The lines as a person would see them."""
        lines, column = [[]], 0
        for char in self.output.decode():
            if char == "\r":
                column = 0
            elif char == "\n":
                lines.append([])
                column = 0
            else:
                line = lines[-1]
                line.extend(" " * (column + 1 - len(line)))
                line[column] = char
                column += 1
        return ["".join(line).rstrip() for line in lines]


@pytest.fixture(scope="module")
def binary(root):
    path = root / "build/graft"
    if not path.exists():
        pytest.skip("no build/graft (make)")
    return str(path)


@pytest.fixture
def evaluate(binary, base_model, root):
    """A short job with progress: 3 replies."""
    return [binary, "eval", str(root / "datasets/prompt-completion.jsonl"), "--base",
            str(base_model), "--samples", "3", "--max_new_tokens", "2"]


@pytest.mark.parametrize("columns", [120, 80, 30, 10])
def test_progress_is_one_line_that_fits(evaluate, columns):
    terminal = Terminal(evaluate, columns)
    assert terminal.finish() == 0, terminal.output
    assert b"\x1b" not in terminal.output and terminal.output.isascii()
    progress = [p for p in re.split(rb"[\r\n]", terminal.output) if p.startswith(b"evaluat")]
    assert progress and all(len(p) < columns for p in progress), progress
    if columns >= 80:
        assert any(re.search(rb"evaluating \d/3 items  .*tok/s.* MiB", p) for p in progress)
        assert sum("/3 items" in line for line in terminal.screen()) == 1


def test_progress_in_a_file_is_lines_with_the_time(evaluate):
    done = subprocess.run(evaluate, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stderr and "\x1b" not in done.stderr
    assert re.search(r"^\d\d:\d\d:\d\d  evaluating 3/3 items  ", done.stderr, re.M), done.stderr
    assert "/3 items" not in done.stdout


def test_quiet_keeps_the_result(evaluate):
    loud = subprocess.run(evaluate, capture_output=True, text=True)
    quiet = subprocess.run(evaluate + ["--quiet"], capture_output=True, text=True)
    assert quiet.stdout == loud.stdout != ""
    assert "items" in loud.stderr and "items" not in quiet.stderr
    assert all(line.startswith("warning: ") for line in quiet.stderr.splitlines())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_job_at_a_safe_place(evaluate, number):
    terminal = Terminal(evaluate[:-4] + ["--samples", "0", "--max_new_tokens", "400",
                                         "--threads", "1", "--compute", "f32"])
    assert terminal.read(until=rb"evaluating 0/5"), terminal.output
    terminal.process.send_signal(number)
    assert terminal.finish() == 9, terminal.output
    text = "\n".join(terminal.screen())
    assert "graft: stopping at the next safe place (once more: at once)\n" in text
    assert re.search(r"^graft eval: .*stopped", text, re.M)


def test_an_ignored_signal_stays_ignored(evaluate):
    done = subprocess.run(["sh", "-c", 'trap "" HUP; "$@" & kill -HUP $!; wait $!', "sh", *evaluate],
                          capture_output=True, text=True)
    assert done.returncode == 0 and "stopping" not in done.stderr, done.stderr


@pytest.fixture
def show(binary, base_model, root):
    return [binary, "data", "show", str(root / "datasets/canonical.jsonl"), "--base",
            str(base_model), "--quiet"]


def test_colours_only_on_a_terminal(show):
    terminal = Terminal(show)
    assert terminal.finish() == 0, terminal.output
    assert b"\x1b[" in terminal.output
    assert b"\x1b" not in subprocess.run(show, capture_output=True).stdout
    assert b"\x1b[" in subprocess.run(show + ["--color=always"], capture_output=True).stdout


def test_no_color(show):
    for arguments, env in ((show, {"NO_COLOR": "1"}), (show + ["--color", "never"], {})):
        terminal = Terminal(arguments, env=env)
        assert terminal.finish() == 0
        assert b"\x1b" not in terminal.output
    terminal = Terminal(show, env={"NO_COLOR": ""})  # empty: as if unset (no-color.org)
    assert terminal.finish() == 0 and b"\x1b[" in terminal.output


def test_json_on_a_terminal_has_no_colours(show):
    terminal = Terminal(show + ["--json", "--color", "always"])
    assert terminal.finish() == 0
    assert b"\x1b" not in terminal.output and b'"weights"' in terminal.output


def test_results_cannot_steer_a_terminal(binary, jsonl):
    """U+009B (a control sequence in one character) and U+202E (writing turns round)."""
    path = jsonl("evil.jsonl", [{"messages": [{"role": "\u009b2J\u202e", "content": "a"}]}])
    arguments = [binary, "data", "check", str(path)]
    terminal = Terminal(arguments, columns=200)
    assert terminal.finish() == 5
    assert "\\u{9b}2J\\u{202e}" in terminal.output.decode()
    piped = subprocess.run(arguments, capture_output=True, text=True).stdout
    assert "\u009b2J\u202e" in piped  # bytes as they are
