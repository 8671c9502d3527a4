"""Every family: forward, backward and adapters against transformers, PEFT and llama.cpp.

Limits are absolute for logits, and for gradients relative to the largest of a factor."""
import json
import os
import re
import subprocess

import families
import numpy as np
import pytest

RANK, ALPHA = 4, 8.0
RNG = np.random.default_rng(11)
IDS = [int(i) for i in RNG.integers(1, families.WORDS, 48)]
# three that begin alike, and one of its own
SEQUENCES = [IDS[:20] + [int(i) for i in RNG.integers(1, families.WORDS, n)] for n in (24, 13, 17)] \
    + [[int(i) for i in RNG.integers(1, families.WORDS, 40)]]

pytestmark = pytest.mark.parametrize("name", list(families.FAMILIES))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """made(name): the model of transformers and its file, made once."""
    folder, known = tmp_path_factory.mktemp("families"), {}

    def get(name):
        if name not in known:
            known[name] = families.make(name, folder)
        return known[name]

    return get


@pytest.fixture
def largest(record_property):
    """Notes a measured maximum for tests/models/run, and holds it against its limit."""
    def note(what, value, limit):
        record_property(what, float(value))
        assert value <= limit, f"{what}: {value:.2e}"

    return note


def graft_logits(driver, folder, path, adapter="-", ids=IDS):
    out = folder / "logits.bin"
    subprocess.run([driver("logits"), path, adapter, out, *map(str, ids)], check=True)
    return np.fromfile(out, np.float32).reshape(len(ids), families.WORDS)


def torch_logits(model, ids=IDS):
    import torch
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].float().numpy()


def runtime_logits(runtime, path, adapter=None):
    model = runtime.llamart.Model(path, check_tensors=True)
    handles = [(model.adapter(adapter), 1.0)] if adapter else ()
    logits = model.logits(IDS, handles)
    model.close()
    return logits


def gelu_from_table(x):
    """GELU as llama.cpp has it on the CPU: from a table of half-precision numbers."""
    import torch
    y = torch.nn.functional.gelu(x.half().float(), approximate="tanh").half().float()
    return torch.where(x <= -10, 0.0, torch.where(x >= 10, x, y))


def check_runtime(largest, what, got, theirs, model):
    """Within 1e-3 of llama.cpp; where that has GELU from a table, what transformers computes with the
    same table is (but for a few positions, where a number falls on the other side of rounding), and
    graft is within what the table is wrong by."""
    gelu = "gelu" in getattr(model.config, "hidden_activation", "")
    if gelu:
        units = [m for n, m in model.named_modules() if n.endswith(".act_fn")]
        for module in units:
            module.forward = gelu_from_table
        with_table = torch_logits(model)
        for module in units:
            del module.forward
        largest(f"{what}, its GELU", np.quantile(np.abs(with_table - theirs).max(1), 0.9), 1e-3)
    largest(what, np.abs(got - theirs).max(), 2e-2 if gelu else 1e-3)


def test_logits(name, made, driver, tmp_path, runtime, largest):
    _, model, path = made(name)
    got, expected = graft_logits(driver, tmp_path, path), torch_logits(model)
    assert np.abs(expected).max() > 1
    largest("logits vs transformers", np.abs(got - expected).max(), 1e-4)
    check_runtime(largest, "logits vs llama.cpp", got, runtime_logits(runtime, path), model)


# --- gradients ---

