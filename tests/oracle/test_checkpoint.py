"""Checkpoints of real runs, opened with h5py by what train/checkpoint.h says; and content that is not to be
believed although its digest matches."""
import hashlib
import json
import struct
import subprocess

import h5py
import numpy as np
import pytest

HEADER = 512


@pytest.fixture(scope="module")
def run(root, driver, tmp_path_factory):
    """(folder of a finished run of 4 steps that was scored after each, its base)"""
    folder = tmp_path_factory.mktemp("run")
    base = folder / "tiny.gguf"
    subprocess.run(["python3", root / "tests/cli/tiny_model.py", base], check=True)
    settings = {"base_model": base, "dataset": root / "datasets/prompt-completion.jsonl",
                "output_dir": folder / "run", "max_steps": 4, "batch_size": 2, "lora_r": 3,
                "learning_rate": 0.01, "val_set_size": 2, "eval_samples": 1, "eval_max_new_tokens": 2,
                "eval_steps": 1, "compute": "f32", "metric_for_best_model": "loss"}
    done = subprocess.run([driver("stopper"), "0", *[str(x) for p in settings.items() for x in p]],
                          cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "run", base


def lines(array):
    return array[:].tobytes().decode().splitlines()


def maps(file):
    """{name: (A, B, where)} as the header of train/checkpoint.h describes them."""
    params = file["adapter/params"][:]
    for line in lines(file["adapter/maps"]):
        name, rank, n_in, n_out, a, b = (w if i == 0 else int(w) for i, w in enumerate(line.split(" ")))
        yield name, params[a:a + rank * n_in].reshape(rank, n_in), \
            params[b:b + n_out * rank].reshape(n_out, rank), slice(a, b + n_out * rank)


def test_h5py_reads_adapter_moments_and_the_rest(run):
    import gguf
    folder, base = run
    adapter = {t.name: t for t in gguf.GGUFReader(str(folder / "adapter.gguf")).tensors}
    with h5py.File(folder / "checkpoints/step-4.h5") as file:
        assert file.userblock_size == HEADER
        assert file["run/format"][:].tolist() == [2] and file["run/step"][:].tolist() == [4]
        identity = dict(line.split(": ", 1) for line in lines(file["run/identity"]))
        n, seen = file["adapter/params"].shape[0], np.zeros(file["adapter/params"].shape, int)
        m, v = file["optimizer/m"][:], file["optimizer/v"][:]
        # the best adapter is the last one: the loss fell all the time
        best = file["best/state"][:].tolist()
        assert best[:2] == [1, 4] and best[5] == n
        assert np.array_equal(file["best/params"][:], file["adapter/params"][:])
        value, = struct.unpack("<d", struct.pack("<Q", best[6]))
        found = list(maps(file))
    for name, a, b, where in found:
        seen[where] += 1
        assert np.array_equal(a, adapter[f"{name}.lora_a"].data)
        assert np.array_equal(b, adapter[f"{name}.lora_b"].data)
    assert len(found) == 14 and 2 * len(found) == len(adapter) and (seen == 1).all()
    # moments of AdamW after 4 steps: v >= m^2 / (sum of squared weights), and none is zero throughout
    assert m.shape == v.shape == (n,) and (v >= 0).all() and (v > 0).mean() > 0.5
    assert (np.abs(m) <= np.sqrt(v / (1 - 0.999)) * 1.01).all()
    assert identity["lora_r"] == "3" and identity["learning_rate"] == "0.01"
    assert identity["base_model (SHA-256)"] == hashlib.sha256(base.read_bytes()).hexdigest()
    scores = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert -value == [r["loss_per_token"] for r in scores if r["event"] == "eval"][-1]


def test_the_first_moments_are_the_gradients(run, root, driver, tmp_path):
    """After one step m = 0.1 g and v = 0.001 g^2, so their ratio is known without knowing g."""
    _, base = run
    settings = {"base_model": base, "dataset": root / "datasets/prompt-completion.jsonl", "output_dir":
                tmp_path / "one", "max_steps": 1, "lora_r": 2, "compute": "f32", "max_grad_norm": 0}
    subprocess.run([driver("stopper"), "0", *[str(x) for p in settings.items() for x in p]], cwd=root,
                   check=True, capture_output=True)
    norm = next(json.loads(line)["grad_norm"] for line in
                (tmp_path / "one/metrics.jsonl").read_text().splitlines())
    with h5py.File(tmp_path / "one/checkpoints/step-1.h5") as file:
        gradient = file["optimizer/m"][:].astype(np.float64) / 0.1
        squares = file["optimizer/v"][:].astype(np.float64) / 0.001
    assert abs(np.sqrt((gradient ** 2).sum()) / norm - 1) < 1e-5
    assert np.allclose(squares, gradient ** 2, rtol=1e-4, atol=1e-30)


def test_the_header_and_its_digest(run):
    data = (run[0] / "checkpoints/step-4.h5").read_bytes()
    assert data[:8] == b"GRAFTCK1" and struct.unpack_from("<IQ", data, 8) == (1, len(data) - HEADER)
    assert data[20:52] == hashlib.sha256(data[HEADER:]).digest() and not any(data[52:HEADER])


def rewritten(path, to, change):
    """A copy that h5py has changed, under a header that fits it."""
    image = to.with_suffix(".image")
    image.write_bytes(path.read_bytes()[HEADER:])
    with h5py.File(image, "r+") as file:
        change(file)
    data = image.read_bytes()
    image.unlink()
    head = b"GRAFTCK1" + struct.pack("<IQ", 1, len(data)) + hashlib.sha256(data).digest()
    to.write_bytes(head.ljust(HEADER, b"\0") + data)


def put(name, at, value):
    def change(file):
        file[name][at] = value
    return change


def replace(name, data):
    def change(file):
        del file[name]
        file.create_dataset(name, data=data)
    return change


def text(name, edit):
    def change(file):
        new = edit(file[name][:].tobytes())
        replace(name, np.frombuffer(new, np.uint8))(file)
    return change


CONTENT = {
    "adapter": (put("adapter/params", 3, np.nan), "adapter/params: number 3 is not finite"),
    "m": (put("optimizer/m", 5, np.inf), "optimizer/m: number 5 is not finite"),
    "v": (put("optimizer/v", 0, -np.inf), "optimizer/v: number 0 is not finite"),
    "negative v": (put("optimizer/v", 9, -1e-9), "optimizer/v: number 9 is negative"),
    "best": (put("best/params", 2, np.nan), "best/params: number 2 is not finite"),
    "best later": (put("best/state", 1, 99), "best/state does not fit"),
    "best size": (put("best/state", 5, 1), "best/state does not fit"),
    "format": (put("run/format", 0, 3), "state of version 3; only 2 is supported"),
    "no format": (lambda f: f.__delitem__("run/format"), "is of an earlier version of graft"),
    "no step": (lambda f: f.__delitem__("run/step"), 'array "run/step" is missing'),
    "no v": (lambda f: f.__delitem__("optimizer/v"), 'array "optimizer/v" is missing'),
    "short m": (replace("optimizer/m", np.zeros(7, np.float32)), 'array "optimizer/m" has 7 f32'),
    "m as bytes": (replace("optimizer/m", np.zeros(7, np.uint8)), 'array "optimizer/m" has 7 text'),
    "short params": (replace("adapter/params", np.zeros(7, np.float32)), "adapter/maps: at byte 0"),
    "passes": (put("run/passes", 0, 0), "run/passes is no plan"),
    "passes beyond all": (put("run/passes", 1, (1 << 24) + 1), "run/passes is no plan"),
    "maps cut": (text("adapter/maps", lambda b: b[:-1]), "adapter/maps: at byte"),
    "maps lack one": (text("adapter/maps", lambda b: b"".join(b.splitlines(True)[:-1])),
                      "its maps have"),
    "maps overlap": (text("adapter/maps", lambda b: b.splitlines(True)[0] + b), "adapter/maps: at byte"),
    "maps overflow": (text("adapter/maps", lambda b: b"x 4294967296 4294967296 1 0 0\n" + b),
                      "adapter/maps: at byte 0"),
    "maps empty": (text("adapter/maps", lambda b: b""), "its maps have 0 parameters"),
    "notes": (text("run/notes", lambda b: b"a: b\n"), "run/notes: at byte 0 stands no line"),
}


@pytest.mark.parametrize("name", CONTENT)
def test_content_that_is_not_sound(run, graft, tmp_path, name):
    change, message = CONTENT[name]
    path = tmp_path / "step-4.h5"
    rewritten(run[0] / "checkpoints/step-4.h5", path, change)
    done = graft("verify", path, status=7)
    assert f"{path}: BAD: " in done.stdout and message in done.stdout, done.stdout


def test_what_h5py_rewrites_otherwise_is_sound(run, graft, tmp_path):
    path = tmp_path / "step-4.h5"
    rewritten(run[0] / "checkpoints/step-4.h5", path,
              text("run/notes", lambda b: b"rate.factor: 0.5\n"))
    assert "step 4, 3072 parameters, matches its digest" in graft("verify", path).stdout


def test_every_byte_of_a_checkpoint_counts(run, driver, tmp_path):
    """One flipped bit anywhere is found (a sample of all places here; the digest covers every one)."""
    data = bytearray((run[0] / "checkpoints/step-4.h5").read_bytes())
    places = [*range(0, HEADER + 64), *range(HEADER + 64, len(data), 199), len(data) - 1]
    for at in places:
        data[at] ^= 1 << (at % 8)
        (tmp_path / f"{at}.h5").write_bytes(data)
        data[at] ^= 1 << (at % 8)
    for begin in range(0, len(places), 200):
        part = [tmp_path / f"{at}.h5" for at in places[begin:begin + 200]]
        done = subprocess.run([driver("../../graft"), "verify", *part], capture_output=True, text=True)
        assert done.returncode in (6, 7)
        assert done.stdout.count(": BAD: ") == len(part) and ": ok (" not in done.stdout
