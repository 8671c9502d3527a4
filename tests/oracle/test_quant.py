"""Every block format bit for bit against gguf-py and ggml, both ways."""
import ctypes
import subprocess
import warnings

import gguf
import numpy as np
import pytest

TYPES = ("F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS IQ3_S "
         "IQ3_XXS IQ2_S IQ2_XS IQ2_XXS IQ1_M IQ1_S TQ1_0 TQ2_0 MXFP4 NVFP4 Q1_0 Q2_0").split()
UNKNOWN = {"Q2_0": (42, 64, 18), "Q1_0": (41, 128, 18)}  # to gguf-py's dequantisers
ENCODED = "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS".split()


def layout(name):
    """GGUF type, numbers and bytes of a block."""
    if name in UNKNOWN:
        return UNKNOWN[name]
    kind = gguf.GGMLQuantizationType[name]
    return int(kind), *gguf.GGML_QUANT_SIZES[kind]


def ggml_decode(library, name, blocks, n):
    decode = getattr(library, "dequantize_row_" + name.lower().replace("_k", "_K"))
    decode.restype, decode.argtypes = None, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    values = np.empty(n, np.float32)
    decode(blocks.ctypes.data, values.ctypes.data, n)
    return values


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
        assert (int(number), int(elems), int(size)) == layout(name)
        assert (encodes == "1") == (name in ENCODED)


@pytest.mark.parametrize("name", TYPES)
def test_any_block_decodes_as_gguf_py_and_ggml_decode_it(driver, tmp_path, runtime, name):
    _, elems, size = layout(name)
    n = 200000 if elems == 1 else 4000
    raw = np.random.default_rng(1).integers(0, 256, (n, size), dtype=np.uint8)
    if name in ("F16", "BF16"):  # all of them
        raw = np.arange(65536, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    got = convert(driver, tmp_path, "decode", name, raw, np.float32)
    if name not in UNKNOWN:
        assert same(got, gguf_decode(raw, gguf.GGMLQuantizationType[name]))
    if elems > 1:
        assert same(got, ggml_decode(runtime.llamart.L, name, raw, got.size))
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


def ggml_encode(runtime, name, values, weights=None):
    """Blocks, a row of bytes for each row. Where ggml insists on weights, all columns have 1."""
    kind, elems, size = layout(name)
    chunk = runtime.llamart.L.ggml_quantize_chunk
    chunk.restype = ctypes.c_size_t
    chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64,
                      ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    rows, columns = values.shape
    blocks = np.zeros((rows, columns // elems * size), np.uint8)
    if name in ("IQ1_S", "IQ2_XS", "IQ2_XXS"):
        weights = np.ones(columns, np.float32)
    n = chunk(kind, values.ctypes.data, blocks.ctypes.data, 0, rows, columns,
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
    if "K" not in name and "IQ" not in name:  # those gguf-py cannot
        with np.errstate(all="ignore"):
            expected = gguf.quantize(values, kind)
        expected = np.ascontiguousarray(expected).view(np.uint8).reshape(-1)
        assert (got == expected).all()
    if name != "F32":
        blocks = ggml_encode(runtime, name, values).reshape(-1)
        assert (got == blocks).all(), rows_that_differ(got, blocks)


def rows_that_differ(got, expected):
    differs = (got != expected).reshape(96, -1)
    return {int(i): int(differs[i].sum()) for i in np.flatnonzero(differs.any(axis=1))}


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("row", [1024, 256])
def test_weighed_values_encode_as_ggml_encodes_them(driver, tmp_path, runtime, name, row):
    values = awkward_values().reshape(-1, row)
    weights = awkward_weights()[-row:].copy()
    weights.tofile(tmp_path / "weights")
    values.tofile(tmp_path / "in")
    subprocess.run([driver("quants"), "weigh", name, tmp_path / "in", tmp_path / "out",
                    tmp_path / "weights"], check=True)
    got = np.fromfile(tmp_path / "out", np.uint8)
    blocks = ggml_encode(runtime, name, values, weights).reshape(-1)
    assert (got == blocks).all(), rows_that_differ(got, blocks)
    if name.startswith(("Q2", "Q3", "Q4", "Q5", "Q6", "IQ4")):  # the weights had a say
        assert (got != ggml_encode(runtime, name, values).reshape(-1)).any()


# name: how far values of a normal distribution are off, in its standard deviations
ERRORS = {"Q2_K": 0.32, "Q3_K": 0.17, "Q4_K": 0.08, "Q5_K": 0.04, "Q6_K": 0.02, "IQ4_NL": 0.08,
          "IQ4_XS": 0.08, "IQ3_S": 0.17, "IQ3_XXS": 0.25, "IQ2_S": 0.35, "IQ2_XS": 0.4,
          "IQ2_XXS": 0.45, "IQ1_M": 0.7, "IQ1_S": 0.7, "TQ1_0": 0.9, "TQ2_0": 0.9, "MXFP4": 0.13,
          "NVFP4": 0.11, "Q1_0": 0.7, "Q2_0": 0.8}


@pytest.mark.parametrize("name", ERRORS)
def test_what_ggml_encodes_decodes_to_what_was_meant(driver, tmp_path, runtime, name):
    values = (np.random.default_rng(3).standard_normal((32, 1024)) * 0.05).astype(np.float32)
    blocks = ggml_encode(runtime, name, values)
    got = convert(driver, tmp_path, "decode", name, blocks, np.float32)
    assert same(got, ggml_decode(runtime.llamart.L, name, blocks, values.size))
    error = np.sqrt(((got - values.reshape(-1)) ** 2).mean()) / values.std()
    assert error < ERRORS[name]


@pytest.mark.parametrize("name", [n for n in ERRORS if n in gguf.GGMLQuantizationType.__members__])
def test_a_model_of_one_type_computes_with_its_values(driver, graft, tmp_path, small_model,
                                                      runtime, copy_model, name):
    """Embedding rows, products and the head: graft on the quantised file against llama.cpp on the
    values of its blocks in single precision."""
    path, tensors = small_model
    plain, quantised = {}, {}
    for tensor, values in tensors.items():
        plain[tensor] = quantised[tensor] = values
        if values.ndim == 2:
            blocks = ggml_encode(runtime, name, values)
            quantised[tensor] = blocks, gguf.GGMLQuantizationType[name]
            values = ggml_decode(runtime.llamart.L, name, blocks, values.size)
            plain[tensor] = values.reshape(tensors[tensor].shape)
    copy_model(path, tmp_path / "plain.gguf", plain)
    copy_model(path, tmp_path / "quantised.gguf", quantised)
    reference = runtime.llamart.Model(tmp_path / "plain.gguf")
    ids = reference.tokenize("What is 17 times 3? Answer in one word.")
    expected = reference.logits(ids)
    subprocess.run([driver("logits"), tmp_path / "quantised.gguf", "-", tmp_path / "logits.bin",
                    *map(str, ids)], check=True)
    got = np.fromfile(tmp_path / "logits.bin", np.float32).reshape(expected.shape)
    assert np.abs(got - expected).max() <= 1e-3
    assert np.abs(expected).max() > 1
    assert f"  {name} " in graft("inspect", tmp_path / "quantised.gguf").stdout
