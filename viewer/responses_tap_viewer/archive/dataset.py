"""A Hive-partitioned Parquet dataset: TABLE/day=2026-11-28/host=api.openai.com/PART.parquet, at any fsspec URL.

A part is written beside its place and renamed; those of all tables have one name, made of their streams. That of
`streams` comes last: a stream is in the dataset once it is there. A writer that was killed before leaves parts of the
other tables that no part of `streams` belongs to. What they hold is true, and isn't written again, whichever streams
the next writer adds.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from responses_tap.errors import UnusableInput
from responses_tap.escaping import shorten
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.archive import tables

_NO_DAY = "__HIVE_DEFAULT_PARTITION__"
"""What Hive calls a partition whose value is null."""
_NO_HOST = "unknown"
"""Not null, too: where all hosts are, Arrow can't tell the type of the column."""
_ROWS = 100_000
"""Rows in a row group: some 10 MB of events."""


class Archived(NamedTuple):
    """What a call of `Dataset.add` has done."""

    streams: int
    known: int
    """Streams that the dataset had already."""


class Dataset:
    """Writes to a dataset; UnusableInput where its place can't be written to, or holds something else."""

    def __init__(self, url: str, *, with_events: bool = False) -> None:
        self._url = url
        try:
            self._fs, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise UnusableInput(url, f"can't be written to ({shorten(str(error))})") from error
        self._root = root.rstrip("/")
        self._read: dict[str, set[str]] = {}
        self._makers = {"findings": tables.finding_rows}
        if with_events:
            self._makers |= {"events": tables.event_rows, "messages": tables.message_rows}
        self._makers["streams"] = tables.stream_rows  # the last: then the others are there

    def add(self, streams: Iterable[JudgedStream], named: Iterable[JudgedStream] | None = None) -> Archived:
        """Add those streams that aren't in the dataset yet.

        `named` has them as they were recorded, where `streams` are redacted: a stream has one name in all archives.
        """
        streams = list(streams)
        keys = [stream.fingerprint for stream in (streams if named is None else named)]
        partitions: dict[str, dict[str, JudgedStream]] = defaultdict(dict)
        for key, stream in zip(keys, streams, strict=True):
            partitions[_partition(stream)].setdefault(key, stream)
        added = 0
        try:
            for partition, keyed in sorted(partitions.items()):
                added += self._write(partition, keyed)
        except (OSError, pa.ArrowInvalid) as error:
            raise UnusableInput(self._url, f"can't be written to ({shorten(str(error))})") from error
        return Archived(added, len(streams) - added)

    def _write(self, partition: str, keyed: dict[str, JudgedStream]) -> int:
        """Write the parts of a partition for those streams that it hasn't; how many these are."""
        committed = self._parts("streams", partition)
        known = self._keys("streams", partition, committed)
        new = [(key, stream) for key, stream in keyed.items() if key not in known]
        if new:
            part = hashlib.sha256(" ".join(sorted(key for key, _ in new)).encode()).hexdigest()[:16] + ".parquet"
            for table, make in self._makers.items():
                left = self._parts(table, partition) - committed - {part}  # by writers that were killed
                there = self._keys(table, partition, left)
                self._put(self._path(table, partition, part), make([entry for entry in new if entry[0] not in there]))
            self._read[self._path("streams", partition, part)] = {key for key, _ in new}
        return len(new)

    def _parts(self, table: str, partition: str) -> set[str]:
        """The names of a partition's parts."""
        folder = self._path(table, partition)
        self._fs.invalidate_cache(folder)  # others write there, too
        try:
            names = {PurePosixPath(path).name for path in self._fs.ls(folder, detail=False)}
        except FileNotFoundError:
            return set()
        return {name for name in names if name.endswith(".parquet")}

    def _keys(self, table: str, partition: str, parts: Iterable[str]) -> set[str]:
        """What names the streams in these parts, each of which is read once."""
        paths = [self._path(table, partition, part) for part in parts]
        for path in paths:
            if path not in self._read:
                self._read[path] = set(self._columns(path, ["stream"])["stream"].to_pylist())
        return set().union(*(self._read[path] for path in paths))

    def _path(self, *names: str) -> str:
        return "/".join((self._root, *names))

    def _columns(self, path: str, names: list[str]) -> Any:  # noqa: ANN401 (pyarrow has no types)
        with self._fs.open(path, "rb") as file:
            try:
                return pq.read_table(file, columns=names).select(names)
            except (pa.ArrowInvalid, KeyError) as error:
                raise UnusableInput(path, f"isn't a part of this dataset ({shorten(str(error))})") from error

    def _put(self, path: str, rows: Any) -> None:  # noqa: ANN401 (pyarrow has no types)
        folder, _, name = path.rpartition("/")
        self._fs.makedirs(folder, exist_ok=True)
        beside = f"{folder}/.{name}.part"
        with self._fs.open(beside, "wb") as file:
            pq.write_table(rows, file, row_group_size=_ROWS, compression="zstd")
        self._fs.mv(beside, path)


def _partition(stream: JudgedStream) -> str:
    at = stream.started_at
    day = at.date().isoformat() if at else _NO_DAY
    host = quote(stream.row.host, safe="") if stream.row and stream.row.host else _NO_HOST
    return f"day={day}/host={host}"
