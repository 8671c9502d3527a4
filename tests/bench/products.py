"""tests/bench/run products - the large products of graft beside PyTorch's matmul."""
import csv

from common import (GRAFT, HERE, PYTHON, Failed, Report, has_bf16, has_int8, has_option, knows_bf16, need,
                    run_child, table)


def measure_graft(shape, compute, options):
    command = [GRAFT, "bench", "--csv", "--shapes", shape, "--formats", options.formats,
               "--compute", compute, "--seconds", options.seconds, "--threads", options.threads]
    child = run_child(command, f"products-graft-{compute}-{shape}")
    return [{"compute": compute, "format": r["format"], "shape": r["shape"],
             "direction": r["direction"], "gflops": float(r["gflops"]),
             "peak_gflops": float(r["peak_gflops"]), "fraction": float(r["fraction"])}
            for r in csv.DictReader(child.out.splitlines()) if r["kind"] == "product"]


def measure_torch(shape, options):
    child = run_child([PYTHON, HERE / "torch_products.py", "--dtype", options.peer_dtype,
                       "--threads", options.threads, "--seconds", options.seconds, shape],
                      f"products-torch-{shape}")
    return {r["direction"]: float(r["gflops"]) for r in csv.DictReader(child.out.splitlines())}


def name(row):
    return f"{row['format']} {row['shape']} {row['direction']}"


def cell(row):
    ratio = f", {row['ratio']:.2f}x" if row["ratio"] != "" else ""
    return f"{row['gflops']:.0f} ({100 * row['fraction']:.1f} %{ratio})"


def rate_table(rows, formats, options):
    """One line per shape and direction, one column per format."""
    lines = {}
    for r in rows:
        line = lines.setdefault((r["shape"], r["direction"]), {"torch": r["torch_gflops"]})
        line[r["format"]] = cell(r)
    peer = [f"PyTorch {options.peer_dtype}"] if rows[0]["torch_gflops"] != "" else []
    head = ["n_tok x n_out x n_in", "", *peer, *formats]
    return table(head, [[shape, direction, *([f"{line['torch']:.0f}"] if peer else []),
                         *(line.get(f, "") for f in formats)]
                        for (shape, direction), line in lines.items()])


def measure_round(options, computes):
    """One measurement of everything, PyTorch and graft in turns: rows, and rates of PyTorch by shape and
    direction."""
    rows, peers = [], {}
    for shape in options.shapes.split(","):
        peers |= {(shape, d): rate for d, rate in measure_torch(shape, options).items()}
        for compute in computes:
            rows += measure_graft(shape, compute, options)
    return rows, peers


def measure(options, computes):
    """The best of the rounds, of both programs and of the peak: for minutes at a time a core may have to
    share its caches with what no program here sees. A row says what its worst round was, too."""
    rounds = [measure_round(options, computes) for _ in range(options.rounds)]
    peers = {at: max(p[at] for _, p in rounds) for at in rounds[0][1]}
    peaks = {c: max(r["peak_gflops"] for rows, _ in rounds for r in rows if r["compute"] == c)
             for c in computes}
    rows = []
    for same in zip(*(rows for rows, _ in rounds), strict=True):
        best, peak = max(same, key=lambda r: r["gflops"]), peaks[same[0]["compute"]]
        beside = best["compute"] != "f32" or options.peer_dtype == "f32"
        rate = peers[best["shape"], best["direction"]] if beside else ""
        rows.append({**best, "peak_gflops": peak, "fraction": round(best["gflops"] / peak, 4),
                     "torch_gflops": rate, "ratio": round(best["gflops"] / rate, 4) if rate else "",
                     "worst_round": round(min(r["gflops"] for r in same) / peak, 4)})
    return sorted(rows, key=lambda r: computes.index(r["compute"]))


def worst_of(rows):
    """The row farthest from the peak, and a line that names it and the slowest beside PyTorch."""
    far, peak = min(rows, key=lambda r: r["fraction"]), max(r["peak_gflops"] for r in rows)
    line = f"Farthest from the peak ({peak:.0f}): {name(far)}, {100 * far['fraction']:.1f} %"
    once = min(rows, key=lambda r: r["worst_round"])
    if once["worst_round"] < far["fraction"]:
        line += f" (in a single round: {name(once)}, {100 * once['worst_round']:.1f} %)"
    if far["ratio"] == "":
        return far, None, line + "."
    behind = min(rows, key=lambda r: r["ratio"])
    return far, behind, line + (f"; slowest beside PyTorch: {name(behind)}, "
                                f"{behind['ratio']:.2f}x.")


def run(options):
    need(GRAFT, PYTHON)
    if not has_option("bench", "shapes") or not has_option("bench", "formats"):
        raise Failed("this graft bench has no --shapes and --formats")
    report = Report("products", [], "GFLOP/s (share of the FMA peak, "
                    f"ratio to PyTorch's {options.peer_dtype} product with dense weights); the best "
                    f"of {options.seconds} s each in {options.rounds} rounds, PyTorch and graft in "
                    "turns, beside the highest peak of all; f32 in and out.")
    computes = (["bf16"] if knows_bf16() else []) + ["f32"] + (["int8"] if has_int8() else [])
    formats = options.formats.split(",")
    report.rows = measure(options, computes)
    for compute in computes:
        rows = [r for r in report.rows if r["compute"] == compute]
        if not rows:
            raise Failed("graft bench printed no product of these shapes and formats")
        if compute == "int8":
            spun = "VPMADDUBSW, VPMADDWD and VPADDD"
            if has_bf16():
                spun = "VPDPBUSD, of which scaling W every 64 and X every 256 leaves 93 %"
            report.body += ["compute: int8, rounding of X and W included; the peak is that of "
                            f"{spun}", "",
                            *rate_table(rows, formats, options)]
            continue
        far, behind, line = worst_of(rows)
        report.body += [f"compute: {compute}", "", *rate_table(rows, formats, options), "", line,
                        ""]
        report.figures["products_peak" if compute == "bf16" else "products_f32"] = far["fraction"]
        if compute == options.peer_dtype == "bf16":
            report.figures["products_torch"] = behind["ratio"]
    return report
