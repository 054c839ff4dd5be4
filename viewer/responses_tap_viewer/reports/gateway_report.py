"""What a gateway did to the responses that passed it, as text and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from responses_tap.escaping import dumps
from responses_tap_viewer.compare.compare import GLYPHS
from responses_tap_viewer.compare.gateway import Alone, Delay, GatewayDiff
from responses_tap_viewer.reports.difference import Voice, difference_object, sentence
from responses_tap_viewer.reports.json_report import VERSION
from responses_tap_viewer.reports.text import counted

_PASSING = Voice("drops {thing} ({events}{where}){rest}", "adds {thing} ({events}{where}){rest}", "A", "B")
_WORTH_NS = 1_000_000
"""Shorter delays aren't reported."""


def lines(diffs: Iterable[GatewayDiff | Alone]) -> Iterator[str]:
    """What was done to each response, in order, and how many there were."""
    joined = changed = unmatched = 0
    for found in diffs:
        if isinstance(found, Alone):
            yield f"{found.name}: only {found.side} has it"
            unmatched += 1
            continue
        joined += 1
        changed += found.changed
        yield f"{found.a} → {found.b} (joined by {found.by})"
        changes = list(_changes(found))
        yield from (f"  {line}" for line in changes or ["unchanged"])
    yield f"{counted(joined, 'response')} matched: {changed} changed, {unmatched} unmatched"


def report(names: tuple[str, str], diffs: Sequence[GatewayDiff | Alone]) -> str:
    """The same as JSON; the command's help documents its shape."""
    joined = [diff for diff in diffs if isinstance(diff, GatewayDiff)]
    alone = [diff for diff in diffs if isinstance(diff, Alone)]
    return dumps(
        {
            "version": VERSION,
            "a": names[0],
            "b": names[1],
            "same": not alone and not any(diff.changed for diff in joined),
            "passages": [_object(diff) for diff in joined],
            "only_a": [stream.name for stream in alone if stream.side == "A"],
            "only_b": [stream.name for stream in alone if stream.side == "B"],
        }
    )


def _changes(diff: GatewayDiff) -> Iterator[str]:
    for difference in diff.comparison.differences:
        yield f"{GLYPHS[difference.kind]} {sentence(difference, _PASSING)}"
    for (a, b, at), texts in groupby(diff.texts, key=lambda text: (text.a, text.b, text.at)):
        size = f"{a} characters become {b}" if a != b else f"{a} characters"
        types = ", ".join(text.type for text in texts)
        yield f"≠ changes the text of {types}: {size}, first difference at character {at}"
    if diff.rewritten:
        yield f"≠ rewrites {', '.join(diff.rewritten)}"
    for kind, (before, behind) in diff.other.items():
        verb, n = ("drops", before - behind) if before > behind else ("adds", behind - before)
        yield f"{'<' if before > behind else '>'} {verb} {n} × {kind}"
    if diff.deltas[0] != diff.deltas[1]:
        yield f"# re-splits deltas: {diff.deltas[0]} deltas become {diff.deltas[1]}"
    if all(diff.pieces) and diff.pieces[0] != diff.pieces[1]:
        yield f"# re-chunks: {counted(diff.pieces[0], 'piece')} became {diff.pieces[1]}"
    if diff.delay is not None and diff.delay.most >= _WORTH_NS:
        yield f"# delays {_delayed(diff.delay)}"
    if not diff.identical and not diff.changed and diff.deltas[0] == diff.deltas[1]:
        yield "# sends the same events as different bytes"


def _delayed(delay: Delay) -> str:
    worst = f"{delay.type} (event {delay.position})"
    first = " and ".join(f"{ns / 1e9:.3f} s in {side}" for ns, side in zip(delay.first, "AB", strict=True))
    return (
        f"by up to {delay.most / 1e6:.0f} ms at {worst}, {delay.median / 1e6:.0f} ms in the median, beyond its"
        f" quickest event; the first event came {first} after its request"
    )


def _object(diff: GatewayDiff) -> dict[str, Any]:
    return {
        "a": diff.a,
        "b": diff.b,
        "joined_by": diff.by,
        "changed": diff.changed,
        "identical": diff.identical,
        "differences": [difference_object(difference) for difference in diff.comparison.differences],
        "texts": [text._asdict() for text in diff.texts],
        "rewritten": list(diff.rewritten),
        "other_frames": {kind: list(counts) for kind, counts in diff.other.items()},
        "deltas": list(diff.deltas),
        "pieces": list(diff.pieces),
        "delay": None if diff.delay is None else _delay_object(diff.delay),
    }


def _delay_object(delay: Delay) -> dict[str, Any]:
    return {
        "median_ns": delay.median,
        "most_ns": delay.most,
        "type": delay.type,
        "position": delay.position,
        "first_ns": list(delay.first),
    }
