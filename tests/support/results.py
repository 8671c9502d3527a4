"""Counting and printing results, for tests/run and tests/cpus/run."""
import concurrent.futures
import os
import time

CPUS = int(os.environ.get("JOBS") or len(os.sched_getaffinity(0)))
# Limits of time are those of the release build: under a sanitizer all takes some ten times as long.
PATIENCE = 1 if os.environ.get("BUILD", "release") == "release" else 6


class Result:
    def __init__(self):
        self.passed, self.failures, self.skips, self.names = 0, [], [], []

    def add(self, name, verdict, details=""):
        self.names.append(f"{verdict:7} {name}")
        if verdict == "passed":
            self.passed += 1
        elif verdict == "failed":
            self.failures.append((name, details))
        else:
            self.skips.append((name, details))

    def take(self, other):
        self.passed += other.passed
        self.failures += other.failures
        self.skips += other.skips
        self.names += other.names

    def print_group(self, group, seconds):
        """One line with the counts, and what failed."""
        if self.passed + len(self.failures) + len(self.skips):
            print(f"{group:8} {self.passed:5} passed {len(self.failures):4} failed "
                  f"{len(self.skips):4} skipped {seconds:7.1f} s", flush=True)
        for name, details in self.failures:
            print(f"FAILED {name}\n{details}".rstrip(), flush=True)

    def close(self):
        """The last lines; the exit code: 1 if a test failed or if none ran."""
        for name, reason in self.skips:
            print(f"skipped {name}: {reason}")
        for name, _ in self.failures:
            print(f"failed {name}")
        if self.skips:
            print(f"{len(self.skips)} skipped (reasons above)")
        print(f"{self.passed} passed, {len(self.failures)} failed")
        return 1 if self.failures or self.passed == 0 else 0


def in_parallel(function, items, verbose, result):
    """function(item) -> Result, as many at a time as there are CPUs; results in the order of items.

    What fails is named at once: a long run may be stopped before its end."""
    def timed(item):
        start = time.monotonic()
        return function(item), time.monotonic() - start

    with concurrent.futures.ThreadPoolExecutor(CPUS) as pool:
        running = [pool.submit(timed, item) for item in items]
        for one in concurrent.futures.as_completed(running):
            part, seconds = one.result()
            shown = part.names if verbose else [f"failed  {name}" for name, _ in part.failures]
            for name in shown:
                print(f"{seconds:6.1f} s {name}", flush=True)
    for one in running:
        result.take(one.result()[0])
