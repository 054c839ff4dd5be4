"""What every object with a `close` does in a `with` statement."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class SelfClosing(ABC):
    """A context manager that is closed at the end of its block."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what it holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
