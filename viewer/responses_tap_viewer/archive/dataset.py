"""A Hive-partitioned Parquet dataset: TABLE/day=2026-11-28/host=api.openai.com/PART.parquet, at any fsspec URL.

A part is written beside its place and renamed; those of all tables have one name, made of their streams. That of
`streams` comes last: a stream is in the dataset once it is there. A writer that was killed before leaves parts of the
other tables that no part of `streams` belongs to. What they hold is true, and isn't written again, whichever streams
the next writer adds.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from responses_tap.errors import UnusableInput
from responses_tap.escaping import shorten
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.model import JudgedStream, moment
from responses_tap_viewer.archive import tables
from responses_tap_viewer.store_errors import store_errors

_NO_DAY = "__HIVE_DEFAULT_PARTITION__"
"""What Hive calls a partition whose value is null."""
_NO_HOST = "unknown"
"""Not null, too: where all hosts are, Arrow can't tell the type of the column."""
_ROWS = 100_000
"""Rows in a row group: some 10 MB of events."""

type _Row = tuple[str, int, datetime | None]
_ROW = ("recording", "id", "started_at")


class Archived(NamedTuple):
    """What a call of `Dataset.add` has done."""

    streams: int
    known: int
    """Streams that the dataset had already."""


class Dataset:
    """Writes to a dataset; UnusableInput where its place can't be written to, or holds something else."""

    def __init__(self, url: str, *, with_events: bool = False) -> None:
        self._url = url
        with self._telling():
            self._fs, root = fsspec.core.url_to_fs(url)
        self._root = root.rstrip("/")
        self._read: dict[str, set[str]] = {}
        self._rows: dict[str, set[_Row]] = {}
        self._makers = {"findings": tables.finding_rows}
        if with_events:
            self._makers |= {"events": tables.event_rows, "messages": tables.message_rows}
        self._makers["streams"] = tables.stream_rows  # the last: then the others are there

    def try_out(self) -> None:
        """Write an empty file, and remove it; UnusableInput where that isn't possible."""
        path = self._path(f".{uuid4().hex}")
        with self._telling():
            self._make_folder(self._root)
            self._fs.pipe_file(path, b"")
            self._fs.rm_file(path)

    def has(self, recording: str, row: StreamRow) -> bool:
        """Whether a stream is there, by the name of its recording's file, its number and its time.

        Quick: only what was there when its partition was first asked for counts, and no event is read.
        """
        partition = _partition(row.started_at, row.host)
        with self._telling():
            if partition not in self._rows:
                paths = [self._path("streams", partition, part) for part in self._parts("streams", partition)]
                self._rows[partition] = {found for path in paths for found in self._columns(path, *_ROW)}
        return (recording, row.id, moment(row.started_at)) in self._rows[partition]

    def add(self, streams: Iterable[tuple[str, JudgedStream]]) -> Archived:
        """Add those streams that aren't in the dataset yet, each under its fingerprint.

        That is the one of the stream as it was recorded, also where the stream is redacted.
        """
        streams = list(streams)
        partitions: dict[str, dict[str, JudgedStream]] = defaultdict(dict)
        for key, stream in streams:
            partition = _partition(stream.row.started_at, stream.row.host) if stream.row else _partition()
            partitions[partition].setdefault(key, stream)
        with self._telling():
            added = sum(self._write(partition, keyed) for partition, keyed in sorted(partitions.items()))
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
                self._read[path] = {key for (key,) in self._columns(path, "stream")}
        return set().union(*(self._read[path] for path in paths))

    def _path(self, *names: str) -> str:
        return "/".join((self._root, *names))

    def _columns(self, path: str, *names: str) -> Iterator[tuple[Any, ...]]:
        with self._fs.open(path, "rb") as file:
            try:
                table = pq.read_table(file, columns=list(names)).select(names)
            except (pa.ArrowInvalid, KeyError) as error:
                raise UnusableInput(path, f"isn't a part of this dataset ({shorten(str(error))})") from error
        return zip(*(table[name].to_pylist() for name in names), strict=True)

    def _put(self, path: str, rows: Any) -> None:  # noqa: ANN401 (pyarrow has no types)
        folder, _, name = path.rpartition("/")
        self._make_folder(folder)
        beside = f"{folder}/.{name}.part"
        with self._fs.open(beside, "wb") as file:
            pq.write_table(rows, file, row_group_size=_ROWS, compression="zstd")
        self._fs.mv(beside, path)

    def _make_folder(self, folder: str) -> None:
        # What fsspec reaches asynchronously are object stores, which have no folders: s3fs would make a bucket.
        if not self._fs.async_impl:
            self._fs.makedirs(folder, exist_ok=True)

    def _telling(self) -> AbstractContextManager[None]:
        return store_errors(self._url, "can't be written to")


def _partition(started_at: str | None = None, host: str = "") -> str:
    at = moment(started_at)
    return f"day={at.date().isoformat() if at else _NO_DAY}/host={quote(host, safe='') if host else _NO_HOST}"
