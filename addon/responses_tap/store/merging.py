"""Puts the files of a recording by several processes together, to be read as one."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from responses_tap.errors import RecordingError
from responses_tap.store.opening import connect, files_of
from responses_tap.store.reader import open_recording
from responses_tap.store.recording_schema import damaged
from responses_tap.store.schema_steps import STRICT_TABLES, TURN_TABLES
from responses_tap.store.writer import Writer

_PATIENCE_S = 5.0
_STEPS = 1_000_000
_STEPS_PER_BYTE = 20
"""More than copying takes, whose rows have some 100 bytes each; in a crafted file, pages may form a loop."""


def merge(shares: Iterable[Path], into: Path) -> None:
    """Copy all streams into a new recording, as far as they are written; RecordingError where that cannot be done."""
    Writer(into).close()
    with closing(connect(into, _PATIENCE_S, writing=True)) as connection:
        for share in shares:
            open_recording(share).close()  # its tables are those of a recording
            try:
                _copy(connection, share)
            except sqlite3.IntegrityError as error:
                raise RecordingError(f"{share} has a stream whose id another of these files has, too") from error
            except sqlite3.DatabaseError as error:
                raise damaged(share, error) from error


def _copy(connection: sqlite3.Connection, share: Path) -> None:
    left = _STEPS_PER_BYTE * sum(file.stat().st_size for file in files_of(share) if file.exists())

    def is_endless() -> bool:
        nonlocal left
        left -= _STEPS
        return left < -_STEPS

    connection.set_progress_handler(is_endless, _STEPS)
    connection.execute("ATTACH ? AS share", (f"{share.absolute().as_uri()}?mode=ro",))
    try:
        with connection:
            connection.execute("BEGIN")
            for table in (*STRICT_TABLES, *TURN_TABLES):
                if table != "meta" and (names := ", ".join(_common_columns(connection, table))):
                    connection.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM share.{table}")  # noqa: S608 (ours)
    finally:
        connection.execute("DETACH share")


def _common_columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """The columns of a table in both: a file that nobody has written to since may have an older schema."""
    found = [connection.execute(f"PRAGMA {schema}.table_xinfo({table})").fetchall() for schema in ("main", "share")]
    ours, theirs = ([name for _, name, *_, hidden in columns if not hidden] for columns in found)
    return [name for name in ours if name in theirs]
