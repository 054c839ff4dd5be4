"""`--max-size`: a recording that goes on in FILE-2.db, FILE-3.db … when it has reached its size."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from responses_tap.recorder.messages import FileBegun, Notice, Trouble
from responses_tap.recorder.worker_side.stream_recorder import StreamRecorder
from responses_tap.store import RecordingError
from responses_tap.store.moving import following
from responses_tap.store.writer import Writer


class Rotation:
    """Leaves a file that has grown beyond `max_size` bytes; never, where that is 0."""

    def __init__(self, first: Path, max_size: int) -> None:
        self._first = first
        self._max_size = max_size

    def follow(self, writer: Writer, open_: Sequence[StreamRecorder]) -> Iterator[Notice]:
        """Let the writer go on in the next file if its own is full. What it writes has been committed."""
        if not self._max_size or (size := writer.size) <= self._max_size:
            return
        # The open streams move along: a file is left only if that leaves a good part of it behind.
        if size - sum(stream.size for stream in open_) < self._max_size / 2:
            return
        path, moved = following(self._first), [stream.id for stream in open_]
        try:
            writer.move_on(path, moved)
        except (RecordingError, sqlite3.Error) as error:
            self._max_size = 0
            yield Trouble(f"no other file can be begun ({error}); the recording goes on in {writer.path}")
        else:
            yield FileBegun(str(path), moved)
