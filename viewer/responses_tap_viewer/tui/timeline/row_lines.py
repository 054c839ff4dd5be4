"""The rows of a timeline as lines: time, number, nesting, type, subject."""

from datetime import datetime, timedelta
from enum import Enum

from responses_tap.protocol.grammar import ROWS
from responses_tap.protocol.grammar import Role as ScopeRole
from responses_tap.stream.timeline import GLYPHS, MISSING, TimelineRow, label
from responses_tap_viewer.tui.spans import SEVERITY_ROLES, Line, Role, Span, fit

_NS = 1e9
_NUMBER_WIDTH = 5
_FULL_NAMES_FROM = 84
"""The width from which on a type is written with the `response.` that nearly every one begins with."""
_PREFIX = "response."
_LEVEL, _OPENS, _INSIDE, _CLOSES, _OTHER = "│ ", "╭ ", "├ ", "╰ ", "  "
_CHUNK_WIDTH = 11
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
    """The lines of a timeline; with `chunks`, each says in which chunks its bytes arrived."""

    def __init__(self, rows: list[TimelineRow], times: Times, started_at: str, *, chunks: bool = False) -> None:
        self.rows = rows
        self._times = times
        self._started_at = started_at
        self._chunks = chunks

    def __len__(self) -> int:
        return len(self.rows)

    def line(self, index: int, width: int) -> Line:
        """One row."""
        row = self.rows[index]
        number = "" if row.position is None or row.finding is not None else str(row.position)
        before = self._before(index)
        line: Line = [
            (fit(self._time(row, before), self._times.width, right=True), "dim"),
            (fit(number, _NUMBER_WIDTH, right=True) + " ", "dim"),
        ]
        if self._chunks:
            line.append((fit(_chunks(row, before), _CHUNK_WIDTH), "number"))
        if row.kind == "finding":
            return line + _finding_spans(row)
        return line + _event_spans(row, _pause(row, before), full=width >= _FULL_NAMES_FROM)

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


def _event_spans(row: TimelineRow, pause_ns: int, *, full: bool) -> Line:
    """An event at its place in the tree; one that is missing has a glyph, and the severity's colour."""
    role: Role = "dim" if row.kind in ("comment", "tail") else "key" if row.kind == "run" else "plain"
    if row.finding is not None:
        role = SEVERITY_ROLES[row.finding.severity]
    is_stall = pause_ns >= _STALL_NS
    glyph: Span = (f"{MISSING} ", role) if row.kind == "missing" else (f"{STALL if is_stall else ' '} ", "warning")
    prefix = _PREFIX if full and row.type.startswith(_PREFIX) else ""
    line: Line = [
        glyph,
        (_branch(row) + prefix, "dim"),
        (row.type.removeprefix(_PREFIX), role),
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


def _finding_spans(row: TimelineRow) -> Line:
    """A finding below its event: a glyph, and its name in the severity's colour."""
    if row.finding is None:
        return []
    role = SEVERITY_ROLES[row.finding.severity]
    head = f"{GLYPHS[row.finding.severity]} {row.finding.code} {row.finding.name}"
    return [(head, role), (f"  {row.subject}", "plain")]
