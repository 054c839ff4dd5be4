"""The examples of the READMEs run, and their tables are those of the code."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from responses_tap_viewer.actions.recording.samples import record_samples
from responses_tap_viewer.cli import main

TOP = Path(__file__).parents[1]
_README = (TOP / "README.md").read_text()
_COMMANDS = [
    shlex.split(line[line.index("uv run") :].split("#")[0])
    for block in re.findall(r"```sh\n(.*?)```", _README, re.DOTALL)
    for line in block.splitlines()
    if "uv run responses-tap" in line
]
_LASTING = {"record", "view", "replay", "demo", "probe"}
"""Commands that go on until somebody ends them, or need a server; tested elsewhere."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("readme") / "demo.db"
    record_samples(db)
    return db


@pytest.mark.parametrize("words", _COMMANDS, ids=" ".join)
def test_an_example_runs(words: list[str], recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *arguments = words[3:]
    assert name in main.commands
    if name in _LASTING:
        command = main.commands[name]
        options = arguments[: arguments.index("--")] if "--" in arguments else arguments
        command.make_context(name, list(options), parent=click.Context(main), resilient_parsing=False)
        return
    if ">" in arguments:
        arguments = arguments[: arguments.index(">")]
    arguments = [str(TOP / a) if a.startswith("recordings/") else a for a in arguments]
    monkeypatch.chdir(tmp_path)
    result = CliRunner(env={"RESPONSES_TAP_DB": str(recording)}).invoke(main, [name, *arguments])
    assert result.exit_code == (1 if name == "diff" else 0), result.output  # 1: the two differ


def test_the_readme_stays_short() -> None:
    assert len(_README.split()) < 1000


def test_the_examples_cover_the_commands_of_the_three_jobs() -> None:
    jobs = {"demo", "record", "view", "list", "show", "export", "replay", "check", "probe"}
    assert {words[3] for words in _COMMANDS} >= jobs


def test_the_tables_are_those_of_the_code() -> None:
    command = [sys.executable, "-m", "cogapp", "--check", "addon/README.md", "viewer/README.md"]
    done = subprocess.run(command, cwd=TOP, check=False, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stdout
