"""The structure of a stream and nothing else: whatever isn't one of the protocol's words is replaced.

Ids are numbered in order of appearance, so that they agree and differ as before. Numbers become ones, unless they are
positions in the stream; those that the checker compares (creation dates, token counts) become others that compare
alike.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from responses_tap.privacy import known_words as known
from responses_tap.privacy.letters import Letters
from responses_tap.privacy.rewriting import LITERAL, Path, TextKind
from responses_tap.protocol.events import parse
from responses_tap.protocol.fields import LOGPROBS_SINCE, NUMBERS_SINCE
from responses_tap.protocol.grammar import ROWS
from responses_tap.protocol.request_facts import facts_of
from responses_tap.stream.columns import COLUMNS, Headers, StreamRow
from responses_tap.stream.model import ENDED_BY, STATES, Entry
from responses_tap.stream.recorded import CAPTURED, EVENTS_ALONE
from responses_tap.urls import split

_HOST = "host.invalid"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_NAME = re.compile(r"[!#-.0-\[\]-~]+")
"""What can be numbered: printable ASCII that JSON writes in only one way."""
_ID = re.compile(rf"((?:{'|'.join(known.ID_PREFIXES)})_)?(.+)", re.DOTALL)
_RESOURCE = re.compile(r"(?:/v1)?/responses(?:/([^/]+))?/?$")
_EARLIEST = 1_740_787_200
"""2025-03-01: an earlier created_at is taken for a scrubbed one (protocol/fields.py)."""
_ERAS = (0, _EARLIEST, int(NUMBERS_SINCE), int(LOGPROBS_SINCE))
"""The dates, in Unix seconds, at which the checker's expectations of a created_at change."""
_TOKENS: dict[Path, str] = {("usage", "input_tokens"): "1", ("usage", "output_tokens"): "2"}
"""The replacements for token counts."""
_LIMITS = ("max_output_tokens",), ("response", "max_output_tokens")
"""The paths of the output limit, in a request and in an event."""
_STATUSES = range(100, 600)


class Numbered:
    """Words of one kind, each replaced by its number among those of the same length and prefix."""

    def __init__(self, letters: Letters) -> None:
        self._letters = letters
        self._numbers: dict[str, str] = {}
        self._counts: dict[tuple[str, int], int] = {}

    def id(self, text: str) -> str:
        """An id: `msg_` and a number."""
        found = _ID.fullmatch(text)
        return self._numbered(text, found[1] or "" if found else "", "0")

    def type(self, text: str) -> str:
        """The name of an unknown event or object: `xx` and a number; a vendor's colon stays."""
        vendor, colon, _ = text.partition(":")
        return self._numbered(text, "x" * len(vendor) + colon if colon else "", "x")

    def _numbered(self, text: str, beginning: str, padding: str) -> str:
        if text in self._numbers:
            return self._numbers[text]
        size = len(text) - len(beginning)
        count = self._counts.get((beginning, size), 0) + 1
        number = _base36(count)
        if size < len(number) or not _NAME.fullmatch(text):
            return self._letters.of(text)
        self._counts[beginning, size] = count
        self._numbers[text] = beginning + number.rjust(size, padding)
        return self._numbers[text]


