"""What `graft plan` says of memory against what the run takes; the reference is the kernel."""
import json
import re

import pytest


@pytest.mark.parametrize("rank, dropout", [(64, 0), (16, 0.1)])
def test_a_run_stays_within_max_memory_and_near_its_plan(tmp_path, base_model, graft, rank, dropout):
    """An adapter of rank 64 has 78 MiB of parameters: each copy that a checkpoint or an artefact
    makes is seen. Dropout masks copies of X."""
    limit, config = 1100, tmp_path / "config.yaml"
    config.write_text(f"""base_model: {base_model}
dataset: datasets/canonical.jsonl
lora_r: {rank}
lora_dropout: {dropout}
max_steps: 2
batch_size: 2
save_steps: 1
export: [adapter, peft]
max_memory: {limit}
output_dir: {tmp_path / "run"}
""")
    planned = json.loads(graft("plan", config, "--compute", "auto", "--measure", "false",
                               "--json").stdout)["memory"]
    done = graft("train", config, "--compute", "auto")
    peak = int(re.search(r"at most (\d+) MiB of memory", done.stdout).group(1))
    expected = planned["peak_bytes"] / 2**20
    assert peak <= limit
    assert expected <= limit
    assert abs(peak / expected - 1) <= 0.1, planned
