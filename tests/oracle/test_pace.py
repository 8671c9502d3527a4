"""Runs that have to be done by some time or must not get too hot, with a clock and sensors that the test moves.
A step takes a minute there, so no test depends on how fast this machine is."""
import json
import math
import subprocess
import sys

import pytest

from test_checkpoint import rewritten, text

DEADLINE = 1_795_762_800  # 2026-11-27T07:00Z
EVENING = DEADLINE - 9 * 3600
STEPS = 200


@pytest.fixture
def world(root, driver, tmp_path):
    """world("name", words..., setting=value...) runs a tiny model of 2 layers; .records are its metrics."""
    subprocess.run([sys.executable, root / "tests/cli/tiny_model.py", tmp_path / "tiny.gguf"], check=True)
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"say {i}", "completion": "ab" * (1 + i % 5)}) + "\n"
                            for i in range(40)))

    class Run:
        def __init__(self, name, *words, status=0, **settings):
            self.folder = tmp_path / name
            config = tmp_path / f"{name}.yaml"
            usual = {"base_model": str(tmp_path / "tiny.gguf"), "dataset": str(data), "lora_r": 2,
                     "batch_size": 4, "max_steps": STEPS, "threads": 1, "compute": "f32",
                     "learning_rate": 1e-3, "eval_max_new_tokens": 2, "output_dir": str(self.folder)}
            config.write_text(json.dumps({**usual, **settings}))
            done = subprocess.run([driver("paced"), config, *map(str, words)], cwd=root, text=True,
                                  capture_output=True, timeout=100)
            self.out, self.log = done.stdout, done.stderr
            assert done.returncode == status, self.log
            lines = self.folder / "metrics.jsonl"
            self.records = [json.loads(line) for line in lines.read_text().splitlines()] \
                if lines.exists() else []

        def events(self, event):
            return [r for r in self.records if r["event"] == event]

        @property
        def n(self):
            steps = [r["step"] for r in self.events("step")]
            assert steps == list(range(1, len(steps) + 1))
            return len(steps)

        def adapter(self):
            return (self.folder / "adapter_model.safetensors").read_bytes()

    Run.path = tmp_path
    return Run


LIMIT = {"finish_by": "2026-11-27T07:00Z"}


def test_plenty_of_time_is_the_run_without_a_limit(world):
    plain = world("plain", val_set_size=8)
    run = world("run", f"clock={EVENING}", val_set_size=8, max_hours=1000, **LIMIT)
    assert run.n == STEPS
    assert run.adapter() == plain.adapter()
    plans = run.events("plan")
    assert [(p["step"], p["when"], p["steps"], p["of_steps"]) for p in plans] == \
        [(0, "planned", STEPS, STEPS)]
    assert plans[0]["finishes_at"] < "2026-11-27T07:00:00Z" and plans[0]["tokens_per_second"] > 0
    assert "finish_by 2026-11-27T07:00Z: all 200 steps (25 epochs), done about" in run.log
    assert not plain.events("plan") and "time for" not in run.out
    assert " done 0.000" in plain.log and " done 0.000" not in run.log


def rates(run):
    return [r["learning_rate"] for r in run.events("step")]


def assert_smooth(run):
    """From one step to the next the rate changes by no more than the steepest cosine that the plans have; the
    end of the last one is near zero."""
    values, plans = rates(run), run.events("plan")
    shortest = min(p["steps"] - p["step"] for p in plans)
    warmup = math.ceil(0.05 * plans[0]["steps"])
    assert max(abs(a - b) for a, b in zip(values, values[1:])) <= 1e-3 * max(3.2 / shortest, 1.001 / warmup)
    assert values[-1] < 1e-3 * 10 / shortest ** 2 + 1e-9


