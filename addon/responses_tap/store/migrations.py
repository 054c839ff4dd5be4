"""Brings a recording's schema up to date before it is written to, and checks that nothing else is in it.

Readers do without: to import sqlite-utils takes as long as to list a thousand streams.
"""

import json
import re
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from sqlite_utils import Database, Migrations

from responses_tap.errors import RecordingError
from responses_tap.escaping import printable
from responses_tap.store.opening import ADVICE
from responses_tap.store.schema_steps import STEPS, STEPS_SET, STRICT_TABLES, TURN_TABLES

migrations = Migrations(STEPS_SET)
for _step in STEPS:
    migrations()(_step)


def check_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Raise RecordingError unless the tables of an up-to-date recording are as the migrations create them.

    Anything else in a table (a CHECK, a trigger, an index on an expression) would run whenever it is written to.
    """
    expected, found = _own_definitions(), _definitions(connection)
    if foreign := sorted(found.keys() - expected.keys()):
        raise RecordingError(f"{path} cannot be written: a recording has no {printable(foreign[0])}; drop it")
    for name, definition in expected.items():
        if found.get(name) != definition:
            raise RecordingError(f"{path} cannot be written: its {name} isn't the one that `record` makes; {ADVICE}")


@cache
def _own_definitions() -> dict[str, str]:
    """The `_definitions` of a new recording."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrations.apply(Database(connection))
        return _definitions(connection)


def _definitions(connection: sqlite3.Connection) -> dict[str, str]:
    """The SQL of our tables and their indexes and triggers, without comments, by kind and name."""
    rows = connection.execute(
        "SELECT type || ' ' || name, sql FROM sqlite_schema"
        " WHERE type IN ('table', 'index', 'trigger') AND sql IS NOT NULL"
        " AND lower(tbl_name) IN (SELECT value FROM json_each(?))",
        (json.dumps([*STRICT_TABLES, *TURN_TABLES]),),
    )
    return {name: " ".join(re.sub("--[^\n]*", " ", sql).split()) for name, sql in rows.fetchall()}
