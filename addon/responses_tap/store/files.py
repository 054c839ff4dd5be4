"""Creates, opens, migrates and locks the file of a recording for its only writer."""

import fcntl
import os
import secrets
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from responses_tap.errors import RecordingError
from responses_tap.store.migrations import check_ours, migrations
from responses_tap.store.opening import connect, files_of, irregular, require_regular
from responses_tap.store.recording_schema import check_schema, is_empty
from responses_tap.store.shares import shares

_LOCK_OFFSET = 2**62
"""The byte whose lock marks an active writer, far beyond those that SQLite locks itself."""
# The file may have been replaced since it was checked: a link is refused, a FIFO doesn't block.
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


def take(path: Path, patience_s: float) -> tuple[Database, int]:
    """The database, and the descriptor that holds its lock; RecordingError where it cannot be written."""
    if files := shares(path):
        raise RecordingError(f"{path} is a recording by several processes, in {files[0]} and others; name one of them")
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
    # SQLite gives its -wal and -shm files the mode of the database file.
    descriptor = os.open(path, _FLAGS | os.O_CREAT, 0o600)
    if not stat.S_ISREG(mode := os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise irregular(path, mode)
    return descriptor


def _require_ours(path: Path, patience_s: float) -> None:
    """Raise RecordingError where the file isn't a recording, before anything in it, or its mode, is changed."""
    try:
        with closing(connect(path, patience_s)) as connection:
            if not is_empty(connection, path):
                check_schema(connection, path)
    except sqlite3.Error as error:
        raise _unwritable(path, error) from error


def _make_private(path: Path, descriptor: int) -> None:
    """Make the file private, and those that SQLite has left next to it.

    This comes before SQLite opens them, which loses its locks if other code in the process closes one of the files.
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
        check_ours(db.conn, path)
        db.execute("INSERT OR IGNORE INTO meta VALUES ('upload_key', ?)", (secrets.token_bytes(32),))
        _lock(path, descriptor)
        db.conn.set_progress_handler(None, 0)  # the file is ours
    except RecordingError:
        db.close()
        raise
    except sqlite3.Error as error:
        db.close()
        raise _unwritable(path, error) from error
    return db


def _lock(path: Path, descriptor: int) -> None:
    """Lock the file against other writers."""
    # Not earlier: whenever SQLite releases a file it unlocks all of it. In WAL mode it does so only when it closes the
    # file, and closes no descriptor before that, which would drop our lock, too.
    if not os.path.samestat(os.fstat(descriptor), path.lstat()):
        raise _unwritable(path, "it was replaced while it was opened")
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _LOCK_OFFSET)
    except OSError as error:
        raise RecordingError(
            f"{path} is being written by another recorder; stop it, or give another file with --db"
        ) from error
