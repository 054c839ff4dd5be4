"""Follows one stream: its rows, page by page while it is read, and on while it is recorded."""

import time
from collections.abc import Iterable

from responses_tap.protocol.sse import Frame
from responses_tap.store import Recording
from responses_tap.stream.timeline import FOLDABLE, Timeline, TimelineRow, tail_row, take_frame, unstreamed_row
from responses_tap_viewer.tui.timeline.time_axis import ArrivalCounts

_PAGE = 1000
"""Events read in one statement: some 10 ms of work."""
_MOMENT = 0.02
"""Seconds of reading, after which others may ask the recording for something."""


class Follower:
    """Reads a stream into rows: `advance` and `read_frames` in the recording's thread, the rest for the screen.

    The frames of deltas, which most are, are read only for the visible rows.
    """

    def __init__(self, stream_id: int, *, full: bool = False) -> None:
        self.stream_id = stream_id
        self.full = full
        self.rows: list[TimelineRow] = []
        """The rows so far. The list is replaced, never changed; but a run in it may grow."""
        self.caught_up = False
        """Whether these are the rows of all that there was at the last reading."""
        self.arrivals = ArrivalCounts()
        """When the frames that have been read arrived."""
        self._timeline = Timeline(full=full)
        self._next_n = 0
        self._version: int | None = None

    def advance(self, recording: Recording) -> bool:
        """Read on for a moment; whether there is still more to read."""
        until = time.monotonic() + _MOMENT
        while (more := self._read_page(recording)) and time.monotonic() < until:
            pass
        self.caught_up = not more
        self.rows = [*self._timeline.rows, *(() if more else self._rest(recording))]
        return more

    def read_frames(self, recording: Recording, rows: Iterable[TimelineRow]) -> bool:
        """Read the frames that these rows lack, for a moment; whether there is still more to read."""
        until = time.monotonic() + _MOMENT
        for row in rows:
            while lacks_frames(row):
                if time.monotonic() > until:
                    return True
                page = recording.raw(self.stream_id, (row.n or 0) + row.counted, min(_PAGE, row.count - row.counted))
                for raw in page:
                    take_frame(row, Frame.whole(raw), full=self.full)
                if not page:  # the stream has been removed
                    return False
        return False

    def _rest(self, recording: Recording) -> list[TimelineRow]:
        """What stands below the frames: one that has not ended yet, and what no event shows."""
        tail = recording.tail(self.stream_id)
        whole = [] if self._next_n or tail else self._unstreamed(recording)
        return [*([tail_row(tail)] if tail else []), *whole, *self._timeline.end()]

    def _unstreamed(self, recording: Recording) -> list[TimelineRow]:
        """The row of a response that came without events, as one body."""
        stream = recording.stream(self.stream_id)
        body = b"" if stream is None else stream.response_body
        return [unstreamed_row(body)] if body else []

    def _read_page(self, recording: Recording) -> bool:
        version = recording.data_version()
        page = recording.sketch(self.stream_id, self._next_n, _PAGE)
        if version != self._version:
            self._version = version
            # Read after the events, so that none of those that are about them is missing.
            findings = recording.findings(self.stream_id)
            if not self._timeline.update(findings):
                self._timeline = Timeline(findings, full=self.full)
                self._next_n = 0
                self.arrivals = ArrivalCounts()
                return True
        self._timeline.extend(page)
        self.arrivals.extend([entry.at_ns for entry in page if entry.at_ns is not None])
        self._next_n += len(page)
        return len(page) == _PAGE


def lacks_frames(row: TimelineRow) -> bool:
    """Whether a row stands for deltas whose frames have not been read yet."""
    return row.type in FOLDABLE and row.n is not None and row.counted < row.count
