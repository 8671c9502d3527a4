"""What the oracle tests share: paths, the reference runtime, models in single precision.

Tests run in the repository root with build/oracle-venv's Python. What may be absent (the base
model, ../shared) skips the tests that ask for it, with the reason."""
import fcntl
import functools
import json
import os
import pathlib
import subprocess
import sys
import types

import gguf
import numpy as np
import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads would starve each other
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
OUT = pathlib.Path(os.environ.get("GRAFT_TEST_BUILD", BUILD))  # of the binaries under test
SHARED = ROOT.parent / "shared"
BASE = BUILD / "base/SmolLM2-135M-Instruct.Q4_1.gguf"


class PlainNumpy:
    """numpy whose mapped files are plain arrays: slices of np.memmap are slow, and gguf takes one
    for every string of a vocabulary."""
    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def memmap(*arguments, **more):
        return np.memmap(*arguments, **more).view(np.ndarray)


# transformers reads a file of gguf twice and asks for the names of its tensors once per module: both
# patches together, loading the base takes a third of the time, to the same model.
gguf.gguf_reader.np = PlainNumpy()
gguf.get_tensor_name_map = functools.lru_cache(maxsize=None)(gguf.get_tensor_name_map)


def existing(path, how):
    if not path.exists():
        pytest.skip(f"{os.path.relpath(path, ROOT)} is not there ({how})")
    return path


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def base_model():
    """SmolLM2-135M-Instruct, Q4_1."""
    return existing(BASE, "scripts/get-base")


@pytest.fixture(scope="session")
def bfcl():
    """The folder of the leaderboard's question files; possible_answer/ is below it."""
    return existing(BUILD / "data/bfcl", "scripts/get-data")


@pytest.fixture(scope="session")
def shared():
    """Data, fixtures and the reference runtime beside the repository."""
    return existing(SHARED, "not part of the repository")


@pytest.fixture(scope="session")
def graft():
    """Runs build/graft: graft("tokenize", "--base", path, "text") -> CompletedProcess with text
    output. A status other than `status` (None: any) fails the test and shows stderr. Commands that
    compute do so in f32, as the references do, unless the arguments say otherwise."""
    binary = existing(OUT / "graft", "make")

    def run(*arguments, status=0, timeout=300, env=None):
        words = [str(a) for a in arguments]
        if words[0] in ("train", "eval", "score", "generate") and "--compute" not in words \
                and "--help" not in words:
            words += ["--compute", "f32"]
        done = subprocess.run([binary, *words], cwd=ROOT, text=True, timeout=timeout,
                              capture_output=True, env={**os.environ, **(env or {})})
        assert status is None or done.returncode == status, \
            f"graft {' '.join(words)}: exit {done.returncode}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def driver():
    """driver("name") is the path of the program built from tests/oracle/name.c."""
    return lambda name: existing(OUT / "tests/oracle" / name, "make tests")


@pytest.fixture(scope="session")
def runtime(shared):
    """The modules of the reference runtime: .llamart .ggutil .tiny .quant_oracle .server, imported
    when first used (llamart is llama.cpp)."""
    folder = existing(shared / "runtime", "not part of the repository")
    sys.path.insert(0, str(folder))

    class Lazy(types.SimpleNamespace):
        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            module = __import__(name)
            setattr(self, name, module)
            return module

    return Lazy()


@pytest.fixture(scope="session")
def base_f32(base_model, runtime):
    """The base with every tensor dequantised to f32 (538 MB); kept under build/ between runs."""
    path = BUILD / "base/SmolLM2-135M-Instruct.F32.gguf"
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other files of tests run beside this one
        if not path.exists() or path.stat().st_mtime < base_model.stat().st_mtime:
            reader, tensors = runtime.ggutil.load(str(base_model))
            part = path.with_suffix(".part")
            runtime.ggutil.write_like(reader, tensors, str(part))
            part.replace(path)
    return path


@pytest.fixture
def tiny_model(base_model, runtime, tmp_path):
    """tiny_model(name="tiny", **options of tiny.make_tiny) -> (path, {name: float32 array}): a
    small llama with random weights and the vocabulary of the base."""
    def make(name="tiny", **options):
        path = tmp_path / f"{name}.gguf"
        return path, runtime.tiny.make_tiny(str(path), src=str(base_model), **options)

    return make


@pytest.fixture(scope="session")
def small_model(base_model, runtime, tmp_path_factory):
    """(path, tensors) of a llama of one layer with 512 tokens whose rows are 256 wide, so that every
    block fits; made once."""
    path = tmp_path_factory.mktemp("small") / "small.gguf"
    return path, runtime.tiny.make_tiny(str(path), src=str(base_model), d=256, nl=1, nh=4, nkv=2,
                                        ff=256, nv=512, ctx=4096)


@pytest.fixture
def copy_model():
    """copy_model(source, target, tensors, **options of gguf.GGUFWriter): the keys of a GGUF file with
    other tensors, {name: float32 array, or (bytes of blocks as rows, type)}."""
    def copy(source, target, tensors, **options):
        import gguf
        fields = gguf.GGUFReader(str(source)).fields
        writer = gguf.GGUFWriter(target, fields["general.architecture"].contents(), **options)
        for key, field in fields.items():
            if not key.startswith("GGUF.") and key != "general.architecture":
                array = field.types[0] == gguf.GGUFValueType.ARRAY
                writer.add_key_value(key, field.contents(), field.types[0],
                                     sub_type=field.types[-1] if array else None)
        for name, value in tensors.items():
            data, kind = value if isinstance(value, tuple) else (value, None)
            writer.add_tensor(name, data, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    return copy


@pytest.fixture
def jsonl(tmp_path):
    """jsonl("name.jsonl", records) -> the path of a file with one record per line."""
    def write(name, records):
        path = tmp_path / name
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        path.write_text("".join(lines), encoding="utf-8")
        return path

    return write


@pytest.fixture
def dump_all(driver):
    """dump_all(path, answers=None) -> (conversations in canonical form, messages of bad records)."""
    def run(path, answers=None):
        done = subprocess.run([driver("data_dump"), "-k", path, *([answers] if answers else [])],
                              capture_output=True, text=True)
        assert done.returncode in (0, 5), done.stderr
        lines = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
        return ([one for one in lines if "bad" not in one],
                [one["bad"] for one in lines if "bad" in one])

    return run


@pytest.fixture(scope="session")
def convert(graft):
    """convert(folder, out, type="f32", pre=None, status=0) -> what was said on stderr."""
    def run(folder, out, kind="f32", pre=None, status=0):
        return graft("quantize", folder, out, "--type", kind, *(["--pre", pre] if pre else []),
                     status=status).stderr

    return run


@pytest.fixture(scope="session")
def families(convert, tmp_path_factory):
    """families(name) -> hf_folders.Converted, made once."""
    import hf_folders
    root, made = tmp_path_factory.mktemp("families"), {}

    def get(name):
        if name not in made:
            made[name] = hf_folders.Converted(root, name, convert)
        return made[name]

    return get
