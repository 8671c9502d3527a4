#!/usr/bin/env python3
"""tests/cli/interrupted.py SIGNAL STEPS RUN COMMAND... - runs a training command again and again, each time
with SIGTERM or SIGKILL once metrics.jsonl in the folder RUN has STEPS lines more, until it ends by
itself."""
import pathlib
import signal
import subprocess
import sys
import time

name, steps, run, *command = sys.argv[1:]
sent, steps, run = signal.Signals[name], int(steps), pathlib.Path(run)


def lines():
    path = run / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


times = 0
while True:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    before = lines()
    while process.poll() is None and lines() < before + steps:
        time.sleep(0.002)
    process.send_signal(sent)
    output = process.communicate()[0]
    if process.returncode != (9 if sent == signal.SIGTERM else -sent):
        break
    times += 1
print(output)
print(f"interrupted {times} times")
sys.exit(process.returncode)
