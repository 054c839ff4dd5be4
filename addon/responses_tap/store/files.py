"""The file of a recording as its one writer takes it: made, opened, brought up to date, locked."""

import fcntl
import os
import secrets
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from responses_tap.errors import RecordingError
from responses_tap.store.migrations import check_ours, check_schema, is_empty, migrations
from responses_tap.store.opening import connect, files_of, irregular, require_regular

_LOCK_OFFSET = 2**62
"""The byte whose lock says that a writer is at work: far beyond those that SQLite locks itself."""
# Whatever has taken the file's place since one looked: a link is refused, a FIFO does not block.
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


def take(path: Path, patience_s: float) -> tuple[Database, int]:
    """The file, and the descriptor that holds its lock; RecordingError where it cannot be had."""
    try:
        require_regular(path)
        descriptor = _create(path)
    except OSError as error:
        raise _unwritable(path, error.strerror) from error
    try:
        _require_ours(path, patience_s)
        _make_private(path, descriptor)
        return _opened(path, patience_s, descriptor), descriptor
    except BaseException:
        os.close(descriptor)
        raise


def _unwritable(path: Path, reason: object) -> RecordingError:
    return RecordingError(f"cannot write {path} ({reason}); give another file with --db")


def _create(path: Path) -> int:
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True)
    # SQLite gives its -wal and -shm files the mode of the file itself.
    descriptor = os.open(path, _FLAGS | os.O_CREAT, 0o600)
    if not stat.S_ISREG(mode := os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise irregular(path, mode)
    return descriptor


def _require_ours(path: Path, patience_s: float) -> None:
    """Raise RecordingError where the file is somebody else's: nothing of it, nor its mode, has been changed then."""
    try:
        with closing(connect(path, patience_s)) as connection:
            db = Database(connection)
            if not is_empty(db, path):
                check_schema(db, path)
    except sqlite3.Error as error:
        raise _unwritable(path, error) from error


def _make_private(path: Path, descriptor: int) -> None:
    """Let nobody else read the file, nor what SQLite has left beside it.

    Before SQLite opens them: it loses its locks where somebody else in its process closes a file.
    """
    try:
        os.fchmod(descriptor, 0o600)
        for beside in files_of(path)[1:]:
            if beside.exists():
                other = os.open(beside, _FLAGS)
                os.fchmod(other, 0o600)
                os.close(other)
    except OSError as error:
        raise _unwritable(path, error.strerror) from error


def _opened(path: Path, patience_s: float, descriptor: int) -> Database:
    try:
        db = Database(connect(path, patience_s, writing=True))
    except sqlite3.Error as error:
        raise _unwritable(path, error) from error
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        migrations.apply(db)
        check_ours(db, path)
        db.execute("INSERT OR IGNORE INTO meta VALUES ('upload_key', ?)", (secrets.token_bytes(32),))
        _lock(path, descriptor)
        db.conn.set_progress_handler(None, 0)  # it is ours
    except RecordingError:
        db.close()
        raise
    except sqlite3.Error as error:
        db.close()
        raise _unwritable(path, error) from error
    return db


def _lock(path: Path, descriptor: int) -> None:
    """Lock the file against other writers."""
    # Only now: whenever SQLite lets go of a file it unlocks all of it. In WAL mode it does so when it closes
    # the file, and until then it closes no descriptor either, which would drop the lock, too.
    if not os.path.samestat(os.fstat(descriptor), path.lstat()):
        raise _unwritable(path, "it was replaced while it was opened")
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _LOCK_OFFSET)
    except OSError as error:
        raise RecordingError(
            f"{path} is being written by another recorder; stop it, or give another file with --db"
        ) from error
