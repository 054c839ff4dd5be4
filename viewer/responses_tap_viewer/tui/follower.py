"""Follows one stream: its rows, page by page while it is read, and on while it is recorded."""

from collections import deque

from responses_tap.protocol.sse import Decoder, Frame
from responses_tap.store import EventRow, Recording
from responses_tap.timeline import Entry, Row, Timeline

_PAGE = 1000
"""Events read at once: some 10 ms of work."""


class Follower:
    """Reads a stream into rows. `advance` runs in the recording's thread, `rows` is for the screen."""

    def __init__(self, stream_id: int, *, full: bool = False) -> None:
        self.stream_id = stream_id
        self.full = full
        self.rows: list[Row] = []
        """A copy of the rows so far, which nobody changes: the list, that is; its last run may grow."""
        self.complete = False
        """Whether these are all the rows that there are."""
        self._version: int | None = None
        self._begin([])

    def _begin(self, timeline_of: list[Row]) -> None:
        self._timeline = Timeline(full=self.full)
        self._decoder = Decoder()
        self._waiting: deque[EventRow] = deque()
        self._next_n = 0

    def advance(self, recording: Recording) -> bool:
        """Read one page more; whether there is still more to read."""
        version = recording.data_version()
        page = list(recording.events(self.stream_id, self._next_n, _PAGE))
        # Read after the events, findings lack none of those that these events have.
        if version != self._version:
            self._version = version
            ...
        return True
