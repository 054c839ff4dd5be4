"""Names of events and nothing else, as people list them in issues: one a line, numbered, with counts, or in a row."""

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from responses_tap.formats.pastes.finding import is_name
from responses_tap.formats.pastes.pasted_line import PastedLine
from responses_tap.protocol.grammar import ITEM, ROWS

_LEAST = 3
_ALTERNATIVES = {"response.completed", "response.failed", "response.incomplete"}
"""The events of which a stream has one."""
_SHARE = 0.6
"""The share of lines that must be names: prose that speaks of events is no stream."""
_MOST = 1_000
"""How often a line's event is repeated at most: from the second delta on, nothing changes."""
_LONGEST = 300
"""Characters of a line with a name and a remark."""
_MOST_IN_ALL = 100_000
_NAME = re.compile(
    r"""[\s│├└─┬|>←]*(?:[-*•+]\s+|\#?\d{1,6}[.):]\s*|\[\d{1,6}\]:?\s*)?"""
    r"""(?:(?P<before>\d{1,6})\s*(?P<times>[x×]\s*)?\s)?\s*"""
    r"""(?:[\w.\[\] -]{0,40}[:=\]]\s*)?["'`*]{0,3}"""
    r"""(?P<name>[a-z][a-z_]*(?:\.[a-z_]+)+|error|keepalive)["'`*]{0,3}"""
    r"""(?:\s*(?:[(\[]?\s*[x×*]\s*(?P<after>\d{1,6}|[Nn]\b)\s*[)\]]?|[(\[](?P<inside>\d{1,6})(?:\s?(?:x|×|times|events))?[)\]]))?"""
    r"""\s*[,;]?\s*(?P<rest>.{0,200})"""
)
_BARE = re.compile(r"\W*([a-z_]+)\W*")
"""`created`, in a row of names."""
_REST = re.compile(
    r"(?:#|//|<-|←|->|→|=>|➜|\(|--|—|–|✓|✅|❌|✗|(?:[Mm]issing|MISSING|[Nn]ever|NEVER|[Nn]ot sent|[Aa]bsent)\b)"
)
"""How a remark begins."""
_MISSING = re.compile(r"missing|never|not sent|absent|lacks|❌|✗", re.IGNORECASE)
_ARROW = re.compile(r"→|->|=>|➜|>")
_BETWEEN = re.compile(r"[,;|\[\](){}]|\s{2,}|\s(?=response\.)|\band\b")
"""What stands between names in a row."""
_ROW_LABEL = re.compile(r"^[\w .-]{1,40}[:=]\s{0,4}(?=[\[(\"'`]{0,2}response\.[^,→>]{1,80}[,→>-])")
"""What stands before a row of names."""
_TOKEN = re.compile(r"(?<![\w./])response\.[a-z_]+(?:\.[a-z_]+)*+(?![\w.(=])|(?<=[|`\"'] )(?:error|keepalive)(?= )")
_UNIT = r"(?:m?s|bytes?|[kK]i?B|B|chars?|tokens?)"
_FIELDS = re.compile(rf"[\"'`|)\]]{{0,3}}\s*(?:\|.*|\(?[+\d][\d:.,]*\s?{_UNIT}?\)?|(?:\w[\w.]*=.*))?\s*")
"""What may follow a name: a time, fields, a cell."""
_TYPED = re.compile(r"\b[Tt]ype\s?[=:]\s?[\"']?(response\.[a-z_.]+|error\b|keepalive\b)")
_EMPTY = re.compile(r"""\s*[:,|-]?\s*(?:''|\"\"|None)?\s*""")
"""What follows the name where an event has no text."""
_TEXT = re.compile(r"\s*[:,|-]?\s")
"""What stands between a name and a text."""
_TEXTED = (".delta", ".done")
"""How the names end of the events that have a text, which programs print behind them."""
_INDENT = 3
_NO_DATA = re.compile(r"\s*data:\s*(?:\.{3,}|…|[\[<({](?:\.{3}|…|snip|truncated|omitted)[\])>}])?\s*")
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


