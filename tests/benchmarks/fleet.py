"""What a fleet's streams cost: streams a second, on one core and on all; growth; memory; bytes an event.

    uv run python tests/benchmarks/fleet.py --streams 100000

Streams are those of `recordings/clean`, each with an id of its own, a Parquet row each.
"""

import argparse
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

CLEAN = sorted((Path(__file__).parents[2] / "recordings/clean").glob("*.sse"))
PROGRAM = [sys.executable, "-m", "responses_tap_viewer"]
_GROUP = 1000


class Cost(NamedTuple):
    """What a run of the program took."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    """Of its largest process."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=20_000)
    parser.add_argument("--engine", action="append", default=[])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checking(Path(folder), arguments.streams, arguments.engine or ["local"])
        keeping(Path(folder), min(arguments.streams, 2000))


def checking(folder: Path, streams: int, engines: Sequence[str]) -> None:
    """Growth in the number of streams, then one core against all of them."""
    cores = sorted(os.sched_getaffinity(0))
    for engine in engines:
        for count in (streams // 4, streams // 2, streams):
            file = write(folder / f"{count}.parquet", count)
            told(f"{engine}, {count} streams, {len(cores)} cores", count, check(file, engine, cores))
        told(f"{engine}, {streams} streams, 1 core", streams, check(file, engine, cores[:1]))


def write(path: Path, count: int) -> Path:
    """A Parquet file of so many streams."""
    bodies = [body.read_bytes() for body in CLEAN]
    schema = pa.schema([("source", pa.string()), ("body", pa.binary())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for numbers in itertools.batched(range(count), _GROUP):
            rows = [
                {"source": f"s{n}", "body": bodies[n % len(bodies)].replace(b"resp_1", f"resp_{n}".encode())}
                for n in numbers
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema))
    return path


def check(file: Path, engine: str, cores: Sequence[int]) -> Cost:
    """What it takes to check a file on these cores."""
    command = [*PROGRAM, "check", str(file), "--statistics", "--engine", engine]
    return run(command, cores)


def run(command: Sequence[str], cores: Sequence[int]) -> Cost:
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - begun, cpu_s, after.ru_maxrss / 1024)


def told(what: str, streams: int, cost: Cost) -> None:
    print(
        f"{what}: {streams / cost.wall_s:,.0f} streams/s, {cost.wall_s:.1f} s, CPU {cost.cpu_s:.1f} s "
        f"({cost.cpu_s / streams * 1e6:,.0f} µs a stream), largest process so far {cost.peak_mb:.0f} MB"
    )


def keeping(folder: Path, streams: int) -> None:
    """Bytes an event, in a recording and in a dataset."""
    bodies, db = folder / "bodies", folder / "tap.db"
    bodies.mkdir()
    for n in range(streams):
        body = CLEAN[n % len(CLEAN)].read_bytes().replace(b"resp_1", f"resp_{n}".encode())
        (bodies / f"{n}.sse").write_bytes(body)
    subprocess.run([*PROGRAM, "import", "--db", str(db), str(bodies)], check=True, stdout=subprocess.DEVNULL)
    events = sum(path.read_bytes().count(b"\ndata: ") + 1 for path in bodies.iterdir())
    print(f"{events / streams:.1f} events a stream, {_size(bodies) / events:.0f} bytes an event on the wire")
    print(f"SQLite: {_size(folder, 'tap.db*') / events:.0f} bytes an event")
    for name, options in (("streams and findings", []), ("with events", ["--with-events"])):
        place = folder / name
        export = [*PROGRAM, "export", "--filter", "id>0", str(db), "--format", "parquet", "--allow-text"]
        cost = run([*export, "-o", str(place), *options], sorted(os.sched_getaffinity(0)))
        print(
            f"Parquet, {name}: {_size(place) / events:.1f} bytes an event, {streams / cost.cpu_s:,.0f} streams/s of CPU"
        )


def _size(folder: Path, pattern: str = "*") -> int:
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


if __name__ == "__main__":
    main()
