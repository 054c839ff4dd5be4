"""A page of text, wrapped."""

from responses_tap_viewer.tui.spans import Line, wrap


class WrappedText:
    """The lines of a page, wrapped at a width."""

    def __init__(self, page: list[Line], width: int) -> None:
        # A hidden pane has no width yet; it gets one when it is shown.
        self._lines = [wrapped for line in page for wrapped in wrap(line, width)] if width else []

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, index: int, width: int) -> Line:
        """One of them."""
        return self._lines[index]
