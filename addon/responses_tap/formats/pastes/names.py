"""Names of events and nothing else, as people list them in issues: one a line, numbered, with counts, or in a row."""

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from responses_tap.formats.pastes.finding import is_name
from responses_tap.formats.pastes.lines import Line
from responses_tap.protocol.grammar import ITEM, ROWS

_LEAST = 3
_SHARE = 0.6
"""The share of lines that must be names: prose that speaks of events is no stream."""
_MOST = 1_000
"""How often a line's event is repeated at most: from the second delta on, nothing changes."""
_LONGEST = 300
"""Characters of a line with a name and a remark."""
_MOST_IN_ALL = 100_000
_NAME = re.compile(
    r"""[\s│├└─┬|>]*(?:[-*•+]\s+|\#?\d{1,6}[.):]\s*|\[\d{1,6}\]:?\s*)?"""
    r"""(?:(?P<before>\d{1,6})\s*(?P<times>[x×]\s*)?\s)?\s*"""
    r"""(?:[\w.\[\] -]{0,40}[:=\]]\s*)?["'`*]{0,3}"""
    r"""(?P<name>[a-z][a-z_]*(?:\.[a-z_]+)+|error|keepalive)["'`*]{0,3}"""
    r"""(?:\s*(?:[(\[]?\s*[x×*]\s*(?P<after>\d{1,6})\s*[)\]]?|[(\[](?P<inside>\d{1,6})(?:\s?(?:x|×|times|events))?[)\]]))?"""
    r"""\s*[,;]?\s*(?P<rest>.{0,200})"""
)
_REST = re.compile(r"(?:#|//|<-|←|\(|--|—|–|✓|✅|❌|✗)")
"""How a remark begins."""
_MISSING = re.compile(r"missing|never|not sent|absent|lacks|❌|✗", re.IGNORECASE)
_ARROW = re.compile(r"→|->|=>|➜|>")
_CUT = re.compile(r"\s*[\[(<]?(?:\.{3,}|…|snip|truncated|omitted)[\w\s]{0,30}[\])>]?\s*")


class Named(NamedTuple):
    """An event of which the name alone is known."""

    event: dict[str, Any]
    line: int


class _Entry(NamedTuple):
    name: str
    line: int
    number: int | None
    """The bare number before it: its place, or a count."""
    times: int
    missing: bool


def find(lines: Iterable[Line]) -> list[Named | None] | None:
    """The events whose names are listed, None for a mark where some were left out; None for a text that is no list."""
    written = [line for line in lines if line.text.strip(" \t-=_*#")]
    found = [(line, list(_entries(line))) for line in written]
    entries = [entry for _, listed in found for entry in listed]
    listed = sum(bool(some) for _, some in found)
    if len(entries) < _LEAST or listed < _SHARE * len(written):
        return None
    counted = _is_counted(entries)
    names: list[Named | None] = []
    begun = 0
    for line, some in found:
        if not some and len(line.text) <= _LONGEST and _CUT.fullmatch(line.text):
            names.append(None)
        for entry in some:
            begun += entry.name == "response.created"
            count = entry.number if counted and entry.number is not None else entry.times
            count = 0 if entry.missing else min(count, _MOST if len(names) < _MOST_IN_ALL else 1)
            names += [Named(_event(entry.name, begun), entry.line)] * count
    return _with_items(names)


def _event(name: str, begun: int) -> dict[str, Any]:
    # A second list is another response, which only its id shows.
    is_second = name == "response.created" and begun > 1
    return {"type": name, "response": {"id": f"list {begun}"}} if is_second else {"type": name}


def _with_items(names: list[Named | None]) -> list[Named | None]:
    """The same, each item that is added with its type, where an event before the next item's tells it."""
    type_ = None
    for n in reversed(range(len(names))):
        if (named := names[n]) is None or (row := ROWS.get(named.event["type"])) is None:
            continue
        if row.type == ITEM.opener and type_:
            names[n] = named._replace(event={**named.event, "item": {"type": type_}})
        if row.type in (ITEM.opener, ITEM.closer):
            type_ = None
        elif len(row.items) == 1:
            type_ = next(iter(row.items))
    return names


def _entries(line: Line) -> Iterator[_Entry]:
    parts = [part for part in _ARROW.split(line.text) if part.strip()]
    entries = [_entry(part, line.number) for part in parts]
    if parts and all(entries):
        yield from filter(None, entries)
    elif whole := _entry(line.text, line.number):
        yield whole


def _entry(text: str, line: int) -> _Entry | None:
    match = _NAME.fullmatch(text.rstrip()) if len(text) <= _LONGEST else None
    if match is None:
        return None
    name, rest = match["name"], match["rest"]
    if f"response.{name}" in ROWS:
        name = f"response.{name}"
    if not is_name(name) or (rest and not _REST.match(rest)):
        return None
    count = match["after"] or match["inside"] or (match["before"] if match["times"] else None) or "1"
    number = int(match["before"]) if match["before"] and not match["times"] else None
    return _Entry(name, line, number, int(count), bool(rest and _MISSING.search(rest)))


def _is_counted(entries: list[_Entry]) -> bool:
    """Whether the bare numbers are counts, as `uniq -c` writes them, and no numbering."""
    numbers = [entry.number for entry in entries if entry.number is not None]
    return any(after != before + 1 for before, after in itertools.pairwise(numbers))
