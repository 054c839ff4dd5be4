"""What proxy and worker say to each other: messages through the spool, replies as JSON lines through a pipe."""

import json
import struct
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Literal, NamedTuple, cast, get_args

from responses_tap.protocol.events import json_object
from responses_tap.protocol.findings import at_event
from responses_tap.stream.file_values import timestamp
from responses_tap.stream.storable import pairs, short_text, small_int, whole_text

type EndedBy = Literal["server", "client", "network", "recorder", "unknown"]

MESSAGE_HEAD = struct.Struct("<BIqI")
"""What precedes a payload: kind, flow, nanoseconds, bytes of the payload."""
message_head = MESSAGE_HEAD.pack


class MessageKind(IntEnum):
    """What a message tells of a flow."""

    REQUEST = 1
    RESPONSE = 2
    CHUNK = 3
    ENDING = 4
    SOCKET = 5
    """The request of a WebSocket; its messages follow."""
    MESSAGE = 6
    BODY = 7
    """A piece of an upload's body."""
    SENT = 8
    """The body of an upload is complete."""


_KINDS = {int(kind): kind for kind in MessageKind}
"""A look-up for the hot path, several times as fast as `MessageKind(1)`."""


class Message(NamedTuple):
    """One thing that happened to a flow."""

    kind: MessageKind
    flow: int
    """The number that the supervisor gave the flow."""
    at_ns: int
    """When, in nanoseconds of the monotonic clock."""
    payload: bytes
    """A chunk's bytes; of the other kinds, the facts in the form of their class below."""
    place: int = 0
    """Its offset in the spool."""

    @property
    def end(self) -> int:
        """The offset of what follows it."""
        return self.place + MESSAGE_HEAD.size + len(self.payload)


def encode_message(kind: int, flow: int, at_ns: int, payload: bytes | memoryview) -> bytes:
    """A message as it is in the spool."""
    return message_head(kind, flow, at_ns, len(payload)) + payload


def decode_messages(content: bytes, place: int) -> list[Message]:
    """The messages that are whole in what is at this offset of the spool."""
    messages = []
    at, last = 0, len(content) - MESSAGE_HEAD.size
    while at <= last:
        kind, flow, at_ns, size = MESSAGE_HEAD.unpack_from(content, at)
        start = at + MESSAGE_HEAD.size
        end = start + size
        if end > len(content):
            break
        messages.append(Message(_KINDS[kind], flow, at_ns, content[start:end], place + at))
        at = end
    return messages


def decode_head(head: bytes) -> tuple[MessageKind, int, int, int]:
    """The kind, flow, nanoseconds and bytes of the payload that a message begins with."""
    kind, flow, at_ns, size = MESSAGE_HEAD.unpack_from(head)
    return _KINDS[kind], flow, at_ns, size


@dataclass(frozen=True, slots=True)
class _Facts:
    """A message of facts alone."""

    def encode(self) -> bytes:
        """Its payload: JSON."""
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True, slots=True)
class RequestMessage:
    """What a client asked for."""

    method: str
    url: str
    host: str
    http_version: str
    headers: list[tuple[str, str]]
    started_at: str
    """ISO 8601, UTC, microseconds."""
    expected: bool
    """Whether the request alone shows that a response of this API will follow."""
    body: bytes
    route: str = "sse"
    """`sse` or `websocket`."""
    is_upload: bool = False
    """Whether the body follows in pieces: it is large, or the proxy passes it on as it comes."""

    def encode(self) -> bytes:
        """The payload of a REQUEST or SOCKET message: a line of JSON, then the body."""
        facts = {name: getattr(self, name) for name in self.__slots__ if name != "body"}
        return json.dumps(facts).encode() + b"\n" + self.body

    @classmethod
    def decode(cls, payload: bytes) -> "RequestMessage":
        """The request of a message."""
        line, _, body = payload.partition(b"\n")
        facts = json_object(line)
        return cls(
            short_text(facts.get("method")),
            whole_text(facts.get("url")),
            short_text(facts.get("host")),
            short_text(facts.get("http_version")),
            pairs(facts.get("headers")),
            _moment(facts.get("started_at")),
            facts.get("expected") is True,
            body,
            short_text(facts.get("route")),
            facts.get("is_upload") is True,
        )


@dataclass(frozen=True, slots=True)
class ResponseMessage(_Facts):
    """The status and headers of the server's response."""

    status: int
    headers: list[tuple[str, str]]

    @classmethod
    def decode(cls, payload: bytes) -> "ResponseMessage":
        """The response of a message; status 0 where it states none."""
        facts = json_object(payload)
        return cls(small_int(facts.get("status")) or 0, pairs(facts.get("headers")))


