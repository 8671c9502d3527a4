"""llama.cpp's own quantize: llama_model_quantize of the wheel llama-cpp-py-sync (b11548), as a
child process, since it ends the process where it does not like an input.

    quantize(source, out, file_type)  RuntimeError if it refused
    types(source, file_types)         {file type: {tensor: type}}, nothing computed

The wheel is built against glibc 2.38 for nothing but the C23 names of sscanf and strtol; copies of
its libraries that ask for the old names load on any glibc."""
import ctypes as C
import json
import os
import pathlib
import re
import struct
import subprocess
import sys

import numpy as np

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"


class Params(C.Structure):  # llama_model_quantize_params at b11548
    _fields_ = [("nthread", C.c_int32), ("ftype", C.c_int), ("output_tensor_type", C.c_int),
                ("token_embedding_type", C.c_int), ("allow_requantize", C.c_bool),
                ("quantize_output_tensor", C.c_bool), ("only_copy", C.c_bool), ("pure", C.c_bool),
                ("keep_split", C.c_bool), ("dry_run", C.c_bool), ("imatrix", C.c_void_p),
                ("kv_overrides", C.c_void_p), ("tt_overrides", C.c_void_p),
                ("prune_layers", C.c_void_p), ("max_buf_size", C.c_size_t)]


class Importance(C.Structure):
    _fields_ = [("name", C.c_char_p), ("data", C.c_void_p), ("size", C.c_size_t)]


def with_old_names(elf):
    """The library with __isoc23_NAME@GLIBC_2.38 replaced by NAME@GLIBC_2.2.5."""
    elf = bytearray(elf)
    at, size, n, names = struct.unpack_from("<Q", elf, 40)[0], *struct.unpack_from("<HHH", elf, 58)
    heads = [struct.unpack_from("<IIQQQQ", elf, at + i * size) for i in range(n)]
    text = heads[names][4]

    def string(offset):
        return elf[offset:elf.index(0, offset)].decode()

    section = {string(text + h[0]): h for h in heads}
    strings, versions = section[".dynstr"][4], section[".gnu.version"][4]
    old, need = None, section[".gnu.version_r"][4]
    while True:
        _, count, file, aux, following = struct.unpack_from("<HHIII", elf, need)
        entry = need + aux
        for _ in range(count):
            _, flags, index, name, step = struct.unpack_from("<IHHII", elf, entry)
            if string(strings + name) == "GLIBC_2.38":
                struct.pack_into("<H", elf, entry + 4, flags | 2)  # weak: may be missing
            if (string(strings + file), string(strings + name)) == ("libc.so.6", "GLIBC_2.2.5"):
                old = index
            entry += step
        if following == 0:
            break
        need += following
    symbols, length = section[".dynsym"][4:6]
    for i in range(length // 24):
        name = struct.unpack_from("<I", elf, symbols + 24 * i)[0]
        if string(strings + name).startswith("__isoc23_"):
            struct.pack_into("<I", elf, symbols + 24 * i, name + len("__isoc23_"))
            struct.pack_into("<H", elf, versions + 2 * i, old)
    return bytes(elf)


def load():
    import importlib.util
    package = pathlib.Path(importlib.util.find_spec("llama_cpp_py_sync").origin).parent
    folder = BUILD / "tmp/llama-quantize-0.11548"
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.{os.getpid()}")
        part.mkdir(parents=True)
        for path in package.glob("lib*.so.0"):
            (part / path.name).write_bytes(with_old_names(path.read_bytes()))
        try:
            part.rename(folder)
        except OSError:  # somebody else was faster
            pass
    library = C.CDLL(str(folder / "libllama.so.0"))
    library.llama_model_quantize_default_params.restype = Params
    library.llama_model_quantize.restype = C.c_uint32
    library.llama_model_quantize.argtypes = [C.c_char_p, C.c_char_p, C.POINTER(Params)]
    library.llama_backend_init()
    return library


def run(wish):
    done = subprocess.run([sys.executable, __file__, json.dumps(wish)], capture_output=True,
                          text=True, errors="replace")
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stderr


def quantize(source, out, file_type, importance=None, allow_requantize=False):
    """importance: {tensor: float32 means per column}"""
    wish = {"source": str(source), "out": str(out), "file_types": [int(file_type)],
            "allow_requantize": allow_requantize, "dry_run": False, "importance": None}
    if importance is not None:
        wish["importance"] = str(out) + ".importance.npz"
        np.savez(wish["importance"], **importance)
    run(wish)


def types(source, file_types, importance=None):
    wish = {"source": str(source), "out": "", "file_types": [int(t) for t in file_types],
            "allow_requantize": False, "dry_run": True, "importance": None}
    if importance is not None:
        wish["importance"] = str(source) + ".importance.npz"
        np.savez(wish["importance"], **importance)
    found = {}
    for line in run(wish).splitlines():
        begin = re.fullmatch(r"file type (\d+)", line)
        row = re.match(r"\[ *\d+/ *\d+\] +(\S+) +- \[.*\], type = +(\w+), .*size =", line)
        if begin:
            current = found.setdefault(int(begin[1]), {})
        elif row:
            changed = re.search(r"-> .*\((\w+)\)$", line)
            current[row[1]] = (changed[1] if changed else row[2]).upper()
    return found


def main(wish):
    library = load()
    params = library.llama_model_quantize_default_params()
    assert (params.ftype, params.quantize_output_tensor, params.pure) == (7, True, False)
    params.nthread = 2
    params.allow_requantize, params.dry_run = wish["allow_requantize"], wish["dry_run"]
    if wish["importance"]:
        arrays = {k: np.ascontiguousarray(v, np.float32)
                  for k, v in np.load(wish["importance"]).items()}
        rows = (Importance * (len(arrays) + 1))()
        for row, (name, values) in zip(rows, arrays.items()):
            row.name, row.data, row.size = name.encode(), values.ctypes.data, values.size
        params.imatrix = C.addressof(rows)
    for params.ftype in wish["file_types"]:
        print(f"\nfile type {params.ftype}", file=sys.stderr, flush=True)
        code = library.llama_model_quantize(wish["source"].encode(), wish["out"].encode(), params)
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
