"""The values in which an event differs behind a gateway: final texts, usage, and whatever else it states."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from responses_tap.protocol.events import parse
from responses_tap.protocol.grammar import ROWS, Role
from responses_tap_viewer.compare.compare import Comparison
from responses_tap_viewer.compare.shape import STRUCTURE, VOCABULARY

_TEXTS = frozenset(row.value for row in ROWS.values() if row.value and row.role is not Role.DELTA)
"""Fields that hold a text, or a value that is streamed like one."""
_FREE = VOCABULARY | {"id", "sequence_number", "model"}
"""Fields that a gateway may replace, besides ids, times and indexes, or whose changes are reported elsewhere."""
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


def rewritten(comparison: Comparison) -> tuple[list[TextChange], list[str]]:
    """What the corresponding events state differently: the texts, and the paths of all other values.

    Not of deltas, whose texts may be split anew.
    """
    pairs = [(pair.a, pair.b) for pair in comparison.pairs if pair.a is not None and pair.b is not None]
    met = chain.from_iterable(
        zip(a.entries, b.entries, strict=False) for a, b in pairs if not a.type.endswith(".delta")
    )
    # What one side lacks along with its item or part is already a difference.
    told = STRUCTURE if any(difference.what != "event" for difference in comparison.differences) else frozenset()
    texts: list[TextChange] = []
    others: list[str] = []
    for entries in met:
        a, b = (parse(entry.frame.data or b"") for entry in entries)
        for path, one, other in _differing((), a.data, b.data):
            if path[-1] in _TEXTS and isinstance(one, str) and isinstance(other, str):
                texts.append(TextChange.of(a.type or "", one, other))
            elif path[-1] not in told:
                others.append(".".join(path).replace(".[", "["))
    return list(dict.fromkeys(texts)), list(dict.fromkeys(others))


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
    return sorted(name for name in names if name not in _FREE and not name.endswith(_FREE_ENDS))
