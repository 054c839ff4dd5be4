"""Frame data → events: JSON as it was sent, with its fields checked against its type.

The wire is JSON first: an event keeps the object that came, known type or not, and nothing is dropped or
coerced. What does not fit its row of the table is listed in `problems`. Both steps are pydantic-core's
(its parser takes a quarter of the time of `json.loads`; one typed-dict validator for each type takes half that).
"""

import json
from collections.abc import Iterable
from functools import cache, partial, reduce
from operator import getitem
from typing import Any, NamedTuple

from pydantic_core import SchemaValidator, ValidationError, core_schema, from_json

from responses_tap.protocol.grammar import ALIASES, OLD_NAMES, ROWS, TERMINALS, Row

_TERMINAL_ALIAS = "response.done"
"""What the Realtime API, and servers that were made after it, call every terminal event; the status says which."""
_LARGEST = 2**63
"""Numbers from here on are not taken as an index; SQLite could not store them either."""
_QUOTED = 300
"""Characters of a server's own words in a message."""
_MOST_DIGITS = 4300
"""Digits of an integer: Python converts no longer ones by default, and neither does pydantic-core's parser."""
_DEEPEST = 200
"""Levels of nesting, about as many as pydantic-core's parser allows: comparing and printing deeper ones may fail."""

_WORDS_AT: tuple[tuple[Any, ...], ...] = (
    ("error", "message"),
    ("error",),
    ("message",),
    ("detail",),
    ("detail", 0, "msg"),
    (0, "error", "message"),
)
"""Where an error in JSON has its words: at OpenAI, at gateways, in FastAPI, whose `detail` may be a list, at Gemini."""

_INDEX = core_schema.int_schema(strict=True, ge=0)
_TEXT = core_schema.str_schema(strict=True)
_OBJECT = core_schema.dict_schema(strict=True)
_FIELDS: dict[str, core_schema.CoreSchema] = {
    **dict.fromkeys(("output_index", "content_index", "summary_index", "command_index"), _INDEX),
    **dict.fromkeys(("annotation_index", "partial_image_index", "sequence_number"), _INDEX),
    **dict.fromkeys(("delta", "text", "refusal", "arguments", "input", "code", "diff", "command"), _TEXT),
    **dict.fromkeys(("item_id", "partial_image_b64"), _TEXT),
    **dict.fromkeys(("item", "part", "response"), _OBJECT),
}
_ANY = core_schema.any_schema()
_NEGATIVE = "greater_than_equal"
_WANTED = {"int_type": "a whole number", "string_type": "a string", "dict_type": "an object", _NEGATIVE: "0 or more"}
"""What the validator's errors say was expected."""


class Problem(NamedTuple):
    """A field that is not as its event type demands."""

    field: str
    absent: bool
    have: str
    """The JSON type that came, or a negative number; empty where nothing did."""
    want: str


class Flaw(NamedTuple):
    """Why a frame's data isn't an event."""

    kind: str
    """`not-json`, `not-object` (or an object without a type), `not-utf8`, or `too-long` for a number. Of the last two,
    the event is there all the same, without what could not be read."""
    detail: str


class Event:
    """One event of a response: what was sent, and its row of the table."""

    __slots__ = ("data", "flaw", "position", "problems", "response", "row", "type")

    def __init__(self, data: dict[str, Any], flaw: Flaw | None = None) -> None:
        self.data = data
        self.flaw = flaw
        kind = data.get("type")
        self.type: str | None = kind if isinstance(kind, str) else None
        self.row: Row | None = ROWS.get(ALIASES.get(kind, kind)) if isinstance(kind, str) else None
        self.problems: tuple[Problem, ...] = ()
        self.position = 0
        """The 0-based number of the event in its response."""
        self.response = 0
        """Which response of the body it belongs to, 0-based."""

    @property
    def sequence_number(self) -> int | None:
        """The event's own number, None where it has no usable one."""
        return self.index("sequence_number")

    @property
    def output_index(self) -> int | None:
        """The item it belongs to."""
        return self.index("output_index")

    @property
    def content_index(self) -> int | None:
        """The part of that item."""
        return self.index("content_index")

    @property
    def summary_index(self) -> int | None:
        """The summary part of that item."""
        return self.index("summary_index")

    @property
    def item_id(self) -> str | None:
        """The item's id, as an inner event repeats it."""
        return self.string("item_id")

    def index(self, field: str) -> int | None:
        """The non-negative integer in `field`, None where it is absent or something else."""
        value = self.data.get(field)
        return value if type(value) is int and 0 <= value < _LARGEST else None

    def string(self, field: str) -> str | None:
        """The string in `field`, None where it is absent or something else."""
        return string(self.data, field)

    def object(self, field: str) -> dict[str, Any]:
        """The object in `field`, {} where it is absent or something else."""
        value = self.data.get(field)
        return value if isinstance(value, dict) else {}


def string(data: dict[str, Any], field: str) -> str | None:
    """The string in a field of any JSON object, None where it is absent or something else.

    A stream may have any JSON where an id or a type belongs: what is looked up or sorted comes from here.
    """
    value = data.get(field)
    return value if isinstance(value, str) else None


def parse(data: bytes) -> Event:
    """The event in a frame's data. Never raises: anything that isn't an event comes back with a `flaw`."""
    event = read(data)
    if event.row is not None:
        validator = _validator(event.row.type)
        if not validator.isinstance_python(event.data):
            event.problems = _problems(validator, event.data)
    return event


