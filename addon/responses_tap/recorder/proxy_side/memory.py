"""How much memory there is for what waits: a container's limit counts, which the machine's own numbers don't show."""

import os
from collections.abc import Iterator
from pathlib import Path

_MOST_BYTES = 4 * 2**30
_SHARE = 4


def spool_limit(root: Path = Path("/")) -> int:
    """Bytes that may wait in the spool: 4 GiB, or a quarter of the memory that is available, whichever is less.

    `root` is where the files are in which Linux tells about memory.
    """
    known = [*_cgroup_limits(root), *_available(root)] or [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    return min(_MOST_BYTES, min(known) // _SHARE)


def _available(root: Path) -> Iterator[int]:
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            yield int(value.split()[0]) * 1024


def _cgroup_limits(root: Path) -> Iterator[int]:
    """The limits of this process's control group and of those that contain it, of version 1 or 2."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folder, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            folder, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        group = folder / path.lstrip("/")
        for each in (group, *(parent for parent in group.parents if parent.is_relative_to(folder))):
            limit = _text(each / name).strip()
            if limit.isdecimal():  # not "max"
                yield int(limit)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
