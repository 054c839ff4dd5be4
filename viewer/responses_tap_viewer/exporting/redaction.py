"""A stream without what user and model said, that is as right or wrong as it was: the checker itself is asked.

Characters become an `x` each. Where that hides what a finding is about (two texts of one length that differ), more
letters are used, and no more than it takes.
"""

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from itertools import product
from pathlib import Path as FilePath
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from responses_tap.protocol.checker import Checker
from responses_tap.protocol.findings import Finding, order
from responses_tap.protocol.grammar import ROWS
from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.protocol.sse import Frame
from responses_tap.urls import split
from responses_tap_viewer.checking.paths import checker_of_row, was_cut
from responses_tap_viewer.exporting.rewriting import Kind, Known, Path, rewrite, rewrite_frame, rewrite_json
from responses_tap_viewer.file_facts import CAPTURED
from responses_tap_viewer.over_sse import over_sse
from responses_tap_viewer.streams import Stream, UnusableInput

if TYPE_CHECKING:
    from responses_tap.store import StreamRow
    from responses_tap.store.rows import Headers


class Content(StrEnum):
    """How much of what was said leaves."""

    WHOLE = "whole"
    NO_TEXT = "no text"
    """Each character of user and model is replaced; names, ids and request headers stay."""
    STRUCTURE = "structure only"
    """Nothing but event types, ids, indexes, statuses, counts and times."""


_ALPHABETS = (
    "xovacemnrsuwzqtybdfghijklp",
    *(tuple(chr(first + n) for n in range(26)) for first in (0x430, 0x3042, 0x1D4D0)),
)
"""What characters of one, two, three and four UTF-8 bytes become."""
_LETTERS = (1, 2, 2, 4, 8, 26)
"""How many different letters are tried, in turn."""
_PLAIN = re.compile('[\x00-\x1f"\\\\/\ud800-\udfff]')
"""What stays: quotes and line ends, which JSON writes longer than others, and what is no UTF-8."""
_LITERAL = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null|NaN|-?Infinity")
_WORDLIKE = re.compile(r"[\w.:/@+-]{0,100}", re.ASCII)

_WORDS = frozenset(
    (
        "type", "object", "status", "role", "model", "phase", "reason", "service_tier", "truncation", "effort",
        "verbosity", "tool_choice", "execution", "background", "format", "event", "id", "retry",
    )
)  # fmt: skip
"""Members whose values are the protocol's words; so are those whose name ends in `_id`."""
_NAMES = frozenset(("name", "server_label", "param"))
"""Members that name something of the user's: they are no text, but not the protocol's either."""
_FILLED = frozenset(
    (
        "metadata", "parameters", "schema", "headers", "tools", "skills", "environment", "env", "bytes", "action",
        "prompt", "variables", "properties", "$defs", "filters", "outputs", "results", "logprobs", "top_logprobs",
    )
)  # fmt: skip
"""Members in which neither names nor numbers are the protocol's."""
_KEPT_HEADERS = ("content-type", "content-encoding", "transfer-encoding", "server", "via", "user-agent", "accept")
_HOST = "host.invalid"
_KEPT_PARAMETERS = ("stream", "starting_after", "api-version")


def redacted(stream: Stream, content: Content) -> Stream:
    """The stream with so much of its content; UnusableInput where its findings would not survive that."""
    if content is Content.WHOLE:
        return stream
    stream = over_sse(stream)
    before = _checked(stream, [entry.frame for entry in stream.entries])
    for letters, by in product(_LETTERS, Known):
        filler = _Filler(letters, content)
        after = _checked(stream, rewrite(stream.entries, filler.replace, by))
        if _told(after.findings) == _told(before.findings):
            # What only a socket's other responses show cannot be found again in one of them.
            others = [finding for finding in stream.findings if finding.code.startswith("WS")]
            findings = sorted((*after.findings, *others), key=order)
            source = FilePath(stream.source).name
            return replace(after, source=source, findings=findings, row=_row(stream.row, filler, content))
    raise UnusableInput(stream.name, "cannot be redacted: without its texts its findings would be others")


