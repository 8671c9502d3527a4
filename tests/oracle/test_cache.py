"""The token cache against h5py, zstd and `graft data show`, and files that are not to be believed."""
import ctypes
import ctypes.util
import hashlib
import json
import re
import struct

import h5py
import numpy as np
import pytest

CHUNK, HEADER = 1 << 20, 512
COLUMNS = {"lengths": np.uint32, "samples/sizes": np.uint32, "samples/conversations": np.uint32,
           "tokens/ids": np.int32, "tokens/weights": np.float32, "tokens/roles": np.uint8}
ROLES = ["system", "user", "assistant", "tool", "template"]


def zstd():
    lib = ctypes.CDLL(ctypes.util.find_library("zstd"))
    for name in ("ZSTD_compress", "ZSTD_decompress", "ZSTD_compressBound"):
        getattr(lib, name).restype = ctypes.c_size_t
    return lib


def unpack(data, room):
    out = ctypes.create_string_buffer(room)
    n = zstd().ZSTD_decompress(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)))
    assert n == room
    return out.raw


def pack(data):
    out = ctypes.create_string_buffer(len(data) + 1024)
    n = zstd().ZSTD_compress(out, ctypes.c_size_t(len(out)), data, ctypes.c_size_t(len(data)), 3)
    return out.raw[:n]


def column(file, name):
    """A packed array, unpacked here and not by libhdf5."""
    data = file[name]
    assert data.chunks == (CHUNK,) and data.dtype == np.uint8 and data.id.get_create_plist().get_filter(0)[0] == 32015
    parts = [data.id.read_direct_chunk((at,)) for at in range(0, data.shape[0], CHUNK)]
    assert all(mask == 0 for mask, _ in parts)
    plain = b"".join(unpack(chunk, CHUNK) for _, chunk in parts)
    n, = struct.unpack("<Q", plain[:8])
    assert not any(plain[8 + n:])
    return np.frombuffer(plain[8:8 + n], COLUMNS[name])


def rewrite(path, change):
    """Changes a cache with h5py and gives it the header it then needs."""
    image = path.with_suffix(".image")
    image.write_bytes(path.read_bytes()[HEADER:])
    with h5py.File(image, "r+") as file:
        change(file)
    data = image.read_bytes()
    head = b"GRAFTCK1" + struct.pack("<IQ", 1, len(data)) + hashlib.sha256(data).digest()
    path.write_bytes(head.ljust(HEADER, b"\0") + data)


def put_chunk(file, name, plain, mask=0):
    """Replaces the first chunk."""
    file[name].id.write_direct_chunk((0,), plain if mask else pack(plain), mask)


def padded(values):
    data = values.tobytes()
    return (struct.pack("<Q", len(data)) + data).ljust(CHUNK, b"\0")


@pytest.fixture
def plan(graft, base_model, root, tmp_path):
    """plan(*options) -> (lengths, stderr) with a cache in tmp_path/cache."""
    def run(*more, data=root / "datasets/canonical.jsonl"):
        done = graft("plan", "--base_model", base_model, "--dataset", data, "--measure", "false",
                     "--json", "--token_cache", tmp_path / "cache", *more)
        return json.loads(done.stdout)["lengths"], done.stderr

    return run


def test_what_is_kept(plan, graft, base_model, root, tmp_path):
    lengths, log = plan()
    assert "token_cache" not in log
    again, log = plan()
    assert again == lengths and "token_cache: 7 samples from" in log
    shown = [json.loads(line) for line in graft(
        "data", "show", "--base", base_model, "--json", "--all",
        root / "datasets/canonical.jsonl").stdout.splitlines()]
    with h5py.File(tmp_path / "cache/train.h5") as file:
        columns = {name: column(file, name) for name in COLUMNS}
    sizes = columns["samples/sizes"]
    assert sizes.tolist() == columns["lengths"].tolist() == [len(e["ids"]) for e in shown]
    assert columns["samples/conversations"].tolist() == [e["index"] for e in shown]
    assert columns["tokens/ids"].tolist() == [i for e in shown for i in e["ids"]]
    assert columns["tokens/weights"].tolist() == [w for e in shown for w in e["weights"]]
    assert [ROLES[r] for r in columns["tokens/roles"]] == [r for e in shown for r in e["roles"]]


def test_whatever_changes_tokens_makes_it_anew(plan, shared, root, jsonl):
    plan()
    template = shared / "fixtures/templates/Qwen-Qwen2.5-7B-Instruct.jinja"
    records = [json.loads(line) for line in
               (root / "datasets/canonical.jsonl").read_text(encoding="utf-8").splitlines()]
    records[0]["messages"][-1]["content"] = "other"
    other = jsonl("other.jsonl", records)
    for more in (("--train_on", "last"), ("--tool_call_weight", 2), ("--reasoning", "context"),
                 ("--chat_template", template), ("--max_seq_length", 3000),
                 ("--max_seq_length", 3000, "--tokenizer_pre", "llama-bpe")):
        lengths, log = plan(*more)
        assert "belongs to other data" in log, more
        again, log = plan(*more)
        assert again == lengths and "samples from" in log, more
    assert "belongs to other data" in plan(data=other)[1]
    assert "samples from" in plan("--lora_r", 4, "--learning_rate", 1e-3, data=other)[1]


