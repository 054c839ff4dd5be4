"""What can be done with the stream under the cursor: annotate, compare, export, copy, open or replay it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from textual.screen import Screen

from responses_tap.errors import UnusableInput
from responses_tap.escaping import printable
from responses_tap.privacy.redaction import Redaction
from responses_tap.store import Recording, RecordingError
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.actions.annotating import annotate
from responses_tap_viewer.actions.exporting import depart
from responses_tap_viewer.reports.export_formats import FORMATS
from responses_tap_viewer.streams import recorded_stream
from responses_tap_viewer.tui.compare.compare_screen import CompareScreen
from responses_tap_viewer.tui.compare.comparison import Compared
from responses_tap_viewer.tui.screens.export_dialog import ExportScreen
from responses_tap_viewer.tui.screens.outside import OutsideViews
from responses_tap_viewer.tui.screens.replays import Replays
from responses_tap_viewer.tui.summary import Summary
from responses_tap_viewer.tui.watched_recording import WatchedRecording

_REPORT, _PAGE = FORMATS["md"], FORMATS["html"]
_MARK = "marked"
"""What the recording has in `mark`."""


@contextmanager
def failures_shown(screen: Screen[Any]) -> Iterator[None]:
    """Show what cannot be done as a notification instead of raising it."""
    try:
        yield
    except (UnusableInput, RecordingError) as error:
        screen.notify(printable(str(error)), severity="error", markup=False)


async def write_mark(screen: Screen[Any], path: Path, stream_id: int, *, is_marked: bool) -> None:
    """Save a mark in the recording, or remove it; while another process writes that, it lasts as long as the screen."""
    try:
        await asyncio.to_thread(annotate, path, stream_id, mark=_MARK if is_marked else None)
    except RecordingError as error:
        screen.notify(printable(f"The mark was not saved: {error}"), markup=False)


async def write_note(screen: Screen[Any], path: Path, stream_id: int, note: str) -> None:
    """Save a note in the recording; an empty one is removed."""
    await asyncio.to_thread(annotate, path, stream_id, note=note or None)
    screen.notify(f"Note on stream {stream_id} {'saved' if note else 'removed'}")


async def browse(
    screen: Screen[Any], watched: WatchedRecording, selected: Summary | None, outside: OutsideViews
) -> None:
    """Open the report of the stream in the web browser, credentials masked."""
    if (stream := await _read(watched, selected)) is not None:
        page, _ = await asyncio.to_thread(depart, [stream], _PAGE, Redaction.WHOLE, mask_secrets=True, allow_text=True)
        file = await asyncio.to_thread(outside.browse, f"stream-{stream.id}{_PAGE.suffix}", page)
        screen.notify(printable(f"Opened {file} in the browser; it is deleted when the screen closes"), markup=False)


async def compare(screen: Screen[Any], watched: WatchedRecording, marked: int | None, selected: Summary | None) -> None:
    """Open the comparison of the selected stream with the marked one, which is the reference."""
    if marked is None or selected is None or marked == selected.id:
        screen.notify("Mark the reference stream with m, then select another one and press =")
        return
    ids = marked, selected.id
    screen.notify(f"Comparing with stream {marked} …", timeout=1)
    streams = await watched.read(lambda recording: (_whole(recording, ids[0]), _whole(recording, ids[1])))
    if streams is not None:
        screen.app.push_screen(CompareScreen(streams, await asyncio.to_thread(Compared, *streams)))


async def export(screen: Screen[Any], watched: WatchedRecording, selected: Summary | None) -> None:
    """Ask for a format and a file, and write the stream to it; in a worker, as the dialog is waited for."""
    if (stream := await _read(watched, selected)) is not None:
        written = await screen.app.push_screen_wait(ExportScreen(stream))
        if written is not None:
            screen.notify(printable(f"Saved to {written.resolve()}"), markup=False)


async def copy_report(screen: Screen[Any], watched: WatchedRecording, selected: Summary | None) -> None:
    """Copy the bug report of the stream, secrets masked."""
    if (stream := await _read(watched, selected)) is not None:
        report, words = await asyncio.to_thread(
            depart, [stream], _REPORT, Redaction.WHOLE, mask_secrets=True, allow_text=False
        )
        copy(screen, report.decode(errors="replace"), f"the bug report of stream {stream.id}", f"; {words}")


def copy(screen: Screen[Any], text: str, what: str, words: str = "") -> None:
    """Copy a text through the terminal, and say so."""
    if not text:
        screen.notify("There is nothing to copy")
        return
    screen.app.copy_to_clipboard(text)
    screen.notify(f"Copied {what}, {len(text)} characters{words}", markup=False)


async def replay(replays: Replays, watched: WatchedRecording, selected: Summary | None) -> None:
    """Serve the stream to any client; or stop what is being served."""
    if replays.words:
        await replays.stop()
    elif (stream := await _read(watched, selected)) is not None:
        await replays.start(stream)


async def _read(watched: WatchedRecording, selected: Summary | None) -> JudgedStream | None:
    """The selected stream with all its frames; None where there is none, or the recording cannot be read."""
    return None if selected is None else await watched.read(partial(_whole, stream_id=selected.id))


def _whole(recording: Recording, stream_id: int) -> JudgedStream:
    """A stream with all its frames; UnusableInput where it has been removed."""
    row = recording.stream(stream_id)
    if row is None:
        raise UnusableInput(f"stream {stream_id}", "has been removed from the recording")
    return recorded_stream(recording, row)