def add_lora(model, seed=1, **settings):
    """PEFT around a copy of the model, all linear maps of the layers, random factors; magnitudes are lengths
    of rows, changed by a third or so."""
    import copy

    import torch
    from peft import LoraConfig, get_peft_model
    modules = sorted({n.rsplit(".", 1)[1] for n, m in model.named_modules()
                      if isinstance(m, torch.nn.Linear) and ".layers." in n})
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, task_type="CAUSAL_LM", target_modules=modules,
                        **settings)
    model = get_peft_model(copy.deepcopy(model), config)
    torch.manual_seed(seed)
    for parameter_name, parameter in model.named_parameters():
        if "magnitude" in parameter_name:
            parameter.data *= 1 + 0.3 * torch.randn_like(parameter)
        elif "lora_" in parameter_name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def slots_of(path):
    """Names of the file's linear maps in the order in which graft reads them."""
    import gguf
    order = ["attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output", "ffn_gate", "ffn_up",
             "ffn_down"]
    found = [m for t in gguf.GGUFReader(path).tensors
             if (m := re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", t.name)) and m[2] in order]
    return [m[0] for m in sorted(found, key=lambda m: (int(m[1]), order.index(m[2])))]


def factors(family, model, path):
    """[(name, parameter, heads by which its rows are reordered)] in the order of the slots: A, B and, of a
    DoRA, magnitudes."""
    import gguf
    arch = next(a for a, n in gguf.MODEL_ARCH_NAMES.items() if n == family.arch)
    names = gguf.get_tensor_name_map(arch, model.config.num_hidden_layers)
    places = {}
    for name, parameter in model.named_parameters():
        m = re.fullmatch(r"base_model\.model\.(.+)\.lora_(A|B|magnitude_vector)\.default\.weight", name)
        if m:
            slot = names.get_name(m[1] + ".weight", (".weight",))
            heads = 0 if m[2] == "A" else families.heads_of(family, model.config, m[1])
            places[slot, m[2]] = parameter, heads
    return [(f"{slot} {which}", *places.pop((slot, which))) for slot in slots_of(path)
            for which in ("A", "B", "magnitude_vector") if (slot, which) in places], places


def rows(array, heads):
    return families.to_gguf_rows(array, heads) if heads else array


def weights_of(sequence):
    return [0.0] + [0.0 if i % 3 else 1.0 + i % 2 for i in range(1, len(sequence))]


def torch_step(model, sequences):
    """Loss of a step, with gradients left in the parameters."""
    import torch
    total = sum(sum(weights_of(s)) for s in sequences)
    loss = 0
    for sequence in sequences:
        logits = model(torch.tensor([sequence])).logits[0]
        nll = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(sequence[1:]),
                                                reduction="none")
        loss = loss + (nll * torch.tensor(weights_of(sequence)[1:])).sum() / total
    loss.backward()
    return loss.item()


def graft_step(driver, folder, path, values, layout, sequences, kind=""):
    """(loss, flat gradients, what the driver says about the layout)"""
    params, out = folder / "params.bin", folder / "gradients.bin"
    np.concatenate([v.ravel() for v in values]).astype(np.float32).tofile(params)
    words = []
    for sequence in sequences:
        words += ["/"] * bool(words)
        words += [f"{i}:{w}" for i, w in zip(sequence, weights_of(sequence))]
    said = subprocess.run([driver("gradients"), path, str(RANK), f"{ALPHA}{kind}", params, out, layout,
                           *words], check=True, capture_output=True, text=True).stdout
    return np.fromfile(out, np.float64, 1)[0], np.fromfile(out, np.float32, offset=8), said


def check_gradients(made, driver, folder, layouts, per_slot, kind="", **settings):
    """The largest error of a step in each of the layouts."""
    family, model, path = made
    model = add_lora(model, **settings)
    found, left = factors(family, model, path)
    assert not left and len(found) == per_slot * len(slots_of(path))
    values = [rows(p.detach().numpy(), heads) for _, p, heads in found]
    loss = torch_step(model, SEQUENCES)
    worst = 0.0
    for layout in layouts:
        got_loss, got, said = graft_step(driver, folder, path, values, layout, SEQUENCES, kind)
        assert (layout in ("shared", "recomputed")) == (" 0 of" not in said), said
        assert abs(got_loss - loss) <= 1e-5 * loss
        at = 0
        for what, parameter, heads in found:
            expected = rows(parameter.grad.numpy(), heads)
            mine = got[at:at + expected.size].reshape(expected.shape)
            at += expected.size
            error = np.abs(mine - expected).max() / np.abs(expected).max()
            assert error <= 1e-4, (layout, what, error)
            worst = max(worst, error)
        assert at == got.size
    return worst


def test_gradients(name, made, driver, tmp_path, largest):
    """A and B of every map, in every layout of the step: passes of their own, one packed pass, one
    in which sequences share their beginning."""
    layouts = ("plain", "packed", "shared", "recomputed")
    largest("gradients", check_gradients(made(name), driver, tmp_path, layouts, 2), 1e-4)


def test_dora_gradients(name, made, driver, tmp_path, largest):
    """A, B and magnitudes of every map; and what comes out."""
    worst = check_gradients(made(name), driver, tmp_path, ("packed", "recomputed"), 3, "dora",
                            use_dora=True)
    largest("gradients of a DoRA", worst, 1e-4)
    _, model, path = made(name)
    model_with = add_lora(model, use_dora=True)
    model_with.save_pretrained(tmp_path / "dora", save_embedding_layers=False)
    got, expected = graft_logits(driver, tmp_path, path, tmp_path / "dora"), torch_logits(model_with)
    assert np.abs(expected - torch_logits(model)).max() > 0.1
    largest("DoRA vs transformers", np.abs(got - expected).max(), 2e-4)


# --- adapters as files ---

def test_adapters(name, made, driver, tmp_path, runtime, largest):
    """PEFT to GGUF to PEFT: the adapter does the same in transformers, graft and llama.cpp."""
    from peft import PeftModel
    _, model, path = made(name)
    model_with = add_lora(model)
    model_with.save_pretrained(tmp_path / "peft", save_embedding_layers=False)
    expected, plain = torch_logits(model_with), torch_logits(model)
    assert np.abs(expected - plain).max() > 0.1
    for source, exporter, folder in (("peft", "adapter", "gguf"),
                                     ("gguf/adapter.gguf", "peft", "back")):
        subprocess.run([driver("adapters"), path, tmp_path / source, exporter, tmp_path / folder],
                       check=True)
    file = tmp_path / "gguf/adapter.gguf"
    got = graft_logits(driver, tmp_path, path, file)
    largest("adapter vs transformers", np.abs(got - expected).max(), 2e-4)
    check_runtime(largest, "adapter vs llama.cpp", got, runtime_logits(runtime, path, file),
                  model_with)
    import copy
    again = PeftModel.from_pretrained(copy.deepcopy(model), tmp_path / "back").eval()
    assert np.abs(torch_logits(again) - expected).max() <= 1e-4
    targets = json.loads((tmp_path / "back/adapter_config.json").read_text())["target_modules"]
    assert sorted(targets) == sorted(model_with.peft_config["default"].target_modules)
    assert os.path.getsize(tmp_path / "back/adapter_model.safetensors") > 0
