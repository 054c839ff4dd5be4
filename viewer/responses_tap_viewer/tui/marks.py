"""Which fields of an event its findings are about: what the detail pane points at."""

import re
from collections.abc import Iterator, Sequence

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Finding
from responses_tap.stream.timeline import GLYPHS
from responses_tap_viewer.tui.json_lines import Path

_PATH = re.compile(r"[a-z_]+(?:\[\d+\])?(?:\.[a-z_]+(?:\[\d+\])?)*")
_STEP = re.compile(r"[a-z_]+|\d+")
_LACKS = re.compile(r" lacks ([\w, ]+)")
_NOTHING = object()
_OBJECTS = ("item", "part", "response")
"""The objects that events carry; a message may leave their names out."""
_ABOUT: dict[str, Sequence[Path]] = {
    "AG601": [("text",), ("refusal",)],
    "AG602": [("part", "text"), ("part", "refusal")],
    "AG604": [("arguments",), ("input",), ("code",)],
    "AG606": [("response", "output")],
    "AG607": [("response", "output")],
    "AG608": [("arguments",), ("item", "arguments")],
    "AG609": [("part", "annotations"), ("item", "content")],
    "AG610": [("item",)],
    "AG611": [("response", "usage")],
    "ID502": [("item", "id")],
    "ID509": [("response", "output"), ("item", "id")],
    "NS205": [("part", "type")],
    "NS206": [("part", "type")],
    "SC805": [("item",)],
    "SC808": [("item", "type")],
    "SC809": [("error",)],
}
"""The fields that rules are about whose messages do not name them in full."""
_WHOLE: Path = ("type",)
"""Where an event is pointed at that is wrong as a whole."""


def marks(event: Event, about: Sequence[Finding]) -> dict[Path, str]:
    """The event's fields that a finding about it names, or that are not as its type demands, and what to say there."""
    found: dict[Path, str] = {(problem.field,): f"{problem.have}, not {problem.want}" for problem in event.problems}
    for finding in about:
        head = f"{GLYPHS[finding.severity]} {finding.code}"
        places: dict[Path, str] = dict.fromkeys(_named(event, finding.message), head)
        if not places:
            places = {path: head for path in _ABOUT.get(finding.code, ()) if _exists(event.data, path)}
        if lacks := _LACKS.search(finding.message):
            lacking = [name for name in _OBJECTS if name in event.data] or _WHOLE
            places |= {(name,): f"{head} lacks {lacks[1]}" for name in lacking}
        for path, words in (places or {_WHOLE: head}).items():
            found[path] = f"{found[path]}, {words}" if path in found and words not in found[path] else words
    return found


def _named(event: Event, message: str) -> Iterator[Path]:
    """The fields that a message names by their path, or by a name that is no word of the language."""
    for match in _PATH.finditer(message):
        path: Path = tuple(int(step) if step.isdecimal() else step for step in _STEP.findall(match[0]))
        if len(path) > 1 or "_" in match[0]:
            roots: list[Path] = [(), *((name,) for name in _OBJECTS)]
            yield from (root + path for root in roots if _exists(event.data, root + path))


def _exists(value: object, path: Path) -> bool:
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, _NOTHING)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return False
    return value is not _NOTHING
