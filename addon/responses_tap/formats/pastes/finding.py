"""Finds the events in a text: every object in it, whatever stands before it, and what an object wraps."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from responses_tap.formats.pastes.literals import STRING, Literal, read, unquote
from responses_tap.formats.shortening import without_marks
from responses_tap.protocol.events import today
from responses_tap.protocol.grammar import ALIASES, ROWS

_CANDIDATE = re.compile(
    r"""\{(?=\s{0,400}["'A-Za-z_$\[.…:])"""
    r"""|\[(?=\s{0,400}"\w{1,40}"\s?:\s)|(?<![\w.])array \((?=\s{0,400}'\w{1,40}' =>)"""
    r"|#<[A-Z][\w:]{1,100}(?= [a-z_]{1,40}[:=])"
    r"|(?<![\w.])[A-Za-z_][\w.]{0,80}\((?=\s{0,400}[a-z_]\w{0,60}=)"
    r"""|(?<![\w\\])[bB]?["'](?=(?:data|event|id):|\{)"""
)
_NAMED = re.compile(
    r"(?:event:[ \t]*([\w.]+)[ \t]*\n[^\n]{0,200}?data:[ \t]*"
    r"|(?<![\w.])(response\.[a-z_.]{1,80}|error|keepalive)[^\w\n]{1,5})\Z"
)
_FIELDS = re.compile(
    r"^[^\n]*\btype=['\"](?:response\.|error|keepalive)[^\n]*$|^[^\n]*\bsequence_number=\d++ type=['\"]\w[^\n]*$",
    re.MULTILINE,
)
_FIELD = re.compile(r"(?:^|(?<=[\s:]))[a-z_]{1,40}=")
TYPE = re.compile(r"""["']type["']|response\.|\bResponse\w{1,60}Event\(""")
"""What each event has in it."""
_CLIENTS = re.compile(r"response\.(?:create|append|cancel|steer|inject)")
"""What a client sends over a WebSocket."""
_DIGITS = re.compile(r"\d+")
_LABEL = 100
_DEEPEST = 4
"""Levels of texts that an event may be wrapped in."""
_INNERMOST = 12
"""Levels of objects that it may be in, within each."""
_DECODER = json.JSONDecoder()


class Found(NamedTuple):
    """An event, and where in the text it was."""

    event: dict[str, Any]
    start: int
    end: int
    shortened: bool = False
    syntax: frozenset[str] = frozenset()


def find(text: str, depth: int = 0, broken: list[str] | None = None) -> Iterator[Found]:
    """The events in a text, in order; what begins as one and cannot be read is added to `broken`."""
    at = 0
    objects = _Objects(text)
    latest: Found | None = None
    while (match := _CANDIDATE.search(text, at)) is not None:
        start = match.start()
        if match[0][-1] in "\"'":  # lines of an event stream as a literal
            found, at = _within(text, start, match.end(), depth)
        else:
            literal = objects.read(start)
            at = literal.end
            value = _named(literal.value, text, start) if literal.whole or literal.shortened else None
            found = list(_unwrapped(value, literal, depth))
            if broken is not None and not literal.whole and not (isinstance(value, dict) and is_event(value)):
                broken.append(text[start:at])
        for event in found:
            placed = event._replace(start=start, end=at)
            if latest is None or not _is_echo(latest, placed, text):
                yield placed
            latest = placed


def _is_echo(before: Found, found: Found, text: str) -> bool:
    """Whether this is the event before, shown by another part of a program: traces have several levels."""
    is_later_line = text.find("\n", before.end, found.start) >= 0
    return is_later_line and before.event == found.event and _label(before, text) != _label(found, text)


def _label(found: Found, text: str) -> str:
    """What stands before an event in its line, whatever the time."""
    return _DIGITS.sub("", text[max(0, found.start - _LABEL) : found.start].rpartition("\n")[2])


def find_fields(text: str) -> Iterator[Found]:
    """The events that are printed as pydantic's `str()`: `delta='x' type='response.output_text.delta'`."""
    for line in _FIELDS.finditer(text):
        begins = _FIELD.search(line[0][:300])
        literal = read(f"_({line[0][begins.start() :]})", 0) if begins else Literal()
        if literal.whole and isinstance(literal.value, dict) and is_event(literal.value):
            yield Found(literal.value, line.start(), line.end(), literal.shortened, frozenset({"call"}))


def is_event(value: dict[str, Any]) -> bool:
    """Whether an object is an event that a server sends."""
    type_ = value.get("type")
    if not isinstance(type_, str) or _CLIENTS.fullmatch(type_):
        return False
    if type_ == "error":
        return any(key in value for key in ("error", "message", "code"))
    return is_name(type_) or type(value.get("sequence_number")) is int


def _is_named(value: dict[str, Any]) -> bool:
    """Whether an object has the name of an event, and nothing that could be the event."""
    name = value.get("event")
    plain = all(isinstance(inner, str | int | None) and "{" not in str(inner) for inner in value.values())
    return plain and "type" not in value and isinstance(name, str) and is_name(name)


def is_name(type_: str) -> bool:
    """Whether this is the type of an event, right or wrong."""
    return type_ in ROWS or type_ in ALIASES or today(type_) is not None or type_.startswith("response.")


class _Objects:
    """The objects of a text: within a line by the JSON parser where it can, for it is a hundred times as fast."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line = ""
        self._from = self._to = 0
        self._is_json = False

    def read(self, start: int) -> Literal:
        """The object that begins here."""
        if start >= self._to:
            self._next_line(start)
        if self._is_json and self._text.startswith('{"', start):
            try:
                value, end = _DECODER.raw_decode(self._line, start - self._from)
            except (ValueError, RecursionError):
                self._is_json = False  # asked again and again, it would look at the line as often
            else:
                return Literal(value, self._from + end, whole=True)
        return read(self._text, start)

    def _next_line(self, start: int) -> None:
        end = self._text.find("\n", start) + 1
        self._from, self._to = start, end or len(self._text) + 1
        self._line = self._text[start : self._to]
        self._is_json = True


def _within(text: str, start: int, after: int, depth: int) -> tuple[list[Found], int]:
    """The events in a string literal that looks like lines of an event stream, and where to go on."""
    literal = STRING.match(text, start)
    inside = unquote(literal.group()) if literal and depth < _DEEPEST else None
    if literal is None or inside is None:
        return [], after
    found = [found._replace(syntax=found.syntax | {"literal"}) for found in find(inside, depth + 1)]
    return found, literal.end() if found or len(inside) > _LABEL else after


def _named(value: Any, text: str, start: int) -> Any:  # noqa: ANN401 (JSON)
    """An object that has no type gets the one that the `event:` line, or a name, before it states."""
    if isinstance(value, dict) and "type" not in value and (name := _NAMED.search(text[max(0, start - 400) : start])):
        return {"type": name[1] or name[2], **value}
    return value


def _unwrapped(value: Any, literal: Literal, depth: int, nested: int = 0) -> Iterator[Found]:  # noqa: ANN401 (JSON)
    """The events that a value, which was printed in `literal`, is or holds."""
    if isinstance(value, dict) and (is_event(value) or _is_named(value)):
        event = without_marks(value if "type" in value else {"type": value["event"]})
        yield Found(event, 0, 0, literal.shortened or event != value, frozenset(literal.syntax))
    elif nested >= _INNERMOST:
        return
    elif isinstance(value, dict | list):
        for inner in _inside(value) if isinstance(value, dict) else value:
            yield from _unwrapped(inner, literal, depth, nested + 1)
    elif isinstance(value, str) and depth < _DEEPEST and TYPE.search(value):
        for found in find(value, depth + 1):
            yield found._replace(syntax=found.syntax | {"text"})


def _inside(value: dict[str, Any]) -> Iterable[Any]:
    """The values of an object; the data of an event that it only names beside them with that name."""
    data, name = value.get("data"), value.get("event")
    if isinstance(data, dict) and isinstance(name, str) and "type" not in data:
        return [{"type": name, **data}]
    return value.values()
