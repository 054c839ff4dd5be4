"""Reads a recording: read-only, in short statements, while a recorder may be writing it."""

import heapq
import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import cache
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

from responses_tap.errors import RecordingError
from responses_tap.protocol.events import read
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.sse import Frame, RecordedMessage, framed, message_frame
from responses_tap.self_closing import SelfClosing
from responses_tap.store.bounded_queries import Parameters, Queries
from responses_tap.store.narrowing import narrow, sql_value
from responses_tap.store.opening import ADVICE, connect, require_regular
from responses_tap.store.recording_schema import check_schema
from responses_tap.store.row_types import Misfit, RowType, Values
from responses_tap.store.rows import (
    BodyColumn,
    ChunkRow,
    CountColumn,
    EventRow,
    FindingColumns,
    HeadersColumn,
    NanosecondsColumn,
    SeverityColumn,
    SocketRow,
)
from responses_tap.stream.columns import COLUMNS, StreamRow
from responses_tap.stream.contents import contents
from responses_tap.stream.conversation import OUTPUT_TYPES, Call
from responses_tap.stream.event_text import error_of
from responses_tap.stream.filters import Filter
from responses_tap.stream.model import Chunk, Entry
from responses_tap.stream.timeline import FOLDABLE, Delta

_PAGE = 1000
"""Events read by one statement."""


def open_recording(path: Path | str, patience_s: float = 5.0) -> "Recording":
    """Open the recording at `path` for reading; RecordingError says why it cannot be opened.

    Where another program has the file locked, wait up to this long.
    """
    path = Path(path)
    require_regular(path)
    if not path.exists():
        raise RecordingError(f"{path} does not exist; {ADVICE}")
    try:
        connection = connect(path, patience_s)
    except sqlite3.Error as error:
        raise RecordingError(f"{path} cannot be read ({error}); check its permissions") from error
    try:
        check_schema(connection, path)
        return Recording(path, connection)
    except BaseException:
        connection.close()
        raise


