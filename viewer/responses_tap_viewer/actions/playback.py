"""A stream as a response to send: the same bytes in the same pieces at the same times."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus

from responses_tap.errors import UnusableInput
from responses_tap.escaping import header_value, is_token
from responses_tap.stream.model import JudgedStream
from responses_tap.stream.over_sse import over_sse

CHUNKINGS = ("exact", "event", "byte")
PACE_NS = 20_000_000
"""Time between events if the stream has no times (a file)."""
_PASSED_ON = ("content-type", "openai-", "x-request-id")
"""Response headers that a replay repeats; the others belong to the original connection."""
_UNENDING = ("truncated", "open")
_FINAL = range(200, 600)
"""The statuses of a final response (RFC 9110, section 15)."""


class BreakOff(StrEnum):
    """How a response ends that isn't ended properly."""

    CUT = "cut"
    """The connection is closed without the last chunk."""
    RESET = "reset"
    """The connection is reset, as by a server that crashed."""
    STALL = "stall"
    """The connection stays open, and nothing more is sent."""


@dataclass(frozen=True, slots=True)
class Playback:
    """The response to a request."""

    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[tuple[int, bytes], ...]
    """(nanoseconds since the request, bytes), in order."""
    break_off: BreakOff | None = None
    """How it breaks off behind the last piece; None where it ends properly."""
    stall_ns: int | None = None
    """How long a stall lasts, until the client hangs up where it is None; then the connection is closed."""

    def at_speed(self, speed: float) -> "Playback":
        """The same, twice as fast at 2, without waiting at 0."""
        pieces = tuple((round(at_ns / speed) if speed else 0, piece) for at_ns, piece in self.pieces)
        return replace(self, pieces=pieces)


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
    return Playback(
        status, headers, tuple(_pieces(stream, chunks)), break_off=BreakOff.RESET if row.state in _UNENDING else None
    )


def _pieces(stream: JudgedStream, chunks: str) -> Iterator[tuple[int, bytes]]:
    if chunks == "exact" and stream.chunks:
        body = stream.body
        yield from ((c.at_ns, body[c.offset : c.offset + c.size]) for c in stream.chunks if c.size)
        return
    for entry in stream.entries:
        at = entry.n * PACE_NS if entry.at_ns is None else entry.at_ns
        if chunks == "byte":
            yield from ((at, bytes([byte])) for byte in entry.frame.raw)
        else:
            yield at, entry.frame.raw