def test_a_night_that_gets_shorter_shrinks_the_plan(world):
    """As after a suspend: of 200 steps there is time for some 57 after step 30, with the reserve."""
    run = world("run", f"clock={EVENING}", f"jump=30:{DEADLINE - 3600}", **LIMIT)
    plans = run.events("plan")
    assert [p["when"] for p in plans][:2] == ["planned", "clock"] and plans[1]["step"] == 31
    assert 80 <= run.n == plans[-1]["steps"] <= 90
    assert_smooth(run)
    assert f"There was time for {run.n} of {STEPS} steps" in run.out
    assert (run.folder / "adapter.gguf").exists() and (run.folder / f"checkpoints/step-{run.n}.h5").exists()


def test_a_night_that_is_over_ends_with_a_result(world):
    run = world("run", f"clock={EVENING}", f"jump=5:{DEADLINE + 600}", val_set_size=8, **LIMIT)
    assert run.n == 6 and [p["when"] for p in run.events("plan")] == ["planned", "out of time"]
    assert [(e["when"], e["step"]) for e in run.events("eval")] == [("before", 0), ("epoch", 6), ("after", 6)]
    assert (run.folder / "adapter.gguf").exists() and (run.folder / "report.html").exists()
    # with more time the same command goes on where it was: nothing had decayed early
    again = world("run", f"clock={DEADLINE + 900}", val_set_size=8, finish_by="2027-11-28T07:00Z")
    whole = world("whole", val_set_size=8)
    assert again.n == STEPS
    # the course is turned with the bits of another formula, so not to the last bit
    assert max(abs(a - b) for a, b in zip(rates(again), rates(whole))) < 1e-12


def test_an_evaluation_within_an_epoch_is_not_taken_for_that_of_its_end(world):
    """At such a rate the first evaluation is the best one, and the run stops after the next."""
    settings = {"val_set_size": 8, "metric_for_best_model": "loss", "learning_rate": 0.5,
                "eval_before": False, "early_stopping_patience": 1}
    run = world("run", f"clock={EVENING}", f"jump=1:{DEADLINE + 600}", **settings, **LIMIT)
    first = (run.folder / "eval-step-2.json").read_bytes()
    assert "Best: step 2, loss" in run.out
    more = {**settings, "finish_by": "2027-11-28T07:00Z"}
    run = world("run", f"clock={DEADLINE + 900}", **more)
    assert (run.folder / "eval-step-2.json").read_bytes() == first
    assert (run.folder / "eval-epoch-1.json").read_bytes() != first
    best = run.events("best")[-1]["best_step"]
    after = json.loads((run.folder / "eval-after.json").read_text())
    scored = {e["step"]: e["loss_per_token"] for e in run.events("eval") if "of_step" not in e}
    assert run.n == 8 and best == 2 and after["loss_per_token"] == scored[2], (best, scored)


def test_evaluations_as_a_share_follow_the_plan(world):
    run = world("run", f"clock={EVENING}", f"jump=30:{DEADLINE - 4800}", val_set_size=8, eval_steps=0.25,
                metric_for_best_model="loss", early_stopping_patience=50, **LIMIT)
    steps = [e["step"] for e in run.events("eval")]
    assert steps[0] == 0 and steps[-1] == run.n < STEPS
    plans = run.events("plan")
    assert plans[-1]["steps"] == run.n
    for step in {s for s in steps if 0 < s < run.n}:
        plan = [p for p in plans if p["step"] <= step][-1]
        assert step % math.ceil(0.25 * plan["steps"]) == 0, (step, plan)
    assert run.events("best")


def test_an_interrupted_run_keeps_its_plan_and_its_bits(world):
    """There is time enough, so nothing has to be planned anew."""
    whole = world("whole", val_set_size=8)
    world("parts", f"clock={EVENING}", "stop=7", status=9, val_set_size=8, **LIMIT)
    world("parts", f"clock={EVENING}", "stop=20", status=9, val_set_size=8, **LIMIT)
    parts = world("parts", f"clock={EVENING}", val_set_size=8, **LIMIT)
    assert parts.n == STEPS and parts.adapter() == whole.adapter()
    assert [p["when"] for p in parts.events("plan")] == ["planned", "continued", "continued"]


