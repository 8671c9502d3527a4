"""tests/bench/run quickstart - what `make quickstart` trains, with its evaluations."""
import shutil

from common import BASE, GRAFT, OUT, ROOT, Report, gigabytes, need, run_child


def run(options):
    need(GRAFT, BASE, ROOT / "build/data/bfcl")
    folder = OUT / "quickstart-run"
    shutil.rmtree(folder, ignore_errors=True)
    extra = [word for key, value in options.settings.items() for word in (f"--{key}", value)]
    child = run_child([GRAFT, "train", "configs/quickstart.yaml", "--output_dir", folder,
                       "--threads", options.threads, *extra], "quickstart")
    row = {"wall_seconds": round(child.wall, 1), "peak_bytes": child.peak,
           "settings": " ".join(extra)}
    body = [f"{child.wall:.0f} s, {gigabytes(child.peak)}. It printed:", "", "```",
            child.out.replace(f"{OUT}", "build/bench").rstrip(), "```"]
    return Report("quickstart", [row], "graft train configs/quickstart.yaml: scores 40 tool-call "
                  "questions, trains 60 steps of 2, scores again; built and downloaded before."
                  + (f" **Changed: {row['settings']}**" if extra else ""), body,
                  {} if extra else {"quickstart": child.wall / 60})
