"""What a timeline's row says about an event besides its type: item, id, status, or the text it carries."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from responses_tap.escaping import SHORT, printable, shorten
from responses_tap.protocol.events import Event
from responses_tap.protocol.grammar import CONTENTS, ITEM, RESPONSE, Role
from responses_tap.protocol.sse import Frame

PLACE = ("output_index", "content_index", "summary_index", "command_index")
"""The indexes that place an event in its response."""


def subject(event: Event, frame: Frame, *, full: bool) -> str:
    """The words for an event, safe to print; with `full`, texts aren't shortened."""
    if event.flaw is not None:
        raw = (frame.data or b"").decode(errors="replace")
        return f"{event.flaw.kind}: {printable(raw) if full else shorten(raw)}"
    row, data = event.row, event.data
    if row is None:
        return ""
    if row.role is Role.ERROR:
        return _quote(error_of(data), full=full)
    if row.kind is RESPONSE:
        snapshot = event.object("response")
        error = error_of(data)
        return _words(snapshot.get("id"), snapshot.get("status"), error and _quote(error, full=full))
    if row.kind is ITEM and row.role in (Role.OPEN, Role.CLOSE):
        return f"[{_place(event)}] {_item(event.object('item'), row.role)}"
    text = event.string(row.value) if row.role is not Role.DELTA and row.value else None
    if row.role is Role.DELTA and full:
        text = text_of(event)
    part = event.object("part")
    known = CONTENTS.get(str(part.get("type")))
    if part:
        text = part.get(known.field) if known and row.role is Role.CLOSE else None
    shown = _quote(text, full=full) if isinstance(text, str) else ""
    return _words(f"[{_place(event)}]", part.get("type"), shown)


def text_of(event: Event) -> str:
    """The text of a delta, or ""."""
    return event.string("delta") or ""


def error_of(data: Mapping[str, Any]) -> str:
    """What an error event, or the response of a terminal event, says went wrong: code and message, "" for nothing."""
    response = data.get("response")
    source = response if isinstance(response, dict) else data
    error = source.get("error")
    details = source.get("incomplete_details")
    if isinstance(error, dict):
        return _words(error.get("code"), error.get("message"))
    if isinstance(details, dict):
        return _words(details.get("reason"))
    return "" if source is response else _words(source.get("code"), source.get("message"))


def dotted(indexes: Iterable[int | None]) -> str:
    """The known indexes joined by dots, as in `0.1`."""
    return ".".join([str(index) for index in indexes if index is not None])


def _place(event: Event) -> str:
    return dotted(event.index(name) for name in PLACE)


def _item(item: dict[str, Any], role: Role) -> str:
    name = item.get("name")
    status = item.get("status") if role is Role.CLOSE else None
    return _words(item.get("type"), name, item.get("id"), status)


def _words(*words: object) -> str:
    return " ".join(shorten(word) for word in words if isinstance(word, str) and word)


def _quote(text: str, *, full: bool) -> str:
    quoted = json.dumps(text if full or len(text) <= SHORT else text[: SHORT - 1] + "…", ensure_ascii=False)
    return printable(quoted)
