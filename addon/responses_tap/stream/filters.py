"""The one filter language, for the list of streams, `list`, `export` and everything else that selects streams.

    model:gpt* errors>0 code:MD*,NS201 -state:completed "two words"

Terms are separated by blanks, and all of them must match. A term is a field with a value, or a word to be found in the
model, the URL, the response's id, the prompt, the tools called or a finding's code. `-` before a term negates it. In a
value, `,` means "or", `*` any characters and `?` any single one; quotes protect what would end it. Case doesn't matter.
`prompt:` and `text:` find words anywhere, `after:` and `before:` take times. An empty filter matches all.
"""

import fnmatch
import operator
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple

from responses_tap.stream.columns import COLUMNS, Column
from responses_tap.urls import split


class FilterError(ValueError):
    """A filter that cannot be parsed; the message is one line: what was expected, and where (counted from 1)."""

    def __init__(self, position: int, expected: str) -> None:
        super().__init__(position, expected)
        self.position = position
        """The 0-based position in the text."""
        self.expected = expected

    def __str__(self) -> str:
        return f"at character {self.position + 1}: expected {self.expected}"


class Field(NamedTuple):
    """What a term can test."""

    meaning: str
    column: Column | None = None
    """The field of a stream's row; None: the codes of its findings."""
    derived: Callable[[str], str] | None = None
    """What of the row's text is tested, where that isn't all of it."""
    is_time: bool = False
    """Whether its values are points in time, to which the row's is compared."""

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers, which can be compared, rather than texts."""
        return self.column is not None and self.column.is_number

    @property
    def is_stored(self) -> bool:
        """Whether a value in the file decides as it stands."""
        return self.derived is None and not self.is_time and self is not FIELDS[TEXT]

    @property
    def unit(self) -> float:
        """The divisor of the row's number: a time there is in nanoseconds, and in seconds in a filter."""
        return 1e9 if self.column is not None and self.column.name.endswith("_ns") else 1

    def text(self, row: object) -> str:
        """The text of a row."""
        assert self.column is not None
        text = getattr(row, self.column.name) or ""
        return self.derived(text) if self.derived else text

    def number(self, row: object) -> float | None:
        """The number of a row."""
        assert self.column is not None
        number = getattr(row, self.column.name)
        return None if number is None else number if self.unit == 1 else number / self.unit


AFTER, BEFORE = "after", "before"
TIMES = "2026-11-28T21:38, 21:38 (today), 10m, 2h or 3d (ago)"
TEXT = "text"
"""The field that asks for words within a stream, which no column has."""


def _fields() -> Iterator[tuple[str, Field]]:
    for column in COLUMNS.values():
        if column.filter:
            name, _, meaning = column.filter.partition(": ")
            yield name, Field(meaning, column)
    yield "path", Field("the path of the URL", COLUMNS["url"], derived=lambda url: split(url).path)
    yield AFTER, Field(f"began then or later: {TIMES}", COLUMNS["started_at"], is_time=True)
    yield BEFORE, Field(f"began earlier: {TIMES}", COLUMNS["started_at"], is_time=True)
    yield "code", Field("the code of a finding")
    yield TEXT, Field("words in the prompt or the output")


