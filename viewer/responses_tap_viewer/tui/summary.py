"""A stream as far as the list of streams shows it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

from responses_tap.store import Recording, StreamRow
from responses_tap.urls import split

PAGE = 250
"""Streams read in one statement: the first screen waits for no more than these."""


class Summary(NamedTuple):
    """A stream in a line. Times in nanoseconds since its start."""

    id: int
    started_at: str
    model: str
    route: str
    url: str
    host: str
    status: int | None
    state: str
    ended_by: str | None
    response_id: str | None
    first_byte_ns: int | None
    first_event_ns: int | None
    end_ns: int | None
    last_ns: int | None
    """The end, or the last byte so far."""
    event_count: int
    input_tokens: int | None
    output_tokens: int | None
    shape: str | None
    """The fingerprint of its sequence of event types, None while it is open and where there are no events."""
    errors: int
    warnings: int
    notes: int
    first_code: str
    codes: tuple[str, ...]
    """Of all its findings."""

    @property
    def path(self) -> str:
        """The path of its URL."""
        return split(self.url).path

    @property
    def is_faulty(self) -> bool:
        """Whether it has errors or warnings."""
        return self.errors > 0 or self.warnings > 0

    @classmethod
    def of(cls, row: StreamRow, codes: tuple[str, ...] = ()) -> Self:
        """The summary of a recorded stream with findings of these codes."""
        return cls(
            row.id,
            row.started_at,
            row.model or "",
            row.route,
            row.url,
            row.host,
            row.status,
            row.state,
            row.ended_by,
            row.response_id,
            row.first_byte_ns,
            row.first_event_ns,
            row.end_ns,
            row.end_ns if row.end_ns is not None else row.last_byte_ns,
            row.event_count,
            row.input_tokens,
            row.output_tokens,
            row.shape,
            row.errors,
            row.warnings,
            row.notes,
            row.first_code or "",
            codes,
        )


def read_page(recording: Recording, before_id: int) -> list[Summary]:
    """The last streams below an id."""
    rows = recording.streams(limit=PAGE, before_id=before_id)
    codes = recording.codes(rows[0].id, rows[-1].id) if rows else {}
    return [Summary.of(row, codes.get(row.id, ())) for row in rows]


def read_each(recording: Recording, ids: Iterable[int]) -> list[Summary]:
    """These streams, as far as they are still there."""
    return list(_each(recording, ids))


def _each(recording: Recording, ids: Iterable[int]) -> Iterator[Summary]:
    for stream_id in ids:
        for row in recording.streams(limit=1, after_id=stream_id - 1):
            if row.id == stream_id:
                yield Summary.of(row, recording.codes(row.id, row.id).get(row.id, ()))
