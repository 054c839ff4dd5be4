"""Finds the events in the lines of a paste, as they are or as they were before something broke them."""

import bisect
import itertools
import re
from typing import NamedTuple

from responses_tap.formats.pastes.finding import TYPE, Found, find, find_fields
from responses_tap.formats.pastes.pasted_line import PastedLine
from responses_tap.formats.pastes.unwrapping import unwrap
from responses_tap.formats.pastes.wrapping import wraps
from responses_tap.formats.shortening import MARK
from responses_tap.protocol.grammar import TERMINALS

LOG = re.compile(r"\d\d:\d\d|\b(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR)\b")
"""What stands before an event in a log's line."""
_LEAST_REVERSED = 3
_MOSTLY = 0.8
_WHOLE = re.compile(rf"(?:[)}}\]>]|{MARK})$", re.IGNORECASE)
"""How an object ends, or what a reporter left of it."""
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


class Reading(NamedTuple):
    """A text as it was read, and how much of it could not be."""

    text: "Text"
    found: list[Found]
    kind: str
    broken: list[str]
    """What begins as an object but isn't one."""

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

    @property
    def is_cut(self) -> bool:
        """Whether the text ends within an object."""
        shown = self.text.all.rstrip()
        last = max(self.found, key=lambda found: found.end, default=None)
        ends_broken = bool(self.broken) and shown.endswith(self.broken[-1].rstrip())
        ends_short = last is not None and last.shortened and last.end >= len(shown) and not _WHOLE.search(shown[-20:])
        return ends_broken or ends_short


def read_events(printed: list[PastedLine]) -> tuple[list[PastedLine], Reading]:
    """The lines without what stands around them, and the events in them, or in the lines as they were."""
    lines, named = unwrap(printed)
    reading = _reading(lines, named)
    if not reading.found or not reading.is_whole or reading.broken:
        reading = _rejoined(printed, lines, reading)
    return lines, reading


def _reading(lines: list[PastedLine], named: str) -> Reading:
    text, broken = Text(lines), list[str]()
    found = max(list(find(text.all, broken=broken)), list(find_fields(text.all)), key=len)
    kind = _kind(named, text, found)
    if _is_newest_first(found):
        kind, found = f"{kind}, newest first", found[::-1]
    return Reading(text, found, kind, broken)


def _rejoined(printed: list[PastedLine], inside: list[PastedLine], reading: Reading) -> Reading:
    """The reading with most events: of the lines as they are, or as they were before something broke them."""
    best = reading
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


class Text:
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


def _kind(named: str, text: Text, found: list[Found]) -> str:
    syntax = frozenset[str]().union(*(f.syntax for f in found))
    labels = sum(bool(LOG.search(text.before(f.start))) for f in found)
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
