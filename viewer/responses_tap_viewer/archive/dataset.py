"""A Hive-partitioned Parquet dataset: TABLE/day=2026-11-28/host=api.openai.com/PART.parquet, at any fsspec URL.

A part is written beside its place and renamed. That of `streams` comes last: a stream is in the dataset once it is
there. A writer that was killed before leaves parts of the other tables; the same export, repeated, replaces them, as a
part is named for its streams.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
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

type _Keyed = tuple[str, JudgedStream]


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
                known = self._known(partition)
                new = [(key, stream) for key, stream in keyed.items() if key not in known]
                if new:
                    self._write(partition, new)
                added += len(new)
        except (OSError, pa.ArrowInvalid) as error:
            raise UnusableInput(self._url, f"can't be written to ({shorten(str(error))})") from error
        return Archived(added, len(streams) - added)

    def _known(self, partition: str) -> set[str]:
        known: set[str] = set()
        for path in self._fs.glob(f"{self._root}/streams/{partition}/*.parquet"):
            with self._fs.open(path, "rb") as file:
                try:
                    known.update(pq.read_table(file, columns=["stream"], schema=None)["stream"].to_pylist())
                except (pa.ArrowInvalid, KeyError) as error:
                    raise UnusableInput(str(path), f"isn't a part of this dataset ({shorten(str(error))})") from error
        return known

    def _write(self, partition: str, keyed: Sequence[_Keyed]) -> None:
        # The same streams make the same part: one that was begun before is replaced.
        name = hashlib.sha256(" ".join(sorted(key for key, _ in keyed)).encode()).hexdigest()[:16]
        for table, make in self._makers.items():
            self._put(f"{self._root}/{table}/{partition}/{name}.parquet", make(keyed))

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
