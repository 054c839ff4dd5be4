"""The rows of a timeline as lines: time, number, nesting, type, subject."""

from datetime import datetime, timedelta
from enum import Enum

from responses_tap.timeline import GLYPHS, MISSING, Row, label
from responses_tap_viewer.tui.spans import SEVERITY_ROLES, Line, Role, fit

_NS = 1e9
_NUMBER_WIDTH = 5
_FULL_NAMES_FROM = 84
"""The width from which on a type is written with the `response.` that nearly every one begins with."""
_PREFIX = "response."
_LEVEL = "│ "


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
    """The lines of a timeline."""

    def __init__(self, rows: list[Row], times: Times, started_at: str) -> None:
        self.rows = rows
        self._times = times
        self._started_at = started_at

    def __len__(self) -> int:
        return len(self.rows)

    def line(self, index: int, width: int) -> Line:
        """One row."""
        row = self.rows[index]
        number = "" if row.position is None or row.finding is not None else str(row.position)
        line: Line = [
            (fit(self._time(index), self._times.width, right=True), "dim"),
            (fit(number, _NUMBER_WIDTH, right=True) + " ", "dim"),
        ]
        if row.kind == "finding":
            return line + _finding_spans(row)
        return line + _event_spans(row, full=width >= _FULL_NAMES_FROM)

    def _time(self, index: int) -> str:
        row = self.rows[index]
        if row.at_ns is None:
            return ""
        if self._times is Times.CLOCK:
            return self._clock(row.at_ns)
        if self._times is Times.START:
            return f"{row.at_ns / _NS:.3f}"
        before = next((r for r in self.rows[index - 1 :: -1] if r.at_ns is not None), None) if index else None
        if before is None or before.at_ns is None:
            return f"{row.at_ns / _NS:+.3f}"
        return f"{(row.at_ns - (before.until_ns or before.at_ns)) / _NS:+.3f}"

    def _clock(self, at_ns: int) -> str:
        try:
            start = datetime.fromisoformat(self._started_at).astimezone()
        except ValueError:
            return ""
        return (start + timedelta(microseconds=at_ns // 1000)).strftime("%H:%M:%S.%f")[:-3]


def _event_spans(row: Row, *, full: bool) -> Line:
    """An event at its depth; one that is missing has a glyph, and the severity's colour."""
    role: Role = "dim" if row.kind == "comment" else "key" if row.kind == "run" else "plain"
    if row.finding is not None:
        role = SEVERITY_ROLES[row.finding.severity]
    glyph = MISSING if row.kind == "missing" else " "
    prefix = _PREFIX if full and row.type.startswith(_PREFIX) else ""
    return [
        (f"{glyph} ", role),
        (_LEVEL * row.depth + prefix, "dim"),
        (row.type.removeprefix(_PREFIX), role),
        (label(row).removeprefix(row.type), "note"),
    ]


def _finding_spans(row: Row) -> Line:
    """A finding below its event: a glyph, and its name in the severity's colour."""
    if row.finding is None:
        return []
    role = SEVERITY_ROLES[row.finding.severity]
    head = f"{GLYPHS[row.finding.severity]} {row.finding.code} {row.finding.name}"
    return [(head, role), (f"  {row.subject}", "plain")]