type _Row = tuple[PastedLine, list[_Entry]]
"""A line, and the names in it."""


class Listed(NamedTuple):
    """What a list of names says."""

    names: list[Named | None]
    """The events, None for a mark where some were left out."""
    unread: list[int]
    """The lines that begin with the name of an event and could not be read."""


def find(lines: Iterable[PastedLine]) -> Listed | None:
    """The events whose names are listed; None for a text that isn't a list."""
    written = [line for line in lines if line.text.strip(" \t-=_*#|:+") and not _NO_DATA.fullmatch(line.text)]
    for read in (_listed, _in_columns, _labelled, _typed):
        found = read(written)
        entries = [entry for _, listed in found for entry in listed]
        listed = len({line for line, some in found if some})
        if {entry.name for entry in entries} >= _ALTERNATIVES:
            return None  # a reference
        is_all = read is _listed and len(entries) > 1 and listed == len(written)
        if is_all or (len(entries) >= _LEAST and listed >= _SHARE * len(written)):
            return Listed(_named(found, entries), _unread(written, found))
    return None


def chosen(events: Iterable[tuple[dict[str, Any], int]]) -> list[Named | None]:
    """The same for events of which only some fields are shown, each with its line."""
    begun = 0
    names: list[Named | None] = []
    for event, line in events:
        begun += event["type"] == "response.created"
        shown = {key: value for key, value in event.items() if isinstance(value, str | int)}
        names.append(Named(shown | _event(event["type"], begun), line))
    return _with_items(names)


def _named(found: list[_Row], entries: list[_Entry]) -> list[Named | None]:
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


def _listed(lines: list[PastedLine]) -> list[_Row]:
    """Lines that are names, or rows of names, and nothing else but numbers, counts, remarks and texts."""
    return _with_texts([(line, list(_entries(line))) for line in lines])


def _with_texts(rows: list[_Row]) -> list[_Row]:
    """The same with the lines where the event's text follows the name.

    Who prints the types of all events, and the texts of those that have one, leaves the other names bare. Where none
    is bare, or few are, this is a text about events.
    """
    bare = [(_label(line, token), token[0]) for line, _ in rows if (token := _first(line)) and _is_bare(line, token)]
    if len({name for _, name in bare if not name.endswith(_TEXTED)}) < _LEAST:
        return rows
    labels = {label for label, _ in bare}
    return [(line, some or _texted(line, labels)) for line, some in rows]


def _texted(line: PastedLine, labels: Collection[str]) -> list[_Entry]:
    token = _first(line)
    if token is None or _label(line, token) not in labels:
        return []
    has_text = token[0].endswith(_TEXTED) and _TEXT.match(line.text, token.end())
    is_event = has_text or _is_bare(line, token)
    return [_Entry(token[0], line.number, None, 1, missing=False)] if is_event else []


def _first(line: PastedLine) -> re.Match[str] | None:
    """The first name of an event in a line."""
    token = _TOKEN.search(line.text[:_LONGEST])
    return token if token and token[0] in ROWS else None


def _is_bare(line: PastedLine, token: re.Match[str]) -> bool:
    return _EMPTY.fullmatch(line.text, token.end()) is not None


def texts(lines: Iterable[PastedLine]) -> list[int]:
    """The lines that are deltas of which only the text was printed: the name of an event and a text."""
    return [
        line.number
        for line in lines
        if (token := _first(line)) and token[0].endswith(".delta") and not _label(line, token)
        if _TEXT.match(line.text, token.end()) and not _is_bare(line, token)
    ]


def _unread(lines: list[PastedLine], found: list[_Row]) -> list[int]:
    taken = {line.number for line, some in found if some}
    begun = [(line.number, _label(line, token)) for line in lines if (token := _first(line))]
    labels = {label for number, label in begun if number in taken} | {""}
    return [number for number, label in begun if number not in taken and label in labels]


