"""Puts ended streams into a dataset, many at a time: a query engine is slow on small files."""

import time
from collections.abc import Iterable
from pathlib import Path

from responses_tap.errors import UnusableInput
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.actions import file_locks
from responses_tap_viewer.actions.exporting import unattended
from responses_tap_viewer.actions.forwarding.following import EndedStream
from responses_tap_viewer.reports.text import counted

try:
    import pyarrow as pa

    from responses_tap_viewer.archive.dataset import Dataset
    from responses_tap_viewer.archive.tables import bare
except ModuleNotFoundError as missing:
    raise UnusableInput("--archive", f"needs {missing.name}: pip install 'responses-tap[archive]'") from missing

pa.set_cpu_count(1)  # the other processors are for the traffic

_RETRY_S = 30.0
_MOST_STREAMS = 5_000
_MOST_FRAMES = 100_000
"""What waits in memory, at most."""


class Archiver:
    """Adds streams to a dataset, every `every_s` seconds; UnusableInput where that can't be written to.

    What waits here is in the recording, too: where the dataset refuses it, or this process is killed, the next one
    finds in the dataset how far this one came.
    """

    def __init__(self, url: str, *, with_events: bool, every_s: float) -> None:
        self._url = url
        self._keep = None if with_events else bare
        self._dataset = Dataset(url, with_events=with_events)
        self._dataset.try_out()
        self._every_s = every_s
        self._waiting: dict[str, JudgedStream] = {}
        self._recordings: set[Path] = set()
        self._frames = 0
        self._due_at = 0.0
        self._retry_at = 0.0
        self._added = 0
        self._refusal = ""
        self._troubles: list[str] = []

    def take(self, ended: Iterable[EndedStream]) -> list[str]:
        """Take these streams, as far as there is room; what has gone wrong, in words."""
        self._troubles = []
        if not self._is_full or self._flush():
            for found in ended:
                if not self._is_there(found):
                    self._add(found)
                if self._is_full and not self._flush():
                    break
        if self._waiting and time.monotonic() >= self._due_at:
            self._flush()
        return self._troubles

    def close(self, ended: Iterable[EndedStream]) -> list[str]:
        """Add what is left; what was done and what has gone wrong, in words."""
        self._retry_at = 0.0
        troubles = self.take(ended)
        self._flush()
        done = f"Archived {counted(self._added, 'stream')} to {self._url}"
        if self._refusal:
            done += f"; {self._refusal}: the next record, or export, adds what is missing"
        return [*troubles, done]

    @property
    def _is_full(self) -> bool:
        return len(self._waiting) >= _MOST_STREAMS or self._frames >= _MOST_FRAMES

    def _is_there(self, found: EndedStream) -> bool:
        """Whether an earlier process has archived the stream: then it needn't be read."""
        try:
            return self._dataset.has(found.recording.path.name, found.row)
        except UnusableInput:
            return False  # `_flush` says why

    def _add(self, found: EndedStream) -> None:
        stream = found.whole()
        if stream is None:
            return
        if not self._waiting:
            self._due_at = time.monotonic() + self._every_s
        try:
            leaving = unattended(stream, self._keep)
        except UnusableInput as error:
            self._troubles.append(f"can't be archived: {error}")
        else:
            self._waiting[stream.fingerprint] = leaving
            self._recordings.add(found.recording.path)
            self._frames += len(leaving.entries)

    def _flush(self) -> bool:
        """Write what waits; whether nothing waits any more."""
        if time.monotonic() < self._retry_at:
            return False
        try:
            with file_locks.archiving(self._recordings):
                self._added += self._dataset.add(self._waiting.items()).streams
        except UnusableInput as error:
            if not self._refusal:
                self._troubles.append(f"{error}; the recording keeps what isn't archived, trying again")
            self._refusal = str(error)
            self._retry_at = time.monotonic() + _RETRY_S
            return False
        self._refusal = ""
        self._waiting, self._recordings, self._frames = {}, set(), 0
        return True
