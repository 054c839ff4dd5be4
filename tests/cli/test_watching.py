"""`check --watch`: a real process, files that change under it, Ctrl-C."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.conftest import RECORDINGS

from responses_tap_viewer.cli import main

TEXT = RECORDINGS / "clean/text.sse"
SEED = RECORDINGS / "broken/llamastack-before-pr5308.sse"


@contextmanager
def watching(path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "responses_tap_viewer", "check", str(path), "--watch"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def verdict(process: "subprocess.Popen[str]") -> str:
    """What is printed until it waits for a change."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        if line.startswith("Checked at "):
            return "".join(lines)
        lines.append(line)
    raise AssertionError(f"ended with {lines}")


def put(content: bytes, file: Path) -> None:
    """Save like an editor: write a file next to it, then rename that."""
    beside = file.with_suffix(".new")
    beside.write_bytes(content)
    beside.rename(file)


def test_a_file_is_checked_again_when_it_changes_and_the_last_status_counts(tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(SEED.read_bytes())
    with watching(file) as process:
        assert "MD301" in verdict(process)
        put(TEXT.read_bytes(), file)
        assert "0 errors" in verdict(process)
        file.unlink()
        assert "does not exist" in verdict(process)
        put(SEED.read_bytes(), file)
        shown = verdict(process)
        assert "3 errors" in shown
        assert "\x1b" not in shown
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 1


def test_a_folder_is_watched_for_new_files(tmp_path: Path) -> None:
    with watching(tmp_path) as process:
        assert "holds no stream" in verdict(process)
        put(TEXT.read_bytes(), tmp_path / "a.sse")
        assert "in 1 stream" in verdict(process)
        put(TEXT.read_bytes(), tmp_path / "b.sse")
        assert "in 2 streams" in verdict(process)
        os.utime(tmp_path / "b.sse", (1, 1))
        assert "in 2 streams" in verdict(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


@pytest.mark.parametrize("arguments", [["-"], [str(TEXT), "--format", "json"]])
def test_what_cannot_be_watched_is_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, ["check", "--watch", *arguments]).exit_code == 2
