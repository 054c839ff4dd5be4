"""A part of the screen with a title in the line above it, which is heavy while the focus is in it."""

from textual.containers import Vertical

from responses_tap.timeline import printable
from responses_tap_viewer.tui.widgets.lines import Lines


class Pane(Vertical):
    """A list with its title."""

    @property
    def lines(self) -> Lines:
        """The list in it."""
        return self.query_one(Lines)

    def entitle(self, *words: str) -> None:
        """Set the title; empty words are left out."""
        # A title is markup to Textual: a bracket must be escaped.
        self.border_title = f" {printable(' · '.join(word for word in words if word))} ".replace("[", r"\[")
