"""Rewrites texts in the frames of a stream, and leaves everything else as it arrived.

Every character is replaced by one of as many bytes that is written the same way (`ü` or `\\u00fc`): sizes and offsets,
line ends, blanks, and what is broken where all stay the same. The deltas of a text are rewritten as the one text that
they form.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from responses_tap.protocol.events import Event, parse
from responses_tap.protocol.sse import DONE_MARKER, Frame, decode
from responses_tap.stream.model import Entry

type Path = tuple[str, ...]
"""Where in an event a text is: names from the outside in; the elements of an array share its name."""


class TextKind(StrEnum):
    """What a text is in its frame."""

    KEY = "key"
    STRING = "string"
    WORD = "word"
    """A number, a literal, or something that doesn't belong there."""
    FIELD = "field"
    """The value of a line other than `data:`, such as `event:` or a comment; the path's only name is the field."""


type Replace = Callable[[Path, TextKind, str], str]
"""Gives the replacement for a text: of the same length, each character of the same number of UTF-8 bytes."""


class Known(StrEnum):
    """Identifies the text that a delta belongs to."""

    BOTH = "item and indexes"
    ITEM = "item"
    INDEXES = "indexes"


class DeltaText(NamedTuple):
    """Names a text that arrived in deltas."""

    response: int
    type: str
    """The type of the events that carry it."""
    item: str
    indexes: tuple[int | None, ...]
    path: Path
    """Where in each event its piece is."""


LITERAL = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null|NaN|-?Infinity", re.ASCII)
"""A number or a word of JSON (or of Python's)."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}\[\]:,]|[^"{}\[\]:,\s]+', re.DOTALL)
_UNIT = re.compile(r"\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
"""A character as it is written in a JSON string."""
_FIELDS = ("event", "id", "retry", "")
_INDEXES = ("output_index", "content_index", "summary_index", "command_index")


def rewrite(entries: Sequence[Entry], replace: Replace, by: Known = Known.BOTH) -> Iterator[Frame]:
    """The frames with their texts replaced, as many as before."""
    wholes = delta_texts(entries, by)
    replaced_wholes = {text: replace(text.path, TextKind.STRING, whole) for text, whole in wholes.items()}
    done: Counter[DeltaText] = Counter()

    def rewritten(entry: Entry) -> bytes:
        event = _event(entry)

        def replaced(path: Path, kind: TextKind, text: str) -> str:
            if event is None or kind is not TextKind.STRING or path[:1] != ("delta",):
                return replace(path, kind, text)
            whole = _delta_text(entry, event, path, by)
            start = done[whole]
            end = done[whole] = start + len(text)
            if wholes.get(whole, "")[start:end] != text:
                return replace(path, kind, text)  # not UTF-8, or a repeated name: a parser reads something else
            return replaced_wholes[whole][start:end]

        return rewrite_frame(entry.frame.raw, replaced)

    return decode(map(rewritten, entries))


def delta_texts(entries: Iterable[Entry], by: Known = Known.BOTH) -> dict[DeltaText, str]:
    """The texts that arrived in deltas, joined."""
    texts: dict[DeltaText, list[str]] = {}
    for entry in entries:
        event = _event(entry)
        if event is not None:
            for path, piece in _strings(event.data.get("delta"), ("delta",)):
                texts.setdefault(_delta_text(entry, event, path, by), []).append(piece)
    return {whole: "".join(pieces) for whole, pieces in texts.items()}


def _strings(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, path)


def rewrite_frame(raw: bytes, replace: Replace) -> bytes:
    """One frame with its texts replaced; `[DONE]` stays."""
    # Bytes that aren't UTF-8 become lone surrogates, which are never replaced.
    json_text = _JsonText(replace)
    lines = _LINE.findall(raw.decode(errors="surrogateescape"))
    return "".join(_line(line, json_text, replace) for line in lines).encode(errors="surrogateescape")


def rewrite_json(text: str, replace: Replace) -> str:
    """The same for a JSON text, or what was meant as one."""
    return _JsonText(replace).feed(text)


def _line(line: str, json_text: "_JsonText", replace: Replace) -> str:
    content = line.rstrip("\r\n")
    name, colon, value = content.partition(":")
    end = line[len(content) :]
    if name.removeprefix("\ufeff") == "data":
        return (
            name
            + colon
            + (value if value.strip().encode(errors="replace") == DONE_MARKER else json_text.feed(value))
            + end
        )
    field = name.removeprefix("\ufeff")
    if not colon or field not in _FIELDS:
        return replace((), TextKind.FIELD, content) + end
    blank = value[: value.startswith(" ")]
    return name + colon + blank + replace((field,), TextKind.FIELD, value.removeprefix(" ")) + end


class _JsonText:
    """Replaces the texts in JSON that arrives line by line, as far as it is JSON."""

    def __init__(self, replace: Replace) -> None:
        self._replace = replace
        self._open: list[tuple[Path, bool]] = []
        """The enclosing objects and arrays: the path of each, and whether it is an object."""
        self._path: Path = ()
        """The path of the next value."""
        self._wants_key = False

    def feed(self, text: str) -> str:
        """The next line with its texts replaced."""
        return _TOKEN.sub(lambda match: self._piece(match[0]), text)

    def _piece(self, piece: str) -> str:
        if piece in "{}[]:,":
            self._structure(piece)
            return piece
        if not piece.startswith('"'):
            return self._replace(self._path, TextKind.WORD, piece)
        closed = len(piece) > 1 and piece.endswith('"')
        written = piece[1:-1] if closed else piece[1:]
        units = _UNIT.findall(written) if "\\" in written else None
        text = written if units is None else "".join(map(_character, units))
        kind = TextKind.STRING
        if self._wants_key:
            kind, self._path = TextKind.KEY, (*self._open[-1][0], text)
        new = self._replace(self._path, kind, text)
        if new == text:
            return piece
        if units is not None:
            changes = zip(units, text, new, strict=True)
            new = "".join(unit if old == one else _written(unit, one) for unit, old, one in changes)
        return f'"{new}"' if closed else f'"{new}'

    def _structure(self, mark: str) -> None:
        if mark in "{[":
            self._open.append((self._path, mark == "{"))
        elif mark in "}]" and self._open:
            self._path = self._open.pop()[0]
        self._wants_key = mark in "{," and bool(self._open) and self._open[-1][1]


def _character(unit: str) -> str:
    if len(unit) == 1:
        return unit
    try:
        return str(json.loads(f'"{unit}"'))
    except ValueError:
        return unit[1]  # not an escape of JSON's


def _written(unit: str, character: str) -> str:
    """A character written the way `unit` was."""
    if len(unit) == 1:
        return character
    if not unit.startswith("\\u"):
        return unit  # no other escape is as long as `\n`
    codes = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{codes[n]:02x}{codes[n + 1]:02x}" for n in range(0, len(codes), 2))


def _event(entry: Entry) -> Event | None:
    """The event of a frame, if it is a delta."""
    data = entry.frame.data
    if not data or b"delta" not in data:
        return None
    event = parse(data)
    return event if (event.type or "").endswith("delta") else None


def _delta_text(entry: Entry, event: Event, path: Path, by: Known) -> DeltaText:
    item = "" if by is Known.INDEXES else event.item_id or ""
    indexes = () if by is Known.ITEM else tuple(event.index(name) for name in _INDEXES)
    return DeltaText(entry.response, event.type or "", item, indexes, path)
