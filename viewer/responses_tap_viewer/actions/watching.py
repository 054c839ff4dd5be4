"""`check --watch`: checks again whenever a file changes, while a server is being fixed."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from responses_tap.errors import UnusableInput
from responses_tap_viewer.printing import say
from responses_tap_viewer.streams import files_below, is_there

_SECONDS = 0.2
"""Between two polls. One `stat` a file works on every file system, unlike notifications of changes."""

type _State = dict[Path, tuple[int, int, int] | None]


def watch(paths: Sequence[str], run: Callable[[], int]) -> int:
    """Call `run` now and after every change below `paths`, until Ctrl-C; return its last exit status."""
    status = 0
    try:
        while True:
            seen = _state(paths)
            click.clear()  # on a terminal only
            status = run()
            say(f"Checked at {time.strftime('%H:%M:%S')}; again at the next change. Press Ctrl-C to stop.")
            while _state(paths) == seen:
                time.sleep(_SECONDS)
    except KeyboardInterrupt:
        return status


def _state(paths: Sequence[str]) -> _State:
    """For each file, what changes when it is replaced or written to; None for a file that doesn't exist."""
    return {file: _stamp(file) for path in paths for file in _files(path)}


def _files(name: str) -> list[Path]:
    path = Path(name) if is_there(Path(name)) else Path(name.rpartition("#")[0] or name)
    try:
        found = files_below(path) if path.is_dir() else [path]
    except UnusableInput:  # still empty
        found = []
    # A recorder's latest writes are in the WAL.
    return [*found, *(file.with_name(f"{file.name}-wal") for file in found)]


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
