"""The list of streams."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from textual.app import ComposeResult
from textual.widgets import Static

from responses_tap.filters import Filter
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules import RULES
from responses_tap.timeline import CUT, GLYPHS, OK, shorten
from responses_tap_viewer.tui.catalogue import Catalogue, Summary
from responses_tap_viewer.tui.messages import StreamSelected
from responses_tap_viewer.tui.spans import SEVERITY_ROLES, Line, Span, fit
from responses_tap_viewer.tui.widgets.filter_line import FilterLine
from responses_tap_viewer.tui.widgets.lines import CursorMoved, Lines
from responses_tap_viewer.tui.widgets.pane import Pane

OPEN = "…"
MARKED = "◆"
_NS = 1e9
_BAD_STATES = ("truncated", "http-error", "failed")
_HTTP_ERROR = 400


class StreamsPane(Pane):
    """The streams of the recording, the newest last."""

    def __init__(self) -> None:
        super().__init__(Lines(id="streams"), id="streams-pane")
        self._head = Static(id="streams-head", markup=False)
        self.catalogue = Catalogue()
        self.marked: int | None = None
        """The id of the stream that others are compared with."""
        self._selected: Summary | None = None
        self._filter = FilterLine(lambda: self.catalogue.known)

    def compose(self) -> ComposeResult:
        """The names of the columns, the list, and a line for its filter."""
        yield self._head
        yield self.lines
        yield self._filter

    def ask_filter(self) -> None:
        """Let the person write a filter."""
        self._filter.open()

    def clear_filter(self) -> bool:
        """Take the filter away; whether there was one."""
        self._filter.clear()
        return bool(self.catalogue.wanted)

    def choose(self, wanted: Filter) -> None:
        """List the streams that this filter lets pass; none of them counts as new."""
        self.catalogue.choose(wanted)
        self.renew(may_follow=False)
        self.see_all()
        self._select()

    def turn_mark(self) -> None:
        """Mark the stream under the cursor, or take the mark from it."""
        self._select()
        if self._selected is not None:
            self.marked = None if self.marked == self._selected.id else self._selected.id
            self.renew()

    def on_resize(self) -> None:
        """Choose the columns anew."""
        self._draw_head()

    @property
    def selected(self) -> Summary | None:
        """The stream under the cursor, also when the key that moved it there was the one before."""
        self._select()
        return self._selected

    def renew(self, *, may_follow: bool = True) -> None:
        """Show the catalogue as it is now: at first its newest stream.

        The cursor stays on its stream, and follows new ones only while the person is at the last line of the list.
        """
        lines, last = self.lines, len(self.catalogue) - 1
        shown = lines.source
        if not isinstance(shown, StreamLines) or shown.catalogue is not self.catalogue:
            self._selected = None
            lines.open(StreamLines(self.catalogue, self.marked), last)
            self.see_all()
        else:
            follows = may_follow and lines.at_end and lines.has_focus
            cursor = last if self._selected is None else self.catalogue.index_of(self._selected.id)
            lines.renew(StreamLines(self.catalogue, self.marked), max(0, min(cursor, last)))
            if follows:
                lines.move_to(last)
        self._select()

    def on_cursor_moved(self, message: CursorMoved) -> None:
        """Another stream is under the cursor."""
        message.stop()
        self._select()

    def _select(self) -> None:
        new = self.count_new()
        count = len(self.catalogue)
        words = f"{MARKED} {self.marked} marked" if self.marked is not None else "", f"▼ {new} new" if new else ""
        if self.catalogue.wanted:
            shown = f"{count} of {self.catalogue.totals().streams}"
            self.entitle("Streams", shorten(str(self.catalogue.wanted)), shown, *words)
        else:
            self.entitle("Streams", str(count or ""), *words)
        self._draw_head()
        if not count:
            self._selected = None
            return
        summary = self.catalogue[self.lines.cursor]
        if summary is not None and summary != self._selected:
            self._selected = summary
            self.post_message(StreamSelected(summary))

    def _draw_head(self) -> None:
        cells = [fit(column.title, width, right=column.right) for column, width in columns(self.lines.text_width)]
        self._head.update(" " + " ".join(cells))


class StreamLines:
    """The lines of the list."""

    def __init__(self, catalogue: Catalogue, marked: int | None) -> None:
        self.catalogue = catalogue
        self._marked = marked
        self._ids = catalogue.shown

    def __len__(self) -> int:
        return len(self._ids)

    def line(self, index: int, width: int) -> Line:
        """One stream, in the columns for that width."""
        summary = self.catalogue.get(self._ids[index])
        if summary is None:
            return [(fit(str(self._ids[index]), _ID_WIDTH, right=True), "dim"), (f" {OPEN}", "dim")]
        line: Line = []
        for column, cells in columns(width):
            text, role = column.cell(summary)
            line += [(fit(text, cells, right=column.right), role), (" ", "plain")]
        if summary.id == self._marked:
            line[1] = (MARKED, "label")  # behind the id
        return line


class Column(NamedTuple):
    """A column of the list."""

    title: str
    cell: Callable[[Summary], Span]
    width: int
    from_width: int = 0
    """The width of the list from which on it is shown."""
    right: bool = False
    share: int = 0
    """Which part, in hundredths, it gets of the room that is left; the last column gets the rest."""


def columns(width: int) -> list[tuple[Column, int]]:
    """The columns that a list so wide has, each with its width."""
    shown = [column for column in _COLUMNS if width >= column.from_width]
    left = max(0, width - sum(column.width + 1 for column in shown))
    widths = [column.width + left * column.share // 100 for column in shown]
    widths[-1] += width - sum(widths) - len(widths)
    return list(zip(shown, widths, strict=True))


def _time(summary: Summary) -> Span:
    return clock(summary.started_at, "%H:%M:%S"), "dim"


def clock(started_at: str, form: str) -> str:
    """A wall clock's time, as this machine's clock shows it."""
    try:
        return datetime.fromisoformat(started_at).astimezone().strftime(form)
    except ValueError:
        return started_at


def _route(summary: Summary) -> Span:
    return f"{summary.route} {summary.path}", "plain"


def _status(summary: Summary) -> Span:
    if summary.status is None:
        return "", "plain"
    return str(summary.status), "error" if summary.status >= _HTTP_ERROR else "plain"


def _state(summary: Summary) -> Span:
    return summary.state, "error" if summary.state in _BAD_STATES else "ok" if summary.state == "open" else "plain"


def _seconds(ns: int | None) -> Span:
    return "" if ns is None else f"{ns / _NS:.3f}", "plain"


def _verdict(summary: Summary) -> Span:
    glyphs = CUT if summary.state == "truncated" else OPEN if summary.state == "open" else ""
    if summary.errors:
        glyphs += f"{GLYPHS[Severity.ERROR]}{summary.errors}"
    if summary.warnings:
        glyphs += f"{GLYPHS[Severity.WARNING]}{summary.warnings}"
    if summary.errors or summary.state in ("truncated", "http-error"):
        return glyphs or GLYPHS[Severity.ERROR], "error"
    return glyphs or OK, "warning" if summary.warnings else "ok"


def _first_finding(summary: Summary) -> Span:
    rule = RULES.get(summary.first_code)
    if rule is None:
        return summary.first_code, "plain"
    return f"{GLYPHS[rule.severity]} {rule.code} {rule.name}", SEVERITY_ROLES[rule.severity]


_ID_WIDTH = 5
_COLUMNS = (
    Column("id", lambda summary: (str(summary.id), "plain"), _ID_WIDTH, right=True),
    Column("time", _time, 8),
    Column("model", lambda summary: (summary.model, "strong"), 10, share=25),
    Column("route", _route, 12, from_width=120, share=20),
    Column("http", _status, 4, from_width=100, right=True),
    Column("state", _state, 10, from_width=76),
    Column("first s", lambda summary: _seconds(summary.first_byte_ns), 7, from_width=100, right=True),
    Column("took s", lambda summary: _seconds(summary.last_ns), 8, from_width=70, right=True),
    Column("events", lambda summary: (str(summary.event_count), "plain"), 6, right=True),
    Column("verdict", _verdict, 7),
    Column("first finding", _first_finding, 12),
)