class Recording(SelfClosing):
    """An open recording. Every method raises RecordingError where the file is damaged.

    Those that read many streams skip the damaged ones and add them to `damaged`.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.damaged: dict[int, RecordingError] = {}
        """The streams that could not be listed, by id, and why."""
        self._connection = connection
        self._queries = Queries(path, connection)
        there = self._columns("streams")
        lacking = {column.since for column in COLUMNS.values() if column.sql and column.name not in there}
        self._absent = {column.name for column in COLUMNS.values() if column.since in lacking and column.since}
        bulk = {column.name for column in COLUMNS.values() if column.bulk}
        self._whole, self._light = _select(COLUMNS, self._absent), _select(COLUMNS, self._absent | bulk)
        self._fields = "fields" if "fields" in self._columns("findings") else "'[]'"

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def data_version(self) -> int:
        """A number that changes whenever another process has written to the file."""
        return int(self._rows("PRAGMA data_version")[0][0])

    @property
    def left_out(self) -> str:
        """Which streams have been skipped so far, and why; empty where none has."""
        first, *others = map(str, self.damaged.values()) if self.damaged else ("",)
        return f"{first}; and {len(others)} more of its streams" if others else first

    def require_whole(self) -> None:
        """Raise RecordingError if a stream has been skipped; call it once the others have been used."""
        if self.damaged:
            raise RecordingError(self.left_out)

    def next_file(self) -> str | None:
        """The name of the file next to this one in which the recorder continued, if it did."""
        names = [str(row[0]) for row in self._rows("SELECT value FROM meta WHERE key = 'next'")]
        return next((name for name in names if name and name == Path(name).name), None)

    def probe(self) -> str | None:
        """The outcomes of the last `probe` that recorded into this file, in JSON; None where there was none."""
        values = [row[0] for row in self._rows("SELECT value FROM meta WHERE key = 'probe'")]
        return values[0] if values and isinstance(values[0], str) else None

    def stream_ids(self) -> list[int]:
        """The ids of all streams, ascending."""
        return [row[0] for row in self._typed(_ID, None, "SELECT id FROM streams ORDER BY id")]

    def first_faulty(self) -> int | None:
        """The id of the first stream with errors or warnings, None where no stream has any."""
        sql = "SELECT s.id FROM streams s JOIN verdicts v ON v.stream = s.id WHERE v.error > 0 OR v.warning > 0"
        rows = self._typed(_ID, None, f"{sql} ORDER BY s.id LIMIT 1")
        return rows[0][0] if rows else None

    def streams(
        self, limit: int | None = None, before_id: int | None = None, after_id: int | None = None
    ) -> list[StreamRow]:
        """Streams by ascending id, without headers and bodies.

        If there are more than `limit`: the last ones below `before_id`, or, with `after_id`, the first ones above it.
        """
        order = "ASC" if after_id is not None else "DESC"
        rows = self._stream_rows(
            self._light + f"s.id < :before AND s.id > :after ORDER BY s.id {order} LIMIT :limit",
            {
                "before": 2**63 - 1 if before_id is None else before_id,
                "after": -1 if after_id is None else after_id,
                "limit": -1 if limit is None else limit,
            },
        )
        return rows if after_id is not None else rows[::-1]

    def facts(self, names: Sequence[str], before_id: int, limit: int) -> list[tuple[Any, ...]]:
        """These fields of the last streams below an id, ascending: all a long list needs, at a tenth of the cost."""
        sql = f"{_select(names, self._absent)} s.id < ? ORDER BY s.id DESC LIMIT ?"
        return self._sifted(_facts(tuple(names)), self._rows(sql, before_id, limit)[::-1], list(names).index("id"))

    def facts_of(self, names: Sequence[str], ids: Collection[int]) -> list[tuple[Any, ...]]:
        """These fields of those of these streams that exist, ascending."""
        sql = f"{_select(names, self._absent)} s.id IN (SELECT value FROM json_each(?)) ORDER BY s.id"  # noqa: S608 (ours)
        return self._sifted(_facts(tuple(names)), self._rows(sql, json.dumps(list(ids))), list(names).index("id"))

    def stream(self, stream_id: int) -> StreamRow | None:
        """One stream with its bodies, None if there is none with that id."""
        rows = self._typed(_STREAM, stream_id, self._whole + "s.id = ?", stream_id)
        return StreamRow(*rows[0]) if rows else None

    def events(self, stream_id: int, first_n: int = 0, limit: int | None = None) -> Iterator[EventRow]:
        """The frames of a stream from number `first_n`, at most `limit`, read page by page."""
        left = 2**63 - 1 if limit is None else limit
        sql = f"SELECT {_EVENT_COLUMNS} FROM events WHERE stream = ? AND n >= ? ORDER BY n LIMIT ?"  # noqa: S608 (ours)
        while left > 0:
            page = self._typed(_EVENT, stream_id, sql, stream_id, first_n, min(left, _PAGE))
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
        for frame, row in framed((row.raw, row) for row in self.events(stream_id)):
            yield frame, row.at_ns, row.chunk

    def entries(self, stream_id: int) -> Iterator[Entry]:
        """The frames of a stream as entries of a timeline."""
        for row, (frame, at_ns, chunk) in zip(self.events(stream_id), self.frames(stream_id), strict=True):
            yield Entry(row.n, frame, row.position, row.response, at_ns, chunk)

    def sketch(self, stream_id: int, first_n: int, limit: int) -> list[Entry | Delta]:
        """The frames of a stream from number `first_n`, at most `limit`; deltas as their columns describe them."""
        return [
            Delta(*facts) if raw is None else Entry(facts[0], Frame.whole(raw), facts[1], facts[4], facts[2], facts[3])
            for *facts, raw in self._typed(_SKETCHED, stream_id, _SKETCH, stream_id, first_n, limit)
        ]

    def raw(self, stream_id: int, first_n: int, limit: int) -> list[bytes]:
        """The bytes of the frames of a stream from number `first_n`, at most `limit`."""
        sql = "SELECT raw FROM events WHERE stream = ? AND n >= ? ORDER BY n LIMIT ?"
        return [row[0] for row in self._typed(_RAW, stream_id, sql, stream_id, first_n, limit)]

    def route(self, stream_id: int) -> str:
        """How a stream arrived: `sse` or `websocket`; empty where there is none with that id."""
        rows = self._typed(_ROUTE, stream_id, "SELECT route FROM streams WHERE id = ?", stream_id)
        return str(rows[0][0]) if rows else ""

    def socket(self, socket_id: int) -> SocketRow | None:
        """One WebSocket, None if there is none with that id."""
        names = ", ".join(field.name for field in fields(SocketRow))
        rows = self._typed(_SOCKET, None, f"SELECT {names} FROM sockets WHERE id = ?", socket_id)  # noqa: S608 (ours)
        return SocketRow(*rows[0]) if rows else None

    def socket_messages(self, socket_id: int) -> Iterator[RecordedMessage]:
        """All messages of a WebSocket in order.

        No two share their time, except that an unsolicited response begins at the time of its first message.
        """
        streams = self._typed(
            _TURN, None, "SELECT id, socket_ns FROM streams WHERE socket = ? ORDER BY socket_ns", socket_id
        )
        sql = "SELECT at_ns, stream, CAST(body AS BLOB) FROM client_events WHERE socket = ? ORDER BY at_ns"
        sent = self._typed(_SENT, None, sql, socket_id)
        others = [(at_ns, RecordedMessage(stream or 0, 0, None, body)) for at_ns, stream, body in sent]
        for _, passed in heapq.merge(others, *(self._turn(id_, start) for id_, start in streams), key=itemgetter(0)):
            if passed is not None:
                yield passed

    def body(self, stream_id: int) -> bytes:
        """The body of an event stream as it arrived, content-decoded; what has arrived of an open one."""
        return b"".join([*(row.raw for row in self.events(stream_id)), self.tail(stream_id)])

    def tail(self, stream_id: int) -> bytes:
        """What has arrived of an unfinished frame, while the stream is open."""
        sql = "SELECT raw FROM tails WHERE stream = ? ORDER BY rowid"
        return b"".join(row[0] for row in self._typed(_RAW, stream_id, sql, stream_id))

    def wire(self, stream_id: int) -> Iterator[bytes]:
        """The chunks of an open stream as they arrived over the wire, where its frames don't show that."""
        sql, n = "SELECT n, raw FROM wire WHERE stream = ? AND n > ? ORDER BY n LIMIT 1", -1
        while page := self._typed(_WIRE, stream_id, sql, stream_id, n):
            ((n, raw),) = page
            yield raw

    def has_upload(self, stream_id: int) -> bool:
        """Whether parts of an open stream's request body wait to be joined."""
        return bool(self._rows("SELECT 1 FROM uploads WHERE stream = ? LIMIT 1", stream_id))

    def chunks(self, stream_id: int) -> list[Chunk]:
        """The pieces in which the body arrived, in order."""
        sql = f"SELECT {_CHUNK_COLUMNS} FROM chunks WHERE stream = ? ORDER BY n"  # noqa: S608 (ours)
        return [Chunk._make(row) for row in self._typed(_CHUNK, stream_id, sql, stream_id)]

    def arrivals(self, stream_id: int, until_ns: int, parts: int) -> list[int]:
        """How many frames arrived in each of `parts` equal parts of the time from the stream's start to `until_ns`."""
        counts = [0] * parts
        sql = "SELECT min(at_ns * ?1 / (?2 + 1), ?1 - 1) AS part, count(*) FROM events WHERE stream = ?3 GROUP BY part"
        for part, count in self._typed(_PART, stream_id, sql, parts, max(0, until_ns), stream_id):
            counts[max(0, part)] += count
        return counts

    def skeleton(self, stream_id: int) -> list[str]:
        """The types of a stream's events in order, runs of the same type as one: what its shape stands for."""
        rows = self._typed(
            _TYPE,
            stream_id,
            "SELECT type FROM (SELECT n, type, lag(type) OVER (ORDER BY n) AS before FROM events"
            " WHERE stream = ? AND type IS NOT NULL) WHERE type IS NOT before ORDER BY n",
            stream_id,
        )
        return [row[0] for row in rows]

    def findings(self, stream_id: int) -> list[Finding]:
        """The findings of a stream by response and position, those without a position last."""
        rows = self._typed(
            _FINDING,
            stream_id,
            "SELECT code, name, severity, position, message, scope, missing,"  # noqa: S608 (ours)
            f" count, evidence, response, {self._fields} FROM findings"
            " WHERE stream = ? ORDER BY response, position IS NULL, position, rowid",
            stream_id,
        )
        findings = [Finding(**dict(zip(_FINDING.names, row, strict=True))) for row in rows]
        # Events without a position, such as a socket's binary messages, are only counted.
        if any(f.count > 1 and f.position is not None and not f.evidence for f in findings):
            raise self._damage(stream_id, "findings: events are counted that are not named")
        return findings

    def codes(self, first_id: int, last_id: int) -> dict[int, dict[str, Severity]]:
        """The codes of the findings of the streams from `first_id` to `last_id`, for those that have any.

        Each comes with its gravest severity there: a rule may be an error here and a note there.
        """
        found: defaultdict[int, dict[str, Severity]] = defaultdict(dict)
        rows = self._rows(
            "SELECT DISTINCT stream, code, severity FROM findings WHERE stream BETWEEN ? AND ? ORDER BY stream, code",
            first_id,
            last_id,
        )
        for stream_id, code, severity in self._sifted(_CODE, rows, 0):
            severities = found[stream_id]
            severities[code] = min(severity, severities.get(code, severity), key=attrgetter("rank"))
        return dict(found)

    def calls(self, stream_id: int) -> list[Call]:
        """The calls of tools in a stream's output, and those whose results its request brings, in order."""
        if "conversation" in self._absent:
            return []
        return [Call(*row) for row in self._typed(_CALL, stream_id, _CALLS, stream_id, stream_id)]

    def output_events(self, stream_id: int) -> Iterator[tuple[EventRow, Frame]]:
        """The frames of a stream's events that have output items whole."""
        sql = f"SELECT {_EVENT_COLUMNS} FROM events WHERE stream = ? AND type IN ({_OUTPUT_TYPES}) ORDER BY n"  # noqa: S608
        is_socket = self.route(stream_id) == "websocket"
        for row in map(EventRow._make, self._typed(_EVENT, stream_id, sql, stream_id)):
            yield row, _message(row.raw, row.position) if is_socket else Frame.whole(row.raw)

    def errors(self, rows: Iterable[tuple[int, str]]) -> dict[int, str]:
        """What streams say went wrong, by id: their last error event or failed response, else the HTTP error.

        `rows` are ids with states. Of streams that completed all the same, only the last events are looked at: a list
        of thousands of streams must be quick.
        """
        rows = list(rows)
        wanted = json.dumps([id_ for id_, state in rows if state not in _FINE])
        fine = json.dumps([id_ for id_, state in rows if state in _FINE])
        among = "stream IN (SELECT value FROM json_each(?))"
        http = f"SELECT stream, message FROM findings WHERE {among} AND code = 'TR907'"  # noqa: S608 (ours)
        told = f"SELECT stream, raw FROM events WHERE {among} AND type IN ({_ERROR_TYPES}) ORDER BY stream, n"  # noqa: S608
        found: dict[int, str] = dict(self._sifted(_MESSAGE, self._rows(http, wanted), 0))
        errors = (*self._sifted(_TOLD, self._rows(told, wanted), 0), *self._sifted(_TOLD, self._rows(_LATE, fine), 0))
        for stream_id, raw in errors:
            found[stream_id] = error_of(read(Frame.whole(raw).data or raw).data) or found.get(stream_id, "")
        return {id_: error for id_, error in found.items() if error}

    def matching(self, wanted: Filter) -> list[StreamRow]:
        """The streams that match a filter, ascending, without headers and bodies."""
        condition, values = narrow(wanted, self._absent)
        rows = self._stream_rows(f"{self._light} {condition} ORDER BY s.id", values)
        codes = self.codes(rows[0].id, rows[-1].id) if rows else {}
        # Python decides: SQLite ignores case only in ASCII.
        matching = [row for row in rows if wanted.matches(row, codes.get(row.id, ()))]
        if not wanted.asks_text:
            return matching
        return [row for row in matching if wanted.matches_text(self.contents(row.id))]

    def contents(self, stream_id: int) -> str:
        """The texts of a stream's prompt and output, "" where there is no such stream."""
        row = self.stream(stream_id)
        if row is None:
            return ""
        events = (frame.data for frame, _, _ in self.frames(stream_id) if frame.data)
        return contents(row.request_body, events, row.response_body)

    def _turn(self, stream_id: int, start: int) -> Iterator[tuple[int, RecordedMessage | None]]:
        """The messages of a socket's stream, each with the socket's time, read lazily."""
        yield start, None
        sql = "SELECT CAST(request_body AS BLOB) FROM streams WHERE id = ?"
        for (body,) in self._typed(_BODY, stream_id, sql, stream_id):
            if body is not None:
                yield start, RecordedMessage(stream_id, 0, None, body)
        for row in self.events(stream_id):
            yield start + row.at_ns, RecordedMessage(stream_id, row.at_ns, _message(row.raw, row.position))

    def _stream_rows(self, sql: str, parameters: Parameters) -> list[StreamRow]:
        return [StreamRow(*row) for row in self._sifted(_STREAM, self._queries.rows(sql, parameters), 0)]

    def _sifted(self, type_: RowType, rows: list[Values], id_at: int) -> list[Values]:
        """The rows that fit; the streams of the others, by their ids in that column, are `damaged`."""
        fitting, others = type_.sift(rows)
        for row, misfit in others:
            self.damaged.setdefault(row[id_at], self._damage(row[id_at], f"{type_.table}.{misfit}"))
        return fitting

    def _typed(self, type_: RowType, stream_id: int | None, sql: str, *parameters: int | str) -> list[Values]:
        """The rows of a query about one stream, or none; RecordingError where one doesn't fit its columns."""
        rows = self._rows(sql, *parameters)
        try:
            return type_.read(rows)
        except Misfit as misfit:
            raise self._damage(stream_id, f"{type_.table}.{misfit}; row {misfit.row} of what was read") from misfit

    def _damage(self, stream_id: int | None, what: str) -> RecordingError:
        name = self.path if stream_id is None else f"{self.path}#{stream_id}"
        return RecordingError(f"{name} is damaged ({what})")

    def _columns(self, table: str) -> set[str]:
        return {row[1] for row in self._rows(f"PRAGMA table_info({table})")}

    def _rows(self, sql: str, *parameters: int | str) -> list[Values]:
        return self._queries.rows(sql, parameters)


