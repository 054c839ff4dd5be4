"""The timeline of one stream."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from responses_tap.escaping import shorten
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules import advice
from responses_tap.stream.timeline import TimelineRow, label
from responses_tap_viewer.tui.selection_messages import RowSelected
from responses_tap_viewer.tui.summary import Summary
from responses_tap_viewer.tui.timeline.destination import NowhereError, destination
from responses_tap_viewer.tui.timeline.follower import Follower, lacks_frames
from responses_tap_viewer.tui.timeline.row_lines import RowLines, Times
from responses_tap_viewer.tui.timeline.time_axis import axis_line
from responses_tap_viewer.tui.watched_recording import WatchedRecording
from responses_tap_viewer.tui.widgets.lines import CursorMoved, Lines, LineSource
from responses_tap_viewer.tui.widgets.prompt_line import PromptLine
from responses_tap_viewer.tui.widgets.searchable_pane import SearchablePane

type RowKey = int | tuple[object, ...]
"""What identifies a row when the rows are rebuilt: an event's number, or what names a finding."""

_AXIS_STYLES = {"dim": "$text-muted", "label": "$text-primary bold", "key": "$text-primary"}


class TimelinePane(SearchablePane):
    """The rows of the selected stream."""

    def __init__(self) -> None:
        super().__init__(Lines(id="timeline"), id="timeline-pane")
        self._axis = Static(id="axis", markup=False)
        self._go_to = PromptLine(
            id="go-to", placeholder="event number, or time: 12, 1.5, 350ms, 10:00:02", hint="Enter go · Esc close"
        )
        self._shows_chunks = False
        self.follower: Follower | None = None
        self._stream: Summary | None = None
        self._times = Times.START
        self._key: RowKey | None = None
        """The key of the row under the cursor."""
        self._told: tuple[object, ...] = ()
        """What the last RowSelected was about: while a long stream is read, there is no need to repeat it."""
        self._is_read = False
        """Whether the stream has been read to its end once, and what comes now is new."""

    def compose(self) -> ComposeResult:
        """The axis of time, the list, and lines for a search and for where to go."""
        yield self._axis
        yield self.lines
        yield self.search
        yield self._go_to

    @property
    def rows(self) -> list[TimelineRow]:
        """The rows that are shown."""
        source = self.lines.source
        return source.rows if isinstance(source, RowLines) else []

    def open(self, stream: Summary | None) -> None:
        """Begin with another stream, at its first row; None for none at all."""
        self._stream = stream
        full = self.follower is not None and self.follower.full
        self.follower = Follower(stream.id, full=full) if stream is not None else None
        self._key = None
        self._is_read = False
        self.lines.open(self._row_lines([]))
        self._select()

    def turn_fold(self) -> None:
        """Unfold the runs, or fold them again; the cursor stays on its row, or goes to the run that it is in."""
        if self.follower is not None:
            self.follower = Follower(self.follower.stream_id, full=not self.follower.full)
            self._entitle()

    def turn_times(self) -> None:
        """Count the times from something else."""
        self._times = self._times.next
        self._redraw()
        self._entitle()

    def turn_chunks(self) -> None:
        """Show where one chunk ends and another begins, or no longer."""
        self._shows_chunks = not self._shows_chunks
        self._redraw()
        self._entitle()

    def _redraw(self) -> None:
        self.lines.renew(self._row_lines(self.rows), self.lines.cursor)

    def on_size_changed(self) -> None:
        """Draw the axis and wrap the findings for the new width."""
        self._draw_axis()
        self._redraw()
        self.lines.move_to(self.lines.cursor)

    async def advance(self, watched: WatchedRecording) -> bool:
        """Read on for a moment, in the thread of `watched`; whether there is still more to read."""
        follower = self.follower
        return follower is not None and bool(await watched.read(follower.advance))

    async def read_visible(self, watched: WatchedRecording) -> None:
        """Read the frames of the visible rows and of the one under the cursor, as far as a row lacks them."""
        follower, lines = self.follower, self.lines
        rows = [row for line in (lines.cursor, *lines.visible_range) for row in self.rows[line : line + 1]]
        more = any(map(lacks_frames, rows))
        while follower is not None and more:
            more = bool(await watched.read(lambda recording: follower.read_frames(recording, rows)))
        lines.refresh()  # also for what was read for a call before this one, which may have been cancelled
        self._select()

    def renew(self, stream: Summary | None = None) -> None:
        """Show what has been read. The cursor stays on its row, and follows new ones only from the last."""
        if stream is not None:
            self._stream = stream
        follower, lines = self.follower, self.lines
        if follower is None or not self._is_reached(follower):
            return
        rows = follower.rows
        follows = lines.at_end and lines.has_focus and self._is_open and bool(self.rows)
        lines.renew(self._row_lines(rows), self._find(rows))
        if follows:
            lines.move_to(len(rows) - 1)
        if not self._is_read:
            self.see_all()
            self._is_read = follower.caught_up
        self._select()

    def find_finding(self, step: int, *, from_end: bool = False) -> int | None:
        """The line of the next finding below (1) or above (-1) the cursor.

        Counted from the stream's end it is an error or a warning, where there is one.
        """
        rows = self.rows
        found = [line for line, row in enumerate(rows) if row.kind == "finding"][::step]
        if not from_end:
            return next((line for line in found if (line - self.lines.cursor) * step > 0), None)
        return next(filter(lambda line: _is_serious(rows[line]), found), next(iter(found), None))

    def places(self, source: LineSource, text: str) -> Sequence[int]:
        """The rows that have a text."""
        rows = source.rows if isinstance(source, RowLines) else []
        return [line for line, row in enumerate(rows) if text in _words(row).lower()]

    def ask_where(self) -> None:
        """Let the user write which event to go to."""
        self._go_to.open()

    def on_prompt_line_written(self, message: PromptLine.Written) -> None:
        """Go to the event that is written; what is written to be searched is SearchablePane's, which hears it, too."""
        if message.line is not self._go_to:
            return
        message.stop()
        row = _event_of(self.rows, self.lines.cursor)
        started_at = self._stream.started_at if self._stream is not None else ""
        try:
            line = destination(self.rows, message.text, started_at, 0 if row is None else row.response)
        except NowhereError as error:
            self._go_to.tell(str(error) if message.text else "")
            return
        self._go_to.tell("")
        if message.step:
            self.lines.jump_to(line)
            self._go_to.action_close()

    def on_cursor_moved(self, message: CursorMoved) -> None:
        """Another row is under the cursor."""
        message.stop()
        self._select()

    @property
    def _is_open(self) -> bool:
        return self._stream is not None and self._stream.state == "open"

    def _is_reached(self, follower: Follower) -> bool:
        """Whether the row under the cursor has been read again; until then the old rows are left standing."""
        rows, key = follower.rows, self._key
        if follower.caught_up or key is None or self._is_at_cursor(rows):
            return True
        last = _event_of(rows, len(rows) - 1)
        return isinstance(key, int) and last is not None and last.n is not None and last.n >= key

    def _is_at_cursor(self, rows: list[TimelineRow]) -> bool:
        cursor = self.lines.cursor
        return cursor < len(rows) and _key(rows[cursor]) == self._key

    def _find(self, rows: list[TimelineRow]) -> int:
        """Where the row under the cursor is now: the same finding, the same event or the run that it is in."""
        if self._key is None or self._is_at_cursor(rows):
            return self.lines.cursor if self._key is not None else 0
        key = self._key
        if isinstance(key, int):
            return max((line for line, row in enumerate(rows) if row.n is not None and row.n <= key), default=0)
        same = (line for line, row in enumerate(rows) if _key(row) == key)
        return next(same, max(0, min(self.lines.cursor, len(rows) - 1)))

    def _select(self) -> None:
        rows, cursor = self.rows, self.lines.cursor
        self._entitle()
        self._draw_axis()
        row = rows[cursor] if cursor < len(rows) else None
        self._key = None if row is None else _key(row)
        told = (self._stream, self._key, row and (row.kind, row.count, row.subject, lacks_frames(row)))
        if told != self._told:
            self._told = told
            self.post_message(RowSelected(row, _event_of(rows, cursor)))

    def _draw_axis(self) -> None:
        row = _event_of(self.rows, self.lines.cursor)
        at = (None, None) if row is None else (row.at_ns, row.until_ns)
        axis = [] if self.follower is None else axis_line(self.follower.arrivals, self.lines.text_width, *at)
        self._axis.display = bool(axis)
        self._axis.update(Content.assemble(*((text, _AXIS_STYLES.get(role, "")) for text, role in axis)))

    def _entitle(self) -> None:
        if self._stream is None:
            self.entitle("Timeline")
            return
        new = self.count_new()
        follower = self.follower
        self.entitle(
            f"Stream {self._stream.id}",
            self._stream.state,
            shorten(self._stream.note or ""),
            self._times.value,
            "chunks" if self._shows_chunks else "",
            "unfolded" if follower is not None and follower.full else "",
            f"▼ {new} new" if new else "",
            "" if follower is None or follower.caught_up else "reading …",
        )

    def _row_lines(self, rows: list[TimelineRow]) -> RowLines:
        started_at = self._stream.started_at if self._stream is not None else ""
        return RowLines(rows, self._times, started_at, width=self.lines.text_width, chunks=self._shows_chunks)


def _is_serious(row: TimelineRow) -> bool:
    return row.finding is not None and row.finding.severity is not Severity.NOTE


def _words(row: TimelineRow) -> str:
    """What a row shows, as one text."""
    finding = row.finding
    if finding is None or row.kind != "finding":
        return label(row)
    return f"{finding.code} {finding.name} {row.subject} {advice(finding.code, finding.severity, finding)}"


def _key(row: TimelineRow) -> RowKey:
    if row.n is not None:
        return row.n
    scope = row.finding.scope.items() if row.finding is not None else ()
    return row.kind, row.type, row.response, row.position, *scope


def _event_of(rows: list[TimelineRow], line: int) -> TimelineRow | None:
    """The event that a row shows or a finding is about: findings stand below theirs, missing events above."""
    step = 1 if 0 <= line < len(rows) and rows[line].kind == "missing" else -1
    while 0 <= line < len(rows) and rows[line].n is None:
        line += step
    return rows[line] if 0 <= line < len(rows) else None
