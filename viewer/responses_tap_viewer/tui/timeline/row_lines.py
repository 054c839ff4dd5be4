"""The rows of a timeline as lines: time, number, nesting, type, subject."""

from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.grammar import ROWS
from responses_tap.protocol.grammar import Role as ScopeRole
from responses_tap.protocol.rules import fix
from responses_tap.stream.timeline import GLYPHS, MISSING, TimelineRow, label
from responses_tap_viewer.tui.short_types import short_type
from responses_tap_viewer.tui.spans import SEVERITY_ROLES, Line, Role, Span, fit, inline, wrap
from responses_tap_viewer.tui.widgets.heights import Heights

_NS = 1e9
_NUMBER_WIDTH = 5
_LEVEL, _OPENS, _INSIDE, _CLOSES, _OTHER = "│ ", "╭ ", "├ ", "╰ ", "  "
_CHUNK_WIDTH = 11
_WIDE = 84
_FINDING_INDENT, _LOW_INDENT = 15, 3
"""Where findings begin: behind the times and numbers in a wide list; in a narrow one they need that room."""
_KEPT = 4096
"""Findings that stay wrapped."""
_FOLDED = "▸ "
STALL = "‖"
_STALL_NS = 1_000_000_000
"""A pause from which on it is pointed out."""


class Times(Enum):
    """What the times of the rows count from."""

    START = "seconds since the start"
    BEFORE = "seconds since the row before"
    CLOCK = "time of day"

    @property
    def width(self) -> int:
        """Cells of such a time."""
        return len("12:34:56.789") if self is Times.CLOCK else len("-1234.567")

    @property
    def next(self) -> "Times":
        """The one that comes after it."""
        every = list(Times)
        return every[(every.index(self) + 1) % len(every)]


class RowLines:
    """The lines of a timeline; with `chunks`, each says in which chunks its bytes arrived.

    A finding is wrapped at `width`, and its fix stands below it.
    """

    def __init__(
        self, rows: list[TimelineRow], times: Times, started_at: str, *, width: int = 0, chunks: bool = False
    ) -> None:
        self.rows = rows
        self._findings = {
            index: _wrapped_finding(
                row.finding.severity,
                f"{row.type} {row.finding.name}",
                row.subject,
                fix(row.type, row.finding.severity, row.finding),
                width,
            )
            for index, row in enumerate(rows)
            if row.kind == "finding" and row.finding is not None
        }
        self.heights = Heights(len(rows), {index: len(lines) for index, lines in self._findings.items()})
        self._times = times
        self._started_at = started_at
        self._chunks = chunks

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, index: int, part: int, width: int) -> Line:
        """One of the lines of a row; all but findings have one."""
        return self._findings[index][part] if index in self._findings else self.line(index, width)

    def line(self, index: int, width: int) -> Line:
        """One row that is an event, or that stands for one."""
        row = self.rows[index]
        number = "" if row.position is None or row.finding is not None else str(row.position)
        before = self._before(index)
        line: Line = [
            (fit(self._time(row, before), self._times.width, right=True), "dim"),
            (fit(number, _NUMBER_WIDTH, right=True) + " ", "dim"),
        ]
        if self._chunks:
            line.append((fit(_chunks(row, before), _CHUNK_WIDTH), "number"))
        return line + _event_spans(row, _pause(row, before))

    def _before(self, index: int) -> TimelineRow | None:
        """The frame before that in a line, None where there is none."""
        for line in range(index - 1, -1, -1):
            if self.rows[line].n is not None:
                return self.rows[line]
        return None

    def _time(self, row: TimelineRow, before: TimelineRow | None) -> str:
        if row.at_ns is None:
            return ""
        if self._times is Times.CLOCK:
            return self._clock(row.at_ns)
        if self._times is Times.START:
            return f"{row.at_ns / _NS:.3f}"
        return f"{(row.at_ns - _end_ns(before)) / _NS:+.3f}"

    def _clock(self, at_ns: int) -> str:
        try:
            start = datetime.fromisoformat(self._started_at).astimezone()
        except ValueError:
            return ""
        return (start + timedelta(microseconds=at_ns // 1000)).strftime("%H:%M:%S.%f")[:-3]


def _end_ns(row: TimelineRow | None) -> int:
    """When the last frame of a row had come; without one, when the stream began."""
    return 0 if row is None else row.until_ns or row.at_ns or 0


def _pause(row: TimelineRow, before: TimelineRow | None) -> int:
    """The longest time without a frame before a row, or within it."""
    waited = 0 if row.at_ns is None or before is None else row.at_ns - _end_ns(before)
    return max(waited, row.pause_ns)


def _chunks(row: TimelineRow, before: TimelineRow | None) -> str:
    """The chunks that brought a row; where it came with the row before it, there is no border between them."""
    if row.chunk is None:
        return ""
    last = None if before is None else before.until_chunk if before.until_chunk is not None else before.chunk
    first = "┆" if row.chunk == last else f"┌#{row.chunk}"
    return first if row.until_chunk in (None, row.chunk) else f"{first}–{row.until_chunk}"


def _event_spans(row: TimelineRow, pause_ns: int) -> Line:
    """An event at its place in the tree; one that is missing has a glyph, and the severity's colour."""
    role: Role = "dim" if row.kind in ("comment", "tail") else "key" if row.kind == "run" else "plain"
    if row.finding is not None:
        role = SEVERITY_ROLES[row.finding.severity]
    is_stall = pause_ns >= _STALL_NS
    glyph: Span = (f"{MISSING} ", role) if row.kind == "missing" else (f"{STALL if is_stall else ' '} ", "warning")
    line: Line = [
        glyph,
        (_branch(row), "dim"),
        (short_type(row.type), role),
        (label(row).removeprefix(row.type), "note"),
    ]
    return [*line, (f"  {pause_ns / _NS:.1f} s pause", "warning")] if is_stall else line


def _branch(row: TimelineRow) -> str:
    """The lines of the tree before a row: a scope opens, continues or closes with it."""
    known = ROWS.get(row.type)
    if known is None:
        return _OTHER
    if known.role is ScopeRole.OPEN:
        return _LEVEL * row.depth + _OPENS
    if known.role in (ScopeRole.CLOSE, ScopeRole.TERMINAL):
        return _LEVEL * row.depth + _CLOSES
    return _LEVEL * (row.depth - 1) + _INSIDE + (_FOLDED if row.kind == "run" else "")


@lru_cache(_KEPT)
def _wrapped_finding(severity: Severity, name: str, message: str, advised: str, width: int) -> tuple[Line, ...]:
    """A finding below its event: a glyph, its name in the severity's colour, what is wrong, and how to fix it."""
    indent = _FINDING_INDENT if width >= _WIDE else _LOW_INDENT
    head: Line = [(f"{GLYPHS[severity]} {name}", SEVERITY_ROLES[severity]), ("  ", "plain")]
    texts: list[Line] = [[*head, *inline(message, "plain")]]
    if advised:
        texts.append([("  fix: ", "label"), *inline(advised, "dim")])
    blank: Span = (" " * indent, "plain")
    # A hidden pane has no width yet; it gets one when it is shown.
    room = max(1, width - indent)
    return tuple([blank, *line] for text in texts for line in (wrap(text, room) if width else [text]))
