"""Follows a recording: its streams, each once it has ended."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from responses_tap.errors import RecordingError
from responses_tap.store import Recording, open_recording
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.filters import parse
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.streams import recorded_stream

_PAGE = 500
"""Rows in memory."""


class EndedStream(NamedTuple):
    """A stream that has ended, in its open recording."""

    recording: Recording
    row: StreamRow
    """Without headers and bodies."""

    def whole(self) -> JudgedStream | None:
        """The stream with all that belongs to it, None where it has been removed."""
        row = self.recording.stream(self.row.id)
        return None if row is None else recorded_stream(self.recording, row)


class RecordingFollower:
    """The streams of a recording that match the filter `only`, in its files and in those that continue them."""

    def __init__(self, files: Iterable[Path], only: str = "") -> None:
        self._files = list(map(_FollowedFile, files))
        self._only = parse(only)

    def skip(self) -> None:
        """Leave out what is there already."""
        for _ in self._rows():
            pass
        for file in self._files:
            file.open.clear()

    def ended(self, until: datetime | None = None) -> Iterator[EndedStream]:
        """The streams that have ended since they were last asked for, and that began before `until`.

        A stream counts as taken when the next one is asked for.
        """
        for found in self._rows():
            is_later = until is not None and datetime.fromisoformat(found.row.started_at) > until
            if not is_later and self._stays(found):
                yield found

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def _rows(self) -> Iterator[EndedStream]:
        for file in self._files:  # grows
            with suppress(RecordingError):  # not there yet, or being replaced
                yield from file.ended()
                if (after := file.next()) is not None:
                    self._files.append(_FollowedFile(after))

    def _stays(self, found: EndedStream) -> bool:
        """Whether the recorder keeps the stream, which `--only` takes out after its end."""
        codes = found.recording.codes(found.row.id, found.row.id) if self._only else {}
        return self._only.matches(found.row, codes.get(found.row.id, ()))


class _FollowedFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._recording: Recording | None = None
        self._after_id = -1
        self._is_over = False
        self.open: set[int] = set()
        """The streams that hadn't ended when they were read."""

    def ended(self) -> Iterator[EndedStream]:
        """The streams that have ended since; RecordingError where the file can't be read."""
        recording = self._recording = self._recording or open_recording(self._path)
        if self.open:
            states = dict(recording.facts_of(["id", "state"], self.open))
            self.open = {id_ for id_, state in states.items() if state == "open"}
            for id_ in sorted(states.keys() - self.open):
                for row in recording.streams(limit=1, after_id=id_ - 1):
                    yield EndedStream(recording, row)
        while rows := recording.streams(_PAGE, after_id=self._after_id):
            for row in rows:
                self._after_id = row.id
                if row.state == "open":
                    self.open.add(row.id)
                else:
                    yield EndedStream(recording, row)

    def close(self) -> None:
        """Close the file, if it has been opened."""
        if self._recording is not None:
            self._recording.close()

    def next(self) -> Path | None:
        """The file in which the recorder went on, once it has; None before that, and afterwards."""
        if self._recording is None or self._is_over:
            return None
        name = self._recording.next_file()
        self._is_over = name is not None
        return None if name is None else self._path.with_name(name)
