"""The streams of a recording, as far as the list of them shows: read newest first, kept up to date."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from responses_tap.store import Recording, StreamRow

PAGE = 1000
"""Streams read in one statement."""


class Summary(NamedTuple):
    """A stream in a line. Times in nanoseconds since its start."""

    id: int
    started_at: str
    model: str
    route: str
    path: str
    """The path of its URL."""
    status: int | None
    state: str
    first_ns: int | None
    took_ns: int | None
    events: int
    errors: int
    warnings: int
    first_code: str

    @classmethod
    def of(cls, row: StreamRow) -> Self:
        """The summary of a recorded stream."""
        return cls(
            row.id,
            row.started_at,
            row.model or "",
            row.route,
            urlsplit(row.url).path,
            row.status,
            row.state,
            row.first_byte_ns,
            row.end_ns if row.end_ns is not None else row.last_byte_ns,
            row.event_count,
            row.errors,
            row.warnings,
            row.first_code or "",
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
    """All streams by their number in the list; a summary is None until it has been read."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._summaries: dict[int, Summary] = {}
        self._unread: set[int] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> Summary | None:
        return self._summaries.get(self._ids[index])

    def id_at(self, index: int) -> int:
        """The id of the stream in that line."""
        return self._ids[index]

    def index_of(self, stream_id: int) -> int:
        """The line of a stream, or, where it has gone, of the one after it."""
        return bisect_left(self._ids, stream_id)

    def set_ids(self, ids: list[int]) -> bool:
        """Take the ids that there are now, ascending; whether they are others than before."""
        if ids == self._ids:
            return False
        known = set(ids)
        for gone in self._summaries.keys() - known:
            del self._summaries[gone]
        self._ids = ids
        self._unread = known - self._summaries.keys()
        return True

    def reread(self) -> None:
        """Have all summaries read again."""
        self._unread = set(self._ids)

    def put(self, summaries: Iterable[Summary]) -> None:
        """Take what has been read."""
        for summary in summaries:
            self._summaries[summary.id] = summary
            self._unread.discard(summary.id)

    def stale(self, in_sight: Iterable[int]) -> list[int]:
        """The ids of what may have changed and matters: open streams, and those in the lines in sight."""
        seen = {self._ids[index] for index in in_sight if index < len(self._ids)}
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
    return [Summary.of(row) for row in recording.streams(limit=PAGE, before_id=before_id)]


def read_each(recording: Recording, ids: Iterable[int]) -> list[Summary]:
    """These streams, as far as they are still there."""
    return list(_each(recording, ids))


def _each(recording: Recording, ids: Iterable[int]) -> Iterator[Summary]:
    for stream_id in ids:
        for row in recording.streams(limit=1, after_id=stream_id - 1):
            if row.id == stream_id:
                yield Summary.of(row)
