"""The rows of a timeline as lines: time, number, nesting, type, subject."""

from datetime import datetime, timedelta
from enum import Enum

from responses_tap.timeline import GLYPHS, MISSING, Row, label
from responses_tap_viewer.tui.spans import SEVERITY_ROLES, Line, Role, fit

_NS = 1e9
_TIME_WIDTH = 12
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
            (fit(self._time(index), _TIME_WIDTH, right=True), "dim"),
            (fit(number, _NUMBER_WIDTH, right=True) + " ", "dim"),
        ]
        if row.finding is not None:
            return line + _finding_spans(row)
        prefix = _PREFIX if width >= _FULL_NAMES_FROM and row.type.startswith(_PREFIX) else ""
        name, subject = row.type.removeprefix(_PREFIX), label(row).removeprefix(row.type)
        return [*line, ("  " + _LEVEL * row.depth, "dim"), (prefix, "dim"), (name, _role(row)), (subject, "note")]

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
        return (start + timedelta(microseconds=at_ns // 1000)).strftime("%H:%M:%S.%f")[:_TIME_WIDTH]


def _role(row: Row) -> Role:
    return "dim" if row.kind == "comment" else "key" if row.kind == "run" else "plain"


def _finding_spans(row: Row) -> Line:
    """A finding below its event, or the event that is missing above it: glyph and words in the severity's colour."""
    if row.finding is None:
        return []
    role = SEVERITY_ROLES[row.finding.severity]
    if row.kind == "missing":
        return [(f"{MISSING} ", role), (_LEVEL * row.depth, "dim"), (label(row).removeprefix(_PREFIX), role)]
    head = f"{GLYPHS[row.finding.severity]} {row.finding.code} {row.finding.name}"
    return [(head, role), (f"  {row.subject}", "plain")]
