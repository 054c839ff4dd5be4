"""What people paste into a bug report: the events of a stream, in whatever form a program printed them.

This reader is asked last, for a file that is of no other format. It takes off what stands around the events
(unwrapping.py), finds each in its line or run of lines (finding.py, literals.py), or takes a list of names
(names.py). A text that only mentions events is none: most of it, or a log's lines, must be events.
"""

import bisect
import itertools
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from responses_tap.formats.json_events import framed
from responses_tap.formats.pastes import names, refusals
from responses_tap.formats.pastes.finding import Found, find, find_fields
from responses_tap.formats.pastes.unwrapping import Line, unwrap
from responses_tap.protocol.events import parse
from responses_tap.protocol.grammar import LIFECYCLE, TERMINALS
from responses_tap.protocol.profiles import Lack
from responses_tap.stream.model import Ending, Stream, TimedFrame

__all__ = ["LARGEST", "Paste", "is_shortened", "read", "refusals"]

LARGEST = 64 << 20
"""Bytes: a paste is read as a whole, into several times its size."""
_SHARE = 0.5
"""The share of lines that must be events, or of events that must stand in a log's line."""
_MARK = r"(?:\.{3,}|…|[\[<(](?:snip|truncated|omitted|\.{3}|…)[^\n]{0,40}[\]>)])"
_LONGEST_MARK = 200
_CUT_LINE = re.compile(rf"\s*(?:#|//|:)?\s*{_MARK}(?:\s*\(?\+?\d+[^\n]{{0,40}})?\s*", re.IGNORECASE)
_MARK_BYTES = rb"(?:\.{3,}|\xe2\x80\xa6|[\[<(](?:snip|truncated|omitted|\.{3}|\xe2\x80\xa6)[^\n\])>]{0,40}[\])>])"
_CUT_DATA = re.compile(
    rb"^data:[^\n]*(?:[{\[,:][ \t]{0,9}(?:%b|/\*)[^\n]*|%b[\"'\]}) \t\r]*)$" % (_MARK_BYTES, _MARK_BYTES), re.MULTILINE
)
_CUT_BODY = re.compile(rb"^[ \t]{0,40}%b(?:[ \t]{0,9}\(?\+?\d[^\n]{0,40})?[ \t\r]{0,40}$" % _MARK_BYTES, re.MULTILINE)
_LOG = re.compile(r"\d\d:\d\d|\b(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR)\b")
"""What stands before an event in a log's line."""
_SIGN = re.compile(r"(?:data|event|message):\s*$|(?:^|\s)[<←]\s*$")
"""What does so in other texts, too."""
_SIGNED_SHARE = 0.1
_ENDS = {"response.created", *TERMINALS, "response.done", "error"}
_TIMES = ("created_at", "completed_at")
_FIELD = re.compile(
    r"\s*(?:event:|id:|retry:|:|data:\s*\[DONE\]|data:\s*$|[\d.:]{1,15}(?:\s?[AP]M)?\s*$|(?:response\.[\w.]+|error|keepalive)\s*$)"
)
"""A line of an event stream, or a cell of a browser's table of one, that is no event."""


class Paste(NamedTuple):
    """A paste that is one: what it is, and its stream."""

    kind: str
    stream: Stream


def is_shortened(head: bytes) -> bool:
    """Whether somebody has left something out of an event stream that begins so."""
    return _CUT_BODY.search(head) is not None or any(
        (event := parse(match[0].removeprefix(b"data:").strip())).fault is not None and event.fault.kind == "not-json"
        for match in _CUT_DATA.finditer(head)
    )


def read(content: bytes) -> Paste | None:
    """The stream in a paste, None where there is none in it."""
    lines, named = unwrap(content)
    text = _Text(lines)
    found = list(find(text.all)) or list(find_fields(text.all))
    if found and any(str(f.event["type"]).startswith("response.") for f in found) and _is_mostly(text, found):
        kind = _kind(named, text, found)
        events = [(_as_sent(f, text.all), text.line(f.start)) for f in found]
        return Paste(kind, _imported(kind, events, _lacks(text, found)))
    if (listed := names.find(lines)) is not None:
        kind = "names of events"
        types = [n.event["type"] if n else None for n in listed]
        lacks = {Lack.NAMES} | _ends(types) | _gaps(types)
        return Paste(kind, _imported(kind, [(n.event, n.line) for n in listed if n], lacks))
    return None


