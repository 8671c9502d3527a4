"""A run that was interrupted, wherever that was, is the run that was not: adapter, checkpoints, scores and
metrics have the same bits; and what cannot be continued is refused by name."""
import json
import re
import shutil
import subprocess

import pytest

TIMES = ("seconds", "tokens_per_second", "rss_bytes")
SETTINGS = {
    "max_steps": 8, "batch_size": 2, "lora_r": 2, "lora_dropout": 0.3, "learning_rate": 0.01,
    "save_steps": 1, "save_total_limit": 2, "val_set_size": 2, "eval_samples": 1, "eval_steps": 2,
    "eval_max_new_tokens": 2, "metric_for_best_model": "loss", "early_stopping_patience": 2,
    "early_stopping_threshold": 2, "curriculum": "length", "compute": "f32", "threads": 2,
}


@pytest.fixture(scope="module")
def tiny(root, tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.gguf"
    subprocess.run(["python3", root / "tests/cli/tiny_model.py", path], check=True)
    return path


@pytest.fixture(scope="module")
def data(root, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "data.jsonl"
    shutil.copy(root / "datasets/prompt-completion.jsonl", path)
    return path


@pytest.fixture
def train(driver, tiny, data, root):
    """train(folder, stop_at=0, status=0, **settings) -> (stderr, how often it asked whether to stop)"""
    def run(folder, stop_at=0, status=0, **changes):
        settings = {"base_model": tiny, "dataset": data, "output_dir": folder, **SETTINGS, **changes}
        words = [str(x) for pair in settings.items() for x in pair if pair[1] is not None]
        done = subprocess.run([driver("stopper"), str(stop_at), *words], cwd=root, text=True,
                              capture_output=True, timeout=120)
        assert done.returncode == status, done.stderr
        return done.stderr, int(done.stdout)

    return run


def metrics(folder):
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in TIMES} for line in lines]


def state(folder):
    """All that must be the same: everything but times, and what was said."""
    files = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*"))
             if p.is_file() and p.name not in ("run.log", "metrics.jsonl", "report.html", ".lock",
                                               "config.yaml", "SHA256SUMS", "adapter.gguf")}
    # the adapter carries the settings, and so the name of its folder: its tensors are what counts
    if (folder / "adapter.gguf").exists():  # there is none of a DoRA
        import gguf
        reader = gguf.GGUFReader(str(folder / "adapter.gguf"))
        files["adapter.gguf"] = {t.name: t.data.tobytes() for t in reader.tensors}
    assert "adapter_model.safetensors" in files
    return files, metrics(folder)


def test_a_run_interrupted_anywhere_is_the_same_run(train, tmp_path):
    said, asked = train(tmp_path / "whole")
    whole = state(tmp_path / "whole")
    assert "Stopped early" in said and asked > 12, said
    assert [r["step"] for r in whole[1] if r["event"] == "eval"][:3] == [0, 2, 4]
    stopped_in = set()
    for k in range(1, asked + 1):
        folder = tmp_path / f"cut-{k}"
        said, _ = train(folder, stop_at=k, status=9)
        stopped_in.add(re.sub(r"\d+", "N", said.splitlines()[-1]))
        train(folder, threads=1 if k % 2 else 3)
        assert state(folder) == whole, k
        shutil.rmtree(folder)
    # before the first step, between steps, and in evaluations
    assert any("stopped at step" in line for line in stopped_in) and len(stopped_in) > 1, stopped_in


KINDS = [{}, {"init_lora_weights": "pissa", "loraplus_lr_ratio": 4, "weight_decay": 0.1,
              "lora_dropout": 0},
         {"init_lora_weights": "olora", "compute": "bf16", "group_by_prefix": "true",
          "lora_dropout": 0, "curriculum": "none"},
         {"use_dora": "true", "compute": "bf16", "weight_decay": 0.1, "lora_dropout": 0}]


@pytest.mark.parametrize("kind", KINDS, ids=["plain", "pissa", "olora", "dora"])
def test_a_run_interrupted_at_every_step_in_turn(train, tmp_path, kind):
    train(tmp_path / "whole", **kind)
    folder = tmp_path / "parts"
    for _ in range(60):
        done = train_until(train, folder, kind)
        if done:
            break
    assert done and state(folder) == state(tmp_path / "whole")


