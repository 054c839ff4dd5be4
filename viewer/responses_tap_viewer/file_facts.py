"""What a file states about a stream besides its events, as columns of a stream's row; secrets masked."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from responses_tap.privacy.masking import Masker
from responses_tap.protocol.checker import Checker
from responses_tap.protocol.websocket_checker import Turn
from responses_tap.recorder import messages
from responses_tap.recorder.worker_side.http_columns import (
    document_columns,
    model_of,
    request_columns,
    response_columns,
)
from responses_tap.stream.columns import StreamRow, header
from responses_tap.stream.file_values import timestamp
from responses_tap.stream.model import Stream
from responses_tap.stream.recorded import ways_of
from responses_tap.stream.states import state_of
from responses_tap.stream.storable import Value
from responses_tap.urls import split

_MASKER = Masker(written=True)
"""Masks the secrets of files that aren't imported: within a run, equal secrets look the same."""


def head_columns(path: Path, stream: Stream, masker: Masker) -> dict[str, Value]:
    """The columns of the request, and of the response's head if there is one."""
    request, response = stream.request, stream.response
    # The body is already decoded, whatever its headers say.
    facts = messages.RequestMessage(
        request.method,
        request.url,
        split(request.url).hostname or "",
        request.http_version,
        list(request.headers),
        _started_at(path, request.started_at or header(response.headers, "date")),
        expected=True,
        body=b"",
        route="sse" if stream.socket is None else "websocket",
    )
    body = masker.body(request.body) if request.body else None
    columns = request_columns(facts, masker) | {
        "model": None if body is None else model_of(body),
        "request_body": body,
        **stream.carried,
        "source": ", ".join([f"imported from {path}", *ways_of(stream)]),
    }
    if response.status is not None:
        columns |= response_columns(messages.ResponseMessage(response.status, list(response.headers)), masker)
    return columns


def socket_columns(columns: Mapping[str, Value]) -> dict[str, Value]:
    """The row of a WebSocket, as far as these columns of its only stream show it."""
    shared = ("url", "host", "http_version", "request_headers", "response_headers", "started_at")
    return {name: columns[name] for name in shared if name in columns}


def end_columns(stream: Stream, state: str, terminal: str | None) -> dict[str, Value]:
    """The columns of the end: `state` is the events', `terminal` the type of the final event."""
    end, pieces, body = stream.ending, stream.chunks, stream.response.body
    columns: dict[str, Value] = {
        "state": end.state or state_of(stream.response.status, body, state if terminal else "truncated"),
        "ended_by": end.ended_by or ("server" if terminal else None),
        "end_reason": end.reason or terminal,
        "end_ns": end.at_ns,
        "first_byte_ns": pieces[0].at_ns if pieces else stream.response.at_ns,
        "last_byte_ns": pieces[-1].at_ns if pieces else None,
        "wire_size": sum(piece.wire_size for piece in pieces) if pieces else None,
    }
    return columns if body is None else columns | document_columns(body) | {"response_body": body or None}


def file_row(path: Path, stream: Stream, checker: Checker | Turn) -> StreamRow:
    """The row of a stream that isn't imported."""
    responses = checker.responses
    last = responses[-1] if responses else None
    columns: dict[str, Any] = {
        **dict.fromkeys((field.name for field in fields(StreamRow)), None),
        **dict.fromkeys(("id", "errors", "warnings", "notes"), 0),
        "event_count": sum(response.events for response in responses),
        "response_id": responses[0].id if responses else None,
        **_decoded(head_columns(path, stream, _MASKER)),
        "socket": stream.socket,
        **end_columns(stream, last.state if last else "open", last.terminal_type if last else None),
    }
    columns["model"] = columns["model"] or (responses[0].model if responses else None)
    return StreamRow(**columns)


def _decoded(columns: Mapping[str, Value]) -> dict[str, object]:
    headers = {
        name: tuple((key, value) for key, value in json.loads(str(columns.get(name) or "[]")))
        for name in ("request_headers", "response_headers")
    }
    return {**columns, **headers}


def _started_at(path: Path, stated: str | None) -> str:
    """When the request was sent, from an ISO 8601 or HTTP date; by default, when the file was last changed."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        with suppress(ValueError, OverflowError):
            return timestamp(read(stated or ""))
    return timestamp(datetime.fromtimestamp(path.stat().st_mtime, UTC))
