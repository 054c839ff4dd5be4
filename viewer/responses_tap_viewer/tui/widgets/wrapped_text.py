"""A page of text, wrapped."""

from bisect import bisect_right
from collections.abc import Iterator

from responses_tap.escaping import printable
from responses_tap_viewer.tui.spans import Line, wrap


class WrappedText:
    """The lines of a page, wrapped at a width."""

    def __init__(self, page: list[Line], width: int) -> None:
        self._page = page
        self._lines: list[Line] = []
        self._starts: list[tuple[int, int]] = []
        """Of each wrapped line, which line of the page it is from, and where in its text it begins."""
        # A hidden pane has no width yet; it gets one when it is shown.
        for number, line in enumerate(page if width else []):
            start = 0
            for part, wrapped in enumerate(wrap(line, width)):
                self._lines.append(wrapped)
                self._starts.append((number, start))
                # What follows the first one begins with blanks that aren't in the text.
                start += sum(len(text) for text, _ in wrapped[bool(part) :])

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, index: int, width: int) -> Line:
        """One of them."""
        return self._lines[index]

    def places(self, text: str) -> list[int]:
        """The lines in which a text in lower case begins, be it wrapped or not."""
        return list(dict.fromkeys(self._places(text)))

    def _places(self, text: str) -> Iterator[int]:
        for number, line in enumerate(self._page):
            words = "".join(printable(piece) for piece, _ in line).lower()
            at = words.find(text)
            while at >= 0:
                yield bisect_right(self._starts, (number, at)) - 1
                at = words.find(text, at + len(text))
