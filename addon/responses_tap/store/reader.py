"""Reads a recording: read-only, in short statements, while somebody else may be writing it."""

import heapq
import json
import sqlite3
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import fields
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from sqlite_utils import Database

from responses_tap.errors import RecordingError
from responses_tap.filters import Filter
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.sse import Decoder, Frame, Passed, message_frame
from responses_tap.store.migrations import check_schema, damaged
from responses_tap.store.rows import ChunkRow, EventRow, Headers, SocketRow, StreamRow
from responses_tap.timeline import FOLDABLE, Delta, Entry

_PAGE = 1000
"""Events read in one statement."""


def open_recording(path: Path | str, patience_s: float = 5.0) -> "Recording":
    """Open the recording at `path` for reading; RecordingError says why it cannot be.

    Where another program keeps the file to itself, that is waited for this long.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise RecordingError(f"{path} {what}; name a file that `record` wrote")
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=ro",
            uri=True,
            timeout=patience_s,
            check_same_thread=False,
            isolation_level=None,
        )
    except sqlite3.Error as error:
        raise RecordingError(f"{path} cannot be read ({error}); check its permissions") from error
    db = Database(connection)
    try:
        check_schema(db, path)
        return Recording(path, db)
    except RecordingError:
        db.close()
        raise


class Recording:
    """An open recording. Every method raises RecordingError where the file is damaged."""

    def __init__(self, path: Path, db: Database) -> None:
        self.path = path
        self._db = db
        absent = _LATER - {row[1] for row in self._rows("PRAGMA table_info(streams)")}
        names = [field.name for field in fields(StreamRow)]
        self._whole, self._light = _select(names, absent), _select(names, {*absent, *_HEAVY})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def data_version(self) -> int:
        """A number that changes whenever somebody else has written to the file."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def next_file(self) -> str | None:
        """The name of the file beside this one that the recorder has gone on in, if it has."""
        names = [str(row[0]) for row in self._rows("SELECT value FROM meta WHERE key = 'next'")]
        return next((name for name in names if name and name == Path(name).name), None)

    def stream_ids(self) -> list[int]:
        """The ids of all streams, ascending."""
        return [row[0] for row in self._rows("SELECT id FROM streams ORDER BY id")]

    def streams(
        self, limit: int | None = None, before_id: int | None = None, after_id: int | None = None
    ) -> list[StreamRow]:
        """Streams by ascending id, without the heads and bodies of request and response.

        Of more than `limit` streams: the last ones below `before_id`, or, if `after_id` is given, the first
        ones above it.
        """
        order = "ASC" if after_id is not None else "DESC"
        rows = self._stream_rows(
            self._light + f"s.id < :before AND s.id > :after ORDER BY s.id {order} LIMIT :limit",
            before=2**63 - 1 if before_id is None else before_id,
            after=-1 if after_id is None else after_id,
            limit=-1 if limit is None else limit,
        )
        return rows if after_id is not None else rows[::-1]

    def facts(self, names: Sequence[str], before_id: int, limit: int) -> list[tuple[Any, ...]]:
        """These fields of the last streams below an id, ascending: what a long list needs, at a tenth of the cost."""
        sql = f"{_select(names)} s.id < ? ORDER BY s.id DESC LIMIT ?"
        return self._rows(sql, before_id, limit)[::-1]

    def facts_of(self, names: Sequence[str], ids: Collection[int]) -> list[tuple[Any, ...]]:
        """These fields of these streams, as far as they are there, ascending."""
        sql = f"{_select(names)} s.id IN (SELECT value FROM json_each(?)) ORDER BY s.id"  # noqa: S608 (ours)
        return self._rows(sql, json.dumps(list(ids)))

    def stream(self, stream_id: int) -> StreamRow | None:
        """One stream with its bodies, None if there is none of that id."""
        rows = self._stream_rows(self._whole + "s.id = :id", id=stream_id)
        return rows[0] if rows else None

    def events(self, stream_id: int, first_n: int = 0, limit: int | None = None) -> Iterator[EventRow]:
        """The frames of a stream from number `first_n` on, at most `limit`, read page by page."""
        left = 2**63 - 1 if limit is None else limit
        sql = f"SELECT {_EVENT_COLUMNS} FROM events WHERE stream = ? AND n >= ? ORDER BY n LIMIT ?"  # noqa: S608 (ours)
        while left > 0:
            page = self._rows(sql, stream_id, first_n, min(left, _PAGE))
            yield from map(EventRow._make, page)
            if len(page) < _PAGE:
                return
            left -= len(page)
            first_n = page[-1][1] + 1

    def frames(self, stream_id: int) -> Iterator[tuple[Frame, int, int]]:
        """The frames of a stream, each with its arrival (ns since the start) and the number of its chunk."""
        if self.route(stream_id) == "websocket":
            yield from ((_message(row.raw, row.position), row.at_ns, row.chunk) for row in self.events(stream_id))
            return
        decoder = Decoder()
        waiting: deque[EventRow] = deque()
        # A frame that ends in a lone CR comes out one row later: rows and frames are paired by their order.
        for row in self.events(stream_id):
            waiting.append(row)
            for frame in decoder.feed(row.raw):
                origin = waiting.popleft()
                yield frame, origin.at_ns, origin.chunk
        if waiting and (last := decoder.finish()) is not None:
            yield last, waiting[0].at_ns, waiting[0].chunk

    def entries(self, stream_id: int) -> Iterator[Entry]:
        """The frames of a stream as a timeline takes them."""
        for row, (frame, at_ns, chunk) in zip(self.events(stream_id), self.frames(stream_id), strict=True):
            yield Entry(row.n, frame, row.position, row.response, at_ns, chunk)

    def sketch(self, stream_id: int, first_n: int, limit: int) -> list[Entry | Delta]:
        """The frames of a stream from number `first_n` on, at most `limit`; of deltas what the columns tell of them."""
        return [
            Delta(*facts) if raw is None else Entry(facts[0], Frame.whole(raw), facts[1], facts[4], facts[2], facts[3])
            for *facts, raw in self._rows(_SKETCH, stream_id, first_n, limit)
        ]

    def raw(self, stream_id: int, first_n: int, limit: int) -> list[bytes]:
        """The bytes of the frames of a stream from number `first_n` on, at most `limit`."""
        sql = "SELECT raw FROM events WHERE stream = ? AND n >= ? ORDER BY n LIMIT ?"
        return [row[0] for row in self._rows(sql, stream_id, first_n, limit)]

    def route(self, stream_id: int) -> str:
        """How a stream came: `sse` or `websocket`; empty where there is none of that id."""
        rows = self._rows("SELECT route FROM streams WHERE id = ?", stream_id)
        return str(rows[0][0]) if rows else ""

    def socket(self, socket_id: int) -> SocketRow | None:
        """One WebSocket, None if there is none of that id."""
        names = ", ".join(field.name for field in fields(SocketRow))
        rows = self._rows(f"SELECT {names} FROM sockets WHERE id = ?", socket_id)  # noqa: S608 (names are ours)
        return _socket_row(rows[0]) if rows else None

    def socket_messages(self, socket_id: int) -> Iterator[Passed]:
        """All messages of a WebSocket in the order in which they passed.

        No two arrive at one time, except that a response which nobody asked for begins with its first message.
        """
        streams = self._rows("SELECT id, socket_ns FROM streams WHERE socket = ? ORDER BY socket_ns", socket_id)
        sent = self._rows(
            "SELECT at_ns, stream, CAST(body AS BLOB) FROM client_events WHERE socket = ? ORDER BY at_ns", socket_id
        )
        others = [(at_ns, Passed(stream or 0, 0, None, body)) for at_ns, stream, body in sent]
        for _, passed in heapq.merge(others, *(self._turn(id_, start) for id_, start in streams), key=itemgetter(0)):
            if passed is not None:
                yield passed

    def body(self, stream_id: int) -> bytes:
        """The body of an event stream as it arrived, content-decoded; what has arrived of an open one."""
        return b"".join([*(row.raw for row in self.events(stream_id)), self.tail(stream_id)])

    def tail(self, stream_id: int) -> bytes:
        """What has arrived of a frame that has not ended yet, while the stream is open."""
        return b"".join(
            row[0] for row in self._rows("SELECT raw FROM tails WHERE stream = ? ORDER BY rowid", stream_id)
        )

    def wire(self, stream_id: int) -> Iterator[bytes]:
        """The chunks of an open stream as they came over the wire, where its frames do not tell that."""
        for row in self._db.execute("SELECT raw FROM wire WHERE stream = ? ORDER BY n", (stream_id,)):
            yield row[0]

    def has_upload(self, stream_id: int) -> bool:
        """Whether parts of an open stream's request body wait to be joined."""
        return bool(self._rows("SELECT 1 FROM uploads WHERE stream = ? LIMIT 1", stream_id))

    def chunks(self, stream_id: int) -> list[ChunkRow]:
        """The pieces in which the body arrived, in order."""
        rows = self._rows(f"SELECT {_CHUNK_COLUMNS} FROM chunks WHERE stream = ? ORDER BY n", stream_id)  # noqa: S608
        return [ChunkRow._make(row) for row in rows]

    def arrivals(self, stream_id: int, until_ns: int, parts: int) -> list[int]:
        """How many frames arrived in each of so many equal parts of the time from the stream's start to `until_ns`."""
        counts = [0] * parts
        sql = "SELECT min(at_ns * ?1 / (?2 + 1), ?1 - 1) AS part, count(*) FROM events WHERE stream = ?3 GROUP BY part"
        for part, count in self._rows(sql, parts, max(0, until_ns), stream_id):
            counts[max(0, part)] += count
        return counts

    def skeleton(self, stream_id: int) -> list[str]:
        """The types of a stream's events in order, each run of the same type as one: what its shape stands for."""
        rows = self._rows(
            "SELECT type FROM (SELECT n, type, lag(type) OVER (ORDER BY n) AS before FROM events"
            " WHERE stream = ? AND type IS NOT NULL) WHERE type IS NOT before ORDER BY n",
            stream_id,
        )
        return [row[0] for row in rows]

    def findings(self, stream_id: int) -> list[Finding]:
        """The findings of a stream by response and position, those without a position last."""
        rows = self._rows(
            "SELECT code, name, severity, position, message, scope, missing, count, evidence, response"
            " FROM findings WHERE stream = ? ORDER BY response, position IS NULL, position, rowid",
            stream_id,
        )
        return [_finding(row) for row in rows]

    def codes(self, first_id: int, last_id: int) -> dict[int, tuple[str, ...]]:
        """The codes of the findings of the streams from `first_id` to `last_id`, where there are any."""
        found: dict[int, tuple[str, ...]] = {}
        rows = self._rows(
            "SELECT DISTINCT stream, code FROM findings WHERE stream BETWEEN ? AND ? ORDER BY stream, code",
            first_id,
            last_id,
        )
        for stream_id, code in rows:
            found[stream_id] = (*found.get(stream_id, ()), code)
        return found

    def matching(self, wanted: Filter) -> list[StreamRow]:
        """The streams that a filter lets pass, ascending, without their heads and bodies."""
        rows = self.streams()
        codes = self.codes(rows[0].id, rows[-1].id) if rows else {}
        return [row for row in rows if wanted.matches(row, codes.get(row.id, ()))]

    def _turn(self, stream_id: int, start: int) -> Iterator[tuple[int, Passed | None]]:
        """The messages of a socket's stream, each with the socket's time; nothing is read before its turn has come."""
        yield start, None
        for (body,) in self._rows("SELECT CAST(request_body AS BLOB) FROM streams WHERE id = ?", stream_id):
            if body is not None:
                yield start, Passed(stream_id, 0, None, body)
        for row in self.events(stream_id):
            yield start + row.at_ns, Passed(stream_id, row.at_ns, _message(row.raw, row.position))

    def _stream_rows(self, sql: str, **parameters: int) -> list[StreamRow]:
        try:
            rows = list(self._db.query(sql, parameters))
        except sqlite3.DatabaseError as error:
            raise damaged(self.path, error) from error
        return [_stream_row(row) for row in rows]

    def _rows(self, sql: str, *parameters: int | str) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            raise damaged(self.path, error) from error


