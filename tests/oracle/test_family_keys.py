"""Keys of model files one by one: what llama.cpp makes of each, graft does; what it ignores in an
architecture is ignored."""
import dataclasses

import families
import numpy as np
import pytest
from test_families import graft_logits, runtime_logits

# family, keys that are set (None: left out), whether that changes anything
CASES = [
    ("llama", {"rope.scaling.factor": 2.0}, True),  # without a type it is linear
    ("llama", {"rope.scaling.factor": 2.0, "rope.scaling.type": "none"}, False),
    ("llama", {"rope.scale_linear": 2.0}, True),
    ("llama", {"attention.sliding_window": 8}, False),
    ("llama", {"attention.scale": 2.0}, False),
    ("qwen2-yarn", {"rope.scaling.yarn_beta_fast": 4.0}, False),
    ("qwen2-yarn", {"rope.scaling.yarn_log_multiplier": 1.0}, False),
    ("qwen2-yarn", {"rope.scaling.attn_factor": 2.0}, True),
    ("ministral3", {"rope.scaling.yarn_log_multiplier": None}, True),
    ("ministral3", {"rope.scaling.yarn_beta_slow": 0.05}, True),
    ("ministral3", {"attention.temperature_scale": None}, True),
    ("granite", {"rope.scaling.finetuned": False}, True),
    ("granite", {"attention.scale": 0.0}, True),
    ("granite", {"embedding_scale": None, "residual_scale": None}, True),
    ("phi3-long", {"rope.scaling.factor": 4.0}, True),
    ("gemma2", {"attn_logit_softcapping": None, "final_logit_softcapping": None}, True),
    ("gemma2", {"attention.sliding_window_pattern": 3}, True),
    ("gemma2", {"rope.freq_base_swa": 500.0}, True),
    ("gemma2", {"rope.dimension_count": 12}, True),
    ("gemma3", {"attention.sliding_window_pattern": 2}, True),
    ("gemma3", {"attention.sliding_window": 0}, True),
    ("gemma3", {"rope.freq_base_swa": 500.0}, True),
    ("gemma3", {"final_logit_softcapping": 3.0}, True),
    ("gemma3", {"rope.scaling.type": "yarn"}, True),
]


@pytest.fixture(scope="module")
def usual(tmp_path_factory, driver):
    """usual(name): model of transformers and logits of graft with the usual keys, made once."""
    folder, known = tmp_path_factory.mktemp("keys"), {}

    def get(name):
        if name not in known:
            _, model, path = families.make(name, folder)
            known[name] = model, graft_logits(driver, folder, path)
        return known[name]

    return get


@pytest.mark.parametrize("name, keys, moves", CASES, ids=lambda v: v if isinstance(v, str) else
                         " ".join(v) if isinstance(v, dict) else "")
def test_key(name, keys, moves, usual, driver, tmp_path, runtime):
    family, (model, before) = families.FAMILIES[name], usual(name)
    changed = {k: v for k, v in {**family.keys, **keys}.items() if v is not None}
    path = tmp_path / "changed.gguf"
    families.write_gguf(dataclasses.replace(family, keys=changed), model, path)
    got = graft_logits(driver, tmp_path, path)
    limit = 2e-2 if "gemma" in name else 1e-3  # GELU from a table: see test_families.py
    assert np.abs(got - runtime_logits(runtime, path)).max() <= limit
    assert (np.abs(got - before).max() > 0.05) == moves
