"""A stream as far as the list of streams shows it."""

import time
from collections import namedtuple
from collections.abc import Collection, Iterable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from responses_tap.protocol.findings import Severity
from responses_tap.store import Recording, RecordingError
from responses_tap.stream.filters import ASKED, Filter
from responses_tap.urls import split

_MOMENT = 0.02
"""Seconds of searching, after which others may ask the recording for something."""
PAGE = 250
"""Streams read in one statement: the first screen waits for no more than these."""


class Summary(NamedTuple):
    """A stream in a line: the fields of its StreamRow that it takes. Times in nanoseconds since its start."""

    id: int
    started_at: str
    model: str | None
    route: str
    url: str
    status: int | None
    state: str
    first_event_ns: int | None
    end_ns: int | None
    last_byte_ns: int | None
    event_count: int
    input_tokens: int | None
    output_tokens: int | None
    conversation: str | None
    turn: int | None
    prompt: str | None
    tools: str | None
    source: str
    shape: str | None
    """The fingerprint of its sequence of event types, None while it is open and where there are no events."""
    errors: int
    warnings: int
    notes: int
    first_code: str | None
    mark: str | None
    note: str | None
    error: str
    """What it says went wrong, empty where it says nothing."""
    asked: object
    """What a filter may ask about."""
    codes: Mapping[str, Severity]
    """Of all its findings, each with its gravest severity."""

    @property
    def path(self) -> str:
        """The path of its URL."""
        return split(self.url).path

    @property
    def first_finding(self) -> tuple[str, Severity | None] | None:
        """The code and severity of its first finding; the latter None where only the verdict has it."""
        return None if self.first_code is None else (self.first_code, self.codes.get(self.first_code))

    @property
    def is_faulty(self) -> bool:
        """Whether it has errors or warnings."""
        return self.errors > 0 or self.warnings > 0

    @property
    def last_ns(self) -> int | None:
        """The end, or the last byte so far."""
        return self.end_ns if self.end_ns is not None else self.last_byte_ns


_SHOWN = Summary._fields[:-3]
_ASKED = list(ASKED)
_NAMES = list(dict.fromkeys((*_SHOWN, *_ASKED)))
_Asked = namedtuple("_Asked", _ASKED)  # type: ignore[misc]
_shown = itemgetter(*map(_NAMES.index, _SHOWN))
_STATE = _NAMES.index("state")
_asked = itemgetter(*map(_NAMES.index, _ASKED))


def read_page(recording: Recording, before_id: int) -> list[Summary]:
    """The last streams below an id."""
    rows = recording.facts(_NAMES, before_id, PAGE)
    codes = recording.codes(rows[0][0], rows[-1][0]) if rows else {}
    return _summaries(recording, rows, codes)


def read_each(recording: Recording, ids: Collection[int]) -> list[Summary]:
    """These streams, as far as they are still there."""
    rows = recording.facts_of(_NAMES, ids)
    codes = {row[0]: recording.codes(row[0], row[0]).get(row[0], {}) for row in rows}
    return _summaries(recording, rows, codes)


def search_texts(recording: Recording, ids: Iterable[int], wanted: Filter) -> dict[int, bool]:
    """Whether streams have the text that a filter asks for, of the first ones: as many as a moment is enough for."""
    until = time.monotonic() + _MOMENT
    searched: dict[int, bool] = {}
    for stream_id in ids:
        try:
            searched[stream_id] = wanted.matches_text(recording.contents(stream_id))
        except RecordingError:
            searched[stream_id] = False  # it is damaged, which its own page says
        if time.monotonic() > until:
            break
    return searched


def _summaries(
    recording: Recording, rows: list[tuple[Any, ...]], codes: Mapping[int, Mapping[str, Severity]]
) -> list[Summary]:
    errors = recording.errors((row[0], row[_STATE]) for row in rows)
    return [
        Summary._make((*_shown(row), errors.get(row[0], ""), _Asked._make(_asked(row)), codes.get(row[0], {})))
        for row in rows
    ]
