"""HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): what browsers and proxies save and open.

What HAR has no field for is kept in a custom field, `_responses_tap`, so that what we write is read back unchanged.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http import HTTPStatus
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qsl

from responses_tap.escaping import dumps
from responses_tap.formats import UnrecognizedFormat
from responses_tap.formats.exchanges import Exchange, streams
from responses_tap.protocol.events import json_type
from responses_tap.protocol.sse import decode
from responses_tap.stream import file_values
from responses_tap.stream.columns import COLUMNS, Headers, StreamRow, header
from responses_tap.stream.model import (
    Chunk,
    Ending,
    JudgedStream,
    Request,
    Response,
    Skipped,
    Stream,
    TimedFrame,
    carried,
)
from responses_tap.stream.over_sse import over_sse
from responses_tap.stream.recorded import CAPTURED
from responses_tap.urls import split

_CUSTOM = "_responses_tap"
"""The custom field of an entry."""
_CUSTOM_VERSION = 1
_UNKNOWN = -1
"""HAR's number for unknown."""
_NO_URL = "https://unknown.invalid/v1/responses"
"""HAR requires a URL, even for a stream from a file without one."""
_BODIES = "save the HAR with content"
_MEMBERS: tuple[tuple[tuple[str, ...], type, bool], ...] = (
    ((), dict, True),
    (("request",), dict, True),
    (("request", "method"), str, True),
    (("request", "url"), str, True),
    (("request", "headers"), list, False),
    (("request", "postData"), dict, False),
    (("response",), dict, True),
    (("response", "headers"), list, False),
    (("response", "content"), dict, False),
)
"""What is read of an entry: where it is, of what type, and whether it must be there."""


def is_har(document: object) -> bool:
    """Whether a JSON document is a HAR."""
    return isinstance(document, dict) and isinstance(document.get("log"), dict) and "entries" in document["log"]


def read(document: dict[str, Any]) -> Iterator[Stream | Skipped]:
    """The event streams among the entries; UnrecognizedFormat where there are none."""
    entries = document["log"]["entries"]
    if not isinstance(entries, list) or not entries:
        raise UnrecognizedFormat("is a HAR without entries")
    return streams((_read_entry(entry, f"entry {n}") for n, entry in enumerate(entries)), "a HAR", _BODIES)


def _read_entry(entry: Any, place: str) -> Stream | Exchange | Skipped:  # noqa: ANN401 (JSON)
    if (damage := _damage(entry)) is not None:
        return Skipped(place, f"is damaged: {damage}", fault=True)
    try:
        return _own(entry, place) if _CUSTOM in entry else _exchange(entry, place)
    except ValueError as error:
        return Skipped(place, f"is damaged: {error}", fault=True)
    except (AttributeError, KeyError, TypeError) as error:  # of our own field alone
        return Skipped(place, f"is damaged ({type(error).__name__}: {error})", fault=True)


def _damage(entry: object) -> str | None:
    """What an entry lacks of what is read of it, or has as something else; None for nothing."""
    for path, wanted, required in _MEMBERS:
        value = entry
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, wanted) or (value is None and path and not required):
            continue
        holder, name = ".".join(("it", *path[:-1])).removeprefix("it."), path[-1] if path else ""
        if value is None and path:
            return f"{holder} has no `{name}`"
        return f"{'.'.join(path) or 'it'} is {json_type(value)}, not {json_type(wanted())}"
    return None


def _exchange(entry: dict[str, Any], place: str) -> Exchange | Skipped:
    content = entry["response"].get("content") or {}
    found = Exchange(
        place, _request(entry), _response(entry["response"]), None, _ending(entry), mime=str(content.get("mimeType"))
    )
    if not found.is_ours:
        return found
    if entry.get("_webSocketMessages"):
        return Skipped(place, "is a WebSocket, whose messages cannot be read from a HAR yet", fault=True)
    try:
        return found._replace(body=_body(content))
    except binascii.Error as error:
        return Skipped(place, f"has content that is not base64 ({error})", fault=True)


def _own(entry: dict[str, Any], place: str) -> Stream:
    """A stream from our own export, with its times; ValueError where its body has been changed since."""
    custom, response = entry[_CUSTOM], _response(entry["response"])
    if custom["version"] != _CUSTOM_VERSION:
        raise ValueError(f"{_CUSTOM} is of version {custom['version']!r}; this program reads {_CUSTOM_VERSION}")
    body = _body(entry["response"]["content"]) or b""
    frames = list(decode([body])) if custom["frames"] else []
    if len(frames) != len(custom["frames"]):
        raise ValueError(f"its body has {len(frames)} frames, {_CUSTOM} times for {len(custom['frames'])}")
    times = [
        (file_values.optional_count(at_ns), file_values.optional_count(chunk)) for at_ns, chunk in custom["frames"]
    ]
    taken = [TimedFrame(frame, *time, 1) for frame, time in zip(frames, times, strict=True)]
    return Stream(
        iter(taken),
        place,
        _request(entry) if custom["request"] else Request(started_at=file_values.optional_text(custom["started_at"])),
        replace(response, body=None if frames else body or None) if custom["answer"] else Response(),
        Ending(*custom["end"] or ()),
        tuple(Chunk(*map(file_values.count, chunk)) for chunk in custom["chunks"]),
        live=bool(custom["live"]),
        carried=carried(custom),
    )


