"""A report as a self-contained page: readable without network or script, and usable by keyboard alone.

Its design is in page/: the frame (page.html), the style and a few lines of script.
"""

import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from string import Template

from responses_tap.errors import UnusableInput
from responses_tap.escaping import html
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.rules import RULES, fix
from responses_tap.stream.model import Entry, JudgedStream
from responses_tap.stream.timeline import MISSING, TimelineRow, label, timeline
from responses_tap_viewer.reports.axis import axis
from responses_tap_viewer.reports.curl_script import command
from responses_tap_viewer.reports.event_lists import event_list
from responses_tap_viewer.reports.facts import Titles, Words, facts, headline, weighty, where
from responses_tap_viewer.reports.links import linked
from responses_tap_viewer.reports.resend import resend_request
from responses_tap_viewer.reports.text import counted

_PAGE = Path(__file__).with_name("page")
_CODE = re.compile(r"`([^`]+)`|\b(response(?:\.[a-z_]+)+)\b")
_ITEM = re.compile(r"\[(\d{1,6})")
_ITEM_COLORS = 6
_MOST_JSON = 8_000_000
"""Characters of events on a page: more make browsers slow."""


def page(streams: Sequence[JudgedStream]) -> str:
    """The streams as one page."""
    title = headline(streams[0]) if len(streams) == 1 else counted(len(streams), "Responses stream")
    sections = [Section(stream, f"s{n}", len(streams)) for n, stream in enumerate(streams, 1)]
    contents = "\n".join(_contents(sections)) if len(sections) > 1 else ""
    main = "\n".join(line for section in sections for line in section.lines())
    return document(title, "stream", main, contents=contents)


def document(title: str, kind: str, main: str, *, contents: str = "", **tools: str) -> str:
    """A page with the style and script of its `kind`: what is in page/ for all and for that one."""
    style = "".join(map(_part, ("page.css", f"{kind}.css")))
    script = _part(f"{kind}.js")
    return Template(_part("page.html")).substitute(
        title=html(title),
        generator=f"responses-tap {version('responses-tap')}",
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        contents=contents,
        tools=Template(_part(f"{kind}_tools.html")).substitute(tools).rstrip("\n"),
        main=main,
    )


def _part(name: str) -> str:
    path = _PAGE / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _hash(text: str) -> str:
    """The source by which the page's policy allows an element, so that no other of its kind has any effect."""
    return b64encode(sha256(text.encode()).digest()).decode()


def _contents(sections: "Iterable[Section]") -> Iterator[str]:
    yield '<nav aria-label="Streams"><ol>'
    yield from (f'<li><a href="#{s.id}">{html(s.stream.name)}</a>: {html(headline(s.stream))}</li>' for s in sections)
    yield "</ol></nav>"


