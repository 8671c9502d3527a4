"""The jobs that are tortured: each writes files in a way of its own.

A job is prepared in an empty folder and run there; `old` is what a folder holds before, so that what is
overwritten is watched too. To add one: a row of JOBS."""
import dataclasses
import hashlib
import json
import pathlib
import random
import shutil
import struct
import subprocess
import sys

from common import ROOT, SECONDS, Failed, content_of, files_of, fresh, graft, state_of

sys.path.insert(0, str(ROOT / "tests/bad"))
import make_hf  # noqa: E402

STEPS = 4
# What says when and how fast; or is a picture of it.
UNTIMED = ("run/run.log", "run/report.html", "run/.lock", "run/SHA256SUMS")
TRAIN = ["train", "-q", "run.yaml"]


@dataclasses.dataclass
class Job:
    name: str
    command: list
    prepare: object              # function(job, folder): everything the command needs
    under: str                   # what it writes lies here
    about: str
    continues: bool = True       # from the checkpoints of the run before
    only: tuple = ()             # of the sections; (): all
    known: dict = dataclasses.field(default_factory=dict)  # file -> contents it may have
    final: dict = dataclasses.field(default_factory=dict)  # file -> content after a whole run
    counts: dict = dataclasses.field(default_factory=dict) # of the shim, of a whole run
    newest: str = ""             # checkpoint of a whole run
    start: pathlib.Path = None   # the prepared folder


def write_run(folder, **settings):
    values = {"base_model": str(material(folder) / "tiny.gguf"),
              "dataset": str(material(folder) / "data.jsonl"), "output_dir": "run", "lora_r": 2,
              "max_steps": STEPS, "batch_size": 2, "save_steps": 1, "save_total_limit": 2,
              "threads": 1, "learning_rate": 0.01, "val_set_size": 2, "eval_before": False,
              "eval_strategy": "no", "eval_max_new_tokens": 1, "eval_samples": 1, **settings}
    (folder / "run.yaml").write_text("".join(f"{k}: {json.dumps(v)}\n" for k, v in values.items()))


def material(folder):
    """What all jobs read. It lies apart: children work in copies of the folder, and a base that is another
    file all of a sudden is a fault of its own."""
    return folder.parent / "material"