class _Filler(dict[str, str]):
    """What each character becomes, chosen when it is first seen."""

    def __init__(self, letters: int, content: Content) -> None:
        super().__init__()
        self._letters = letters
        self._strict = content is Content.STRUCTURE

    def __missing__(self, character: str) -> str:
        size = 0 if _PLAIN.match(character) else len(character.encode())
        self[character] = secrets.choice(_ALPHABETS[size - 1][: self._letters]) if size else character
        return self[character]

    def replace(self, path: Path, kind: Kind, text: str) -> str:
        """What becomes of a text at this place of an event or a request."""
        inside = self._strict and not _FILLED.isdisjoint(path[:-1] if kind is Kind.KEY else path)
        if kind is Kind.WORD:
            hidden = inside or "bytes" in path
            return (re.sub(r"\d", "1", text) if hidden else text) if _LITERAL.fullmatch(text) else self.filled(text)
        if kind is Kind.KEY:
            return self.filled(text) if inside or not _WORDLIKE.fullmatch(text) else text
        return text if not inside and self._is_word(path, text) else self.filled(text)

    def filled(self, text: str) -> str:
        """A text without its content; one that is a JSON object or array stays one."""
        if text.lstrip()[:1] in ("{", "[") and _is_json(text):
            return rewrite_json(text, self._inner)
        return "".join(map(self.__getitem__, text))

    def _inner(self, path: Path, kind: Kind, text: str) -> str:
        return re.sub(r"\d", "1", text) if kind is Kind.WORD else "".join(map(self.__getitem__, text))

    def _is_word(self, path: Path, text: str) -> bool:
        if not path or not _WORDLIKE.fullmatch(text):
            return False
        name = path[-1]
        if name == "code":
            return path[-2:-1] == ("error",)
        return name in _WORDS or name.endswith("_id") or (name in _NAMES and not self._strict)


def _checked(stream: Stream, frames: Iterable[Frame]) -> Stream:
    """The stream with these frames in place of its own (as many), and what is found in them under the same rules."""
    row = stream.row
    profile = (row.profile if row is not None else None) or DEFAULT_PROFILE
    checker = Checker(profile) if row is None else checker_of_row(row, profile)
    entries = []
    response = 0
    for entry, frame in zip(stream.entries, frames, strict=True):
        event = checker.feed(frame, entry.at_ns)
        response = response if event is None else event.response
        position = None if event is None else event.position
        entries.append(entry._replace(frame=frame, position=position, response=response))
    findings = checker.finish(cut=row is not None and was_cut(row))
    return replace(stream, entries=entries, findings=findings)


def _told(findings: Iterable[Finding]) -> list[object]:
    """What must stay the same of findings: all but their words, which name lengths, names and ids."""
    return [(f.response, f.code, f.severity, f.position, f.scope, f.missing, f.count, f.evidence) for f in findings]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _row(row: "StreamRow | None", filler: _Filler, content: Content) -> "StreamRow | None":
    if row is None:
        return None
    answer = row.response_body
    row = replace(
        row,
        source=CAPTURED if row.source.endswith(CAPTURED) else "imported",
        request_body=None if row.request_body is None else rewrite_json(row.request_body, filler.replace),
        response_body=None if answer is None else rewrite_frame(b"data:" + answer, filler.replace)[5:],
    )
    return _bare(row) if content is Content.STRUCTURE else row


def _bare(row: "StreamRow") -> "StreamRow":
    """The row without what tells who asked whom for what."""
    parts = split(row.url)
    path = re.search(r"(/v\d+)?/responses(/[\w-]+)?$", parts.path)
    query = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name in _KEPT_PARAMETERS])
    return replace(
        row,
        url=f"https://{_HOST}{path[0] if path else ''}{'?' * bool(query)}{query}" if row.url else "",
        host=_HOST,
        request_headers=_kept(row.request_headers),
        request_body=None,
        response_headers=_kept(row.response_headers),
        end_reason=row.end_reason if row.end_reason in ROWS else None,
        mark=None,
        note=None,
    )


def _kept(headers: "Headers") -> "Headers":
    return tuple((name, value) for name, value in headers if name.lower() in _KEPT_HEADERS)