class Structure:
    """What remains of the texts of a stream and of its row."""

    def __init__(
        self, entries: Iterable[Entry], letters: Letters, request: str | None = None, response: bytes | None = None
    ) -> None:
        """`request` is the body of the request, `response` that of a response that isn't a stream."""
        self._letters = letters
        self._limit = facts_of("", request).max_output_tokens
        self._ids, self._types = Numbered(letters), Numbered(letters)
        self._dates: dict[str, str] = {}
        self._wrong_totals: set[int] = set()
        self._reached: set[int] = set()
        self._exceeded: set[int] = set()
        self._learn(parse(response or b"null").data)
        for entry in entries:
            if entry.frame.data and b'"usage"' in entry.frame.data:
                self._learn(parse(entry.frame.data).object("response"))

    def replace(self, path: Path, kind: TextKind, text: str) -> str:
        """The replacement for a text at this place of an event."""
        if kind is TextKind.FIELD:
            return self._event_type(text) if path == ("event",) else self._letters.of(text)
        users = not known.USERS_OWN.isdisjoint(path[:-1] if kind is TextKind.KEY else path)
        if kind is TextKind.KEY:
            return text if text in known.MEMBERS and not users else self._letters.of(text)
        if kind is TextKind.WORD:
            return self._word(() if users else path, text)
        return self._letters.filled(text) if users or not path else self._string(path, text)

    def row(self, row: StreamRow) -> StreamRow:
        """The row without anything that reveals who asked whom for what. The response's body is left alone."""
        dropped: dict[str, Any] = {column.name: None for column in COLUMNS.values() if column.private}
        safe = {
            "method": row.method if row.method in known.METHODS else "",
            "url": self._url(row.url),
            "host": _HOST,
            "route": row.route if row.route in known.ROUTES else "sse",
            "http_version": row.http_version if row.http_version in known.HTTP_VERSIONS else "",
            "request_headers": _headers(row.request_headers),
            "status": row.status if row.status is None else min(max(row.status, _STATUSES.start), _STATUSES.stop - 1),
            "response_headers": _headers(row.response_headers),
            "response_body": row.response_body,
            "content_encoding": _value("content-encoding", row.content_encoding or ""),
            "response_id": None if row.response_id is None else self._ids.id(row.response_id),
            "state": row.state if row.state in STATES else "truncated",
            "ended_by": row.ended_by if row.ended_by in ENDED_BY else None,
            "end_reason": row.end_reason if row.end_reason in ROWS else None,
            "source": next((way for way in (CAPTURED, EVENTS_ALONE) if row.source.endswith(way)), "imported"),
        }
        return replace(row, **dropped | safe)

    def _string(self, path: Path, text: str) -> str:
        name = path[-1]
        if path == ("type",):
            return self._event_type(text)
        if text in known.VALUES.get(name, ()):
            return text
        if name == "type":
            return self._types.type(text)
        if name == "id" or name.endswith("_id"):
            return self._ids.id(text)
        return self._letters.filled(text)

    def _event_type(self, text: str) -> str:
        return text if text in known.EVENT_TYPES else self._types.type(text)

    def _word(self, path: Path, text: str) -> str:
        if not LITERAL.fullmatch(text):
            return self._letters.of(text)
        if not any(digit in text for digit in "123456789"):
            return text  # a literal, or a zero
        is_whole = re.fullmatch("[0-9]+", text) is not None
        if is_whole and len(path) == 1 and path[0] in known.COUNTS:
            return text
        if path[-1:] == ("created_at",):
            return self._date(text)
        if is_whole and (count := self._count(path, text)):
            return count.ljust(len(text))
        return self._letters.digits(text)

    def _count(self, path: Path, text: str) -> str:
        """The replacement for a token count: totals still add up or don't, limits still hold or don't."""
        if tokens := _TOKENS.get(path[-2:]):
            return tokens
        if path[-2:] == ("usage", "total_tokens"):
            return "4" if _whole(text) in self._wrong_totals else "3"
        if path in _LIMITS:
            limit = _whole(text)
            return "1" if limit in self._exceeded else "2" if limit in self._reached else "3"
        return text if path[-1:] == ("max_tool_calls",) else ""

    def _date(self, text: str) -> str:
        """Another date of the same era, a different one for each date."""
        seconds, _, fraction = text.partition(".")
        if not re.fullmatch("[0-9]{1,15}", seconds) or len(seconds) + len(fraction) + 1 < len(text):
            return self._letters.digits(text)
        if seconds not in self._dates:
            era = max(era for era in _ERAS if era <= int(seconds))
            self._dates[seconds] = str(era + 1 + len(self._dates))
        date = self._dates[seconds]
        if len(date) > len(seconds):
            return self._letters.digits(text)
        return date.ljust(len(text)) if not fraction else f"{date.rjust(len(seconds), '1')}.{'1' * len(fraction)}"

    def _learn(self, response: dict[str, Any]) -> None:
        usage, limit = response.get("usage"), response.get("max_output_tokens") or self._limit
        if not isinstance(usage, dict):
            return
        spent, made, total = (usage.get(f"{kind}_tokens") for kind in ("input", "output", "total"))
        if type(made) is int and type(limit) is int and made >= limit:
            (self._reached if made == limit else self._exceeded).add(limit)
        if type(spent) is int and type(made) is int and type(total) is int and spent + made != total:
            self._wrong_totals.add(total)

    def _url(self, url: str) -> str:
        if not url:
            return ""
        parts = split(url)
        found = _RESOURCE.search(parts.path)
        resource = f"/v1/responses{f'/{self._ids.id(found[1])}' if found[1] else ''}" if found else ""
        after = [value for name, value in parse_qsl(parts.query) if name == "starting_after"]
        query = f"?starting_after={after[0] if re.fullmatch('[0-9]{1,18}', after[0]) else 0}" if after else ""
        return f"https://{_HOST}{resource}{query}"


def _headers(headers: Headers) -> Headers:
    named = [(name.lower(), value) for name, value in headers if name.lower() in known.HEADERS]
    return tuple((name, kept) for name, value in named if (kept := _value(name, value)))


def _value(header: str, value: str) -> str | None:
    """A header's value, if it is a known one; an unknown content type becomes one that says nothing."""
    value = value.partition(";")[0].strip().lower()
    if value in known.HEADERS[header]:
        return value
    return "application/octet-stream" if header == "content-type" else None


def _whole(text: str) -> int | None:
    return int(text) if len(text) <= 18 else None  # noqa: PLR2004 - of 64 bits


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
