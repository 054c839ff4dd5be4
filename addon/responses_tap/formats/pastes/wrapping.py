"""Lines that a terminal, rich or a mail program broke at its width: where that was, and how to join them again.

Terminals break a line at the last column, wherever that is (hard). Rich and mail programs break it between words, and
only rich breaks a word, one that is longer than a line (soft).
"""

import itertools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from responses_tap.formats.pastes.pasted_line import PastedLine

_NARROWEST, _WIDEST = 30, 400
"""Columns of a terminal."""
_START = 6
_FIELD = re.compile(r"(?:data|event|id|retry)?:|\s*$")
_INNER_SPACE = re.compile(r"\S\s")


class Wrap(NamedTuple):
    """How lines were broken: at which column, and whether between words."""

    column: int
    soft: bool
    start: str = "\n"
    """How a whole line begins: one that is as long as the terminal is wide does not go on in such a line."""

    def joined(self, lines: Sequence[PastedLine]) -> list[PastedLine]:
        """The lines as they were before."""
        whole: list[PastedLine] = []
        folds = not self.soft or all(_width(line.text) <= self.column for line in lines)
        before = ""
        goes_on = False
        for line, following in zip(lines, [*(line.text for line in lines[1:]), ""], strict=True):
            if goes_on:
                begun = whole[-1]
                whole[-1] = begun._replace(text=begun.text + self._glue(before, folds=folds) + line.text)
            else:
                whole.append(line)
            before = line.text
            goes_on = self.is_broken(before, following)
        return whole

    def is_broken(self, line: str, following: str) -> bool:
        """Whether a line may go on in the following one."""
        if not (line.strip() and following.strip()):
            return False
        if following.startswith(self.start):
            return False
        if self.soft:
            return _width(line.rstrip()) + _width(following.split(maxsplit=1)[0]) >= self.column
        # A character of two columns leaves the last one free where only that is left.
        return _width(line) == self.column - (_width(following[0]) == 2 and _width(line) < self.column)  # noqa: PLR2004

    def _glue(self, line: str, *, folds: bool) -> str:
        """What stood where a line was broken; `folds` says that long words were broken, too."""
        is_folded = folds and _width(line) >= self.column - 1 and not _INNER_SPACE.search(line)
        return "" if not self.soft or is_folded or line[-1:].isspace() else " "


def wraps(lines: Sequence[PastedLine]) -> Iterator[Wrap]:
    """How these lines may have been broken."""
    widths = Counter(n for line in lines if _NARROWEST <= (n := _width(line.text)) <= _WIDEST)
    if widths:
        start = next((line.text[:_START] for line in lines if line.text.strip()), "")
        if not start.strip() or "type" in start:  # an object within an event may begin as the event does
            start = "\n"
        widest, commonest = max(widths), max(widths, key=lambda n: (widths[n], n))
        yield from (Wrap(column, soft=False, start=start) for column in dict.fromkeys((widest, commonest)))
        worded = [
            n for line in lines if (n := _width(line.text.rstrip())) <= _WIDEST and _INNER_SPACE.search(line.text)
        ]
        yield from (
            Wrap(column, soft=True, start=start) for column in dict.fromkeys((widest, max(worded, default=widest)))
        )


def is_wrapped(lines: Sequence[str]) -> bool:
    """Whether lines of an event stream go on in the next one at a terminal's or a mail's width, as none is sent."""
    body = list(itertools.dropwhile(lambda line: not line.startswith("data:"), lines))
    breaks = [
        (line, following)
        for line, following in itertools.pairwise(body)
        if line.strip() and not _FIELD.match(following)
    ]
    if not breaks or any(_is_json(line) for line, _ in breaks):
        return False
    widest = max(map(_width, body))
    worded = [_width(line) for line, _ in breaks if len(line.removeprefix("data:").split()) > 1]
    return any(
        all(wrap.is_broken(line, following) for line, following in breaks)
        for wrap in (
            *([Wrap(widest, soft=False)] if _NARROWEST <= widest <= _WIDEST else []),
            *([Wrap(max(worded), soft=True)] if len(worded) > 1 and max(worded) <= _WIDEST else []),
        )
    )


def _is_json(line: str) -> bool:
    """Whether a line of an event stream has all of its data."""
    with suppress(ValueError, RecursionError):
        json.loads(line.removeprefix("data:"))
        return True
    return False


def _width(text: str) -> int:
    """Columns that a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
