"""A recording as it was named, or one that is made for the moment from files, folders and standard input."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from responses_tap.errors import UnusableInput
from responses_tap_viewer.printing import complain
from responses_tap_viewer.streams import (
    STDIN,
    PassedOver,
    default_recording,
    is_recording,
    is_there,
    recording_files,
)

_RECORDINGS = ("", ".db", ".sqlite", ".sqlite3")
"""How a recording may be called that is not there yet, or that cannot be read."""
_PIPED = "standard input"


class Gathered(NamedTuple):
    """A recording to read."""

    db: Path
    is_partial: bool = False
    """Whether a path could not be used; which one has been reported."""


@contextmanager
def gathered(paths: Sequence[str]) -> Iterator[Gathered]:
    """The recording that is named, the default one for no path, or one of the streams in these files."""
    if (named := only_database(paths)) is not None and len(recording_files(named)) == 1:
        yield Gathered(named)
    else:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="responses-tap-", ignore_cleanup_errors=True) as folder:
            db = Path(folder) / "gathered.db"
            yield Gathered(db, put_together(db, [_file(path, Path(folder)) for path in paths]))


def only_database(paths: Sequence[str]) -> Path | None:
    """The recording that is named, the default one for no path; None where something else is."""
    if not paths:
        return default_recording()
    return Path(paths[0]) if len(paths) == 1 and is_database(Path(paths[0])) else None


def is_database(path: Path) -> bool:
    """Whether a path names a recording, be it there or not, rather than a file to be imported."""
    if is_there(path) and path.is_file():
        return path.suffix in _RECORDINGS[1:] or is_recording(path)
    return str(path) != STDIN and not is_there(path) and path.suffix in _RECORDINGS


def put_together(db: Path, paths: Sequence[str]) -> bool:
    """Put what the paths hold into a new recording; whether a path was left out, which has been reported.

    A recording stands alone: it is one by several processes.

    UnusableInput where nothing is left.
    """
    if (named := only_database(paths)) is not None:
        from responses_tap.store.merging import merge

        merge(recording_files(named), db)
        return False
    from responses_tap_viewer.importing import import_paths

    problems = [result for result in import_paths(paths, db) if isinstance(result, UnusableInput)]
    *others, last = problems or [UnusableInput("", "there are no streams")]
    for problem in others if not db.exists() else problems:
        complain(str(problem).removeprefix(f"{db.parent}/"))
    if not db.exists():
        raise UnusableInput("", str(last).removeprefix(f"{db.parent}/"))
    return not all(isinstance(problem, PassedOver) for problem in problems)


def _file(path: str, folder: Path) -> str:
    if path != STDIN:
        return path
    piped = folder / _PIPED
    piped.write_bytes(sys.stdin.buffer.read())
    return str(piped)
