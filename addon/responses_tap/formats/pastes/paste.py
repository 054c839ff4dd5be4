"""The stream in the lines of a paste: its events, or their names.

A text that only mentions events is none: most of it, or a log's lines, must be events.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from responses_tap.formats.json_events import framed, is_names
from responses_tap.formats.pastes import event_names
from responses_tap.formats.pastes.finding import Found, is_name
from responses_tap.formats.pastes.lacks import ends, gaps, is_cut_off, is_mark, lacks_of
from responses_tap.formats.pastes.pasted_line import PastedLine
from responses_tap.formats.pastes.reading import LOG, Text, read_events
from responses_tap.formats.pastes.sdk_models import event_as_sent
from responses_tap.protocol.events import parse
from responses_tap.protocol.grammar import TERMINALS
from responses_tap.protocol.profiles import Lack
from responses_tap.stream.model import Ending, Stream, TimedFrame

_SHARE = 0.5
"""The share of lines that must be events, or of events that must stand in a log's line."""
_SIGN = re.compile(r"(?:data|event|message):\s*$|(?:^|\s)[<←]\s*$")
"""What stands before an event in other texts, too."""
_SIGNED_SHARE = 0.1
_WORD = re.compile(r"\w")
_EVENT = re.compile(r"\s*event:\s*([\w.]+)\s*$")
_DATA = re.compile(r"\s*(?:data:|\{)")
_FIELD = re.compile(
    r"\s*(?:event:|id:|retry:|:|data:\s*\[DONE\]|data:\s*$|[\d.:]{1,15}(?:\s?[AP]M)?\s*$|(?:response\.[\w.]+|error|keepalive|Id|Type|Name|Data|Time|Length)\s*$)"
)
"""A line of an event stream, or a cell of a browser's table of one, that isn't an event."""


class Paste(NamedTuple):
    """A paste that is one: what it is, and its stream."""

    kind: str
    stream: Stream
    is_whole: bool = True
    """Whether all of it are events, each of which could be read to its end."""
    is_begun: bool = False
    """Whether it has the beginning of its stream."""
    is_ended: bool = False
    """Whether it has the end of its stream."""


def read(printed: list[PastedLine]) -> Paste | None:
    """The stream in these lines, None where there is none in them."""
    lines, reading = read_events(printed)
    text, found = reading.text, reading.found
    covered = {n for f in found for n in range(text.index(f.start), text.index(f.end - 1) + 1)}
    others = _others(text, covered)
    if not found or not _is_mostly(text, found, covered, others):
        return _names(event_names.find(lines), lines)
    if is_names(f.event for f in found):
        chosen = event_names.chosen((f.event, text.line(f.start)) for f in found)
        return _names(event_names.find(lines) or event_names.Listed(chosen, []), lines)
    bare = _without_data(text, covered)
    if len(bare) > len(found) and (listed := event_names.find(lines)) is not None:
        return _names(listed, lines)
    if not any(is_event(f.event) and len(f.event) > 1 for f in found):
        return _names(event_names.find(lines), lines)
    unread = sorted({*event_names.texts(line for n, line in enumerate(text.lines) if n not in covered), *bare})
    is_cut = reading.is_cut or is_cut_off(text.lines, {text.lines[n].number for n in covered})
    lacks = lacks_of(text, found)
    lacks |= {Lack.OMITTED} if reading.lost or unread else set()
    lacks |= {Lack.EXCERPT} if len(found) == 1 or is_cut else set()
    events = [(event_as_sent(f, text), text.line(f.start)) for f in found]
    stream = _imported(reading.kind, events, lacks, unread)
    types = [str(f.event["type"]) for f in found]
    return Paste(reading.kind, stream, reading.is_whole and not others, *_begun_and_ended(types))


def _names(listed: event_names.Listed | None, lines: list[PastedLine]) -> Paste | None:
    if listed is None:
        return None
    kind = "names of events"
    types = [name.event["type"] if name else None for name in listed.names]
    lacks = {Lack.NAMES} | ends(types) | gaps(types) | ({Lack.OMITTED} if listed.unread else set())
    lacks |= {Lack.EXCERPT} if is_cut_off(lines, {name.line for name in listed.names if name}) else set()
    stream = _imported(kind, [(name.event, name.line) for name in listed.names if name], lacks, listed.unread)
    return Paste(kind, stream, True, *_begun_and_ended(types))


def is_event(value: dict[str, Any]) -> bool:
    """Whether this is an event of this API, and not the body of an HTTP error, which may have `"type": "error"`."""
    type_ = value.get("type")
    if type_ == "error":
        return not {"sequence_number", "status"}.isdisjoint(value)
    return isinstance(type_, str) and type_.startswith("response.")


def _begun_and_ended(types: Iterable[str | None]) -> tuple[bool, bool]:
    return "response.created" in (known := set(types)), not TERMINALS.isdisjoint(known)


def _others(text: Text, covered: set[int]) -> set[str]:
    """The lines, however often each is there, that are neither an event nor what stands between events."""
    return {
        line.text.strip()
        for n, line in enumerate(text.lines)
        if n not in covered and _WORD.search(line.text) and not _FIELD.match(line.text) and not is_mark(line)
    }


def _without_data(text: Text, covered: set[int]) -> list[int]:
    """The numbers of the lines that name an event, of which no data follows."""
    bare: list[int] = []
    named = 0
    for n, line in enumerate(text.lines):
        name = _EVENT.match(line.text)
        if name is None and (not line.text.strip() or (n not in covered and _FIELD.match(line.text))):
            continue
        if named and not (n in covered and _DATA.match(line.text)):
            bare.append(named)
        named = line.number if name and is_name(name[1]) else 0
    return bare + [named] * bool(named)


def _is_mostly(text: Text, found: list[Found], covered: set[int], others: set[str]) -> bool:
    """Whether this is a paste of events, and no prose or program with an event in it."""
    share = len(covered) / (len(covered) + len(others))
    before = [text.before(f.start) for f in found]
    in_log = sum(bool(LOG.search(label)) for label in before)
    signed = sum(bool(_SIGN.search(label)) for label in before) if share >= _SIGNED_SHARE else 0
    return share >= _SHARE or max(in_log, signed) >= _SHARE * len(found)


def _imported(
    kind: str, events: list[tuple[dict[str, Any], int]], lacks: set[Lack], unread: Sequence[int] = ()
) -> Stream:
    frames = (TimedFrame(framed(data := json.dumps(event).encode(), parse(data)), line=line) for event, line in events)
    count = "1 event" if len(events) == 1 else f"{len(events)} events"
    ending = Ending(ended_by="unknown") if Lack.EXCERPT in lacks else Ending()
    begun = "line begins" if len(unread) == 1 else "lines begin"
    lost = f"; {len(unread)} {begun} with an event and cannot be read (line {unread[0]})" if unread else ""
    remark = f"read as {kind}, {count}{lost}; no bytes, no times"
    return Stream(frames, ending=ending, framed=False, lacks=frozenset(lacks), remark=remark)
