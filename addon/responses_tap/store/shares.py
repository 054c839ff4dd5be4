"""A recording by several processes: each writes a share of it, FILE.1.db, FILE.2.db …, with ids that no other uses.

FILE.db itself is the name of them all, and no file.
"""

import os
from itertools import count, takewhile
from pathlib import Path
from typing import NamedTuple

MOST_PROCESSES = 99
_STRIDE = MOST_PROCESSES + 1


class Share(NamedTuple):
    """The part of one process, counted from 1, in a recording by several; or all of it, by one."""

    number: int = 0
    processes: int = 1

    def following(self, last_id: int) -> int:
        """The next id after that one. The third process uses 3, 103, 203 …, whatever the others do."""
        if not self.number:
            return last_id + 1
        return last_id + 1 + (self.number - last_id - 1) % _STRIDE


def share_path(recording: Path, number: int) -> Path:
    """The file of a process."""
    return recording.with_name(f"{recording.stem}.{number}{recording.suffix}")


def share_paths(recording: Path, processes: int) -> list[Path]:
    """The files of so many processes; of one, the recording itself."""
    return [share_path(recording, number) for number in range(1, processes + 1)] if processes > 1 else [recording]


def shares(recording: Path) -> list[Path]:
    """The files of a recording by several processes, empty if it isn't one."""
    if os.path.lexists(recording):
        return []
    return list(takewhile(os.path.lexists, (share_path(recording, number) for number in count(1))))


def file_of(recording: Path, stream_id: int) -> Path:
    """The file that a stream is in: the recording itself, or the share of the process that recorded the stream."""
    return share_path(recording, stream_id % _STRIDE) if shares(recording) else recording
