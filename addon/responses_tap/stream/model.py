"""What a stream consists of, whether it is being recorded, comes out of a recording or out of a file of any format."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, NamedTuple

from responses_tap.protocol.findings import Finding
from responses_tap.protocol.profiles import Lack
from responses_tap.protocol.sse import Frame, decode
from responses_tap.stream import file_values
from responses_tap.stream.columns import COLUMNS, Headers, StreamRow, header

STATES = ("open", "queued", "in_progress", "completed", "incomplete", "failed", "cancelled", "truncated", "http-error")
ENDED_BY = ("server", "client", "network", "recorder", "unknown")


class TimedFrame(NamedTuple):
    """A frame and its arrival, as far as that is known: most files don't state it."""

    frame: Frame
    at_ns: int | None = None
    """Nanoseconds since the request."""
    chunk: int | None = None
    """The number of the chunk that completed it."""
    line: int | None = None
    """The line of its file, from 1, in which it begins, where the frames before it don't tell."""


class SseBody:
    """The frames of a body that comes in pieces. Where nobody wants its frames, the pieces are checked faster."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[TimedFrame]:
        return map(TimedFrame, decode(self.pieces))


class Entry(NamedTuple):
    """A frame that has been judged, as a timeline shows it."""

    n: int
    """0-based number of the frame in the body."""
    frame: Frame
    position: int | None
    """The number of its event in its response, None where it isn't an event."""
    response: int = 0
    """The number of its response in the body; a frame that isn't an event belongs to the response before it."""
    at_ns: int | None = None
    """Arrival in nanoseconds since the stream's start, None where no time was kept (a file)."""
    chunk: int | None = None
    line: int | None = None
    """As `TimedFrame` has it."""


class Chunk(NamedTuple):
    """A piece of the response's body as it arrived."""

    at_ns: int
    """Nanoseconds since the request."""
    wire_size: int
    """Bytes on the wire, still content-encoded."""
    offset: int
    """Where it begins in the decoded body, bytes."""
    size: int
    """Bytes of the decoded body that it brought."""


def _typed(facts: "Request | Response | Ending") -> None:
    """Make texts storable; ValueError where a fact is of another type than it must be."""
    for fact in fields(facts):
        value = getattr(facts, fact.name)
        if fact.name == "headers":
            value = tuple((file_values.text(name), file_values.text(text)) for name, text in value)
        elif fact.name == "at_ns":
            file_values.optional_count(value)
        elif isinstance(value, str) or fact.type in (str, str | None):
            value = file_values.optional_text(value)
        object.__setattr__(facts, fact.name, value)


@dataclass(frozen=True, slots=True)
class Request:
    """What is known of a request; empty where nothing is."""

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
class Response:
    """What is known of a response's status and headers, and its body where that isn't an event stream."""

    status: int | None = None
    headers: Headers = ()
    body: bytes | None = None
    at_ns: int | None = None
    """When its first byte came, nanoseconds since the request, where that is known apart from the chunks' times."""

    def __post_init__(self) -> None:
        _typed(self)

    @property
    def is_event_stream(self) -> bool:
        """Whether the server calls the body an event stream."""
        return (header(self.headers, "content-type") or "").lower().startswith("text/event-stream")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a stream ended; empty where nobody knows."""

    state: str | None = None
    ended_by: str | None = None
    reason: str | None = None
    at_ns: int | None = None

    def __post_init__(self) -> None:
        _typed(self)
        if self.state not in (None, *STATES) or self.ended_by not in (None, *ENDED_BY):
            raise ValueError(f"it ended {self.state!r:.40} by {self.ended_by!r:.40}, of which nothing is known")


@dataclass(frozen=True, slots=True)
class Stream:
    """One request and its response. The frames of a file come once, and before the file's next stream is asked for."""

    frames: Iterable[TimedFrame] = ()
    place: str = ""
    """Where in its file it is (`entry 3`), empty where it is all of it."""
    request: Request = Request()
    response: Response = Response()
    ending: Ending = Ending()
    chunks: tuple[Chunk, ...] = ()
    framed: bool = True
    """Whether the frames are the server's: events alone (JSON lines) say nothing of `event:` lines and `[DONE]`."""
    live: bool = False
    """Whether the body is as it came over the wire: no editor has trimmed its end."""
    socket: int | None = None
    """The WebSocket that it came over, by its number in the recording: then each frame is a message, and the request's
    body the client's event that asked for them. None for a stream of HTTP."""
    lacks: frozenset[Lack] = frozenset()
    """What it does not show of the stream: some rules cannot be asked then."""
    remark: str = ""
    """How it was read, where that does not go without saying."""
    carried: Mapping[str, str | None] = field(default_factory=dict)
    """What a user said of it, by column: it has been marked, say, or a note was made about it."""

    @property
    def is_cut(self) -> bool:
        """Whether the server is not to blame for a missing end: somebody else ended it, or it still goes on."""
        return self.ending.ended_by in ("client", "recorder", "unknown") or self.ending.state == "open"


def carried(facts: Mapping[str, Any]) -> dict[str, str | None]:
    """What a file of our own says of the columns that are carried; ValueError where one isn't a text."""
    return {name: file_values.optional_text(facts.get(name)) for name, column in COLUMNS.items() if column.carried}


class Skipped(NamedTuple):
    """A part of a file that gave no stream."""

    place: str
    why: str
    fault: bool
    """Whether a stream was expected there; False for what is none of our business."""

    def __str__(self) -> str:
        return f"{self.place} {self.why}"


@dataclass(slots=True)
class JudgedStream:
    """A stream that has been judged: its frames with their times, and what the checker found."""

    source: str
    """The path it comes from, as given."""
    id: int | None = None
    """Its id in the recording, None for a file."""
    index: int | None = None
    """Which response of the file was asked for, None for all of it."""
    row: StreamRow | None = None
    """What the recording knows beside the body; of a file, what it states of both messages, None where nothing."""
    entries: list[Entry] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    remark: str = ""
    """How its file was read, where that does not go without saying."""

    @property
    def name(self) -> str:
        """How a user names it: the path, or `FILE.db#ID`."""
        suffix = self.id if self.id is not None else self.index
        return self.source if suffix is None else f"{self.source}#{suffix}"

    @property
    def fingerprint(self) -> str:
        """What names the stream wherever it was recorded or imported: 32 hex digits of its request, time and bytes."""
        digest = hashlib.sha256()
        if self.row is not None:
            facts = (self.row.started_at, self.row.url, self.row.response_id, self.row.request_body)
            digest.update(repr(facts).encode(errors="replace"))
        for entry in self.entries:
            digest.update(entry.frame.raw)
        return digest.hexdigest()[:32]

    @property
    def started_at(self) -> datetime | None:
        """When the request was sent, None where that isn't known."""
        try:
            return datetime.fromisoformat(self.row.started_at) if self.row else None
        except ValueError:
            return None

    @property
    def body(self) -> bytes:
        """The frames joined, byte for byte."""
        return b"".join(entry.frame.raw for entry in self.entries)
