"""The main screen: the streams, the timeline of one, what is behind one row."""

import asyncio
import gc
import time
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Static

from responses_tap.escaping import printable
from responses_tap.store import Recording
from responses_tap.stream.timeline import MISSING
from responses_tap_viewer.tui.detail.detail_pane import DetailPane
from responses_tap_viewer.tui.detail.pages import FINDING_TAB, Subject, page
from responses_tap_viewer.tui.screens.activity_line import ActivityLine, RecorderStatus
from responses_tap_viewer.tui.screens.deletions import Deletions
from responses_tap_viewer.tui.screens.keys import MAIN_KEYS
from responses_tap_viewer.tui.screens.log import LogScreen
from responses_tap_viewer.tui.screens.outside import OutsideViews
from responses_tap_viewer.tui.screens.panes import Panes
from responses_tap_viewer.tui.screens.replays import Replays
from responses_tap_viewer.tui.screens.rules_screen import RulesScreen
from responses_tap_viewer.tui.screens.stream_actions import (
    browse,
    compare,
    copy,
    copy_report,
    export,
    failures_shown,
    replay,
    write_mark,
    write_note,
)
from responses_tap_viewer.tui.screens.title_bar import TitleBar
from responses_tap_viewer.tui.screens.welcome import Welcome
from responses_tap_viewer.tui.selection_messages import NoteWritten, RowSelected, StreamSelected
from responses_tap_viewer.tui.streams.catalogue import Grouping
from responses_tap_viewer.tui.streams.filter_line import FilterLine
from responses_tap_viewer.tui.streams.streams_pane import StreamsPane
from responses_tap_viewer.tui.summary import read_each, read_page, search_texts
from responses_tap_viewer.tui.timeline.timeline_pane import TimelinePane
from responses_tap_viewer.tui.watched_recording import Change, WatchedRecording
from responses_tap_viewer.tui.widgets.key_bar import KeyBar
from responses_tap_viewer.tui.widgets.lines import Chosen, VisibleRangeChanged
from responses_tap_viewer.tui.widgets.searchable_pane import SearchablePane

_BETWEEN_REFRESHES = 0.1
"""Seconds: the screen follows a recording ten times a second at the most."""

_VISIBLE_STREAMS, _TEXTS = "visible streams", "texts"

DEMO = "demo"
"""What the application returns when the user asked for the demo."""


