"""Rewrites texts in the frames of a stream, and leaves everything else as it came.

Every character is replaced by one that takes as many bytes and is written the same way (`ü` or `\\u00fc`): sizes and
offsets, line ends, blanks, what is broken and where it breaks stay. The deltas of a text are rewritten as the one text
that they are pieces of.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from responses_tap.protocol.events import Event, parse
from responses_tap.protocol.sse import DONE_MARKER, Frame, decode
from responses_tap.timeline import Entry

type Path = tuple[str, ...]
"""Where in an event a text stands: names from the outside in; the elements of an array share its name."""


class Kind(StrEnum):
    """What a text is in its frame."""

    KEY = "key"
    STRING = "string"
    WORD = "word"
    """A number, a literal, or what should not be there."""
    FIELD = "field"
    """The value of a line that is no data: of `event:` and `id:`, of a comment (the path's only name is the field)."""


type Replace = Callable[[Path, Kind, str], str]
"""Gives what a text becomes: of the same length, character by character of the same number of UTF-8 bytes."""


class DeltaText(NamedTuple):
    """Names a text that came in deltas."""

    response: int
    type: str
    """Of the events that carry it."""
    item: object
    indexes: tuple[int | None, ...]
    path: Path
    """Where in each event its piece stands."""


_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}\[\]:,]|[^"{}\[\]:,\s]+', re.DOTALL)
_UNIT = re.compile(r"\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
"""A character as it is written in a JSON string."""
_FIELDS = ("event", "id", "retry", "")
_INDEXES = ("output_index", "content_index", "summary_index", "command_index")


def rewrite(entries: Sequence[Entry], replace: Replace) -> Iterator[Frame]:
    """The frames with their texts replaced, as many as before."""
    wholes = {text: replace(text.path, Kind.STRING, whole) for text, whole in delta_texts(entries).items()}
    done: Counter[DeltaText] = Counter()

    def rewritten(entry: Entry) -> bytes:
        event = _event(entry)

        def replaced(path: Path, kind: Kind, text: str) -> str:
            whole = _delta_text(entry, event, path, kind)
            if whole is None:
                return replace(path, kind, text)
            start = done[whole]
            done[whole] += len(text)
            return wholes[whole][start : start + len(text)]

        return rewrite_frame(entry.frame.raw, replaced)

    return decode(map(rewritten, entries))


def delta_texts(entries: Iterable[Entry]) -> dict[DeltaText, str]:
    """The texts that came in deltas, joined."""
    texts: dict[DeltaText, list[str]] = {}
    for entry in entries:
        event = _event(entry)

        def note(path: Path, kind: Kind, text: str, entry: Entry = entry, event: Event | None = event) -> str:
            if (whole := _delta_text(entry, event, path, kind)) is not None:
                texts.setdefault(whole, []).append(text)
            return text

        if event is not None:
            rewrite_frame(entry.frame.raw, note)
    return {whole: "".join(pieces) for whole, pieces in texts.items()}


def rewrite_frame(raw: bytes, replace: Replace) -> bytes:
    """One frame with its texts replaced; `[DONE]` stays."""
    # What is no UTF-8 becomes lone surrogates, which nobody replaces.
    json_text = _JsonText(replace)
    lines = _LINE.findall(raw.decode(errors="surrogateescape"))
    return "".join(_line(line, json_text, replace) for line in lines).encode(errors="surrogateescape")


def rewrite_json(text: str, replace: Replace) -> str:
    """The same for a JSON text, or what was meant to be one."""
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
    if not colon or name not in _FIELDS:
        return replace((), Kind.FIELD, content) + end
    blank = value[: value.startswith(" ")]
    return name + colon + blank + replace((name,), Kind.FIELD, value.removeprefix(" ")) + end


class _JsonText:
    """Replaces the texts in JSON that comes in lines, as far as it is JSON."""

    def __init__(self, replace: Replace) -> None:
        self._replace = replace
        self._names: list[str] = []
        """The name of the member that is read, of each object and array that is open; "" for an array's elements."""
        self._in_object: list[bool] = []
        self._wants_key = False

    def feed(self, text: str) -> str:
        """The next line, its texts replaced."""
        return _TOKEN.sub(lambda match: self._piece(match[0]), text)

    def _piece(self, piece: str) -> str:
        if piece in "{}[]:,":
            self._structure(piece)
            return piece
        path = tuple(name for name in self._names if name)
        if not piece.startswith('"'):
            return self._replace(path, Kind.WORD, piece)
        closed = len(piece) > 1 and piece.endswith('"')
        units = _UNIT.findall(piece[1:-1] if closed else piece[1:])
        characters = [_character(unit) for unit in units]
        text = "".join(characters)
        kind = Kind.STRING
        if self._wants_key:
            kind, self._names[-1] = Kind.KEY, text
            path = (*(name for name in self._names[:-1] if name), text)
        new = self._replace(path, kind, text)
        written = (
            unit if old == new else _written(unit, new) for unit, old, new in zip(units, characters, new, strict=True)
        )
        return '"' + "".join(written) + ('"' if closed else "")

    def _structure(self, mark: str) -> None:
        if mark in "{[":
            self._names.append("")
            self._in_object.append(mark == "{")
            self._wants_key = mark == "{"
        elif mark in "}]":
            if self._names:
                self._names.pop()
                self._in_object.pop()
            self._wants_key = False
        elif mark == ",":
            self._wants_key = bool(self._in_object) and self._in_object[-1]
        else:
            self._wants_key = False


def _character(unit: str) -> str:
    if len(unit) == 1:
        return unit
    try:
        return str(json.loads(f'"{unit}"'))
    except ValueError:
        return unit[1]  # an escape that JSON has not


def _written(unit: str, character: str) -> str:
    """A character written as `unit` was."""
    if len(unit) == 1:
        return character
    if not unit.startswith("\\u"):
        return unit  # `\n` has no sibling of its length
    codes = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{codes[n]:02x}{codes[n + 1]:02x}" for n in range(0, len(codes), 2))


def _event(entry: Entry) -> Event | None:
    """The event of a frame if it is a delta."""
    event = parse(entry.frame.data) if entry.frame.data else None
    return event if event is not None and (event.type or "").endswith("delta") else None


def _delta_text(entry: Entry, event: Event | None, path: Path, kind: Kind) -> DeltaText | None:
    if event is None or kind is not Kind.STRING or path[:1] != ("delta",):
        return None
    indexes = tuple(event.index(name) for name in _INDEXES)
    return DeltaText(entry.response, event.type or "", event.item_id or "", indexes, path)
