"""Marks in the file what a worker is about to try, so that whoever comes after its death knows what it died of."""

from types import TracebackType
from typing import NamedTuple, Self

from responses_tap.store.writer import Writer

_KEY = "trying"


class Suspect(NamedTuple):
    """What was being tried when a worker died."""

    batch: int = -1
    """The number of the batch."""
    message: int = -1
    """The place of the message in it, 0-based; -1: the batch as a whole."""

    @property
    def mark(self) -> str:
        """As it stands in the file."""
        return f"{self.batch}:{self.message}"

    @property
    def position(self) -> tuple[int, int]:
        """The batch, and the place in it of the first message that this is about."""
        return self.batch, max(0, self.message)


def suspect(writer: Writer, session: str) -> Suspect | None:
    """What the worker before was trying when it died, if it was."""
    of, _, mark = str(writer.meta(_KEY).get(_KEY, "")).partition(" ")
    if of != session:
        return None
    batch, _, message = mark.partition(":")
    return Suspect(int(batch), int(message))


def mark(writer: Writer, session: str, trying: Suspect | None) -> None:
    """Note with the next commit what is tried after it; None: nothing."""
    writer.set_meta(_KEY, None if trying is None else f"{session} {trying.mark}")


class Trial:
    """A context in which something of the file is read that a worker may die of; `key` names it."""

    def __init__(self, writer: Writer, key: str) -> None:
        self._writer = writer
        self._key = f"restoring:{key}"
        self.has_killed = bool(writer.meta(self._key))
        """Whether a worker has died of it before."""

    def __enter__(self) -> Self:
        self._writer.set_meta(self._key, 1)
        self._writer.commit()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.set_meta(self._key, None)
