"""A recording in several files, FILE.db, FILE-2.db …: their names, and streams that move from one to the next."""

import contextlib
import os
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

from sqlite_utils import Database

from responses_tap.errors import RecordingError
from responses_tap.store.migrations import is_empty
from responses_tap.store.opening import connect, require_regular

_PATIENCE_S = 5.0

TABLES_OF_STREAMS = ("chunks", "events", "tails", "wire", "uploads", "findings", "verdicts", "client_events")
"""Besides `streams` itself; their column `stream` says whose a row is."""


def copy_streams(db: Database, path: Path, streams: list[tuple[int]]) -> None:
    """Copy streams, and all that a recorder knows besides, into the new file at `path`."""
    connection = db.conn
    connection.execute("ATTACH ? AS new", (str(path),))
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT OR REPLACE INTO new.meta SELECT * FROM main.meta WHERE key != 'next'")
        connection.execute("INSERT OR REPLACE INTO new.meta SELECT 'last_id', max(id) FROM main.streams")
        # As long as they have not been taken out here.
        connection.execute("INSERT OR REPLACE INTO new.meta VALUES ('half_moved', 1)")
        connection.execute("INSERT INTO new.sockets SELECT * FROM main.sockets WHERE end_ns IS NULL")
        for table in TABLES_OF_STREAMS:
            sql = f"INSERT INTO new.{table} SELECT * FROM main.{table} WHERE stream = ?"  # noqa: S608 (ours)
            connection.executemany(sql, streams)
        # A file of an older version has the same columns in another order.
        columns = ", ".join(row[1] for row in connection.execute("PRAGMA main.table_info(streams)"))
        sql = f"INSERT INTO new.streams ({columns}) SELECT {columns} FROM main.streams WHERE id = ?"  # noqa: S608 (ours)
        connection.executemany(sql, streams)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("DETACH new")


def take_out_streams(db: Database, streams: list[tuple[int]], path: Path) -> None:
    """Take out what has been copied to `path`, and leave word that the recording goes on there."""
    connection = db.conn
    connection.execute("BEGIN IMMEDIATE")
    for table in TABLES_OF_STREAMS:
        connection.executemany(f"DELETE FROM {table} WHERE stream = ?", streams)  # noqa: S608 (ours)
    connection.executemany("DELETE FROM streams WHERE id = ?", streams)
    connection.execute("DELETE FROM meta WHERE key GLOB 'flow:*' OR key GLOB 'socket:*'")
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('next', ?)", (path.name,))
    reason = f"goes on in {path.name}"
    connection.execute("UPDATE sockets SET ended_by = 'recorder', end_reason = ? WHERE end_ns IS NULL", (reason,))
    connection.execute("COMMIT")


def latest(first: Path) -> Path:
    """The last file of the recording that begins with `first`."""
    *_, last = first, *_present(first)
    return last


def following(first: Path) -> Path:
    """The first file that there is not yet of the recording that begins with `first`."""
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
    """Whether a recorder was killed when it had made the file, and nothing was in it yet."""
    try:
        require_regular(path)
        with closing(connect(path, _PATIENCE_S)) as connection:
            if is_empty(Database(connection), path):
                return True
            used = "SELECT EXISTS (SELECT 1 FROM streams) OR EXISTS (SELECT 1 FROM meta WHERE key = 'last_id')"
            return not connection.execute(used).fetchone()[0]
    except (sqlite3.Error, RecordingError):
        return False  # it is somebody else's


def finish_move(first: Path) -> None:
    """Take out of the last file but one what a recorder had copied to the last when it was killed.

    For the writer of the last file; what cannot be taken out is there twice.
    """
    files = [first, *_present(first)]
    if len(files) == 1:
        return
    former, path = files[-2:]
    require_regular(former)
    with contextlib.suppress(sqlite3.Error), closing(connect(former, _PATIENCE_S, writing=True)) as connection:
        connection.execute("ATTACH ? AS new", (str(path),))
        if not connection.execute("SELECT 1 FROM new.meta WHERE key = 'half_moved'").fetchone():
            return
        streams = connection.execute("SELECT id FROM main.streams JOIN new.streams USING (id)").fetchall()
        take_out_streams(Database(connection), streams, path)
        connection.execute("DELETE FROM new.meta WHERE key = 'half_moved'")
