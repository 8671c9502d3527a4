#!/usr/bin/env python3
"""tests/bad/make_gguf.py FOLDER - GGUF files that must be refused, and one that must not.

Writes FOLDER/NAME.gguf for every case and FOLDER/expected.txt with lines "NAME<tab>part of the
message" ("valid" files have an empty message), which tests/unit/io_gguf_bad.c opens all; and models
in parts."""
import pathlib
import struct
import sys

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
TYPE_F32, TYPE_Q4_1 = 0, 3
HUGE = 2**64 - 1


def u32(n):
    return struct.pack("<I", n)


def u64(n):
    return struct.pack("<Q", n)


def string(text, length=None):
    data = text.encode() if isinstance(text, str) else text
    return u64(len(data) if length is None else length) + data


def kv(key, kind, value):
    return string(key) + u32(kind) + value


def array(kind, n, data):
    return u32(kind) + u64(n) + data


def tensor(name, dims, kind, offset, n_dims=None):
    return (string(name) + u32(len(dims) if n_dims is None else n_dims)
            + b"".join(map(u64, dims)) + u32(kind) + u64(offset))


ARCH = kv("general.architecture", STRING, string("llama"))
COUNT = kv("llama.block_count", U32, u32(2))
TOKENS = kv("tokens", ARRAY, array(STRING, 2, string("a") + string("b")))
A = tensor("a.weight", [4, 2], TYPE_F32, 0)            # 32 bytes
B = tensor("b.weight", [32, 3], TYPE_Q4_1, 32)         # 60 bytes


def gguf(kvs=(ARCH, COUNT, TOKENS), tensors=(A, B), data=None, magic=b"GGUF", version=u32(3),
         n_tensors=None, n_kv=None, alignment=32):
    """The small valid file, or a variation of it."""
    head = magic + version
    head += u64(len(tensors) if n_tensors is None else n_tensors)
    head += u64(len(kvs) if n_kv is None else n_kv)
    head += b"".join(kvs) + b"".join(tensors)
    if data is None:
        data = bytes(96) if tensors else b""
    return head + (bytes(-len(head) % alignment) if data else b"") + data


VALID = gguf()


def cut(n):
    return VALID[:n]


