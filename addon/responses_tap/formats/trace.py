"""Our own JSON trace, as `export --format json` writes it: a whole stream with every frame, time and finding."""

import base64
import json
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from responses_tap.escaping import dumps
from responses_tap.formats import UnrecognizedFormat
from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.rules import RULES
from responses_tap.protocol.sse import Frame, framed, message_frame
from responses_tap.stream import file_values
from responses_tap.stream.columns import COLUMNS, Headers, StreamRow
from responses_tap.stream.model import (
    Chunk,
    Ending,
    Entry,
    JudgedStream,
    Request,
    Response,
    Skipped,
    Stream,
    TimedFrame,
    carried,
)
from responses_tap.stream.recorded import CAPTURED

VERSION = 1
_NAME = "responses-tap trace"


def is_trace(document: object) -> bool:
    """Whether a JSON document is a trace, of whatever version: one of ours to come may call its format otherwise."""
    if not isinstance(document, dict):
        return False
    is_unnamed = type(document.get("version")) is int and isinstance(document.get("streams"), list)
    return document["format"] == _NAME if "format" in document else is_unnamed


def read(document: dict[str, Any]) -> Iterator[Stream | Skipped]:
    """The streams of a trace; UnrecognizedFormat where its version is unknown."""
    if document.get("version") != VERSION:
        raise UnrecognizedFormat(
            f"is a trace of version {document.get('version')!r}, this program reads {VERSION}; upgrade it"
        )
    streams = document.get("streams")
    if not isinstance(streams, list) or not streams:
        raise UnrecognizedFormat("is a trace without streams")
    for n, stream in enumerate(streams):
        try:
            found = _read_stream(stream, f"stream {n}")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            yield Skipped(f"stream {n}", f"is damaged ({type(error).__name__}: {error})", fault=True)
        else:
            yield found


def _read_stream(stream: dict[str, Any], place: str) -> Stream | Skipped:
    # The frames are read now, so that a damaged one is reported with its stream.
    is_socket = stream.get("route") == "websocket" and bool(stream["frames"])  # none: the handshake was refused
    frames = list((_messages if is_socket else _frames)(stream["frames"]))
    ending = Ending(stream.get("state"), stream.get("ended_by"), stream.get("end_reason"), stream.get("end_ns"))
    pieces = tuple(
        Chunk(*(file_values.count(piece[name]) for name in Chunk._fields)) for piece in stream.get("chunks", ())
    )
    has_request = "request" in stream
    return Stream(
        iter(frames),
        place,
        _request(stream) if has_request else Request(),
        _response(stream["response"]) if has_request else Response(),
        ending,
        pieces,
        live=bool(stream.get("live")),
        socket=file_values.count(stream.get("socket") or 0) if is_socket else None,
        carried=carried(stream),
    )


def _frames(frames: list[dict[str, Any]]) -> Iterator[TimedFrame]:
    for frame, origin in framed((_raw(entry), entry) for entry in frames):
        yield _timed(frame, origin)


def _messages(frames: list[dict[str, Any]]) -> Iterator[TimedFrame]:
    """The messages of a WebSocket; a binary one has no position."""
    for entry in frames:
        yield _timed(message_frame(_raw(entry), is_text=entry["position"] is not None), entry)


def _timed(frame: Frame, origin: dict[str, Any]) -> TimedFrame:
    return TimedFrame(
        frame, file_values.optional_count(origin["at_ns"]), file_values.optional_count(origin["chunk"]), 1
    )


def _raw(frame: dict[str, Any]) -> bytes:
    if "raw" in frame:
        return file_values.text(frame["raw"]).encode()
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
    return Response(file_values.status(response["status"]), _headers(response["headers"]), body)


def _headers(pairs: list[list[str]]) -> Headers:
    return tuple((name, value) for name, value in pairs)


def _text(message: dict[str, Any]) -> str | None:
    """A message's body as text: a trace has JSON bodies as JSON."""
    body = message.get("body_text", message["body"])
    return body if body is None or isinstance(body, str) else compact(body)


def write(streams: Sequence[JudgedStream]) -> str:
    """The streams as JSON text.

    Times are nanoseconds since a stream's `started_at`; a frame is text (`raw`), or base64 (`raw_base64`) where it
    isn't UTF-8. The frames of a stream, joined, are its body. The body of a request is a JSON value if it is JSON, else
    text; `body_text` is the body as it was sent, where `body`, written without blanks, would differ.
    """
    return dumps(
        {
            "format": _NAME,
            "version": VERSION,
            "generator": f"responses-tap {version('responses-tap-core')}",
            "rules": RULES_VERSION,
            "streams": [_written(stream) for stream in streams],
        }
    )


def _written(stream: JudgedStream) -> dict[str, Any]:
    return {
        "source": stream.source,
        "id": stream.id,
        **(_recorded(stream.row) if stream.row else {}),
        "chunks": [
            {"at_ns": chunk.at_ns, "wire_size": chunk.wire_size, "offset": chunk.offset, "size": chunk.size}
            for chunk in stream.chunks
        ],
        "frames": [_written_frame(entry) for entry in stream.entries],
        "findings": [finding_object(finding) for finding in stream.findings],
    }


def _recorded(row: StreamRow) -> dict[str, Any]:
    known: dict[str, Any] = {"live": row.source.endswith(CAPTURED)}
    for column in COLUMNS.values():
        if column.trace:
            group, dot, name = column.trace.rpartition(".")
            value = getattr(row, column.name)
            place = known.setdefault(group, {}) if dot else known
            place.update(_body(value) if column.is_body else {name: value})
    return known


def _written_frame(entry: Entry) -> dict[str, Any]:
    try:
        raw = {"raw": entry.frame.raw.decode()}
    except UnicodeDecodeError:
        raw = {"raw_base64": base64.b64encode(entry.frame.raw).decode()}
    return {"position": entry.position, "at_ns": entry.at_ns, "chunk": entry.chunk} | raw


def _body(body: str | bytes | None) -> dict[str, object]:
    """A body as JSON or text; where JSON wouldn't give back every character, as it was sent, too."""
    if isinstance(body, bytes):
        try:
            return _body(body.decode())
        except UnicodeDecodeError:
            return {"body": None, "body_base64": base64.b64encode(body).decode()}
    value, written = _parsed(body or "")
    if value is None:
        return {"body": body}
    return {"body": value} | ({} if written == body else {"body_text": body})


def _parsed(text: str) -> tuple[object, str]:
    """The JSON object or array in a text, and how `read` writes it again; None for any other text."""
    try:
        value = json.loads(text)
        return (value, compact(value)) if isinstance(value, dict | list) else (None, "")
    except (ValueError, RecursionError):
        return None, ""


def finding_object(finding: Finding) -> dict[str, Any]:
    """A finding with the text of its rule's page."""
    page = RULES[finding.code].page(finding) if finding.code in RULES else None
    words = {"fix": page.fix, "impact": page.impact, "source": page.source} if page else {}
    return finding.facts() | words


def compact(value: object) -> str:
    """JSON as OpenAI's SDKs write it; ValueError for a number that JSON doesn't have."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