def test_a_shorter_plan_survives_an_interruption(world):
    first = world("run", f"clock={EVENING}", f"jump=30:{DEADLINE - 3600}", "stop=40", status=9, **LIMIT)
    n = first.events("plan")[-1]["steps"]
    world("run", f"clock={DEADLINE - 3100}", "stop=45", status=9, **LIMIT)
    done = world("run", f"clock={DEADLINE - 2800}", **LIMIT)
    assert [(p["when"], p["steps"]) for p in done.events("plan")][:4] == \
        [("planned", STEPS), ("clock", n), ("continued", n), ("continued", n)]
    n = done.n  # when the reserve is not needed, there may be time for a few more at the end
    assert done.events("plan")[-1]["steps"] == n < STEPS
    assert_smooth(done)
    again = world("run", f"clock={DEADLINE - 600}", **LIMIT)  # what is complete stays complete
    assert again.n == n and again.adapter() == done.adapter()
    assert f"the {n} of 200 steps that there was time for are done" in again.log


@pytest.mark.parametrize("version", ["this", "earlier"])
def test_a_run_that_continues_remembers_more_than_its_last_steps(world, version):
    """Every third step takes twice as long. The first one after a continue had been taken for the speed of all."""
    night = {"max_steps": 1000, **LIMIT}
    first = world("run", f"clock={EVENING}", "uneven=3", "stop=100", status=9, **night)
    n, before = first.events("plan")[-1]["steps"], len(first.events("plan"))
    if version == "earlier":  # its checkpoints say how fast the run was, and no more
        path = first.folder / "checkpoints/step-100.h5"
        rewritten(path, path, text("run/notes", lambda notes: b"".join(
            line for line in notes.splitlines(keepends=True) if b"pace.latest" not in line)))
    run = world("run", f"clock={EVENING + 67 * 60 + 33 * 120}", "uneven=3", "stop=106", status=9, **night)
    plans = run.events("plan")[before:]
    assert plans[0]["when"] == "continued" and all(abs(p["steps"] - n) < 0.1 * n for p in plans), (n, plans)


def test_without_its_limit_a_run_goes_on_to_the_end(world):
    world("run", f"clock={EVENING}", f"jump=30:{DEADLINE - 3600}", "stop=40", status=9, **LIMIT)
    run = world("run")
    assert run.n == STEPS and "there is no time limit any more: all 200 steps" in run.log
    assert_smooth(run)


def test_hours_count_over_interruptions(world):
    world("run", "stop=10", status=9, max_hours=1000)
    run = world("run", max_hours=1e-6)  # 3.6 ms, spent long ago
    assert run.n in (10, 11) and run.events("plan")[-1]["when"] == "out of time"
    assert (run.folder / "adapter.gguf").exists()


@pytest.mark.parametrize("settings, words, message", [
    ({"finish_by": "2026-11-26T21:00Z"}, [], "finish_by: 2026-11-26T21:00Z is past: it is 20"),
    ({"finish_by": "2026-11-26T22:00:01Z"}, [], "finish_by 2026-11-26T22:00:01Z: "),
    ({"max_hours": 1e-6}, [], "max_hours 1e-06: 0.0 s left are too little for one step (about "),
    ({"max_hours": 1, "finish_by": "2026-11-26T22:00:02Z"}, [], "s left are too little for one step"),
])
def test_too_little_time_is_refused_with_the_figures(world, settings, words, message):
    run = world("run", f"clock={EVENING}", *words, status=2, **settings)
    assert message in run.log.splitlines()[-1], run.log
    assert not run.events("step") and not (run.folder / "adapter.gguf").exists()


# --- heat ---