class _Text:
    """The lines as one text, and the line of the file for a place in it."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self.all = "\n".join(line.text for line in lines)
        self._starts = list(itertools.accumulate((len(line.text) + 1 for line in lines), initial=0))

    def index(self, at: int) -> int:
        """Which line it is, from 0."""
        return bisect.bisect_right(self._starts, at) - 1

    def line(self, at: int) -> int:
        """The number of the line in the file."""
        return self.lines[self.index(at)].number

    def before(self, at: int) -> str:
        """What stands before this place in its line, the end of it."""
        return self.all[max(self._starts[self.index(at)], at - 200) : at]


def _is_cut(line: Line) -> bool:
    """Whether a line says that something was left out."""
    return len(line.text) <= _LONGEST_MARK and _CUT_LINE.fullmatch(line.text) is not None


def _is_mostly(text: _Text, found: list[Found]) -> bool:
    """Whether this is a paste of events, and no prose or program with an event in it."""
    covered = {n for f in found for n in range(text.index(f.start), text.index(f.end - 1) + 1)}
    others = sum(
        n not in covered and bool(line.text.strip()) and not _FIELD.match(line.text) and not _is_cut(line)
        for n, line in enumerate(text.lines)
    )
    share = len(covered) / (len(covered) + others)
    before = [text.before(f.start) for f in found]
    in_log = sum(bool(_LOG.search(label)) for label in before)
    signed = sum(bool(_SIGN.search(label)) for label in before) if share >= _SIGNED_SHARE else 0
    return share >= _SHARE or max(in_log, signed) >= _SHARE * len(found)


def _lacks(text: _Text, found: list[Found]) -> set[Lack]:
    """What the paste does not show."""
    types = [str(f.event["type"]) for f in found]
    lacks = {
        Lack.SNAPSHOTS if type_ in LIFECYCLE else Lack.SHORTENED
        for f, type_ in zip(found, types, strict=True)
        if f.shortened
    }
    sequence: list[str | None] = []
    cuts = [n for n, line in enumerate(text.lines) if _is_cut(line)]
    for f, type_ in zip(found, types, strict=True):
        while cuts and cuts[0] < text.index(f.start):
            cuts.pop(0)
            sequence.append(None)
        while cuts and cuts[0] <= text.index(f.end - 1):  # within an event
            cuts.pop(0)
        sequence.append(type_)
    lacks -= {Lack.SNAPSHOTS} if Lack.SHORTENED in lacks else set()
    return lacks | _ends(types) | _gaps(sequence + [None] * bool(cuts))


def _ends(types: Sequence[str | None]) -> set[Lack]:
    """Whether both ends of the stream may lie outside of the paste."""
    return set() if _ENDS.intersection(types) else {Lack.EXCERPT}


def _gaps(types: list[str | None]) -> set[Lack]:
    """What was left out where a mark (None) stands between events: between two deltas, nothing but deltas."""
    lacks = set()
    for n, type_ in enumerate(types):
        if type_ is None:
            before = next((t for t in reversed(types[:n]) if t), "")
            after = next((t for t in types[n:] if t), None)
            lacks.add(Lack.DELTAS if before == after and before.endswith(".delta") else Lack.OMITTED)
    return lacks


def _kind(named: str, text: _Text, found: list[Found]) -> str:
    syntax = frozenset[str]().union(*(f.syntax for f in found))
    labels = sum(bool(_LOG.search(text.before(f.start))) for f in found)
    if "text" in syntax:
        kind = "objects that hold the data as text"
    elif "call" in syntax:
        kind = "Python repr of SDK events"
    elif "python" in syntax:
        kind = "Python dicts"
    elif "js" in syntax:
        kind = "objects as node prints them"
    elif "literal" in syntax:
        kind = "Python repr of lines"
    elif named == "" and any("data:" in text.before(f.start) for f in found):
        kind = "an event stream with other text around it"
    elif named == "" and labels * 2 > len(found):
        kind = "events in log lines"
    else:
        kind = named or "JSON objects"
    return f"{kind} in {named}" if named and named != kind else kind


def _as_sent(found: Found, text: str) -> dict[str, Any]:
    """The event without what the SDK's models add: None for what did not come, floats for the times of a response."""
    event, is_python = found.event, bool(found.syntax & {"call", "python"})
    if is_python:
        event = {key: _without_none(value, keep=key == "response") for key, value in event.items() if value is not None}
    response = event.get("response")
    if not isinstance(response, dict) or not (is_python or "\n" in text[found.start : found.end]):
        return event
    times = {key: int(value) for key in _TIMES if isinstance(value := response.get(key), float) and value.is_integer()}
    return {**event, "response": {**response, **times}} if times else event


def _without_none(value: Any, *, keep: bool = False) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, list):
        return [_without_none(inner) for inner in value]
    if isinstance(value, dict):  # a response must have some fields even where they are null
        return {key: _without_none(inner) for key, inner in value.items() if keep or inner is not None}
    return value


def _imported(kind: str, events: list[tuple[dict[str, Any], int]], lacks: set[Lack]) -> Stream:
    frames = (TimedFrame(framed(data := json.dumps(event).encode(), parse(data)), line=line) for event, line in events)
    count = "1 event" if len(events) == 1 else f"{len(events)} events"
    ending = Ending(ended_by="unknown") if Lack.EXCERPT in lacks else Ending()
    remark = f"read as {kind}, {count}; no bytes, no times"
    return Stream(frames, ending=ending, framed=False, lacks=frozenset(lacks), remark=remark)
