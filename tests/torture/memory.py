"""tests/torture/run memory - every allocation of every job fails in turn, once or for good.

Those of the libraries too: json-c, HDF5, PCRE2, zstd, libyaml, the C library."""
import jobs
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
libhdf5 1.10 uses what it could not allocate: it crashes in its error stack (H5E), its skip lists or its property classes, most
often while it initialises itself, calls exit(255), or aborts after it wrote over the heap. Memory that is kept back for it does not
help, since the call that fails is its own. graft asks for 4 MiB more than the data before each call of it (`core/memory.h`), nothing of
it runs at exit, and when it ends the program in spite of that, graft says so: exit 3 "(libhdf5 ended)". What is left, "end within libhdf5",
is an end behind such a call. What is on disk is as whole as after a kill: every such point was continued, too. Since 13221ee it
only writes: graft reads images by itself, so that jobs that only read do without it."""


def run(options):
    total, tallies, n_states = run_ways("memory", WAYS, options)
    chosen = jobs.of_section(options.chosen, "memory")
    allocations = sum(sum(job.counts[k] for k in ("malloc", "calloc", "realloc", "memalign"))
                      for job in chosen)
    text = (f"{total.points} points over {allocations} allocations of {len(chosen)} jobs, "
            f"{len(total.failures)} wrong")
    return Report(total, "Each allocation in turn fails (once: only that one; gone: all from there on; "
                  "maps: mmap and threads). Right is exit 3 with a message or exit 0 with the same "
                  "bits, old or new files whole, no temporary file, no block of graft's own left, "
                  "and success of the same command afterwards.",
                  {"allocations": text},
                  [*table_of(options, tallies, n_states), "", *LIBRARY.splitlines()])
