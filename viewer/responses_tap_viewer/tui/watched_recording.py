"""The recording behind the screens: watched, read on a thread of its own, opened again when it was replaced."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path

from responses_tap.store import Recording, RecordingError, open_recording

_PATIENCE_SECONDS = 0.5
"""How long another program may lock the file before that is shown; reading is retried all the time."""


class Change(Enum):
    """What happened to the recording since the last check."""

    NOTHING = "nothing"
    WRITTEN = "written"
    """Somebody has written to it."""
    OPENED = "opened"
    """There is one now, or another one than before."""
    LOST = "lost"
    """It has gone or cannot be read; `WatchedRecording.trouble` says why."""


class WatchedRecording:
    """Reads the recording at `path`, whatever becomes of the file.

    Where the recorder continues in another file meanwhile, that file is read as soon as it has a stream.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble = ""
        """Why the file cannot be read now, empty while it can."""
        self.next_file: str | None = None
        """The file that the recorder had continued in before this one was opened."""
        self._recording: Recording | None = None
        self._identity: tuple[int, int] | None = None
        self._version = 0
        self._is_left = False
        """Whether the recorder has continued in another file, which has no stream yet."""
        # One thread: a statement at a time, and none on the event loop.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recording")

    async def check(self) -> Change:
        """Look whether the file has changed, and open it where it must be."""
        return await self._run(self._check)

    def recheck(self) -> None:
        """Have the next check report that the recording was written."""
        self._version = -1

    async def read[T](self, query: Callable[[Recording], T]) -> T | None:
        """What `query` returns; None where the recording cannot be read, and `trouble` says why."""
        return await self._run(lambda: self._read(query))

    async def close(self) -> None:
        """Close the file."""
        await self._run(self._close)
        self._thread.shutdown(wait=False)

    async def _run[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _check(self) -> Change:
        identity = _identity(self.path)
        if identity is None or identity != self._identity:
            return self._open(identity)
        version = self._read(Recording.data_version)
        if version is None:
            return Change.LOST
        before, self._version = self._version, version
        if version == before and not self._is_left:
            return Change.NOTHING
        return self._go_on() or (Change.NOTHING if version == before else Change.WRITTEN)

    def _go_on(self) -> Change | None:
        """Open the file that the recorder has continued in since this one was opened, if any."""
        change = None
        while (name := self._read(Recording.next_file)) is not None and name != self.next_file:
            path = self.path.with_name(name)
            self._is_left = not _leads_to_streams(path)
            if self._is_left:
                break
            self.path = path
            change = self._open(_identity(self.path))
            if change is not Change.OPENED:
                break
            self.next_file = None  # that one may be full, too, by now
        return change

    def _open(self, identity: tuple[int, int] | None) -> Change:
        """Open the file again; what was open before stays readable until that succeeds."""
        before = self.trouble
        if identity is None and self._recording is not None:
            self.trouble = f"{self.path} was deleted or moved; the view resumes when it is back"
        else:
            try:
                recording = open_recording(self.path, _PATIENCE_SECONDS)
            except RecordingError as error:
                self.trouble = str(error)
            else:
                self._close()
                self._recording, self._identity, self.trouble = recording, identity, ""
                self._version = self._read(Recording.data_version) or 0
                self.next_file = self._read(Recording.next_file)
                return Change.OPENED
        self._identity = None
        return Change.NOTHING if self.trouble == before else Change.LOST

    def _read[T](self, query: Callable[[Recording], T]) -> T | None:
        if self._recording is None:
            return None
        try:
            found = query(self._recording)
        except RecordingError as error:
            self.trouble = str(error)
            return None
        self.trouble = self.trouble or self._recording.left_out
        return found

    def _close(self) -> None:
        if self._recording is not None:
            self._recording.close()
            self._recording = None


def _leads_to_streams(path: Path) -> bool:
    """Whether a recording has streams, or continues in a further file."""
    try:
        with open_recording(path, _PATIENCE_SECONDS) as recording:
            return bool(recording.streams(limit=1)) or recording.next_file() is not None
    except RecordingError:
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
