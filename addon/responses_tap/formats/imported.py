"""What a file gives, whatever its shape: streams with what it tells of their requests, answers and times."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

from responses_tap.formats import values
from responses_tap.protocol.profiles import Lack
from responses_tap.protocol.sse import Frame

type Headers = tuple[tuple[str, str], ...]

STATES = ("open", "queued", "in_progress", "completed", "incomplete", "failed", "cancelled", "truncated", "http-error")
ENDED_BY = ("server", "client", "network", "recorder", "unknown")


class Taken(NamedTuple):
    """A frame out of a file."""

    frame: Frame
    at_ns: int | None = None
    """Arrival, nanoseconds since the request, where the file tells it."""
    chunk: int | None = None
    """The number of the piece that completed it, where the file tells it."""
    line: int | None = None
    """The line of the file, from 1, in which it begins, where that is not told by the frames before it."""


class Piece(NamedTuple):
    """A piece of the body as it arrived."""

    at_ns: int
    wire_size: int
    offset: int
    size: int


def _typed(facts: "Request | Answer | End") -> None:
    """Make texts storable; ValueError where a fact is of another type than it must be."""
    for field in fields(facts):
        value = getattr(facts, field.name)
        if field.name == "headers":
            value = tuple((values.text(name), values.text(text)) for name, text in value)
        elif field.name == "at_ns":
            values.optional_count(value)
        elif isinstance(value, str) or field.type in (str, str | None):
            value = values.optional_text(value)
        object.__setattr__(facts, field.name, value)


@dataclass(frozen=True, slots=True)
class Request:
    """What the file tells of the request; empty where it tells nothing."""

    method: str = ""
    url: str = ""
    http_version: str = ""
    headers: Headers = ()
    body: str | None = None
    started_at: str | None = None
    """ISO 8601, or as in HTTP's `Date`."""

    def __post_init__(self) -> None:
        _typed(self)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the file tells of the head of the answer, and of its body where that is no event stream."""

    status: int | None = None
    headers: Headers = ()
    body: bytes | None = None
    at_ns: int | None = None
    """When its first byte came, nanoseconds since the request, where the file tells it beside the events' times."""

    def __post_init__(self) -> None:
        _typed(self)

    def field(self, name: str) -> str | None:
        """The value of the first header with this name (in lower case), None where there is none."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def is_success(self) -> bool:
        """Whether the status says so, or is not known."""
        return self.status is None or 200 <= self.status < 300  # noqa: PLR2004 (HTTP's successes)

    @property
    def is_event_stream(self) -> bool:
        """Whether the server calls the body an event stream."""
        return (self.field("content-type") or "").lower().startswith("text/event-stream")


@dataclass(frozen=True, slots=True)
class End:
    """How the stream ended, as the file tells it."""

    state: str | None = None
    ended_by: str | None = None
    reason: str | None = None
    at_ns: int | None = None

    def __post_init__(self) -> None:
        _typed(self)
        if self.state not in (None, *STATES) or self.ended_by not in (None, *ENDED_BY):
            raise ValueError(f"it ended {self.state!r:.40} by {self.ended_by!r:.40}, of which nothing is known")


@dataclass(frozen=True, slots=True)
class Imported:
    """One stream out of a file. Its frames come once, and before the file's next stream is asked for."""

    frames: Iterator[Taken]
    place: str = ""
    """Where in its file it is (`entry 3`), empty where it is all of it."""
    request: Request = Request()
    answer: Answer = Answer()
    end: End = End()
    pieces: tuple[Piece, ...] = ()
    framed: bool = True
    """Whether the frames are the server's: events alone (JSON lines) say nothing of `event:` lines and `[DONE]`."""
    live: bool = False
    """Whether the body is as it came over the wire: no editor has trimmed its end."""
    lacks: frozenset[Lack] = frozenset()
    """What it does not show of the stream: some rules cannot be asked then."""
    remark: str = ""
    """How it was read, where that does not go without saying."""
    mark: str | None = None
    """What a user marked it with, and noted down about it."""
    note: str | None = None

    def __post_init__(self) -> None:
        values.optional_text(self.mark)
        values.optional_text(self.note)

    @property
    def cut(self) -> bool:
        """Whether somebody else than the server ended it."""
        return self.end.ended_by in ("client", "recorder", "unknown") or self.end.state == "open"


class Skipped(NamedTuple):
    """A part of a file that gave no stream."""

    place: str
    why: str
    fault: bool
    """Whether a stream was expected there; False for what is none of our business."""

    def __str__(self) -> str:
        return f"{self.place} {self.why}"
