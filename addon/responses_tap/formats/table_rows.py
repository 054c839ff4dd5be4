"""Streams as rows of a table, as engines and archives keep them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from responses_tap.formats import UnrecognizedFormat
from responses_tap.formats.exchanges import decoded
from responses_tap.formats.json_events import read_lines
from responses_tap.formats.raw import read, refuse_foreign
from responses_tap.protocol.sse import looks_like_events
from responses_tap.stream.columns import Headers, header
from responses_tap.stream.file_values import optional_text, status, text
from responses_tap.stream.model import Request, Response, Stream

BODIES = ("body", "events")
"""The columns of which a row needs one."""
COLUMNS = (
    "source",
    "url",
    "status",
    "request_headers",
    "response_headers",
    "request_body",
    "started_at",
    *BODIES,
)


def stream_of(row: Mapping[str, Any]) -> Stream:
    """The stream of a row; UnrecognizedFormat or ValueError where it has none that can be read.

    It stands in `body` or in `events`; `url`, `status`, `request_headers`, `response_headers`, `request_body` and
    `started_at` are what is known beside it.
    """
    request = Request(
        url=text(row.get("url") or ""),
        headers=_headers(row.get("request_headers")),
        body=_text(row.get("request_body")),
        started_at=optional_text(row.get("started_at") and str(row["started_at"])),
    )
    response = Response(status(row.get("status")), _headers(row.get("response_headers")))
    events, body = row.get("events"), row.get("body")
    if events is not None:
        stream = read_lines(event.encode(errors="replace") + b"\n" for event in events if event is not None)
    elif body is not None:
        stream = _in_body(body.encode(errors="replace") if isinstance(body, str) else bytes(body), response)
    else:
        raise UnrecognizedFormat("has neither `body` nor `events`")
    return replace(stream, request=request, response=replace(response, body=stream.response.body))


def _in_body(body: bytes, response: Response) -> Stream:
    """The stream in a body; whatever isn't an event stream is judged as a body where the response's head is known."""
    body = decoded(body, header(response.headers, "content-encoding"))
    if looks_like_events(body):
        return read(iter([body]))
    if body.lstrip()[:1] != b"{" and response == Response():
        refuse_foreign(body)
        raise UnrecognizedFormat("isn't an event stream")
    return Stream(response=Response(body=body))


def _headers(value: Any) -> Headers:  # noqa: ANN401 (Arrow, or JSON)
    """Headers as engines keep them; ValueError where they are something else."""
    if isinstance(value, str):
        value = json.loads(value or "[]")
    if isinstance(value, Mapping):
        value = list(value.items())
    pairs = [tuple(pair.values()) if isinstance(pair, Mapping) else pair for pair in value or ()]
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):  # noqa: PLR2004 (a pair)
        raise ValueError("has headers that aren't pairs of name and value")
    return tuple((text(name), text(content)) for name, content in pairs)


def _text(value: object) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else optional_text(value)
