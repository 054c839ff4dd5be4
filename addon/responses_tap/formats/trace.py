"""Our own JSON trace, as `export --format json` writes it: every frame, time and fact of its streams."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from responses_tap.formats import UnrecognizedFormat
from responses_tap.protocol.sse import Frame, framed, message_frame
from responses_tap.stream import values
from responses_tap.stream.columns import Headers
from responses_tap.stream.model import Chunk, Ending, Request, Response, Skipped, Stream, TimedFrame, carried

VERSION = 1
_NAME = "responses-tap trace"


def is_trace(document: object) -> bool:
    """Whether a JSON document is a trace."""
    return isinstance(document, dict) and document.get("format") == _NAME


def read(document: dict[str, Any]) -> Iterator[Stream | Skipped]:
    """The streams of a trace; UnrecognizedFormat where it is of a version that this one does not know."""
    if document.get("version") != VERSION:
        raise UnrecognizedFormat(
            f"is a trace of version {document.get('version')!r}, this program reads {VERSION}; upgrade it"
        )
    streams = document.get("streams")
    if not isinstance(streams, list) or not streams:
        raise UnrecognizedFormat("is a trace without streams")
    for n, stream in enumerate(streams):
        try:
            imported = _read_stream(stream, f"stream {n}")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            yield Skipped(f"stream {n}", f"is damaged ({type(error).__name__}: {error})", fault=True)
        else:
            yield imported


def _read_stream(stream: dict[str, Any], place: str) -> Stream | Skipped:
    # The frames are looked at now, so that a damaged one is told with its stream.
    is_socket = stream.get("route") == "websocket" and bool(stream["frames"])  # none: the handshake was refused
    frames = list((_messages if is_socket else _frames)(stream["frames"]))
    ending = Ending(stream.get("state"), stream.get("ended_by"), stream.get("end_reason"), stream.get("end_ns"))
    pieces = tuple(Chunk(*(values.count(piece[name]) for name in Chunk._fields)) for piece in stream.get("chunks", ()))
    told = "request" in stream
    return Stream(
        iter(frames),
        place,
        _request(stream) if told else Request(),
        _response(stream["response"]) if told else Response(),
        ending,
        pieces,
        live=bool(stream.get("live")),
        socket=values.count(stream.get("socket") or 0) if is_socket else None,
        carried=carried(stream),
    )


def _frames(frames: list[dict[str, Any]]) -> Iterator[TimedFrame]:
    for frame, origin in framed((_raw(entry), entry) for entry in frames):
        yield _taken(frame, origin)


def _messages(frames: list[dict[str, Any]]) -> Iterator[TimedFrame]:
    """The messages of a WebSocket; a binary one has no position."""
    for entry in frames:
        yield _taken(message_frame(_raw(entry), is_text=entry["position"] is not None), entry)


def _taken(frame: Frame, origin: dict[str, Any]) -> TimedFrame:
    return TimedFrame(frame, values.optional_count(origin["at_ns"]), values.optional_count(origin["chunk"]), 1)


def _raw(frame: dict[str, Any]) -> bytes:
    if "raw" in frame:
        return values.text(frame["raw"]).encode()
    return base64.b64decode(frame["raw_base64"], validate=True)


def _request(stream: dict[str, Any]) -> Request:
    request = stream["request"]
    return Request(
        request["method"],
        request["url"],
        request["http_version"],
        _headers(request["headers"]),
        _text(request),
        stream["started_at"],
    )


def _response(response: dict[str, Any]) -> Response:
    if "body_base64" in response:
        body: bytes | None = base64.b64decode(response["body_base64"], validate=True)
    else:
        text = _text(response)
        body = None if text is None else text.encode()
    return Response(values.status(response["status"]), _headers(response["headers"]), body)


def _headers(pairs: list[list[str]]) -> Headers:
    return tuple((name, value) for name, value in pairs)


def _text(message: dict[str, Any]) -> str | None:
    """A message's body as text: the trace shows JSON as JSON."""
    body = message.get("body_text", message["body"])
    return body if body is None or isinstance(body, str) else compact(body)


def compact(value: object) -> str:
    """JSON as OpenAI's SDKs write it; ValueError for a number that JSON has not."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
