"""Where `:` leads: to an event by its number, or to a time."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from responses_tap.stream.timeline import TimelineRow

EXPECTED = "expected an event number (12), seconds (1.5 or 350ms) or a time of day (10:00:02)"

_NUMBER = re.compile(r"\d{1,9}")
_TIME = re.compile(r"(\d{1,9}(?:\.\d*)?|\.\d+) ?(ms|s)?")
_CLOCK = re.compile(r"(\d\d?):(\d\d):(\d\d(?:\.\d+)?)")
_NS = 1e9


class NowhereError(ValueError):
    """There is no such event; the message is one line."""


def destination(rows: Sequence[TimelineRow], text: str, started_at: str, response: int) -> int:
    """The row that a text names, an event's number in that response where it has one; NowhereError says why none."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return _numbered(rows, int(text), response)
    if found := _TIME.fullmatch(text):
        return _timed(rows, float(found[1]) * (1e6 if found[2] == "ms" else _NS))
    if found := _CLOCK.fullmatch(text):
        return _timed(rows, _since(started_at, int(found[1]), int(found[2]), float(found[3])))
    raise NowhereError(EXPECTED)


def _numbered(rows: Sequence[TimelineRow], number: int, response: int) -> int:
    events = [(line, row) for line, row in enumerate(rows) if row.n is not None and row.position is not None]
    fitting = [(line, row) for line, row in events if 0 <= number - (row.position or 0) < row.count]
    if fitting:
        return min(fitting, key=lambda entry: entry[1].response != response)[0]
    if not events:
        raise NowhereError("this stream has no events")
    last = max((row.position or 0) + row.count - 1 for _, row in events)
    raise NowhereError(f"there is no event {number}; the last one is {last}")


def _timed(rows: Sequence[TimelineRow], at_ns: float) -> int:
    timed = [(line, row.at_ns if row.until_ns is None else row.until_ns) for line, row in enumerate(rows)]
    known = [(line, ns) for line, ns in timed if ns is not None]
    if not known:
        raise NowhereError("the times of this stream are unknown")
    return next((line for line, ns in known if ns >= at_ns), known[-1][0])


def _since(started_at: str, hours: int, minutes: int, seconds: float) -> float:
    """Nanoseconds from the start of the stream to that time of this machine's clock."""
    try:
        start = datetime.fromisoformat(started_at).astimezone()
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    except ValueError as error:
        raise NowhereError("the start of this stream is unknown") from error
    wanted = midnight + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return (wanted - start).total_seconds() * _NS
