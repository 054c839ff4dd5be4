"""The main screen: the streams, the timeline of one, what is behind one row."""

import asyncio
import gc
import time
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Static

from responses_tap.escaping import printable
from responses_tap.store import Recording
from responses_tap.stream.timeline import MISSING
from responses_tap_viewer.tui.messages import RowSelected, StreamSelected
from responses_tap_viewer.tui.pages import TABS, Subject, page
from responses_tap_viewer.tui.screens.acts import Acts, Recorder
from responses_tap_viewer.tui.source import Change
from responses_tap_viewer.tui.summary import read_each, read_page
from responses_tap_viewer.tui.widgets.filter_line import FilterLine
from responses_tap_viewer.tui.widgets.key_bar import KeyBar
from responses_tap_viewer.tui.widgets.lines import Chosen, SightChanged
from responses_tap_viewer.tui.widgets.pane import Pane
from responses_tap_viewer.tui.widgets.timeline_pane import TimelinePane
from responses_tap_viewer.tui.widgets.title_bar import TitleBar
from responses_tap_viewer.tui.widgets.welcome import Welcome

_BETWEEN_REFRESHES = 0.1
"""Seconds: the screen follows a recording ten times a second at the most."""
_THREE_PANES, _TWO_PANES = 140, 90
"""Columns from which on there are so many panes."""

DEMO = "demo"
"""What the application returns when the person asked for the demo."""
_TABS_TOLD = f"Detail: {', '.join(TABS)}"