class Section:
    """A stream's section of the page; all ids in it begin with the section's own."""

    def __init__(self, stream: JudgedStream, id_: str, streams: int) -> None:
        self.stream = stream
        self.id = id_
        self._left = _MOST_JSON // streams
        self._entries = {entry.n: entry for entry in stream.entries}
        self._findings = sorted(stream.findings, key=lambda finding: finding.severity.rank)
        self._numbers = {id(finding): n for n, finding in enumerate(self._findings, 1)}
        self._titles = Titles(stream)
        self._span = max((entry.at_ns or 0 for entry in stream.entries), default=0)

    def lines(self) -> Iterator[str]:
        """The section as HTML."""
        yield f'<section aria-labelledby="{self.id}">'
        yield f'<h2 id="{self.id}">{html(self.stream.name)}</h2>'
        yield from self._summary()
        if self._span:
            yield from axis(self.stream.entries, self.stream.findings, self._span)
        yield '<div class="columns"><div>'
        yield f'<h3 id="{self.id}-timeline">Timeline</h3>'
        yield from self._timeline()
        yield f"</div><div><h3>Findings ({len(self._findings)})</h3>"
        yield from self._finding_list()
        yield "</div></div>"
        yield from self._reproduce()
        yield from self._messages()
        yield "<h3>Environment</h3>"
        yield from _list(facts(self.stream))
        yield "</section>"

    def _summary(self) -> Iterator[str]:
        """What, where and how to fix it, of the first finding, and how many there are."""
        findings = weighty(self.stream)
        if not findings:
            yield "<p>No findings.</p>"
            return
        first = findings[0]
        counts = Counter(finding.severity for finding in findings)
        numbers = [counted(counts[severity], severity) for severity in Severity if counts[severity]]
        yield '<dl class="summary">'
        yield f"<dt>What</dt><dd>{_pill(first)} {_coded(first.message)}</dd>"
        yield f"<dt>Where</dt><dd>{self._place(first)}</dd>"
        if fix_ := fix(first.code, Severity.ERROR, first):
            yield f'<dt>Fix</dt><dd><span id="{self.id}-fix">{_coded(fix_)}</span> {_copy(f"{self.id}-fix")}</dd>'
        yield f"<dt>Findings</dt><dd>{html(', '.join(numbers))}</dd></dl>"

    def _place(self, finding: Finding) -> str:
        words = html(where(finding))
        if finding.position is None:
            return words
        return f'<a href="#{self._row_id(finding.response, finding.position)}">{words}</a>'

    def _finding_list(self) -> Iterator[str]:
        if not self._findings:
            yield "<p>None.</p>"
            return
        yield '<ol class="findings">'
        for finding in self._findings:
            id_ = f"{self.id}-f{self._numbers[id(finding)]}"
            yield f'<li class="{html(finding.severity)}" id="{id_}">'
            yield f"<h4>{_pill(finding)} {_title(self._titles.finding(finding))}</h4>"
            yield f"<p>{html(f'{finding.code} {finding.name}')}: {_coded(finding.message)}</p>"
            yield f"<dl><dt>Where</dt><dd>{self._place(finding)}</dd>"
            yield from _page_of(finding, id_)
            yield "</dl></li>"
        yield "</ol>"

    def _reproduce(self) -> Iterator[str]:
        yield "<h3>How to reproduce</h3>"
        check = "uvx responses-tap check stream.sse"
        try:
            request = resend_request(self.stream)
        except UnusableInput:
            yield "<p>Check the attached stream:</p>"
            lines = check
        else:
            secrets = ", ".join(f"<code>{html(name)}</code>" for name in dict.fromkeys(request.variables.values()))
            masked = f"; the secrets that are masked here come from {secrets}" if secrets else ""
            yield f"<p>Send the request again and check the response{masked}:</p>"
            lines = "\n".join(command(request)) + f" > stream.sse\n{check}"
        id_ = f"{self.id}-curl"
        yield f'<pre tabindex="0" id="{id_}" aria-label="Commands">{_escaped(lines)}</pre>{_copy(id_)}'

    def _timeline(self) -> Iterator[str]:
        if not self.stream.entries:
            yield "<p>The response is not an event stream.</p>"
            return
        columns = "Event number, time since the request, time since the previous row, position on the time axis, event."
        yield f"<p>{columns} Each row expands to its JSON; runs of deltas are collapsed (× N).</p>"
        yield f'<ol class="rows" aria-labelledby="{self.id}-timeline">'
        before = 0
        for row, found in _grouped(timeline(self.stream.entries, self.stream.findings)):
            yield from self._row(row, found, before)
            if row is not None and row.at_ns is not None:
                before = row.until_ns or row.at_ns
        yield "</ol>"

    def _row(self, row: TimelineRow | None, found: list[Finding], before: int) -> Iterator[str]:
        found_class = ' class="found"' if found else ""
        if row is None or row.kind == "missing":
            yield f"<li{found_class or ' class="absent"'}>"
            if row is not None:
                yield f'<div class="row missing">{self._cells(row, before)}</div>'
        else:
            is_named = row.position is not None
            id_ = f' id="{self._row_id(row.response, row.position)}"' if is_named else ""
            yield f'<li{found_class}{id_}><details><summary class="row">{self._cells(row, before)}</summary>'
            yield f'<pre tabindex="0" aria-label="{html(row.type)}">{self._content(row)}</pre></details>'
        if found:
            yield '<ul class="said">'
            for finding in found:
                name = html(f"{finding.code} {finding.name}")
                link = f'<a href="#{self.id}-f{self._numbers[id(finding)]}">{name}</a>'
                words = f"{_pill(finding)} {link}: {_coded(finding.message)}"
                yield f'<li class="{html(finding.severity)}">{words}</li>'
            yield "</ul>"
        yield "</li>"

    def _cells(self, row: TimelineRow, before: int) -> str:
        position = "" if row.position is None else row.position
        time = "" if row.at_ns is None or not self._span else f"{row.at_ns / 1e9:.3f} s"
        since = "" if row.at_ns is None or not self._span else f"+{(row.at_ns - before) / 1e9:.3f}"
        mark = f'<span class="mark" aria-hidden="true">{MISSING}</span> ' if row.kind == "missing" else ""
        return (
            f'<span class="number">{html(position)}</span><span class="time">{time}</span>'
            f'<span class="time since">{since}</span>{self._track(row)}'
            f'<span class="what{_item_class(row)}" style="--depth:{row.depth}">{mark}{html(row.type)}'
            f'<span class="subject">{html(label(row).removeprefix(row.type))}</span></span>'
        )

    def _track(self, row: TimelineRow) -> str:
        bar = ""
        if row.at_ns is not None and self._span:
            width = ((row.until_ns or row.at_ns) - row.at_ns) / self._span
            bar = f'<i style="left:{row.at_ns / self._span:.2%};width:{width:.2%}"></i>'
        return f'<span class="track" aria-hidden="true">{bar}</span>'

    def _content(self, row: TimelineRow) -> str:
        """What an opened row shows: an event's JSON, or the events of a run, a line each."""
        first = row.n or 0
        entries = [self._entries[n] for n in range(first, first + row.count) if n in self._entries]
        if sum(len(entry.frame.raw) for entry in entries) > self._left:
            return "Omitted: the page would be too large. Use --format json."
        shown = _pretty(entries[0]) if len(entries) == 1 else "\n".join(map(self._line, entries))
        self._left -= len(shown)
        return _escaped(shown)

    def _line(self, entry: Entry) -> str:
        time = "" if entry.at_ns is None or not self._span else f"  {entry.at_ns / 1e9:.3f} s"
        return f"{entry.position}{time}  {(entry.frame.data or b'').decode(errors='replace')}"

    def _messages(self) -> Iterator[str]:
        row = self.stream.row
        if row is None:
            return
        for title, headers, body in (
            ("Request (secrets masked)", row.request_headers, row.request_body),
            ("Response headers", row.response_headers, (row.response_body or b"").decode(errors="replace")),
        ):
            yield f"<details><summary>{title}</summary>"
            yield from _list(headers)
            if body:
                yield f'<pre tabindex="0" aria-label="Body">{_escaped(_indented(body)[:_MOST_JSON])}</pre>'
            yield "</details>"

    def _row_id(self, response: int, position: int | None) -> str:
        return html(f"{self.id}-e{f'{response}-' if response else ''}{position}")


