"""Parquet files: a row a stream, or our archive's table `events`, a row a frame."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from operator import itemgetter
from typing import TYPE_CHECKING, Any, BinaryIO

from responses_tap.formats import Damaged, TooLarge, UnrecognizedFormat
from responses_tap.formats.json_documents import LARGEST
from responses_tap.formats.table_rows import BODIES, COLUMNS, stream_of
from responses_tap.protocol.sse import framed
from responses_tap.stream.file_values import optional_count
from responses_tap.stream.model import Skipped, Stream, TimedFrame

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

MAGIC = b"PAR1"
_AT_ONCE = 64
"""Rows in memory."""
_MOST_ROWS = 50_000_000
"""A few bytes of Parquet can say that a value stands in any number of rows."""
_FRAME = ("stream", "n", "at_ns", "raw")
"""The columns of the table `events` that make a stream of its rows."""


def read(file: BinaryIO) -> Iterator[Stream | Skipped]:
    """The streams in the rows, each with the row's `source` as its place; UnrecognizedFormat where there are none."""
    content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise TooLarge(f"is Parquet of more than {LARGEST >> 20} MB, too large to read; split it")
    return read_groups(BytesIO(content))


def read_groups(file: BinaryIO, groups: range | None = None) -> Iterator[Stream | Skipped]:
    """As `read`, of a file that is read piece by piece; of these of its row groups alone, where they are given.

    The archive's table `events` is read as a whole, since its row groups end anywhere in a stream.
    """
    table = _opened(file)
    names = table.schema_arrow.names
    if set(BODIES) & set(names):
        return _streams(_rows(table, [name for name in COLUMNS if name in names], groups))
    if set(_FRAME) <= set(names):
        return _archived(_rows(table, list(_FRAME)))
    raise UnrecognizedFormat(f"is Parquet without a column `body` or `events`; it has {', '.join(names)[:200]}")


def extent(file: BinaryIO) -> tuple[int, int]:
    """How many row groups can be read one by one, 1 where the file has to be read as a whole; and bytes, unpacked.

    Errors are those of `read`.
    """
    table = _opened(file)
    count = table.metadata.num_row_groups
    size = sum(table.metadata.row_group(group).total_byte_size for group in range(count))
    return count if set(BODIES) & set(table.schema_arrow.names) else 1, size


def _opened(file: BinaryIO) -> "ParquetFile":
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError as error:
        raise UnrecognizedFormat("is Parquet, which needs pyarrow: pip install 'responses-tap-core[arrow]'") from error
    try:
        table = ParquetFile(file)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Damaged(f"is Parquet that is damaged ({_line(error)})") from error
    if table.metadata.num_rows > _MOST_ROWS:
        raise TooLarge(f"is Parquet with {table.metadata.num_rows:,} rows, of at most {_MOST_ROWS:,}")
    return table


def _rows(
    table: "ParquetFile", columns: list[str], groups: range | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa

    if groups is None:
        groups = range(table.metadata.num_row_groups)
    n = sum(table.metadata.row_group(group).num_rows for group in range(groups.start))
    try:
        for batch in table.iter_batches(_AT_ONCE, row_groups=list(groups), columns=columns):
            for row in batch.to_pylist():
                yield n, row
                n += 1
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Damaged(f"is Parquet that breaks behind row {n} ({_line(error)})") from error


def _streams(rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[Stream | Skipped]:
    for n, row in rows:
        place = str(row.get("source") or f"row {n}")
        try:
            stream = stream_of(row)
        except (UnrecognizedFormat, ValueError) as error:
            yield Skipped(place, str(error), fault=True)
        else:
            yield replace(stream, place=place)


def _archived(rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[Stream | Skipped]:
    for name, mine in itertools.groupby((row for _, row in rows), itemgetter("stream")):
        kept = sorted(mine, key=itemgetter("n"))
        yield Stream([TimedFrame(frame, at_ns) for frame, at_ns in framed(map(_kept, kept))], str(name), live=True)


def _kept(row: Mapping[str, Any]) -> tuple[bytes, int | None]:
    return row["raw"], optional_count(row["at_ns"])


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
