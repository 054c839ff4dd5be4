"""`view` as a person has it: in a terminal of its own."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.conftest import RECORDINGS

from responses_tap_viewer.cli import main

SEED = RECORDINGS / "broken" / "llamastack-before-pr5308.sse"
TAP = f"{sys.executable} -m responses_tap_viewer"
SECONDS = 60.0
SIZE = struct.pack("HHHH", 30, 120, 0, 0)


class Terminal:
    """A shell command in a terminal: what it wrote so far, and keys for it."""

    def __init__(self, process: "subprocess.Popen[bytes]", end: int) -> None:
        self.process = process
        self.written = b""
        self._end = end

    def press(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def shows(self, *texts: str) -> None:
        """Wait until all of these have been written."""
        deadline = time.monotonic() + SECONDS
        while not all(text.encode() in self.written for text in texts):
            assert time.monotonic() < deadline, self.written.decode(errors="replace")
            self._read()

    def ends(self) -> int:
        """Read to the end; the exit status."""
        deadline = time.monotonic() + SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.written.decode(errors="replace")
            self._read()
        self._read()
        return self.process.returncode

    def _read(self) -> None:
        while select.select([self._end], [], [], 0.1)[0]:
            try:
                self.written += os.read(self._end, 65536)
            except OSError:  # the other end has been closed
                return


@contextmanager
def terminal(command: str, folder: Path) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, SIZE)
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color"},
        preexec_fn=lambda: os.login_tty(theirs),  # noqa: PLW1509 - nothing else gives it a terminal of its own
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_a_stream_through_a_pipe_is_shown_while_it_comes_and_the_keyboard_works(tmp_path: Path) -> None:
    before, _, after = SEED.read_text().partition("event: response.output_text.delta")
    (tmp_path / "before").write_text(before)
    (tmp_path / "after").write_text(f"event: response.output_text.delta{after}")
    os.mkfifo(tmp_path / "pipe")
    with terminal(f"cat before pipe | {TAP} view -", tmp_path) as screen:
        screen.shows("standard input", "NS201", "1 open")
        screen.press("\r")
        assert b"MD301" not in screen.written
        with (tmp_path / "pipe").open("w") as pipe:
            pipe.write((tmp_path / "after").read_text())
        screen.shows("MD301", "completed")
        screen.press("q")
        assert screen.ends() == 0


def test_a_pipe_of_another_format_is_imported(tmp_path: Path) -> None:
    subprocess.run(f"{TAP} import {SEED} --db a.db && {TAP} export a.db#1 --format har -o a.har",
                   shell=True, check=True, cwd=tmp_path, capture_output=True)  # fmt: skip
    with terminal(f"cat a.har | {TAP} view -", tmp_path) as screen:
        screen.shows("standard input", "1 stream", "NS201")
        screen.press("q")
        assert screen.ends() == 0


def test_files_and_folders_are_opened_and_leave_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    (folder / "one.sse").write_bytes(SEED.read_bytes())
    (folder / "two.sse").write_bytes((RECORDINGS / "clean" / "tool-call.sse").read_bytes())
    (tmp_path / "tmp").mkdir()
    with terminal(f"TMPDIR=tmp {TAP} view captures {SEED}", tmp_path) as screen:
        screen.shows("2 paths", "3 streams", "2 with errors")
        screen.press("q")
        assert screen.ends() == 0
    assert not list((tmp_path / "tmp").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["captures", "tmp"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nope.sse"], "nope.sse does not exist"),
        (["noise.sse"], "noise.sse is binary; expected an event stream"),
        (["folder"], "folder holds no stream"),
        (["-", "noise.sse"], "- stands for standard input"),
    ],
)
def test_what_cannot_be_looked_at_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "noise.sse").write_bytes(bytes(range(256)))
    (tmp_path / "folder").mkdir()
    done = CliRunner().invoke(main, ["view", *arguments])
    assert done.exit_code == 2
    assert words in done.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "words"), [("-", "standard input is a terminal"), ("- < noise.sse", "standard input is binary")]
)
def test_what_is_no_pipe_with_a_stream_is_one_clear_line(tmp_path: Path, arguments: str, words: str) -> None:
    (tmp_path / "noise.sse").write_bytes(bytes(range(256)))
    with terminal(f"{TAP} view {arguments}", tmp_path) as screen:
        assert screen.ends() == 2
        assert words in screen.written.decode()
        assert "Traceback" not in screen.written.decode()


def test_without_a_terminal_other_commands_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["view", "a.db"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "needs a terminal; `list` and `show`" in done.stderr