def test_tokens_of_another_day(plan, shared, monkeypatch):
    more = "--chat_template", shared / "fixtures/templates/openai-gpt-oss-120b.jinja", "--template_loss", "accept"
    monkeypatch.setenv("TZ", "UTC+12")
    plan(*more)
    log = plan(*more)[1]
    assert "samples from" in log
    date = re.search(r"it tells the date, all through the run (\S+) ", log)[1]
    monkeypatch.setenv("TZ", "UTC-14")  # it is always another day there
    assert "samples from" in plan(*more, "--chat_template_date", date)[1]
    assert "belongs to other data" in plan(*more)[1]
    assert "samples from" in plan(*more)[1]


def test_a_run_from_the_cache_is_the_same_run(graft, tiny_model, root, tmp_path):
    path, _ = tiny_model()
    options = ("--base_model", path, "--dataset", root / "datasets/canonical.jsonl", "--max_steps",
               2, "--batch_size", 2, "--val_set_size", 2, "--max_seq_length", 1200, "--truncation",
               "turns", "--lora_r", 2, "--eval_samples", 2, "--eval_max_new_tokens", 4)
    results = []
    for name, more in (("plain", ()), ("first", ("--token_cache", tmp_path / "c")),
                       ("second", ("--token_cache", tmp_path / "c"))):
        done = graft("train", *options, *more, "--output_dir", tmp_path / name)
        results.append((tmp_path / name / "adapter_model.safetensors").read_bytes())
        cut = [line for line in done.stderr.splitlines() if "cut " in line or "left out" in line]
        assert cut and ("samples from" in done.stderr) == (name == "second")
    assert results[0] == results[1] == results[2]
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["eval.h5", "train.h5"]


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def ids(values):
    return lambda file: put_chunk(file, "tokens/ids", padded(values(column(file, "tokens/ids"))))


def change(name, edit):
    def run(file):
        values = column(file, name).copy()
        edit(values)
        put_chunk(file, name, padded(values))
    return run


def first(value):
    def edit(values):
        values[0] = value
    return edit


DAMAGE = {
    "flip": (flip, "its digest does not match"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "bytes of state instead of"),
    "empty": (lambda path: path.write_bytes(b""), "not a graft checkpoint"),
    "unpacked chunk": (lambda f: put_chunk(f, "tokens/ids", b"x" * 100, 1), "cannot be read"),
    "short chunk": (lambda f: put_chunk(f, "tokens/ids", b"x" * 100), "cannot be read"),
    "long chunk": (lambda f: put_chunk(f, "tokens/ids", b"x" * (CHUNK + 1)), "cannot be read"),
    "garbage": (lambda f: f["tokens/ids"].id.write_direct_chunk((0,), b"garbage"), "cannot be read"),
    "length": (lambda f: put_chunk(f, "tokens/ids", b"\xff" * CHUNK), "shorter than it says"),
    "token": (change("tokens/ids", first(1 << 20)), "tokens that this base does not have"),
    "negative": (change("tokens/ids", first(-1)), "tokens that this base does not have"),
    "nan": (change("tokens/weights", first(np.nan)), "tokens that this base does not have"),
    "role": (change("tokens/roles", first(200)), "tokens that this base does not have"),
    "size": (change("samples/sizes", first(1 << 31)), "do not fit together"),
    "fewer": (change("samples/sizes", first(1)), "do not fit together"),
    "conversation": (change("samples/conversations", first(7)), "do not fit together"),
    "order": (change("samples/conversations", first(3)), "do not fit together"),
    "ids": (ids(lambda v: v[:-1]), "different lengths"),
    "lengths": (lambda f: put_chunk(f, "lengths", padded(column(f, "lengths")[:-1])),
                "another number of examples"),
    "missing": (lambda f: f.__delitem__("tokens/roles"), "is missing"),
    "plain": (lambda f: (f.__delitem__("tokens/roles"),
                         f.create_dataset("tokens/roles", data=np.zeros(9, np.uint8))),
              "9 text instead of"),
    "other filter": (lambda f: (f.__delitem__("tokens/roles"),
                                f.create_dataset("tokens/roles", data=np.zeros(CHUNK, np.uint8),
                                                 chunks=(CHUNK,), compression="gzip")),
                     "is not a plain list"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_made_anew(plan, tmp_path, name):
    damage, message = DAMAGE[name]
    lengths, _ = plan()
    path = tmp_path / "cache/train.h5"
    whole = path.read_bytes()
    if name in ("flip", "cut", "empty"):
        damage(path)
    else:
        rewrite(path, damage)
    again, log = plan()
    assert message in log and "it is made anew" in log, log
    assert again == lengths and path.read_bytes() == whole