def _in_columns(lines: list[PastedLine]) -> list[_Row]:
    """Lists side by side, as tables and comparisons have them: each column is one."""
    tokens = [(line, list(_TOKEN.finditer(line.text[:_LONGEST]))) for line in lines]
    rows = [(line, found) for line, found in tokens if found]
    if sum(len(found) == 2 for _, found in rows) < _LEAST or any(len(found) > 2 for _, found in rows):  # noqa: PLR2004
        return []
    starts = [found[1].start() for _, found in rows if len(found) == 2]  # noqa: PLR2004
    second = min(starts) - _INDENT
    columns: tuple[list[_Row], list[_Row]] = ([], [])
    for line, found in rows:
        for token in found:
            bars = line.text[: token.start()].count("|")
            is_second = bars > 1 if bars else token.start() >= second
            columns[is_second].append((line, [_Entry(token[0], line.number, None, 1, missing=False)]))
    return [*columns[0], *columns[1]]


def _labelled(lines: list[PastedLine]) -> list[_Row]:
    """Lines with one name each, after the same words, and before fields or a time."""
    tokens = [(line, list(_TOKEN.finditer(line.text[:_LONGEST]))) for line in lines]
    labels = Counter(_label(line, found[0]) for line, found in tokens if len(found) == 1)
    label, _ = labels.most_common(1)[0] if labels else ("", 0)
    rows = [
        (
            line,
            [_Entry(found[0][0], line.number, None, 1, missing=False)]
            if len(found) == 1 and _label(line, found[0]) == label and _FIELDS.fullmatch(line.text, found[0].end())
            else [],
        )
        for line, found in tokens
    ]
    return _with_texts(rows)


def _typed(lines: list[PastedLine]) -> list[_Row]:
    """Objects whose values have no quotes, as Java, Dart, Go's %v and C# print them: a type each is what they show."""
    rows = []
    for line in lines:
        types = _TYPED.findall(line.text)
        is_event = len(types) == 1 and is_name(types[0])
        rows.append((line, [_Entry(types[0], line.number, None, 1, missing=False)] if is_event else []))
    return rows


def _label(line: PastedLine, token: re.Match[str]) -> str:
    return re.sub(r"\d+", "", line.text[: token.start()]).strip()


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


def _entries(line: PastedLine) -> Iterator[_Entry]:
    text = _ROW_LABEL.sub("", line.text, count=1)
    for between in (_ARROW, _BETWEEN):
        parts = [part for part in between.split(text) if part.strip(" \t.'\"`")]
        entries = [_entry(part, line.number, is_row=len(parts) >= _LEAST) for part in parts]
        if entries and all(entries) and (between is _ARROW or len(entries) >= _LEAST):
            yield from filter(None, entries)
            return
    if whole := _entry(line.text, line.number):
        yield whole


def _entry(text: str, line: int, *, is_row: bool = False) -> _Entry | None:
    if is_row and (bare := _BARE.fullmatch(text)) and f"response.{bare[1]}" in ROWS:
        return _Entry(f"response.{bare[1]}", line, None, 1, missing=False)
    match = _NAME.fullmatch(text.rstrip()) if len(text) <= _LONGEST else None
    if match is None:
        return None
    name, rest = match["name"], match["rest"]
    if f"response.{name}" in ROWS:
        name = f"response.{name}"
    if not is_name(name) or (rest and not _REST.match(rest)):
        return None
    count = match["after"] or match["inside"] or (match["before"] if match["times"] else None) or "1"
    count = "2" if count in "Nn" else count  # from the second delta on, nothing changes
    number = int(match["before"]) if match["before"] and not match["times"] else None
    return _Entry(name, line, number, int(count), bool(rest and _MISSING.search(rest)))


def _is_counted(entries: list[_Entry]) -> bool:
    """Whether the bare numbers are counts, as `uniq -c` writes them, and no numbering."""
    numbers = [entry.number for entry in entries if entry.number is not None]
    return any(after != before + 1 for before, after in itertools.pairwise(numbers))
