"""The values in which an event differs behind a gateway: final texts, usage, and whatever else it states."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from responses_tap.protocol.events import parse
from responses_tap.protocol.grammar import ROWS, Role
from responses_tap.stream.model import Entry
from responses_tap_viewer.compare.compare import Comparison
from responses_tap_viewer.compare.shape import STRUCTURE, VOCABULARY

_TEXTS = frozenset(row.value for row in ROWS.values() if row.value and row.role is not Role.DELTA)
"""Fields that hold a text, or a value that is streamed like one."""
_FREE = ("id", "sequence_number", "model")
"""Fields that a gateway may replace, besides ids, times and indexes; what it makes of some of them is told apart."""
_FREE_ENDS = ("_id", "_at", "_index")


class TextChange(NamedTuple):
    """A text that the gateway changed: that of all deltas of one type, or one that another event states."""

    type: str
    a: int
    """Characters."""
    b: int
    at: int
    """The 0-based number of the first character that differs."""

    @classmethod
    def of(cls, type_: str, a: str, b: str) -> "TextChange":
        """The change of one text into another."""
        same = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        return cls(type_, len(a), len(b), same)


class Rewritten(NamedTuple):
    """A value that both sides have, but differently."""

    type: str
    """The type of the event."""
    path: tuple[str, ...]
    """Where: names from the outside in, `[]` for the elements of an array."""
    a: object
    b: object

    @property
    def name(self) -> str:
        """The path in writing: `response.output[].content`."""
        return ".".join(self.path).replace(".[", "[")

    @property
    def text(self) -> TextChange | None:
        """The change, where it is a text."""
        if self.path[-1] in _TEXTS and isinstance(self.a, str) and isinstance(self.b, str):
            return TextChange.of(self.type, self.a, self.b)
        return None


def rewritten(comparison: Comparison) -> list[Rewritten]:
    """What the corresponding events state differently, but for deltas, whose texts may be split anew."""
    pairs = [(pair.a, pair.b) for pair in comparison.pairs if pair.a is not None and pair.b is not None]
    met = chain.from_iterable(
        zip(a.entries, b.entries, strict=False) for a, b in pairs if not a.type.endswith(".delta")
    )
    found = [value for a, b in met for value in _of_pair(a, b)]
    if any(difference.what != "event" for difference in comparison.differences):
        # What one side lacks along with its item or part is already a difference.
        return [value for value in found if value.path[-1] not in STRUCTURE]
    return found


def _of_pair(a: Entry, b: Entry) -> Iterator[Rewritten]:
    events = [parse(entry.frame.data or b"") for entry in (a, b)]
    for path, *values in _differing((), events[0].data, events[1].data):
        yield Rewritten(events[0].type or "", path, *values)


def _differing(path: tuple[str, ...], a: object, b: object) -> Iterator[tuple[tuple[str, ...], object, object]]:
    """The places where both have a value, but not the same; null is none."""
    if isinstance(a, dict) and isinstance(b, dict):
        for name in _compared(a.keys() & b.keys()):
            yield from _differing((*path, name), a[name], b[name])
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for one, other in zip(a, b, strict=True):
            yield from _differing((*path, "[]"), one, other)
    elif a is not None and b is not None and a != b:
        yield path, a, b


def _compared(names: Iterable[str]) -> list[str]:
    # The vocabulary of the protocol is part of the shape.
    free = VOCABULARY.union(_FREE)
    return sorted(name for name in names if name not in free and not name.endswith(_FREE_ENDS))
