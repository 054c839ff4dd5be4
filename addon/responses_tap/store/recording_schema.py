"""Checks that a file is a recording: that its tables are those that the migrations make."""

import json
import re
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path

from sqlite_utils import Database

from responses_tap.errors import RecordingError
from responses_tap.escaping import printable
from responses_tap.store.migrations import STRICT_TABLES, TURN_TABLES, migrations
from responses_tap.store.opening import ADVICE
from responses_tap.stream.columns import COLUMNS


def check_schema(db: Database, path: Path) -> None:
    """Raise RecordingError unless `db`, opened from `path`, is a recording that this version can read."""
    if is_empty(db, path):
        raise RecordingError(f"{path} is not a responses-tap recording (empty); {ADVICE}")
    known = [migration.name for migration in migrations._migrations]  # noqa: SLF001
    try:
        _require_tables(db, path, {migrations.migrations_table: {"migration_set", "name"}})
        applied = {str(migration.name) for migration in migrations.applied(db)}
        if newer := applied.difference(known):
            newest = printable(max(newer))
            raise RecordingError(f"{path} was written by a newer responses-tap (schema {newest}); upgrade to read it")
        if applied != set(known[: len(applied)]):
            raise RecordingError(f"{path} is damaged (its schema lacks a step); {ADVICE}")
        _require_tables(db, path, _needed(applied))
    except sqlite3.DatabaseError as error:
        raise damaged(path, error) from error


def check_ours(db: Database, path: Path) -> None:
    """Raise RecordingError unless the tables of an up-to-date recording are as the migrations create them.

    Anything else in a table (a CHECK, a trigger, an index on an expression) would run whenever it is written to.
    """
    expected, found = _own_definitions(), _definitions(db)
    if foreign := sorted(found.keys() - expected.keys()):
        raise RecordingError(f"{path} cannot be written: a recording has no {printable(foreign[0])}; drop it")
    for name, definition in expected.items():
        if found.get(name) != definition:
            raise RecordingError(f"{path} cannot be written: its {name} isn't the one that `record` makes; {ADVICE}")


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


@cache
def _own_definitions() -> dict[str, str]:
    """The `_definitions` of a new recording."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrations.apply(db := Database(connection))
        return _definitions(db)


def _definitions(db: Database) -> dict[str, str]:
    """The SQL of our tables and their indexes and triggers, without comments, by kind and name."""
    rows = db.execute(
        "SELECT type || ' ' || name, sql FROM sqlite_schema"
        " WHERE type IN ('table', 'index', 'trigger') AND sql IS NOT NULL"
        " AND lower(tbl_name) IN (SELECT value FROM json_each(?))",
        (json.dumps([*STRICT_TABLES, *TURN_TABLES]),),
    )
    return {name: " ".join(re.sub("--[^\n]*", " ", sql).split()) for name, sql in rows.fetchall()}


def _columns(db: Database, table: str) -> set[str]:
    """The stored columns of a table, without generated ones."""
    return {row[1] for row in db.execute(f"PRAGMA table_xinfo({table})").fetchall() if row[6] == 0}


def _require_tables(db: Database, path: Path, expected: Mapping[str, set[str]]) -> None:
    """Raise RecordingError unless these are real tables, not views or virtual ones, with these columns."""
    # Only tables with a root page are stored in the file.
    stored = "SELECT 1 FROM sqlite_schema WHERE lower(name) = ? AND type = 'table' AND rootpage > 0"
    for table, columns in expected.items():
        if not db.execute(stored, (table,)).fetchone():
            what = "an SQLite file with other tables" if table == migrations.migrations_table else f"no table {table}"
            raise RecordingError(f"{path} is not a responses-tap recording ({what}); {ADVICE}")
        if lacking := sorted(columns - _columns(db, table)):
            raise RecordingError(
                f"{path} is not a responses-tap recording (its table {table} has no column {lacking[0]}); {ADVICE}"
            )


def damaged(path: Path, error: sqlite3.DatabaseError) -> RecordingError:
    """The error for a recording that SQLite cannot read."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
        return RecordingError(f"{path} cannot be read (a query does not end, as none on its size should take)")
    reason = printable(str(error))
    return RecordingError(f"{path} cannot be read ({reason}); `sqlite3 FILE .recover` may save the rest")


def is_empty(db: Database, path: Path) -> bool:
    """Whether the file is still empty; RecordingError where it isn't an SQLite file."""
    try:
        return not set(db.table_names()) - {migrations.migrations_table}
    except sqlite3.DatabaseError as error:
        reason = printable(str(error))
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise RecordingError(f"{path} cannot be read now ({reason}): another program keeps it to itself") from error
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise damaged(path, error) from error
        raise RecordingError(f"{path} is not a responses-tap recording ({reason}); {ADVICE}") from error
    except UnicodeDecodeError as error:  # SQLite's own message, which quotes what is damaged
        raise RecordingError(f"{path} is damaged (its schema cannot be read); {ADVICE}") from error
