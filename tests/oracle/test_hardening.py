"""The program as it is shipped: what the compiler and the linker put in against bugs that are left, and
which of the system's functions graft itself asks for at all."""
import platform
import re
import subprocess

import pytest

from conftest import BUILD, existing

FORBIDDEN = """socket socketpair bind listen accept connect send sendto sendmsg recv recvfrom recvmsg
getaddrinfo gethostbyname getpwuid getlogin system popen fork vfork clone posix_spawn posix_spawnp
execl execle execlp execv execve execvp execvpe fexecve dlopen dlmopen dlsym ptrace
strcpy sprintf vsprintf gets tmpnam mktemp""".split()
LIBRARIES = "openblas json-c hdf5 hdf5_serial zstd yaml-0 pcre2-8 m c gcc_s pthread".split()


def read(tool, *arguments):
    return subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def program():
    return existing(BUILD / "graft", "make")


@pytest.fixture(scope="module")
def imported(program):
    """Names of the system's and the libraries' functions, without versions."""
    text = read("nm", "-D", "--undefined-only", program)
    return {line.split()[-1].split("@")[0] for line in text.splitlines()}


def test_it_can_lie_anywhere(program):
    assert "DYN (Position-Independent Executable" in read("readelf", "-hW", program)


def test_tables_are_read_only_and_the_stack_holds_no_code(program):
    segments, dynamic = read("readelf", "-lW", program), read("readelf", "-dW", program)
    assert "GNU_RELRO" in segments
    assert re.search(r"GNU_STACK.* RW +0x", segments)
    assert "BIND_NOW" in dynamic or re.search(r"FLAGS.*NOW", dynamic)
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic and "TEXTREL" not in dynamic


def test_stack_and_copies_are_checked(imported):
    assert "__stack_chk_fail" in imported
    assert {name for name in imported if name.endswith("_chk")} & {"__memcpy_chk", "__snprintf_chk",
                                                                   "__vsnprintf_chk", "__fprintf_chk"}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="instructions of x86")
def test_indirect_jumps_land_where_they_may(program):
    code = read("objdump", "-d", "--disassemble=main", program)
    assert "endbr64" in code


def test_no_network_no_other_programs(imported):
    assert not imported & set(FORBIDDEN)


def test_libraries_are_those_that_the_readme_names(program):
    needed = re.findall(r"NEEDED.*\[lib([^\]]+?)\.so", read("readelf", "-dW", program))
    assert needed and not [name for name in needed if re.sub(r"\.\d+$", "", name) not in LIBRARIES]
