"""Where checking happens: on the processors of this machine, or on whatever Daft is told to run on."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from responses_tap.errors import UnusableInput
from responses_tap.escaping import shorten
from responses_tap_viewer.checking.units import PART_BYTES, Unit

LOCAL, DAFT = "local", "daft"
_MUCH_BYTES = 32 << 20
"""With at least this many bytes in several pieces, starting more processes pays off."""
_AHEAD = 2
"""Batches for each process that wait for the one to be printed: what they have found is in memory."""
_MOST_UNITS = 64
"""Small files that are handed over together."""
_MOST_PARTITIONS = 256
_MOST_SAID = 300
"""Characters of what an engine says of its failure."""

type Batch = list[Unit]


def spread[R](check: Callable[[Unit], R], units: Iterable[Unit], engine: str) -> Iterator[tuple[Unit, R]]:
    """Each unit with what `check` returns for it, in order; UnusableInput where the engine isn't installed.

    `check` and its result are pickled.
    """
    batches = list(_batches(units))
    if engine == DAFT:
        results = _on_daft(check, batches)
    elif len(batches) > 1 and sum(unit.size for batch in batches for unit in batch) >= _MUCH_BYTES:
        results = _on_processes(check, batches)
    else:
        yield from ((unit, check(unit)) for batch in batches for unit in batch)
        return
    for batch, found in zip(batches, results, strict=True):
        yield from zip(batch, found, strict=True)


def _batches(units: Iterable[Unit]) -> Iterator[Batch]:
    batch: Batch = []
    for unit in units:
        if batch and (len(batch) == _MOST_UNITS or sum(other.size for other in batch) + unit.size > PART_BYTES):
            yield batch
            batch = []
        batch.append(unit)
    if batch:
        yield batch


def _on_processes[R](check: Callable[[Unit], R], batches: Iterable[Batch]) -> Iterator[list[R]]:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor() as pool:
        most = _AHEAD * (os.cpu_count() or 1)
        waiting: deque[Any] = deque()
        for batch in batches:
            waiting.append(pool.submit(_check_batch, check, batch))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _check_batch[R](check: Callable[[Unit], R], batch: Batch) -> list[R]:
    return list(map(check, batch))


def _on_daft[R](check: Callable[[Unit], R], batches: list[Batch]) -> Iterator[list[R]]:
    try:
        yield from _results_of_daft(check, batches)
    except Exception as error:  # such as a cluster that isn't there
        if isinstance(error, ModuleNotFoundError) and error.name == "daft":
            raise UnusableInput(f"--engine {DAFT}", "needs the extra: pip install 'responses-tap[daft]'") from error
        said = shorten(" ".join(f"{type(error).__name__}: {error}".split()), _MOST_SAID)
        raise UnusableInput(f"--engine {DAFT}", f"can't run the check ({said})") from error


def _results_of_daft[R](check: Callable[[Unit], R], batches: list[Batch]) -> Iterator[list[R]]:
    import pickle

    import daft

    is_here = daft.get_or_create_runner().name == "native"

    @daft.cls(use_process=True, max_concurrency=os.cpu_count() if is_here else None)
    class Checks:
        @daft.method.batch(return_dtype=daft.DataType.binary(), batch_size=1)
        def found(self, work: daft.Series) -> list[bytes]:
            return [pickle.dumps(_check_batch(check, pickle.loads(batch))) for batch in work.to_pylist()]  # noqa: S301

    checks: Any = Checks()
    frame = daft.from_pydict({"n": list(range(len(batches))), "work": list(map(pickle.dumps, batches))})
    if not is_here:
        frame = frame.into_partitions(min(len(batches), _MOST_PARTITIONS) or 1)
    ahead: dict[int, bytes] = {}
    n = 0
    for row in frame.select(frame["n"], checks.found(frame["work"]).alias("found")).iter_rows():
        ahead[row["n"]] = row["found"]
        while n in ahead:
            yield pickle.loads(ahead.pop(n))  # noqa: S301 (ours)
            n += 1
