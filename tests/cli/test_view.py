"""`view` as a user sees it: in a terminal of its own."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.conftest import RECORDINGS
from tests.terminal import TAP, terminal

from responses_tap_viewer.cli import main

SEED = RECORDINGS / "broken" / "llamastack-before-pr5308.sse"


def test_a_stream_through_a_pipe_is_shown_live_and_the_keyboard_works(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("delay", ["", "ESCDELAY=200"])
def test_escape_alone_and_keys_that_begin_with_it_are_distinguished(tmp_path: Path, delay: str) -> None:
    with terminal(f"{delay} {TAP} view {SEED}", tmp_path) as screen:
        screen.shows("NS201")
        screen.press("?\x1b[B")  # an arrow scrolls the help, escape closes it
        screen.shows("Keys")
        screen.written = b""
        screen.press("\x1b")
        screen.shows("seconds since")  # which the help covers in part
        screen.press("q")
        assert screen.ends() == 0


def test_a_pipe_of_another_format_is_imported(tmp_path: Path) -> None:
    for arguments in (["import", str(SEED), "--db", f"{tmp_path}/a.db"],
                      ["export", f"{tmp_path}/a.db#1", "--format", "har", "-o", f"{tmp_path}/a.har"]):  # fmt: skip
        assert CliRunner().invoke(main, arguments).exit_code == 0
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
        (["-", "noise.sse"], "- means standard input"),
    ],
)
def test_what_cannot_be_viewed_is_one_clear_line(
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
def test_a_pipe_without_a_stream_is_one_clear_line(tmp_path: Path, arguments: str, words: str) -> None:
    (tmp_path / "noise.sse").write_bytes(bytes(range(256)))
    with terminal(f"{TAP} view {arguments}", tmp_path) as screen:
        assert screen.ends() == 2
        assert words in screen.written.decode()
        assert "Traceback" not in screen.written.decode()


def test_without_a_terminal_other_commands_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["view", "a.db"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "needs a terminal; use `list` and `show` instead" in done.stderr


def test_a_file_alone_is_browsed_on_a_terminal(tmp_path: Path) -> None:
    with terminal(f"{TAP} {SEED}", tmp_path) as screen:
        screen.shows("NS201")
        screen.press("q")
        assert screen.ends() == 0
