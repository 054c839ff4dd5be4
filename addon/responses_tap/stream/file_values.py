"""Values from files, typed and bounded on entry: a file that somebody else made may contain anything anywhere."""

import math
from datetime import UTC, datetime
from typing import Any

_MOST = 2**62
"""The largest value accepted, which fits every column, as do sums of a few such values."""
_MOST_VALUES = 1_000_000
"""Values in one interaction of a cassette, with aliases followed."""


def count(value: object) -> int:
    """A size, count or position; ValueError where it isn't one."""
    if type(value) is not int or not 0 <= value <= _MOST:
        raise ValueError(f"{_shown(value)} isn't a whole number from 0 on")
    return value


def optional_count(value: object) -> int | None:
    """Like `count`, but None is allowed."""
    return None if value is None else count(value)


def time_ns(value: object, unit_ns: float = 1) -> int | None:
    """A time or duration in these units as nanoseconds; None where it isn't one, as it says nothing then."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        return None
    ns = value * unit_ns
    return round(ns) if ns <= _MOST else None


def timestamp(when: datetime) -> str:
    """A point in time as in the column `started_at`: ISO 8601, UTC, microseconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def status(value: object) -> int | None:
    """An HTTP status (RFC 9110, section 15); None where it isn't one."""
    return value if type(value) is int and 100 <= value <= 999 else None  # noqa: PLR2004


def text(value: object) -> str:
    """A text, or a number as text, with lone surrogates replaced; ValueError where it is something else."""
    if not isinstance(value, str | int | float):
        raise ValueError(f"{_shown(value)} isn't a text")
    written = str(value)
    return written if written.isascii() else written.encode(errors="replace").decode()


def optional_text(value: object) -> str | None:
    """Like `text`, but None is allowed."""
    return None if value is None else text(value)


def bounded(value: Any) -> Any:  # noqa: ANN401 (YAML)
    """The same value; ValueError where it contains too many values, for example by nested aliases."""
    waiting, seen = [value], 0
    while waiting:
        seen += 1
        if seen > _MOST_VALUES:
            raise ValueError(f"has more than {_MOST_VALUES:,} values (the limit)")
        found = waiting.pop()
        if isinstance(found, dict):
            waiting += [*found.keys(), *found.values()]
        elif isinstance(found, list | tuple | set):
            waiting += found
    return value


def _shown(value: object) -> str:
    return f"{value!r:.40}" if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
