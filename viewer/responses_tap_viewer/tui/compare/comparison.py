"""Two streams side by side as lines: their events aligned, and the JSON of two events that belong together."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from responses_tap.protocol.findings import Finding
from responses_tap.stream.model import JudgedStream
from responses_tap.stream.timeline import GLYPHS
from responses_tap_viewer.compare.compare import SAME, Difference, Pair, compare_streams, described
from responses_tap_viewer.compare.outline import Step, events_of
from responses_tap_viewer.compare.shape import differing
from responses_tap_viewer.tui.json_lines import json_lines
from responses_tap_viewer.tui.short_types import short_type
from responses_tap_viewer.tui.spans import SEVERITY_ROLES, Line, Role, padded

_SIDE_BY_SIDE_FROM = 80
"""The width from which on each stream has a column of its own; below it they share one."""
_ROLES: dict[str, Role] = {"<": "error", ">": "warning", "~": "warning", "≠": "key"}
_NUMBER_WIDTH = 5
_LEVEL = "│ "
_ASIDE = "·"
"""Stands between values that differ and may: ids, times, texts."""
_KEY = re.compile(r'\s*"((?:[^"\\]|\\.)*)":')


class Side(NamedTuple):
    """One of the two streams."""

    name: str
    events: list[dict[str, Any]]
    """By serial, as the steps count them."""
    found: dict[int, list[Finding]]
    """The findings by position."""

    @classmethod
    def of(cls, stream: JudgedStream) -> "Side":
        """A stream as one side."""
        found: dict[int, list[Finding]] = defaultdict(list)
        if not any(entry.response for entry in stream.entries):
            for finding in stream.findings:
                if finding.position is not None:
                    found[finding.position].append(finding)
        row = stream.row
        name = stream.name if row is None else " ".join(word for word in (str(row.id), row.model) if word)
        return cls(name, [event.data for _, event in events_of(stream.entries)], found)


class Compared:
    """Two streams, aligned; the rows are those of the comparison."""

    def __init__(self, a: JudgedStream, b: JudgedStream) -> None:
        """UnusableInput where one of them holds no event."""
        comparison = compare_streams(a, b)
        self.differences = comparison.differences
        self.pairs = comparison.pairs
        self.comparison = comparison
        self.a, self.b = Side.of(a), Side.of(b)
        self._about = [list(_about(pair, *_by_position(self.differences))) for pair in self.pairs]
        firsts: dict[int, int] = {}
        for row, about in enumerate(self._about):
            for difference in about:
                firsts.setdefault(id(difference), row)
        self.stops = sorted(set(firsts.values()))
        """The rows at which a difference begins."""

    def about(self, row: int) -> list[Difference]:
        """The differences that concern a row."""
        return self._about[row] if row < len(self._about) else []

    def next_stop(self, row: int, step: int) -> int | None:
        """The row of the next difference below (1) or above (-1), round the end; None where there is none."""
        stops = self.stops[::step]
        return next((stop for stop in stops if (stop - row) * step > 0), next(iter(stops), None))

    def glyph(self, row: int) -> str:
        """How the sides of a row stand to each other."""
        glyph = self.pairs[row].glyph
        return "~" if glyph == SAME and self._about[row] else glyph


class PairLines:
    """The events of both streams: side by side, or, where there is no room for that, in one column."""

    def __init__(self, compared: Compared) -> None:
        self._compared = compared

    def __len__(self) -> int:
        return len(self._compared.pairs)

    def line(self, index: int, width: int) -> Line:
        """One pair."""
        compared = self._compared
        pair, glyph = compared.pairs[index], compared.glyph(index)
        role = _ROLES.get(glyph, "plain")
        if width < _SIDE_BY_SIDE_FROM:
            return _one_column(pair, glyph, role, compared)
        column = (width - 3) // 2
        return [
            *padded(_step_spans(pair.a, role, compared.a), column),
            (f" {glyph} ", role),
            *padded(_step_spans(pair.b, role, compared.b), column),
        ]


class JsonPairLines:
    """The JSON of two events, field beside field."""

    def __init__(self, compared: Compared, row: int) -> None:
        self._rows: list[tuple[Line, str, Line]] = []
        self._is_alone = False
        """Whether there is one event only, which then has all the room."""
        if row < len(compared.pairs):
            pair = compared.pairs[row]
            self._is_alone = pair.a is None or pair.b is None
            fields = {field.path[-1] for field in differing(pair.a.shape, pair.b.shape)} if pair.a and pair.b else set()
            self._rows = list(_beside(_json(pair.a, compared.a), _json(pair.b, compared.b), fields))

    def __len__(self) -> int:
        return len(self._rows)

    def line(self, index: int, width: int) -> Line:
        """One line of each."""
        a, glyph, b = self._rows[index]
        if self._is_alone:
            return a or b
        column = (width - 3) // 2
        return [*padded(a, column), (f" {glyph} ", _ROLES.get(glyph, "dim")), *padded(b, column)]


def _by_position(differences: Iterable[Difference]) -> tuple[dict[int, list[Difference]], dict[int, list[Difference]]]:
    in_a: dict[int, list[Difference]] = defaultdict(list)
    in_b: dict[int, list[Difference]] = defaultdict(list)
    for difference in differences:
        for positions, side in ((difference.a, in_a), (difference.b, in_b)):
            for position in positions:
                side[position].append(difference)
    return in_a, in_b


def _about(pair: Pair, in_a: dict[int, list[Difference]], in_b: dict[int, list[Difference]]) -> Iterator[Difference]:
    known = set()
    for step, side in ((pair.a, in_a), (pair.b, in_b)):
        for difference in side.get(step.position, ()) if step else ():
            if id(difference) not in known:
                known.add(id(difference))
                yield difference


def _step_spans(step: Step | None, role: Role, side: Side) -> Line:
    if step is None:
        return []
    return [
        (f"{step.position:>{_NUMBER_WIDTH}} ", "dim"),
        (_LEVEL * step.depth, "dim"),
        (short_type(described(step)), role),
        *_finding_spans(step, side),
    ]


def _one_column(pair: Pair, glyph: str, role: Role, compared: Compared) -> Line:
    """Both numbers, and the event once."""
    step = pair.b or pair.a
    if step is None:
        return []
    numbers = "".join(f"{'' if side is None else side.position:>{_NUMBER_WIDTH}}" for side in pair[1:])
    return [
        (numbers, "dim"),
        (f" {glyph} ", role),
        (_LEVEL * step.depth, "dim"),
        (short_type(described(step)), role),
        *_finding_spans(step, compared.a if pair.b is None else compared.b),
    ]


def _finding_spans(step: Step, side: Side) -> Line:
    found = side.found.get(step.position, ())
    return [(f" {GLYPHS[one.severity]} {one.code}", SEVERITY_ROLES[one.severity]) for one in found]


def _json(step: Step | None, side: Side) -> list[Line]:
    if step is None or step.serial >= len(side.events):
        return []
    try:
        return json_lines(side.events[step.serial])
    except RecursionError:
        return [[("nested too deeply to be shown", "dim")]]


def _beside(a: list[Line], b: list[Line], fields: set[str]) -> Iterator[tuple[Line, str, Line]]:
    """The lines of two objects, aligned by their keys."""
    left, right = [_text(line) for line in a], [_text(line) for line in b]
    keys_a, keys_b = [_key(text) for text in left], [_key(text) for text in right]
    for what, a1, a2, b1, b2 in SequenceMatcher(None, keys_a, keys_b, autojunk=False).get_opcodes():
        if what == "equal":
            for i, j in zip(range(a1, a2), range(b1, b2), strict=True):
                is_same = left[i].rstrip(",") == right[j].rstrip(",")
                name = keys_a[i].strip()
                yield a[i], " " if is_same else "≠" if name in fields else _ASIDE, b[j]
        else:
            yield from ((a[i], "<" if b else " ", []) for i in range(a1, a2))
            yield from (([], ">" if a else " ", b[j]) for j in range(b1, b2))


def _text(line: Line) -> str:
    return "".join(text for text, _ in line)


def _key(text: str) -> str:
    """What lines are aligned by: depth and key, or the whole line where it has no key."""
    found = _KEY.match(text)
    return found[0].rstrip(":").replace('"', "") if found else text.rstrip(",")
