"""HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): opens in the browsers' tools and in mitmproxy.

What HAR has no field for stands in `_responses_tap`, as the format provides for custom fields, so that `import` gets
back what was exported: formats/har.py reads it.
"""

import base64
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qsl

from responses_tap.formats.har import CUSTOM, CUSTOM_VERSION
from responses_tap.stream.columns import COLUMNS, Headers, StreamRow
from responses_tap.urls import split
from responses_tap_viewer.file_facts import CAPTURED
from responses_tap_viewer.over_sse import over_sse
from responses_tap_viewer.reports.json_report import dumps
from responses_tap_viewer.streams import JudgedStream

_UNKNOWN = -1
"""HAR's number for what is not known."""
_NO_URL = "https://unknown.invalid/v1/responses"
"""HAR requires a URL, even for a stream whose file has none."""


def har(streams: Sequence[JudgedStream]) -> str:
    """The streams as the entries of one log."""
    creator = {"name": "responses-tap", "version": version("responses-tap")}
    return dumps(
        {"log": {"version": "1.2", "creator": creator, "entries": [_entry(over_sse(stream)) for stream in streams]}}
    )


def _entry(stream: JudgedStream) -> dict[str, Any]:
    row = stream.row
    ends = [time for time in (row.end_ns, row.last_byte_ns) if time is not None] if row else []
    took = max(ends, default=0) / 1e6
    waited = min(took, (row.first_byte_ns or 0) / 1e6) if row else 0.0
    return {
        "startedDateTime": row.started_at if row else "1970-01-01T00:00:00Z",
        "time": took,
        "request": _request(row),
        "response": _response(stream),
        "cache": {},
        "timings": {"send": 0, "wait": waited, "receive": took - waited},
        "comment": "; ".join(f"{f.severity} {f.code} {f.name} at {f.position}" for f in stream.findings),
        CUSTOM: _custom(stream),
    }


def _request(row: StreamRow | None) -> dict[str, Any]:
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


def _response(stream: JudgedStream) -> dict[str, Any]:
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
    """What the headers call the body; an event stream that they do not name is one all the same."""
    unnamed = "text/event-stream" if stream is not None and stream.entries else "application/json"
    return next((value for name, value in headers if name.lower() == "content-type"), unnamed)


def _content(body: bytes) -> dict[str, str]:
    # Not only what is no UTF-8: of text whose content-type names no charset, mitmproxy makes Latin-1.
    if body.isascii():
        return {"text": body.decode()}
    return {"text": base64.b64encode(body).decode(), "encoding": "base64"}


def _custom(stream: JudgedStream) -> dict[str, Any]:
    row = stream.row
    return {
        "version": CUSTOM_VERSION,
        "request": row is not None and bool(row.url),
        "answer": row is not None and row.status is not None,
        "started_at": row.started_at if row else None,
        "live": row is not None and row.source.endswith(CAPTURED),
        "end": None if row is None else [row.state, row.ended_by, row.end_reason, row.end_ns],
        **{column.name: getattr(row, column.name, None) for column in COLUMNS.values() if column.carried},
        "frames": [[entry.at_ns, entry.chunk] for entry in stream.entries],
        "chunks": [[chunk.at_ns, chunk.wire_size, chunk.offset, chunk.size] for chunk in stream.chunks],
    }
