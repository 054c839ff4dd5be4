"""What there is to check below the paths that a user names: files, parts of large ones, files at URLs."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from responses_tap.errors import UnusableInput
from responses_tap.formats.parquet import extent
from responses_tap_viewer.store_errors import store_errors
from responses_tap_viewer.streams import STDIN, files_below, is_there, left_out_below, recording_files, telling

PARQUET = ".parquet"
PART_BYTES = 8 << 20
"""How much of a Parquet file is checked at a time, about, unpacked."""
_SMALL_BYTES = 128 << 10
"""A Parquet file of at most this size is checked as a whole: it isn't opened to see how much is packed in it."""
_GLOB = frozenset("*?[")
_UNREADABLE = "cannot be read"


class Unit(NamedTuple):
    """A piece of work."""

    path: str
    """A path or a URL."""
    size: int = 0
    """Bytes, 0 where that isn't known. Those of a large Parquet file are counted unpacked."""
    is_below: bool = False
    """Whether it was found in a folder, which may contain other files, too."""
    groups: range | None = None
    """The row groups of a Parquet file to check, None for all of a file."""
    error: UnusableInput | None = None
    """Why there is nothing to check."""


def units_below(paths: Iterable[str]) -> Iterator[Unit]:
    """The paths with each folder replaced by its files, each file once, and large Parquet files by their parts."""
    paths = list(paths)
    named = set(map(_real, paths))
    seen = set[str]()
    for path in paths:
        try:
            with telling(path):
                found = list(_below(path))
        except UnusableInput as error:
            found = [Unit(path, error=error)]
        for unit in found:
            real = _real(unit.path)
            if real == STDIN or real not in seen:
                seen.add(real)
                yield from _parts(unit._replace(is_below=unit.is_below and real not in named))


def _real(path: str) -> str:
    """What is the same for each path to a file."""
    return os.path.realpath(path) if is_there(Path(path)) and path != STDIN else path


def _below(path: str) -> Iterator[Unit]:
    here = Path(path)
    if path == STDIN:
        yield Unit(path)
    elif is_there(here) and here.is_dir():
        for file in files_below(_with_events(here)):
            yield Unit(str(file), file.stat().st_size, is_below=True)
        yield from (Unit(path, error=others) for others in left_out_below(here))
    elif not is_there(here) and (_is_store(path) or (path.endswith(PARQUET) and not _GLOB.isdisjoint(path))):
        yield from _at_url(path)
    else:
        for file in recording_files(here):
            yield Unit(path if file == here else str(file), file.stat().st_size if is_there(file) else 0)


def _with_events(folder: Path) -> Path:
    """The folder in which the events are, if this one is a dataset that `export` or `record` has written."""
    if not (folder / "streams").is_dir() or not (folder / "findings").is_dir():
        return folder
    if not (folder / "events").is_dir():
        raise _eventless(str(folder))
    return folder / "events"


def _eventless(dataset: str) -> UnusableInput:
    return UnusableInput(dataset, "is a dataset without events, whose findings are in it; archive --with-events")


def _at_url(url: str) -> Iterator[Unit]:
    with store_errors(url, _UNREADABLE):
        fs, root = _fsspec(url).core.url_to_fs(url)
        if not _GLOB.isdisjoint(url):
            found = fs.glob(root, detail=True)
        elif fs.isdir(root):
            tables = {name.rstrip("/").rpartition("/")[2] for name in fs.ls(root, detail=False)}
            if {"streams", "findings"} <= tables and "events" not in tables:
                raise _eventless(url)
            found = fs.find(f"{root}/events" if {"streams", "findings", "events"} <= tables else root, detail=True)
        else:
            found = {root: fs.info(root)}
        for name, info in sorted(found.items()):
            if name.endswith(PARQUET) and info["type"] == "file":
                yield Unit(fs.unstrip_protocol(name) if "://" in url else name, info["size"] or 0, is_below=True)
        if not any(name.endswith(PARQUET) for name in found):
            raise UnusableInput(url, "holds no Parquet file")


def _parts(unit: Unit) -> Iterator[Unit]:
    """A large Parquet file by its row groups; anything else as it is."""
    if unit.size <= _SMALL_BYTES or not unit.path.endswith(PARQUET):
        yield unit
        return
    try:
        with telling(unit.path), opened(unit.path) as file:
            count, size = extent(file)
    except UnusableInput:
        yield unit  # to be told when it is checked
        return
    step = min(count, max(1, count * PART_BYTES // (size or 1)))
    for first in range(0, count, step):
        groups = range(first, min(first + step, count)) if step < count else None
        yield unit._replace(groups=groups, size=size * step // (count or 1))


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """The file at a path or URL; UnusableInput where it can't be read, meanwhile too."""
    if is_there(Path(path)):
        with Path(path).open("rb") as file:
            yield file
        return
    with store_errors(path, _UNREADABLE), _fsspec(path).open(path, "rb") as remote:
        yield remote


def _is_store(path: str) -> bool:
    """Whether a path is a URL that may be one of Parquet; a web page or an API isn't."""
    return "://" in path and (not path.startswith(("http://", "https://")) or PARQUET in path)


def _fsspec(url: str) -> Any:  # noqa: ANN401 (it has no types)
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise UnusableInput(url, "is a URL, which needs fsspec: pip install 'responses-tap[archive]'") from error
    return fsspec
