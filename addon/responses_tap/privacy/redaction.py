"""A stream without what user and model said, with the same findings as before: the checker verifies it.

Each character becomes an `x`. Where that hides what a finding is about (two different texts of one length), more
letters are used, but no more than necessary.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from itertools import product
from pathlib import Path as FilePath
from urllib.parse import parse_qsl, urlencode, urlunsplit

from responses_tap.errors import UnusableInput
from responses_tap.privacy.letters import Letters
from responses_tap.privacy.masking import Masker
from responses_tap.privacy.rewriting import (
    LITERAL,
    Known,
    Path,
    TextKind,
    rewrite,
    rewrite_frame,
    rewrite_json,
)
from responses_tap.privacy.secret_names import is_harmless
from responses_tap.privacy.structure import Structure
from responses_tap.protocol.findings import Finding, order
from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.protocol.rules import RULES
from responses_tap.protocol.sse import Frame
from responses_tap.stream.columns import Headers, StreamRow
from responses_tap.stream.judging import checker_for, judged
from responses_tap.stream.model import JudgedStream, Stream, TimedFrame
from responses_tap.stream.over_sse import over_sse
from responses_tap.stream.recorded import stream_of
from responses_tap.urls import split


class Redaction(StrEnum):
    """How much of the content leaves."""

    WHOLE = "whole"
    NO_TEXT = "no text"
    """Each character that user or model wrote is replaced; names, ids and request headers stay."""
    STRUCTURE = "structure only"
    """Only the types of events and objects, indexes, statuses, sizes and times stay; ids are numbered."""


_LETTERS = (1, 2, 2, 4, 8, 26)
"""How many different letters are tried, in turn."""
_WORDLIKE = re.compile(r"[\w.:/@+-]{0,100}", re.ASCII)

_WORDS = frozenset(
    (
        "type", "object", "status", "role", "model", "phase", "reason", "service_tier", "truncation", "effort",
        "verbosity", "tool_choice", "execution", "background", "format", "event", "id", "retry", "name",
        "server_label", "param",
    )
)  # fmt: skip
"""Members whose values are keywords or names, not text; those whose name ends in `_id` are, too."""
_USERS_TEXT = frozenset(("metadata", "attributes", "variables", "headers", "env"))
"""Members in which every value is the user's text, whatever its name."""
_MASKER = Masker()
"""Masks values of headers and parameters here: its fingerprints hold for one run."""


def redacted(stream: JudgedStream, redaction: Redaction) -> JudgedStream:
    """The stream, redacted; UnusableInput where its findings would not survive that."""
    if redaction is Redaction.WHOLE:
        return stream
    stream = over_sse(stream)
    bodies = (None, None) if stream.row is None else (stream.row.request_body, stream.row.response_body)
    before = _checked(stream, stream.row, stream.row, [entry.frame for entry in stream.entries])
    for count, by in product(_LETTERS, Known):
        letters = Letters(count)
        left = _Wording(letters) if redaction is Redaction.NO_TEXT else Structure(stream.entries, letters, *bodies)
        bare = None if stream.row is None else _without_bodies(stream.row, left)
        row = None if bare is None else left.row(bare)
        after = _checked(stream, row, bare, rewrite(stream.entries, left.replace, by))
        if _invariants(after.findings) == _invariants(before.findings):
            # A finding that depends on a socket's other responses cannot be reproduced from one of them.
            others = [_unworded(finding, redaction) for finding in stream.findings if finding.code.startswith("WS")]
            findings = sorted((*after.findings, *others), key=order)
            return replace(after, source=_source(stream, redaction), findings=findings, is_redacted=True)
    raise UnusableInput(stream.name, "cannot be redacted: without its texts its findings would be others")


class _Wording:
    """What stays of the texts of a stream that leaves without what user and model said."""

    def __init__(self, letters: Letters) -> None:
        self._letters = letters

    def replace(self, path: Path, kind: TextKind, text: str) -> str:
        """The replacement for a text at this place of an event or a request."""
        if kind is TextKind.WORD:
            if not LITERAL.fullmatch(text):
                return self._letters.of(text)
            return self._letters.digits(text) if "bytes" in path else text
        if kind is TextKind.KEY:
            return text if _WORDLIKE.fullmatch(text) else self._letters.filled(text)
        return self._letters.filled(text) if is_text(path, text) else text

    def row(self, row: StreamRow) -> StreamRow:
        """The row with all values masked that aren't known to be harmless."""
        return replace(
            row,
            url=_harmless_url(row.url),
            request_headers=_harmless(row.request_headers),
            response_headers=_harmless(row.response_headers),
            end_reason=None if row.end_reason is None else row.end_reason.partition(" (")[0],
            prompt=None if row.prompt is None else self._letters.filled(row.prompt),
        )


def is_text(path: Path, text: str) -> bool:
    """Whether a string at this place of an event or a request is the user's or model's text, not a keyword or name."""
    if not path or not _WORDLIKE.fullmatch(text) or not _USERS_TEXT.isdisjoint(path):
        return True
    name = path[-1]
    if name == "code":
        return path[-2:-1] != ("error",)
    return name not in _WORDS and not name.endswith("_id")


def _checked(
    stream: JudgedStream, row: StreamRow | None, original: StreamRow | None, frames: Iterable[Frame]
) -> JudgedStream:
    """The stream with these frames in place of its own (as many), and their findings under the same rules.

    `original` has the request, which decides what a correct response is, and may be missing from the row that leaves.
    """
    profile = (row.profile if row is not None else None) or DEFAULT_PROFILE
    timed = [TimedFrame(frame, entry.at_ns) for entry, frame in zip(stream.entries, frames, strict=True)]
    if row is None or original is None:
        known = Stream(timed)
    else:
        known = stream_of(replace(row, url=original.url, request_body=original.request_body), timed)
    checker = checker_for(known, profile)
    entries = [
        old._replace(frame=new.frame, position=new.position, response=new.response)
        for old, new in zip(stream.entries, judged(known, checker), strict=True)
    ]
    return replace(stream, row=row, entries=entries, findings=checker.findings, calls=[])


def _invariants(findings: Iterable[Finding]) -> list[object]:
    """What must stay the same of findings: all but their wording, which names lengths, names and ids."""
    return [(f.response, f.code, f.severity, f.position, f.scope, f.missing, f.count, f.evidence) for f in findings]


def _source(stream: JudgedStream, redaction: Redaction) -> str:
    return "stream" if redaction is Redaction.STRUCTURE else FilePath(stream.source).name


def _unworded(finding: Finding, redaction: Redaction) -> Finding:
    """A finding from the whole stream; where only structure leaves, its message names nothing."""
    if redaction is not Redaction.STRUCTURE:
        return finding
    return replace(finding, text=re.sub(r"\{\w+\}", "…", RULES[finding.code].message), notes=[])


def _without_bodies(row: StreamRow, left: _Wording | Structure) -> StreamRow:
    """The row with the texts of its bodies replaced."""
    response = row.response_body
    return replace(
        row,
        request_body=None if row.request_body is None else rewrite_json(row.request_body, left.replace),
        response_body=None if response is None else rewrite_frame(b"data:" + response, left.replace)[5:],
    )


def _harmless(headers: Headers) -> Headers:
    return tuple((name, value if is_harmless(name) else _MASKER.secret(value)) for name, value in headers)


def _harmless_url(url: str) -> str:
    parts = split(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = [(name, value if is_harmless(name) else _MASKER.secret(value)) for name, value in pairs]
    return urlunsplit(parts._replace(query=urlencode(query), fragment=""))
