"""The streams of a recording by their conversations: the turns of each, and what they add up to."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol


class _Turned(Protocol):
    """A stream as far as it counts for its conversation."""

    @property
    def id(self) -> int: ...
    @property
    def started_at(self) -> str: ...
    @property
    def conversation(self) -> str | None: ...
    @property
    def turn(self) -> int | None: ...
    @property
    def state(self) -> str: ...
    @property
    def end_ns(self) -> int | None: ...
    @property
    def last_byte_ns(self) -> int | None: ...
    @property
    def input_tokens(self) -> int | None: ...
    @property
    def output_tokens(self) -> int | None: ...
    @property
    def errors(self) -> int: ...
    @property
    def warnings(self) -> int: ...
    @property
    def notes(self) -> int: ...


class Conversation[T: _Turned](NamedTuple):
    """The streams of one conversation. None for numbers that no stream states."""

    name: str
    """How the client names it, else the id of its first stream."""
    streams: tuple[T, ...]
    """In the order given."""
    turns: int
    seconds: float
    """What all of them took together."""
    input_tokens: int | None
    output_tokens: int | None
    errors: int
    warnings: int
    notes: int

    @property
    def started_at(self) -> str:
        """When its first stream began."""
        return min(stream.started_at for stream in self.streams)

    @property
    def state(self) -> str:
        """Open where a stream is, truncated where the last one was cut, else how that ended."""
        newest = max(self.streams, key=lambda stream: stream.id)
        return "open" if any(stream.state == "open" for stream in self.streams) else newest.state


def conversations[T: _Turned](streams: Iterable[T]) -> list[Conversation[T]]:
    """The conversations of these streams, in the order of their first ones.

    A stream that isn't linked, as in a recording of an earlier version, is one of its own.
    """
    by_name: dict[str, list[T]] = {}
    for stream in streams:
        by_name.setdefault(stream.conversation or str(stream.id), []).append(stream)
    return [_conversation(name, members) for name, members in by_name.items()]


def _conversation[T: _Turned](name: str, streams: Sequence[T]) -> Conversation[T]:
    times = [stream.last_byte_ns or 0 if stream.end_ns is None else stream.end_ns for stream in streams]
    return Conversation(
        name,
        tuple(streams),
        len({stream.turn for stream in streams}),
        sum(times) / 1e9,
        _sum(stream.input_tokens for stream in streams),
        _sum(stream.output_tokens for stream in streams),
        sum(stream.errors for stream in streams),
        sum(stream.warnings for stream in streams),
        sum(stream.notes for stream in streams),
    )


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
