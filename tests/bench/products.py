"""tests/bench/run products - the large products of graft beside PyTorch's bf16 matmul."""
import csv

from common import (GRAFT, HERE, PYTHON, Failed, Report, cpu_level, has_option, need, run_child,
                    table)


def measure_graft(shape, compute, options):
    command = [GRAFT, "bench", "--csv", "--shapes", shape, "--formats", options.formats,
               "--compute", compute, "--seconds", options.seconds, "--threads", options.threads]
    child = run_child(command, f"products-graft-{compute}-{shape}")
    return [{"compute": compute, "format": r["format"], "shape": r["shape"],
             "direction": r["direction"], "gflops": float(r["gflops"]),
             "peak_gflops": float(r["peak_gflops"]), "fraction": float(r["fraction"])}
            for r in csv.DictReader(child.out.splitlines()) if r["kind"] == "product"]


def measure_torch(shape, options):
    child = run_child([PYTHON, HERE / "torch_products.py", "--threads", options.threads,
                       "--seconds", options.seconds, shape], f"products-torch-{shape}")
    return {r["direction"]: float(r["gflops"]) for r in csv.DictReader(child.out.splitlines())}


def name(row):
    return f"{row['format']} {row['shape']} {row['direction']}"


def cell(row):
    ratio = f", {row['ratio']:.2f}x" if row["ratio"] != "" else ""
    return f"{row['gflops']:.0f} ({100 * row['fraction']:.1f} %{ratio})"


def rate_table(rows, formats):
    """One line per shape and direction, one column per format."""
    lines = {}
    for r in rows:
        line = lines.setdefault((r["shape"], r["direction"]), {"torch": r["torch_gflops"]})
        line[r["format"]] = cell(r)
    with_torch = rows[0]["torch_gflops"] != ""
    head = ["n_tok x n_out x n_in", "", *(["PyTorch bf16"] if with_torch else []), *formats]
    return table(head, [[shape, direction, *([f"{line['torch']:.0f}"] if with_torch else []),
                         *(line.get(f, "") for f in formats)]
                        for (shape, direction), line in lines.items()])


def run(options):
    need(GRAFT, PYTHON)
    if not has_option("bench", "shapes") or not has_option("bench", "formats"):
        raise Failed("this graft bench has no --shapes and --formats")
    rows, report = [], Report("products", [], "GFLOP/s (share of the FMA peak that graft measured "
                              "beside it, ratio to PyTorch's bf16 product with dense weights); the "
                              f"best of {options.seconds} s each, f32 in and out.")
    computes, peers = ["auto", "f32"], {}
    if cpu_level() == "avx512bf16":
        computes.append("int8")
    for compute in computes:
        for shape in options.shapes.split(","):
            if compute == "auto":
                peers[shape] = measure_torch(shape, options)
            torch = peers[shape] if compute != "f32" else {}
            for r in measure_graft(shape, compute, options):
                rate = torch.get(r["direction"], "")
                rows.append({**r, "torch_gflops": rate,
                             "ratio": round(r["gflops"] / rate, 4) if rate else ""})
    auto, f32 = ([r for r in rows if r["compute"] == c] for c in ("auto", "f32"))
    if not auto or not f32:
        raise Failed("graft bench printed no product of these shapes and formats")
    peaks = [max(r["peak_gflops"] for r in part) for part in (auto, f32)]
    slowest = [min(part, key=lambda r: r["fraction"]) for part in (auto, f32)]
    behind = min(auto, key=lambda r: r["ratio"])
    report.figures["products_f32"] = slowest[1]["fraction"]
    if peaks[0] > 1.5 * peaks[1]:
        report.figures = {"products_peak": slowest[0]["fraction"],
                          "products_torch": behind["ratio"], **report.figures}
    else:
        report.body += [f"**No bf16 here**: the peak of compute auto, {peaks[0]:.0f} GFLOP/s, is "
                        f"not above that of f32, {peaks[1]:.0f}.", ""]
    formats = options.formats.split(",")
    report.body += ["compute: auto", "", *rate_table(auto, formats), "",
                    f"Farthest from the peak ({peaks[0]:.0f}): {name(slowest[0])}, "
                    f"{100 * slowest[0]['fraction']:.1f} %; slowest beside PyTorch: "
                    f"{name(behind)}, {behind['ratio']:.2f}x.", "", "compute: f32", "",
                    *rate_table(f32, formats), "",
                    f"Farthest from the peak ({peaks[1]:.0f}): {name(slowest[1])}, "
                    f"{100 * slowest[1]['fraction']:.1f} %."]
    int8 = [r for r in rows if r["compute"] == "int8"]
    if int8:
        report.body += ["", "compute: int8, rounding of X and W included; the peak is that of "
                        "VPDPBUSD, of which scaling W every 64 and X every 256 leaves 93 %", "",
                        *rate_table(int8, formats)]
    report.rows = rows
    return report
