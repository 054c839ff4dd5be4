"""Reports on a stranger's recording: renderers, parsers and a browser find nothing active but our own markup."""

import html as entities
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from tests.browser import CHROMIUM, Browser
from tests.conftest import body
from tests.strangers import BAD, LIVE, asked, written

from responses_tap.errors import RecordingError
from responses_tap.escaping import printable
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.streams import find_stream


def hostile(folder: Path) -> JudgedStream:
    """A stream with hostile text wherever there can be text, and where a recording should have a number."""
    item = {"id": LIVE, "type": LIVE, "role": LIVE, "status": LIVE, "content": []}
    events = body(
        {"type": "response.created", "sequence_number": 0, "response": {"id": LIVE, "status": LIVE, "model": LIVE}},
        {"type": f"response.{LIVE}".replace("\n", "").replace("\r", "").replace("\ud800", ""), LIVE: LIVE},
        {"type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": item},
        {
            "type": "response.output_text.delta",
            "item_id": LIVE,
            "output_index": LIVE,
            "content_index": 0,
            "delta": LIVE,
        },
        {"type": "error", "code": LIVE, "message": LIVE, "param": LIVE},
    )
    answer = folder / "answer.sse"
    answer.write_bytes(events + b": " + LIVE.encode(errors="replace").replace(b"\n", b" ") + b"\n\ndata: {\x1b[2J\n\n")
    stream = asked(folder, f"http://h/{LIVE}", LIVE, (LIVE, LIVE), ("x", LIVE), method=LIVE, answer=answer)
    assert stream.row is not None
    facts: dict[str, Any] = dict.fromkeys(
        (
            "model",
            "host",
            "http_version",
            "response_id",
            "started_at",
            "state",
            "ended_by",
            "end_reason",
            "note",
            "mark",
            "content_encoding",
            "event_count",
            "status",
            "first_code",
        ),
        LIVE,
    )
    findings = [
        *stream.findings,
        replace(stream.findings[0], position=LIVE, response=LIVE),
        replace(stream.findings[0], code=LIVE, name=LIVE, text=LIVE, missing=LIVE, position=LIVE),
    ]
    row = replace(
        stream.row,
        **facts,
        response_headers=((LIVE, LIVE), ("Server", LIVE)),
        response_body=LIVE.encode(errors="replace"),
    )
    return replace(stream, source=LIVE, row=row, findings=findings)


class Rendered(HTMLParser):
    """A renderer's output: elements with their attributes, and the text outside code."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.prose = ""
        self._code = 0
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._code += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.prose += data


def only_ours(report: str) -> None:
    """Whether everything active in a report is ours."""
    page = Rendered(MarkdownIt("gfm-like").render(report))
    tags = {tag for tag, _ in page.elements}
    assert tags <= {"h1", "h2", "h3", "p", "ul", "li", "strong", "code", "pre", "details", "summary", "a", "hr"}
    assert all(set(attributes) <= {"class", "href"} for _, attributes in page.elements)
    links = [attributes["href"] or "" for tag, attributes in page.elements if tag == "a"]
    assert links
    assert not [
        link
        for link in links
        if not re.match(
            "https://(www.openresponses.org|platform.openai.com|github.com/openai|html.spec.whatwg.org)/", link
        )
    ]
    # GitHub looks for these after removing the markup, outside code.
    assert not re.search(r"@octocat|evil-ai|#1\b|GH-1|evil\.invalid|alert|onerror|a block", page.prose)


def test_nothing_in_a_report_is_active_but_our_own_links(tmp_path: Path) -> None:
    stream = hostile(tmp_path)
    report = written(stream, "md")
    only_ours(report)
    assert LIVE[:60] in report
    assert printable(report.replace("\n", "")) == report.replace("\n", "")
    only_ours(written(replace(stream, findings=stream.findings[-1:]), "md") + "\n" + report)


class Page(HTMLParser):
    """A page's elements and their text, by an independent parser."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_no_value_of_a_recording_becomes_an_element_of_the_page(tmp_path: Path) -> None:
    content = written(hostile(tmp_path), "html")
    page = Page(content)
    ours = Page(written(find_stream(str(BAD)), "html"))
    for name in ("script", "style", "meta", "img", "form", "b", "iframe", "input", "base", "link"):
        assert page.tags.count(name) == ours.tags.count(name), name
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "autofocus", "action")]
    assert printable(content.replace("\n", "")) == content.replace("\n", "")
    assert entities.escape(LIVE[:60]) in content


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("format_", ["html", "md"])
def test_a_browser_shows_a_hostile_recording_and_does_nothing(tmp_path: Path, format_: str) -> None:
    file = tmp_path / "report.html"
    content = written(hostile(tmp_path), format_)
    file.write_text(content if format_ == "html" else MarkdownIt("gfm-like").render(content))
    with Browser(tmp_path / "profile") as browser:
        browser.open(file)
        browser.ask("for (const details of document.querySelectorAll('details')) details.open = true")
        browser.until("[...document.querySelectorAll('details')].every((details) => details.open)")
        assert browser.ask("document.querySelectorAll('img, iframe, form, object, embed, b').length") == 0
        assert browser.ask("document.querySelectorAll('script').length") == (1 if format_ == "html" else 0)
        assert browser.ask("document.body.textContent.includes('onerror=alert(1)')") is True
        assert browser.ask("location.href") == file.as_uri()
        assert browser.troubles == []
        assert set(browser.asked) <= {file.as_uri(), "about:blank"}


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_policy_of_the_page_stops_what_would_slip_through(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    act = "document.title = 'PWN'"
    slip = f'<script>{act}</script><img src=x onerror="{act}"><style>body {{ display: none }}</style>'
    file.write_text(written(find_stream(str(BAD)), "html").replace('<main id="main"', f'{slip}<main id="main"'))
    with Browser(tmp_path / "profile") as browser:
        browser.open(file)
        assert browser.ask("document.querySelectorAll('script').length") == 2
        assert browser.ask("document.title") != "PWN"
        assert browser.ask("getComputedStyle(document.body).display") == "block"
        assert len(browser.troubles) >= 3


def test_numbers_that_json_lacks_become_valid_json(tmp_path: Path) -> None:
    stream = find_stream(str(BAD))
    finding = replace(stream.findings[0], scope={"output_index": float("nan"), "content_index": float("-inf")})

    def no_constant(name: str) -> None:
        raise AssertionError(name)

    trace = json.loads(written(replace(stream, findings=[finding]), "json"), parse_constant=no_constant)
    assert trace["streams"][0]["findings"][0]["scope"] == {"output_index": None, "content_index": None}


def test_nothing_in_the_hostile_files_is_active_in_a_report(shared: Path) -> None:
    for name in ("crafted.db#1", "crafted.db#2", "evil.sse", "md.har", "xml-ffff.sse", "curl-nul.har"):
        try:
            stream = find_stream(str(shared / "hostile" / name))
        except RecordingError:  # as damaged as it is hostile
            continue
        only_ours(written(stream, "md"))
        page = Page(written(stream, "html"))
        assert not {"img", "form", "iframe", "base", "b"} & set(page.tags)
        assert [tag for tag in page.tags if tag in ("script", "style")] == ["style", "script"]
