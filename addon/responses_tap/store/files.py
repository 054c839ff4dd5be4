"""The file of a recording as its one writer takes it: made, opened, brought up to date, locked."""

import fcntl
import os
import secrets
import sqlite3
from pathlib import Path

from sqlite_utils import Database

from responses_tap.errors import RecordingError
from responses_tap.store.migrations import check_schema, is_empty, migrations

_LOCK_OFFSET = 2**62
"""The byte whose lock says that a writer is at work: far beyond those that SQLite locks itself."""


def take(path: Path, patience_s: float) -> tuple[Database, int]:
    """The file, and the descriptor that holds its lock; RecordingError where it cannot be had."""
    _create(path)
    db = _open(path, patience_s)
    try:
        return db, _lock(path)
    except RecordingError:
        db.close()
        raise


def _create(path: Path) -> None:
    try:
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True)
        # SQLite gives its -wal and -shm files the mode of the file itself.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise RecordingError(f"cannot write {path} ({error.strerror}); give another file with --db") from error


def files_of(path: Path) -> tuple[Path, Path, Path]:
    """The file and those that SQLite keeps beside it."""
    return path, Path(f"{path}-wal"), Path(f"{path}-shm")


def _lock(path: Path) -> int:
    """Lock the file against other writers; the descriptor that holds the lock."""
    # Only now: whenever SQLite lets go of a file it unlocks all of it. In WAL mode it does so when it closes
    # the file, and until then it closes no descriptor either, which would drop the lock, too.
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _LOCK_OFFSET)
    except OSError as error:
        os.close(descriptor)
        raise RecordingError(
            f"{path} is being written by another recorder; stop it, or give another file with --db"
        ) from error
    return descriptor


def _open(path: Path, patience_s: float) -> Database:
    db = Database(sqlite3.connect(path, isolation_level=None, timeout=patience_s))
    try:
        if not is_empty(db, path):
            check_schema(db, path)
        for file in files_of(path):
            if file.exists():
                file.chmod(0o600)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        migrations.apply(db)
        db.execute("INSERT OR IGNORE INTO meta VALUES ('upload_key', ?)", (secrets.token_bytes(32),))
    except RecordingError:
        db.close()
        raise
    except sqlite3.Error as error:
        db.close()
        raise RecordingError(f"cannot write {path} ({error}); give another file with --db") from error
    return db
