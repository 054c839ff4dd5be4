"""Removes streams from a recording: those that a user names, or old ones."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from responses_tap.errors import UnusableInput
from responses_tap.store.writer import Writer
from responses_tap.stream.columns import StreamRow
from responses_tap_viewer.reports.text import counted
from responses_tap_viewer.streams import default_recording, file_of, open_existing

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_KB, _MB = 1000, 1_000_000
_SHOWN = 10


def seconds(age: str) -> float:
    """The seconds in a duration like 7d, 12h or 30m; ValueError for anything else."""
    found = re.fullmatch(rf"([0-9]+)([{''.join(_UNITS)}])", age.strip())
    if found is None:
        raise ValueError(f"invalid duration {age!r} (use 7d, 12h, 30m)")
    return int(found[1]) * _UNITS[found[2]]


def remove_named(names: Sequence[str], *, dry_run: bool = False) -> Iterator[str]:
    """Remove the streams with these names (ID or FILE.db#ID), all or none; a line for each recording."""
    wanted: dict[Path, set[int]] = {}
    for name in names:
        path, stream_id = _parse(name)
        wanted.setdefault(path, set()).add(stream_id)
    for path, ids in wanted.items():
        with open_existing(path) as recording:
            missing = sorted(ids.difference(recording.stream_ids()))
        if missing:
            raise UnusableInput(str(path), f"has no stream {missing[0]}; nothing was removed")
    for path, ids in wanted.items():
        yield _would_remove(path, sorted(ids)) if dry_run else _remove(path, sorted(ids))


def remove_old(path: Path, older: float | None, keep: int, *, dry_run: bool) -> Iterator[str]:
    """Remove the streams that began more than `older` seconds ago, except the newest `keep`; a line says which."""
    with open_existing(path) as recording:
        rows = recording.streams()
        left_out = recording.left_out
    rows = rows[: max(0, len(rows) - keep)]
    ids = [row.id for row in rows if older is None or _is_older(row, older)]
    if not ids:
        yield f"{path}: no streams are that old"
    elif dry_run:
        yield _would_remove(path, ids)
    else:
        yield _remove(path, ids)
    if left_out:
        raise UnusableInput("", f"{left_out}; `rm` deletes it")


def _parse(name: str) -> tuple[Path, int]:
    path, hash_, number = name.rpartition("#")
    if not number.isdecimal() or (hash_ and not path):
        raise UnusableInput(name, "is not a stream of a recording; give its id, or FILE.db#ID")
    return file_of(Path(path) if hash_ else default_recording(), int(number)), int(number)


def _is_older(row: StreamRow, older: float) -> bool:
    try:
        began = datetime.fromisoformat(row.started_at)
        return datetime.now(UTC) - began > timedelta(seconds=older)
    except (ValueError, TypeError, OverflowError):
        return False  # its start is unknown, or no stream can be that old


def _would_remove(path: Path, ids: list[int]) -> str:
    return f"{path}: {counted(len(ids), 'stream')} would be removed ({_listed(ids)})"


def _remove(path: Path, ids: list[int]) -> str:
    before = _size(path)
    writer = Writer(path)
    try:
        writer.remove_streams(ids)
    finally:
        writer.close()
    freed = max(0, before - _size(path))
    return f"{path}: {counted(len(ids), 'stream')} removed ({_listed(ids)}), {_readable(freed)} reclaimed"


def _size(path: Path) -> int:
    files = (path, Path(f"{path}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _listed(ids: list[int]) -> str:
    if len(ids) <= _SHOWN:
        return ", ".join(map(str, ids))
    return f"{', '.join(map(str, ids[:3]))} … {ids[-1]}"


def _readable(size: int) -> str:
    return f"{size / _MB:.1f} MB" if size >= _MB else f"{size / _KB:.0f} kB" if size >= _KB else f"{size} bytes"
