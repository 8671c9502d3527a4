"""tests/bench/run threads - a training pass with one thread and with two, in turns."""
import csv

from common import BASE, GRAFT, Failed, Report, has_option, need, run_child, table

REPEAT = 3


def measure(threads, turn, options):
    command = [GRAFT, "bench", "--csv", "--base", BASE, "--seconds", options.seconds,
               "--threads", threads]
    if has_option("bench", "shapes"):            # the pass is what counts here
        command += ["--shapes", "64x64x64", "--formats", "F32"]
    child = run_child(command, f"threads-{threads}-{turn}")
    for r in csv.DictReader(child.out.splitlines()):
        if r["kind"] == "pass":                  # its shape is tokens x FLOP per token
            rate = float(r["gflops"]) * 1e9 / float(r["shape"].split("x")[1])
            return {"threads": threads, "turn": turn, "tokens_per_second": round(rate, 2),
                    "gflops": float(r["gflops"]), "peak_gflops": float(r["peak_gflops"]),
                    "fraction": float(r["fraction"])}
    raise Failed("graft bench printed no pass")


def run(options):
    need(GRAFT, BASE)
    rows = [measure(threads, turn, options) for turn in range(1, REPEAT + 1) for threads in (1, 2)]
    best = {n: max((r for r in rows if r["threads"] == n), key=lambda r: r["gflops"])
            for n in (1, 2)}
    body = table(["threads", "tokens/s", "GFLOP/s", "of the peak of these threads"],
                 [[n, f"{r['tokens_per_second']:.1f}", f"{r['gflops']:.0f}",
                   f"{100 * r['fraction']:.0f} %"] for n, r in best.items()])
    return Report("threads", rows, "graft bench: a training pass of SmolLM2-135M-Instruct Q4_1, "
                  f"one thread and two in turns, the best of {REPEAT}.", body,
                  {"threads": best[2]["tokens_per_second"] / best[1]["tokens_per_second"]})
