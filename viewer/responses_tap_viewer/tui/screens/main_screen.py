"""The main screen, and what its keys do."""

import asyncio
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from responses_tap.escaping import printable
from responses_tap_viewer.tui.screens.activity_line import RecorderStatus
from responses_tap_viewer.tui.screens.deletions import Deletions
from responses_tap_viewer.tui.screens.keys import MAIN_KEYS
from responses_tap_viewer.tui.screens.log import LogScreen
from responses_tap_viewer.tui.screens.recording_screen import RecordingScreen
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
from responses_tap_viewer.tui.selection_messages import NoteWritten
from responses_tap_viewer.tui.streams.catalogue import Grouping
from responses_tap_viewer.tui.streams.filter_line import FilterLine
from responses_tap_viewer.tui.widgets.lines import Chosen
from responses_tap_viewer.tui.widgets.searchable_pane import SearchablePane

DEMO = "demo"
"""What the application returns when the user asked for the demo."""


class MainScreen(RecordingScreen):
    """Streams, timeline and detail; as many of them at a time as the terminal is wide for."""

    BINDINGS: ClassVar[list[BindingType]] = MAIN_KEYS

    def __init__(
        self, path: Path, name: str, recorder: RecorderStatus | None, deletions: Deletions, unkept: str
    ) -> None:
        super().__init__(path, name, recorder, deletions)
        self._unkept = unkept
        """Why notes, marks and deletions would not last, empty where they do."""

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
        streams, follower = self._streams, self._timeline.follower
        if follower is None or self._go_to_finding(step):
            return
        cursor = streams.lines.cursor
        index = streams.catalogue.next_faulty(cursor, step)
        is_elsewhere = index is not None and streams.catalogue.id_at(index) != follower.stream_id
        is_round = index is None or (index - cursor) * step < 0 or not is_elsewhere
        if index is not None and is_elsewhere:
            self._once_read = streams.catalogue.id_at(index), partial(self._go_to_finding, step, from_end=True)
            streams.go_to(index)
        elif not self._go_to_finding(step, from_end=True):
            self.notify("No errors or warnings in these streams")
            return
        if is_round:
            self.notify("Wrapped to the first finding" if step > 0 else "Wrapped to the last finding")

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
