"""What a report says about a stream besides its events: a headline and a few facts, shared by Markdown and HTML."""

from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from typing import NamedTuple

from responses_tap.escaping import printable, shorten
from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.protocol.events import read
from responses_tap.protocol.findings import Finding, Severity, path_of
from responses_tap.protocol.rules import RULES, by_weight
from responses_tap.stream.event_text import error_of
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.reports.text import counted

_LONGEST = 120
"""Characters of a title."""
_ERRORS = ("error", "response.failed", "response.incomplete")


def weighty(stream: JudgedStream) -> list[Finding]:
    """The findings in order; notes only if there is nothing else."""
    worst = by_weight(stream.findings)
    return [finding for finding in worst if finding.severity is not Severity.NOTE] or worst


class Words(NamedTuple):
    """A piece of a title."""

    text: str
    is_foreign: bool = False
    """Whether it may come from the stream: it is code, and never markup."""


def headline(stream: JudgedStream) -> str:
    """What happened in the stream, in a line."""
    return "".join(words.text for words in Titles(stream).stream())


class Titles:
    """What happened in a stream, and what each finding says about it, in a few words."""

    def __init__(self, stream: JudgedStream) -> None:
        self._stream = stream

    def stream(self) -> list[Words]:
        """The first finding, else the error that the stream reports."""
        serious = [finding for finding in weighty(self._stream) if finding.severity is not Severity.NOTE]
        if serious:
            return self.finding(serious[0])
        if error := error_text(self._stream):
            return [Words("The stream reports an error: "), Words(shorten(error, _LONGEST), is_foreign=True)]
        return [Words("A Responses stream without violations")]

    def finding(self, finding: Finding) -> list[Words]:
        """Which event is missing where, or what is wrong."""
        code = Words(f" ({finding.code})") if finding.code in RULES else Words(f" {finding.code}", is_foreign=True)
        if not finding.missing:
            return [Words(shorten(finding.text, _LONGEST), is_foreign=True), code]
        missing = Words(printable(finding.missing), is_foreign=True)
        before = self._types.get((finding.response, finding.position))
        if before is None or finding.missing not in self._types.values():
            return [missing, Words(" is never sent"), code]
        return [Words("Missing "), missing, Words(" before "), Words(printable(before), is_foreign=True), code]

    @cached_property
    def _types(self) -> dict[tuple[int, int | None], str]:
        """The type of each event by response and position."""
        events = ((entry, read(entry.frame.data)) for entry in self._stream.entries if entry.frame.data)
        return {(entry.response, entry.position): event.type or "" for entry, event in events}


def where(finding: Finding) -> str:
    """The event and the part of the response that a finding is about: `event 9, output[0].content[0]`."""
    event = "" if finding.position is None else f"event {finding.position}"
    return printable(", ".join(filter(None, (event, path_of(finding.scope)))) or "the whole stream")


def rule_name(finding: Finding) -> str:
    """`MD301 text-done-missing`; the name is our own, if the rule is a known one."""
    rule = RULES.get(finding.code)
    return f"{finding.code} {finding.name if rule is None else rule.name}"


def facts(stream: JudgedStream) -> Iterator[tuple[str, str]]:
    """What is known about request and response, as names and texts, safe to print."""
    row = stream.row
    if row is None:
        yield "File", f"{printable(stream.name.rpartition('/')[2])}, {counted(len(stream.entries), 'frame')}"
    else:
        if row.url:
            yield "Request", printable(f"{row.method} {row.url} {row.http_version}").strip()
        yield "Started", printable(row.started_at)
        yield "Model", printable(row.model or "unknown")
        if row.turn_words:
            yield "Conversation", f"turn {row.turn} of {row.turns}"
        encoding = f", content-encoding {row.content_encoding}" if row.content_encoding else ""
        status = "" if row.status is None else f"HTTP {row.status}{encoding}; "
        yield "Response", f"{status}{counted(row.event_count, 'event')}, state {row.state}{_times(stream)}"
        if row.ended_by:
            yield "Ended by", f"{row.ended_by} ({printable(row.end_reason or 'reason unknown')})"
        yield from (("Server", printable(value)) for name, value in row.response_headers if name.lower() == "server")
        if row.note:
            yield "Note", printable(row.note)
    if error := error_text(stream):
        yield "Error", printable(error)
    if stream.is_redacted:
        yield "Redacted", "letters stand for what user and model wrote, also in the request"
    yield "Checked by", f"responses-tap {version('responses-tap')}, rules {RULES_VERSION}"


def error_text(stream: JudgedStream) -> str:
    """What the stream says went wrong, in its last error event or failed response; empty where it says nothing."""
    for entry in reversed(stream.entries):
        event = read(entry.frame.data) if entry.position is not None and entry.frame.data else None
        if event is not None and event.type in _ERRORS:
            return error_of(event.data)
    return next((finding.message for finding in stream.findings if finding.code == "TR907"), "")


def _times(stream: JudgedStream) -> str:
    row = stream.row
    if row is None or row.first_byte_ns is None or row.last_byte_ns is None:
        return ""
    return f"; first byte after {row.first_byte_ns / 1e9:.3f} s, last after {row.last_byte_ns / 1e9:.3f} s"