def train_until(train, folder, kind):
    """One process that is stopped as soon as it has saved something; True if it came to the end."""
    before = len(list((folder / "checkpoints").glob("*"))) if folder.exists() else 0
    for stop_at in (6, 12, 24, 48):
        try:
            train(folder, stop_at=stop_at, status=9, **kind)
        except AssertionError:
            return (folder / "SHA256SUMS").exists()
        if len(list((folder / "checkpoints").glob("*"))) > before:
            return False
    return False


@pytest.fixture
def cut(train, tmp_path):
    """A run of 8 steps that has checkpoints of steps 3, 4 and 5 and is not finished."""
    plain = {"early_stopping_patience": 0, "early_stopping_threshold": 0, "eval_strategy": "no",
             "eval_steps": None, "metric_for_best_model": None, "save_total_limit": 3,
             "eval_before": "false", "eval_after": "false"}
    folder = tmp_path / "run"
    stop_after_5(train, folder, plain)
    return folder, plain


asks = {}  # of runs with such settings: how often one asks before it is at step 5


def stop_after_5(train, folder, settings):
    for stop_at in asks.get(str(settings), range(7, 60)):
        shutil.rmtree(folder, ignore_errors=True)
        train(folder, stop_at=stop_at, status=9, **settings)
        if (folder / "checkpoints/step-5.h5").exists():
            asks[str(settings)] = [stop_at]
            break
    assert sorted(p.name for p in (folder / "checkpoints").iterdir()) == \
        ["step-3.h5", "step-4.h5", "step-5.h5"]


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def version(path):
    data = bytearray(path.read_bytes())
    data[8] = 9
    path.write_bytes(data)


