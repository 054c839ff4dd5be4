"""The shapes of a recording's streams, as text and as JSON."""

from collections.abc import Iterator, Sequence

from responses_tap.escaping import dumps, printable
from responses_tap_viewer.compare.shape_groups import ShapeGroup
from responses_tap_viewer.reports.json_report import VERSION
from responses_tap_viewer.reports.text import counted

_TYPES = 12
"""How many event types of the largest group are named; the rest is counted."""


def lines(groups: Sequence[ShapeGroup], bare: int) -> Iterator[str]:
    """A line a group: how many streams, an example, how they ended, and the first event that differs."""
    for group in groups:
        states = ", ".join(f"{n} {state}" for state, n in sorted(group.states.items()))
        yield f"{len(group.ids):>6} ×  #{group.ids[0]:<6} {states}: {_difference(group)}"
    streams = sum(len(group.ids) for group in groups)
    without = f", {bare} without events" if bare else ""
    yield f"{counted(streams, 'stream')} of {counted(len(groups), 'shape')}{without}"


def _difference(group: ShapeGroup) -> str:
    if group.like is None:
        types = [printable(type_).removeprefix("response.") for type_ in group.types]
        more = f" and {len(types) - _TYPES} more" if len(types) > _TYPES else ""
        return f"{', '.join(types[:_TYPES])}{more}"
    has, there = (printable(type_) if type_ else "the end" for type_ in (group.has, group.there))
    return f"as #{group.like} up to event {group.at}: {has} where that has {there}"


def report(recording: str, groups: Sequence[ShapeGroup], bare: int) -> str:
    """The same as JSON; the command's help documents its shape."""
    return dumps(
        {
            "version": VERSION,
            "recording": recording,
            "without_events": bare,
            "groups": [
                {
                    "shape": group.shape,
                    "count": len(group.ids),
                    "ids": list(group.ids),
                    "states": group.states,
                    "types": list(group.types),
                    "like": group.like,
                    "at": None if group.like is None else group.at,
                    "has": group.has,
                    "there": group.there,
                }
                for group in groups
            ],
        }
    )
