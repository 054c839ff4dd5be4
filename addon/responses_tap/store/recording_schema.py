"""Checks that a file is a recording: that its tables are those that the migrations make."""

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path

from responses_tap.errors import RecordingError
from responses_tap.escaping import printable
from responses_tap.store.opening import ADVICE
from responses_tap.store.schema_steps import STEPS, STEPS_SET, STEPS_TABLE, STRICT_TABLES, TURN_TABLES
from responses_tap.stream.columns import COLUMNS


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Raise RecordingError unless `connection`, opened from `path`, is a recording that this version can read."""
    if is_empty(connection, path):
        raise RecordingError(f"{path} is not a responses-tap recording (empty); {ADVICE}")
    known = [step.__name__ for step in STEPS]
    try:
        _require_tables(connection, path, {STEPS_TABLE: {"migration_set", "name"}})
        taken = f"SELECT name FROM {STEPS_TABLE} WHERE migration_set = ?"  # noqa: S608 (ours)
        applied = {str(name) for (name,) in connection.execute(taken, (STEPS_SET,))}
        if newer := applied.difference(known):
            newest = printable(max(newer))
            raise RecordingError(f"{path} was written by a newer responses-tap (schema {newest}); upgrade to read it")
        if applied != set(known[: len(applied)]):
            raise RecordingError(f"{path} is damaged (its schema lacks a step); {ADVICE}")
        _require_tables(connection, path, _needed(applied))
    except sqlite3.DatabaseError as error:
        raise damaged(path, error) from error


def _needed(applied: Collection[str]) -> dict[str, set[str]]:
    """The tables that a reader needs, with their columns: fewer for a file that no writer has migrated yet."""
    needed = {table: set(columns) for table, columns in _table_columns().items()}
    stored = [column for column in COLUMNS.values() if column.sql]
    needed["streams"] = {column.name for column in stored if not column.since or column.since in applied}
    if "m010_conversations" in applied:
        return needed
    if "m008_strict" in applied:
        return {table: needed[table] for table in STRICT_TABLES}
    return {table: needed[table] for table in ("streams", "chunks", "events", "tails", "findings", "verdicts", "meta")}


@cache
def _table_columns() -> dict[str, tuple[str, ...]]:
    tables = STRICT_TABLES | TURN_TABLES
    with closing(sqlite3.connect(":memory:")) as connection:
        for table, columns in tables.items():
            connection.execute(f"CREATE TABLE {table} {columns}")
        infos = {table: connection.execute(f"PRAGMA table_info({table})").fetchall() for table in tables}
    return {table: tuple(row[1] for row in info) for table, info in infos.items()}


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """The stored columns of a table, without generated ones."""
    return {row[1] for row in connection.execute(f"PRAGMA table_xinfo({table})").fetchall() if row[6] == 0}


def _require_tables(connection: sqlite3.Connection, path: Path, expected: Mapping[str, set[str]]) -> None:
    """Raise RecordingError unless these are real tables, not views or virtual ones, with these columns."""
    # Only tables with a root page are stored in the file.
    stored = "SELECT 1 FROM sqlite_schema WHERE lower(name) = ? AND type = 'table' AND rootpage > 0"
    for table, columns in expected.items():
        if not connection.execute(stored, (table,)).fetchone():
            what = "an SQLite file with other tables" if table == STEPS_TABLE else f"no table {table}"
            raise RecordingError(f"{path} is not a responses-tap recording ({what}); {ADVICE}")
        if lacking := sorted(columns - _columns(connection, table)):
            raise RecordingError(
                f"{path} is not a responses-tap recording (its table {table} has no column {lacking[0]}); {ADVICE}"
            )


def damaged(path: Path, error: sqlite3.DatabaseError) -> RecordingError:
    """The error for a recording that SQLite cannot read."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
        return RecordingError(f"{path} cannot be read (a query does not end, as none on its size should take)")
    reason = printable(str(error))
    return RecordingError(f"{path} cannot be read ({reason}); `sqlite3 FILE .recover` may save the rest")


def is_empty(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is still empty; RecordingError where it isn't an SQLite file."""
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        return not tables - {STEPS_TABLE}
    except sqlite3.DatabaseError as error:
        reason = printable(str(error))
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise RecordingError(f"{path} cannot be read now ({reason}): another program keeps it to itself") from error
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise damaged(path, error) from error
        raise RecordingError(f"{path} is not a responses-tap recording ({reason}); {ADVICE}") from error
    except UnicodeDecodeError as error:  # SQLite's own message, which quotes what is damaged
        raise RecordingError(f"{path} is damaged (its schema cannot be read); {ADVICE}") from error
