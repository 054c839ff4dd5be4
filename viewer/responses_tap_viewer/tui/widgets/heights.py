"""Where the entries of a list begin that have different heights, counted in lines."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from itertools import accumulate


class Heights:
    """The lines of a number of entries: one line each, but for those in `tall`, by ascending index."""

    def __init__(self, count: int, tall: Mapping[int, int]) -> None:
        self._tall = list(tall)
        self._heights = tall
        self._added = [0, *accumulate(height - 1 for height in tall.values())]
        """The lines beyond one each, of so many of the tall entries."""
        self._tops = [index + added for index, added in zip(self._tall, self._added, strict=False)]
        self.total = count + self._added[-1]
        """The lines of all entries."""

    def of(self, index: int) -> int:
        """How many lines an entry has."""
        return self._heights.get(index, 1)

    def top(self, index: int) -> int:
        """The first line of an entry."""
        return index + self._added[bisect_left(self._tall, index)]

    def at(self, line: int) -> tuple[int, int]:
        """The entry that has a line, and which of its lines that is."""
        above = bisect_right(self._tops, line)
        if above and (part := line - self._tops[above - 1]) < self.of(index := self._tall[above - 1]):
            return index, part
        return line - self._added[above], 0
