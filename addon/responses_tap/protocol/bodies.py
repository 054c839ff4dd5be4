"""What HTTP says of a body (TR906, TR907, TR915), and what a body without a single event is instead (LC110)."""

import json
import re
from typing import Any, NamedTuple, cast

from responses_tap.protocol.events import error_words, is_error
from responses_tap.protocol.findings import Reporter
from responses_tap.protocol.sse import DONE_MARKER

UNREACHED = "the server was not reached"
"""How the reason begins of the end of a stream whose request found no server."""
_SHOWN = 80
"""Characters of a body that a message quotes."""
_MESSAGE = 300
"""And of a server's own error message."""
_TITLE = re.compile(r"<title[^>]*>([^<]+)</title", re.IGNORECASE)
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_FIELDS = ("event:", "data:", "id:", "retry:", ":")
_MAGICS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""How compressed bodies begin (RFC 1952, RFC 8878)."""
_NO_JSON = object()


class Head(NamedTuple):
    """What the status line and the headers of the HTTP response say; None where that is not known."""

    status: int | None = None
    content_type: str | None = None
    """Empty where the response has headers, and none of them is this."""
    content_encoding: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether the status is known, and neither a success nor a switch to a WebSocket (101)."""
        return self.status is not None and self.status >= 300  # noqa: PLR2004

    @property
    def is_event_stream(self) -> bool:
        """Whether the response is declared as an event stream."""
        return (self.content_type or "").partition(";")[0].strip().lower() == "text/event-stream"


def is_response(document: object) -> bool:
    """Whether a JSON value is a response of this API, or what is made of one (`response.compaction`)."""
    if not isinstance(document, dict):
        return False
    kind = document.get("object")
    if isinstance(kind, str):
        return kind.partition(".")[0] == "response"
    return isinstance(document.get("id"), str) and not document.get("error")


def judge_head(report: Reporter, head: Head) -> None:
    """Report an event stream that comes with an HTTP error (TR907), or that is declared as something else (TR906)."""
    if head.is_error:
        report("TR907", None, status=head.status, what=" with an event stream")
    if head.content_type is not None and not head.is_event_stream:
        report("TR906", None, have=head.content_type or "missing")


def is_unreached(reason: str | None) -> bool:
    """Whether a stream ended because its request found no server, by the reason of its end."""
    return reason is not None and reason.startswith(UNREACHED)


class Eventless(NamedTuple):
    """A whole body without events, and what was expected of it."""

    head: Head
    body: bytes
    streamed: bool
    """Whether a stream was expected; otherwise a whole response in JSON is right, too."""
    was_asked: bool
    """Whether the request is known to have asked for a stream."""
    unreached: bool = False
    """Whether no server was reached, so that none is to blame for the body."""


def judge_broken(report: Reporter, head: Head, broken_within: int) -> None:
    """Report a body whose Content-Encoding could not be undone within its first `broken_within` bytes."""
    report("TR915", None, body=f"invalid within its first {broken_within} bytes", header=head.content_encoding)


def judge_eventless(report: Reporter, found: Eventless, *, cut: bool) -> dict[str, Any] | None:
    """Report what a body without events is; returns the response in it, where that is right.

    It may be an HTTP error (TR907), compressed (TR915), one response where a stream was asked for (TR916), or anything
    else that isn't a stream (LC110). `cut` says that the reader stopped: what had not arrived is nobody's fault then.
    """
    head, body = found.head, found.body
    text = body.decode("utf-8-sig", errors="replace").strip()
    document = _json(text)
    if head.is_error:
        report("TR907", None, status=head.status, what=_error(text, document))
    elif head.status is not None and (coding := _coding(body)) is not None:
        report("TR915", None, body=coding, header=head.content_encoding or "nothing")
    elif found.was_asked and not head.is_event_stream and is_response(document):
        report("TR916", None, status=document.get("status"))
    elif is_response(document) and not found.streamed and not head.is_event_stream:
        return cast("dict[str, Any]", document)
    elif not cut:
        report("LC110", None, what=f"empty, because {UNREACHED}" if found.unreached else _what(text, document))
    return None


def _coding(body: bytes) -> str | None:
    return next((name for magic, name in _MAGICS.items() if body.startswith(magic)), None)


def _error(text: str, document: Any) -> str:  # noqa: ANN401 (JSON)
    """What follows the status in a message: the error's own words, else how the body begins."""
    title = _TITLE.search(text)
    words = error_words(document) or (title[1] if title else text)
    return f": {_short(words, _MESSAGE)}" if words else " with an empty body"


def _what(text: str, document: Any) -> str:  # noqa: ANN401 (JSON)
    if is_error(document):
        return f"an error in JSON ({_short(error_words(document) or '', _MESSAGE)})"
    return f"{_kind(text, document)} ({_short(text, _SHOWN)})" if text else "empty"


def _kind(text: str, document: Any) -> str:  # noqa: ANN401 (JSON)
    if "\x00" in text or "\ufffd" in text[:_SHOWN]:
        return "binary data"
    if document is not _NO_JSON:
        return _kind_of_json(document)
    if text.startswith(_FIELDS):
        return _kind_of_stream(text)
    if text.startswith("<"):
        return "HTML" if _HTML.search(text[:1000]) else "XML"
    return "JSON that is damaged or cut" if text.startswith(("{", "[")) else "plain text"


def _kind_of_json(document: Any) -> str:  # noqa: ANN401 (JSON)
    return "a whole response in JSON" if is_response(document) else "JSON"


def _kind_of_stream(text: str) -> str:
    if DONE_MARKER.decode() in text:
        return "an event stream with nothing but [DONE]"
    if "data:" in text:
        return "an event stream without a whole event"
    return "an event stream without data"


def _json(text: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NO_JSON


def _short(text: str, most: int) -> str:
    words = " ".join(text[: most * 4].split())
    words = words if len(words) <= most else words[: most - 1] + "…"
    return words.encode(errors="replace").decode()  # JSON may hold lone surrogates, a recording may not
