"""tests/torture/run memory - every allocation of every job fails in turn, once or for good.

Those of the libraries too: json-c, HDF5, PCRE2, zstd, libyaml, the C library."""
from common import Report
from loops import Way, run_ways, table_of

WORDS = r"[Mm]emory|HDF5|lines were lost"   # of a journal that could not keep them
# libhdf5 1.10 uses what it could not allocate, most of all while it initialises itself.
BEYOND = r"(libhdf5)"
WAYS = [
    Way("once", "memory", "ENOMEM", (0, 3), WORDS, beyond=BEYOND),
    Way("gone", "memory", "ENOMEM", (0, 3), WORDS, times=0, beyond=BEYOND),
    Way("maps", "mmap,thread", "ENOMEM", (0, 3), WORDS),
    Way("no-maps", "mmap,thread", "ENOMEM", (0, 3), WORDS, times=0),
]


LIBRARY = """\
Where a process "ends within libhdf5", libhdf5 1.10 used what it could not allocate: it dies in its error stack (H5E), its skip lists
or its property classes, most often while it initialises itself, or ends by abort after it wrote over the heap. It cannot be told to
ask first, so graft asks for 4 MiB more than the data before each call of it (`core/memory.h`), and nothing of it runs at exit:
with memory really gone ("gone") that refusal comes first unless memory goes within the call. What is on disk is as whole
as after a kill: every such point was continued, too."""


def run(options):
    total, tallies, n_states = run_ways("memory", WAYS, options)
    allocations = sum(sum(job.counts[k] for k in ("malloc", "calloc", "realloc", "memalign"))
                      for job in options.chosen)
    text = (f"{total.points} points over {allocations} allocations of {len(options.chosen)} jobs, "
            f"{len(total.failures)} wrong")
    return Report(total, "Each allocation in turn fails (once: only that one; gone: all from there on; "
                  "maps: mmap and threads). Right is exit 3 with a message or exit 0 with the same "
                  "bits, old or new files whole, no temporary file, no block of graft's own left, "
                  "and success of the same command afterwards.",
                  {"allocations": text},
                  [*table_of(options, tallies, n_states), "", *LIBRARY.splitlines()])
