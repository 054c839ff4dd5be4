"""A bug report that a maintainer can act on: what is wrong, where, by which sentence of the specification, how to fix
it and how to reproduce it; the environment comes last. It fits a GitHub issue.

Content from outside is in code spans and fenced blocks, where no markup is active.
"""  # noqa: D205

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from responses_tap.errors import UnusableInput
from responses_tap.escaping import code_block, code_span, printable
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.rules import RULES, fix
from responses_tap.stream.columns import Headers, StreamRow
from responses_tap.stream.model import JudgedStream
from responses_tap.stream.timeline import GLYPHS, TimelineRow, render, timeline
from responses_tap_viewer.reports.curl_script import command
from responses_tap_viewer.reports.event_lists import event_list
from responses_tap_viewer.reports.facts import Titles, Words, facts, rule_name, weighty, where
from responses_tap_viewer.reports.links import linked
from responses_tap_viewer.reports.resend import resend_request
from responses_tap_viewer.reports.text import counted

MOST = 65_536
"""Characters of a GitHub issue."""
_LEAST = 6_000
"""The minimum for each stream of a large bundle."""
_UNFOLDED = 3
"""How many findings are shown in full; the others are folded."""
_LONG = 60
"""A timeline of at least this many lines is folded."""
_NEAR = 3
"""Rows that a shortened timeline keeps on either side of a finding."""
_RULER = "\n---\n\n"


