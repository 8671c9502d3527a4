"""tests/torture/run memory - every allocation of every job fails in turn, once or for good.

Those of the libraries too: json-c, HDF5, PCRE2, zstd, libyaml, the C library."""
from common import Report
from loops import Way, run_ways, table_of

WORDS = r"[Mm]emory|HDF5"
# libhdf5 1.10 uses what it could not allocate, most of all while it initialises itself.
BEYOND = r"(libhdf5)"
WAYS = [
    Way("once", "memory", "ENOMEM", (0, 3), WORDS, beyond=BEYOND),
    Way("gone", "memory", "ENOMEM", (0, 3), WORDS, times=0, beyond=BEYOND),
    Way("maps", "mmap,thread", "ENOMEM", (0, 3), WORDS),
    Way("no-maps", "mmap,thread", "ENOMEM", (0, 3), WORDS, times=0),
]


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
                  {"allocations": text}, table_of(options, tallies, n_states))