def _select(names: Iterable[str], without: Collection[str] = ()) -> str:
    columns = {name: "NULL" if name in without else sql_value(name) for name in names}
    listed = ", ".join(f"{column} AS {name}" for name, column in columns.items())
    return f"SELECT {listed} FROM streams s LEFT JOIN verdicts v ON v.stream = s.id WHERE "  # noqa: S608


_FINE = ("open", "queued", "in_progress", "completed")
"""States in which nothing has gone wrong."""
_ERROR_TYPES = "'error', 'response.failed', 'response.incomplete'"
_LATE_EVENTS = 8
_LATE = f"""
    SELECT e.stream, e.raw FROM json_each(?) wanted JOIN events e ON e.stream = wanted.value
      AND e.n > (SELECT max(n) FROM events WHERE stream = wanted.value) - {_LATE_EVENTS}
    WHERE e.type IN ({_ERROR_TYPES}) ORDER BY e.stream, e.n
"""  # noqa: S608 (ours)
_EVENT_COLUMNS = ", ".join(EventRow._fields)
_SKETCH = f"""
    SELECT n, position, at_ns, chunk, response, type, output_index, content_index, summary_index,
      CASE WHEN type IN ({", ".join(f"'{type_}'" for type_ in sorted(FOLDABLE))}) THEN NULL ELSE raw END
    FROM events WHERE stream = ? AND n >= ? ORDER BY n LIMIT ?
"""  # noqa: S608 (ours)
_OUTPUT_TYPES = ", ".join(f"'{type_}'" for type_ in OUTPUT_TYPES)
_CALLS = """
    SELECT stream, position, call_id, tool, result FROM output_items
    WHERE tool IS NOT NULL AND (stream = ? OR result = ?) ORDER BY stream, n
"""
_CHUNK_COLUMNS = ", ".join(Chunk._fields)

