"""Every block format bit for bit against gguf-py and ggml, both ways."""
import ctypes
import subprocess
import warnings

import gguf
import numpy as np
import pytest

TYPES = "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL".split()
ENCODED = "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL".split()


def convert(driver, tmp_path, direction, name, data, dtype):
    data.tofile(tmp_path / "in")
    subprocess.run([driver("quants"), direction, name, tmp_path / "in", tmp_path / "out"],
                   check=True)
    return np.fromfile(tmp_path / "out", dtype)


def gguf_decode(raw, kind):
    plain = {"F32": np.float32, "F16": np.float16}.get(kind.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # broken scales overflow
        return gguf.dequantize(raw if plain is None else raw.view(plain), kind) \
            .astype(np.float32).reshape(-1)


def same(a, b):
    """The same bits; one NaN is as good as another."""
    return bool(((a.view(np.uint32) == b.view(np.uint32)) | (np.isnan(a) & np.isnan(b))).all())


def test_table(driver):
    rows = subprocess.run([driver("quants"), "list"], check=True, text=True, capture_output=True)
    rows = [line.split() for line in rows.stdout.splitlines()]
    assert sorted(r[0] for r in rows) == sorted(TYPES)
    for name, number, elems, size, encodes in rows:
        kind = gguf.GGMLQuantizationType[name]
        assert int(number) == int(kind)
        assert (int(elems), int(size)) == gguf.GGML_QUANT_SIZES[kind]
        assert (encodes == "1") == (name in ENCODED)


@pytest.mark.parametrize("name", TYPES)
def test_any_block_decodes_as_gguf_py_and_ggml_decode_it(driver, tmp_path, runtime, name):
    kind = gguf.GGMLQuantizationType[name]
    elems, size = gguf.GGML_QUANT_SIZES[kind]
    n = 200000 if elems == 1 else 4000
    raw = np.random.default_rng(1).integers(0, 256, (n, size), dtype=np.uint8)
    if name in ("F16", "BF16"):  # all of them
        raw = np.arange(65536, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    got = convert(driver, tmp_path, "decode", name, raw, np.float32)
    assert same(got, gguf_decode(raw, kind))
    function = "dequantize_row_" + name.lower().replace("_k", "_K")
    library = runtime.llamart.L
    if elems > 1:
        decode = getattr(library, function)
        decode.restype, decode.argtypes = None, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
        expected = np.empty_like(got)
        decode(raw.ctypes.data, expected.ctypes.data, got.size)
        assert same(got, expected)
    assert np.isfinite(got).mean() > 0.5


def awkward_values():
    rng = np.random.default_rng(2)
    values = (rng.standard_normal((96, 1024)) * 0.05).astype(np.float32)
    values[1] = 0
    values[2, :32], values[2, 32:64] = 1, -1
    values[3] *= 1e-6
    values[4] = np.round(values[4] * 20)  # many ties
    values[5] *= 1e4
    values[6] = np.abs(values[6])
    values[7, ::2] = 0
    values[8] = rng.choice(np.float32([-0.5, 0.5, 0.25, -0.25, 0]), 1024)
    values[9] = -np.abs(values[9])
    values[10] *= np.float32(1e-16)  # all zero for some
    values[11, ::16] = 0
    values[12] = np.float32(0.125)
    values[13] = rng.standard_t(2, 1024)  # far outliers
    values[14] = rng.standard_normal(1024) * 1e-38
    values[15] = np.repeat(rng.standard_normal(64), 16)
    values[16, :] = 0
    values[16, 5] = 3
    values[17] = np.arange(1024) / np.float32(64)
    values[18:40] *= np.exp(rng.standard_normal((22, 1024)) * 2)
    values[40:50] = np.float16(values[40:50])
    return np.ascontiguousarray(values, np.float32)


def awkward_weights():
    rng = np.random.default_rng(4)
    weights = np.exp(rng.standard_normal(1024) * 2).astype(np.float32)
    weights[100:140] = 0
    weights[300:332] = 1e-12
    weights[512:768] *= 1e4
    return weights


def ggml_encode(runtime, kind, values, weights=None):
    elems, size = gguf.GGML_QUANT_SIZES[kind]
    chunk = runtime.llamart.L.ggml_quantize_chunk
    chunk.restype = ctypes.c_size_t
    chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64,
                      ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    blocks = np.zeros(values.size // elems * size, np.uint8)
    n = chunk(int(kind), values.ctypes.data, blocks.ctypes.data, 0, *values.shape,
              None if weights is None else weights.ctypes.data)
    assert n == blocks.size
    return blocks


@pytest.mark.parametrize("name", ENCODED)
def test_values_encode_as_gguf_py_and_ggml_encode_them(driver, tmp_path, runtime, name):
    kind = gguf.GGMLQuantizationType[name]
    values = awkward_values()
    if name in ("Q4_0", "Q4_1", "Q5_0", "Q5_1"):  # 1 / d overflows: undefined in C, and d is 0
        values[14] *= 1e6
    got = convert(driver, tmp_path, "encode", name, values, np.uint8)
    if "K" not in name and name != "IQ4_NL":  # those gguf-py cannot
        with np.errstate(all="ignore"):
            expected = gguf.quantize(values, kind)
        expected = np.ascontiguousarray(expected).view(np.uint8).reshape(-1)
        assert (got == expected).all()
    if name != "F32":
        blocks = ggml_encode(runtime, kind, values)
        assert (got == blocks).all(), rows_that_differ(got, blocks)


def rows_that_differ(got, expected):
    differs = (got != expected).reshape(96, -1)
    return {int(i): int(differs[i].sum()) for i in np.flatnonzero(differs.any(axis=1))}


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("row", [1024, 256])
def test_weighed_values_encode_as_ggml_encodes_them(driver, tmp_path, runtime, name, row):
    kind = gguf.GGMLQuantizationType[name]
    values = awkward_values().reshape(-1, row)
    weights = awkward_weights()[-row:].copy()
    weights.tofile(tmp_path / "weights")
    values.tofile(tmp_path / "in")
    subprocess.run([driver("quants"), "weigh", name, tmp_path / "in", tmp_path / "out",
                    tmp_path / "weights"], check=True)
    got = np.fromfile(tmp_path / "out", np.uint8)
    blocks = ggml_encode(runtime, kind, values, weights)
    assert (got == blocks).all(), rows_that_differ(got, blocks)
    if name.startswith(("Q2", "Q3", "Q4", "Q5", "Q6", "IQ4")):  # the weights had a say
        assert (got != ggml_encode(runtime, kind, values)).any()


@pytest.mark.parametrize("name", ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"])
def test_what_ggml_encodes_decodes_to_what_was_meant(driver, tmp_path, runtime, name):
    kind = gguf.GGMLQuantizationType[name]
    values = (np.random.default_rng(3).standard_normal((32, 1024)) * 0.05).astype(np.float32)
    blocks = ggml_encode(runtime, kind, values)
    got = convert(driver, tmp_path, "decode", name, blocks, np.float32)
    error = np.sqrt(((got - values.reshape(-1)) ** 2).mean()) / values.std()
    assert error < {"Q2_K": 0.32, "Q3_K": 0.17, "Q4_K": 0.08, "Q5_K": 0.04, "Q6_K": 0.02,
                    "IQ4_NL": 0.08}[name]
