"""`--only`: which streams of a busy gateway are kept. What the request shows decides at once, the rest at the end."""

from collections.abc import Mapping
from types import SimpleNamespace

from responses_tap.recorder.messages import Notice, Unmatched
from responses_tap.recorder.worker_side.stream_recorder import StreamRecorder
from responses_tap.stream.filters import parse
from responses_tap.stream.storable import Value

_IN_REQUEST = ("url", "host", "route", "model")


class Selection:
    """The streams that a filter lets pass; FilterError if it cannot be read."""

    def __init__(self, text: str) -> None:
        self._filter = parse(text)
        self._passed: set[int] = set()
        self._held: dict[int, list[Notice]] = {}
        self._ended: list[StreamRecorder] = []
        self._unmatched = 0

    def verdict(self, columns: Mapping[str, Value]) -> bool | None:
        """Whether the request alone shows that its stream passes, or that it does not."""
        known = [name for name in _IN_REQUEST if columns.get(name) is not None]
        passes = self._filter.early(SimpleNamespace(**columns), known)
        self._unmatched += passes is False
        return passes

    def keep(self, stream: int) -> None:
        """Let a stream pass whatever comes of it."""
        self._passed.add(stream)

    def publish(self, stream: StreamRecorder) -> list[Notice]:
        """What is to be told of a stream now: nothing, as long as it is not known whether it stays."""
        notices = stream.publish()
        if stream.id in self._passed or not self._filter:
            if stream.is_over:
                self._passed.discard(stream.id)
            return notices
        self._held[stream.id] = self._held.get(stream.id, []) + notices
        if stream.is_over:
            self._ended.append(stream)
        return []

    def decide(self) -> tuple[list[Notice], list[StreamRecorder]]:
        """Look at the streams that have ended and are in the file: what is to be told, and which do not stay."""
        notices: list[Notice] = []
        refused = []
        while self._ended:
            stream = self._ended.pop(0)
            held, recording = self._held.pop(stream.id, []), stream.writer.recording()
            row = next(iter(recording.streams(after_id=stream.id - 1, limit=1)), None)
            codes = recording.codes(stream.id, stream.id).get(stream.id, ())
            if row is not None and self._filter.matches(row, codes):
                notices += held
            else:
                refused.append(stream)
        self._unmatched += len(refused)
        if self._unmatched:
            notices.append(Unmatched(self._unmatched))
            self._unmatched = 0
        return notices, refused
