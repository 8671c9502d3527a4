"""README.md says what the sources say. `python3 tests/oracle/test_readme.py` prints the settings
table as it must stand there."""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = {"STRING": "text", "FLAG": "true, false", "COUNT": "whole number", "REAL": "number",
         "NAMES": "names", "SOURCES": "files"}


def settings_table():
    rows = re.findall(r'GROUP\("([^"]*)"\)|SETTING\((\w+), (\w+), "([^"]*)", "([^"]*)", "([^"]*)",'
                      r'\s*"([^"]*)"\)', (ROOT / "src/config/settings.def").read_text())
    lines = ["| setting | default | values | what it does |", "|---|---|---|---|"]
    for group, kind, name, aliases, fallback, values, text in rows:
        if group:
            lines.append(f"| **{group}** | | | |")
            continue
        values = values.replace("|", ", ") if kind == "CHOICE" else values or KINDS[kind]
        if aliases:
            text += ". Also read: " + ", ".join(f"`{alias}`" for alias in aliases.split())
        lines.append(f"| `{name}` | {fallback} | {values} | {text} |")
    return "\n".join(lines)


def test_settings_table():
    table = settings_table()
    assert table.count("\n") > 50
    assert table in (ROOT / "README.md").read_text()


def test_exit_codes():
    codes = re.findall(r"^\s+GRAFT_E_\w+ = (\d+)",
                       (ROOT / "include/graft/status.h").read_text(), re.M)
    section = (ROOT / "README.md").read_text().split("## Exit codes")[1].split("##")[0]
    assert len(codes) == 10
    assert re.findall(r"^\| (\d+) \|", section, re.M) == ["0"] + codes


def test_scores_and_dialects():
    readme = (ROOT / "README.md").read_text()
    text = readme.split("## What is scored")[1].split("\n## ")[0]
    metrics = re.findall(r"&graft_metric_(\w+)", (ROOT / "src/eval/metrics.c").read_text())
    helps = [re.search(r'\.help = "(.*)"', (ROOT / f"src/eval/{name}.c").read_text())[1]
             for name in metrics]
    assert re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.M) == list(zip(metrics, helps))
    dialects = re.findall(r"&graft_dialect_(\w+)", (ROOT / "src/chat/dialects.c").read_text())
    assert re.findall(r"`(\w+)`", text.split("(`tool_call_format`):")[1]) == dialects


def test_every_command_is_described(graft):
    commands = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", graft("help").stdout, re.M)
    readme = (ROOT / "README.md").read_text()
    assert len(commands) >= 19
    for command in commands:
        assert f"| `graft {command} " in readme, command


def test_options_in_the_command_table_exist(graft):
    readme = (ROOT / "README.md").read_text()
    table = readme.split("## Commands")[1].split("##")[0]
    for line in re.findall(r"^\| `graft (.*?)` \|", table, re.M):
        command = re.match(r"data \w+|\w+", line).group()
        text = graft("help", *command.split()).stdout
        for option in re.findall(r"--(\w+)", line.replace("--setting", "")):
            assert f"--{option}" in text, f"{command}: --{option}"


def test_every_artefact_is_described(graft):
    readme = (ROOT / "README.md").read_text().split("### As what other programs take")[1]
    rows = set(re.findall(r"&graft_exporter_(\w+)", (ROOT / "src/export/exporters.c").read_text()))
    assert len(rows) == 9
    about = graft("help", "export").stdout
    for name in rows:
        assert f"| `{name}` |" in readme and re.search(rf"^ *{name} ", about, re.M), name


def test_every_promise_of_security_names_tests_that_exist():
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", readme.split("## Security")[1].split("\n## ")[0], re.M)[1:]
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert len(rows) >= 12
    for promise, shown in rows:
        named = re.findall(r"`([^`]+)`", shown)
        assert named, promise
        for name in named:
            there = name[5:] in targets if name.startswith("make ") else (ROOT / name).exists()
            assert there, f"{promise}: {name}"


if __name__ == "__main__":
    print(settings_table())