def bug_report(streams: Sequence[JudgedStream], clients: Sequence[Sequence[str]] = ()) -> str:
    """The report on these streams, one by one; `clients` has, for each, lines on what clients made of it."""
    share = max(_LEAST, (MOST - len(_RULER) * len(streams)) // len(streams))
    said = clients or [()] * len(streams)
    return _RULER.join(_report(stream, share, lines) for stream, lines in zip(streams, said, strict=True))


def _report(stream: JudgedStream, most: int, clients: Sequence[str]) -> str:
    """The report on one stream, of at most `most` characters; the timeline gets what the rest leaves."""
    titles = Titles(stream)
    opening = _joined([f"# {_marked(titles.stream())}", "", *_summary(stream)])
    findings = _joined([*_findings(stream, titles, most * 2 // 5), *clients])
    closing = _joined([*_messages(stream.row, most // 8), *_reproduce(stream, most // 8), "", *_environment(stream)])
    left = most - len(opening) - len(findings) - len(closing) - 200
    return opening + _joined(_timeline(stream, left)) + findings + closing.rstrip("\n") + "\n"


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _marked(title: Iterable[Words]) -> str:
    return "".join(code_span(words.text) if words.is_foreign else words.text for words in title)


def _summary(stream: JudgedStream) -> Iterator[str]:
    """What, where and how to fix it, of the first finding, and how many there are."""
    findings = weighty(stream)
    if not findings:
        return
    first = findings[0]
    yield f"- **What:** {code_span(first.message)}"
    yield f"- **Where:** {code_span(where(first))}"
    if advised := fix(first.code, Severity.ERROR, first):
        yield f"- **Fix:** {advised}"
    counts = Counter(finding.severity for finding in findings)
    numbers = [counted(counts[severity], severity) for severity in Severity if counts[severity]]
    yield f"- **Findings:** {', '.join(numbers)}"
    yield ""


def _environment(stream: JudgedStream) -> Iterator[str]:
    yield "## Environment"
    yield ""
    yield from (f"- {name}: {code_span(text)}" for name, text in facts(stream))
    yield ""


def _findings(stream: JudgedStream, titles: Titles, most: int) -> Iterator[str]:
    findings = weighty(stream)
    yield f"## Findings ({len(findings)})"
    yield ""
    if not findings:
        yield "None."
        yield ""
        return
    texts = [_joined(_finding(finding, titles)) for finding in findings]
    fitting, left = 0, most
    while fitting < len(texts) and len(texts[fitting]) <= left:
        left -= len(texts[fitting])
        fitting += 1
    yield "".join(texts[: min(fitting, _UNFOLDED)]).rstrip("\n")
    yield ""
    if fitting > _UNFOLDED:
        yield from _folded(counted(fitting - _UNFOLDED, "more finding"), ["".join(texts[_UNFOLDED:fitting])])
    if rest := findings[fitting:]:
        lines = [f"- {_head(finding)}" for finding in rest][: max(1, left // 100)]
        unsaid = [f"- … and {counted(len(rest) - len(lines), 'more')}"] if len(rest) > len(lines) else []
        yield from _folded(f"{counted(len(rest), 'finding')} in short", [*lines, *unsaid])


def _head(finding: Finding) -> str:
    # A recording from elsewhere may have anything there.
    event = finding.position if isinstance(finding.position, int) else code_span(finding.position)
    at = "" if finding.position is None else f", event {event}"
    name = rule_name(finding) if finding.code in RULES else code_span(rule_name(finding))
    return f"{GLYPHS[finding.severity]} {name} ({finding.severity}{at})"


def _finding(finding: Finding, titles: Titles) -> Iterator[str]:
    yield f"### {_marked(titles.finding(finding))}"
    yield ""
    yield f"{_head(finding)}: {code_span(finding.message)}"
    yield ""
    yield f"- **Where:** {code_span(where(finding))}"
    if finding.code in RULES:
        page = RULES[finding.code].page(finding)
        yield f"- **How to fix:** {page.fix}"
        yield f"- **Affected clients:** {_linked(page.impact)}"
        yield f"- **Specification:** {_linked(page.source)}"
        yield "- **Expected:**"
        yield ""
        yield code_block("text", "\n".join(event_list(page.good)))
    else:
        yield ""


def _timeline(stream: JudgedStream, most: int) -> Iterator[str]:
    lines = _fitting(timeline(stream.entries, stream.findings), most)
    yield "## Timeline"
    yield ""
    yield "Event number, seconds since the request, event; runs of deltas are collapsed (× N)."
    yield ""
    block = [code_block("text", "\n".join(lines))]
    yield from _folded(counted(len(lines), "line"), block) if len(lines) > _LONG else block


def _fitting(rows: list[TimelineRow], most: int) -> list[str]:
    """As many rows as fit, as lines: first those around findings, then from the beginning."""
    near = {
        n
        for at, row in enumerate(rows)
        if row.kind in ("finding", "missing")
        for n in range(max(0, at - _NEAR), min(len(rows), at + _NEAR + 1))
    }
    kept: dict[int, str] = {}
    gap = len("… 000000 rows left out\n")
    for n in (*sorted(near), *(n for n in range(len(rows)) if n not in near)):
        text = "\n".join(render([rows[n]], fixes=False))
        most -= len(text) + 1 + (0 if n - 1 in kept else gap)
        if most < gap:
            break
        kept[n] = text
    lines = []
    at = 0
    for n in (*sorted(kept), len(rows)):
        if n > at:
            lines.append(f"… {n - at} rows left out")
        if n in kept:
            lines += kept[n].split("\n")
        at = n + 1
    return lines


def _messages(row: StreamRow | None, most: int) -> Iterator[str]:
    if row is None:
        return
    if row.url:
        head = [f"{row.method} {row.url} {row.http_version}", *_header_lines(row.request_headers)]
        block = [code_block("http", _cut("\n".join(head), most // 2))]
        if row.request_body:
            block.append(code_block("json", _cut(row.request_body, most // 2)))
        yield from _folded("Request (secrets masked)", block)
    if row.response_headers:
        head = _header_lines(row.response_headers)
        yield from _folded("Response headers", [code_block("http", _cut("\n".join(head), most // 2))])


def _header_lines(headers: Headers) -> list[str]:
    """A header a line, whatever is in it."""
    return [printable(f"{name}: {value}") for name, value in headers]


def _reproduce(stream: JudgedStream, most: int) -> Iterator[str]:
    yield "## How to reproduce"
    yield ""
    check = "uvx responses-tap check stream.sse"
    try:
        request = resend_request(stream)
    except UnusableInput:
        yield "Check the attached stream:"
        yield ""
        yield code_block("sh", check)
        return
    body_file = "request.json" if len(request.body or "") > most else ""
    sent = f"Send the request again{f', with its body in `{body_file}`,' if body_file else ''} and check the response"
    secrets = ", ".join(f"`{name}`" for name in dict.fromkeys(request.variables.values()))
    yield f"{sent}; the secrets that are masked here come from {secrets}:" if secrets else f"{sent}:"
    yield ""
    lines = "\n".join(command(request, body_file))
    yield code_block("sh", f"{lines} > stream.sse\n{check}")


def _folded(summary: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"<details><summary>{summary}</summary>"
    yield ""
    yield from lines
    yield "</details>"
    yield ""


def _linked(text: str) -> str:
    return "".join(f"[{words}]({url})" if url and "#" not in words else words for words, url in linked(text))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"
