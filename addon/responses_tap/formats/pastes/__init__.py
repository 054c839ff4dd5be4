"""What people paste into a bug report: the events of a stream, in whatever form a program printed them.

This reader is asked last, for a file that is of no other format. It takes off what stands around the events
(unwrapping.py), finds each in its line or run of lines (finding.py, literals.py), or takes a list of names
(event_names.py). A text that only mentions events is none: most of it, or a log's lines, must be events.
"""

import bisect
import itertools
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from responses_tap.formats.json_events import as_sent, framed, is_dumped, is_names
from responses_tap.formats.pastes import event_names, refusals, separate
from responses_tap.formats.pastes.finding import TYPE, Found, find, find_fields
from responses_tap.formats.pastes.pasted_line import PastedLine
from responses_tap.formats.pastes.unwrapping import lines_of, unwrap
from responses_tap.formats.pastes.wrapping import is_wrapped, wraps
from responses_tap.formats.shortening import MARK, WORDS, has_marks
from responses_tap.protocol.events import parse
from responses_tap.protocol.grammar import LIFECYCLE, TERMINALS
from responses_tap.protocol.profiles import Lack
from responses_tap.stream.model import Ending, Stream, TimedFrame

__all__ = ["LARGEST", "Paste", "is_altered", "read", "read_all", "refusals", "separate"]

LARGEST = 64 << 20
"""Bytes: a paste is read as a whole, into several times its size."""
_SHARE = 0.5
"""The share of lines that must be events, or of events that must stand in a log's line."""
_LONGEST_MARK = 200
_OWN_LINE = (
    rf"[ \t]{{0,40}}(?:(?:#|//|:)?[ \t]{{0,9}}{MARK}|[-*=]{{1,9}}[ \t]?{WORDS}|etc\.)[ \t]{{0,9}}"
    r"(?:[(\[+\d][^\n]{0,40}|[-*=]{1,9}|(?:and so on|more|truncated|snip)\W{0,9})?[ \t\r]{0,40}"
)
_CUT_LINE = re.compile(_OWN_LINE, re.IGNORECASE)
_CUT_DATA = re.compile(
    rb"^data:[^\n]*(?:[{\[,:][ \t]{0,9}(?:%b|/\*)[^\n]*|(?:%b[ \t]?){1,3}[\"'\]}) \t\r]*)$"
    % (MARK.encode(), MARK.encode()),
    re.MULTILINE,
)
_CUT_BODY = re.compile(rb"^%b$" % _OWN_LINE.encode(), re.MULTILINE | re.IGNORECASE)
_PAGES = re.compile(
    rb"^data:[ \t]*\{(?:&(?:amp;)?(?:quot|#34);|\xe2\x80[\x9c-\x9f])|^(?:data: ?\{.*\}|event: ?[\w.]+)\$$", re.MULTILINE
)
"""Data as web pages, typographers and `cat -A` show them."""
_LOG = re.compile(r"\d\d:\d\d|\b(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR)\b")
"""What stands before an event in a log's line."""
_SIGN = re.compile(r"(?:data|event|message):\s*$|(?:^|\s)[<←]\s*$")
"""What does so in other texts, too."""
_SIGNED_SHARE = 0.1
_LEAST_REVERSED = 3
_MOSTLY = 0.8
_WORD = re.compile(r"\w")
_ENDS = {"response.created", *TERMINALS, "response.done", "error"}
_SSE = re.compile(r"data:\s*\{")
"""The bytes of a server, in which each float is its own."""
_FIELD = re.compile(
    r"\s*(?:event:|id:|retry:|:|data:\s*\[DONE\]|data:\s*$|[\d.:]{1,15}(?:\s?[AP]M)?\s*$|(?:response\.[\w.]+|error|keepalive|Id|Type|Name|Data|Time|Length)\s*$)"
)
"""A line of an event stream, or a cell of a browser's table of one, that is no event."""


