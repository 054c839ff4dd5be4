"""Passes all chunks of one read on as one piece, so that mitmproxy stays in charge but handles fewer pieces.

mitmproxy asks one of h11's body readers for one chunk after another, and takes each through all of its layers: some
20 µs an event. `ChunkedBody` stands in for that reader and returns everything that has arrived at once. It knows only
plain chunks: a size in hex, CRLF, data, CRLF. At anything else (the last chunk, an extension, an illegal head or foot)
h11's reader continues from the same place, so that only h11 decides what is correct and what is an error.

The client gets one chunk a read; chunked framing is hop by hop (RFC 9112, section 7.1).
"""

import re
from collections.abc import Callable
from typing import Any

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.proxy.layers.http._http1 import Http1Client

_HEAD: Callable[..., re.Match[bytes] | None] = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n").match
_PART_OF_HEAD = re.compile(rb"[0-9A-Fa-f]{1,16}\r?").fullmatch
_FOOT = b"\r\n"


class ChunkedBody:
    """A chunked body. `reader` has read it so far, and continues where a chunk isn't plain."""

    def __init__(self, reader: ChunkedReader) -> None:
        self._reader = reader
        # Of the current chunk, with its foot; 0: a head is next.
        self._left = reader._bytes_in_chunk + len(_FOOT) if reader._bytes_in_chunk else len(reader._bytes_to_discard)  # noqa: SLF001
        self.is_plain = not reader._reading_trailer  # noqa: SLF001
        """Whether it is read here; from the first chunk that isn't plain, h11 reads it."""

    def __call__(self, buffer: ReceiveBuffer) -> Any:  # noqa: ANN401 (h11's readers have no common type)
        """Return what h11's readers do: an event, or None until more has arrived."""
        if not self.is_plain:
            return self._reader(buffer)
        data = bytes(buffer)
        pieces, end, self._left = _read(data, self._left)
        buffer.maybe_extract_at_most(end)
        if pieces:
            return h11.Data(data=b"".join(pieces))
        if end == len(data) or (not self._left and _PART_OF_HEAD(data, end)):
            return None
        self._hand_over()
        return self._reader(buffer)

    def read_eof(self) -> None:
        """The connection has ended within the body: h11.RemoteProtocolError."""
        self._reader.read_eof()

    def payload(self, data: bytes) -> bytes | None:
        """The payload of what has arrived; None, with nothing consumed, unless all of it is plain."""
        pieces, end, left = _read(data, self._left)
        if end < len(data):
            return None
        self._left = left
        return b"".join(pieces)

    def _hand_over(self) -> None:
        self.is_plain = False
        self._reader._bytes_in_chunk = 0  # noqa: SLF001
        self._reader._bytes_to_discard = _FOOT[-self._left :] if self._left else b""  # noqa: SLF001


def coalesce(client: Http1Client) -> None:
    """Have the body of the current response read this way; to be called from `responseheaders`."""
    if client.state == client.read_body:
        _take_over(client)
        return

    def read_body(event: Any) -> Any:  # noqa: ANN401 (mitmproxy's own is annotated in part)
        # mitmproxy runs the hook before it has created the body's reader, and looks this up right after.
        del client.read_body
        client.state = client.read_body
        _take_over(client)
        return client.read_body(event)

    client.read_body = read_body  # type: ignore[method-assign]


def _take_over(client: Http1Client) -> None:
    if type(client.body_reader) is ChunkedReader:
        client.body_reader = ChunkedBody(client.body_reader)  # type: ignore[assignment]


def _read(data: bytes, left: int) -> tuple[list[bytes], int, int]:
    """The payload, the offset up to which all is plain, and the rest of the chunk there, including its foot."""
    pieces = []
    at, size = 0, len(data)
    while at < size:
        if not left:
            head = _HEAD(data, at)
            if head is None or not (length := int(head[1], 16)):
                break
            at = head.end()
            left = length + len(_FOOT)
        if left > len(_FOOT):
            piece = data[at : at + left - len(_FOOT)]
            pieces.append(piece)
            at += len(piece)
            left -= len(piece)
        foot = data[at : at + min(left, len(_FOOT))]
        if not _FOOT[-left:].startswith(foot):
            break
        at += len(foot)
        left -= len(foot)
    return pieces, at, left


def knows_h11() -> bool:
    """Whether h11's reader is as `ChunkedBody`, which reads and writes its position in a body, expects it."""
    reader, buffer = ChunkedReader(), ReceiveBuffer()
    buffer += b"5\r\nab"
    reader(buffer)
    body = ChunkedBody(reader)
    payload = body.payload(b"cde\r")
    buffer += b"x"
    try:
        body(buffer)
    except h11.ProtocolError as error:
        return payload == b"cde" and "footer" in str(error)
    return False
