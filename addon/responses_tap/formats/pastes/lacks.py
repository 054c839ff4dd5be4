"""What a paste does not show of its stream: where it was cut, shortened, or events were left out."""

import re
from collections import deque
from collections.abc import Sequence

from responses_tap.formats.pastes.finding import Found
from responses_tap.formats.pastes.pasted_line import PastedLine
from responses_tap.formats.pastes.reading import Text
from responses_tap.formats.shortening import OWN_LINE
from responses_tap.protocol.grammar import LIFECYCLE, TERMINALS
from responses_tap.protocol.profiles import Lack

_LONGEST_MARK = 200
_CUT_LINE = re.compile(OWN_LINE, re.IGNORECASE)
_ENDS = {"response.created", *TERMINALS, "response.done", "error"}
_BEGUN = re.compile(r"(?:\W{0,9}|event:\s*)(?:Resp[A-Za-z]*|respo?n?s?e?(?:\.[a-z_.]*)?)|data:?\s*|event?:?")
"""How an event begins that ends with the text."""


def lacks_of(text: Text, found: list[Found]) -> set[Lack]:
    """What the paste does not show."""
    types = [str(f.event["type"]) for f in found]
    lacks = {
        Lack.SNAPSHOTS if type_ in LIFECYCLE else Lack.SHORTENED
        for f, type_ in zip(found, types, strict=True)
        if f.shortened
    }
    sequence: list[str | None] = []
    cuts = deque(n for n, line in enumerate(text.lines) if is_mark(line))
    for f, type_ in zip(found, types, strict=True):
        while cuts and cuts[0] < text.index(f.start):
            cuts.popleft()
            sequence.append(None)
        while cuts and cuts[0] <= text.index(f.end - 1):  # within an event
            cuts.popleft()
        sequence.append(type_)
    lacks -= {Lack.SNAPSHOTS} if Lack.SHORTENED in lacks else set()
    return lacks | ends(types) | gaps(sequence + [None] * bool(cuts))


def ends(types: Sequence[str | None]) -> set[Lack]:
    """Whether both ends of the stream may lie outside of the paste."""
    return set() if _ENDS.intersection(types) else {Lack.EXCERPT}


def gaps(types: Sequence[str | None]) -> set[Lack]:
    """What was left out where a mark (None) stands between events: between two deltas, nothing but deltas."""
    lacks = set()
    before, has_mark = "", False
    for type_ in (*types, ""):
        if type_ is None:
            has_mark = True
            continue
        if has_mark:
            is_deltas = before == type_ and before.endswith(".delta")
            lacks.add(Lack.DELTAS if is_deltas else Lack.OMITTED if before and type_ else Lack.EXCERPT)
        before, has_mark = type_, False
    return lacks


def is_cut_off(lines: list[PastedLine], read: set[int]) -> bool:
    """Whether the text ends within an event, of which too little is there to be read."""
    last = next((line for line in reversed(lines) if line.text.strip()), None)
    return last is not None and last.number not in read and _BEGUN.fullmatch(last.text.strip()) is not None


def is_mark(line: PastedLine) -> bool:
    """Whether a line says that something was left out."""
    return len(line.text) <= _LONGEST_MARK and _CUT_LINE.fullmatch(line.text) is not None
