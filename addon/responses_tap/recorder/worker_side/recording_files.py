"""The files that a worker writes. With `--max-size` streams begin in FILE-2.db, FILE-3.db … once one is full."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from responses_tap.privacy.masking import Masker
from responses_tap.recorder.messages import FileBegun, Notice, Trouble
from responses_tap.store import RecordingError
from responses_tap.store.series import following, latest, unfinished
from responses_tap.store.shares import Share
from responses_tap.store.writer import Writer
from responses_tap.stream.storable import Value

_WHOLE = Share()


class RecordingFiles:
    """The file in which streams begin, and those before it in which some are still open: they end where they began.

    `max_size` is in bytes, 0 for no limit. RecordingError where the last file, or one that a recorder has left
    unfinished, cannot be written.
    """

    def __init__(
        self,
        first: Path,
        max_size: int = 0,
        patience_s: float = 5.0,
        masker: Masker | None = None,
        share: Share = _WHOLE,
    ) -> None:
        self._first = first
        self._max_size = max_size
        self._patience_s = patience_s
        self._share = share
        left = unfinished(first) if max_size else {}
        self.current = Writer(latest(first) if max_size else first, patience_s, masker, share)
        """Where streams begin."""
        self._earlier: list[Writer] = []
        for path, after in left.items():
            self._earlier.append(Writer(path, patience_s, self.current.masker))
            self._earlier[-1].set_meta("next", after)
            self._earlier[-1].number_with(self.current)

    @property
    def writers(self) -> list[Writer]:
        """All of them, in the order in which they are to be committed: what goes over is in the current one first."""
        return [self.current, *self._earlier]

    def note_last_ids(self) -> None:
        """Before a commit: have the ids of streams that began in an earlier file written down in the current one."""
        if self._earlier:
            self.current.note_last_ids()

    def begin_next(self, marks: Mapping[str, Value]) -> Iterator[Notice]:
        """Begin another file, with these entries of `meta`, if the current one is full. All has been committed."""
        if not self._max_size or self.current.size <= self._max_size:
            return
        former, path = self.current, following(self._first)
        try:
            self.current = self._begun(path, marks)
        except (RecordingError, sqlite3.Error) as error:
            self._max_size = 0
            yield Trouble(f"no other file can be begun ({error}); the recording continues in {former.path}")
        else:
            former.set_meta("next", path.name)
            self._earlier.append(former)
            yield FileBegun(str(path))

    def _begun(self, path: Path, marks: Mapping[str, Value]) -> Writer:
        writer = Writer(path, self._patience_s, self.current.masker, self._share)
        try:
            # In one commit: a worker that is killed before it finds a blank file, and goes on in the former one.
            writer.number_with(self.current)
            for key, value in marks.items():
                writer.set_meta(key, value)
            writer.commit()
        except sqlite3.Error:
            writer.close()
            path.unlink()
            raise
        return writer

    def release(self, in_use: Collection[Writer]) -> None:
        """Close the earlier files that nothing more is written to."""
        for writer in [writer for writer in self._earlier if writer not in in_use and not writer.has_waiting]:
            writer.close()
            self._earlier.remove(writer)

    def start_over(self, gone: Writer) -> None:
        """Go on after somebody has deleted a file: the current one begins again, an earlier one is let go of."""
        if gone is self.current:
            gone.start_over()
        else:
            gone.close()
            self._earlier.remove(gone)

    def close(self) -> None:
        """Close all of them."""
        for writer in self.writers:
            writer.close()
