"""Streams as Arrow tables: `streams` and `findings`, and `events` where they are wanted.

The schemas only ever grow. `stream` names a stream in all of them, wherever it was recorded.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from responses_tap.arrow import FINDINGS as FOUND
from responses_tap.protocol.events import parse
from responses_tap.stream.columns import COLUMNS
from responses_tap.stream.model import JudgedStream

_TIME = pa.timestamp("us", "UTC")
_MESSAGES = tuple(column.name for column in COLUMNS.values() if column.bulk)
"""Headers and bodies, which go with the events."""
_OWN = ("id", "started_at", "host", "source")
"""The host stands in the path of a partition; the source may name files of this machine."""
_LISTED = tuple(column for column in COLUMNS.values() if not column.bulk and column.name not in _OWN)

STREAMS = pa.schema(
    [
        pa.field("stream", pa.string(), nullable=False),
        pa.field("recording", pa.string()),  # the name of its file
        pa.field("id", pa.int64()),  # in its recording
        pa.field("started_at", _TIME),
        *(pa.field(column.name, pa.int64() if column.is_number else pa.string()) for column in _LISTED),
    ]
)
_PLACE = [pa.field("stream", pa.string(), nullable=False), pa.field("started_at", _TIME)]
FINDINGS = pa.schema(
    [
        *_PLACE,
        pa.field("index", pa.int32()),
        *(FOUND.field(n) for n in range(FOUND.get_field_index("code"), len(FOUND))),
    ]
)
EVENTS = pa.schema(
    [
        *_PLACE,
        pa.field("index", pa.int32()),
        pa.field("n", pa.int64()),  # of the frame in its body
        pa.field("position", pa.int64()),  # of the event in its response, null where the frame isn't one
        pa.field("at_ns", pa.int64()),  # nanoseconds since the request
        pa.field("type", pa.string()),
        pa.field("raw", pa.binary()),  # the frame as it came, unless redacted
    ]
)
MESSAGES = pa.schema([*_PLACE, *(pa.field(name, pa.string()) for name in _MESSAGES)])


def bare(stream: JudgedStream) -> JudgedStream:
    """The stream as `streams` and `findings` have it, without events, headers and bodies."""
    nothing: dict[str, Any] = {name: () if COLUMNS[name].is_headers else None for name in _MESSAGES}
    row = stream.row and replace(stream.row, **nothing)
    return replace(stream, row=row, entries=[], chunks=[])


def stream_rows(streams: Sequence[tuple[str, JudgedStream]]) -> pa.Table:
    """The table `streams`, a row for each."""
    rows = [
        {name: getattr(stream.row, name, None) for name in STREAMS.names}
        | _place(key, stream)
        | {"recording": Path(stream.source).name}
        for key, stream in streams
    ]
    return pa.Table.from_pylist(rows, STREAMS)


def finding_rows(streams: Sequence[tuple[str, JudgedStream]]) -> pa.Table:
    """The table `findings`, a row for each."""
    rows = [
        _place(key, stream) | {"index": finding.response} | finding.facts()
        for key, stream in streams
        for finding in stream.findings
    ]
    return pa.Table.from_pylist(rows, FINDINGS)


def event_rows(streams: Sequence[tuple[str, JudgedStream]]) -> pa.Table:
    """The table `events`, a row for each frame."""
    return pa.Table.from_pylist([row for key, stream in streams for row in _events(key, stream)], EVENTS)


def message_rows(streams: Sequence[tuple[str, JudgedStream]]) -> pa.Table:
    """The table `messages`: the headers and bodies that stand beside the events, headers as JSON."""
    rows = [
        _place(key, stream) | {name: _text(getattr(stream.row, name)) for name in _MESSAGES}
        for key, stream in streams
        if stream.row
    ]
    return pa.Table.from_pylist(rows, MESSAGES)


def _place(key: str, stream: JudgedStream) -> dict[str, Any]:
    return {"stream": key, "started_at": stream.started_at}


def _events(key: str, stream: JudgedStream) -> Iterator[dict[str, Any]]:
    for entry in stream.entries:
        type_ = None if entry.position is None else parse(entry.frame.data or b"").type
        facts = {"n": entry.n, "position": entry.position, "at_ns": entry.at_ns, "type": type_, "raw": entry.frame.raw}
        yield _place(key, stream) | {"index": entry.response} | facts


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return json.dumps(value) if isinstance(value, tuple) else value if isinstance(value, str) else None
