"""The rows of a recording as Python values.

Readers validate each row by these types: a file may contain anything.
"""

import json
from dataclasses import dataclass
from typing import Annotated, NamedTuple, TypedDict

from pydantic import BeforeValidator, Field

from responses_tap.protocol.findings import Severity
from responses_tap.stream.columns import Headers
from responses_tap.stream.storable import storable_text

_LONGEST_NS = 10**18
"""Some 31 years."""
_MOST_COUNTED = 2**53


def _json(value: object) -> object:
    """A column's JSON, parsed; ValueError where it isn't JSON."""
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


type CountColumn = Annotated[int, Field(ge=0, le=_MOST_COUNTED)]
type NanosecondsColumn = Annotated[int, Field(ge=-_LONGEST_NS, le=_LONGEST_NS)]
"""A time in a stream; it may be negative."""
type HeadersColumn = Annotated[Headers, BeforeValidator(_headers)]
type BodyColumn = Annotated[str, BeforeValidator(_text)]
type SeverityColumn = Annotated[Severity, Field(strict=False)]


class ChunkRow(NamedTuple):
    """A piece of a response's body as it arrived."""

    stream: int
    n: CountColumn
    """0-based in its stream."""
    at_ns: NanosecondsColumn
    """Arrival, nanoseconds since the stream's `started_at`."""
    wire_size: CountColumn
    """Bytes on the wire, still content-encoded."""
    offset: CountColumn
    """Where it begins in the decoded body, in bytes."""
    size: CountColumn
    """Bytes that it added to the decoded body."""


HUGE = 2**20
"""Frames of at least this many bytes are held and written in pieces."""


class EventRow(NamedTuple):
    """One frame of a stream. The fields from `type` on are None where the frame isn't an event."""

    stream: int
    n: CountColumn
    """0-based number of the frame in the body."""
    position: CountColumn | None
    """0-based number of the event in its response; None for comments, `[DONE]` and a truncated frame."""
    at_ns: NanosecondsColumn
    chunk: CountColumn
    """The `n` of the chunk that completed it."""
    type: str | None
    sequence_number: int | None
    output_index: int | None
    content_index: int | None
    summary_index: int | None
    item_id: str | None
    response: CountColumn
    """Which response of the body it is in, 0-based; a frame without an event is in that of the event before it."""
    raw: bytes
    """The frame as it arrived, after content-decoding."""


def bare_event(stream: int, n: int, at_ns: int, chunk: int, raw: bytes, response: int) -> EventRow:
    """The row of a frame of which only the bytes are known, in or after this response."""
    return EventRow(stream, n, None, at_ns, chunk, None, None, None, None, None, None, response, raw)


@dataclass(frozen=True, slots=True)
class SocketRow:
    """One WebSocket. Its responses are streams, whose times begin with them."""

    id: int
    url: str
    host: str
    http_version: str
    request_headers: HeadersColumn
    """Of the handshake, secrets masked."""
    status: int | None
    response_headers: HeadersColumn
    started_at: str
    """ISO 8601, UTC, microseconds: the wall clock at the handshake."""
    end_ns: NanosecondsColumn | None
    """When it was closed, nanoseconds since `started_at`; None while it is open."""
    ended_by: str | None
    end_reason: str | None
    close_code: int | None
    """As in RFC 6455; 1006: closed without a close frame."""
    close_reason: str | None


class FindingColumns(TypedDict):
    """A finding's row; `scope`, `evidence` and `fields` are JSON in the file."""

    code: str
    name: str
    severity: SeverityColumn
    position: CountColumn | None
    text: str
    scope: Annotated[dict[str, int], BeforeValidator(_json)]
    missing: str | None
    count: Annotated[int, Field(ge=1, le=_MOST_COUNTED)]
    evidence: Annotated[list[int], BeforeValidator(_json)]
    response: CountColumn
    fields: Annotated[tuple[str, ...], Field(strict=False), BeforeValidator(_json)]
