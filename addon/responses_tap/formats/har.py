"""HAR 1.2: the requests that a browser or a proxy has kept, some of whose answers are event streams."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from responses_tap.formats import UnrecognizedFormat
from responses_tap.formats.exchanges import Exchange, streams
from responses_tap.protocol.sse import decode
from responses_tap.stream import values
from responses_tap.stream.columns import Headers
from responses_tap.stream.model import Chunk, Ending, Request, Response, Skipped, Stream, TimedFrame, carried

CUSTOM = "_responses_tap"
"""The field of an entry in which our export keeps what HAR has no field for."""
CUSTOM_VERSION = 1
_BODIES = "save the HAR with content"


def is_har(document: object) -> bool:
    """Whether a JSON document is a HAR."""
    return isinstance(document, dict) and isinstance(document.get("log"), dict) and "entries" in document["log"]


def read(document: dict[str, Any]) -> Iterator[Stream | Skipped]:
    """The event streams among the entries; UnrecognizedFormat where there are none."""
    entries = document["log"]["entries"]
    if not isinstance(entries, list) or not entries:
        raise UnrecognizedFormat("is a HAR without entries")
    return streams((_read_entry(entry, f"entry {n}") for n, entry in enumerate(entries)), "a HAR", _BODIES)


def _read_entry(entry: dict[str, Any], place: str) -> Stream | Exchange | Skipped:
    try:
        return _own(entry, place) if CUSTOM in entry else _exchange(entry, place)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Skipped(place, f"is damaged ({type(error).__name__}: {error})", fault=True)


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
        return Skipped(place, f"has content that is no base64 ({error})", fault=True)


def _own(entry: dict[str, Any], place: str) -> Stream:
    """A stream that our export wrote, with its times; ValueError where its body has been changed since."""
    custom, answer = entry[CUSTOM], _response(entry["response"])
    if custom["version"] != CUSTOM_VERSION:
        raise ValueError(f"{CUSTOM} is of version {custom['version']!r}; this program reads {CUSTOM_VERSION}")
    body = _body(entry["response"]["content"]) or b""
    frames = list(decode([body])) if custom["frames"] else []
    if len(frames) != len(custom["frames"]):
        raise ValueError(f"its body has {len(frames)} frames, {CUSTOM} times for {len(custom['frames'])}")
    times = [(values.optional_count(at_ns), values.optional_count(chunk)) for at_ns, chunk in custom["frames"]]
    taken = [TimedFrame(frame, *time, 1) for frame, time in zip(frames, times, strict=True)]
    return Stream(
        iter(taken),
        place,
        _request(entry) if custom["request"] else Request(started_at=values.optional_text(custom["started_at"])),
        replace(answer, body=None if frames else body or None) if custom["answer"] else Response(),
        Ending(*custom["end"] or ()),
        tuple(Chunk(*map(values.count, chunk)) for chunk in custom["chunks"]),
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
        values.text(request["method"]),
        values.text(request["url"]),
        values.text(request.get("httpVersion") or ""),
        _headers(request),
        posted if isinstance(posted, str) and posted else None,
        values.optional_text(entry.get("startedDateTime") or None),
    )


def _response(response: dict[str, Any]) -> Response:
    return Response(values.status(response.get("status")), _headers(response))


def _headers(message: dict[str, Any]) -> Headers:
    # HTTP/2's pseudo headers (`:authority`) are no headers.
    pairs = ((values.text(header["name"]), values.text(header["value"])) for header in message.get("headers") or ())
    return tuple((name, value) for name, value in pairs if not name.startswith(":"))


def _ending(entry: dict[str, Any]) -> Ending:
    """A HAR tells when the answer was whole, not when its events came."""
    return Ending(at_ns=values.time_ns(entry.get("time"), 1e6))
