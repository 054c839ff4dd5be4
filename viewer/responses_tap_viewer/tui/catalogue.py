"""The streams of a recording, as far as the list of them shows: read newest first, kept up to date."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

from responses_tap.filters import Filter
from responses_tap.store import Recording, StreamRow
from responses_tap.urls import split

PAGE = 1000
"""Streams read in one statement."""


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
    end_ns: int | None
    last_ns: int | None
    """The end, or the last byte so far."""
    event_count: int
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
            row.end_ns,
            row.end_ns if row.end_ns is not None else row.last_byte_ns,
            row.event_count,
            row.errors,
            row.warnings,
            row.notes,
            row.first_code or "",
            codes,
        )


class Totals(NamedTuple):
    """What the streams add up to."""

    streams: int
    open: int
    errors: int
    """Streams with errors."""
    warnings: int
    """Streams with warnings and no errors."""


class Catalogue:
    """The streams that the filter lets pass, by their number in the list.

    A summary is None until it has been read; while there is a filter, an unread stream is not in the list.
    """

    def __init__(self, wanted: Filter | None = None) -> None:
        self.wanted = wanted or Filter()
        self.shown: list[int] = []
        """The ids of the listed streams, ascending; another list whenever they change."""
        self._ids: list[int] = []
        self._summaries: dict[int, Summary] = {}
        self._unread: set[int] = set()

    def __len__(self) -> int:
        return len(self.shown)

    def __getitem__(self, index: int) -> Summary | None:
        return self._summaries.get(self.shown[index])

    def get(self, stream_id: int) -> Summary | None:
        """What is known of a stream."""
        return self._summaries.get(stream_id)

    @property
    def known(self) -> Iterable[Summary]:
        """What has been read, of listed streams and others."""
        return self._summaries.values()

    def choose(self, wanted: Filter) -> None:
        """List the streams that this filter lets pass."""
        self.wanted = wanted
        self.shown = [stream_id for stream_id in self._ids if self._passes(stream_id)] if wanted else self._ids

    def _passes(self, stream_id: int) -> bool:
        summary = self._summaries.get(stream_id)
        return summary is not None and self.wanted.matches(summary, summary.codes)

    def id_at(self, index: int) -> int:
        """The id of the stream in that line."""
        return self.shown[index]

    def index_of(self, stream_id: int) -> int:
        """The line of a stream, or, where it has gone, of the one after it."""
        return bisect_left(self.shown, stream_id)

    def set_ids(self, ids: list[int]) -> bool:
        """Take the ids that there are now, ascending; whether they are others than before."""
        if ids == self._ids:
            return False
        known = set(ids)
        for gone in self._summaries.keys() - known:
            del self._summaries[gone]
        self._ids = ids
        self._unread = known - self._summaries.keys()
        self.choose(self.wanted)
        return True

    def reread(self) -> None:
        """Have all summaries read again."""
        self._unread = set(self._ids)

    def put(self, summaries: Iterable[Summary]) -> None:
        """Take what has been read."""
        changed = {summary.id: summary for summary in summaries}
        self._summaries |= changed
        self._unread -= changed.keys()
        if self.wanted and changed:
            passing = {stream_id for stream_id in changed if self._passes(stream_id)}
            self.shown = sorted(set(self.shown) - changed.keys() | passing)

    def stale(self, in_sight: Iterable[int]) -> list[int]:
        """The ids of what may have changed and matters: open streams, and those in the lines in sight."""
        seen = {self.shown[index] for index in in_sight if index < len(self.shown)}
        return sorted(seen | {summary.id for summary in self._summaries.values() if summary.state == "open"})

    def before_unread(self) -> int | None:
        """The id below which the next page of summaries is to be read, None where all have been."""
        return max(self._unread) + 1 if self._unread else None

    def passed(self, before_id: int, page: list[Summary]) -> None:
        """Take a page of streams below `before_id`; those of them that it lacks have gone."""
        lowest = page[0].id if page else 0
        self._unread = {unread for unread in self._unread if not lowest <= unread < before_id}
        self.put(page)

    def totals(self) -> Totals:
        """What is known so far, added up."""
        values = self._summaries.values()
        return Totals(
            len(self._ids),
            sum(summary.state == "open" for summary in values),
            sum(summary.errors > 0 for summary in values),
            sum(summary.warnings > 0 and not summary.errors for summary in values),
        )

    def next_faulty(self, index: int, step: int) -> int | None:
        """The line of the next stream with errors or warnings, up or down from `index`; None: there is none."""
        lines = range(index + 1, len(self)) if step > 0 else range(index - 1, -1, -1)
        for line in lines:
            summary = self[line]
            if summary is not None and (summary.errors or summary.warnings):
                return line
        return None


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
