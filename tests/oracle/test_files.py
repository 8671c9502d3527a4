"""The io room against gguf-py, safetensors, h5py, json and PyYAML."""
import json
import math
import random
import struct
import subprocess
import time

import numpy as np
import pytest


@pytest.fixture(scope="module")
def files(driver):
    """files("command", argument...) -> what it printed."""
    def run(*arguments):
        done = subprocess.run([driver("files"), *map(str, arguments)], capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return run


# --- GGUF ---

KINDS = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]


def contents(reader):
    """Every key with its types and value, and every tensor with type, shape and bytes."""
    keys = {name: ([t.name for t in field.types], field.contents())
            for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    tensors = {t.name: (t.tensor_type.name, [int(n) for n in t.shape], t.data.tobytes())
               for t in reader.tensors}
    return keys, tensors


@pytest.fixture
def written_by_gguf_py(tmp_path):
    import gguf
    path = tmp_path / "theirs.gguf"
    random_ = np.random.default_rng(1)
    w = gguf.GGUFWriter(path, "llama")
    w.add_uint8("u8", 255), w.add_int8("i8", -128), w.add_uint16("u16", 65535)
    w.add_int16("i16", -32768), w.add_uint32("u32", 2**32 - 1), w.add_int32("i32", -2**31)
    w.add_uint64("u64", 2**64 - 1), w.add_int64("i64", -2**63), w.add_float32("f32", 0.1)
    w.add_float64("f64", 1e300), w.add_bool("yes", True), w.add_string("s", "h\u00e9llo \U0001f600")
    w.add_array("strings", ["", "a", "\u4e2d\u6587"]), w.add_array("ints", [1, -2, 3])
    w.add_array("floats", [0.5, -0.25]), w.add_array("bools", [True, False])
    w.add_chat_template("{{ messages }}")
    for kind in KINDS:
        values = random_.standard_normal((6, 64)).astype(np.float32)
        quantised = gguf.quantize(values, gguf.GGMLQuantizationType[kind])
        w.add_tensor(f"blk.0.{kind}.weight", quantised, raw_dtype=gguf.GGMLQuantizationType[kind])
    w.add_tensor("vector", random_.standard_normal(7).astype(np.float32))
    w.add_tensor("cube", random_.standard_normal((2, 3, 5)).astype(np.float32))
    w.add_tensor("four", random_.standard_normal((2, 3, 4, 5)).astype(np.float16))
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
    return path


def test_gguf_files_of_others_survive(files, written_by_gguf_py, tmp_path):
    import gguf
    files("gguf-copy", written_by_gguf_py, tmp_path / "ours.gguf")
    theirs, ours = (contents(gguf.GGUFReader(p))
                    for p in (written_by_gguf_py, tmp_path / "ours.gguf"))
    assert len(theirs[0]) == 18 and len(theirs[1]) == len(KINDS) + 3
    assert ours == theirs
    assert list(ours[1]) == list(theirs[1])
    files("gguf-copy", tmp_path / "ours.gguf", tmp_path / "again.gguf")
    assert (tmp_path / "again.gguf").read_bytes() == (tmp_path / "ours.gguf").read_bytes()


def listed(output):
    for line in output.decode().splitlines():
        name, kind, offset, *dims = line.rsplit(" ") if " " in line else (line, "", 0)
        yield name, kind, int(offset), [int(d) for d in dims]


def test_real_model_is_read_like_gguf_py(files, base_model, tmp_path):
    import gguf
    reader = gguf.GGUFReader(base_model)
    mine = list(listed(files("gguf-list", base_model)))
    first = min(t.data_offset for t in reader.tensors)
    theirs = [(t.name, t.tensor_type.name, int(t.data_offset - first), [int(n) for n in t.shape])
              for t in reader.tensors]
    assert len(mine) == 272
    assert mine == theirs
    files("gguf-copy", base_model, tmp_path / "copy.gguf")
    assert (tmp_path / "copy.gguf").read_bytes() == base_model.read_bytes()


# --- safetensors ---

def test_safetensors_both_ways(files, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file
    import torch
    torch.manual_seed(1)
    theirs = {"a.weight": torch.randn(3, 5), "b": torch.randn(7), "s": torch.tensor(2.5),
              "h": torch.randn(2, 2).half(), "bf": torch.randn(4).bfloat16(),
              "none": torch.zeros(0, 3), "deep": torch.randn(1, 2, 3, 2), "\u00e9": torch.ones(1)}
    save_file(theirs, tmp_path / "theirs.safetensors", metadata={"format": "pt"})
    files("safetensors-copy", tmp_path / "theirs.safetensors", tmp_path / "ours.safetensors")
    ours = load_file(tmp_path / "ours.safetensors")
    assert sorted(ours) == sorted(theirs)
    for name, tensor in theirs.items():
        assert ours[name].dtype == torch.float32
        assert torch.equal(ours[name], tensor.float())
    with safe_open(tmp_path / "ours.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
    shapes = {name: shape for name, _, _, shape in
              listed(files("safetensors-list", tmp_path / "theirs.safetensors"))}
    assert shapes == {name: list(t.shape) for name, t in theirs.items()}


# --- HDF5 ---

def test_h5py_opens_checkpoints(files, tmp_path):
    import h5py
    path = tmp_path / "c.h5"
    files("hdf5-write", path)
    with h5py.File(path, "r") as file:
        assert file.userblock_size == 512
        assert np.array_equal(file["adapter/blk.0/a"][:], np.arange(1000, dtype=np.float32) / 8)
        assert file["counters"][:].tolist() == [7, 2**64 - 1]
        assert file["counters"].dtype == np.dtype("<u8")
        assert file["config"][:].tobytes() == b"seed: 42\n"
        assert file["nothing"].shape == (0,)
    header = path.read_bytes()[:512]
    assert header[:8] == b"GRAFTCK1" and struct.unpack_from("<I", header, 8) == (1,)
    assert struct.unpack_from("<Q", header, 12) == (path.stat().st_size - 512,)
    import hashlib
    assert header[20:52] == hashlib.sha256(path.read_bytes()[512:]).digest()
    assert not any(header[52:])


def test_checkpoints_are_reproducible(files, tmp_path):
    files("hdf5-write", tmp_path / "a.h5")
    time.sleep(1.1)
    files("hdf5-write", tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert files("hdf5-list", tmp_path / "a.h5").decode().splitlines() == [
        "adapter/blk.0/a f32 1000", "config text 9", "counters u64 2", "nothing text 0"]


def hidden(tmp_path, fill):
    """A file behind a right header that holds what h5py's `fill` puts into it."""
    import hashlib
    import h5py
    path = tmp_path / "image.h5"
    with h5py.File(path, "w") as file:
        fill(file)
    image = path.read_bytes()
    head = b"GRAFTCK1" + struct.pack("<IQ", 1, len(image)) + hashlib.sha256(image).digest()
    (tmp_path / "hidden.h5").write_bytes(head.ljust(512, b"\0") + image)
    return tmp_path / "hidden.h5"


def test_only_plain_lists_are_taken(driver, tmp_path):
    """A right digest does not make links, filters, external files or other types acceptable."""
    import h5py
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 64)
    fills = {
        "soft link": lambda f: f.__setitem__("a", h5py.SoftLink("/b")),
        "external link": lambda f: f.__setitem__("a", h5py.ExternalLink("x.h5", "/b")),
        "external data": lambda f: f.create_dataset("a", (16,), "<f4", external=str(secret)),
        "compressed": lambda f: f.create_dataset("a", data=np.zeros(16, "<f4"), compression="gzip"),
        "chunked": lambda f: f.create_dataset("a", data=np.zeros(16, "<f4"), chunks=(4,)),
        "two dimensions": lambda f: f.create_dataset("a", data=np.zeros((4, 4), "<f4")),
        "scalar": lambda f: f.create_dataset("a", data=np.float32(1)),
        "big endian": lambda f: f.create_dataset("a", data=np.zeros(4, ">f4")),
        "double": lambda f: f.create_dataset("a", data=np.zeros(4, "<f8")),
        "signed": lambda f: f.create_dataset("a", data=np.zeros(4, "<i8")),
        "strings": lambda f: f.create_dataset("a", data=["x", "y"]),
        "named type": lambda f: f.__setitem__("a", np.dtype("<f4")),
    }
    whole = {"external link": "what it holds is no HDF5 image of graft's kind"}  # only a kind of group that graft does not write has them
    for name, fill in fills.items():
        done = subprocess.run([driver("files"), "hdf5-list", hidden(tmp_path, fill)],
                              capture_output=True, text=True)
        assert done.returncode == 1, name
        assert "hidden.h5: " in done.stderr and whole.get(name, '"a" is n') in done.stderr, (name, done.stderr)
    good = hidden(tmp_path, lambda f: f.create_dataset("g/a", data=np.zeros(4, "<f4")))
    done = subprocess.run([driver("files"), "hdf5-list", good], capture_output=True, text=True)
    assert done.stdout == "g/a f32 4\n"


# --- JSON ---

def numbers():
    r = random.Random(7)
    yield from (2.0 ** k for k in range(-1074, 1024))
    yield from (math.nextafter(2.0 ** k, 0) for k in range(-1073, 1024))
    yield from (10.0 ** k for k in range(-300, 300))
    for _ in range(20000):
        value = struct.unpack("<d", r.randbytes(8))[0]
        if math.isfinite(value):
            yield value
    yield from (round(r.uniform(-1e6, 1e6), k) for k in range(8) for _ in range(300))


def test_json_is_written_as_python_writes_it(files, tmp_path):
    value = {"text": "".join(map(chr, range(0x250))) + "\u2028\ufeff\U0001f600",
             "nested": [{}, [], None, True, False, {"a": [1, {"b": -2**63}]}, 2**64 - 1, 0],
             "k\n\"": "", "numbers": list(numbers())}
    path = tmp_path / "in.json"
    path.write_text(json.dumps(value))
    assert files("json", path, 1).decode() == json.dumps(value, ensure_ascii=False)
    assert files("json", path, 0).decode() == json.dumps(value, ensure_ascii=False,
                                                         separators=(",", ":"))
    assert files("json", path, 2).decode() == json.dumps(value, ensure_ascii=False, indent=2)


def test_json_numbers_are_respelled_as_python_does(files, tmp_path):
    path = tmp_path / "in.json"
    text = "[1e5, 1.50, 0.00001, 1E+2, -0.0, -0, 123456789012345678, 1e16, 12345678901234567890]"
    path.write_text(text)
    assert files("json", path, 1).decode() == json.dumps(json.loads(text))
    assert files("json", path, 0).decode() == text.replace(" ", "").replace("-0,1", "0,1")


def test_shared_data_survives(files, shared, tmp_path):
    """Real tool-call data, line by line as one array: equal to Python's own round trip."""
    folder = shared / "data"
    if not folder.exists():
        pytest.skip("../shared/data is not there")
    checked = 0
    for source in sorted(folder.glob("*.jsonl")):
        lines = source.read_text(encoding="utf-8").splitlines()
        path = tmp_path / "lines.json"
        path.write_text("[" + ",\n".join(lines) + "]", encoding="utf-8")
        expected = json.dumps([json.loads(line) for line in lines], ensure_ascii=False)
        assert files("json", path, 1).decode() == expected, source.name
        checked += len(lines)
    assert checked > 1000


# --- YAML ---

def test_yaml_reads_back_elsewhere(files, tmp_path):
    """What we write, PyYAML reads as the same value (YAML 1.1 and 1.2 agree on it)."""
    yaml = pytest.importorskip("yaml")
    value = {"base_model": "a/b-c_d.gguf", "lora_r": 16, "yes": "no", "on": True, "null": None,
             "list": [1, "two", [], {}, {"k": "v"}], "s": "a: b # c", "t": "tab\there\u2028\x85",
             "empty": "", "number": "12", "hex": "0x1f", "time": "12:30", "date": "2026-01-31",
             "dash": "-", "rate": 0.5, "tilde": "~", "oct": "0o17", "under": "1_000", "e": "\U0001f600"}
    path = tmp_path / "in.json"
    path.write_text(json.dumps(value))
    text = files("yaml-write", path).decode()
    assert yaml.safe_load(text) == value
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    assert json.loads(files("yaml", tmp_path / "c.yaml")) == value
