"""tests/torture/run faults - every call on files of every job fails in turn."""
from common import Report
from loops import Way, run_ways, table_of

CHANGES = "create,write,fsync,close,rename,unlink,truncate,mkdir,lock"
ANY = r": \S"
WAYS = [
    Way("full-once", "create,write,fsync,rename,truncate,mkdir", "ENOSPC", (0, 8), "No space"),
    Way("full", "create,write,fsync,rename,truncate,mkdir", "ENOSPC", (0, 8), "No space", times=0),
    Way("error", CHANGES, "EIO", (0, 8), "Input/output error"),
    Way("dead", CHANGES, "EIO", (0, 8), "Input/output error", times=0),
    Way("read-only", CHANGES, "EROFS", (0, 8), "Read-only", times=0),
    # what cannot be looked at counts as missing, and then the message says so
    Way("unreadable", "open,read,stat,list", "EIO", (0, 6, 8),
        "Input/output error|is a directory|[Nn]o such file|is there", everywhere=True),
    Way("denied", "open,create,mkdir,rename,unlink", "EACCES", (0, 8), "Permission denied",
        everywhere=True),
    Way("no-descriptor", "open,create,list", "EMFILE", (0, 8), "Too many open files",
        everywhere=True),
    # 7: no checkpoint could be opened
    Way("no-descriptors", "open,create,list", "EMFILE", (0, 7, 8), "Too many open files", times=0,
        everywhere=True),
    Way("torn", "write", "tear", (0, 8), "No space"),
    Way("short", "write", "short", (0,)),
    Way("all-short", "write", "short", (0,), times=0),
    Way("interrupted", "read,write", "EINTR", (0,), everywhere=True),
]


def run(options):
    total, tallies, n_states = run_ways("faults", WAYS, options)
    ways = ", ".join(f"{w.name} ({w.do})" for w in WAYS)
    return Report(total, f"Each call on files in turn: {ways}. Right is exit 8 with a message that says "
                  "why, or exit 0 with the same bits where a run can do without; and as above.",
                  {"faults": f"{total.points} points, {len(total.failures)} wrong"},
                  table_of(options, tallies, n_states))
