"""What a report says about a stream besides its events: a headline and a few facts, shared by Markdown and HTML."""

from collections.abc import Iterator
from importlib.metadata import version

from responses_tap.escaping import printable
from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.protocol.events import read
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.rules import RULES, by_weight
from responses_tap.stream.event_text import error_of
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.reports.text import counted

_ERRORS = ("error", "response.failed", "response.incomplete")


def weighty(stream: JudgedStream) -> list[Finding]:
    """The findings in order; notes only if there is nothing else."""
    worst = by_weight(stream.findings)
    return [finding for finding in worst if finding.severity is not Severity.NOTE] or worst


def headline(stream: JudgedStream) -> str:
    """What is wrong with the stream, in a line."""
    serious = [finding for finding in weighty(stream) if finding.severity is not Severity.NOTE]
    if not serious:
        return "A Responses stream without violations"
    first = serious[0]
    more = f" (and {counted(len(serious) - 1, 'more finding')})" if len(serious) > 1 else ""
    return f"{rule_name(first)}: {RULES[first.code].page().what if first.code in RULES else first.message}{more}"


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
        yield "Model", printable(row.model or "not told")
        encoding = f", content-encoding {row.content_encoding}" if row.content_encoding else ""
        status = "" if row.status is None else f"HTTP {row.status}{encoding}; "
        yield "Answer", f"{status}{counted(row.event_count, 'event')}, state {row.state}{_times(stream)}"
        if row.ended_by:
            yield "Ended by", f"{row.ended_by} ({printable(row.end_reason or 'no reason known')})"
        yield from (("Server", printable(value)) for name, value in row.response_headers if name.lower() == "server")
        if row.note:
            yield "Note", printable(row.note)
    if error := error_text(stream):
        yield "Error", printable(error)
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
