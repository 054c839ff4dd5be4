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

_LINE_END = re.compile(rb"\r\n|\r|\n")
_BLANK_LINE = re.compile(rb"(\r\n|\r|\n)(?:\r\n|\r|\n)+\Z")


class Block(NamedTuple):
    """A block of an event stream."""

    raw: bytes
    """With the blank line that ends it."""
    event: Event | None
    """What its data says, {} where that isn't an object with a type; None for `[DONE]` and where there is no data."""
    at_ns: int | None = None
    """When it arrived; a new block arrives with the one before it."""

    @classmethod
    def of(cls, frame: Frame, at_ns: int | None = None) -> "Block":
        """The block that a frame was."""
        if frame.data is None or frame.is_done_marker:
            return cls(frame.raw, None, at_ns)
        return cls(frame.raw, _object(frame.data), at_ns)

    def saying(self, event: Event) -> "Block":
        """A block like this one with another event: with or without a name, its lines ended alike."""
        data = Frame.whole(self.raw).data
        if data and event.get("type") == (self.event or {}).get("type") and self.raw.count(data) == 1:
            return self._replace(raw=self.raw.replace(data, _json(event)), event=event)
        line_end = _LINE_END.search(self.raw)
        raw = _encoded(event, named=b"data:" not in self.raw[:5], line_end=line_end[0] if line_end else b"\n")
        return self._replace(raw=raw, event=event)

    def with_line_ends(self, line_end: bytes) -> "Block":
        """The same block with its lines ended so."""
        return self._replace(raw=_LINE_END.sub(line_end, self.raw))

    def without_blank_line(self) -> "Block":
        """The same block, running into the next one."""
        return self._replace(raw=_BLANK_LINE.sub(rb"\1", self.raw))

    @property
    def is_done_marker(self) -> bool:
        """Whether this is `data: [DONE]`."""
        return self.event is None and Frame.whole(self.raw).is_done_marker


def changed(blocks: Sequence[Block], edit: Edit, n: int, *, renumbers: bool) -> list[Block] | None:
    """The blocks with `edit` applied to their events: all that it leaves as it is keep their bytes.

    `renumbers` counts sequence_number on from the first event's, if the stream counts it, as a server would that makes
    this mistake. Comments and `[DONE]` stay between the events that they are between.
    """
    before = events_of(blocks)
    after = edit(list(before), n)
    if after is None or after == before:
        return None
    joined = _rejoined(blocks, before, after)
    first = next((event["sequence_number"] for event in before if "sequence_number" in event), None)
    return _renumbered(joined, first) if renumbers else joined


def counted_like(other: Event) -> Event:
    """The number that an event needs beside another one, to be counted by `changed`; {} if that has none."""
    return {"sequence_number": 0} if "sequence_number" in other else {}


def events_of(blocks: Iterable[Block]) -> list[Event]:
    """The events, by the numbers that `check` gives them."""
    return [block.event for block in blocks if block.event is not None]


def _encoded(event: Event, *, named: bool, line_end: bytes) -> bytes:
    name = event.get("type")
    is_line = named and isinstance(name, str) and "\n" not in name and "\r" not in name
    lines = [f"event: {name}".encode(errors="replace")] if is_line else []
    return line_end.join([*lines, b"data: " + _json(event), b"", b""])


def _json(event: Event) -> bytes:
    try:
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a surrogate pair can only be escaped
        return json.dumps(event, separators=(",", ":")).encode()


def _object(data: bytes) -> Event:
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    is_event = isinstance(parsed, dict) and isinstance(parsed.get("type"), str)
    return parsed if is_event else {}


def _renumbered(blocks: list[Block], number: object) -> list[Block]:
    """The blocks with their events counted on from the first number there was."""
    if not isinstance(number, int):
        return blocks
    counted = []
    for block in blocks:
        event = block.event or {}
        if "sequence_number" in event:
            is_right = event["sequence_number"] == number
            counted.append(block if is_right else block.saying(event | {"sequence_number": number}))
            number += 1
        else:
            counted.append(block)
    return counted


def _rejoined(blocks: Sequence[Block], before: list[Event], after: list[Event]) -> list[Block]:
    """The blocks of `after`, with what stood between the blocks of `before` at the same places."""
    own = {id(block.event): block for block in blocks if block.event is not None}
    pairs = enumerate(zip(before, after, strict=False))
    alike = next((n for n, (a, b) in pairs if a is not b), min(len(before), len(after)))
    moved = len(after) - len(before)
    places: dict[int, list[Block]] = {}
    for place, others in enumerate(_between(blocks, len(before))):
        stays = place <= alike and place < len(before)  # what is behind the last event stays there
        places.setdefault(place if stays else max(place + moved, alike), []).extend(others)
    joined: list[Block] = []
    for n, event in enumerate(after):
        joined += places.pop(n, [])
        model = own[id(before[n])] if not moved else _latest(joined) or own[id(before[0])]
        joined.append(own.get(id(event)) or model.saying(event))
    return joined + [block for others in places.values() for block in others]


def _latest(blocks: list[Block]) -> Block | None:
    return next((block for block in reversed(blocks) if block.event is not None), None)


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
