"""The differences of two streams: as text, side by side, and as JSON."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from responses_tap.escaping import dumps, printable, shorten
from responses_tap_viewer.compare.compare import GLYPHS, Comparison, Difference, DifferenceKind, described
from responses_tap_viewer.compare.outline import Step
from responses_tap_viewer.compare.shape import FieldDifference
from responses_tap_viewer.reports.json_report import VERSION

_FIELDS = 6
"""How many fields of a shape are named; the rest is counted."""
_EVENTS = 8
"""How many events of a whole item are named; the rest is counted."""
_RANGES = 4
"""How many runs of positions are named; the rest is counted."""


class Voice(NamedTuple):
    """How differences are worded."""

    missing: str
    """A template: {thing}, its {events}, {where} it would be in the other or {its} place there, and the {rest}."""
    extra: str
    a: str
    """What A is called."""
    b: str


NEUTRAL = Voice("only in A: {thing} ({events}{where}){rest}", "only in B: {thing} ({events}{where}){rest}", "A", "B")


def _judging(right: str) -> Voice:
    """For A, sent by `right`, as the correct stream, and B from a server being fixed."""
    return Voice(
        f"{right} sends {{thing}} here ({{events}}); this server does not{{its}}{{rest}}",
        f"this server sends {{thing}} ({{events}}); {right} does not{{its}}{{rest}}",
        right,
        "this server",
    )


def lines(comparison: Comparison, names: tuple[str, str], *, right: str | None = None) -> Iterator[str]:
    """What A and B are, and a line a difference; `right` names the sender of A, if A is the correct one."""
    yield f"A: {names[0]}{'' if right is None else ' (reference)'}"
    yield f"B: {names[1]}{'' if right is None else ' (this server)'}"
    for difference in comparison.differences:
        yield in_words(difference, right)
    count = len(comparison.differences)
    yield f"{count} difference{'' if count == 1 else 's'}" if count else "no difference"


def in_words(difference: Difference, right: str | None = None) -> str:
    """A difference in a line, safe to print; `right` names the sender of A, if A is the correct one."""
    words = sentence(difference, NEUTRAL if right is None else _judging(right))
    return printable(f"{GLYPHS[difference.kind]} {words}")


def side_by_side(comparison: Comparison, names: tuple[str, str], width: int) -> Iterator[str]:
    """Two columns of aligned events, `width` wide in all; = same, < > in one only, ≠ different shape, ~ moved."""
    column = max((width - 3) // 2, 8)
    yield _columns(shorten(names[0], column), " ", shorten(names[1], column), column)
    for pair in comparison.pairs:
        yield _columns(_cell(pair.a, column), pair.glyph, _cell(pair.b, column), column)


def report(comparison: Comparison, names: tuple[str, str]) -> str:
    """The differences as JSON; the command's help documents its shape."""
    return dumps(
        {
            "version": VERSION,
            "a": names[0],
            "b": names[1],
            "same": not comparison.differences,
            "differences": [difference_object(difference) for difference in comparison.differences],
        }
    )


def difference_object(difference: Difference) -> dict[str, Any]:
    """A difference as JSON."""
    return {
        "kind": str(difference.kind),
        "what": difference.what,
        "type": difference.type,
        "scope": difference.scope,
        "a": list(difference.a),
        "b": list(difference.b),
        "after": difference.after,
        "before": difference.before,
        "detail": difference.detail,
        "events": list(difference.events),
        "fields": [{"field": f.name, "a": f.a, "b": f.b} for f in difference.fields],
    }


def sentence(difference: Difference, voice: Voice) -> str:
    """A difference in words."""
    if difference.kind not in (DifferenceKind.MISSING, DifferenceKind.EXTRA):
        return _both(difference, voice.a, voice.b)
    words, other = (voice.missing, "B") if difference.kind is DifferenceKind.MISSING else (voice.extra, "A")
    where, its = _place(difference, f"{other}'s"), _place(difference, "its")
    return words.format(
        thing=_thing(difference),
        events=_all_of(difference),
        where=f"; {where}" if where else "",
        its=f" ({its})" if its else "",
        rest=_rest(difference),
    )


def _both(difference: Difference, a: str, b: str) -> str:
    places = f"(A {_ranges(difference.a)}; B {_ranges(difference.b)})"
    if difference.kind is DifferenceKind.SHAPE:
        return f"{difference.type} {places}: {_fields(difference.fields, a, b)}"
    what = f"{difference.type or 'untyped'} {difference.what}"
    if difference.kind is DifferenceKind.REORDERED:
        return f"{what} of the {difference.scope} is in a different order among its siblings {places}"
    return f"{difference.type} is at a different place in the {difference.scope} {places}: {difference.detail}"


def _thing(difference: Difference) -> str:
    if difference.what == "event":
        return difference.type
    within = "" if difference.scope == "response" else f" in the {difference.scope}"
    article = "an" if difference.type[:1] in "aeiou" else "a"
    return f"{article} {difference.type or 'untyped'} {difference.what}{within}"


def _all_of(difference: Difference) -> str:
    """The positions of what only one side has; for a whole item or part, its events, too."""
    events = [event.removeprefix("response.") for event in difference.events]
    more = f" and {len(events) - _EVENTS} more" if len(events) > _EVENTS else ""
    listed = f": {', '.join(events[:_EVENTS])}{more}" if events else ""
    return _events(difference.a or difference.b) + listed


def _place(difference: Difference, whose: str) -> str:
    """Where the side that lacks an event would have it; empty for an item or a part."""
    if difference.what != "event":
        return ""
    if difference.before is not None:
        return f"before {whose} event {difference.before}"
    return f"after {whose} event {difference.after}" if difference.after is not None else "no event there"


def _rest(difference: Difference) -> str:
    """The scope of an event, and what is unusual about the place of an item or a part."""
    if difference.what == "event":
        return f"  [{difference.scope}]"
    return f"; it {difference.detail}" if difference.detail else ""


def _fields(fields: Sequence[FieldDifference], a: str, b: str) -> str:
    lacks = [f.name for f in fields if f.b is None]
    extra = [f.name for f in fields if f.a is None]
    other = [f"{f.name}: {a} has {f.a}, {b} {f.b}" for f in fields if f.a is not None and f.b is not None]
    words = [f"{who} {_named(names)}" for who, names in ((f"{b} lacks", lacks), (f"only {b} has", extra)) if names]
    return "; ".join([*words, *other])


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FIELDS} more" if len(names) > _FIELDS else ""
    return ", ".join(shorten(name) for name in names[:_FIELDS]) + more


def _events(positions: Sequence[int]) -> str:
    return f"event{'' if len(positions) == 1 else 's'} {_ranges(positions)}"


def _ranges(positions: Sequence[int]) -> str:
    """`2–4, 9, 11`."""
    ordered = sorted(set(positions))
    starts = [ordered[0], *(y for x, y in pairwise(ordered) if y != x + 1)]
    ends = [*(x for x, y in pairwise(ordered) if y != x + 1), ordered[-1]]
    shown = [str(s) if s == e else f"{s}–{e}" for s, e in zip(starts, ends, strict=True)]
    return ", ".join(shown[:_RANGES]) + (", …" if len(shown) > _RANGES else "")


def _cell(step: Step | None, column: int) -> str:
    if step is None:
        return ""
    return shorten(f"{step.position:>4} {'  ' * step.depth}{described(step).removeprefix('response.')}", column)


def _columns(left: str, glyph: str, right: str, column: int) -> str:
    return f"{left:<{column}} {glyph} {right}".rstrip()