DAMAGE = {
    "a bit": (lambda p: flip(p, len(p.read_bytes()) // 2), "its digest does not match"),
    "cut": (lambda p: p.write_bytes(p.read_bytes()[:-1]), "bytes of state instead of"),
    "zero length": (lambda p: p.write_bytes(b""), "not a graft checkpoint"),
    "version": (version, "checkpoint version 9; only 1 is supported"),
    "another file": (lambda p: p.write_bytes(b"GGUF" * 300), "not a graft checkpoint"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_auto_takes_the_newest_sound_one(train, cut, tmp_path, name):
    folder, plain = cut
    damage, message = DAMAGE[name]
    train(tmp_path / "whole", **plain)
    damage(folder / "checkpoints/step-5.h5")
    said, _ = train(folder, **plain)
    assert re.search(rf"^skipped: \S*step-5.h5: .*{re.escape(message)}", said, re.M), said
    assert "step-4.h5: step 4 of 8" in said
    assert state(folder) == state(tmp_path / "whole")


def test_auto_skips_several_and_another_run(train, cut, tmp_path):
    folder, plain = cut
    other = tmp_path / "other"
    stop_after_5(train, other, {**plain, "seed": 7})
    shutil.copy(other / "checkpoints/step-5.h5", folder / "checkpoints/step-5.h5")
    flip(folder / "checkpoints/step-4.h5", 700)
    said, _ = train(folder, **plain)
    assert re.search(r"^skipped: \S*step-5.h5: belongs to another run: seed: 7 -> 42;", said, re.M), said
    assert re.search(r"^skipped: \S*step-4.h5: its digest ", said, re.M), said
    assert "step-3.h5: step 3 of 8" in said
    train(tmp_path / "whole", **plain)
    assert state(folder) == state(tmp_path / "whole")


def test_nothing_sound_is_said_and_nothing_is_lost(train, cut):
    folder, plain = cut
    for path in (folder / "checkpoints").iterdir():
        flip(path, 600)
    before = {p: p.read_bytes() for p in folder.rglob("*")
              if p.is_file() and p.name not in ("run.log", ".lock")}  # said; who has the folder
    said, _ = train(folder, status=7, **plain)
    assert "no checkpoint of 3 can be used (the newest: " in said and "step-5.h5: its digest" in said
    assert "resume_from_checkpoint: never starts afresh" in said
    assert all(p.read_bytes() == data for p, data in before.items())
    said, _ = train(folder, resume_from_checkpoint="never", **plain)
    assert sorted(p.name for p in (folder / "checkpoints").iterdir()) == \
        ["step-6.h5", "step-7.h5", "step-8.h5"]


DATED = ("{{ '<|im_start|>system\nIt is ' + strftime_now('%d %b %Y') + '<|im_end|>\n' }}"
         "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
         "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
DAYS = "UTC+12", "UTC-14"  # zones whose dates always differ


@pytest.fixture
def dated(tmp_path):
    path = tmp_path / "dated.jinja"
    path.write_text(DATED)
    return {"chat_template": path}


def date_of(folder):
    return re.search(r'^chat_template_date: "(.*)"$', (folder / "config.yaml").read_text(), re.M)[1]


def test_a_run_has_one_date(train, dated, tmp_path, monkeypatch):
    """Continued on another day, done again on another day, or begun from its settings there."""
    folder, named = tmp_path / "run", tmp_path / "named"
    plain = {**dated, "save_total_limit": 3, "early_stopping_patience": 0, "early_stopping_threshold": 0}
    monkeypatch.setenv("TZ", DAYS[0])
    _, asked = train(tmp_path / "whole", **plain)
    whole, date = state(tmp_path / "whole"), date_of(tmp_path / "whole")
    train(folder, stop_at=asked * 2 // 3, status=9, **plain)
    older, newest = sorted((folder / "checkpoints").iterdir())[-2:]
    monkeypatch.setenv("TZ", DAYS[1])
    train(tmp_path / "other", resume_from_checkpoint=older, **plain)
    assert date_of(tmp_path / "other") == date
    shutil.copytree(folder, named)
    flip(named / "checkpoints" / newest.name, 700)
    said, _ = train(named, **plain)
    assert f"continuing from {named}/checkpoints/{older.name}" in said and state(named) == whole
    said, _ = train(folder, **plain)
    assert f"continuing from {newest}" in said and f"all through the run {date} " in said
    assert state(folder) == whole and date_of(folder) == date
    train(folder, **plain)
    assert state(folder) == whole
    train(tmp_path / "again", chat_template_date=date, **plain)
    assert state(tmp_path / "again") == whole
    train(tmp_path / "today", **plain)
    assert date_of(tmp_path / "today") != date and state(tmp_path / "today") != whole


def test_another_date_is_another_run(train, dated, tmp_path):
    folder, plain = tmp_path / "run", {**dated, "eval_strategy": "no", "eval_steps": None,
                                       "metric_for_best_model": None, "eval_before": "false",
                                       "early_stopping_patience": 0, "early_stopping_threshold": 0}
    train(folder, chat_template_date="2020-01-02 07:00", **plain)
    said, _ = train(folder, status=7, chat_template_date="2020-01-03", **plain)
    assert "another run: chat_template_date: 2020-01-02T07:00:00 -> 2020-01-03; dataset (SHA-256)" in said, said
    said, _ = train(folder, resume_from_checkpoint="never", **plain)
    assert date_of(folder) > "2020-01-03"


def test_without_a_template_that_tells_it_there_is_no_date(train, cut):
    folder, plain = cut
    train(folder, **plain)
    assert "chat_template_date" not in (folder / "config.yaml").read_text()
    assert b"chat_template_date" not in (folder / "checkpoints/step-8.h5").read_bytes()
    train(folder, chat_template_date="2026-11-27", **plain)  # it changes nothing


CHANGES = [
    ({"lora_dropout": 0.1}, "lora_dropout: 0.3 -> 0.1"),
    ({"learning_rate": 0.02}, "learning_rate: 0.01 -> 0.02"),
    ({"batch_size": 3}, "batch_size: 2 -> 3"),
    ({"max_steps": 9}, "max_steps: 8 -> 9"),
    ({"seed": 1}, "seed: 42 -> 1"),
    ({"curriculum": "none"}, "curriculum: length -> none"),
    ({"train_on": "last"}, "train_on: all -> last"),
    ({"compute": "bf16"}, "compute: f32 -> bf16"),
    ({"packing": "false"}, "packing: true -> false"),
    ({"max_tokens_per_pass": 5000}, "max_tokens_per_pass: (not set) -> 5000|0 -> 5000"),
    ({"val_set_size": 3}, "val_set_size: 2.0 -> 3.0"),
]


@pytest.mark.parametrize("change, message", CHANGES, ids=[next(iter(c)) for c, _ in CHANGES])
def test_a_changed_setting_is_named(train, cut, change, message):
    folder, plain = cut
    said, _ = train(folder, status=7, **{**plain, **change})
    assert "step-5.h5: belongs to another run: " in said, said
    assert any(m in said for m in message.split("|")), said
    assert "--force" in said


def test_changed_files_are_named(train, cut, data, tiny, root, tmp_path):
    folder, plain = cut
    lines = data.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = tmp_path / "changed.jsonl"
    changed.write_text("".join(lines).replace("a", "e", 1), encoding="utf-8")
    said, _ = train(folder, status=7, dataset=changed, **plain)
    assert re.search(r"another run: (eval_)?dataset \(SHA-256\): \w{12}\.\.\. -> \w{12}\.\.\.", said), said
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text("".join(lines[:-1]), encoding="utf-8")
    said, _ = train(folder, status=7, dataset=fewer, **plain)
    assert re.search(r"examples per epoch: (\d+) of \1 -> (\d+) of \2; dataset", said), said
    template = tmp_path / "t.jinja"
    template.write_text((folder / "chat_template.jinja").read_text() + "{# other #}")
    said, _ = train(folder, status=7, chat_template=template, **plain)
    assert "chat_template (SHA-256): " in said, said
    base = tmp_path / "base.gguf"
    content = bytearray(tiny.read_bytes())
    content[-1] ^= 1
    base.write_bytes(content)
    said, _ = train(folder, status=7, base_model=base, **plain)
    assert "another run: base_model (SHA-256): " in said, said


def tensors(safetensors):
    """The numbers of a file, without its header."""
    return safetensors[8 + int.from_bytes(safetensors[:8], "little"):]


def test_what_does_not_shape_a_run_may_change(train, cut, data, tiny, tmp_path):
    folder, plain = cut
    moved = tmp_path / "moved.jsonl"
    shutil.copy(data, moved)
    shutil.copy(tiny, tmp_path / "moved.gguf")
    train(tmp_path / "whole", **plain)
    train(folder, dataset=moved, base_model=tmp_path / "moved.gguf", threads=1, max_memory=3000,
          gradient_checkpointing="true", save_minutes=1, **plain)
    files, whole = state(folder)[0], state(tmp_path / "whole")[0]
    for each in files, whole:  # these name the base
        del each["adapter_config.json"]
        each["adapter_model.safetensors"] = tensors(each["adapter_model.safetensors"])
    assert files == whole


def test_force_says_what_it_overrides_and_holds_once(train, cut):
    folder, plain = cut
    change = {**plain, "lora_dropout": 0.1, "max_steps": 9}
    said, _ = train(folder, force="true", **change)
    assert re.search(r"--force: continuing from \S*step-5.h5 although it belongs to another run: "
                     r"lora_dropout: 0.3 -> 0.1; max_steps: 8 -> 9\n", said), said
    assert (folder / "checkpoints/step-9.h5").exists()
    assert "force: false" in (folder / "config.yaml").read_text()
    said, _ = train(folder, **change)  # it is a run of these settings now
    assert "step-9.h5: step 9 of 9" in said


def test_force_cannot_make_another_adapter_of_it(train, cut):
    folder, plain = cut
    said, _ = train(folder, status=7, force="true", **{**plain, "lora_r": 3})
    assert "its adapter has other maps or another rank" in said, said
    said, _ = train(folder, status=7, force="true", **{**plain, "lora_target_modules": "q_proj"})
    assert "its adapter has other maps" in said, said


def test_a_named_checkpoint(train, cut, tmp_path):
    folder, plain = cut
    said, _ = train(tmp_path / "new", resume_from_checkpoint=folder / "checkpoints/step-4.h5", **plain)
    assert "step-4.h5: step 4 of 8" in said
    flip(folder / "checkpoints/step-4.h5", 600)
    said, _ = train(tmp_path / "new2", status=7,
                    resume_from_checkpoint=folder / "checkpoints/step-4.h5", **plain)
    assert "its digest does not match" in said
    said, _ = train(tmp_path / "new3", status=8, resume_from_checkpoint=folder / "none.h5", **plain)
    assert "none.h5: cannot open" in said


def test_other_kernels_are_only_warned_of(train, cut, monkeypatch):
    folder, plain = cut
    monkeypatch.setenv("GRAFT_CPU", "portable")
    said, _ = train(folder, **plain)
    assert re.search(r"step-5.h5 was computed otherwise \(kernels: \w+ f32 -> portable f32\)", said), said
