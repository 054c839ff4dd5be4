"""What can be done with the stream under the cursor: mark, compare, export, copy, replay it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from textual import work
from textual.screen import Screen
from textual.widgets import Static

from responses_tap.escaping import printable
from responses_tap.store import Recording, RecordingError
from responses_tap_viewer.exporting.export import Departure, depart
from responses_tap_viewer.exporting.formats import FORMATS
from responses_tap_viewer.exporting.redaction import Content
from responses_tap_viewer.streams import JudgedStream, UnusableInput, recorded_stream
from responses_tap_viewer.tui.comparison import Compared
from responses_tap_viewer.tui.replays import Replays
from responses_tap_viewer.tui.screens.compare import CompareScreen
from responses_tap_viewer.tui.screens.export import ExportScreen
from responses_tap_viewer.tui.screens.log import LogScreen
from responses_tap_viewer.tui.source import Source
from responses_tap_viewer.tui.widgets.detail_pane import DetailPane
from responses_tap_viewer.tui.widgets.streams_pane import StreamsPane

_REPORT = FORMATS["md"]


class Recorder(Protocol):
    """Who writes the recording."""

    @property
    def words(self) -> str:
        """What it does now, in a line."""
        ...

    @property
    def log(self) -> Path:
        """Where its output goes."""
        ...


class Acts(Screen[None]):
    """The actions behind the keys; the screen that has the streams and the detail pane is a subclass."""

    def __init__(self, path: Path, recorder: Recorder | None) -> None:
        super().__init__()
        self._recorder = recorder
        self._source = Source(path)
        self._streams, self._detail = StreamsPane(), DetailPane()
        self._replays = Replays()
        self._active = ""
        self._activity = Static(id="activity", markup=False)

    async def on_unmount(self) -> None:
        """End what goes on, and close the recording when nobody reads it any more."""
        self.workers.cancel_node(self)
        await self._replays.stop()
        await self._source.close()

    def _show_activity(self) -> None:
        """Say in a line of its own what goes on."""
        words = [self._replays.words] + ([self._recorder.words] if self._recorder else [])
        shown = printable("   ".join(filter(None, words)))
        if shown != self._active:
            self._active = shown
            self._activity.update(f" {shown}")
            self._activity.display = bool(shown)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What cannot be done is told, and no more."""
        try:
            yield
        except (UnusableInput, RecordingError) as error:
            self.notify(printable(str(error)), severity="error", markup=False)

    def action_mark(self) -> None:
        """Mark the stream under the cursor, or take the mark from it."""
        self._streams.turn_mark()

    @work(exclusive=True, group="act")
    async def action_compare(self) -> None:
        """Compare the stream under the cursor with the marked one, which is held to be right."""
        a, b = self._streams.marked, self._streams.selected
        if a is None or b is None or a == b.id:
            self.notify("Mark the stream that is right with m, then go to another one and press =")
            return
        self.notify(f"Comparing with stream {a} …", timeout=1)
        with self._told():
            streams = await self._source.read(lambda recording: (_whole(recording, a), _whole(recording, b.id)))
            if streams is not None:
                self.app.push_screen(CompareScreen(streams, await asyncio.to_thread(Compared, *streams)))

    @work
    async def action_export(self) -> None:
        """Ask for a format and a file, and write it."""
        with self._told():
            if (stream := await self._selected()) is not None:
                written = await self.app.push_screen_wait(ExportScreen(stream))
                if written is not None:
                    self.notify(printable(f"Written to {written.resolve()}"), markup=False)

    def action_copy_page(self) -> None:
        """Copy what the detail pane shows."""
        self._copy(self._detail.text, f"the {self._detail.tab} page")

    @work(exclusive=True, group="act")
    async def action_copy_report(self) -> None:
        """Copy the bug report of the stream under the cursor, secrets masked."""
        with self._told():
            if (stream := await self._selected()) is not None:
                report, words = await asyncio.to_thread(_report, stream)
                self._copy(report.decode(errors="replace"), f"the bug report of stream {stream.id}", f"; {words}")

    def _copy(self, text: str, what: str, words: str = "") -> None:
        if not text:
            self.notify("There is nothing to copy")
            return
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied {what}, {len(text)} characters{words}", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action can be done: there is a log only where a recorder writes one."""
        return action != "log" or self._recorder is not None

    def action_log(self) -> None:
        """Show what the recorder and its command have printed."""
        if self._recorder is not None:
            self.app.push_screen(LogScreen(self._recorder.log))

    @work(exclusive=True, group="act")
    async def action_replay(self) -> None:
        """Serve the stream under the cursor to any client; or stop it, if that is being done."""
        with self._told():
            if self._replays.words:
                await self._replays.stop()
            elif (stream := await self._selected()) is not None:
                await self._replays.start(stream)
        self._show_activity()

    async def _selected(self) -> JudgedStream | None:
        """The stream under the cursor, with all its frames."""
        selected = self._streams.selected
        if selected is None:
            return None
        return await self._source.read(partial(_whole, stream_id=selected.id))


def _report(stream: JudgedStream) -> Departure:
    return depart([stream], _REPORT, Content.WHOLE, mask_secrets=True, allow_text=False)


def _whole(recording: Recording, stream_id: int) -> JudgedStream:
    """A stream with all its frames; UnusableInput where it has been removed."""
    row = recording.stream(stream_id)
    if row is None:
        raise UnusableInput(f"stream {stream_id}", "has been removed from the recording")
    return recorded_stream(recording, row)