_LANGUAGES = {
    "rust": "values as Rust prints them",
    "php": "arrays as PHP prints them",
    "go": "values as Go prints them",
    "call": "Python repr of SDK events",
    "python": "Python dicts",
    "ruby": "objects as Ruby prints them",
    "js": "objects as node prints them",
}
"""What a paste is by the syntax of its objects; the first that is there."""


class Paste(NamedTuple):
    """A paste that is one: what it is, and its stream."""

    kind: str
    stream: Stream
    is_whole: bool = True
    """Whether all of it are events, each of which could be read to its end."""
    is_begun: bool = False
    """Whether it has the beginning of its stream."""


def is_altered(head: bytes) -> bool:
    """Whether an event stream that begins so was changed on its way here: shortened, wrapped, escaped for a page.

    Or whether it is several, with other text between them.
    """
    if len(separate.parts(head)) > 1:
        return True
    if _PAGES.search(head) is not None or has_marks(head.decode(errors="replace")):
        return True
    return _is_shortened(head) or is_wrapped(head.decode(errors="replace").splitlines()[:-1])


def _is_shortened(head: bytes) -> bool:
    return _CUT_BODY.search(head) is not None or any(
        (event := parse(match[0].removeprefix(b"data:").strip())).flaw is not None and event.flaw.kind == "not-json"
        for match in _CUT_DATA.finditer(head)
    )


def read_all(content: bytes) -> list[Paste]:
    """The streams in a paste: several where other text stands between the end of one and the beginning of the next."""
    found = [paste for part in separate.parts(content) if (paste := read(part)) is not None]
    if len(found) > 1 and all(paste.is_begun for paste in found):
        return found
    return [paste] if (paste := read(content)) is not None else []


def read(content: bytes) -> Paste | None:
    """The stream in a paste, None where there is none in it."""
    printed = lines_of(content)
    reading = first = _reading(*unwrap(printed))
    if not reading.found or not reading.is_whole or reading.broken:
        reading = _rejoined(printed, reading)
    text, found = reading.text, reading.found
    covered = {n for f in found for n in range(text.index(f.start), text.index(f.end - 1) + 1)}
    others = _others(text, covered)
    types = [str(f.event["type"]) for f in found]
    is_ours = any(type_.startswith("response.") and len(f.event) > 1 for type_, f in zip(types, found, strict=True))
    if is_names(f.event for f in found) and _is_mostly(text, found, covered, others):
        chosen = event_names.chosen((f.event, text.line(f.start)) for f in found)
        return _names(event_names.find(first.text.lines) or event_names.Listed(chosen, []))
    if is_ours and _is_mostly(text, found, covered, others):
        events = [(_as_sent(f, text), text.line(f.start)) for f in found]
        unread = event_names.texts(line for n, line in enumerate(text.lines) if n not in covered)
        lacks = _lacks(text, found) | ({Lack.OMITTED} if reading.lost or unread else set())
        stream = _imported(reading.kind, events, lacks, unread)
        return Paste(reading.kind, stream, reading.is_whole and not others, is_begun="response.created" in types)
    listed = event_names.find(first.text.lines)
    return None if listed is None else _names(listed)


def _names(listed: event_names.Listed) -> Paste:
    kind = "names of events"
    types = [name.event["type"] if name else None for name in listed.names]
    lacks = {Lack.NAMES} | _ends(types) | _gaps(types) | ({Lack.OMITTED} if listed.unread else set())
    stream = _imported(kind, [(name.event, name.line) for name in listed.names if name], lacks, listed.unread)
    return Paste(kind, stream, is_begun="response.created" in types)


class _Reading(NamedTuple):
    """A text as it was read, and how much of it could not be."""

    text: "_Text"
    found: list[Found]
    kind: str
    broken: list[str]
    """What begins as an object and is none."""

    @property
    def whole(self) -> int:
        """How many events were read to their end."""
        return sum(not f.shortened for f in self.found)

    @property
    def is_whole(self) -> bool:
        """Whether all events were."""
        return self.whole == len(self.found) and not self.lost

    @property
    def lost(self) -> bool:
        """Whether there is an event that could not be read at all."""
        return any(map(TYPE.search, self.broken))