def read(data: bytes) -> Event:
    """The same event without checking its fields against its type: it has no `problems`."""
    try:
        parsed = from_json(data, allow_inf_nan=False)
    except (ValueError, RecursionError):
        return _read_leniently(data)
    return _event(parsed, None)


def today(type_: str | None, status: str | None = None) -> str | None:
    """Today's spelling of an old or wrong event name, None where the name is not one; `status`: of its response."""
    if type_ == _TERMINAL_ALIAS:
        name = f"response.{status}"
        return name if name in TERMINALS else "response.completed"
    return OLD_NAMES.get(type_) if type_ else None


def _event(parsed: object, flaw: Flaw | None) -> Event:
    if not isinstance(parsed, dict):
        return Event({}, flaw or Flaw("not-object", json_type(parsed)))
    event = Event(parsed, flaw)
    if event.type is None:
        event.flaw = flaw or Flaw("not-object", "an object without a type")
    return event


def _read_leniently(data: bytes) -> Event:
    # The fast parser refuses lone surrogates, which are JSON all the same, and does not say where UTF-8 breaks.
    flaw = None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        flaw = Flaw("not-utf8", f"byte 0x{data[error.start]:02x} at offset {error.start}")
        text = data.decode(errors="replace")
    long: list[str] = []
    try:
        parsed = json.loads(text, parse_constant=_refuse_constant, parse_int=partial(_int, long))
    except RecursionError:
        return Event({}, _TOO_DEEP)
    except ValueError as error:
        return Event({}, flaw or Flaw("not-json", str(error)))
    if long and flaw is None:
        flaw = Flaw("too-long", f"an integer has {len(long[0])} digits, more than parsers take")
    return Event({}, _TOO_DEEP) if _is_too_deep(parsed) else _event(parsed, flaw)


_TOO_DEEP = Flaw("not-json", "nested too deeply")


def _int(long: list[str], digits: str) -> int | None:
    """The integer; one that Python refuses to convert is noted as `long`, and its value left out."""
    if len(digits) <= _MOST_DIGITS:
        return int(digits)
    long.append(digits)
    return None


def _is_too_deep(parsed: object) -> bool:
    level = [parsed]
    for _ in range(_DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON (RFC 8259, section 6)")


@cache
def _validator(type_: str) -> SchemaValidator:
    row = ROWS[type_]
    optional = {"sequence_number", *([row.value] if row.value else [])} - set(row.required)
    fields = {name: _field(row, name, required=True) for name in row.required}
    fields |= {name: _field(row, name, required=False) for name in optional}
    return SchemaValidator(core_schema.typed_dict_schema(fields))


def _field(row: Row, name: str, *, required: bool) -> core_schema.TypedDictField:
    # An output's delta is an object of stdout and stderr, not a text.
    schema = _ANY if name in {"delta", "output"} and not row.value else _FIELDS.get(name, _ANY)
    return core_schema.typed_dict_field(schema, required=required)


def _problems(validator: SchemaValidator, data: dict[str, Any]) -> tuple[Problem, ...]:
    try:
        validator.validate_python(data)
    except ValidationError as error:
        return tuple(_problem(line["loc"][0], line["type"], line["input"]) for line in error.errors())
    return ()


def _problem(field: Any, kind: str, value: Any) -> Problem:  # noqa: ANN401 (JSON)
    if kind == "missing":
        return Problem(str(field), absent=True, have="", want="")
    have = str(value) if kind == _NEGATIVE else json_type(value)
    return Problem(str(field), absent=False, have=have, want=_WANTED.get(kind, "another value"))


def json_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object in `text`, {} where it is something else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def error_words(document: Any) -> str | None:  # noqa: ANN401 (JSON)
    """What an error in JSON says, be it a body or an event; None where it says nothing."""
    for path in _WORDS_AT:
        try:
            found = reduce(getitem, path, document)
        except (LookupError, TypeError):
            continue
        if isinstance(found, str) and found.strip():
            return found
    return None


_OF_ERRORS = frozenset(("message", "detail", "code", "status", "status_code", "statusCode", "param", "request_id"))
"""The members of an error that nothing wraps; with others, it would be something else that has a message."""


def is_error(document: Any) -> bool:  # noqa: ANN401 (JSON)
    """Whether a JSON value is an error as APIs and gateways answer it, or an array of one, as Gemini does."""
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, dict) or error_words(document) is None:
        return False
    return bool(document.get("error")) or document.keys() <= _OF_ERRORS


def untyped_error(event: Event, name: str | None, data: bytes | None) -> str | None:
    """What an error without a type says, by its members or by the name in its `event:` line; None for no error."""
    if event.type is not None:
        return None
    words = error_words(event.data)
    if error := event.data.get("error"):
        return words or json.dumps(error)
    if name == "error" and data and not data.startswith((b"{", b"[")):
        return data.decode(errors="replace")[:_QUOTED]
    return words if name == "error" or is_error(event.data) else None


def quoted(words: str | None) -> str:
    """Somebody's words, to append to a message; empty where there are none."""
    return f': "{" ".join(words[:_QUOTED].split())}"' if words else ""


def is_json(text: str) -> bool:
    """Whether the text is one JSON value that can be read."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


_JSON_TYPES = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a float",
    str: "a string",
    list: "an array",
}


def json_type(value: object) -> str:
    """JSON's name for the type of a parsed value."""
    return _JSON_TYPES.get(type(value), "an object")
