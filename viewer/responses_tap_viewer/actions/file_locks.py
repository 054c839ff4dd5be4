"""Locks that processes take in turn: files, which are removed afterwards.

They are beside what they protect, so that they work wherever that is put: an object store has no locks.
"""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from responses_tap.errors import UnusableInput

_PATIENCE_S = 60.0
"""Seconds that a process waits for another."""
_POLL_S = 0.1


@contextmanager
def archiving(recordings: Iterable[Path]) -> Iterator[None]:
    """Be the only process that adds streams of these recordings to a dataset.

    Two processes at once would both find that a stream isn't there yet. Errors as in `locked`.
    """
    with ExitStack() as held:
        for path in sorted({path.resolve() for path in recordings}):  # all in one order, or they wait for each other
            if os.access(path.parent, os.W_OK):  # otherwise nobody records there
                held.enter_context(locked(path.with_name(f"{path.name}-archive")))
        yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock with that path; UnusableInput where another process holds it too long, or it can't be created."""
    try:
        descriptor = _taken(path)
    except OSError as error:
        raise UnusableInput(str(path), f"can't be created ({error.strerror})") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # before others get it: they see that it is no longer there
        os.close(descriptor)


def _taken(path: Path) -> int:
    until = time.monotonic() + _PATIENCE_S
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() > until:
                raise UnusableInput(str(path), "is a lock that another process still holds") from None
            time.sleep(_POLL_S)
        else:
            if _is_there(descriptor, path):
                return descriptor
            os.close(descriptor)


def _is_there(descriptor: int, path: Path) -> bool:
    """Whether the open file is still that at `path`: the process that held it has removed it, perhaps."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False