FIELDS = dict(_fields())
"""Every field by its name."""
ASKED = tuple(dict.fromkeys(field.column.name for field in FIELDS.values() if field.column is not None))
"""The fields of a stream's row that a filter may ask for."""
WORDS = ("model", "url", "response_id", "prompt", "tool", "code")
"""The fields in which a word is searched."""
SYNTAX = (
    "Space = AND, comma = OR, leading - = NOT, * = wildcard. Numbers are compared: errors>0, took>=1.5. Quotes protect "
    f'a value with spaces: prompt:"two words". A word without a field is searched for in {", ".join(WORDS)}.'
)
"""The language in a few sentences, for help texts; the fields are in `FIELDS`."""
WITHIN = ("", TEXT, "prompt")
"""The fields in which a value may be anywhere; the empty one is a word's."""
LISTS = ("tool",)
"""The fields with several values, one of which is enough."""

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ":": operator.eq,
    "=": operator.eq,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_FIELD = re.compile(r"([A-Za-z_]+)(:|=|>=|<=|>|<)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r'[^\s",]+')
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_AGO = re.compile("([0-9]{1,9})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_CLOCK = re.compile("[0-9]{2}:")
_PLAIN = re.compile(r"[\w.*?/@+:<>=\[\]()#%&-]+", re.ASCII)
"""Text without need of quotes."""
_CONJUNCTIONS = frozenset(("AND", "OR", "NOT", "&&", "||"))
_KEPT = 256
"""Texts for which a term remembers whether they match."""


@dataclass(frozen=True)
class Term:
    """One condition: a word, if `field` is empty, or a field with a comparison and its values."""

    field: str
    operator: str
    values: tuple[str, ...]
    """One match is enough."""
    negated: bool = False

    def __str__(self) -> str:
        values = ",".join(map(_written, self.values))
        if not self.field and (_FIELD.match(values) or any(map(_syntax, self.values))):
            values = ",".join(map(_quoted, self.values))
        elif not self.field and values.startswith("-"):
            values = _quoted(self.values[0]) + values[len(_written(self.values[0])) :]
        return f"{'-' * self.negated}{self.field}{self.operator}{values}"

    def matches(self, row: object, codes: Collection[str]) -> bool:
        """Whether a stream with findings of these codes matches."""
        return self._holds(row, codes) is not self.negated

    def matches_text(self, text: str) -> bool:
        """Whether a stream with these contents matches, where this asks for a text."""
        return any(pattern.match(text) is not None for pattern in self._patterns) is not self.negated

    def _holds(self, row: object, codes: Collection[str]) -> bool:
        names = (self.field,) if self.field else WORDS
        return any(self._holds_in(FIELDS[name], row, codes) for name in names)

    def _holds_in(self, field: Field, row: object, codes: Collection[str]) -> bool:
        if field.is_number:
            number, compare = field.number(row), _OPERATORS[self.operator]
            return number is not None and any(compare(number, wanted) for wanted in self.numbers)
        if field.is_time:
            began = time_of(field.text(row))
            return began is not None and any((began >= wanted) is (self.field == AFTER) for wanted in self.times)
        return any(map(self._fits, codes if field.column is None else (field.text(row),)))

    @cached_property
    def numbers(self) -> list[float]:
        """The values of a numeric field."""
        return [float(value) for value in self.values]

    @property
    def globs(self) -> list[str]:
        """The alternatives for a text: `*` stands for any characters, `?` for one. A word may be anywhere in it."""
        if self.field in WITHIN:
            return [f"*{value}*" for value in self.values]
        if self.field in LISTS:
            wanted = ["?*" if value == "*" else value for value in self.values]
            return [glob for value in wanted for glob in (value, f"{value}, *", f"*, {value}", f"*, {value}, *")]
        return list(self.values)

    @cached_property
    def times(self) -> list[datetime]:
        """The values of a field of times; those that aren't times are left out."""
        return [known for known in map(time_of, self.values) if known is not None]

    @cached_property
    def _fits(self) -> Callable[[str], bool]:
        """Whether a text matches one of the values. Cached: most streams share their model, URL and codes."""
        patterns = self._patterns
        return lru_cache(_KEPT)(lambda text: any(pattern.match(text) for pattern in patterns))

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        globs = [glob.replace("[", "[[]") for glob in self.globs]
        return [re.compile(fnmatch.translate(glob), re.IGNORECASE) for glob in globs]


@dataclass(frozen=True)
class Filter:
    """A parsed filter; `parse` reads the same from its `str`."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def __bool__(self) -> bool:
        return bool(self.terms)

    def early(self, row: object, known: Collection[str]) -> bool | None:
        """Whether it will match a stream of which only these fields are known; None where that is undecided."""
        if any(term.field in known and not term.matches(row, ()) for term in self.terms):
            return False
        return True if all(term.field in known for term in self.terms) else None

    def matches(self, row: object, codes: Collection[str]) -> bool:
        """Whether it matches a stream whose findings have these codes, as far as it doesn't ask for a text."""
        return all(term.matches(row, codes) for term in self.terms if term.field != TEXT)

    @property
    def asks_text(self) -> bool:
        """Whether it asks for words within a stream: then `matches_text` has a say, too."""
        return any(term.field == TEXT for term in self.terms)

    def matches_text(self, text: str) -> bool:
        """Whether it matches a stream with these contents, as far as it asks for a text."""
        return all(term.matches_text(text) for term in self.terms if term.field == TEXT)


def parse(text: str) -> Filter:
    """Parse a filter; FilterError says where it cannot be parsed."""
    return Filter(tuple(_terms(text)))


def time_of(text: str) -> datetime | None:
    """A point in time as it may be written (TIMES), by this machine's clock unless it states an offset; else None."""
    now = datetime.now().astimezone()
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        if _CLOCK.match(text):
            return datetime.combine(now.date(), time.fromisoformat(text)).astimezone()
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return None


def _terms(text: str) -> Iterator[Term]:
    at = _next(text, 0)
    while at < len(text):
        negated = text[at] == "-"
        at += negated
        name = operator_ = ""
        if found := _FIELD.match(text, at):
            name, operator_ = found[1].lower(), found[2]
            _check_field(name, operator_, at)
            begin = found.end()
        else:
            begin = at
        values, at = _values(text, begin, name)
        yield Term(name, operator_, values, negated)
        at = _next(text, at)


def _next(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _check_field(name: str, operator_: str, at: int) -> None:
    if name not in FIELDS:
        raise FilterError(at, f"a field, {name!r} is unknown{_suggested(name)}; quote it to search for the word")
    if operator_ != ":" and not FIELDS[name].is_number:
        raise FilterError(at + len(name), f"{name}: (only numbers are compared)")


def _suggested(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, FIELDS, 1)
    return f" (did you mean {close[0]!r}?)" if close else f" (one of {', '.join(FIELDS)})"


def _syntax(word: str) -> str:
    """What is expected instead of a word that is meant as syntax, and that no stream has; empty for any other word."""
    if word.lstrip(":=<>") != word:
        return "no spaces around an operator, as in errors>0"
    if word in _CONJUNCTIONS:
        return f"terms: a space means AND, a comma OR, a leading - NOT; quote {word!r} to search for it"
    if word.startswith(("(", ")")):
        return "terms without parentheses: a space means AND, a comma OR; quote them to search for them"
    return f"- for NOT, as in -{word[1:] or 'model:gpt*'}" if word.startswith("!") else ""


def _values(text: str, at: int, name: str) -> tuple[tuple[str, ...], int]:
    values = []
    while True:
        value, end = _value(text, at, name)
        values.append(value)
        if not text.startswith(",", end):
            if end < len(text) and not text[end].isspace():
                raise FilterError(end, "a space or , after the value")
            return tuple(values), end
        at = end + 1


def _value(text: str, at: int, name: str) -> tuple[str, int]:
    is_number = bool(name) and FIELDS[name].is_number
    if text.startswith('"', at) and not is_number and not (name and FIELDS[name].is_time):
        quoted = _QUOTED.match(text, at)
        if quoted is None:
            raise FilterError(len(text), 'a closing "')
        return re.sub(r"(?s)\\(.)", r"\1", quoted[1]), quoted.end()
    bare = _BARE.match(text, at)
    if is_number and (bare is None or not _NUMBER.fullmatch(bare[0])):
        raise FilterError(at, f"a number for {name}")
    if bare is not None and not name and (expected := _syntax(bare[0])):
        raise FilterError(at, expected)
    if bare is None:
        raise FilterError(at, f"a value for {name}" if name else "a word")
    if name and FIELDS[name].is_time and time_of(bare[0]) is None:
        raise FilterError(at, f"a time for {name}: {TIMES}")
    return bare[0], bare.end()


def _written(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else _quoted(value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
