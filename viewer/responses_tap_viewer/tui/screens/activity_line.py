"""The line below the panes for what is running: a recorder, a replay."""

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
    def is_recording(self) -> bool:
        """Whether it still records."""
        ...

    @property
    def command(self) -> str:
        """The command that it runs and that ends with it; empty where it runs none."""
        ...

    @property
    def way_in(self) -> str:
        """The shell line that points a client at it; empty where there is none."""
        ...

    @property
    def log(self) -> Path:
        """Where its output goes."""
        ...


class ActivityLine(Static):
    """Says what is running; hidden while nothing is."""

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
