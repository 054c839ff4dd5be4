"""Writes a recording: rows are collected, and `commit` writes them in one transaction."""

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from responses_tap.errors import RecordingError
from responses_tap.privacy.masking import Masker
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.rules import by_weight
from responses_tap.store.files import take
from responses_tap.store.opening import files_of
from responses_tap.store.reader import Recording
from responses_tap.store.rows import ChunkRow, EventRow
from responses_tap.store.shares import Share
from responses_tap.store.waiting import Statement, Waiting, is_of_the_file, storable
from responses_tap.stream.conversation import OutputItems, RequestClues
from responses_tap.stream.storable import Value, storable_text

_LAST_ID = "SELECT max(coalesce(max(id), 0), coalesce((SELECT value FROM meta WHERE key = 'last_id'), 0)) FROM streams"
_LAST_SOCKET = (
    "SELECT max(coalesce(max(id), 0), coalesce((SELECT value FROM meta WHERE key = 'last_socket'), 0)) FROM sockets"
)
_TABLES_OF_STREAMS = (
    "chunks", "events", "tails", "wire", "uploads", "findings", "verdicts", "client_events", "output_items", "histories"
)  # fmt: skip
"""Besides `streams` itself; in their column `stream` is the stream's id."""
_LINK_CONTINUATION = (
    "UPDATE streams SET continues = (SELECT max(id) FROM streams"
    " WHERE response_id = ? AND id < ? AND response_body IS NULL) WHERE id = ?"
)
_LEFT_BEHIND = (
    "DELETE FROM sockets WHERE end_ns IS NOT NULL AND id NOT IN (SELECT socket FROM streams WHERE socket IS NOT NULL)",
    "DELETE FROM client_events WHERE socket NOT IN (SELECT id FROM sockets)",
    "UPDATE output_items SET result = NULL WHERE result NOT IN (SELECT id FROM streams)",
    "UPDATE streams SET follows = NULL WHERE follows NOT IN (SELECT id FROM streams)",
)
"""Deletes sockets without a stream, and what leads to a stream that is gone, once streams have been deleted."""
_INSERT_OUTPUT_ITEM = "INSERT INTO output_items VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)"
_WHOLE = Share()
_INSERT_FINDING = "INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Ids:
    """The ids that have been given to streams and WebSockets, in all files of a recording; they are never reused."""

    def __init__(self, share: Share, stream: int, socket: int) -> None:
        """`stream` and `socket` are the last ones."""
        self._share = share
        self.stream, self.socket = stream, socket

    def next_stream(self) -> int:
        """An id for a stream."""
        self.stream = self._share.following(self.stream)
        return self.stream

    def next_socket(self) -> int:
        """An id for a WebSocket."""
        self.socket = self._share.following(self.socket)
        return self.socket


