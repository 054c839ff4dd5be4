"""Follows one stream: its rows, page by page while it is read, and on while it is recorded."""

import time

from responses_tap.protocol.sse import Frame
from responses_tap.store import EventRow, Recording
from responses_tap.timeline import FOLDABLE, Delta, Entry, Row, Timeline, count_chars, tail_row
from responses_tap_viewer.tui.time_axis import Arrivals

_PAGE = 1000
"""Events read in one statement: some 10 ms of work."""
_MOMENT = 0.04
"""Seconds of reading, after which others may ask the recording for something."""


class Follower:
    """Reads a stream into rows: `advance` in the recording's thread; `rows` and `caught_up` are for the screen."""

    def __init__(self, stream_id: int, *, full: bool = False) -> None:
        self.stream_id = stream_id
        self.full = full
        self.rows: list[Row] = []
        """The rows so far. The list is replaced, never changed; but a run in it may grow."""
        self.caught_up = False
        """Whether these are the rows of all that there was when one looked last."""
        self.arrivals = Arrivals()
        """When the frames came that have been read so far."""
        self._timeline = Timeline(full=full)
        self._next_n = 0
        self._counted_rows = 0
        """How many rows need no more counting of characters."""
        self._version: int | None = None

    def advance(self, recording: Recording) -> bool:
        """Read on for a moment; whether there is still more to read."""
        until = time.monotonic() + _MOMENT
        while (more := self._read_page(recording)) and time.monotonic() < until:
            pass
        self.caught_up = not more
        self.rows = [*self._timeline.rows, *(() if more else self._rest(recording))]
        while (counting := not more and not self.full and self._count_page(recording)) and time.monotonic() < until:
            pass
        return more or counting

    def _rest(self, recording: Recording) -> list[Row]:
        """What stands below the frames: one that has not ended yet, and what no event shows."""
        tail = recording.tail(self.stream_id)
        return [*([tail_row(tail)] if tail else []), *self._timeline.end()]

    def _read_page(self, recording: Recording) -> bool:
        version = recording.data_version()
        bare = () if self.full else FOLDABLE
        page = list(recording.events(self.stream_id, self._next_n, _PAGE, bare))
        if version != self._version:
            self._version = version
            # Read after the events, so that none of those that are about them is missing.
            findings = recording.findings(self.stream_id)
            if not self._timeline.update(findings):
                self._timeline = Timeline(findings, full=self.full)
                self._next_n = self._counted_rows = 0
                self.arrivals = Arrivals()
                return True
        self._timeline.extend(map(_entry, page))
        for row in page:
            self.arrivals.add(row.at_ns)
        self._next_n += len(page)
        return len(page) == _PAGE

    def _count_page(self, recording: Recording) -> bool:
        """Count the characters of the next deltas; whether there may be more to count.

        Their frames are read only here, when all rows stand: so a long stream is there in half the time.
        """
        rows = self._timeline.rows
        while self._counted_rows < len(rows) and not _is_uncounted(rows[self._counted_rows]):
            self._counted_rows += 1
        if self._counted_rows == len(rows):
            self._counted_rows = max(0, len(rows) - 1)  # the last one may grow
            return False
        row = rows[self._counted_rows]
        page = list(recording.events(self.stream_id, (row.n or 0) + row.counted, min(_PAGE, row.count - row.counted)))
        row.chars += sum(count_chars(Frame.whole(recorded.raw)) for recorded in page)
        row.counted += len(page)
        return bool(page)


def _is_uncounted(row: Row) -> bool:
    return row.type in FOLDABLE and row.n is not None and row.counted < row.count


def _entry(row: EventRow) -> Entry | Delta:
    if row.raw or row.type is None or row.position is None:
        return Entry(row.n, Frame.whole(row.raw), row.position, row.response, row.at_ns, row.chunk)
    place = (row.output_index, row.content_index, row.summary_index, None)
    facts = (row.n, row.position, row.response, row.at_ns, row.chunk, row.type, row.sequence_number)
    return Delta(*facts, place)
