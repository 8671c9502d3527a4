"""graft export where it cannot go well: little memory, a full disk, an end in the middle."""
import os
import resource
import signal
import subprocess
import time

import pytest

FF, WIDTH = 1 << 16, 64
LARGEST = 4 * FF * WIDTH  # bytes of ffn_down in single precision


@pytest.fixture(scope="module")
def made(base_model, runtime, tmp_path_factory):
    """(base, adapter): three tensors of 16 MiB and little else."""
    folder = tmp_path_factory.mktemp("large")
    tensors = runtime.tiny.make_tiny(str(folder / "base.gguf"), src=str(base_model), d=WIDTH, nl=1, nh=4,
                                     nkv=2, ff=FF, nv=512)
    pairs = runtime.ggutil.random_pairs(tensors, 4, amp=0.1)
    runtime.ggutil.write_adapter(str(folder / "a.gguf"), pairs, 8.0)
    return folder / "base.gguf", folder / "a.gguf"


@pytest.fixture
def start(graft, made, root):
    """start(to, out, *words, **how) -> Popen"""
    binary = os.path.join(os.environ.get("GRAFT_TEST_BUILD", root / "build"), "graft")

    def begin(to, out, *words, **how):
        return subprocess.Popen([binary, "export", "-q", "--base", made[0], "--adapter", made[1], "--to", to,
                                 "--out", out, "--force", *words], stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True, **how)

    return begin


@pytest.mark.parametrize("to, kind", [("gguf", "same"), ("gguf", "q4_k_m"), ("hf", "f16")])
def test_a_merge_needs_less_than_three_of_its_largest_tensor(to, kind, start, tmp_path):
    job, peak = start(to, tmp_path / "m", "--type", kind), 0
    while job.poll() is None:
        try:
            with open(f"/proc/{job.pid}/status") as status:
                peak = max([peak] + [int(line.split()[1]) * 1024 for line in status
                                     if line.startswith("RssAnon:")])
        except OSError:
            pass
        time.sleep(0.002)
    assert job.returncode == 0, job.stderr.read()
    assert 0 < peak <= 3 * LARGEST


@pytest.mark.parametrize("to", ["gguf", "ollama", "hf", "adapter", "mlx"])
def test_a_disk_that_fills_leaves_what_was_there(to, start, tmp_path):
    """A file may grow to half of what it needs, as on a disk that fills up."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = LARGEST if to in ("gguf", "ollama", "hf") else 1 << 16
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    folder = to in ("ollama", "hf", "mlx")
    out = tmp_path / "out"
    for before in (False, True):
        if before:
            assert start(to, out).wait() == 0
            old = {p: p.read_bytes() for p in (out.rglob("*") if folder else [out]) if p.is_file()}
        job = start(to, out, preexec_fn=limit)
        said = job.stderr.read()
        assert job.wait() == 8 and "File too large" in said, said
        left = [p for p in tmp_path.rglob("*") if p.is_file() and ".survival.json" not in p.name]
        assert left == [] if not before else {p: p.read_bytes() for p in left} == old


def stoppable():
    """Slow enough to be stopped, and willing: what a shell starts in the background ignores SIGINT."""
    os.nice(10)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("to", ["gguf", "hf"])
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_export_leaves_no_half_file(to, sign, start, tmp_path):
    for attempt in range(20):  # beside other programs it may be done before this one has looked
        folder = tmp_path / str(attempt)
        folder.mkdir()
        job = start(to, folder / "out", "--type", "f32", preexec_fn=stoppable)
        while not any(folder.iterdir()) and job.poll() is None:
            time.sleep(0.001)
        job.send_signal(sign)
        code = job.wait()
        if code != 0:
            break
    assert code == 9, job.stderr.read()
    assert list(folder.iterdir()) == []