class Writer:
    """The only writer of a recording; a second one for the same file, in another process, is refused.

    Creates the file (mode 0600) and its folder (0700), and migrates an older schema. RecordingError where that fails.
    The `add_…` and `set_…` methods only collect; `commit` writes.
    """

    def __init__(
        self, path: Path, patience_s: float = 5.0, masker: Masker | None = None, share: Share = _WHOLE
    ) -> None:
        """Open the file; `commit` waits up to `patience_s` for another process that is writing to it.

        `masker` removes the credentials from what is written; by default, the writer has a masker of its own. `share`
        is the part that the file has in a recording by several processes.
        """
        self.masker = masker or Masker()
        self._share = share
        self.path = path
        self._patience_s = patience_s
        self._take(path)

    def _take(self, path: Path) -> None:
        db, descriptor = take(path, self._patience_s)
        self._lock: int | None = descriptor
        self._db = db
        self.ids = Ids(self._share, db.execute(_LAST_ID).fetchone()[0], db.execute(_LAST_SOCKET).fetchone()[0])
        self._beside = {file: file.stat() for file in files_of(path)[1:] if file.exists()}
        self.upload_key: bytes = self.meta("upload_key")["upload_key"]
        """The key of this recording's masks, 32 random bytes."""
        self._waiting = Waiting()

    def _let_go(self) -> None:
        if self._lock is not None:
            self._db.close()
            os.close(self._lock)
        self._lock = None

    @property
    def is_in_place(self) -> bool:
        """Whether the file is still where it was opened, neither deleted nor replaced."""
        try:
            return self._lock is not None and os.path.samestat(self.path.stat(), os.fstat(self._lock))
        except (FileNotFoundError, NotADirectoryError):
            return False

    @property
    def unwritten(self) -> int:
        """How many frames wait for `commit`."""
        return len(self._waiting.events) + len(self._waiting.huge_events)

    @property
    def has_waiting(self) -> bool:
        """Whether anything waits for `commit`."""
        return any(vars(self._waiting).values())

    def start_over(self) -> None:
        """Recreate the file after it has been deleted; what was collected for it is lost, too."""
        self._let_go()
        # SQLite leaves the WAL of a deleted file behind, and would apply it to the next file of that name.
        for beside, opened in self._beside.items():
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(beside.stat(), opened):
                    beside.unlink()
        self._take(self.path)

    def recording(self) -> Recording:
        """What has been committed, for reading; closed with the writer."""
        return Recording(self.path, self._db.conn)

    def meta(self, pattern: str) -> dict[str, Any]:
        """The committed entries of the table `meta` whose keys match the GLOB pattern."""
        return dict(self._db.execute("SELECT key, value FROM meta WHERE key GLOB ?", (pattern,)).fetchall())

    def set_meta(self, key: str, value: Value) -> None:
        """Store a value in the table `meta`; None removes the entry."""
        if value is None:
            self._add("DELETE FROM meta WHERE key = ?", key)
        else:
            self._add("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    def add_stream(self, columns: Mapping[str, Value]) -> int:
        """Add a stream with these columns and return its id."""
        stream_id = self.ids.next_stream()
        self._insert("streams", {"id": stream_id, **columns}, stream_id)
        return stream_id

    def set_stream(self, stream_id: int, columns: Mapping[str, Value]) -> None:
        """Set some columns of a stream."""
        self._update("streams", stream_id, columns, stream_id)

    def link_continuation(self, stream_id: int, response_id: str) -> None:
        """Link a stream to the latest earlier one that streamed a part of the same response."""
        self._add(_LINK_CONTINUATION, response_id, stream_id, stream_id, stream=stream_id)

    def link_turn(self, stream_id: int, clues: RequestClues) -> None:
        """Link a stream to the turn before it, by what its request says; and what it brings results of."""
        self._waiting.turns.append((stream_id, clues))

    def set_output(self, stream_id: int, output: OutputItems, asked: bytes | None) -> None:
        """Replace what is known of a response's output; `asked` is the digest of the request's input, if known."""
        for table in ("output_items", "histories"):
            self._add(f"DELETE FROM {table} WHERE stream = ?", stream_id, stream=stream_id)  # noqa: S608 (ours)
        for n, item in enumerate(output.items):
            self._add(_INSERT_OUTPUT_ITEM, stream_id, n, *item[:-1], stream=stream_id)
        if (history := output.history(asked)) is not None:
            self._add("INSERT INTO histories VALUES (?, ?)", stream_id, history, stream=stream_id)
        self.set_stream(stream_id, {"tools": output.tools})

    def add_socket(self, columns: Mapping[str, Value]) -> int:
        """Add a WebSocket with these columns and return its id."""
        socket_id = self.ids.next_socket()
        self.take_over_socket(socket_id, columns)
        return socket_id

    def take_over_socket(self, socket_id: int, columns: Mapping[str, Value]) -> None:
        """Add a WebSocket that continues here, with the id that it has in the previous file."""
        self._insert("sockets", {"id": socket_id, **columns})

    def set_socket(self, socket_id: int, columns: Mapping[str, Value]) -> None:
        """Set some columns of a WebSocket."""
        self._update("sockets", socket_id, columns)

    def leave_socket(self, socket_id: int, columns: Mapping[str, Value]) -> None:
        """Stop recording a WebSocket: set some columns of its open streams, and who ended it."""
        self._update("sockets", socket_id, {name: columns[name] for name in ("ended_by", "end_reason")})
        assignments = ", ".join(f"{name} = ?" for name in columns)
        sql = f"UPDATE streams SET {assignments} WHERE socket = ? AND state = 'open'"  # noqa: S608 (names are ours)
        self._add(sql, *columns.values(), socket_id)

    def add_client_event(self, socket_id: int, at_ns: int, stream_id: int | None, body: str) -> None:
        """Add what a client sent over a WebSocket besides its requests, secrets masked."""
        columns: dict[str, Value] = {"socket": socket_id, "at_ns": at_ns, "stream": stream_id, "body": body}
        self._insert("client_events", columns, stream_id)

    def add_chunk(self, row: ChunkRow) -> None:
        """Add a chunk."""
        self._waiting.chunks.append(row)

    def add_event(self, row: EventRow) -> None:
        """Add a frame. Its texts and numbers must be storable (see `rows`)."""
        self._waiting.events.append(row)

    def add_events(self, rows: Iterable[EventRow]) -> None:
        """Add frames, like `add_event`."""
        self._waiting.events.extend(rows)

    def add_huge_event(self, row: EventRow, pieces: Sequence[bytes]) -> None:
        """Add a frame of some `HUGE` bytes or more, which are `pieces`; `row.raw` is empty."""
        self._waiting.huge_events.append((row, pieces))

    def drop_tail(self, stream_id: int) -> None:
        """Delete the beginning of a frame that has ended."""
        self._add("DELETE FROM tails WHERE stream = ?", stream_id, stream=stream_id)

    def add_tail(self, stream_id: int, raw: bytes) -> None:
        """Append to the beginning of an unfinished frame."""
        self._add("INSERT INTO tails VALUES (?, ?)", stream_id, raw, stream=stream_id)

    def add_wire(self, stream_id: int, n: int, raw: bytes) -> None:
        """Store a chunk as it arrived over the wire, until `drop_wire`."""
        self._add("INSERT INTO wire VALUES (?, ?, ?)", stream_id, n, raw, stream=stream_id)

    def drop_wire(self, stream_id: int) -> None:
        """Delete the wire chunks of a stream that has ended."""
        self._add("DELETE FROM wire WHERE stream = ?", stream_id, stream=stream_id)

    def add_upload(self, stream_id: int, part: int, raw: bytes) -> None:
        """Store a further piece of a part of a large request body, until `join_upload`."""
        self._add("INSERT INTO uploads VALUES (?, ?, ?)", stream_id, part, raw, stream=stream_id)

    def drop_upload(self, stream_id: int) -> None:
        """Delete the parts of an incomplete request body."""
        self._add("DELETE FROM uploads WHERE stream = ?", stream_id, stream=stream_id)

    def join_upload(self, stream_id: int) -> None:
        """Put the parts of a request body back into it, once the stream's row won't be written again."""
        self._waiting.uploads.append((self.upload_key, stream_id))

    def set_findings(self, stream_id: int, findings: Iterable[Finding], *, rules: str, profile: str) -> None:
        """Replace a stream's findings, given in order, and its verdict."""
        findings = list(findings)
        self._add("DELETE FROM findings WHERE stream = ?", stream_id, stream=stream_id)
        for finding in findings:
            self._add(_INSERT_FINDING, *_finding_row(stream_id, finding), stream=stream_id)
        counts = [sum(finding.severity == severity for finding in findings) for severity in Severity]
        verdict = (stream_id, rules, profile, *counts, first_code(findings))
        self._add("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)", *verdict, stream=stream_id)

    def discard_stream(self, stream_id: int) -> None:
        """Delete a stream; the next ones use its space."""
        for table in _TABLES_OF_STREAMS:
            self._add(f"DELETE FROM {table} WHERE stream = ?", stream_id)  # noqa: S608 (ours)
        self._add("DELETE FROM streams WHERE id = ?", stream_id)
        self._add("INSERT OR REPLACE INTO meta VALUES ('last_id', ?)", self.ids.stream)

    @property
    def size(self) -> int:
        """The bytes in use in the file."""
        pages, free, page = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * page)

    def number_with(self, former: "Writer") -> None:
        """Number streams and sockets together with the writer of a former file, which may be written to as well."""
        former.ids.stream = max(self.ids.stream, former.ids.stream)
        former.ids.socket = max(self.ids.socket, former.ids.socket)
        self.ids = former.ids  # which the files before that one count with, too
        self.note_last_ids()

    def note_last_ids(self) -> None:
        """Write down which ids have been given, in whichever file: nobody else is to use them."""
        self.set_meta("last_id", self.ids.stream)
        self.set_meta("last_socket", self.ids.socket)

    def remove_streams(self, ids: Iterable[int]) -> None:
        """Delete streams with all that belongs to them, immediately, and give their space back.

        Their ids aren't used again. RecordingError where that fails.
        """
        gone = [(stream_id,) for stream_id in ids]
        connection = self._db.conn
        try:
            connection.execute("BEGIN IMMEDIATE")
            for table in _TABLES_OF_STREAMS:
                connection.executemany(f"DELETE FROM {table} WHERE stream = ?", gone)  # noqa: S608 (ours)
            connection.executemany("DELETE FROM streams WHERE id = ?", gone)
            for statement in _LEFT_BEHIND:
                connection.execute(statement)
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('last_id', ?)", (self.ids.stream,))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise RecordingError(f"nothing was removed from {self.path} ({error})") from error
        try:
            connection.execute("VACUUM")
        except sqlite3.Error as error:
            raise RecordingError(f"the streams are out of {self.path}, but not their space ({error})") from error

    def commit(self) -> dict[int, Exception]:
        """Write all collected rows; on an error of the file, nothing is written and they are kept for the next attempt.

        A row that cannot be written affects no other: it is written as far as possible, and its stream is returned
        with the error.
        """
        faults: dict[int, Exception] = {}
        try:
            self._transact(self._waiting.write)
        except Exception as error:
            if is_of_the_file(error):
                raise
            self._transact(lambda connection: faults.update(self._waiting.write_apart(connection)))
        self._waiting = Waiting()
        return faults

    def _transact(self, write: Callable[[sqlite3.Connection], object]) -> None:
        connection = self._db.conn
        try:
            connection.execute("BEGIN IMMEDIATE")
            write(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _add(self, sql: str, *parameters: Value, stream: int | None = None) -> None:
        self._waiting.statements.append(Statement(sql, tuple(map(storable, parameters)), stream))

    def _insert(self, table: str, columns: Mapping[str, Value], stream: int | None = None) -> None:
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 (names are ours)
        values = tuple(map(storable, columns.values()))
        self._waiting.statements.append(Statement(sql, values, stream, table, tuple(columns), is_new=True))

    def _update(self, table: str, id_: int, columns: Mapping[str, Value], stream: int | None = None) -> None:
        assignments = ", ".join(f"{name} = ?" for name in columns)
        sql = f"UPDATE {table} SET {assignments} WHERE id = ?"  # noqa: S608 (names are ours)
        values = (*map(storable, columns.values()), id_)
        self._waiting.statements.append(Statement(sql, values, stream, table, tuple(columns)))

    def close(self) -> None:
        """Close the file, with its WAL merged into it. Commits nothing."""
        with contextlib.suppress(sqlite3.Error):  # the disk is full: the WAL stays and belongs to the file
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._let_go()


def first_code(findings: Iterable[Finding]) -> str | None:
    """The code of the most important finding, None where there is none."""
    return next((finding.code for finding in by_weight(findings)), None)


def _finding_row(stream_id: int, finding: Finding) -> tuple[Value, ...]:
    return (
        stream_id,
        finding.response,
        finding.code,
        finding.name,
        str(finding.severity),
        finding.position,
        json.dumps(finding.scope),
        storable_text(finding.statement),  # without its count, which has a column
        storable_text(finding.missing),
        finding.count,
        json.dumps(finding.evidence),
        json.dumps(finding.fields),
    )
