"""A report as a self-contained page: readable without network or script, and usable by keyboard alone.

Its design is in page/: the frame (page.html), the style and a few lines of script.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from string import Template

from responses_tap.escaping import html
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.rules import RULES
from responses_tap.stream.model import Entry, JudgedStream
from responses_tap.stream.timeline import GLYPHS, MISSING, TimelineRow, label, timeline
from responses_tap_viewer.reports.axis import axis
from responses_tap_viewer.reports.facts import facts, headline
from responses_tap_viewer.reports.links import linked
from responses_tap_viewer.reports.text import counted

_PAGE = Path(__file__).with_name("page")
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
        self._span = max((entry.at_ns or 0 for entry in stream.entries), default=0)

    def lines(self) -> Iterator[str]:
        """The section as HTML."""
        yield f'<section aria-labelledby="{self.id}">'
        yield f'<h2 id="{self.id}">{html(self.stream.name)}</h2>'
        yield from _list(facts(self.stream))
        if self._span:
            yield from axis(self.stream.entries, self.stream.findings, self._span)
        yield f"<h3>Findings ({len(self._findings)})</h3>"
        yield from self._finding_list()
        yield f'<h3 id="{self.id}-timeline">Timeline</h3>'
        yield from self._timeline()
        yield from self._messages()
        yield "</section>"

    def _finding_list(self) -> Iterator[str]:
        if not self._findings:
            yield "<p>None.</p>"
            return
        yield '<ol class="findings">'
        for finding in self._findings:
            at = ""
            if finding.position is not None:
                row = self._row_id(finding.response, finding.position)
                at = f' <a href="#{row}">at event {html(finding.position)}</a>'
            yield f'<li class="{html(finding.severity)}" id="{self.id}-f{self._numbers[id(finding)]}">'
            yield f"<h4>{_mark(finding)} {html(finding.severity)} {html(f'{finding.code} {finding.name}')}{at}</h4>"
            yield f"<p>{html(finding.message)}</p>"
            yield from _list(_page_of(finding), link=True)
            yield "</li>"
        yield "</ol>"

    def _timeline(self) -> Iterator[str]:
        if not self.stream.entries:
            yield "<p>The answer was no event stream.</p>"
            return
        columns = "Event number, time since the request, time since the row before, place on the time axis, event."
        yield f"<p>{columns} Each row opens to show its JSON; runs of deltas are folded (× N).</p>"
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
                words = f"{html(finding.severity)} {link}: {html(finding.message)}"
                yield f'<li class="{html(finding.severity)}">{_mark(finding)} {words}</li>'
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
            f'<span class="what" style="--depth:{row.depth}">{mark}{html(label(row))}</span>'
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
            return "Left out: the page would be too large. --format json has it."
        shown = _pretty(entries[0]) if len(entries) == 1 else "\n".join(map(self._line, entries))
        self._left -= len(shown)
        return "\n".join(map(html, shown.split("\n")))

    def _line(self, entry: Entry) -> str:
        time = "" if entry.at_ns is None or not self._span else f"  {entry.at_ns / 1e9:.3f} s"
        return f"{entry.position}{time}  {(entry.frame.data or b'').decode(errors='replace')}"

    def _messages(self) -> Iterator[str]:
        row = self.stream.row
        if row is None:
            return
        for title, headers, body in (
            ("Request (secrets masked)", row.request_headers, row.request_body),
            ("Response head", row.response_headers, (row.response_body or b"").decode(errors="replace")),
        ):
            yield f"<details><summary>{title}</summary>"
            yield from _list(headers)
            if body:
                text = "\n".join(map(html, _indented(body)[:_MOST_JSON].split("\n")))
                yield f'<pre tabindex="0" aria-label="Body">{text}</pre>'
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


def _page_of(finding: Finding) -> Iterator[tuple[str, str]]:
    if finding.missing:
        yield "Missing", finding.missing
    if finding.code in RULES:
        page = RULES[finding.code].page(finding)
        yield "Specification", page.source
        yield "Which clients break", page.impact
        yield "How to fix it", page.fix
        yield "Right", page.good


def _list(pairs: Iterable[tuple[str, str]], *, link: bool = False) -> Iterator[str]:
    yield "<dl>"
    for name, text in pairs:
        yield f"<dt>{html(name)}</dt><dd>{_linked(text) if link else html(text)}</dd>"
    yield "</dl>"


def _linked(text: str) -> str:
    return "".join(f'<a href="{html(url)}">{html(words)}</a>' if url else html(words) for words, url in linked(text))


def _mark(finding: Finding) -> str:
    return f'<span class="mark" aria-hidden="true">{GLYPHS[finding.severity]}</span>'


def _pretty(entry: Entry) -> str:
    data = entry.frame.data
    return _indented((entry.frame.raw if data is None else data).decode(errors="replace"))


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
