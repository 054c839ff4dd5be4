"""Crafted recordings: a real one in which anything can be replaced by anything."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.conftest import RECORDINGS

from responses_tap.store import ChunkRow, EventRow
from responses_tap.store.writer import Writer
from responses_tap_viewer.importing import import_paths

FORMER_STEP = "m007_no_mask_key"
"""The last migration before the tables became STRICT."""
SOCKET = {"url": "http://h/v1/responses", "host": "h", "http_version": "HTTP/1.1", "request_headers": "[]"}
COLUMNS = SOCKET | {"method": "GET", "route": "websocket", "state": "completed", "started_at": "2026-11-23T08:00:00Z"}


def record(db: Path) -> None:
    """Streams 1 and 2 are event streams, the second with findings; 3 came over a WebSocket."""
    samples = [RECORDINGS / "clean/text.sse", RECORDINGS / "broken/llamastack-before-pr5308.sse"]
    assert all(isinstance(line, str) for line in import_paths(map(str, samples), db))
    writer = Writer(db)
    socket = writer.add_socket(SOCKET | {"started_at": COLUMNS["started_at"]})
    asked, created = '{"type":"response.create"}', b'{"type":"response.created"}'
    stream = writer.add_stream(COLUMNS | {"socket": socket, "socket_ns": 5, "request_body": asked})
    writer.add_event(EventRow(stream, 0, 0, 9, 0, "response.created", 0, None, None, None, None, 0, created))
    writer.add_chunk(ChunkRow(stream, 0, 9, 27, 0, 27))
    writer.add_client_event(socket, 7, stream, '{"type":"response.cancel"}')
    writer.commit()
    writer.close()


@contextmanager
def unguarded(db: Path) -> Iterator[sqlite3.Connection]:
    """The file, open to any change that SQLite allows: its tables are no longer STRICT."""
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        made = connection.execute("SELECT sql, name FROM sqlite_schema WHERE type = 'table'").fetchall()
        loose = [(sql.replace(") STRICT,", ")").replace(") STRICT", ")"), name) for sql, name in made]
        connection.execute("PRAGMA writable_schema = ON")
        connection.executemany("UPDATE sqlite_schema SET sql = ? WHERE name = ?", loose)
        connection.execute("PRAGMA writable_schema = RESET")
        yield connection
        connection.execute("PRAGMA writable_schema = ON")
        connection.executemany("UPDATE sqlite_schema SET sql = ? WHERE name = ?", made)


def put(db: Path, table: str, column: str, value: Any, rowid: int = 1) -> None:
    """Put a value into a column of the first row that belongs to a stream, or of the second event."""
    key = "id" if table in ("streams", "sockets") else "socket" if table == "client_events" else "stream"
    where = "true" if table == "meta" else f"{key} = {rowid}" + " AND n = 1" * (table == "events")
    given = value if isinstance(value, Sql) else "?"
    with unguarded(db) as connection:
        sql = f"UPDATE OR IGNORE {table} SET {column} = {given} WHERE {where}"
        with suppress(sqlite3.IntegrityError):  # a key that SQLite allows nobody
            connection.execute(sql, () if isinstance(value, Sql) else (value,))


class Sql(str):
    """An SQL expression instead of a value."""

    __slots__ = ()


INVALID_TEXT = Sql("CAST(x'ff1b5b324a' AS TEXT)")
"""No UTF-8, as far as it is any an escape sequence."""


def columns(db: Path) -> list[tuple[str, str]]:
    """Every column of every table."""
    with closing(sqlite3.connect(db)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        tables = [name for name in names if "sqlite" not in name]
        return [(table, row[1]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")]


def lead_in_circles(db: Path, table: str, levels: int = 5) -> None:
    """Make the pages of a small table form a loop: read in order, it has more rows than its size allows.

    Each level is an interior page of the b-tree (https://sqlite.org/fileformat2.html, 1.6) with one child, many times.
    """
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(db.read_bytes())
    content += content[(root - 1) * size : root * size]
    for _ in range(levels - 1):
        content += _interior(len(content) // size, size)
    content[(root - 1) * size : root * size] = _interior(len(content) // size, size)
    content[28:32] = (len(content) // size).to_bytes(4)
    db.write_bytes(content)


def _interior(child: int, size: int, cells: int = 60) -> bytes:
    page = bytearray(size)
    top = size - 5 * cells
    page[:12] = bytes((5, 0, 0, *cells.to_bytes(2), *top.to_bytes(2), 0, *child.to_bytes(4)))
    for n in range(cells):
        at = top + 5 * n
        page[12 + 2 * n : 14 + 2 * n] = at.to_bytes(2)
        page[at : at + 5] = bytes((*child.to_bytes(4), n + 1))
    return bytes(page)
