"""Two streams, normalised and aligned: what is missing, extra, moved, reordered or of a different shape.

For each scope (response, item, part), the children are matched by type and order; then the scope's own events, together
with the beginnings and ends of its matched children, are aligned as two sequences. What is left over on both sides has
moved; on one side, it is missing or extra. A scope without a partner is one difference, not one for each event.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from responses_tap.errors import UnusableInput
from responses_tap.stream.model import Entry, JudgedStream
from responses_tap_viewer.compare.matching import Matched, Token, in_order, matched_children, matching, moved, tokens_of
from responses_tap_viewer.compare.outline import ScopeNode, Step, outline
from responses_tap_viewer.compare.shape import FieldDifference, differing


class DifferenceKind(StrEnum):
    """The kinds of differences."""

    MISSING = "missing"
    EXTRA = "extra"
    MOVED = "moved"
    REORDERED = "reordered"
    SHAPE = "shape"


GLYPHS = {
    DifferenceKind.MISSING: "<",
    DifferenceKind.EXTRA: ">",
    DifferenceKind.MOVED: "~",
    DifferenceKind.REORDERED: "~",
    DifferenceKind.SHAPE: "≠",
}
SAME = "="


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. Positions are the 0-based numbers of events in their response."""

    kind: DifferenceKind
    what: str
    """event, item or part: what is missing, extra, moved or reordered."""
    type: str
    """Its type; for a shape, the event types that share it, comma-separated."""
    scope: str
    """Where: the label of the scope around it."""
    a: tuple[int, ...] = ()
    """The positions in A of all events concerned; empty where A has none."""
    b: tuple[int, ...] = ()
    after: int | None = None
    """In the stream that lacks it: the position of the matched event before the gap."""
    before: int | None = None
    """…and that of the one after it."""
    detail: str = ""
    """More about the place, in words."""
    events: tuple[str, ...] = ()
    """The events of a whole item or part, runs of deltas as `type × n`."""
    fields: tuple[FieldDifference, ...] = ()
    """What is different in a shape."""


class Pair(NamedTuple):
    """One row side by side: the steps that correspond, None where a side has none."""

    glyph: str
    a: Step | None
    b: Step | None


@dataclass(slots=True)
class Comparison:
    """The differences of two streams, and their events side by side."""

    differences: list[Difference] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    """All steps of both streams, in A's order; what only B has is placed as in B."""


def compare_streams(a: JudgedStream, b: JudgedStream) -> Comparison:
    """Compare two streams; UnusableInput where one has no events."""
    for stream in (a, b):
        if all(entry.position is None for entry in stream.entries):
            raise UnusableInput(stream.name, "holds no event to compare")
    return compare(a.entries, b.entries)


def compare(a: Iterable[Entry], b: Iterable[Entry]) -> Comparison:
    """Compare two streams, given as their frames."""
    roots = outline(a), outline(b)
    aligner = _Aligner()
    aligner.scope(*roots)
    differences = sorted((*aligner.differences, *aligner.shapes()), key=_place)
    return Comparison(differences, aligner.rows(roots[0].all_steps, roots[1].all_steps))


def described(step: Step) -> str:
    """A step in words: its type, and how many deltas it folds."""
    return step.type if step.count == 1 else f"{step.type} × {step.count}"


