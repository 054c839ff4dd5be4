"""A line of a paste."""

from typing import NamedTuple


class PastedLine(NamedTuple):
    """A line of the text, and the line of the file, from 1, in which it began."""

    number: int
    text: str
