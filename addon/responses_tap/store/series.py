"""A recording in several files, FILE.db, FILE-2.db …: which exist, and which ones a recorder left unfinished."""

import os
import sqlite3
from contextlib import closing
from itertools import count, pairwise
from pathlib import Path

from responses_tap.errors import RecordingError
from responses_tap.store.opening import connect, require_regular
from responses_tap.store.recording_schema import is_empty

_PATIENCE_S = 5.0
_IS_BLANK = "SELECT NOT EXISTS (SELECT 1 FROM streams) AND NOT EXISTS (SELECT 1 FROM meta WHERE key = 'last_id')"
_IS_UNFINISHED = (
    "SELECT NOT EXISTS (SELECT 1 FROM meta WHERE key = 'next')"
    " OR EXISTS (SELECT 1 FROM meta WHERE key GLOB 'flow:*' OR key GLOB 'socket:*')"
)


def unfinished(first: Path) -> dict[Path, str]:
    """The files before the last one in which a recorder was killed, each with the name of the next.

    They have open flows, or don't name the next file. Anything but a recording is left alone.
    """
    files = [first, *_present(first)]
    return {path: after.name for path, after in pairwise(files) if _says(path, _IS_UNFINISHED)}


def latest(first: Path) -> Path:
    """The last file of the recording that begins with `first`."""
    *_, last = first, *_present(first)
    return last


def following(first: Path) -> Path:
    """The first free file name of the recording that begins with `first`."""
    number = 2 + sum(1 for _ in _present(first))
    return first.with_stem(f"{first.stem}-{number}")


def _present(first: Path) -> list[Path]:
    present = []
    for number in count(2):
        path = first.with_stem(f"{first.stem}-{number}")
        if not os.path.lexists(path) or _is_blank(path):
            break
        present.append(path)
    return present


def _is_blank(path: Path) -> bool:
    """Whether a recorder was killed after creating the file, before writing to it."""
    return _says(path, _IS_BLANK, of_empty=True)


def _says(path: Path, question: str, *, of_empty: bool = False) -> bool:
    """A file's answer to a yes-or-no query; False where it isn't a recording."""
    try:
        require_regular(path)
        with closing(connect(path, _PATIENCE_S)) as connection:
            if is_empty(connection, path):
                return of_empty
            return bool(connection.execute(question).fetchone()[0])
    except (sqlite3.Error, RecordingError):
        return False
