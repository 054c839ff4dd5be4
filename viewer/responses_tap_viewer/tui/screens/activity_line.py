"""The line below the panes that says what goes on: a recorder at work, a stream being replayed."""

from pathlib import Path
from typing import Protocol

from textual.widgets import Static

from responses_tap.escaping import printable


class RecorderStatus(Protocol):
    """The recorder that writes the recording, as the screen shows it."""

    @property
    def words(self) -> str:
        """What it does now, in a line."""
        ...

    @property
    def log(self) -> Path:
        """Where its output goes."""
        ...


class ActivityLine(Static):
    """Says what goes on; hidden while nothing does."""

    def __init__(self) -> None:
        super().__init__(id="activity", markup=False)
        self._shown = ""

    def show(self, *words: str) -> None:
        """Show these words; empty ones are left out."""
        shown = printable("   ".join(filter(None, words)))
        if shown != self._shown:
            self._shown = shown
            self.update(f" {shown}")
            self.display = bool(shown)
