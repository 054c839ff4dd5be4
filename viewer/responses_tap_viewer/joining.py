"""A background response that a client resumed, as a whole: its parts, each in a stream of its own, and their joints."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from responses_tap.protocol.sse import Frame
from responses_tap.stream.columns import StreamRow
from responses_tap.urls import starting_after

if TYPE_CHECKING:
    from responses_tap.store import Recording


class Part(NamedTuple):
    """A stream, and how many of its frames count (None: all); the others are repeated in the next part."""

    stream: int
    frames: int | None


def parts(recording: "Recording", row: StreamRow) -> list[Part]:
    """The parts of the response that a stream completes, in order; empty if an event between two of them is missing.

    A stream that continues no other is the only part.
    """
    found: list[Part] = [Part(row.id, None)]
    seen = {row.id}
    while row.continues is not None:
        before = recording.stream(row.continues)
        count = None if before is None else _frames_up_to(recording, before.id, starting_after(row.url))
        if before is None or count is None or before.id in seen:
            return []
        found.insert(0, Part(before.id, count))
        seen.add(before.id)
        row = before
    return found


def earlier_parts(recording: "Recording", rows: Iterable[StreamRow]) -> set[int]:
    """The streams that are parts of responses completed by others of these."""
    going_on = [row for row in rows if row.continues is not None]
    return {part.stream for row in going_on for part in parts(recording, row)[:-1]}


def joined_frames(recording: "Recording", response: Iterable[Part]) -> Iterator[Frame]:
    """The frames of the parts, in sequence."""
    for stream, count in response:
        for frame, _, _ in itertools.islice(recording.frames(stream), count):
            yield frame


def _frames_up_to(recording: "Recording", stream: int, number: int | None) -> int | None:
    """The number of a stream's frames up to the event with this sequence number; None if it isn't there."""
    counts = (event.n + 1 for event in recording.events(stream) if event.sequence_number == number is not None)
    return max(counts, default=None)
