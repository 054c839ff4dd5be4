"""What a stream consists of, whether it is being recorded or read from a recording or a file of any format."""

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
from responses_tap.stream.conversation import Call

STATES = ("open", "queued", "in_progress", "completed", "incomplete", "failed", "cancelled", "truncated", "http-error")
ENDED_BY = ("server", "client", "network", "recorder", "unknown")


class TimedFrame(NamedTuple):
    """A frame and its arrival, if known: most files don't state it."""

    frame: Frame
    at_ns: int | None = None
    """Nanoseconds since the request."""
    chunk: int | None = None
    """The number of the chunk that completed it."""
    line: int | None = None
    """The line of the file in which it begins, from 1, if that doesn't follow from the frames before it."""


class SseBody:
    """The frames of a body that comes in pieces; checking the pieces directly is faster where no frames are needed."""

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
    """As in `TimedFrame`."""


class Chunk(NamedTuple):
    """A piece of the response's body as it arrived."""

    at_ns: int
    """Nanoseconds since the request."""
    wire_size: int
    """Bytes on the wire, still content-encoded."""
    offset: int
    """Where it begins in the decoded body, in bytes."""
    size: int
    """Bytes that it added to the decoded body."""


def _typed(facts: "Request | Response | Ending") -> None:
    """Make texts storable; ValueError where a value is of the wrong type."""
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
    """What is known about a request; empty where nothing is."""

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
    """What is known about a response's status and headers, and its body where that isn't an event stream."""

    status: int | None = None
    headers: Headers = ()
    body: bytes | None = None
    at_ns: int | None = None
    """Arrival of its first byte, nanoseconds since the request, if known independently of the chunks' times."""

    def __post_init__(self) -> None:
        _typed(self)

    @property
    def is_event_stream(self) -> bool:
        """Whether the server declares the body an event stream."""
        return (header(self.headers, "content-type") or "").lower().startswith("text/event-stream")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a stream ended; empty where that is unknown."""

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
    """One request and its response. A file's frames can be read once, and only before its next stream is requested."""

    frames: Iterable[TimedFrame] = ()
    place: str = ""
    """Where in its file it is (`entry 3`), empty where it is the whole file."""
    request: Request = Request()
    response: Response = Response()
    ending: Ending = Ending()
    chunks: tuple[Chunk, ...] = ()
    framed: bool = True
    """Whether the frames are the server's: bare events (JSON lines) say nothing about `event:` lines and `[DONE]`."""
    live: bool = False
    """Whether the body is as it arrived over the wire: no editor has trimmed its end."""
    socket: int | None = None
    """The WebSocket that it came over, by its number in the recording: then each frame is a message, and the request's
    body the client's event that asked for them. None for a stream of HTTP."""
    lacks: frozenset[Lack] = frozenset()
    """What is missing from the stream: some rules cannot be checked then."""
    remark: str = ""
    """How it was read, where that isn't obvious."""
    carried: Mapping[str, str | None] = field(default_factory=dict)
    """What a user added, by column: a mark, for example, or a note."""

    @property
    def is_cut(self) -> bool:
        """Whether the server isn't to blame for a missing end: somebody else ended it, or it isn't over."""
        return self.ending.ended_by in ("client", "recorder", "unknown") or self.ending.state == "open"


def carried(facts: Mapping[str, Any]) -> dict[str, str | None]:
    """The carried columns from a file that we wrote; ValueError where one isn't a text."""
    return {name: file_values.optional_text(facts.get(name)) for name, column in COLUMNS.items() if column.carried}


class Skipped(NamedTuple):
    """A part of a file that yielded no stream."""

    place: str
    why: str
    fault: bool
    """Whether a stream was expected there; False for unrelated content."""

    def __str__(self) -> str:
        return f"{self.place} {self.why}"


def moment(started_at: str | None) -> datetime | None:
    """The time that a row's `started_at` states, None where it states none."""
    try:
        return None if started_at is None else datetime.fromisoformat(started_at)
    except ValueError:
        return None


@dataclass(slots=True)
class JudgedStream:
    """A stream that has been judged: its frames with their times, and what the checker found."""

    source: str
    """The path it comes from, as given."""
    id: int | None = None
    """Its id in the recording, None for a file."""
    index: int | None = None
    """Which response of the file was selected, None for the whole file."""
    row: StreamRow | None = None
    """What the recording has besides the body; for a file, what it states about request and response, or None."""
    entries: list[Entry] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    """The calls of tools in its output, and those whose results its request brings."""
    remark: str = ""
    """How its file was read, where that isn't obvious."""
    is_redacted: bool = False
    """Whether letters stand for what user and model wrote."""

    @property
    def name(self) -> str:
        """What a user calls it: the path, or `FILE.db#ID`."""
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
        return moment(self.row.started_at) if self.row else None

    @property
    def body(self) -> bytes:
        """The frames joined, byte for byte."""
        return b"".join(entry.frame.raw for entry in self.entries)
