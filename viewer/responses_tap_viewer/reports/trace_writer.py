"""The exported trace: a whole stream as one JSON object, with every frame, time and finding."""

import base64
import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from responses_tap.formats.trace import VERSION, compact
from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.stream.columns import COLUMNS, StreamRow
from responses_tap.stream.model import Entry
from responses_tap_viewer.file_facts import CAPTURED
from responses_tap_viewer.reports.json_report import dumps, finding_object
from responses_tap_viewer.streams import JudgedStream


def trace(streams: Sequence[JudgedStream]) -> str:
    """The streams as JSON text.

    Times are nanoseconds since a stream's `started_at`; a frame is text (`raw`), or base64 (`raw_base64`) where it
    is not UTF-8. The frames of a stream, joined, are its body. The body of a request is a JSON value where it is JSON,
    else text; `body_text` is it as it was sent, where `body`, written without blanks, would not be.
    """
    return dumps(
        {
            "format": "responses-tap trace",
            "version": VERSION,
            "generator": f"responses-tap {version('responses-tap')}",
            "rules": RULES_VERSION,
            "streams": [_stream(stream) for stream in streams],
        }
    )


def _stream(stream: JudgedStream) -> dict[str, Any]:
    return {
        "source": stream.source,
        "id": stream.id,
        **(_recorded(stream.row) if stream.row else {}),
        "chunks": [
            {"at_ns": chunk.at_ns, "wire_size": chunk.wire_size, "offset": chunk.offset, "size": chunk.size}
            for chunk in stream.chunks
        ],
        "frames": [_frame(entry) for entry in stream.entries],
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


def _frame(entry: Entry) -> dict[str, Any]:
    try:
        raw = {"raw": entry.frame.raw.decode()}
    except UnicodeDecodeError:
        raw = {"raw_base64": base64.b64encode(entry.frame.raw).decode()}
    return {"position": entry.position, "at_ns": entry.at_ns, "chunk": entry.chunk} | raw


def _body(body: str | bytes | None) -> dict[str, object]:
    """A body as what it is, JSON or text; if that does not give back each character, as it was sent, too."""
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
    """The JSON object or array in a text, and how `import` writes it again; None for another text."""
    try:
        value = json.loads(text)
        return (value, compact(value)) if isinstance(value, dict | list) else (None, "")
    except (ValueError, RecursionError):
        return None, ""
