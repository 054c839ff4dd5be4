"""Follows one stream: its rows, page by page while it is read, and on while it is recorded."""

import time

from responses_tap.protocol.sse import Decoder, Frame
from responses_tap.store import EventRow, Recording
from responses_tap.timeline import Entry, Row, Timeline

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
        self._timeline = Timeline(full=full)
        self._next_n = 0
        self._version: int | None = None

    def advance(self, recording: Recording) -> bool:
        """Read on for a moment; whether there is still more to read."""
        until = time.monotonic() + _MOMENT
        while (more := self._read_page(recording)) and time.monotonic() < until:
            pass
        self.caught_up = not more
        self.rows = [*self._timeline.rows, *(() if more else self._timeline.end())]
        return more

    def _read_page(self, recording: Recording) -> bool:
        version = recording.data_version()
        page = list(recording.events(self.stream_id, self._next_n, _PAGE))
        if version != self._version:
            self._version = version
            # Read after the events, so that none of those that are about them is missing.
            findings = recording.findings(self.stream_id)
            if not self._timeline.update(findings):
                self._timeline = Timeline(findings, full=self.full)
                self._next_n = 0
                return True
        self._timeline.extend(_entries(page))
        self._next_n += len(page)
        return len(page) == _PAGE


def frame_of(raw: bytes) -> Frame:
    """The frame that was recorded as `raw`."""
    decoder = Decoder()
    frames = decoder.feed(raw)
    return frames[0] if frames else decoder.finish() or Frame(raw, None, None)


def _entries(page: list[EventRow]) -> list[Entry]:
    decoder = Decoder()
    frames = decoder.feed(b"".join(row.raw for row in page))
    if (tail := decoder.finish()) is not None:
        frames.append(tail)
    if len(frames) != len(page):  # a recorder that was started again may have cut elsewhere
        frames = [frame_of(row.raw) for row in page]
    return [
        Entry(row.n, frame, row.position, row.response, row.at_ns, row.chunk)
        for row, frame in zip(page, frames, strict=True)
    ]
