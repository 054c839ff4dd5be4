"""A recording on the screen as it grows: the streams, the timeline of one, what is behind one row."""

import asyncio
import gc
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from responses_tap.escaping import printable
from responses_tap.store import Recording
from responses_tap.stream.timeline import MISSING
from responses_tap_viewer.tui.detail.detail_pane import DetailPane
from responses_tap_viewer.tui.detail.pages import FINDING_TAB, Subject, page
from responses_tap_viewer.tui.screens.activity_line import ActivityLine, RecorderStatus
from responses_tap_viewer.tui.screens.deletions import Deletions
from responses_tap_viewer.tui.screens.outside import OutsideViews
from responses_tap_viewer.tui.screens.panes import Panes
from responses_tap_viewer.tui.screens.replays import Replays
from responses_tap_viewer.tui.screens.title_bar import TitleBar
from responses_tap_viewer.tui.screens.welcome import Welcome
from responses_tap_viewer.tui.selection_messages import RowSelected, StreamSelected
from responses_tap_viewer.tui.streams.streams_pane import StreamsPane
from responses_tap_viewer.tui.summary import read_each, read_page, search_texts
from responses_tap_viewer.tui.timeline.timeline_pane import TimelinePane
from responses_tap_viewer.tui.watched_recording import Change, WatchedRecording
from responses_tap_viewer.tui.widgets.key_bar import KeyBar
from responses_tap_viewer.tui.widgets.lines import VisibleRangeChanged

_BETWEEN_REFRESHES = 0.1
"""Seconds: the screen follows a recording ten times a second at the most."""

_VISIBLE_STREAMS, _TEXTS = "visible streams", "texts"


