"""The fields of an event that its findings are about: what the detail pane points at."""

import re
from collections.abc import Iterator, Sequence

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Finding
from responses_tap.stream.timeline import GLYPHS
from responses_tap_viewer.tui.json_lines import JsonPath

_STEP = re.compile(r"\w+")
_NOTHING = object()
_WHOLE: JsonPath = ("type",)
"""Where an event is pointed at that is wrong as a whole, or that lacks a field."""


def marks(event: Event, about: Sequence[Finding]) -> dict[JsonPath, str]:
    """The event's fields that a finding is about, or that are not as its type demands, and what to say there.

    A field that is missing is named at the innermost object that should have it.
    """
    found: dict[JsonPath, str] = {(problem.field,): f"{problem.have}, not {problem.want}" for problem in event.problems}
    for finding in about:
        head = f"{GLYPHS[finding.severity]} {finding.code}"
        for path, lacking in _places(event, finding.fields).items():
            words = f"{head} lacks {', '.join(lacking)}" if lacking else head
            found[path] = f"{found[path]}, {words}" if path in found and words not in found[path] else words
    return found


def _places(event: Event, fields: Sequence[str]) -> dict[JsonPath, list[str]]:
    """Where to point for these fields, each place with the names of those that are missing there."""
    places: dict[JsonPath, list[str]] = {}
    for field in fields:
        steps = list(_steps(field))
        depth = _depth(event.data, steps)
        lacking = places.setdefault(tuple(steps[:depth]) or _WHOLE, [])
        if depth < len(steps):
            lacking.append(".".join(map(str, steps[depth:])))
    return places or {_WHOLE: []}


def _steps(field: str) -> Iterator[str | int]:
    for step in _STEP.findall(field):
        yield int(step) if step.isdecimal() else step


def _depth(value: object, steps: Sequence[str | int]) -> int:
    """How many of the steps lead to something that is there."""
    for depth, step in enumerate(steps):
        if isinstance(value, dict):
            value = value.get(step, _NOTHING)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return depth
        if value is _NOTHING:
            return depth
    return len(steps)