def _grouped(rows: Iterable[TimelineRow]) -> Iterator[tuple[TimelineRow | None, list[Finding]]]:
    """Each row with the findings below it; findings about the end of the stream have rows of their own."""
    row: TimelineRow | None = None
    found: list[Finding] = []
    for following in rows:
        finding = following.finding
        if following.kind != "finding" or finding is None:
            if row is not None or found:
                yield row, found
            row, found = following, []
        elif finding.position is not None or (row is not None and row.finding is finding):
            found.append(finding)
        else:
            yield row, found
            row, found = None, [finding]
    if row is not None or found:
        yield row, found


def _page_of(finding: Finding, id_: str) -> Iterator[str]:
    if finding.code not in RULES:
        return
    page = RULES[finding.code].page(finding)
    yield f'<dt>How to fix</dt><dd><span id="{id_}-fix">{_coded(page.fix)}</span> {_copy(f"{id_}-fix")}</dd>'
    yield f"<dt>Affected clients</dt><dd>{_linked(page.impact)}</dd>"
    yield f"<dt>Expected</dt><dd><pre>{_escaped(chr(10).join(event_list(page.good)))}</pre></dd>"
    yield f"<dt>Specification</dt><dd>{_linked(page.source)}</dd>"


def _list(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield "<dl>"
    yield from (f"<dt>{html(name)}</dt><dd>{html(text)}</dd>" for name, text in pairs)
    yield "</dl>"


def _linked(text: str) -> str:
    return "".join(f'<a href="{html(url)}">{html(words)}</a>' if url else _coded(words) for words, url in linked(text))


def _coded(text: str) -> str:
    """A text whose event names, and what stands between back-ticks, are code."""
    return _CODE.sub(lambda match: f"<code>{match[1] or match[2]}</code>", html(text))


def _title(title: Iterable[Words]) -> str:
    return "".join(_coded(words.text) if words.is_foreign else html(words.text) for words in title)


def _escaped(text: str) -> str:
    """A text of several lines."""
    return "\n".join(map(html, text.split("\n")))


def _copy(id_: str) -> str:
    """A button that copies the text of an element; the script shows it."""
    return f'<button type="button" class="copy" data-copy="{id_}" hidden>Copy</button>'


def _pill(finding: Finding) -> str:
    return f'<span class="pill {html(finding.severity)}">{html(finding.severity)}</span>'


def _item_class(row: TimelineRow) -> str:
    """The colour of a row: that of its item."""
    item = _ITEM.match(row.subject)
    return f" item{int(item[1]) % _ITEM_COLORS}" if item else ""


def _pretty(entry: Entry) -> str:
    data = entry.frame.data
    return _indented((entry.frame.raw if data is None else data).decode(errors="replace"))


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
