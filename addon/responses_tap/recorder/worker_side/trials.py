"""Marks in the file what a worker is about to read of it, so that its successor knows what it died of."""

from types import TracebackType
from typing import Self

from responses_tap.store.writer import Writer


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