class _Aligner:
    def __init__(self) -> None:
        self.differences: list[Difference] = []
        self._partners: dict[int, tuple[str, Step]] = {}
        """By the serial of a step of A: the glyph, and the corresponding step of B."""
        self._matched: list[tuple[Step, Step]] = []
        self._unmatched: set[str] = set()
        """The types of items and parts that one side lacks: that its snapshots lack them, too, is no news."""

    def scope(self, a: ScopeNode, b: ScopeNode) -> None:
        """Align two corresponding scopes, with everything in them."""
        pairs = matched_children(a.children, b.children)
        stable = self._reordered(a, pairs)
        self._whole(DifferenceKind.MISSING, a, [pair[0] for pair in pairs])
        self._whole(DifferenceKind.EXTRA, b, [pair[1] for pair in pairs])
        self._sequence(a, b, stable)
        for pair in pairs:
            self.scope(*pair)

    def shapes(self) -> list[Difference]:
        """The differences in shape: the same fields of the same event types are one difference."""
        places: dict[tuple[object, ...], list[tuple[FieldDifference, Step, Step]]] = defaultdict(list)
        for a, b in self._matched:
            for found in differing(a.shape, b.shape):
                if found.path[-1].strip("[]") not in self._unmatched:
                    # A field that one side lacks is one difference, whatever the other side has there.
                    key = found if found.a and found.b else (found.path, found.a is None)
                    places[key].append((found, a, b))
        groups: dict[tuple[str, ...], list[list[tuple[FieldDifference, Step, Step]]]] = defaultdict(list)
        for place in places.values():
            groups[tuple(dict.fromkeys(a.type for _, a, _ in place))].append(place)
        return [_shape_difference(types, found) for types, found in groups.items()]

    def rows(self, a: Sequence[Step], b: Sequence[Step]) -> list[Pair]:
        """Both streams side by side."""
        different = {id(x) for x, y in self._matched if any(differing(x.shape, y.shape))}
        partners = {id(partner) for _, partner in self._partners.values()}
        alone = [Pair(">", None, step) for step in b if id(step) not in partners]
        rows: list[Pair] = []
        for step in a:
            if step.serial not in self._partners:
                rows.append(Pair("<", step, None))
                continue
            glyph, partner = self._partners[step.serial]
            while glyph == SAME and alone and alone[0].b and alone[0].b.serial < partner.serial:
                rows.append(alone.pop(0))
            rows.append(Pair("≠" if glyph == SAME and id(step) in different else glyph, step, partner))
        return rows + alone

    def _reordered(self, parent: ScopeNode, pairs: Sequence[Matched]) -> list[Matched]:
        """The pairs in the same order on both sides; the others become differences."""
        stable = in_order(pairs)
        kept = {id(a) for a, _ in stable}
        for a, b in pairs:
            if id(a) not in kept:
                self._add(DifferenceKind.REORDERED, a.kind, a.type, parent, a.all_steps, b.all_steps)
        return stable

    def _whole(self, kind: DifferenceKind, parent: ScopeNode, matched: Iterable[ScopeNode]) -> None:
        """The children of one side without a partner on the other, each with everything in it."""
        known = set(map(id, matched))
        for scope in parent.children:
            if id(scope) not in known:
                steps = scope.all_steps
                sides: tuple[list[Step], list[Step]] = (steps, []) if kind is DifferenceKind.MISSING else ([], steps)
                self._unmatched.add(scope.type)
                where = _standing(scope, parent.children, parent.opener)
                events = tuple(map(described, steps))
                self._add(kind, scope.kind, scope.type, parent, *sides, detail=where, events=events)

    def _sequence(self, a: ScopeNode, b: ScopeNode, children: Sequence[Matched]) -> None:
        """Align the events of two scopes, together with the beginnings and ends of their children."""
        left, right = tokens_of(a, children, 0), tokens_of(b, children, 1)
        matches = matching([token.key for token in left], [token.key for token in right])
        for i, j in matches:
            self._match(SAME, left[i], right[j])
        in_a, in_b = [i for i, _ in matches], [j for _, j in matches]
        rest_a = sorted(set(range(len(left))).difference(in_a))
        rest_b = sorted(set(range(len(right))).difference(in_b))
        for i, j in moved(left, right, rest_a, rest_b):
            self._match(GLYPHS[DifferenceKind.MOVED], left[i], right[j])
            detail = f"{_behind(left, i)} in A, {_behind(right, j)} in B"
            self._add(DifferenceKind.MOVED, "event", left[i].label, a, [left[i].at], [right[j].at], detail=detail)
        for i in rest_a:
            self._lone(DifferenceKind.MISSING, left[i], a, right, in_b, bisect_left(in_a, i))
        for j in rest_b:
            self._lone(DifferenceKind.EXTRA, right[j], b, left, in_a, bisect_left(in_b, j))

    def _match(self, glyph: str, a: Token, b: Token) -> None:
        if not (a.bound or b.bound):
            self._partners[a.at.serial] = (glyph, b.at)
            self._matched.append((a.at, b.at))

    def _lone(
        self,
        kind: DifferenceKind,
        token: Token,
        scope: ScopeNode,
        other: Sequence[Token],
        anchors: Sequence[int],
        at: int,
    ) -> None:
        """An event that one side lacks; it belongs between the anchors `at - 1` and `at` of the other."""
        if token.bound:
            return
        after = other[anchors[at - 1]].at.position if at else None
        before = other[anchors[at]].at.position if at < len(anchors) else None
        sides: tuple[list[Step], list[Step]] = ([token.at], []) if kind is DifferenceKind.MISSING else ([], [token.at])
        self._add(kind, "event", token.at.type, scope, *sides, after=after, before=before)

    def _add(
        self,
        kind: DifferenceKind,
        what: str,
        type_: str,
        scope: ScopeNode,
        a: Sequence[Step],
        b: Sequence[Step],
        **more: Any,
    ) -> None:
        in_a, in_b = (tuple(sorted(n for step in side for n in step.positions)) for side in (a, b))
        self.differences.append(Difference(kind, what, type_, scope.label, in_a, in_b, **more))


def _shape_difference(
    types: Iterable[str], found: Sequence[Sequence[tuple[FieldDifference, Step, Step]]]
) -> Difference:
    pairs = [(a, b) for place in found for _, a, b in place]
    return Difference(
        DifferenceKind.SHAPE,
        "event",
        ", ".join(types),
        "",
        a=tuple(sorted({a.position for a, _ in pairs})),
        b=tuple(sorted({b.position for _, b in pairs})),
        fields=tuple(place[0][0] for place in found),
    )


def _behind(tokens: Sequence[Token], index: int) -> str:
    return f"after {tokens[index - 1].label}" if index else "first"


def _standing(scope: ScopeNode, siblings: Iterable[ScopeNode], opener: Step | None) -> str:
    """The place of a scope without a partner, if it is an unusual one."""
    words = []
    if opener is not None and scope.begin.serial < opener.serial:
        words.append(f"begins before {opener.type} (event {opener.position})")
    around = [s for s in siblings if s is not scope and scope.begin.serial < s.begin.serial < scope.end.last]
    if around:
        words.append(f"is still open when {around[0].short} begins (event {around[0].begin.position})")
    return " and ".join(words)


def _place(difference: Difference) -> tuple[bool, float]:
    """Order by A's positions; what A lacks, where it would be; shapes last."""
    lacked = difference.b[:1] if difference.after is None else (difference.after + 0.5,)
    return difference.kind is DifferenceKind.SHAPE, (difference.a[:1] or lacked or (0,))[0]
