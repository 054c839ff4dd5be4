"""Marks, notes and deletions: what a user writes into a recording from the terminal UI."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.tui.conftest import Recorder, browsing, opened

from responses_tap.store import open_recording
from responses_tap.store.writer import Writer
from responses_tap_viewer.tui.launch import view


def kept(path: Path) -> list[tuple[int, str | None, str | None]]:
    with open_recording(path) as recording:
        return [(row.id, row.mark, row.note) for row in recording.streams()]


async def test_marks_and_notes_are_in_the_recording(four: Recorder) -> None:
    path = four.writer.path
    four.writer.close()
    async with browsing(four) as screen:
        await screen.press("m")
        await screen.until(lambda: kept(path)[3] == (4, "marked", None))
        await screen.press("e", *"cut [here]", "enter")
        await screen.shows("Note on stream 4 saved", "Stream 4 · truncated · cut [here]")
        assert kept(path)[3] == (4, "marked", "cut [here]")
        assert screen.focus == "streams"
        await screen.press("up")
        await screen.is_at(3)
        await screen.press("e", *"never mind", "escape")
        await screen.until(lambda: screen.focus == "streams")
    async with opened(path) as screen:
        await screen.shows("4◆")
        await screen.press("escape", "end")
        await screen.is_at(4)
        await screen.press("e")
        await screen.shows(" cut [here]")
        await screen.press(*["backspace"] * 10, "enter")
        await screen.shows("Note on stream 4 removed")
        await screen.press("m")
        await screen.until(lambda: kept(path) == [(id_, None, None) for id_ in (1, 2, 3, 4)])
        await screen.until(lambda: "◆" not in screen.text)


_RECORDER = """
import sys
from pathlib import Path
from responses_tap.store.writer import Writer
from responses_tap_viewer.tui.launch import view
writer = Writer(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def written_elsewhere(four: Recorder) -> Iterator[Recorder]:
    """Another process has the recording open for writing, as a recorder has."""
    four.writer.close()
    command = [sys.executable, "-c", _RECORDER, str(four.writer.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as recorder:
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == b"ready\n"
        yield four
        recorder.communicate()


async def test_what_cannot_be_saved_while_a_recorder_writes_is_reported(written_elsewhere: Recorder) -> None:
    async with browsing(written_elsewhere) as screen:
        for keys in (("m",), ("e", "x", "enter"), ("delete",)):
            screen.app.clear_notifications()
            await screen.press(*keys)
            await screen.until(lambda: any("being written" in one.message for one in screen.app._notifications))
        assert kept(written_elsewhere.writer.path)[3] == (4, None, None)
        assert len(screen.streams.catalogue) == 4


async def test_a_deleted_stream_is_hidden_and_goes_when_the_screen_closes(four: Recorder) -> None:
    path = four.writer.path
    four.writer.close()
    async with browsing(four) as screen:
        await screen.press("delete")
        await screen.is_at(3)
        await screen.press("delete")
        await screen.is_at(2)
        assert [row[0] for row in kept(path)] == [1, 2, 3, 4]
        await screen.press("u")
        await screen.until(lambda: len(screen.streams.catalogue) == 3)
        app = screen.app
    assert [row[0] for row in kept(path)] == [1, 2, 3, 4]
    (line,) = await asyncio.to_thread(lambda: list(app.deletions.carry_out()))
    assert line.startswith(f"{path}: 1 stream removed (4)")
    assert [row[0] for row in kept(path)] == [1, 2, 3]


async def test_undo_without_a_deletion_says_so(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("u")
        await screen.shows("There is nothing to undo")


def test_a_deletion_that_cannot_be_carried_out_is_reported(four: Recorder, tmp_path: Path) -> None:
    from responses_tap_viewer.tui.screens.deletions import Deletions

    deletions = Deletions()
    four.writer.close()
    deletions.add(four.writer.path, 4)
    Writer(four.writer.path).close()
    four.writer.path.rename(tmp_path / "elsewhere.db")
    (line,) = deletions.carry_out()
    assert line.startswith(f"nothing was deleted: {four.writer.path}")


async def test_where_nothing_would_be_kept_the_keys_say_so(four: Recorder) -> None:
    path = four.writer.path
    four.writer.close()
    unkept = "Files are shown as they are: import them"
    marked = f"Marked until the screen closes; = compares with it. {unkept}"
    async with opened(path, unkept=unkept) as screen:
        await screen.is_at(2)
        await screen.until(lambda: screen.focus == "timeline")
        await screen.press("escape")
        for key, words in (("e", unkept), ("delete", unkept), ("m", marked)):
            screen.app.clear_notifications()
            await screen.press(key)
            await screen.until(lambda words=words: [one.message for one in screen.app._notifications] == [words])
        assert screen.focus == "streams"
        assert len(screen.streams.catalogue) == 4
        await screen.shows("2◆")
        await screen.press("up", "equals_sign")
        await screen.until(lambda: len(screen.app.screen_stack) > 1)
    assert kept(path) == [(id_, None, None) for id_ in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["recordings"], "Files are shown as they are: notes, marks and deletions need a recording (responses-tap im"),
        (["a.sse", "b.sse"], "Files are shown as they are"),
        (["-"], "What comes through a pipe is not kept"),
        (["gateway.db"], "The files of several processes are shown as one"),
    ],
)
def test_what_is_not_kept_depends_on_what_is_viewed(
    paths: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    for name in ("_fill", "require_here"):
        monkeypatch.setattr(f"responses_tap_viewer.tui.launch.{name}", lambda *_: None)
    monkeypatch.setattr("responses_tap_viewer.tui.launch.recording_files", lambda _: [Path("1"), Path("2")])
    monkeypatch.setattr(
        "responses_tap_viewer.tui.launch.browse", lambda _, *, title, unkept: shown.append(f"{title} {unkept}")
    )
    view(paths)
    assert words in shown[0]
