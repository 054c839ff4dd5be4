"""The streams of a recording grouped by shape: the sequence of event types, runs of one type folded."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import groupby, zip_longest

from responses_tap.store import Recording
from responses_tap.stream.columns import StreamRow


@dataclass(frozen=True, slots=True)
class ShapeGroup:
    """The streams of one shape."""

    shape: str
    """Its fingerprint, as in the recording."""
    ids: tuple[int, ...]
    states: dict[str, int]
    """How many streams ended in each state."""
    types: tuple[str, ...]
    """The event types in order, runs folded."""
    like: int | None = None
    """The first stream of the larger group that it agrees with for longest, None for the largest group."""
    at: int = 0
    """The position, in its own first stream, of the first event that differs."""
    has: str | None = None
    """The type of that event, None where the stream ends."""
    there: str | None = None
    """…and its type in the other stream."""


def groups(recording: Recording) -> tuple[list[ShapeGroup], int]:
    """The groups, largest first, and how many streams have no events."""
    rows: dict[str, list[StreamRow]] = defaultdict(list)
    bare = 0
    for row in recording.streams():
        if row.shape is None:
            bare += 1
        else:
            rows[row.shape].append(row)
    found: list[ShapeGroup] = []
    starts: dict[int, list[int]] = {}
    for shape, members in sorted(rows.items(), key=lambda item: (-len(item[1]), item[1][0].id)):
        first = members[0].id
        types, starts[first] = _folded(recording, first)
        states = dict(Counter(row.state for row in members))
        ids = tuple(row.id for row in members)
        found.append(ShapeGroup(shape, ids, states, types, *_differing(types, starts[first], found)))
    return found, bare


def _folded(recording: Recording, id_: int) -> tuple[tuple[str, ...], list[int]]:
    """The event types of a stream, runs folded, and the position at which each run begins."""
    events = (row for row in recording.events(id_) if row.position is not None)
    runs = [(type_ or "untyped", next(run).position or 0) for type_, run in groupby(events, lambda row: row.type)]
    return tuple(type_ for type_, _ in runs), [position for _, position in runs]


def _differing(
    types: tuple[str, ...], positions: list[int], larger: list[ShapeGroup]
) -> tuple[int | None, int, str | None, str | None]:
    """The larger group that it agrees with for longest, and where the two diverge."""
    if not larger:
        return None, 0, None, None
    alike = max(larger, key=lambda group: _shared(types, group.types))
    at = _shared(types, alike.types)
    has, there = (kinds[at] if at < len(kinds) else None for kinds in (types, alike.types))
    return alike.ids[0], positions[at] if at < len(positions) else positions[-1] + 1, has, there


def _shared(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """The length of the common prefix of two sequences."""
    return next((n for n, (x, y) in enumerate(zip_longest(a, b)) if x != y), len(a))
