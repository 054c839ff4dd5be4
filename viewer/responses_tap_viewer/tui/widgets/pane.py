"""A part of the screen with a title in the line above it, which is heavy while the focus is in it."""

from textual.containers import Vertical

from responses_tap.escaping import printable
from responses_tap_viewer.tui.widgets.lines import Lines


class Pane(Vertical):
    """A list with its title."""

    def __init__(self, lines: Lines, *, id: str) -> None:  # noqa: A002 - as all widgets call it
        super().__init__(id=id)
        self.lines = lines
        self._seen = 0

    def see_all(self) -> None:
        """Take none of the lines that there are now for a new one."""
        self._seen = len(self.lines.source)

    def count_new(self) -> int:
        """How many lines there are below those that have been visible, or that were there at first."""
        lines = self.lines
        self._seen = min(max(self._seen, lines.visible_range.stop), len(lines.source))
        return len(lines.source) - self._seen

    def entitle(self, *words: str) -> None:
        """Set the title; empty words are left out."""
        # A title is markup to Textual: a bracket must be escaped.
        self.border_title = f" {printable(' · '.join(word for word in words if word))} ".replace("[", r"\[")