@pytest.fixture
def sensors(tmp_path):
    def make(celsius):
        folder = tmp_path / "sys"
        (folder / "class/hwmon/hwmon0").mkdir(parents=True)
        (folder / "devices/system/cpu/cpu0/cpufreq").mkdir(parents=True)
        (folder / "devices/system/cpu/cpu0/thermal_throttle").mkdir(parents=True)
        (folder / "class/hwmon/hwmon0/name").write_text("coretemp\n")
        (folder / "class/hwmon/hwmon0/temp1_input").write_text(f"{celsius * 1000}\n")
        (folder / "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq").write_text("2400000\n")
        (folder / "devices/system/cpu/cpu0/thermal_throttle/core_throttle_count").write_text("5\n")
        return folder, folder / "class/hwmon/hwmon0/temp1_input"

    return make


def test_sensors_stand_in_the_metrics(world, sensors):
    folder, _ = sensors(61)
    run = world("run", f"sysfs={folder}", max_steps=3)
    assert [(s["celsius"], s["mhz"], s["throttled"]) for s in run.events("step")] == [(61, 2400, 0)] * 3
    assert all("paused_seconds" not in s for s in run.events("step"))
    assert "celsius 61.0" in run.log and "coretemp" not in run.log
    none = world("none", f"sysfs={folder}/nothing", max_steps=3)
    assert all(not {"celsius", "mhz", "throttled"} & set(s) for s in none.events("step"))
    assert "sensors:" not in none.log and "max_temperature" not in none.log
    assert none.adapter() == run.adapter()


def test_a_hot_machine_rests_and_goes_on(world, sensors):
    folder, file = sensors(61)
    plain = world("plain", max_steps=6)
    run = world("run", f"sysfs={folder}", f"heat=3:{file}", f"cool={file}", max_steps=6,
                max_temperature=85)
    paused = [s.get("paused_seconds", 0) for s in run.events("step")]
    assert [p > 0 for p in paused] == [False, False, False, True, False, False] and paused[3] > 1
    step = run.events("step")[3]
    assert step["seconds"] < paused[3]  # the rest is no part of it, nor of the speed
    assert step["tokens_per_second"] == pytest.approx(step["tokens"] / step["seconds"])
    assert run.log.count("99 C after step 3: resting until it is 80 C (max_temperature: 85)") == 1
    assert run.log.count("rested for ") == 1 and "celsius 99.0 paused 1" in run.log
    assert "Rested for " in run.out and "Rested" not in plain.out
    assert run.adapter() == plain.adapter()


def test_a_rest_can_be_interrupted(world, sensors):
    folder, file = sensors(61)
    world("run", f"sysfs={folder}", f"heat=3:{file}", "stop=rest", status=9, max_steps=6,
          max_temperature=85)
    assert (world.path / "run/checkpoints/step-3.h5").exists()
    file.write_text("50000\n")
    run = world("run", f"sysfs={folder}", max_steps=6, max_temperature=85)
    assert run.n == 6 and run.adapter() == world("plain", max_steps=6).adapter()


def test_a_rest_ends_where_the_time_does(world, sensors):
    folder, file = sensors(61)
    run = world("run", f"sysfs={folder}", f"clock={EVENING}", f"heat=3:{file}", f"late={DEADLINE}",
                val_set_size=8, max_temperature=85, **LIMIT)
    assert run.n == 3 and run.events("plan")[-1]["when"] == "out of time"
    assert (run.folder / "checkpoints/step-3.h5").exists() and (run.folder / "eval-after.json").exists()


def test_without_a_sensor_a_limit_is_refused(world, sensors):
    folder, file = sensors(61)
    file.write_text("broken\n")
    run = world("run", f"sysfs={folder}", max_steps=2, status=2, max_temperature=85)
    assert f"max_temperature: this machine shows no temperature: there is no {folder}/class/hwmon" in run.log
    assert not run.records


def test_a_sensor_that_goes_away_is_said_once_and_does_not_stop_the_run(world, sensors):
    folder, file = sensors(61)
    run = world("run", f"sysfs={folder}", f"heat=2:{file}", f"cool={file}", "vanish=1", max_steps=6,
                max_temperature=85)
    assert run.n == 6 and run.log.count("the temperature can no longer be read") == 1