class MainScreen(Screen[None]):
    """Streams, timeline and detail; as many of them at a time as the terminal is wide for."""

    BINDINGS: ClassVar[list[BindingType]] = MAIN_KEYS

    def __init__(
        self, path: Path, name: str, recorder: RecorderStatus | None, deletions: Deletions, unkept: str
    ) -> None:
        super().__init__()
        self._file, self._recording_name = path, name
        self._watched = WatchedRecording(path)
        self._recorder = recorder
        self._replays = Replays()
        self._deletions = deletions
        self._unkept = unkept
        """Why notes, marks and deletions would not last, empty where they do."""
        self._outside = OutsideViews()
        self._streams, self._timeline, self._detail = StreamsPane(), TimelinePane(), DetailPane()
        self._panes = Panes(self._streams, self._timeline, self._detail)
        self._title, self._welcome = TitleBar(id="title"), Welcome(id="welcome")
        self._status = Static(id="status", markup=False)
        self._activity = ActivityLine()
        self._subject: Subject | None = None
        self._shown: tuple[object, ...] = ()
        """What the detail pane shows."""
        self._find_in: tuple[int, int] | None = None
        """The stream in which to look for a finding as soon as it has been read, and which way; 0: from the list."""
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
        self._find_in = None if faulty is None else (faulty, 1)

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
                self._find_in = message.stream.id, 0
            elif self._find_in is not None and self._find_in[0] != message.stream.id:
                self._find_in = None  # the user has gone elsewhere meanwhile
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
        if self._find_in is not None and timeline.follower is not None:
            stream_id, step = self._find_in
            if stream_id == timeline.follower.stream_id:
                self._find_in = None
                if step:
                    self._find(step, from_end=True)
                elif (line := timeline.find_finding(1, from_end=True)) is not None:
                    timeline.lines.jump_to(line)  # the user is still in the list, or writes the filter

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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action can be done: the demo is for an empty recording, the log is a recorder's."""
        if action == "demo":
            return self._welcome.display and self._recorder is None  # which it would end, and its command
        return action != "log" or self._recorder is not None

    # The panes

    def on_resize(self) -> None:
        """Show as many panes as there is room for."""
        self._panes.fit()

    def action_turn_pane(self, step: int) -> None:
        """To the next pane."""
        self._panes.turn(step)

    def action_back(self) -> None:
        """To the pane before; in the streams, clear the filter first."""
        if self._panes.current is not self._streams or not self._streams.clear_filter():
            self._panes.back()

    def action_zoom(self) -> None:
        """Show the current pane alone, or all that there is room for."""
        self._panes.turn_zoom()

    def action_filter(self) -> None:
        """Choose among the streams, or search the pane that the user is in."""
        if not self._panes.display:
            return
        pane = self._panes.current
        if isinstance(pane, SearchablePane):
            pane.ask_search()
        else:
            self._streams.ask_filter()

    def action_go_to(self) -> None:
        """Ask for an event, and go there."""
        if self._panes.display:
            self._panes.enter(self._timeline)
            self._timeline.ask_where()

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        """List the streams that the filter lets pass."""
        self._streams.choose(message.wanted)
        self._clear_unless_selected()

    def on_filter_line_closed(self) -> None:
        """Back to the list."""
        self._panes.go(self._streams)

    def on_chosen(self, message: Chosen) -> None:
        """Open a group, a stream's timeline, or the detail of a row."""
        in_streams = self._panes.current is self._streams
        if not in_streams or not self._streams.turn_group_fold():
            self._panes.go(self._timeline if in_streams else self._detail)

    # What the keys do

    def action_demo(self) -> None:
        """Leave, for the demo."""
        self.app.exit(DEMO)

    def action_find(self, step: int) -> None:
        """To the next finding, in this stream or in one further on, round the end."""
        self._find(step)

    def _find(self, step: int, *, from_end: bool = False) -> None:
        streams, timeline = self._streams, self._timeline
        if timeline.follower is None:
            return
        if (line := timeline.find_finding(step, from_end=from_end)) is not None:
            self._show_finding(line)
            return
        if from_end:
            return  # the recording counts a finding that it doesn't have
        cursor = streams.lines.cursor
        index = streams.catalogue.next_faulty(cursor, step)
        is_elsewhere = index is not None and streams.catalogue.id_at(index) != timeline.follower.stream_id
        is_round = index is None or (index - cursor) * step < 0 or not is_elsewhere
        if index is not None and is_elsewhere:
            self._find_in = (streams.catalogue.id_at(index), step)
            streams.go_to(index)
        elif (line := timeline.find_finding(step, from_end=True)) is not None:
            self._show_finding(line)
        else:
            self.notify("No errors or warnings in these streams")
            return
        if is_round:
            self.notify("Wrapped to the first finding" if step > 0 else "Wrapped to the last finding")

    def _show_finding(self, line: int) -> None:
        """Go to a finding, with its page."""
        self._timeline.lines.jump_to(line)
        self._panes.go(self._timeline)
        self._turn_to(FINDING_TAB)

    def action_sort(self) -> None:
        """Sort the streams by the next column."""
        self._streams.sort_by_next()

    def action_reverse(self) -> None:
        """Turn the order of the streams round."""
        self._streams.reverse()

    def action_group(self, grouping: str) -> None:
        """Put the streams together that have this in common, or list them all."""
        self._streams.turn_groups(Grouping(grouping))

    def action_turn_fold(self) -> None:
        """Unfold the runs of deltas, or fold them."""
        self._timeline.turn_fold()
        self._read_timeline()

    def action_turn_times(self) -> None:
        """Count the times from something else."""
        self._timeline.turn_times()

    def action_turn_chunks(self) -> None:
        """Show where one chunk ends and another begins, or no longer."""
        self._timeline.turn_chunks()

    def action_turn_headers(self) -> None:
        """Expand the headers of request and response, or collapse them."""
        self._detail.shows_headers = not self._detail.shows_headers
        self._read_detail()

    def action_turn_to(self, tab: str) -> None:
        """Show another page behind the row; where it is out of sight, go there."""
        self._turn_to(tab)
        if not self._detail.display:
            self._panes.go(self._detail)

    def _turn_to(self, tab: str) -> None:
        self._detail.turn_to(tab)
        self._read_detail()

    # What can be done with a stream

    @work(group="write")
    async def action_mark(self) -> None:
        """Mark the stream under the cursor, or remove its mark; an unkept one is for comparing alone."""
        if (stream := self._streams.selected) is None:
            return
        is_marked = self._streams.turn_mark(stream)
        if not self._unkept:
            await write_mark(self, self._watched.path, stream.id, is_marked=is_marked)
        elif is_marked:
            self.notify(printable(f"Marked until the screen closes; = compares with it. {self._unkept}"), markup=False)

    def action_note(self) -> None:
        """Let the user write a note on the stream under the cursor."""
        if self._unkept:
            self.notify(printable(self._unkept), markup=False)
        elif self._panes.display:
            self._panes.enter(self._streams)
            self._streams.ask_note()

    @work(group="write")
    async def on_note_written(self, message: NoteWritten) -> None:
        """Save the note."""
        with failures_shown(self):
            await write_note(self, self._watched.path, message.stream_id, message.note)

    @work(group="write")
    async def action_delete(self) -> None:
        """Hide the stream under the cursor until the screen closes, and remove it then."""
        if self._unkept:
            self.notify(printable(self._unkept), markup=False)
        elif (stream := self._streams.selected) is not None:
            with failures_shown(self):
                await asyncio.to_thread(self._deletions.add, self._watched.path, stream.id)
                self._watched.recheck()
                self.notify(f"Stream {stream.id} will be deleted when the screen closes. Press u to undo.")

    def action_undo(self) -> None:
        """Restore the stream that was deleted last."""
        restored = self._deletions.undo()
        self._watched.recheck()
        self.notify("There is nothing to undo" if restored is None else f"Stream {restored} restored")

    @work(exclusive=True, group="act")
    async def action_compare(self) -> None:
        """Compare the stream under the cursor with the marked one."""
        with failures_shown(self):
            await compare(self, self._watched, self._streams.marked, self._streams.selected)

    @work
    async def action_export(self) -> None:
        """Write the stream under the cursor to a file."""
        with failures_shown(self):
            await export(self, self._watched, self._streams.selected)

    def action_copy_page(self) -> None:
        """Copy what the detail pane shows."""
        copy(self, self._detail.text, f"the {self._detail.tab} page")

    @work(exclusive=True, group="act")
    async def action_copy_report(self) -> None:
        """Copy the bug report of the stream under the cursor."""
        with failures_shown(self):
            await copy_report(self, self._watched, self._streams.selected)

    def action_page(self) -> None:
        """Open what the detail pane shows in $PAGER."""
        with failures_shown(self):
            self._outside.page(self.app, self._detail.text)

    @work(exclusive=True, group="act")
    async def action_browse(self) -> None:
        """Open the report of the stream under the cursor in the web browser."""
        with failures_shown(self):
            await browse(self, self._watched, self._streams.selected, self._outside)

    def action_log(self) -> None:
        """Show what the recorder and its command have printed."""
        if self._recorder is not None:
            self.app.push_screen(LogScreen(self._recorder.log))

    def action_rules(self) -> None:
        """Show the rules, first the one of the finding under the cursor."""
        row = None if self._subject is None else self._subject.row
        finding = None if row is None else row.finding
        self.app.push_screen(RulesScreen("" if finding is None else finding.code))

    @work(exclusive=True, group="act")
    async def action_replay(self) -> None:
        """Serve the stream under the cursor to any client, or stop that."""
        with failures_shown(self):
            await replay(self._replays, self._watched, self._streams.selected)
        self._show_activity()
