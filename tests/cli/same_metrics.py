#!/usr/bin/env python3
"""tests/cli/same_metrics.py RUN RUN - the metrics of two runs say the same but for time and memory."""
import json
import pathlib
import sys

CHANGES = {"seconds", "tokens_per_second", "rss_bytes"}


def records(run):
    for line in (pathlib.Path(run) / "metrics.jsonl").read_text().splitlines():
        yield {key: value for key, value in json.loads(line).items() if key not in CHANGES}


a, b = (list(records(run)) for run in sys.argv[1:])
for first, second in zip(a, b):
    if first != second:
        sys.exit(f"{first}\n{second}")
if len(a) != len(b):
    sys.exit(f"{len(a)} and {len(b)} records")