_HEAVY = ("request_headers", "request_body", "response_headers", "response_body")
_LATER = {"socket", "socket_ns", "continues", "retry_of"}
"""Columns that a file lacks which an older version wrote and no recorder has opened since."""
_ELSEWHERE = {
    # An open stream's counts stand in no column, which would have to be rewritten with every batch.
    "event_count": "coalesce(s.event_count, (SELECT max(n) + 1 FROM events WHERE stream = s.id), 0)",
    "first_event_ns": "(SELECT at_ns FROM events WHERE stream = s.id AND position IS NOT NULL ORDER BY n LIMIT 1)",
    "last_byte_ns": "coalesce(s.last_byte_ns, (SELECT at_ns FROM chunks WHERE stream = s.id ORDER BY n DESC LIMIT 1))",
    "rules": "v.rules",
    "profile": "v.profile",
    "errors": "coalesce(v.error, 0)",
    "warnings": "coalesce(v.warning, 0)",
    "notes": "coalesce(v.note, 0)",
    "first_code": "v.first_code",
}


def _select(names: Iterable[str], without: Collection[str] = ()) -> str:
    columns = {name: _ELSEWHERE.get(name, "NULL" if name in without else f"s.{name}") for name in names}
    listed = ", ".join(f"{column} AS {name}" for name, column in columns.items())
    return f"SELECT {listed} FROM streams s LEFT JOIN verdicts v ON v.stream = s.id WHERE "  # noqa: S608


