"""A response over a WebSocket as the event stream it would have been: for replay, and for HTTP formats."""

from dataclasses import replace
from http import HTTPStatus

from responses_tap.protocol.events import parse
from responses_tap.protocol.sse import Frame, enframe
from responses_tap.stream.model import Chunk, Entry, JudgedStream


def over_sse(stream: JudgedStream) -> JudgedStream:
    """The stream itself if it arrived as an event stream; a socket's messages as events.

    A request that the server refused gets a JSON response with the error's status.
    """
    row = stream.row
    if row is None or row.socket is None:
        return stream
    request = replace(row, method="POST", route="sse", socket=None, socket_ns=None)
    if row.state == "http-error" and stream.entries:
        headers = _typed("application/json")
        status = max(row.status or 0, HTTPStatus.BAD_REQUEST)  # an error need not state one
        refusal = replace(request, status=status, response_headers=headers, response_body=stream.body)
        return replace(stream, row=refusal, entries=[], chunks=[])
    entries = [_enframed(entry) for entry in stream.entries]
    chunks: list[Chunk] = []
    offset = 0
    for entry in entries:  # each message is a chunk
        size = len(entry.frame.raw)
        chunks.append(Chunk(entry.at_ns or 0, size, offset, size))
        offset += size
    typed = (*_typed("text/event-stream"), *row.response_headers)
    response = replace(request, status=HTTPStatus.OK, response_headers=typed, wire_size=offset)
    return replace(stream, row=response, entries=entries, chunks=chunks)


def _enframed(entry: Entry) -> Entry:
    message: Frame = entry.frame
    return entry._replace(frame=enframe(message, parse(message.data or b"").type))


def _typed(content_type: str) -> tuple[tuple[str, str], ...]:
    return (("Content-Type", content_type),)