@dataclass(frozen=True, slots=True)
class Sent(_Facts):
    """The end of a request body that came piece by piece."""

    size: int
    """Bytes of the whole; pieces may have been left out."""

    @classmethod
    def decode(cls, payload: bytes) -> "Sent":
        """The end of a message."""
        size = json_object(payload).get("size")
        return cls(size if isinstance(size, int) else 0)


@dataclass(frozen=True, slots=True)
class SocketMessage:
    """A message of a WebSocket."""

    from_client: bool
    is_text: bool
    content: bytes

    def encode(self) -> bytes:
        """The payload of a MESSAGE message: a byte of flags, then the content."""
        return bytes((self.from_client << 1 | self.is_text,)) + self.content

    @classmethod
    def decode(cls, payload: bytes) -> "SocketMessage":
        """The WebSocket's message of a message."""
        flags = payload[0] if payload else 0
        return cls(bool(flags & 2), bool(flags & 1), payload[1:])


@dataclass(frozen=True, slots=True)
class EndingMessage(_Facts):
    """How a flow ended."""

    ended_by: EndedBy
    reason: str
    complete: bool
    """Whether the response was complete as HTTP understands it."""
    lost: int = 0
    """Bytes of the body that were not recorded because the recorder could not keep up."""
    close_code: int | None = None
    """A WebSocket's, as RFC 6455 has them."""
    close_reason: str | None = None

    @classmethod
    def decode(cls, payload: bytes) -> "EndingMessage":
        """The ending in a message."""
        facts = json_object(payload)
        by, lost, close_reason = (facts.get(name) for name in ("ended_by", "lost", "close_reason"))
        return cls(
            cast("EndedBy", by) if by in get_args(EndedBy.__value__) else "unknown",
            short_text(facts.get("reason")),
            facts.get("complete") is True,
            lost if isinstance(lost, int) else 0,
            small_int(facts.get("close_code")),
            None if close_reason is None else short_text(close_reason),
        )


def _moment(value: object) -> str:
    """The value if it is a time in ISO 8601, else now."""
    text = short_text(value)
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return timestamp(datetime.now(UTC))
    return text


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has opened the recording."""

    path: str
    """The file that streams begin in: the last, where the recording is in several."""


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """A stream is being recorded."""

    stream: int
    """Its id in the recording, as in the other notices."""
    flow: int
    """The number that the supervisor gave its flow."""
    path: str
    """The file that it is in."""
    method: str
    url: str
    model: str | None

    def __str__(self) -> str:
        return f"stream {self.stream}: {self.method} {self.url}"


@dataclass(frozen=True, slots=True)
class FindingMade:
    """The checker found a defect."""

    stream: int
    code: str
    name: str
    severity: str
    position: int | None
    message: str

    def __str__(self) -> str:
        at = at_event(self.position, self.message)
        return f"{self.code} {self.name} in stream {self.stream}{at}: {self.message}"


@dataclass(frozen=True, slots=True)
class StreamFinished:
    """A stream reached its terminal event or its end. Findings of what comes later are still told."""

    stream: int
    state: str
    ended_by: str
    reason: str
    events: int
    errors: int
    warnings: int
    notes: int
    first_code: str | None

    def __str__(self) -> str:
        found = f"{self.errors} errors, {self.warnings} warnings, {self.notes} notes" + (
            f", first {self.first_code}" if self.first_code else ""
        )
        return f"stream {self.stream}: {self.state}, ended by {self.ended_by}, {self.events} events, {found}"


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Streams have passed that don't match `--only`."""

    streams: int
    """How many since the last notice of this kind."""


@dataclass(frozen=True, slots=True)
class FileBegun:
    """The recording has reached its size, and what begins now is in another file."""

    path: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """The recorder itself failed at something; the traffic goes on."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Hint:
    """What a user should know and no finding says: why there is no connection, that a response holds a secret."""

    message: str
    refused_tls: bool = False
    """Whether it is about a client that gave up a TLS connection, as one does that doesn't trust the CA."""

    def __str__(self) -> str:
        return self.message


type Notice = StreamStarted | FindingMade | StreamFinished | Unmatched | FileBegun | Trouble | Hint
"""What is reported to the recorder's user."""

type Reply = Ready | Notice
"""What a worker says to its supervisor."""

_REPLIES: dict[str, type[Reply]] = {
    kind.__name__: kind
    for kind in (Ready, StreamStarted, FindingMade, StreamFinished, Unmatched, FileBegun, Trouble, Hint)
}


def encode_reply(reply: Reply) -> bytes:
    """A line of JSON with its line end."""
    return json.dumps({"reply": type(reply).__name__, **asdict(reply)}).encode() + b"\n"


def decode_reply(line: bytes) -> Reply:
    """The reply in a line; a line that is none (an interpreter's dying words) is Trouble."""
    try:
        facts = json.loads(line)
        return _REPLIES[facts.pop("reply")](**facts)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Trouble(f"recorder: {line.decode(errors='replace').strip()}")