_EVENT_COLUMNS = ", ".join(EventRow._fields)
_SKETCH = f"""
    SELECT n, position, at_ns, chunk, response, type, output_index, content_index, summary_index,
      CASE WHEN type IN ({", ".join(f"'{type_}'" for type_ in sorted(FOLDABLE))}) THEN NULL ELSE raw END
    FROM events WHERE stream = ? AND n >= ? ORDER BY n LIMIT ?
"""  # noqa: S608 (ours)
_CHUNK_COLUMNS = ", ".join(ChunkRow._fields)


def _stream_row(row: dict[str, Any]) -> StreamRow:
    if isinstance(body := row["request_body"], bytes):
        row["request_body"] = body.decode()
    return StreamRow(**row | {name: _headers(row[name]) for name in ("request_headers", "response_headers")})


def _socket_row(row: tuple[Any, ...]) -> SocketRow:
    facts = dict(zip((field.name for field in fields(SocketRow)), row, strict=True))
    return SocketRow(**facts | {name: _headers(facts[name]) for name in ("request_headers", "response_headers")})


def _message(raw: bytes, position: int | None) -> Frame:
    """A WebSocket message; what has no position was no text."""
    return message_frame(raw, is_text=position is not None)


def _headers(text: str | None) -> Headers:
    return tuple((name, value) for name, value in json.loads(text)) if text else ()


def _finding(row: tuple[Any, ...]) -> Finding:
    code, name, severity, position, message, scope, missing, count, evidence, response = row
    return Finding(
        code=code,
        name=name,
        severity=Severity(severity),
        position=position,
        text=message,
        scope=json.loads(scope),
        missing=missing,
        count=count,
        evidence=json.loads(evidence),
        response=response,
    )