def cases():
    yield "valid", VALID, ""
    yield "valid_no_final_padding", gguf(data=bytes(92)), ""
    yield "valid_no_tensors", gguf(tensors=()), ""
    yield "valid_alignment_64", gguf(kvs=(kv("general.alignment", U32, u32(64)),), alignment=64,
                                     tensors=(A, tensor("b.weight", [32, 3], TYPE_Q4_1, 64)),
                                     data=bytes(128)), ""
    yield "valid_order", gguf(tensors=(tensor("b", [32, 3], TYPE_Q4_1, 32), A)), ""

    # the header
    yield "empty", b"", "at byte 0: the file is empty"
    yield "magic_cut", cut(3), "at byte 0: not a GGUF file"
    yield "magic_wrong", gguf(magic=b"GGML"), "at byte 0: not a GGUF file (it does not begin with"
    yield "magic_lower", gguf(magic=b"gguf"), "at byte 0: not a GGUF file"
    yield "text", b"#!/bin/sh\necho hello\n" * 9, "at byte 0: not a GGUF file"
    yield "version_1", gguf(version=u32(1)), "at byte 4: GGUF version 1; only version 3 is supported"
    yield "version_2", gguf(version=u32(2)), "at byte 4: GGUF version 2; only version 3 is supported"
    yield "version_4", gguf(version=u32(4)), "at byte 4: GGUF version 4; only version 3 is supported"
    yield "version_0", gguf(version=u32(0)), "at byte 4: GGUF version 0; only version 3 is supported"
    yield "big_endian", gguf(version=struct.pack(">I", 3)), "at byte 4: a big-endian GGUF file"
    yield "cut_in_version", cut(6), "at byte 4: the file ends inside the version"
    yield "cut_after_version", cut(8), "at byte 8: the file ends inside the number of tensors"
    yield "cut_in_n_tensors", cut(15), "at byte 8: the file ends inside the number of tensors"
    yield "cut_in_n_kv", cut(20), "at byte 16: the file ends inside the number of keys"
    yield "cut_after_header", cut(24), "at byte 8: 2 tensors do not fit in the 0 bytes left"
    yield "n_tensors_huge", gguf(n_tensors=HUGE), f"at byte 8: {HUGE} tensors do not fit in the"
    yield "n_tensors_wraps", gguf(n_tensors=2**61), f"at byte 8: {2**61} tensors do not fit in the"
    yield "n_tensors_many", gguf(n_tensors=1000), "at byte 8: 1000 tensors do not fit in the"
    yield "n_tensors_one_more", gguf(n_tensors=3), ": a tensor name has 0 bytes (1 to 65535 are"
    yield "n_kv_huge", gguf(n_kv=HUGE), f"at byte 16: {HUGE} keys do not fit in the"
    yield "n_kv_wraps", gguf(n_kv=2**60), f"at byte 16: {2**60} keys do not fit in the"
    yield "n_kv_one_more", gguf(n_kv=4), ": a tensor name of 562949953421312 bytes, but"

    # keys
    yield "key_past_end", gguf(kvs=(string("x", HUGE),), n_kv=1), \
        f"at byte 24: a key of {HUGE} bytes, but the file has only"
    yield "key_length_cut", cut(28) , "at byte 8: 2 tensors do not fit"
    yield "key_empty", gguf(kvs=(kv("", U32, u32(1)),)), \
        "at byte 24: a key has 0 bytes (1 to 65535 are allowed)"
    yield "key_too_long", gguf(kvs=(kv("k" * 65536, U32, u32(1)),)), \
        "at byte 24: a key has 65536 bytes (1 to 65535 are allowed)"
    yield "key_zero_byte", gguf(kvs=(kv("a\0b", U32, u32(1)),)), \
        "at byte 24: a key holds a zero byte"
    yield "key_not_utf8", gguf(kvs=(kv(b"a\xff", U32, u32(1)),)), \
        "at byte 24: a key is not valid UTF-8"
    yield "key_surrogate", gguf(kvs=(kv(b"\xed\xa0\x80", U32, u32(1)),)), \
        "at byte 24: a key is not valid UTF-8"
    yield "key_twice", gguf(kvs=(ARCH, COUNT, ARCH)), \
        f"at byte {24 + len(ARCH + COUNT)}: key \"general.architecture\" appears twice"
    yield "key_escape", gguf(kvs=(kv("\x1b[2J", U32, u32(1)),) * 2), "key \"\\x1b[2J\" appears twice"
    yield "value_type_13", gguf(kvs=(kv("k", 13, u64(0)),)), \
        "at byte 33: key \"k\": value type 13 is unknown"
    yield "value_type_huge", gguf(kvs=(kv("k", 0xffffffff, u64(0)),)), \
        "key \"k\": value type 4294967295 is unknown"
    yield "value_cut", gguf(kvs=(kv("k" * 20, U64, b"1234"),), tensors=()), \
        "the file ends inside its value"
    yield "value_type_cut", gguf(kvs=(string("k" * 20) + b"\4\0",), tensors=()), \
        "the file ends inside value type"
    yield "string_past_end", gguf(kvs=(kv("k", STRING, string("abc", 10**6)),)), \
        "key \"k\": string 0 of 1 runs past the end of the file"
    yield "string_huge", gguf(kvs=(kv("k", STRING, string("abc", HUGE)),)), \
        "key \"k\": string 0 of 1 runs past the end of the file"
    yield "bool_2", gguf(kvs=(kv("k", BOOL, b"\2"),)), \
        "at byte 37: key \"k\": a bool is 2 instead of 0 or 1"

    # arrays
    yield "array_of_arrays", gguf(kvs=(kv("k", ARRAY, array(ARRAY, 1, array(U8, 1, b"x"))),)), \
        "at byte 37: key \"k\": arrays of arrays are not supported"
    yield "array_type_99", gguf(kvs=(kv("k", ARRAY, array(99, 1, b"x")),)), \
        "at byte 37: key \"k\": array element type 99 is unknown"
    yield "array_type_cut", gguf(kvs=(kv("k" * 9, ARRAY, b"\4"),), tensors=()), \
        "the file ends inside array element type"
    yield "array_length_cut", gguf(kvs=(kv("k" * 9, ARRAY, u32(U8) + b"\1"),), tensors=()), \
        "the file ends inside an array's length"
    yield "array_huge", gguf(kvs=(kv("k", ARRAY, array(U64, HUGE, b"")),)), \
        f"at byte 41: key \"k\": array of {HUGE} elements does not fit in the"
    yield "array_wraps", gguf(kvs=(kv("k", ARRAY, array(U64, 2**61 + 1, b"")),)), \
        f"key \"k\": array of {2**61 + 1} elements does not fit in the"
    yield "array_one_more", gguf(kvs=(kv("k", ARRAY, array(F32, 9, bytes(32))),), tensors=()), \
        "key \"k\": array of 9 elements does not fit in the 32 bytes left"
    yield "strings_huge", gguf(kvs=(kv("k", ARRAY, array(STRING, 2**60, b"")),)), \
        f"key \"k\": array of {2**60} elements does not fit in the"
    yield "strings_past_end", \
        gguf(kvs=(kv("k", ARRAY, array(STRING, 2, string("a") + string("b", 999))),)), \
        "key \"k\": string 1 of 2 runs past the end of the file"
    yield "strings_cut", \
        gguf(kvs=(kv("k", ARRAY, array(STRING, 2, string("abcdefgh") + b"\1\0\0")),), tensors=()), \
        "key \"k\": string 1 of 2 runs past the end of the file"
    yield "bools_bad", gguf(kvs=(kv("k", ARRAY, array(BOOL, 3, b"\0\1\x80")),)), \
        "at byte 51: key \"k\": a bool is 128 instead of 0 or 1"

    # alignment
    for name, value in ("0", 0), ("3", 3), ("4", 4), ("48", 48), ("2M", 2**21), ("2G", 2**31):
        yield f"alignment_{name}", gguf(kvs=(kv("general.alignment", U32, u32(value)),)), \
            f"at byte 53: general.alignment is {value}, not a power of two from 8 to 1048576"
    yield "alignment_u64", gguf(kvs=(kv("general.alignment", U64, u64(32)),)), \
        "general.alignment is u64 instead of u32"
    yield "alignment_string", gguf(kvs=(kv("general.alignment", STRING, string("32")),)), \
        "general.alignment is string instead of u32"
    yield "alignment_unused", gguf(kvs=(kv("general.alignment", U32, u32(64)),), alignment=64), \
        "tensor \"b.weight\": offset 32 is not a multiple of 64"

    # tensors
    yield "tensor_name_past_end", gguf(tensors=(string("a", 10**9) + bytes(24),)), \
        "a tensor name of 1000000000 bytes, but the file has only"
    yield "tensor_name_empty", gguf(tensors=(tensor("", [4], TYPE_F32, 0),)), \
        "a tensor name has 0 bytes"
    yield "tensor_name_zero_byte", gguf(tensors=(tensor("a\0", [4], TYPE_F32, 0),)), \
        "a tensor name holds a zero byte"
    yield "tensor_name_not_utf8", gguf(tensors=(tensor(b"\xc0\x80", [4], TYPE_F32, 0),)), \
        "a tensor name is not valid UTF-8"
    yield "tensor_twice", gguf(tensors=(A, tensor("a.weight", [4, 2], TYPE_F32, 32)),
                               data=bytes(64)), "tensor \"a.weight\" appears twice"
    yield "n_dims_0", gguf(tensors=(tensor("t", [], TYPE_F32, 0),)), \
        "tensor \"t\" has 0 dimensions (1 to 4 are allowed)"
    yield "n_dims_5", gguf(tensors=(tensor("t", [1] * 5, TYPE_F32, 0),)), \
        "tensor \"t\" has 5 dimensions (1 to 4 are allowed)"
    yield "n_dims_huge", gguf(tensors=(tensor("t", [1], TYPE_F32, 0, 0xffffffff),)), \
        "tensor \"t\" has 4294967295 dimensions"
    yield "dim_0", gguf(tensors=(tensor("t", [4, 0], TYPE_F32, 0),)), \
        "tensor \"t\": dimension 1 is 0"
    yield "dims_overflow", gguf(tensors=(tensor("t", [2**32, 2**32], TYPE_F32, 0),)), \
        "tensor \"t\": the number of its elements overflows"
    yield "dims_overflow_4", gguf(tensors=(tensor("t", [2**16] * 4, TYPE_F32, 0),)), \
        "tensor \"t\": the number of its elements overflows"
    yield "dim_huge", gguf(tensors=(tensor("t", [HUGE], TYPE_F32, 0),)), \
        "tensor \"t\": the number of its elements overflows"
    yield "row_overflows", gguf(tensors=(tensor("t", [2**62], TYPE_F32, 0),)), \
        "tensor \"t\": the size of its rows overflows"
    yield "bytes_overflow", gguf(tensors=(tensor("t", [2**61, 2], TYPE_F32, 0),)), \
        "tensor \"t\": its size in bytes overflows"
    yield "bytes_wrap_to_0", gguf(tensors=(tensor("t", [4, 2**60], TYPE_F32, 0),)), \
        "tensor \"t\": its size in bytes overflows"
    yield "part_of_a_block", gguf(tensors=(tensor("t", [33, 2], TYPE_Q4_1, 0),)), \
        "tensor \"t\": rows of 33 are not whole Q4_1 blocks of 32"
    for kind in 4, 5, 24, 99, 0xffffffff:
        yield f"tensor_type_{kind}", gguf(tensors=(tensor("t", [32], kind, 0),)), \
            f"tensor \"t\" has type {kind}, which is not supported (known: "
    yield "offset_unaligned", gguf(tensors=(tensor("t", [4], TYPE_F32, 8),)), \
        "tensor \"t\": offset 8 is not a multiple of 32"
    yield "offset_outside", gguf(tensors=(A, tensor("t", [4], TYPE_F32, 960))), \
        "tensor \"t\": 16 bytes at offset 960 lie outside the 96 bytes of data"
    yield "offset_huge", gguf(tensors=(A, tensor("t", [4], TYPE_F32, 2**64 - 32))), \
        f"tensor \"t\": 16 bytes at offset {2**64 - 32} lie outside the 96 bytes"
    yield "data_outside", gguf(tensors=(A, tensor("t", [32], TYPE_F32, 32))), \
        "tensor \"t\": 128 bytes at offset 32 lie outside the 96 bytes of data"
    yield "data_one_byte_short", gguf(data=bytes(91)), \
        "tensor \"b.weight\": 60 bytes at offset 32 lie outside the 91 bytes of data"
    yield "data_missing", gguf(data=b""), "tensor \"a.weight\": 32 bytes at offset 0 lie outside the 0"
    yield "overlap", gguf(tensors=(tensor("a", [16], TYPE_F32, 0), B)), \
        "tensor \"b.weight\" overlaps tensor \"a\""
    yield "overlap_same", gguf(tensors=(A, tensor("t", [4, 2], TYPE_F32, 0))), \
        "tensor \"t\" overlaps tensor \"a.weight\""
    yield "hole_first", gguf(tensors=(B,)), "tensor \"b.weight\": 32 bytes before it belong to no"
    yield "hole", gguf(tensors=(A, tensor("b", [32], TYPE_Q4_1, 64))), \
        "tensor \"b\": 32 bytes before it belong to no tensor"
    yield "trailing", gguf(data=bytes(97)), "1 bytes after the last tensor"
    yield "trailing_no_tensors", gguf(tensors=(), data=bytes(5)), "5 bytes after the last tensor"
    for what, n in ("number of dimensions", 2), ("dimensions", 6), ("type", 21), ("offset", 26):
        yield f"cut_in_tensor_{what.split()[0]}", gguf(tensors=(B, A[:16 + n]), data=b""), \
            f"the file ends inside a tensor's {what}"


