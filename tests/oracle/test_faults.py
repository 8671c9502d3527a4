"""Runs of the program that lose their files or their terminal."""
import hashlib
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

sys.dont_write_bytecode = True


@pytest.fixture(scope="module")
def binary(root):
    path = root / "build/graft"
    if not path.exists():
        pytest.skip("no build/graft (make)")
    return str(path)


@pytest.fixture
def base(root, tmp_path):
    path = tmp_path / "tiny model.gguf"
    subprocess.run([sys.executable, root / "tests/cli/tiny_model.py", path], check=True)
    return path


@pytest.fixture
def train(binary, base, root, tmp_path):
    """A run that goes on for minutes if nobody stops it, with a checkpoint after every step."""
    return [binary, "train", "--base_model", str(base), "--dataset",
            str(root / "datasets/prompt-completion.jsonl"), "--output_dir", str(tmp_path / "run"),
            "--max_steps", "1000000", "--save_steps", "5", "--batch_size", "2", "--lora_r", "2",
            "--threads", "2"]


def wait_for(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"ended too early with {process.returncode}"
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.02)


def checkpoints(tmp_path):
    return sorted(p.name for p in (tmp_path / "run/checkpoints").glob("step-*.h5"))


def to_step(arguments, process, tmp_path):
    """What the same command needs to end a few steps behind the newest checkpoint."""
    newest = max(int(name[5:-3]) for name in checkpoints(tmp_path))
    where = arguments.index("--max_steps") + 1
    return arguments[:where] + [str(newest + 2)] + arguments[where + 1:] + ["--force"]


def test_a_base_cut_short_under_a_run_is_exit_8_with_its_name(train, base, tmp_path):
    whole = base.read_bytes()
    process = subprocess.Popen(train, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(checkpoints(tmp_path)) > 0, process)
    os.truncate(base, 4096)
    errors = process.communicate(timeout=120)[1]
    # A look between two steps may come before the first page that is missing.
    assert process.returncode in (6, 8), errors
    assert re.search(rf"graft.*: {re.escape(str(base))}: ", errors)
    if process.returncode == 8:
        assert re.search(r": cannot be read at byte \d+: the file was cut short while it was used, or "
                         r"its disk cannot be read\. Checkpoints are as they were", errors)
    base.write_bytes(whole)
    subprocess.run(to_step(train, process, tmp_path), check=True, capture_output=True)


