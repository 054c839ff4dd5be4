"""A stream that is being changed: its blocks, and what each holds."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from responses_tap.protocol.sse import Frame

type Event = dict[str, Any]
"""An event's JSON object; planting a fault never changes one in place."""
type Edit = Callable[[list[Event], int], list[Event] | None]
"""(events, n) → the events with a defect at the n-th; None where it doesn't fit there."""

_LINE_ENDS = re.compile(rb"\r\n|\r|\n")


class Block(NamedTuple):
    """A block of an event stream."""

    raw: bytes
    """With the blank line that ends it."""
    event: Event | None
    """What its data says, {} where that isn't a JSON object; None for `[DONE]`, a comment, anything without data."""
    at_ns: int | None = None
    """When it arrived; a new block arrives with the one before it."""

    @classmethod
    def of(cls, frame: Frame, at_ns: int | None = None) -> "Block":
        """The block that a frame was."""
        if frame.data is None or frame.is_done_marker:
            return cls(frame.raw, None, at_ns)
        return cls(frame.raw, _object(frame.data), at_ns)


def changed(blocks: Sequence[Block], edit: Edit, n: int, *, renumbers: bool) -> list[Block] | None:
    """The blocks with `edit` applied to their events: all that it leaves as it is keep their bytes.

    `renumbers` counts sequence_number on from the first event's, if the stream counts it, as a server would that makes
    this mistake. Comments and `[DONE]` stay between the events that they are between.
    """
    before = events_of(blocks)
    after = edit(list(before), n)
    if after is None or after == before:
        return None
    if renumbers:
        after = _renumbered(after, before)
    return _rejoined(blocks, before, after)


def events_of(blocks: Iterable[Block]) -> list[Event]:
    """The events, by the numbers that `check` gives them."""
    return [block.event for block in blocks if block.event is not None]


def encoded(event: Event, *, named: bool = True, line_end: bytes = b"\n") -> bytes:
    """An event as a block of an event stream."""
    try:
        data = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a surrogate pair can only be escaped
        data = json.dumps(event, separators=(",", ":")).encode()
    name = event.get("type")
    lines = [b"event: " + name.encode()] if named and isinstance(name, str) else []
    return line_end.join([*lines, b"data: " + data, b"", b""])


def _object(data: bytes) -> Event:
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _renumbered(events: list[Event], before: list[Event]) -> list[Event]:
    """The events, counted on from the first number there was."""
    number = next((event["sequence_number"] for event in before if "sequence_number" in event), None)
    if not isinstance(number, int):
        return events
    counted = []
    for event in events:
        if "sequence_number" in event:
            counted.append(event if event["sequence_number"] == number else event | {"sequence_number": number})
            number += 1
        else:
            counted.append(event)
    return counted


def _rejoined(blocks: Sequence[Block], before: list[Event], after: list[Event]) -> list[Block]:
    """The blocks of `after`, with what stood between the blocks of `before` at the same places."""
    own = {id(block.event): block for block in blocks if block.event is not None}
    between = _between(blocks, len(before))
    pairs = enumerate(zip(before, after, strict=False))
    alike = next((n for n, (a, b) in pairs if a is not b), min(len(before), len(after)))
    moved = len(after) - len(before)
    named, line_end = _style(blocks)
    joined: list[Block] = []
    places: dict[int, list[Block]] = {}
    for place, others in enumerate(between):
        places.setdefault(place if place <= alike else max(place + moved, alike), []).extend(others)
    for n, event in enumerate(after):
        joined += places.pop(n, [])
        at_ns = joined[-1].at_ns if joined else None
        if len(after) == len(before):
            at_ns = own[id(before[n])].at_ns
        joined.append(own.get(id(event)) or Block(encoded(event, named=named, line_end=line_end), event, at_ns))
    return joined + [block for others in places.values() for block in others]


def _between(blocks: Sequence[Block], events: int) -> list[list[Block]]:
    """What is before each event, and last what is behind them all."""
    between: list[list[Block]] = [[] for _ in range(events + 1)]
    n = 0
    for block in blocks:
        if block.event is None:
            between[n].append(block)
        else:
            n += 1
    return between


def _style(blocks: Sequence[Block]) -> tuple[bool, bytes]:
    """Whether the stream names its events, and how it ends its lines."""
    first = next((block.raw for block in blocks if block.event is not None), b"event:\n")
    line_end = _LINE_ENDS.search(first)
    return b"event:" in first.partition(b"data:")[0], line_end[0] if line_end else b"\n"
