"""What a gateway did to the answers that passed it: as lines to read, and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from responses_tap_viewer.compare.compare import GLYPHS
from responses_tap_viewer.compare.gateway import Alone, Delay, Passage
from responses_tap_viewer.reports.difference import Voice, difference_object, sentence
from responses_tap_viewer.reports.json_report import VERSION, dumps
from responses_tap_viewer.reports.text import counted

_PASSING = Voice("drops {thing} ({events}{where}){rest}", "adds {thing} ({events}{where}){rest}", "A", "B")
_WORTH_NS = 1_000_000
"""A shorter delay is not told."""


def lines(passages: Iterable[Passage | Alone]) -> Iterator[str]:
    """What was done to each answer, as it is found, and how many there were."""
    joined = changed = 0
    for found in passages:
        if isinstance(found, Alone):
            yield f"{found.name}: only {found.side} has it"
            changed += 1
            continue
        joined += 1
        changed += found.changed
        yield f"{found.a} → {found.b} (joined by {found.by})"
        told = list(_told(found))
        yield from (f"  {line}" for line in told or ["passes it as it is"])
    yield f"{counted(joined, 'answer')} on both sides, {changed} changed or on one side only"


def report(names: tuple[str, str], passages: Sequence[Passage | Alone]) -> str:
    """The same as JSON; the command's help documents its shape."""
    joined = [passage for passage in passages if isinstance(passage, Passage)]
    alone = [passage for passage in passages if isinstance(passage, Alone)]
    return dumps(
        {
            "version": VERSION,
            "a": names[0],
            "b": names[1],
            "same": not alone and not any(passage.changed for passage in joined),
            "passages": [_object(passage) for passage in joined],
            "only_a": [stream.name for stream in alone if stream.side == "A"],
            "only_b": [stream.name for stream in alone if stream.side == "B"],
        }
    )


def _told(passage: Passage) -> Iterator[str]:
    for difference in passage.comparison.differences:
        yield f"{GLYPHS[difference.kind]} {sentence(difference, _PASSING)}"
    for text in passage.texts:
        size = f"{text.a} characters become {text.b}" if text.a != text.b else f"{text.a} characters"
        yield f"≠ changes the text of {text.type}: {size}, others from character {text.at} on"
    if passage.rewritten:
        yield f"≠ rewrites {', '.join(passage.rewritten)}"
    for kind, (before, behind) in passage.other.items():
        verb, n = ("drops", before - behind) if before > behind else ("adds", behind - before)
        yield f"{'<' if before > behind else '>'} {verb} {n} × {kind}"
    if passage.deltas[0] != passage.deltas[1]:
        yield f"# splits texts otherwise: {passage.deltas[0]} deltas become {passage.deltas[1]}"
    if all(passage.pieces) and passage.pieces[0] != passage.pieces[1]:
        yield f"# re-chunks: {counted(passage.pieces[0], 'piece')} became {passage.pieces[1]}"
    if passage.delay is not None and passage.delay.most >= _WORTH_NS:
        yield f"# delays {_delayed(passage.delay)}"
    if not passage.identical and not passage.changed and passage.deltas[0] == passage.deltas[1]:
        yield "# writes the same events in other bytes"


def _delayed(delay: Delay) -> str:
    worst = f"{delay.type} (event {delay.position})"
    first = " and ".join(f"{ns / 1e9:.3f} s in {side}" for ns, side in zip(delay.first, "AB", strict=True))
    return (
        f"by up to {delay.most / 1e6:.0f} ms at {worst}, {delay.median / 1e6:.0f} ms in the median, beyond its"
        f" quickest event; the first event came {first} after its request"
    )


def _object(passage: Passage) -> dict[str, Any]:
    return {
        "a": passage.a,
        "b": passage.b,
        "joined_by": passage.by,
        "changed": passage.changed,
        "identical": passage.identical,
        "differences": [difference_object(difference) for difference in passage.comparison.differences],
        "texts": [text._asdict() for text in passage.texts],
        "rewritten": list(passage.rewritten),
        "other_frames": {kind: list(counts) for kind, counts in passage.other.items()},
        "deltas": list(passage.deltas),
        "pieces": list(passage.pieces),
        "delay": None if passage.delay is None else _delay_object(passage.delay),
    }


def _delay_object(delay: Delay) -> dict[str, Any]:
    return {
        "median_ns": delay.median,
        "most_ns": delay.most,
        "type": delay.type,
        "position": delay.position,
        "first_ns": list(delay.first),
    }