@pytest.mark.parametrize("threads", ["1", "4"])
def test_a_read_error_of_the_base_on_any_thread_is_exit_8(binary, base, root, tmp_path, threads):
    """While the base is evaluated nobody looks at its size."""
    run = [binary, "eval", str(root / "datasets/prompt-completion.jsonl"), "--base", str(base),
           "--max_new_tokens", "4000", "--threads", threads]
    process = subprocess.Popen(run, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while "evaluating" not in process.stderr.readline():
        assert process.poll() is None
    os.truncate(base, 8192)
    errors = process.stderr.read()
    assert process.wait(timeout=120) == 8, errors
    found = re.search(r"\ngraft: (.*): cannot be read at byte (\d+)", errors)
    assert found and found[1] == str(base) and int(found[2]) >= 8192


def test_a_model_cut_short_while_it_is_quantised_leaves_no_half_file(binary, root, tmp_path):
    """A file of 400 MiB, nearly all of it holes, of which the last tensor is gone."""
    sys.path.insert(0, str(root / "tests/bad"))
    from make_gguf import ARRAY, STRING, TYPE_F32, U32, array, kv, string, tensor, u32, u64  # noqa: F401
    source, out = tmp_path / "wide.gguf", tmp_path / "small.gguf"
    rows, columns, n = 4096, 4096, 6
    names = [f"blk.{i}.ffn_up.weight" for i in range(n)]
    size = rows * columns * 4
    head = b"GGUF" + u32(3) + u64(n) + u64(2)
    head += kv("general.architecture", STRING, string("llama")) + kv("llama.block_count", U32, u32(n))
    for i, name in enumerate(names):
        head += string(name) + u32(2) + u64(columns) + u64(rows) + u32(TYPE_F32) + u64(i * size)
    head += b"\0" * (-len(head) % 32)
    source.write_bytes(head)
    os.truncate(source, len(head) + n * size)
    process = subprocess.Popen([binary, "quantize", str(source), str(out), "--type", "f16", "--threads",
                                "1"], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: list(tmp_path.glob("small.gguf.tmp-*")), process)
    os.truncate(source, len(head) + 4096)
    errors = process.communicate(timeout=120)[1]
    assert process.returncode in (6, 8) and str(source) in errors, errors
    assert not list(tmp_path.glob("small.gguf*"))


def test_bytes_that_steer_a_terminal_are_not_in_the_message(binary, root, tmp_path):
    base = tmp_path / "t\x1b[31m\n.gguf"
    subprocess.run([sys.executable, root / "tests/cli/tiny_model.py", base], check=True)
    process = subprocess.Popen([binary, "eval", str(root / "datasets/prompt-completion.jsonl"), "--base",
                                str(base), "--max_new_tokens", "4000"], stderr=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    while b"evaluating" not in process.stderr.readline():
        assert process.poll() is None
    os.truncate(base, 8192)
    errors = process.stderr.read()
    assert process.wait(timeout=120) == 8
    assert b"t?[31m?.gguf: cannot be read" in errors and b"\x1b" not in errors


def test_a_sigbus_of_something_else_is_still_a_crash(binary, train, tmp_path):
    process = subprocess.Popen(train, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(checkpoints(tmp_path)) > 0, process)
    process.send_signal(signal.SIGBUS)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGBUS


def test_a_file_beyond_the_limit_of_the_shell_is_an_error_and_no_signal(binary, base, tmp_path):
    done = subprocess.run(["bash", "-c", 'ulimit -f 16; "$@"', "bash", binary, "quantize", str(base),
                           str(tmp_path / "small.gguf"), "--type", "f32"], capture_output=True, text=True)
    assert done.returncode == 8 and "small.gguf: cannot write: File too large" in done.stderr
    assert not list(tmp_path.glob("small.gguf*"))


def at_a_terminal(arguments, **more):
    """The master side, and the process as a shell starts it: at a controlling terminal."""
    import fcntl
    import termios
    master, slave = pty.openpty()

    def sit_down():
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(arguments, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                               preexec_fn=sit_down, **more)
    os.close(slave)
    return master, process


def test_a_second_hangup_does_not_kill_while_the_step_is_finished(train, tmp_path):
    """A lost connection is two signals: one of the shell, one of the system."""
    master, process = at_a_terminal(train)
    wait_for(lambda: len(checkpoints(tmp_path)) > 0, process)
    before = {p: hashlib.sha256(p.read_bytes()).digest() for p in (tmp_path / "run/checkpoints").iterdir()}
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.01)
    if process.poll() is None:
        process.send_signal(signal.SIGHUP)
    os.close(master)
    assert process.wait(timeout=60) == 9
    assert before and checkpoints(tmp_path)


def test_a_terminal_that_goes_away_stops_the_run_with_a_checkpoint(train, tmp_path):
    master, process = at_a_terminal(train)
    wait_for(lambda: len(checkpoints(tmp_path)) > 0, process)
    os.close(master)  # messages and results now go nowhere
    assert process.wait(timeout=60) == 9
    subprocess.run(to_step(train, process, tmp_path), check=True, capture_output=True)


@pytest.mark.parametrize("way", ["setsid", "redirected"])
def test_a_detached_run_does_not_hear_a_hangup(train, tmp_path, way):
    def start():
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    if way == "setsid":  # no controlling terminal, whatever its messages go to
        process = subprocess.Popen(train, stderr=subprocess.DEVNULL, start_new_session=True,
                                   preexec_fn=start)
    else:  # "graft train ... < /dev/null > log 2>&1 &" at a terminal
        shell = ["sh", "-c", '"$@" < /dev/null > /dev/null 2>&1', "sh", *train]
        master, process = at_a_terminal(shell)
    wait_for(lambda: len(checkpoints(tmp_path)) > 0, process)
    pid = int((tmp_path / "run/.lock").read_text().split()[1])
    os.kill(pid, signal.SIGHUP)
    newest = checkpoints(tmp_path)
    wait_for(lambda: checkpoints(tmp_path) != newest, process)  # it goes on
    os.kill(pid, signal.SIGTERM)
    assert process.wait(timeout=60) == 9


def test_a_second_run_in_the_folder_names_the_first(train, tmp_path):
    first = subprocess.Popen(train, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(checkpoints(tmp_path)) > 0, first)
    second = subprocess.run(train, capture_output=True, text=True)
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=60) == 9
    assert second.returncode == 2
    assert f"another run is using this folder (process {first.pid} on " in second.stderr


@pytest.fixture
def scarce(root, tmp_path):
    """A library to be preloaded, and what makes it act on allocations of libhdf5."""
    library = tmp_path / "scarce.so"
    subprocess.run([os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O1", "-o", library,
                    root / "tests/oracle/guard/scarce.c", "-ldl"], check=True)
    return dict(os.environ, LD_PRELOAD=str(library), SCARCE_IN="libhdf5")


def test_memory_that_runs_out_within_libhdf5_was_a_crash_without_a_word(binary, base, root, scarce, tmp_path):
    """libhdf5 uses what it could not allocate; what it makes of that is said, and nothing is lost."""
    command = [binary, "train", "-q", "--base_model", str(base), "--dataset",
               str(root / "datasets/prompt-completion.jsonl"), "--output_dir", str(tmp_path / "run"), "--max_steps",
               "1", "--lora_r", "2", "--batch_size", "1"]
    said = 0
    for at in [*range(1, 12), *range(12, 400, 23)]:
        done = subprocess.run(command, capture_output=True, text=True, env=dict(scarce, SCARCE_AT=str(at)))
        assert done.returncode in (0, 3), (at, done.returncode, done.stderr)
        assert done.returncode == 0 or "out of memory" in done.stderr, (at, done.stderr)
        said += "libhdf5 does not survive that" in done.stderr
        assert not list(tmp_path.glob("run/**/*.tmp-*")), at
        if done.returncode == 0:
            break
    assert said > 0
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "run/adapter.gguf").exists()


SIGNALS = signal.SIGSEGV, signal.SIGABRT


def test_a_crash_of_something_else_is_still_a_crash(train, tmp_path):
    for number in SIGNALS:
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        process = subprocess.Popen(train, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: len(checkpoints(tmp_path)) > 0, process)
        process.send_signal(number)
        assert "libhdf5" not in process.communicate(timeout=60)[1]
        assert process.returncode == -number


def test_a_signal_that_was_sent_while_libhdf5_ran_was_taken_for_its_own(train, scarce):
    for number in SIGNALS:
        process = subprocess.Popen(train, stderr=subprocess.PIPE, text=True,
                                   env=dict(scarce, SCARCE_STOPS="1", SCARCE_AT="200"))
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), number
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        assert "libhdf5" not in process.communicate(timeout=60)[1]
        assert process.returncode == -number