class RecordingScreen(Screen[None]):
    """Follows a recording, and what the user selects in it; what the keys do is the main screen's."""

    def __init__(self, path: Path, name: str, recorder: RecorderStatus | None, deletions: Deletions) -> None:
        super().__init__()
        self._file, self._recording_name = path, name
        self._watched = WatchedRecording(path)
        self._recorder = recorder
        self._replays = Replays()
        self._deletions = deletions
        self._outside = OutsideViews()
        self._streams, self._timeline, self._detail = StreamsPane(), TimelinePane(), DetailPane()
        self._panes = Panes(self._streams, self._timeline, self._detail)
        self._title, self._welcome = TitleBar(id="title"), Welcome(id="welcome")
        self._status = Static(id="status", markup=False)
        self._activity = ActivityLine()
        self._subject: Subject | None = None
        self._shown: tuple[object, ...] = ()
        """What the detail pane shows."""
        self._once_read: tuple[int, Callable[[], object]] | None = None
        """A stream, and what to do as soon as it has been read."""
        self._has_begun = False
        """Whether a recording has been opened."""

    def compose(self) -> ComposeResult:
        """The title, the panes or the welcome, and the lines below."""
        yield self._title
        yield self._welcome
        yield self._panes
        yield self._status
        yield self._activity
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Begin to follow the recording."""
        for widget in (self._welcome, self._panes, self._status, self._activity):
            widget.display = False
        self._title.show(self._recording_name, self._streams.catalogue.totals())
        self._follow()

    async def on_unmount(self) -> None:
        """End what is running, and close the recording once nothing reads it."""
        self.workers.cancel_node(self)
        await self._replays.stop()
        self._outside.close()
        await self._watched.close()
        gc.unfreeze()  # leave nothing out of later collections

    # Following the recording

    @work(group="recording")
    async def _follow(self) -> None:
        while True:
            change = await self._watched.check()
            if change is Change.OPENED:
                self._streams.catalogue = self._streams.catalogue.emptied()
                self._timeline.open(None)
                self._tell_file()
                await self._begin()
            if change in (Change.OPENED, Change.WRITTEN):
                await self._read_streams()
                self._read_timeline()
            if change is Change.OPENED:
                # What has been read will stay: a collection that goes through all of it is felt as a key that hangs.
                gc.freeze()
            if change is not Change.NOTHING:
                self._show_state()
            elif self._streams.lacks_visible and not self._is_running(_VISIBLE_STREAMS):
                self._read_visible_streams()
            if self._streams.catalogue.is_searching and not self._is_running(_TEXTS):
                self._search_texts()
            self._show_activity()
            await asyncio.sleep(_BETWEEN_REFRESHES)

    async def _begin(self) -> None:
        """Choose the stream to begin with: the first one with a finding; while one records, the newest."""
        begins = not self._has_begun and self._recorder is None
        faulty = await self._watched.read(Recording.first_faulty) if begins else None
        self._has_begun = True
        self._streams.begin_at = faulty
        self._once_read = None if faulty is None else (faulty, partial(self._go_to_finding, 1, from_end=True))

    def _show_activity(self) -> None:
        if self._welcome.display:  # a recorder may have ended since
            self._welcome.show(self._watched.path, self._watched.trouble, self._recorder)
        self._activity.show(self._replays.words, self._recorder.words if self._recorder else "")

    def _tell_file(self) -> None:
        """Say which file is shown now, or in which one the recording continues."""
        watched = self._watched
        if watched.path != self._file:
            self._file = watched.path
            self._recording_name = watched.path.name
            self.notify(printable(f"The recorder continues in {watched.path.name}"), markup=False)
        elif watched.next_file is not None:
            self.notify(printable(f"This recording continues in {watched.next_file}"), markup=False)

    async def _read_streams(self) -> None:
        streams = self._streams
        catalogue = streams.catalogue
        ids = await self._watched.read(Recording.stream_ids)
        if ids is None:
            return
        deleted = self._deletions.ids(self._watched.path)
        is_new = catalogue.set_ids([id_ for id_ in ids if id_ not in deleted])
        first = [] if streams.begin_at is None else [streams.begin_at]
        stale = sorted({*catalogue.stale(streams.lines.visible_range), *first})
        fresh = await self._watched.read(lambda recording: read_each(recording, stale)) or []
        known = [catalogue.get(summary.id) for summary in fresh]
        is_recorded = is_new or any(
            old is not None and old.state == "open" and old != new for old, new in zip(known, fresh, strict=True)
        )
        catalogue.put(fresh)
        if not is_recorded:
            catalogue.reread()  # something else was written: a recheck, or streams were marked
        shown = 0.0
        while (before := catalogue.before_unread()) is not None:
            more = await self._watched.read(partial(read_page, before_id=before))
            catalogue.passed(before, more or [])
            if time.monotonic() - shown > _BETWEEN_REFRESHES:
                self._show_state()
                shown = time.monotonic()

    def _show_state(self) -> None:
        streams, trouble = self._streams, self._watched.trouble
        totals = streams.catalogue.totals()
        is_empty = not totals.streams
        streams.renew()
        self._read_visible_streams()
        self._clear_unless_selected()
        self._title.show(self._recording_name, totals)
        if is_empty:
            self._welcome.show(self._watched.path, trouble, self._recorder)
        elif not self._panes.display:
            self._panes.go(self._panes.current)
        self._welcome.display, self._panes.display = is_empty, not is_empty
        self._status.update(f" {MISSING} {printable(trouble)}")
        self._status.display = bool(trouble) and not is_empty

    def _clear_unless_selected(self) -> None:
        if self._streams.selected is None and self._timeline.follower is not None:
            self._timeline.open(None)

    def on_visible_range_changed(self, message: VisibleRangeChanged) -> None:
        """Other streams or rows are visible."""
        if message.lines is self._streams.lines:
            self._read_visible_streams()
        elif message.lines is self._timeline.lines:
            self._read_visible_rows()

    def _is_running(self, group: str) -> bool:
        return any(worker.group == group and not worker.is_finished for worker in self.workers)

    @work(exclusive=True, group=_TEXTS)
    async def _search_texts(self) -> None:
        """Look into streams for the filter's text, a moment at a time: each key is heard in between."""
        catalogue = self._streams.catalogue
        wanted, waiting = catalogue.wanted, catalogue.unsearched()
        searched: dict[int, bool] = {}
        shown = time.monotonic()
        while waiting and catalogue.wanted is wanted:
            more = await self._watched.read(partial(search_texts, ids=waiting, wanted=wanted))
            if more is None:
                return
            searched |= more
            del waiting[: len(more)]
            if not waiting or time.monotonic() - shown > _BETWEEN_REFRESHES:
                catalogue.take_searched(searched, wanted)
                self._show_state()
                shown = time.monotonic()

    @work(exclusive=True, group=_VISIBLE_STREAMS)
    async def _read_visible_streams(self) -> None:
        await self._streams.read_visible(self._watched)

    @work(exclusive=True, group="visible rows")
    async def _read_visible_rows(self) -> None:
        await self._timeline.read_visible(self._watched)

    def on_stream_selected(self, message: StreamSelected) -> None:
        """Another stream is under the cursor, or the same one has changed."""
        follower = self._timeline.follower
        if follower is not None and follower.stream_id == message.stream.id:
            self._timeline.renew(message.stream)
        else:
            if message.by_filter:
                self._once_read = message.stream.id, self._jump_to_first_finding
            elif self._once_read is not None and self._once_read[0] != message.stream.id:
                self._once_read = None  # the user has gone elsewhere meanwhile
            self._timeline.open(message.stream)
            self._read_timeline()

    @work(exclusive=True, group="timeline")
    async def _read_timeline(self) -> None:
        timeline = self._timeline
        shown = 0.0
        more = timeline.follower is not None
        while more:
            more = await timeline.advance(self._watched)
            if not more or time.monotonic() - shown > _BETWEEN_REFRESHES:
                timeline.renew()
                self._read_visible_rows()
                shown = time.monotonic()
        if self._once_read is not None and timeline.follower is not None:
            stream_id, act = self._once_read
            if stream_id == timeline.follower.stream_id:
                self._once_read = None
                act()

    def on_row_selected(self, message: RowSelected) -> None:
        """Another row is under the timeline's cursor, or the same one has grown."""
        follower = self._timeline.follower
        self._subject = None if follower is None else Subject(follower.stream_id, message.row, message.event)
        self._read_detail()

    @work(exclusive=True, group="detail")
    async def _read_detail(self) -> None:
        subject, tab, shows_headers = self._subject, self._detail.tab, self._detail.shows_headers
        read = partial(page, subject=subject, tab=tab, shows_headers=shows_headers) if subject else None
        lines = await self._watched.read(read) if read else []
        if lines is not None:
            shown = (tab, *subject.names(tab)) if subject else ()
            self._detail.show(lines, is_same=shown == self._shown)
            self._shown = shown

    # From finding to finding

    def _go_to_finding(self, step: int, *, from_end: bool = False) -> bool:
        """Go to the next finding of this stream, with its page; whether there is one."""
        if (line := self._timeline.find_finding(step, from_end=from_end)) is None:
            return False
        self._timeline.lines.jump_to(line)
        self._panes.go(self._timeline)
        self._turn_to(FINDING_TAB)
        return True

    def _jump_to_first_finding(self) -> None:
        """Show the stream's first finding, while the user stays in the list or writes the filter."""
        if (line := self._timeline.find_finding(1, from_end=True)) is not None:
            self._timeline.lines.jump_to(line)

    def _turn_to(self, tab: str) -> None:
        self._detail.turn_to(tab)
        self._read_detail()