def _reading(lines: list[PastedLine], named: str) -> _Reading:
    text, broken = _Text(lines), list[str]()
    found = max(list(find(text.all, broken=broken)), list(find_fields(text.all)), key=len)
    kind = _kind(named, text, found)
    if _is_newest_first(found):
        kind, found = f"{kind}, newest first", found[::-1]
    return _Reading(text, found, kind, broken)


def _rejoined(printed: list[PastedLine], reading: _Reading) -> _Reading:
    """The reading with most events: of the lines as they are, or as they were before something broke them."""
    best = reading
    inside, _ = unwrap(printed)
    for broken, wrap in [(lines, wrap) for lines in (printed, inside) for wrap in wraps(lines)]:
        again = _reading(*unwrap(wrap.joined(broken)))
        if (again.whole, -len(again.broken)) > (best.whole, -len(best.broken)):
            best = again._replace(kind=f"{again.kind} in lines wrapped at {wrap.column} columns")
    return best


def _is_newest_first(found: list[Found]) -> bool:
    """Whether the latest event comes first, as log viewers show and export them."""
    numbers = [n for f in found if type(n := f.event.get("sequence_number")) is int]
    if len(numbers) >= _LEAST_REVERSED:
        falls = sum(after < before for before, after in itertools.pairwise(numbers))
        return falls > _MOSTLY * (len(numbers) - 1)
    types = [f.event["type"] for f in found]
    return len(types) >= _LEAST_REVERSED and types[-1] == "response.created" and types[0] in TERMINALS


class _Text:
    """The lines as one text, and the line of the file for a place in it."""

    def __init__(self, lines: list[PastedLine]) -> None:
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


def _is_cut(line: PastedLine) -> bool:
    """Whether a line says that something was left out."""
    return len(line.text) <= _LONGEST_MARK and _CUT_LINE.fullmatch(line.text) is not None


def _others(text: _Text, covered: set[int]) -> set[str]:
    """The lines, however often each is there, that are neither an event nor what stands between events."""
    return {
        line.text.strip()
        for n, line in enumerate(text.lines)
        if n not in covered and _WORD.search(line.text) and not _FIELD.match(line.text) and not _is_cut(line)
    }


def _is_mostly(text: _Text, found: list[Found], covered: set[int], others: set[str]) -> bool:
    """Whether this is a paste of events, and no prose or program with an event in it."""
    share = len(covered) / (len(covered) + len(others))
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
    elif language := next((name for name in _LANGUAGES if name in syntax), ""):
        kind = _LANGUAGES[language]
    elif "literal" in syntax:
        kind = "Python repr of lines"
    elif named == "" and any("data:" in text.before(f.start) for f in found):
        kind = "an event stream with other text around it"
    elif named == "" and labels * 2 > len(found):
        kind = "events in log lines"
    else:
        kind = named or "JSON objects"
    return f"{kind} in {named}" if named and named != kind else kind


def _as_sent(found: Found, text: _Text) -> dict[str, Any]:
    """The event without what the SDK's models add: None for what did not come, floats for the times of a response."""
    event, shown = found.event, text.all[found.start : found.end]
    if found.syntax & {"call", "python"}:
        event = {key: _without_none(value, keep=key == "response") for key, value in event.items() if value is not None}
        return as_sent(event)
    is_line = _SSE.search(text.before(found.start) + shown[:200]) is not None
    return as_sent(event) if "\n" in shown or (is_dumped(event) and not is_line) else event


def _without_none(value: Any, *, keep: bool = False) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, list):
        return [_without_none(inner) for inner in value]
    if isinstance(value, dict):  # a response must have some fields even where they are null
        return {key: _without_none(inner) for key, inner in value.items() if keep or inner is not None}
    return value


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
