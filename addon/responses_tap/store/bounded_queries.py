"""Queries of a file that a stranger may have made: none runs for ever, and none yields more than the file can hold."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from responses_tap.errors import RecordingError
from responses_tap.store.opening import bound_steps, files_of
from responses_tap.store.recording_schema import damaged
from responses_tap.store.row_types import Values

type Parameters = Sequence[int | str | float] | dict[str, int]

_STEPS = 1_000_000
"""Steps of SQLite's virtual machine between two checks on a query: some 10 ms."""
# Steps are counted, not timed, so that a slow machine refuses nothing. Our heaviest query takes some 100 steps a row,
# and a row has at least 10 bytes; anything quadratic in the rows, such as a query without its index, soon takes more.
_LEAST_STEPS = 50_000_000
_STEPS_PER_BYTE = 20
_LEAST_BYTES = 2**20
"""Bytes that a query may yield from a file of any size."""
_BYTES_OF_ROW = 8
_COUNTED = 100
"""Rows that are read before their size is checked: each may be as large as the file."""
_SIZED = frozenset((str, bytes))


class Queries:
    """The queries of one open file."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._steps = 0

    def rows(self, sql: str, parameters: Parameters) -> list[Values]:
        """The rows of a query, a text that isn't UTF-8 as bytes; RecordingError where the file is damaged."""
        connection = self._connection
        connection.set_progress_handler(self._is_endless, _STEPS)
        try:
            for connection.text_factory in (str, _decoded):
                self._steps = 0
                try:
                    return self._bounded(connection.execute(sql, parameters))
                except sqlite3.OperationalError as error:
                    if not str(error).startswith("Could not decode"):
                        raise
            raise AssertionError("texts were left as bytes")
        except sqlite3.DatabaseError as error:
            raise damaged(self._path, error) from error
        finally:
            connection.text_factory = str
            bound_steps(connection)

    def _bounded(self, cursor: sqlite3.Cursor) -> list[Values]:
        """The rows; RecordingError where they contain more than the file, as when its pages form a loop."""
        most = _LEAST_BYTES + 2 * self._file_size()
        rows: list[Values] = []
        held = 0
        while page := cursor.fetchmany(_COUNTED):
            rows += page
            held += sum(_BYTES_OF_ROW + sum(len(value) for value in row if type(value) in _SIZED) for row in page)
            if held > most:
                raise RecordingError(f"{self._path} is damaged (it has more rows than its size allows)")
        return rows

    def _is_endless(self) -> bool:
        """Whether a query has taken more steps than any of ours needs for a file of this size."""
        self._steps += _STEPS
        if self._steps < _LEAST_STEPS:
            return False
        return self._steps > _LEAST_STEPS + _STEPS_PER_BYTE * self._file_size()

    def _file_size(self) -> int:
        return sum(file.stat().st_size for file in files_of(self._path) if file.exists())


def _decoded(text: bytes) -> str | bytes:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text
