"""The rows that wait for the next commit, and how to write them: together, or one by one after a failure."""

import itertools
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from responses_tap.errors import RecordingError
from responses_tap.store.linking import link
from responses_tap.store.rows import HUGE, ChunkRow, EventRow, bare_event
from responses_tap.store.uploads import join_upload
from responses_tap.stream.conversation import RequestClues
from responses_tap.stream.storable import Value, storable_int, storable_text

_INSERT_CHUNK = "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_MINIMUM = (
    "INSERT INTO streams (id, method, url, host, route, http_version, request_headers, started_at, state)"
    " VALUES (?, '', '', '', 'sse', '', '[]', ?, 'open')"
)
"""A minimal row, for a stream with a column that cannot be written."""


class Statement(NamedTuple):
    """A statement that waits for the next commit."""

    sql: str
    parameters: tuple[Value, ...]
    stream: int | None
    """The stream that it belongs to, if any."""
    table: str = ""
    columns: tuple[str, ...] = ()
    is_new: bool = False
    """Whether it inserts the row; `columns` and `parameters` then begin with its id."""

    def piecemeal(self) -> Iterator[tuple[str, tuple[Value, ...]]]:
        """Statements that write as much of the same row as possible, column by column."""
        columns = dict(zip(self.columns, self.parameters, strict=False))
        id_ = self.parameters[0 if self.is_new else -1]
        if self.is_new:
            if self.table != "streams":
                return
            yield _INSERT_MINIMUM, (id_, columns.get("started_at"))
        for name, value in columns.items():
            yield f"UPDATE {self.table} SET {name} = ? WHERE id = ?", (value, id_)  # noqa: S608 (names are ours)


class Waiting:
    """Rows in the order to write them."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.chunks: list[ChunkRow] = []
        self.events: list[EventRow] = []
        self.huge_events: list[tuple[EventRow, Sequence[bytes]]] = []
        self.uploads: list[tuple[bytes, int]] = []
        """Request bodies whose parts are to be joined: the key of their marks, and the stream."""
        self.turns: list[tuple[int, RequestClues]] = []
        """Streams that are to be linked to the turn before them, which is in the file by then."""

    def write(self, connection: sqlite3.Connection) -> None:
        """Write all of them or raise, within a transaction."""
        for statement in self.statements:
            connection.execute(statement.sql, statement.parameters)
        connection.executemany(_INSERT_CHUNK, self.chunks)
        connection.executemany(_INSERT_EVENT, self.events)
        for row, pieces in self.huge_events:
            _write_huge(connection, row, pieces)
        for stream, clues in self.turns:
            link(connection, stream, clues)
        for key, stream in self.uploads:
            join_upload(connection, key, stream)

    def write_apart(self, connection: sqlite3.Connection) -> dict[int, Exception]:
        """Write each row by itself, as far as possible, within a transaction; return the streams that failed.

        Raises only errors of the file. A failed statement leaves the transaction as it was (SQLite's ABORT).
        """
        apart = _Apart(connection)
        for statement in self.statements:
            if not apart.execute(statement.stream, statement.sql, statement.parameters):
                for sql, parameters in statement.piecemeal():
                    apart.execute(statement.stream, sql, parameters)
        for chunk in self.chunks:
            apart.execute(chunk.stream, _INSERT_CHUNK, chunk)
        for event in itertools.chain(self.events, itertools.starmap(_joined, self.huge_events)):
            if not apart.execute(event.stream, _INSERT_EVENT, event):
                bare = bare_event(event.stream, event.n, event.at_ns, event.chunk, event.raw, event.response)
                apart.execute(event.stream, _INSERT_EVENT, bare)
        for stream, clues in self.turns:
            apart.attempt(stream, partial(link, connection, stream, clues))
        for key, stream in self.uploads:
            apart.attempt(stream, partial(join_upload, connection, key, stream))
        return apart.faults


def _write_huge(connection: sqlite3.Connection, row: EventRow, pieces: Sequence[bytes]) -> None:
    """Write an event without the two copies of its bytes that SQLite would make: `raw` is the last column."""
    sql = _INSERT_EVENT.removesuffix("?)") + "zeroblob(?))"
    id_ = connection.execute(sql, (*row[:-1], sum(map(len, pieces)))).lastrowid
    assert id_ is not None
    with connection.blobopen("events", "raw", id_) as blob:
        for piece in pieces:
            for at in range(0, len(piece), HUGE):
                blob.write(piece[at : at + HUGE])


def _joined(row: EventRow, pieces: Sequence[bytes]) -> EventRow:
    return row._replace(raw=b"".join(pieces))


class _Apart:
    """Executes statements that may fail."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.faults: dict[int, Exception] = {}

    def execute(self, stream: int | None, sql: str, parameters: Sequence[Value]) -> bool:
        """Execute a statement about a stream; return whether it succeeded."""
        return self.attempt(stream, partial(self._connection.execute, sql, parameters))

    def attempt(self, stream: int | None, write: Callable[[], object]) -> bool:
        """Write something of a stream; return whether it succeeded."""
        try:
            write()
        except Exception as error:
            if is_of_the_file(error):
                raise
            if stream is not None:
                self.faults.setdefault(stream, error)
            return False
        return True


def is_of_the_file(error: BaseException) -> bool:
    """Whether the file cannot be written now (locked, full, broken), as opposed to a row."""
    return isinstance(error, sqlite3.OperationalError | OSError | RecordingError | MemoryError) or (
        type(error) is sqlite3.DatabaseError  # SQLITE_CORRUPT, SQLITE_NOTADB
    )


def storable(value: Value) -> Value:
    """The value in a form that a column can hold."""
    if isinstance(value, str):
        return storable_text(value)
    return storable_int(value) if isinstance(value, int) else value
