"""Opens an SQLite file from an untrusted source: only a regular file, and nothing that it defines is run."""

import sqlite3
import stat
from pathlib import Path

from responses_tap.errors import RecordingError

ADVICE = "name a file that `record` wrote"

_KINDS = (
    (stat.S_ISLNK, "link"),
    (stat.S_ISDIR, "folder"),
    (stat.S_ISFIFO, "FIFO"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)
_CONFIG = (
    # https://sqlite.org/security.html, "untrusted SQLite database files"
    (sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True),
    (sqlite3.SQLITE_DBCONFIG_TRUSTED_SCHEMA, False),
    # Our views are for users, and a recording has no triggers.
    (sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, False),
    (sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False),
)
_MOST_STEPS = 1_000_000
"""Steps of SQLite's virtual machine for a statement that opens a file: reading our schema takes some thousands, and the
pages of a crafted one may form a loop."""
_PRAGMAS = ("cell_size_check = ON", "mmap_size = 0")


def files_of(path: Path) -> tuple[Path, ...]:
    """The file and those that SQLite keeps next to it."""
    return path, *(Path(f"{path}{suffix}") for suffix in ("-wal", "-shm", "-journal"))


def require_regular(path: Path) -> None:
    """Raise RecordingError where the file, or one that SQLite keeps next to it, exists but isn't a regular file.

    Nothing is opened: opening alone has an effect on some devices, and blocks on a FIFO.
    """
    for file in files_of(path):
        try:
            mode = file.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise RecordingError(f"{file} cannot be read ({error.strerror}); {ADVICE}") from error
        if not stat.S_ISREG(mode):
            raise irregular(file, mode)


def irregular(file: Path, mode: int) -> RecordingError:
    """The error for a file that isn't a regular one."""
    kind = next((kind for test, kind in _KINDS if test(mode)), "special file")
    return RecordingError(f"{file} is a {kind}, and a recording is a regular file; {ADVICE}")


def bound_steps(connection: sqlite3.Connection) -> None:
    """Limit each statement to the steps needed to open a recording; sqlite3.OperationalError beyond that."""
    connection.set_progress_handler(lambda: True, _MOST_STEPS)


def connect(path: Path, patience_s: float, *, writing: bool = False) -> sqlite3.Connection:
    """Open an existing file, for reading unless `writing`; sqlite3.Error where that fails.

    The steps of each statement are limited until another progress handler is set.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'rw' if writing else 'ro'}",
        uri=True,
        timeout=patience_s,
        check_same_thread=writing,
        isolation_level=None,
    )
    bound_steps(connection)
    try:
        for option, value in _CONFIG:
            connection.setconfig(option, value)
        for pragma in _PRAGMAS if writing else (*_PRAGMAS, "query_only = ON"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
