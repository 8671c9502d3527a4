"""scripts/lint finds what it is there to find, and passes a clean tree."""
import subprocess

import pytest

CLEAN = {
    "Makefile": "# never -march=native\nFLAGS := -O3\n",
    "include/graft/thing.h": "#include <graft/status.h>\n",
    "src/core/memory.c": "void f(void)\n{\n    free(malloc(1));\n}\n",
    "src/core/memory.h": "/* abort() in a comment, \"exit(1)\" */\n",
    "src/core/cpu.c": "const char *level(void)\n{\n    return getenv(\"GRAFT_CPU\");\n}\n",
    "src/io/zst.c": "#include <zstd.h>\n#include \"core/memory.h\"\n#include \"io/zst.h\"\n",
    "src/io/zst.h": "void graft_free(void *block);\nvoid (*free)(int);\n",
    "src/cli/main.c": "#include <graft/thing.h>\nvoid f(void)\n{\n    printf(\"exit(\");\n}\n",
}

BAD = [
    ("src/core/a.c", '#include "io/zst.h"\n', 'core is at level 0, io at level 2'),
    ("src/quant/a.c", '#include "a.h"\n', "does not name a room"),
    ("src/io/a.c", '#include "kernels/a.h"\n', "no such file"),
    ("src/cli/a.c", '#include "core/memory.h"\n', "uses only <graft/...>"),
    ("include/graft/a.h", '#include "core/memory.h"\n', "public header includes"),
    ("src/data/a.c", "#include <zstd.h>\n", "zstd has more than one door: src/data/a.c, src/io"),
    ("src/io/a.c", "void *f(void)\n{\n    return malloc(4);\n}\n", "src/io/a.c:3: malloc()"),
    ("src/io/a.c", "void f(void)\n{\n    fprintf(stderr, \"\");\n}\n", "fprintf(): the library"),
    ("src/io/a.c", "void f(void)\n{\n    exit(1);\n}\n", "exit(): the library"),
    ("src/io/a.c", "void f(void)\n{\n    assert(1);\n}\n", "assert(): the library"),
    ("src/io/a.c", "char *f(void)\n{\n    return getenv(\"A\");\n}\n", "getenv(): the library"),
    ("src/io/a.c", "#if 0\n#endif\n", "#if 0"),
    ("src/io/a.c", "#ifdef __AVX2__\n#endif\n", "chosen at run time"),
    ("src/io/a.c", "#include <immintrin.h>\n", "intrinsics live in"),
    ("src/io/a.c", "\tint x;\n", "tab or trailing blank"),
    ("src/kernels/avx2/flags.mk", "F := -ffast-math\n", "-ffast-math is not used here"),
]


@pytest.fixture
def lint(root, tmp_path):
    def run(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return subprocess.run([root / "scripts/lint", "-q", tmp_path], cwd=tmp_path, text=True,
                              capture_output=True)
    return run


def test_clean_tree_passes(lint):
    done = lint(CLEAN)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path, text, message", BAD)
def test_violation_is_named(lint, path, text, message):
    done = lint({**CLEAN, path: text})
    assert done.returncode == 1
    assert message in done.stdout
    assert "1 violations" in done.stdout or "door" in message