def _body(content: dict[str, Any]) -> bytes | None:
    text = content.get("text")
    if not isinstance(text, str) or not text:
        return None
    if content.get("encoding") == "base64":
        return base64.b64decode("".join(text.split()), validate=True)
    return text.encode(errors="replace")


def _request(entry: dict[str, Any]) -> Request:
    request = entry["request"]
    posted = (request.get("postData") or {}).get("text")
    return Request(
        file_values.text(request["method"]),
        file_values.text(request["url"]),
        file_values.text(request.get("httpVersion") or ""),
        _headers(request),
        posted if isinstance(posted, str) and posted else None,
        file_values.optional_text(entry.get("startedDateTime") or None),
    )


def _response(response: dict[str, Any]) -> Response:
    return Response(file_values.status(response.get("status")), _headers(response))


def _headers(message: dict[str, Any]) -> Headers:
    # HTTP/2's pseudo headers (`:authority`) aren't headers.
    headers = message.get("headers") or ()
    if not all(isinstance(header, dict) and {"name", "value"} <= header.keys() for header in headers):
        raise ValueError("a header is no object with `name` and `value`")
    pairs = ((file_values.text(header["name"]), file_values.text(header["value"])) for header in headers)
    return tuple((name, value) for name, value in pairs if not name.startswith(":"))


def _ending(entry: dict[str, Any]) -> Ending:
    """A HAR says when the response was complete, not when its events arrived."""
    return Ending(at_ns=file_values.time_ns(entry.get("time"), 1e6))


def write(streams: Sequence[JudgedStream]) -> str:
    """The streams as entries of one log."""
    creator = {"name": "responses-tap", "version": version("responses-tap-core")}
    return dumps(
        {"log": {"version": "1.2", "creator": creator, "entries": [_written(over_sse(stream)) for stream in streams]}}
    )


def _written(stream: JudgedStream) -> dict[str, Any]:
    row = stream.row
    ends = [time for time in (row.end_ns, row.last_byte_ns) if time is not None] if row else []
    took = max(ends, default=0) / 1e6
    waited = min(took, (row.first_byte_ns or 0) / 1e6) if row else 0.0
    return {
        "startedDateTime": row.started_at if row else "1970-01-01T00:00:00Z",
        "time": took,
        "request": _written_request(row),
        "response": _written_response(stream),
        "cache": {},
        "timings": {"send": 0, "wait": waited, "receive": took - waited},
        "comment": "; ".join(f"{f.severity} {f.code} {f.name} at {f.position}" for f in stream.findings),
        _CUSTOM: _custom(stream),
    }


def _written_request(row: StreamRow | None) -> dict[str, Any]:
    if row is None:
        return {"method": "POST", "url": _NO_URL, **_message("", ()), "queryString": [], "bodySize": _UNKNOWN}
    query = parse_qsl(split(row.url).query, keep_blank_values=True)
    body = row.request_body
    posted = {} if body is None else {"postData": {"mimeType": _type(row.request_headers), "text": body}}
    return {
        "method": row.method,
        "url": row.url or _NO_URL,
        **_message(row.http_version, row.request_headers),
        "queryString": [{"name": name, "value": value} for name, value in query],
        **posted,
        "bodySize": 0 if body is None else len(body.encode(errors="replace")),
    }


def _written_response(stream: JudgedStream) -> dict[str, Any]:
    row = stream.row
    status = (row.status or 0) if row else HTTPStatus.OK
    headers = row.response_headers if row else ()
    body = (row.response_body if row else None) or stream.body
    return {
        "status": status,
        "statusText": HTTPStatus(status).phrase if status in HTTPStatus else "",
        **_message(row.http_version if row else "", headers),
        "content": {"size": len(body), "mimeType": _type(headers, stream), **_content(body)},
        "redirectURL": "",
        "bodySize": _UNKNOWN if row is None or row.wire_size is None else row.wire_size,
    }


def _message(http_version: str, headers: Headers) -> dict[str, Any]:
    return {
        "httpVersion": http_version,
        "cookies": [],
        "headers": [{"name": name, "value": value} for name, value in headers],
        "headersSize": _UNKNOWN,
    }


def _type(headers: Headers, stream: JudgedStream | None = None) -> str:
    """The content type in the headers; an event stream is one even if they don't say so."""
    unnamed = "text/event-stream" if stream is not None and stream.entries else "application/json"
    return header(headers, "content-type") or unnamed


def _content(body: bytes) -> dict[str, str]:
    # Even where it is UTF-8: text whose content type states no charset is Latin-1 to mitmproxy.
    if body.isascii():
        return {"text": body.decode()}
    return {"text": base64.b64encode(body).decode(), "encoding": "base64"}


def _custom(stream: JudgedStream) -> dict[str, Any]:
    row = stream.row
    return {
        "version": _CUSTOM_VERSION,
        "request": row is not None and bool(row.url),
        "answer": row is not None and row.status is not None,
        "started_at": row.started_at if row else None,
        "live": row is not None and row.source.endswith(CAPTURED),
        "end": None if row is None else [row.state, row.ended_by, row.end_reason, row.end_ns],
        **{column.name: getattr(row, column.name, None) for column in COLUMNS.values() if column.carried},
        "frames": [[entry.at_ns, entry.chunk] for entry in stream.entries],
        "chunks": [[chunk.at_ns, chunk.wire_size, chunk.offset, chunk.size] for chunk in stream.chunks],
    }
