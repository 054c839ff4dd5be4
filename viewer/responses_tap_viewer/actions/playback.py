"""A stream as a response to send: the same bytes in the same pieces at the same times."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from responses_tap.errors import UnusableInput
from responses_tap.escaping import header_value, is_token
from responses_tap.stream.model import JudgedStream
from responses_tap.stream.over_sse import over_sse

CHUNKINGS = ("exact", "event", "byte")
_PACE_NS = 20_000_000
"""Time between events if the stream has no times (a file)."""
_PASSED_ON = ("content-type", "openai-", "x-request-id")
"""Response headers that a replay repeats; the others belong to the original connection."""
_UNENDING = ("truncated", "open")
_FINAL = range(200, 600)
"""The statuses of a final response (RFC 9110, section 15)."""


@dataclass(frozen=True, slots=True)
class Playback:
    """The response to a request."""

    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[tuple[int, bytes], ...]
    """(nanoseconds since the request, bytes), in order."""
    cut: bool = False
    """Whether the connection breaks off at the end instead of closing properly."""


def playback(stream: JudgedStream, chunks: str = "exact") -> Playback:
    """How to play a stream; `chunks` is one of CHUNKINGS. UnusableInput where it has no response that can be sent."""
    stream = over_sse(stream)
    row = stream.row
    if row is None:
        return Playback(HTTPStatus.OK, (("Content-Type", "text/event-stream"),), tuple(_pieces(stream, chunks)))
    if row.status is None and not stream.entries:
        raise UnusableInput(stream.name, "has no response to play: the server was never reached")
    status = row.status or HTTPStatus.OK
    if status not in _FINAL:
        raise UnusableInput(stream.name, f"has the status {status}, which cannot be sent")
    headers = tuple(
        (name, header_value(value).strip(" \t"))
        for name, value in row.response_headers
        if is_token(name) and name.lower().startswith(_PASSED_ON)
    )
    if row.response_body is not None:
        return Playback(status, headers, ((row.first_byte_ns or 0, row.response_body),))
    return Playback(status, headers, tuple(_pieces(stream, chunks)), cut=row.state in _UNENDING)


def _pieces(stream: JudgedStream, chunks: str) -> Iterator[tuple[int, bytes]]:
    if chunks == "exact" and stream.chunks:
        body = stream.body
        yield from ((c.at_ns, body[c.offset : c.offset + c.size]) for c in stream.chunks if c.size)
        return
    for entry in stream.entries:
        at = entry.n * _PACE_NS if entry.at_ns is None else entry.at_ns
        if chunks == "byte":
            yield from ((at, bytes([byte])) for byte in entry.frame.raw)
        else:
            yield at, entry.frame.raw