class Browser(Acts):
    """Streams, timeline and detail; as many of them at a time as the terminal is wide for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "turn_pane(1)", "Next pane", show=False),
        Binding("shift+tab", "turn_pane(-1)", "Previous pane", show=False),
        Binding("escape", "back", "Back to the pane before", show=False),
        Binding("n", "find(1)", "Finding", tooltip="Next finding, on into later streams"),
        Binding("slash", "filter", "Filter", key_display="/", tooltip="Filter the streams"),
        Binding("N", "find(-1)", "Finding before", show=False, tooltip="Previous finding, back into earlier streams"),
        Binding("s", "sort", "Sort", show=False, tooltip="Sort the streams by the next column, as a click on it does"),
        Binding("S", "reverse", "Reverse", show=False, tooltip="Turn the order of the streams round"),
        Binding("b", "group", "Shapes", tooltip="Put streams with the same sequence of events together"),
        Binding("d", "turn_fold", "Unfold", tooltip="Unfold the runs of deltas, or fold them"),
        Binding("c", "turn_chunks", "Chunks", show=False, tooltip="Show in which chunks the events came"),
        Binding("t", "turn_times", "Times", tooltip="Times: since the start, the row before, clock"),
        *(
            Binding(str(i), f"turn_to('{tab}')", f"Detail: {tab}", show=False, tooltip=_TABS_TOLD)
            for i, tab in enumerate(TABS, 1)
        ),
        Binding("m", "mark", "Mark", tooltip="Mark the stream, to compare others with it"),
        Binding("equals_sign", "compare", "Compare", key_display="=", tooltip="Compare with the marked stream"),
        Binding("x", "export", "Export", tooltip="Write the stream to a file"),
        Binding("y", "copy_page", "Copy", tooltip="Copy what the detail pane shows"),
        Binding("Y", "copy_report", "Copy report", show=False, tooltip="Copy the stream's bug report, as Markdown"),
        Binding("L", "log", "Output", tooltip="What the recorder and its command have printed"),
        Binding("D", "demo", "Demo", show=False, tooltip="Play the demo, while there is no stream to look at"),
        Binding("z", "replay", "Replay", tooltip="Serve the stream to any client, or stop that"),
    ]

    def __init__(self, path: Path, name: str, recorder: Recorder | None) -> None:
        super().__init__(path, recorder)
        self._file, self._recording_name = path, name
        self._timeline = TimelinePane()
        self._panes: tuple[Pane, ...] = (self._streams, self._timeline, self._detail)
        self._pane: Pane = self._streams
        """The one that the person is in."""
        self._below = Container(self._timeline, self._detail, id="below")
        self._lists = Container(self._streams, self._below, id="panes")
        self._title, self._welcome = TitleBar(id="title"), Welcome(id="welcome")
        self._status = Static(id="status", markup=False)
        self._subject: Subject | None = None
        self._shown: tuple[object, ...] = ()
        """What the detail pane shows."""
        self._find_in: tuple[int, int] | None = None
        """The stream in which to look for a finding as soon as it has been read, and which way."""

    def compose(self) -> ComposeResult:
        """All panes; `_arrange` chooses among them."""
        yield self._title
        yield self._welcome
        yield self._lists
        yield self._status
        yield self._activity
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Begin to follow the recording."""
        for widget in (self._welcome, self._lists, self._status, self._activity):
            widget.display = False
        self._title.show(self._recording_name, self._streams.catalogue.totals())
        self._follow()

    async def on_unmount(self) -> None:
        """Leave nothing out of later collections; Textual also calls what Acts does here."""
        gc.unfreeze()

    # Following the recording

    @work(group="recording")
    async def _follow(self) -> None:
        while True:
            change = await self._source.check()
            if change is Change.OPENED:
                self._streams.catalogue = self._streams.catalogue.anew()
                self._timeline.open(None)
                self._tell_file()
            if change in (Change.OPENED, Change.WRITTEN):
                await self._read_streams()
                self._read_timeline()
            if change is Change.OPENED:
                # What has been read will stay: a collection that goes through all of it is felt as a key that hangs.
                gc.freeze()
            if change is not Change.NOTHING:
                self._show_state()
            self._show_activity()
            await asyncio.sleep(_BETWEEN_REFRESHES)

    def _tell_file(self) -> None:
        """Say which file it is now, and where the recording goes on if not in it."""
        source = self._source
        if source.path != self._file:
            self._file = source.path
            self._recording_name = source.path.name
            self.notify(printable(f"The recorder goes on in {source.path.name}"), markup=False)
        elif source.next_file is not None:
            self.notify(printable(f"This recording goes on in {source.next_file}"), markup=False)

    async def _read_streams(self) -> None:
        streams = self._streams
        catalogue = streams.catalogue
        ids = await self._source.read(Recording.stream_ids)
        if ids is None:
            return
        is_new = catalogue.set_ids(ids)
        stale = catalogue.stale(streams.lines.in_sight)
        fresh = await self._source.read(lambda recording: read_each(recording, stale)) or []
        known = [catalogue.get(summary.id) for summary in fresh]
        is_recorded = is_new or any(
            old is not None and old.state == "open" and old != new for old, new in zip(known, fresh, strict=True)
        )
        catalogue.put(fresh)
        if not is_recorded:
            catalogue.reread()  # something else was written: the verdicts were made anew, or streams were marked
        shown = 0.0
        while (before := catalogue.before_unread()) is not None:
            more = await self._source.read(partial(read_page, before_id=before))
            catalogue.passed(before, more or [])
            if time.monotonic() - shown > _BETWEEN_REFRESHES:
                self._show_state()
                shown = time.monotonic()

    def _show_state(self) -> None:
        streams, trouble = self._streams, self._source.trouble
        totals = streams.catalogue.totals()
        is_empty = not totals.streams
        streams.renew()
        self._read_sight()
        self._clear_unless_selected()
        self._title.show(self._recording_name, totals)
        if is_empty:
            self._welcome.show(self._source.path, trouble)
        elif not self._lists.display:
            self._go(self._pane)
        self._welcome.display, self._lists.display = is_empty, not is_empty
        self._status.update(f" {MISSING} {printable(trouble)}")
        self._status.display = bool(trouble) and not is_empty

    def _clear_unless_selected(self) -> None:
        if self._streams.selected is None and self._timeline.follower is not None:
            self._timeline.open(None)

    def on_sight_changed(self, message: SightChanged) -> None:
        """Other streams or rows are in sight."""
        if message.lines is self._streams.lines:
            self._read_sight()
        elif message.lines is self._timeline.lines:
            self._read_timeline_sight()

    @work(exclusive=True, group="sight")
    async def _read_sight(self) -> None:
        await self._streams.read_sight(self._source)

    @work(exclusive=True, group="timeline sight")
    async def _read_timeline_sight(self) -> None:
        await self._timeline.read_sight(self._source)

    def on_stream_selected(self, message: StreamSelected) -> None:
        """Another stream is under the cursor, or the same one has changed."""
        follower = self._timeline.follower
        if follower is not None and follower.stream_id == message.stream.id:
            self._timeline.renew(message.stream)
        else:
            self._timeline.open(message.stream)
            self._read_timeline()

    @work(exclusive=True, group="timeline")
    async def _read_timeline(self) -> None:
        timeline = self._timeline
        shown = 0.0
        more = timeline.follower is not None
        while more:
            more = await timeline.advance(self._source)
            if not more or time.monotonic() - shown > _BETWEEN_REFRESHES:
                timeline.renew()
                self._read_timeline_sight()
                shown = time.monotonic()
        if self._find_in is not None and timeline.follower is not None:
            stream_id, step = self._find_in
            if stream_id == timeline.follower.stream_id:
                self._find_in = None
                self._find(step, from_end=True)

    def on_row_selected(self, message: RowSelected) -> None:
        """Another row is under the timeline's cursor, or the same one has grown."""
        follower = self._timeline.follower
        self._subject = None if follower is None else Subject(follower.stream_id, message.row, message.event)
        self._read_detail()

    @work(exclusive=True, group="detail")
    async def _read_detail(self) -> None:
        subject, tab = self._subject, self._detail.tab
        lines = await self._source.read(lambda recording: page(recording, subject, tab)) if subject else []
        if lines is not None:
            shown = (tab, *subject.names(tab)) if subject else ()
            self._detail.show(lines, is_same=shown == self._shown)
            self._shown = shown

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The demo is for those who have nothing to look at."""
        if action == "demo":
            return self._welcome.display
        return super().check_action(action, parameters)

    # The panes

    def on_resize(self) -> None:
        """Show as many panes as there is room for."""
        self._arrange()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Remember the pane that the person is in, however they got there."""
        for pane in self._panes:
            if pane in event.widget.ancestors:
                self._pane = pane
                self._arrange()

    def _arrange(self) -> None:
        width, panes = self.size.width, self._panes
        count = 3 if width >= _THREE_PANES else 2 if width >= _TWO_PANES else 1
        first = min(panes.index(self._pane), len(panes) - count)
        for pane in panes:
            pane.display = pane in panes[first : first + count]
        self._below.display = self._timeline.display or self._detail.display
        self._below.set_class(count == len(panes), "-side-by-side")

    def _go(self, pane: Pane) -> None:
        self._pane = pane
        self._arrange()
        pane.lines.focus()

    def action_turn_pane(self, step: int) -> None:
        """To the next pane."""
        self._go(self._panes[(self._panes.index(self._pane) + step) % len(self._panes)])

    def action_back(self) -> None:
        """To the pane that one came from."""
        if self._pane is not self._streams or not self._streams.clear_filter():
            self._go(self._panes[max(0, self._panes.index(self._pane) - 1)])

    def action_filter(self) -> None:
        """Choose among the streams."""
        if self._lists.display:
            self._pane = self._streams
            self._arrange()
            self._streams.ask_filter()

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        """List the streams that the filter lets pass."""
        self._streams.choose(message.wanted)
        self._clear_unless_selected()

    def on_filter_line_left(self) -> None:
        """Back to the list."""
        self._go(self._streams)

    def on_chosen(self, message: Chosen) -> None:
        """Into a group, from a stream to its timeline, from a row to what is behind it."""
        if self._pane is not self._streams or not self._streams.turn_group_fold():
            self._go(self._timeline if self._pane is self._streams else self._detail)

    # What the keys do

    def action_demo(self) -> None:
        """Leave, for the demo."""
        self.app.exit(DEMO)

    def action_find(self, step: int) -> None:
        """To the next finding, in this stream or in one further on."""
        self._find(step)

    def _find(self, step: int, *, from_end: bool = False) -> None:
        streams, timeline = self._streams, self._timeline
        if timeline.follower is None:
            return
        if (line := timeline.find_finding(step, from_end=from_end)) is not None:
            timeline.lines.jump_to(line)
            self._go(timeline)
        elif (index := streams.catalogue.next_faulty(streams.lines.cursor, step)) is not None:
            self._find_in = (streams.catalogue.id_at(index), step)
            streams.lines.jump_to(index)
        else:
            self.notify("No error or warning further " + ("down" if step > 0 else "up"))

    def action_sort(self) -> None:
        """Sort the streams by the next column."""
        self._streams.sort_by_next()

    def action_reverse(self) -> None:
        """Turn the order of the streams round."""
        self._streams.reverse()

    def action_group(self) -> None:
        """Put the streams of one shape together, or list them all."""
        self._streams.turn_groups()

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

    def action_turn_to(self, tab: str) -> None:
        """Show another page behind the row; where it is out of sight, go there."""
        self._detail.turn_to(tab)
        self._read_detail()
        if not self._detail.display:
            self._go(self._detail)
