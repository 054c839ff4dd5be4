"""The rows of a recording as Python values, and what of a value SQLite can hold.

The types are what a reader holds a row to: whoever made the file may have put anything there.
"""

import json
from dataclasses import dataclass
from typing import Annotated, NamedTuple, TypedDict

from pydantic import BeforeValidator, Field

from responses_tap.protocol.findings import Severity
from responses_tap.stream.model import Headers

_LONGEST_NS = 10**18
"""Some 31 years."""
_MOST_COUNTED = 2**53


def _json(value: object) -> object:
    """A column's JSON, read; ValueError where it is none."""
    if not isinstance(value, str):
        raise ValueError("isn't JSON")
    try:
        return json.loads(value)
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _headers(value: object) -> object:
    if value is None or value == "":
        return ()
    pairs = _json(value)
    if not isinstance(pairs, list) or not all(isinstance(pair, list) for pair in pairs):
        raise ValueError("isn't a list of [name, value]")
    return tuple(tuple(map(storable_text, pair)) for pair in pairs)


def _text(value: object) -> object:
    return value.decode() if isinstance(value, bytes) else value


type Count = Annotated[int, Field(ge=0, le=_MOST_COUNTED)]
type Nanoseconds = Annotated[int, Field(ge=-_LONGEST_NS, le=_LONGEST_NS)]
"""A time in a stream, which may lie before what it is counted from."""
type _Headers = Annotated[Headers, BeforeValidator(_headers)]
type _Body = Annotated[str | None, BeforeValidator(_text)]

_MOST = 2**63 - 1


def storable_int(value: object) -> int | None:
    """The value if it is an integer that fits a column, else None: JSON knows larger ones."""
    return value if type(value) is int and -_MOST <= value <= _MOST else None


def storable_text(value: object) -> str | None:
    """The value if it is a text, with `?` for lone surrogates (JSON has them, UTF-8 not), else None."""
    if not isinstance(value, str):
        return None
    return value if value.isascii() else value.encode(errors="replace").decode()


class ChunkRow(NamedTuple):
    """A piece of a response's body as it arrived."""

    stream: int
    n: Count
    """0-based in its stream."""
    at_ns: Nanoseconds
    """Arrival, nanoseconds since the stream's `started_at`."""
    wire_size: Count
    """Bytes on the wire, still content-encoded."""
    offset: Count
    """Where it begins in the decoded body, bytes."""
    size: Count
    """Bytes of the decoded body that it brought."""


class EventRow(NamedTuple):
    """One frame of a stream. The fields from `type` on are None where the frame is no event."""

    stream: int
    n: Count
    """0-based number of the frame in the body."""
    position: Count | None
    """0-based number of the event in its response; None for comments, `[DONE]` and a cut tail."""
    at_ns: Nanoseconds
    chunk: Count
    """The `n` of the chunk that completed it."""
    type: str | None
    sequence_number: int | None
    output_index: int | None
    content_index: int | None
    summary_index: int | None
    item_id: str | None
    response: Count
    """Which response of the body it is in, 0-based; what is no event is in that of the event before it."""
    raw: bytes
    """The frame as it arrived, after content-decoding."""


def bare_event(stream: int, n: int, at_ns: int, chunk: int, raw: bytes, response: int) -> EventRow:
    """The row of a frame of which nothing is known but its bytes, in or after this response."""
    return EventRow(stream, n, None, at_ns, chunk, None, None, None, None, None, None, response, raw)


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One request and its streamed answer. Times that end in `_ns`: nanoseconds since `started_at`."""

    id: int
    method: str
    url: str
    host: str
    route: str
    """`sse` or `websocket`."""
    http_version: str
    model: str | None
    request_headers: _Headers
    """Secrets masked."""
    request_body: _Body
    """Secrets masked; None in rows of `Recording.streams`, which leaves the bodies in the file."""
    status: int | None
    response_headers: _Headers
    content_encoding: str | None
    response_id: str | None
    started_at: str
    """ISO 8601, UTC, microseconds: the wall clock at the request."""
    first_byte_ns: Nanoseconds | None
    first_event_ns: Nanoseconds | None
    """When the first event had arrived, as far as events have come."""
    last_byte_ns: Nanoseconds | None
    end_ns: Nanoseconds | None
    state: str
    """open, queued, in_progress, completed, incomplete, failed, cancelled, truncated or http-error."""
    ended_by: str | None
    """server, client, network, recorder or unknown; None while open."""
    end_reason: str | None
    attempt: int
    """The SDK's retry count, 0 for the first try."""
    event_count: Count
    """Events so far. While the stream is open, comments count too."""
    input_tokens: int | None
    output_tokens: int | None
    wire_size: Count | None
    """Bytes of the body on the wire, None while open."""
    shape: str | None
    """Fingerprint of the sequence of event types, runs folded."""
    source: str
    """`captured`, or what it was imported from."""
    mark: str | None
    note: str | None
    response_body: bytes | None
    """An answer that is no event stream, content-decoded; None in rows of `Recording.streams`."""
    socket: int | None
    """The WebSocket that it came over, None for a stream of its own connection."""
    socket_ns: Nanoseconds | None
    """`started_at` in nanoseconds since the socket's."""
    continues: int | None
    """The stream whose response a client took up again here (`starting_after`)."""
    retry_of: int | None
    """The stream of the attempt before this one."""
    rules: str | None
    """The version of the rules behind the verdict, None where there is no verdict."""
    profile: str | None
    errors: Count
    warnings: Count
    notes: Count
    first_code: str | None

    @property
    def links(self) -> list[str]:
        """What it has to do with others, in words."""
        links = (
            ("over WebSocket", self.socket),
            ("goes on with stream", self.continues),
            ("another attempt of stream", self.retry_of),
        )
        return [f"{words} {other}" for words, other in links if other is not None]


@dataclass(frozen=True, slots=True)
class SocketRow:
    """One WebSocket. Its responses are streams; the times of those begin with them."""

    id: int
    url: str
    host: str
    http_version: str
    request_headers: _Headers
    """Of the handshake, secrets masked."""
    status: int | None
    response_headers: _Headers
    started_at: str
    """ISO 8601, UTC, microseconds: the wall clock at the handshake."""
    end_ns: Nanoseconds | None
    """When it was closed, nanoseconds since `started_at`; None while it is open."""
    ended_by: str | None
    end_reason: str | None
    close_code: int | None
    """As RFC 6455 has them; 1006: closed without saying so."""
    close_reason: str | None


class FindingColumns(TypedDict):
    """A finding's row; `scope`, `evidence` and `fields` are JSON in the file."""

    code: str
    name: str
    severity: Annotated[Severity, Field(strict=False)]
    position: Count | None
    text: str
    scope: Annotated[dict[str, int], BeforeValidator(_json)]
    missing: str | None
    count: Annotated[int, Field(ge=1, le=_MOST_COUNTED)]
    evidence: Annotated[list[int], BeforeValidator(_json)]
    response: Count
    fields: Annotated[tuple[str, ...], Field(strict=False), BeforeValidator(_json)]
