"""The sections of a text that hold a stream each: fences, runs of lines, what stands below its own heading."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from responses_tap.protocol.events import is_error
from responses_tap.protocol.grammar import TERMINALS

_FENCE = re.compile(rb"[ \t>]{0,9}(?:[-*+][ \t]{1,4}|\d{1,3}[.)][ \t]{1,4})?(?:```|~~~)")
_TERMINAL = re.compile("|".join(map(re.escape, sorted(TERMINALS))).encode())
_BEGINS = b"response.created"
_NAMED = b"response."
_PROSE = re.compile(rb"(?!\s*(?:event:|data:|id:|retry:|:|[{}\[\]\"]))[^a-zA-Z\n]{0,20}[a-zA-Z]{2}")
"""A line of other text."""
_SURROUNDS = re.compile(
    rb"(?!:|[\w-]{1,40}:[ \t]*\S|(?:event|data|id|retry):?\s*\Z|[0-9a-fA-F]{1,8}\s*\Z|HTTP/|\W{0,20}<)"
    rb"[^\n]*?[a-zA-Z\x80-\xff]"
)
"""How a text begins that is not the body itself: not as a field, a chunk's size, or a header of the response."""
_FACT = re.compile(rb"\b(?:actual\w*|observed|received?|got|gets?|now|currently|sends|broken)\b", re.IGNORECASE)
"""Words in the heading of a stream that was sent."""
_WISH = re.compile(rb"\b(?:should|expect\w*|right|correct|instead|fix\w*|proposed|suggest\w*)\b", re.IGNORECASE)
"""Words in the heading of a stream that should have been sent."""
_WORDS = re.compile(rb"[\s#*>_-]{0,20}[a-zA-Z][a-zA-Z ,'()]{0,80}:?[\s*_]{0,9}")
"""A heading, which has nothing but words."""
_LINE = re.compile(rb"\s{0,9}(?:[-*>|][ \t]{0,4})?(?:event:|data:|`?response\.[a-z_.]+)")
"""A line of a stream, or of a list of names."""
_LEAST_LINES = 3


class Section(NamedTuple):
    """A section of a text."""

    content: bytes
    first: int
    """The number of its first line."""
    is_wish: bool
    """Whether it shows what should have been sent."""
    is_fact: bool
    """Whether its heading says that this was sent."""


def is_surrounded(head: bytes) -> bool:
    """Whether an event stream that begins so stands in a text: below a line of prose, or in Markdown's fences."""
    first = next((line for line in head.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()), b"")
    return _SURROUNDS.match(first) is not None or has_fences(head)


def has_fences(head: bytes) -> bool:
    """Whether it is Markdown with code in it."""
    return any(map(_FENCE.match, head.splitlines()))


def fences(content: bytes, sign: bytes = _NAMED) -> list[Section]:
    """The fences of a Markdown text that name events, or have another sign."""
    lines = content.split(b"\n")
    return [
        _section(lines, begin + 1, end, _heading(lines, begin))
        for begin, end in _fenced(lines)
        if any(sign in line for line in lines[begin:end])
    ]


def runs(content: bytes) -> list[Section]:
    """The lines of streams, and of lists of names, that stand together in other text."""
    lines = content.split(b"\n")
    found: list[Section] = []
    for is_run, group in itertools.groupby(enumerate(lines), lambda numbered: _may_be_in_run(numbered[1])):
        inside = [n for n, line in group if line.strip()]
        if is_run and len(inside) >= _LEAST_LINES:
            found.append(_section(lines, inside[0], inside[-1] + 1, _heading(lines, inside[0])))
    return found


def sections(content: bytes) -> list[Section]:
    """The text cut where other text follows the end of a stream, before another begins, or as a heading says so."""
    lines = content.split(b"\n")
    cuts, has_ended, has_prose = [0], False, 0
    for n, line in enumerate(lines):
        if has_ended and has_prose and (_BEGINS in line or (_NAMED in line and _is_heading(lines[has_prose]))):
            cuts.append(has_prose)
            has_ended, has_prose = _TERMINAL.search(line) is not None, 0
        elif _TERMINAL.search(line):
            has_ended, has_prose = True, 0
        elif has_ended and not has_prose and _PROSE.match(line):
            has_prose = n
    pairs = itertools.pairwise([*cuts, len(lines)])
    return [_section(lines, begin, end, lines[begin] if begin else b"") for begin, end in pairs]


def _may_be_in_run(line: bytes) -> bool:
    return not line.strip() or _LINE.match(line) is not None


def _is_heading(line: bytes) -> bool:
    is_turn = _WISH.search(line) is not None or _FACT.search(line) is not None
    return is_turn and _WORDS.fullmatch(line) is not None


def _section(lines: list[bytes], begin: int, end: int, heading: bytes) -> Section:
    is_fact = _FACT.search(heading) is not None  # also in: I expected that, but instead I get
    return Section(b"\n".join(lines[begin:end]), begin + 1, not is_fact and _WISH.search(heading) is not None, is_fact)


def _heading(lines: list[bytes], at: int) -> bytes:
    """The line above."""
    return next((lines[n] for n in range(at - 1, -1, -1) if lines[n].strip()), b"")


def error(content: bytes) -> Any:  # noqa: ANN401 (JSON)
    """The error in JSON that a text shows in a fence that ends, None where it shows none."""
    lines = content.split(b"\n")
    shown = (_json(b"\n".join(lines[begin + 1 : end])) for begin, end in _fenced(lines) if end < len(lines))
    return next(filter(is_error, shown), None)


def _fenced(lines: list[bytes]) -> Iterator[tuple[int, int]]:
    """The lines at which fences begin and end; the last one may end with the text."""
    edges = [n for n, line in enumerate(lines) if _FENCE.match(line)]
    yield from itertools.zip_longest(edges[::2], edges[1::2], fillvalue=len(lines))


def _json(text: bytes) -> Any:  # noqa: ANN401 (JSON)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