_STREAM_TYPES = {"Count": CountColumn, "Nanoseconds": NanosecondsColumn, "Headers": HeadersColumn, "Body": BodyColumn}
_STREAM = RowType.of("streams", StreamRow, _STREAM_TYPES)
_SOCKET = RowType.of("sockets", SocketRow)
_CHUNK = RowType.of("chunks", ChunkRow, names=Chunk._fields)
_EVENT = RowType.of("events", EventRow)
_FINDING = RowType.of("findings", FindingColumns)
_SKETCHED = RowType(
    "events",
    {
        "n": CountColumn,
        "position": CountColumn | None,
        "at_ns": NanosecondsColumn,
        "chunk": CountColumn,
        "response": CountColumn,
        "type": str | None,
        "output_index": int | None,
        "content_index": int | None,
        "summary_index": int | None,
        "raw": bytes | None,
    },
)
_ID = RowType("streams", {"id": int})
_ROUTE = RowType("streams", {"route": str})
_BODY = RowType("streams", {"request_body": bytes | None})
_TURN = RowType("streams", {"id": int, "socket_ns": NanosecondsColumn})
_SENT = RowType("client_events", {"at_ns": NanosecondsColumn, "stream": int | None, "body": bytes})
_RAW = RowType("events", {"raw": bytes})
_TYPE = RowType("events", {"type": str})
_PART = RowType("events", {"at_ns": int, "count": int})
_WIRE = RowType("wire", {"n": CountColumn, "raw": bytes})
_MESSAGE = RowType("findings", {"stream": int, "message": str})
_CALL = RowType.of("output_items", Call)
_TOLD = RowType("events", {"stream": int, "raw": bytes})
_CODE = RowType("findings", {"stream": int, "code": str, "severity": SeverityColumn})


@cache
def _facts(names: tuple[str, ...]) -> RowType:
    return RowType.of("streams", StreamRow, _STREAM_TYPES, names)


def _message(raw: bytes, position: int | None) -> Frame:
    """A WebSocket message; one without a position was binary."""
    return message_frame(raw, is_text=position is not None)
