"""A bug report that a maintainer can act on: what was sent, what came, what is wrong with it by which sentence of
the specification, how to mend it, how to see it again. It fits a GitHub issue."""  # noqa: D205, D209

import json
import re
import shlex
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.rules import RULES
from responses_tap.timeline import GLYPHS, printable, render, timeline
from responses_tap_viewer.reports.text import counted
from responses_tap_viewer.streams import Stream

if TYPE_CHECKING:
    from responses_tap.store import StreamRow

_MOST_ROWS = 400
"""Rows of a timeline shown: GitHub refuses an issue of more than 65,536 characters."""
_MOST_BODY = 8000
_SPEC = "https://www.openresponses.org/specification"


def bug_report(stream: Stream) -> str:
    """The report on one stream."""
    return "\n".join(_report(stream)) + "\n"


def _report(stream: Stream) -> Iterator[str]:
    worst = sorted(stream.findings, key=lambda finding: finding.severity.rank)
    serious = [finding for finding in worst if finding.severity is not Severity.NOTE]
    yield f"# {_title(serious)}"
    yield ""
    yield from _environment(stream)
    yield from _findings(serious or worst)
    yield from _timeline(stream)
    if stream.row is not None:
        yield from _request(stream.row)
    yield from _reproduce(stream)


def _title(serious: list[Finding]) -> str:
    if not serious:
        return "A Responses stream without violations"
    first = serious[0]
    more = f" (and {counted(len(serious) - 1, 'more finding')})" if len(serious) > 1 else ""
    return f"{first.code} {first.name}: {_text(RULES[first.code].page().what)}{more}"


def _environment(stream: Stream) -> Iterator[str]:
    row = stream.row
    yield "## Environment"
    yield ""
    if row is not None:
        yield f"- Request: `{row.method} {_text(row.url)}`, {row.http_version}, at {row.started_at}"
        yield f"- Model: `{_text(row.model or 'not told')}`"
        encoding = f", content-encoding {row.content_encoding}" if row.content_encoding else ""
        yield f"- Answer: HTTP {row.status}{encoding}; {row.event_count} events, state *{row.state}*"
        if row.ended_by:
            yield f"- Ended by: {row.ended_by} ({_text(row.end_reason or 'no reason known')})"
        yield from (f"- Server: `{_text(value)}`" for name, value in row.response_headers if name.lower() == "server")
    else:
        yield f"- File: `{_text(stream.name.rpartition('/')[2])}`, {len(stream.entries)} frames"
    yield f"- Checked by responses-tap {version('responses-tap')}, rules {RULES_VERSION}"
    yield ""


def _findings(findings: list[Finding]) -> Iterator[str]:
    yield "## Findings"
    yield ""
    for finding in findings:
        page = RULES[finding.code].page()
        at = "" if finding.position is None else f", event {finding.position}"
        yield f"### {GLYPHS[finding.severity]} {finding.code} {finding.name} ({finding.severity}{at})"
        yield ""
        yield _text(finding.message)
        yield ""
        if finding.missing:
            yield f"- **Missing:** `{finding.missing}`"
        yield f"- **Specification:** {page.source}"
        yield f"- **Which clients break:** {page.impact}"
        yield f"- **How to mend it:** {page.fix}"
        yield f"- **Right:** `{page.good}`"
        yield ""
    if not findings:
        yield "None."
        yield ""
    else:
        yield f"The specification is Open Responses, <{_SPEC}>; field lists are those of the OpenAI API."
        yield ""


def _timeline(stream: Stream) -> Iterator[str]:
    yield "## Timeline"
    yield ""
    yield "Event number, seconds since the request, event; runs of deltas are folded (× N)."
    yield ""
    lines = list(render(timeline(stream.entries, stream.findings)))
    shown = lines[:_MOST_ROWS]
    if len(lines) > len(shown):
        shown.append(f"… {len(lines) - len(shown)} more rows; the attached trace has them")
    yield from _fenced("text", "\n".join(shown))


def _request(row: "StreamRow") -> Iterator[str]:
    yield "<details><summary>Request (secrets masked)</summary>"
    yield ""
    head = "\n".join(f"{name}: {value}" for name, value in row.request_headers)
    yield from _fenced("http", printable(f"{row.method} {row.url} {row.http_version}") + "\n" + _text(head, "\n"))
    if row.request_body:
        body = row.request_body
        if len(body) > _MOST_BODY:
            body = f"{body[:_MOST_BODY]}… ({len(body)} characters)"
        yield from _fenced("json", _text(body, "\n"))
    yield "</details>"
    yield ""


def _reproduce(stream: Stream) -> Iterator[str]:
    yield "## How to reproduce"
    yield ""
    row = stream.row
    if row is not None and row.method == "POST":
        yield "Send the request again and check what comes:"
        yield ""
        body = row.request_body or "{}"
        if len(body) > _MOST_BODY:
            body = "@request.json"
        command = (
            f"curl -sN {shlex.quote(row.url)} -H 'Content-Type: application/json'"
            f' -H "Authorization: Bearer $OPENAI_API_KEY" \\\n  -d {shlex.quote(_compact(body))}'
        )
        yield from _fenced("sh", f"{command} > stream.sse\nuvx responses-tap check stream.sse")
    else:
        yield "Check the attached stream:"
        yield ""
        yield from _fenced("sh", "uvx responses-tap check stream.sse")


def _fenced(language: str, text: str) -> Iterator[str]:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{language}"
    yield text
    yield fence
    yield ""


def _compact(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except ValueError:
        return body


def _text(text: str, keep: str = "") -> str:
    """Text from outside, safe in a document: control characters escaped, but for those in `keep`."""
    return keep.join(printable(line) for line in text.split(keep)) if keep else printable(text)