def make_material(work):
    """Models and data, made once."""
    out = fresh(work / "material")
    made = subprocess.run([sys.executable, ROOT / "tests/cli/tiny_model.py", out / "tiny.gguf"],
                          capture_output=True, text=True)
    if made.returncode != 0:
        raise Failed(f"tests/cli/tiny_model.py: {made.stderr}")
    words = "call the tool with a small number and tell what it said".split()
    rng = random.Random(1)
    for name, n in (("data.jsonl", 8), ("cached.jsonl", 3)):
        lines = [{"messages": [{"role": "user", "content": " ".join(rng.choices(words, k=4))},
                               {"role": "assistant", "content": " ".join(rng.choices(words, k=5))}]}
                 for _ in range(n)]
        (out / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (out / "tools.json").write_text(json.dumps([{"name": "call", "parameters": {
        "type": "object", "properties": {"number": {"type": "integer", "minimum": 3}}}}]))
    write_hf(out / "hf")
    write_run(out, max_steps=2, learning_rate=0.1, val_set_size=0, export=["adapter"], base_model="tiny.gguf",
              dataset="data.jsonl")
    trained = graft(out, TRAIN)
    if trained.code != 0:
        raise Failed(f"the adapter that is exported was not made: {trained.err}")
    shutil.move(out / "run/adapter.gguf", out / "adapter.gguf")
    shutil.rmtree(out / "run")


def write_hf(folder):
    rng = random.Random(2)
    folder.mkdir()

    def values(shape):
        n = make_hf.product(shape)
        return struct.pack(f"<{n}f", *(rng.gauss(0, 0.1) for _ in range(n)))

    tensors = {name: ("F32", shape, values(shape)) for name, shape in make_hf.SHAPES.items()}
    files = make_hf.folder(model__safetensors=make_hf.safetensors(tensors))
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def prepare_train(job, folder):
    write_run(folder)


def prepare_resume(job, folder):
    """The checkpoints of a run that was killed behind step 2, a torn journal, a torn checkpoint."""
    prepare_train(job, folder)
    struck = graft(folder, TRAIN, {"KIND": "rename", "UNDER": "run/checkpoints/step-3.h5", "AT": 1,
                                   "DO": "kill-before"})
    if struck.code != -9:
        raise Failed(f"the run to be continued was not killed: {struck.err}")
    with open(folder / "run/metrics.jsonl", "ab") as file:
        file.write(b'{"event":"step","step":4,"lo')


def prepare_export(job, folder):
    """A run that stopped before its export, over the artefacts of another."""
    write_run(folder, seed=7, resume_from_checkpoint="never", export=["adapter", "peft"])
    whole = graft(folder, TRAIN)
    shutil.rmtree(folder / "run/checkpoints")
    write_run(folder, export=["adapter", "peft"])
    struck = graft(folder, TRAIN, {"KIND": "create", "UNDER": "run/adapter.gguf", "AT": 1,
                                   "DO": "kill-before"})
    if whole.code != 0 or struck.code != -9:
        raise Failed(f"the run to be exported was not made: {whole.err}{struck.err}")


def prepare_finish(job, folder):
    """A run that stopped before it merged, over the models of another."""
    models = ["adapter", "gguf:q8_0", "ollama:f16"]
    write_run(folder, seed=7, resume_from_checkpoint="never", export=models)
    whole = graft(folder, TRAIN)
    shutil.rmtree(folder / "run/checkpoints")
    write_run(folder, export=models)
    struck = graft(folder, TRAIN, {"KIND": "create", "UNDER": "run/merged.gguf", "AT": 1, "DO": "kill-before"})
    if whole.code != 0 or struck.code != -9:
        raise Failed(f"the run to be merged was not made: {whole.err}{struck.err}")


def prepare_cache(job, folder):
    """A run with a token cache, over the cache of other data."""
    for data, steps in (("cached.jsonl", 1), ("data.jsonl", 1)):
        write_run(folder, dataset=str(material(folder) / data), token_cache="run/cache", max_steps=steps, val_set_size=0,
                  resume_from_checkpoint="never")
        if data == "cached.jsonl" and graft(folder, TRAIN).code != 0:
            raise Failed("the run that leaves a cache failed")
    shutil.rmtree(folder / "run/checkpoints")


def prepare_file(job, folder):
    """One file is written over an older one."""
    (folder / "out").mkdir()
    (folder / "out/file").write_bytes(b"what was here before\n" * 40)


def prepare_merge(job, folder):
    prepare_file(job, folder)
    (folder / "out/file.survival.json").write_bytes(b"of what was here before\n")


def prepare_publish(job, folder):
    """A folder is written over an older one of another type."""
    (folder / "out").mkdir()
    older = list(job.command)
    older[older.index("--type") + 1] = "f16"
    if graft(folder, older).code != 0:
        raise Failed("the older artefact was not made")


def prepare_verify(job, folder):
    write_run(folder, token_cache="run/cache")
    if graft(folder, TRAIN).code != 0:
        raise Failed("the run to be verified was not made")


EXPORT = ["export", "-q", "--base", "MATERIAL/tiny.gguf", "--adapter", "MATERIAL/adapter.gguf", "--threads", "1", "--force",
          "--rounding", "nearest"]   # the other way does without what it cannot read, and says so
JOBS = [
    Job("train", TRAIN, prepare_train, "run", "a run of 4 steps with a checkpoint after each"),
    Job("resume", TRAIN, prepare_resume, "run", "a run that continues behind step 2"),
    Job("export", TRAIN, prepare_export, "run", "the end of a run: its artefacts over older ones"),
    # a file that it cannot read it does without, and says so
    Job("finish", TRAIN, prepare_finish, "run", "the end of a run: models that are merged, rounded for its data, "
        "over older ones", only=("kills", "images")),
    Job("cache", TRAIN, prepare_cache, "run", "a run of 1 step that keeps its tokens over older ones",
        continues=False),
    Job("quantize", ["quantize", "-q", "MATERIAL/tiny.gguf", "out/file", "--type", "q8_0",
                     "--threads", "1"],
        prepare_file, "out", "GGUF to Q8_0 over an older file"),
    Job("convert", ["quantize", "-q", "MATERIAL/hf", "out/file", "--type", "f16", "--threads", "1", "--pre",
                    "gpt-2"],
        prepare_file, "out", "a Hugging Face folder to GGUF over an older file"),
    Job("imatrix", ["imatrix", "-q", "MATERIAL/data.jsonl", "--base", "MATERIAL/tiny.gguf",
                    "--out", "out/file", "--threads", "1"],
        prepare_file, "out", "an importance matrix over an older file"),
    Job("data", ["data", "convert", "MATERIAL/data.jsonl", "--to", "sharegpt", "--out", "out/file",
                 "--threads", "1"],
        prepare_file, "out", "data to another layout over an older file"),
    Job("merge", [*EXPORT, "--to", "gguf", "--type", "q8_0", "--out", "out/file"],
        prepare_merge, "out", "a merged model over an older file"),
    Job("publish", [*EXPORT, "--to", "ollama", "--type", "q8_0", "--out", "out/model"],
        prepare_publish, "out", "a folder for Ollama over an older one"),
    # whose result is a sentence of its own for every fault: tests/oracle/test_verify.py
    Job("verify", ["verify", "run"], prepare_verify, "run", "a run folder that is verified", only=("memory",)),
    Job("grammar", ["export", "-q", "--base", "MATERIAL/tiny.gguf", "--grammar", "MATERIAL/tools.json",
                    "--out", "out/file", "--threads", "1"],
        prepare_file, "out", "a grammar over an older file"),
]


def of_section(chosen, section):
    return [job for job in chosen if not job.only or section in job.only]


def is_untimed(name):
    return name in UNTIMED


def learn(job, work):
    """Prepares a job and runs it once undisturbed: what it leaves is what every other run must leave."""
    job.command = [word.replace("MATERIAL", str(work / "material")) for word in job.command]
    job.start = fresh(work / job.name)
    job.prepare(job, job.start)
    whole = fresh(work / f"{job.name}-whole")
    shutil.copytree(job.start, whole, dirs_exist_ok=True)
    child = graft(whole, job.command, {"KIND": "memory,io", "UNDER": job.under})
    if child.code != 0:
        raise Failed(f"job {job.name} fails undisturbed: {child.err}")
    job.counts = child.report
    job.final = {name: content_of(whole / name) for name in files_of(whole) if not is_untimed(name)}
    job.newest = max((n for n in job.final if n.startswith("run/checkpoints/")), default="")
    job.known = {name: {content} for name, content in job.final.items()}
    for name in files_of(job.start):
        job.known.setdefault(name, set()).add(content_of(job.start / name))
    return job


def copy_of(job, folder):
    fresh(folder)
    shutil.copytree(job.start, folder, dirs_exist_ok=True)
    return folder


def check_marks(folder):
    """The folders that exports write list what is in them."""
    wrong = []
    for mark in folder.rglob("graft.json"):
        if ".tmp-" in str(mark.relative_to(folder)):
            continue
        for name, digest in json.loads(mark.read_text())["sha256"].items():
            file = mark.parent / name
            if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
                wrong.append(f"{mark.relative_to(folder)} does not fit {name}")
    return wrong


def is_whole(path):
    """A checkpoint with the digest that its header promises?"""
    content = path.read_bytes()
    head, image = content[:512], content[512:]
    return head == (b"GRAFTCK1" + struct.pack("<IQ", 1, len(image)) +
                    hashlib.sha256(image).digest()).ljust(512, b"\0")


def check_files(job, folder):
    """Sentences about files that are neither the old nor the new one, whole. Journals only grow."""
    wrong = check_marks(folder)
    for name in files_of(folder):
        if is_untimed(name) or name == "run/metrics.jsonl" or ".tmp-" in name:
            continue
        if name.startswith("run/checkpoints/"):  # a run that fails saves where else it would not
            wrong += [] if is_whole(folder / name) else [f"{name} is not whole"]
        elif content_of(folder / name) not in job.known.get(name, ()):
            wrong.append(f"{name} is neither the old nor the new one")
    return wrong + [f"{name} is lost" for name in files_of(job.start)
                    if not name.startswith("run/checkpoints/") and ".tmp-" not in name
                    and not is_untimed(name)
                    and not (folder / name).exists()]


def check_sums(path):
    """SHA256SUMS as `sha256sum -c` reads it."""
    wrong = []
    for line in path.read_text().splitlines() if path.exists() else []:
        digest, name = line.split(maxsplit=1)
        file = path.parent / name.lstrip("*")
        if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            wrong.append(f"SHA256SUMS does not fit {name}")
    return wrong


def check_final(job, folder):
    wrong = check_sums(folder / "run/SHA256SUMS")
    for name, content in job.final.items():
        path = folder / name
        if name.startswith("run/checkpoints/") and name != job.newest:
            continue                 # which are kept depends on which were saved
        if not path.exists():
            wrong.append(f"afterwards {name} is missing")
        elif content_of(path) != content:
            wrong.append(f"afterwards {name} differs")
    return wrong


@dataclasses.dataclass
class State:
    """What is wrong with a folder: its files; as the end of a run that says that all is well; the same
    command once more."""
    files: list
    success: list
    repeat: list


class States:
    """Every different folder that something left is judged once."""

    def __init__(self, job):
        self.job, self.seen = job, {}

    def judge(self, folder):
        """The folder is used up."""
        key = state_of(folder, UNTIMED)
        if key not in self.seen:
            files = check_files(self.job, folder)
            # a run may go without a checkpoint or a cache
            success = [s for s in check_final(self.job, folder)
                       if "/checkpoints/" not in s and "/cache/" not in s]
            child = graft(folder, self.job.command, seconds=SECONDS)
            repeat = [f"afterwards: exit {child.code}: {child.err.strip()[-300:]}"] \
                if child.code != 0 else check_final(self.job, folder)
            self.seen[key] = State(files, success, repeat)
        return self.seen[key]
