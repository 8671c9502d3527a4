"""tests/bench/run large - memory: a step of a base of 8B parameters, beside what `graft plan` says."""
import json

from common import BASE, GRAFT, HERE, OUT, PYTHON, Report, need, run_child, table
from training import RANK, run_graft

SHAPE, LENGTH = "llama-3.1-8b", 2048


def run(options):
    need(GRAFT, PYTHON, BASE)
    model, data, template = (OUT / f"{SHAPE}.{end}" for end in ("Q4_K_M.gguf", "jsonl", "jinja"))
    run_child([PYTHON, HERE / "make_shape.py", "--shape", SHAPE, "--base", BASE, "--model", model,
               "--data", data, "--template", template, "--length", LENGTH, "-n", 1], "large-make")
    graft, steps = run_graft("large", {"base_model": model, "dataset": data,
                                       "dataset_format": "prompt", "chat_template": template,
                                       "max_seq_length": LENGTH, "batch_size": 1,
                                       "max_memory": 16000}, options)
    plan = run_child([GRAFT, "plan", OUT / "large.yaml", "--measure", "false", "--json"],
                     "large-plan")
    memory = json.loads(plan.out)["memory"]
    row = {**graft, "planned_bytes": memory["peak_bytes"], "base_bytes": model.stat().st_size,
           "recomputed": memory["layers_recomputed"]}
    body = table(["", "GB"], [
        ["base file, mapped", f"{row['base_bytes'] / 1e9:.2f}"],
        ["peak of the run, the mapped file included", f"{graft['peak_bytes'] / 1e9:.2f}"],
        ["peak that `graft plan` says", f"{memory['peak_bytes'] / 1e9:.2f}"]]) + [
        "", f"{memory['layers_recomputed']} of {memory['layers']} layers are recomputed. One step "
        f"of {graft['tokens']} tokens, {steps[0]['trained_tokens']} of them trained, takes "
        f"{graft['seconds']:.0f} s ({graft['tokens'] / graft['seconds']:.1f} tokens/s, the first "
        "reading of the file included)."]
    return Report("large", [row], f"Random weights in the shape of {SHAPE}, Q4_K_M, rank {RANK} on "
                  f"all linear layers: one step of {LENGTH} tokens, max_memory 16,000 MiB.", body,
                  {"large_memory": graft["peak_bytes"] / 1e9,
                   "large_plan": abs(memory["peak_bytes"] / graft["peak_bytes"] - 1)})
