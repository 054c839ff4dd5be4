"""Completions of a filter: fields by name, values by what the recording has."""

from collections.abc import Iterable

from responses_tap.escaping import printable
from responses_tap.stream.filters import FIELDS, LISTS, WITHIN, Field
from responses_tap_viewer.tui.summary import Summary

OPERATORS = (">=", "<=", ":", "=", ">", "<")
"""What may follow the name of a field."""
_MOST = 20


def completions(text: str, summaries: Iterable[Summary]) -> list[str]:
    """The texts that `text` may become by its last term; none where it is inside quotes or says it all."""
    if text.count('"') % 2:
        return []
    at = last_term(text)
    before, term = text[:at], text[at:]
    start = before + "-" * term.startswith("-")
    term = term.removeprefix("-")
    field, operator_, value = _parted(term)
    if not operator_:
        names = (name for name in FIELDS if term and name.startswith(term.lower()))
        return [f"{start}{name}{'>' if FIELDS[name].is_number else ':'}" for name in names]
    if field not in FIELDS or FIELDS[field].is_number or FIELDS[field].is_time or field in WITHIN:
        return []
    values, comma, begun = value.rpartition(",")
    known = sorted({word for summary in summaries for word in _words(FIELDS[field], summary)})
    fitting = [word for word in known if word.lower().startswith(begun.lower()) and word != begun]
    return [f"{start}{field}{operator_}{values}{comma}{_quoted(word)}" for word in fitting[:_MOST]]


def last_term(text: str) -> int:
    """Where the term begins that is being written."""
    return max(text.rfind(" "), text.rfind('"')) + 1


def _parted(term: str) -> tuple[str, str, str]:
    places = [(term.find(operator_), -len(operator_), operator_) for operator_ in OPERATORS if operator_ in term]
    if not places:
        return term, "", ""
    at, _, operator_ = min(places)
    return term[:at].lower(), operator_, term[at + len(operator_) :]


def _words(field: Field, summary: Summary) -> Iterable[str]:
    if field.column is None:
        return summary.codes
    text = field.text(summary.asked)
    words = text.split(", ") if field in map(FIELDS.get, LISTS) else [text]
    # What cannot be typed is not proposed: the line would show it as it is.
    return [word for word in words if word and printable(word) == word]


def _quoted(word: str) -> str:
    return f'"{word}"' if set(word) & set(' ,"') else word