def part(no, count, n_tensors, kvs, tensors, data):
    """A file of a model that is split into several."""
    split = (kv("split.no", U16, struct.pack("<H", no)),
             kv("split.count", U16, struct.pack("<H", count)),
             kv("split.tensors.count", I32, struct.pack("<i", n_tensors)))
    return gguf(kvs=(*kvs, *split), tensors=tensors, data=data)


def parts():
    """Files of models in parts; what is said about them is tested by tests/unit/io_gguf_split.c."""
    b = tensor("b.weight", [32, 3], TYPE_Q4_1, 0)
    first = part(0, 2, 2, (ARCH, COUNT, TOKENS), (A,), bytes(32))
    yield "whole-00001-of-00002", first
    yield "whole-00002-of-00002", part(1, 2, 2, (), (b,), bytes(60))
    yield "alone-00002-of-00003", part(1, 3, 2, (), (b,), bytes(60))
    yield "mixed-00001-of-00002", first
    yield "mixed-00002-of-00002", part(1, 2, 9, (), (b,), bytes(60))


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, data, message in cases():
        (folder / f"{name}.gguf").write_bytes(data)
        lines.append(f"{name}\t{message}\n")
    for name, data in parts():
        (folder / f"{name}.gguf").write_bytes(data)
    (folder / "expected.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
