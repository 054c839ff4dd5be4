"""A filter as SQL, as far as possible, so that only streams that may match are read.

SQLite ignores case only in ASCII, so a text with any other character, and a value not of its column's type, may match:
Python decides about what is read. What SQL leaves out, Python would leave out, too.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from responses_tap.stream.columns import COLUMNS
from responses_tap.stream.filters import FIELDS, WORDS, Field, Filter, Term

_MOST_TERMS = 16
_MOST_VALUES = 16
_MOST_STARS = 4
"""Stars in a pattern: SQLite tries each one at each position of a text."""
_LONGEST = 200
_ASCII = "*[^\x01-~]*"
"""A pattern for any text with a character outside ASCII."""


class _Condition(NamedTuple):
    """A condition in SQL, which is true, false or NULL, and its parameters."""

    holds: str
    """SQL that is 1 if it is true, else 0."""
    may_hold: str
    """SQL that is 0 if it is false, else 1."""
    values: list[str | float]


def sql_value(name: str, absent: Collection[str] = ()) -> str:
    """The SQL of a field of a stream's row; `absent` are the columns that the file doesn't have yet."""
    return "NULL" if name in absent else COLUMNS[name].value or f"s.{name}"


def narrow(wanted: Filter, absent: Collection[str] = ()) -> tuple[str, list[str | float]]:
    """A condition that every stream matching the filter meets, and its parameters."""
    conditions, values = ["1"], []
    for term in wanted.terms[:_MOST_TERMS]:
        fields = [FIELDS[name] for name in ([term.field] if term.field else WORDS)]
        if all(field.is_stored for field in fields) and _is_simple(term):
            condition = _either([_in_field(field, term, absent) for field in fields])
            conditions.append(f"NOT {condition.holds}" if term.negated else condition.may_hold)
            values += condition.values
    return " AND ".join(conditions), values


def _is_simple(term: Term) -> bool:
    texts = [] if term.field and FIELDS[term.field].is_number else term.globs
    return max(len(term.values), len(texts)) <= _MOST_VALUES and all(
        text.isascii() and "\0" not in text and len(text) <= _LONGEST and text.count("*") <= _MOST_STARS
        for text in texts
    )


def _either(conditions: list[_Condition]) -> _Condition:
    return _Condition(
        f"({' OR '.join(condition.holds for condition in conditions)})",
        f"({' OR '.join(condition.may_hold for condition in conditions)})",
        [value for condition in conditions for value in condition.values],
    )


def _in_field(field: Field, term: Term, absent: Collection[str]) -> _Condition:
    if field.column is None:
        code = _text("f.code", term)
        found = "EXISTS (SELECT 1 FROM findings f WHERE f.stream = s.id AND {})"
        return _Condition(found.format(code.holds), found.format(code.may_hold), code.values)
    value = sql_value(field.column.name, absent)
    return _number(value, field, term) if field.is_number else _text(f"coalesce({value}, '')", term)


def _text(value: str, term: Term) -> _Condition:
    is_plain = f"(typeof({value}) = 'text' AND length({value}) = length(CAST({value} AS BLOB)) AND {value} NOT GLOB ?)"
    fits = " OR ".join([f"{value} LIKE ? ESCAPE '\\'"] * len(term.globs))
    return _Condition(f"({is_plain} AND ({fits}))", f"(NOT {is_plain} OR {fits})", [_ASCII, *map(_like, term.globs)])


def _number(value: str, field: Field, term: Term) -> _Condition:
    number = f"{value} / {field.unit}" if field.unit != 1 else value
    operator = "=" if term.operator == ":" else term.operator
    fits = " OR ".join([f"{number} {operator} ?"] * len(term.values))
    case = f"CASE typeof({value}) WHEN 'integer' THEN {fits} WHEN 'null' THEN 0"
    return _Condition(f"({case} ELSE 0 END)", f"({case} ELSE 1 END)", list(term.numbers))


def _like(glob: str) -> str:
    """The LIKE pattern that matches what the glob does."""
    return "".join(_characters(glob))


def _characters(glob: str) -> Iterator[str]:
    for character in glob:
        yield {"*": "%", "?": "_"}.get(character) or (f"\\{character}" if character in "%_\\" else character)
