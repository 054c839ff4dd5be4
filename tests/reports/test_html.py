"""The report as a page: self-contained, safe, usable by eye, ear and keyboard."""

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from tests.browser import CHROMIUM, Browser
from tests.conftest import BROKEN, CLEAN, RECORDINGS

from responses_tap.escaping import shorten
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.actions.exporting import export
from responses_tap_viewer.actions.recording.samples import record_samples
from responses_tap_viewer.reports import html_page
from responses_tap_viewer.reports.export_formats import FORMATS
from responses_tap_viewer.reports.facts import headline
from responses_tap_viewer.streams import find_stream

VOID = {"meta", "link", "br", "hr", "img", "input"}
STYLE = (Path(html_page.__file__).with_name("page") / "page.css").read_text()


class Page(HTMLParser):
    """The elements of a page, and whether they are well nested."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[tuple[str, str]] = []
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append((self.open[-1] if self.open else "", data))

    @property
    def text(self) -> str:
        return "".join(words for tag, words in self.words if tag not in ("script", "style"))

    def values(self, name: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(name)) is not None]


def page(*streams: JudgedStream) -> str:
    return export(streams, FORMATS["html"]).decode()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("html") / "demo.db"
    record_samples(db)
    return db


def test_every_sample_has_a_well_formed_page() -> None:
    samples = [sample for sample in (*CLEAN, *BROKEN) if not sample.stem.startswith("TR917")]  # that is two streams
    content = page(*(find_stream(str(sample)) for sample in samples))
    whole = Page(content)
    ids = Counter(whole.values("id"))
    assert max(ids.values()) == 1
    links = whole.values("href")
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert {link.partition("//")[0] for link in links if not link.startswith("#")} == {"https:"}
    assert set(whole.values("aria-labelledby")) <= set(ids)
    tags = {tag for tag, _ in whole.elements}
    assert not tags & {"link", "img", "iframe", "object", "form", "base"}
    assert not whole.values("src")
    assert not [value for value in whole.values("style") if "url" in value]
    assert not re.findall(r"@import|url\(|https?:", STYLE)
    headings = [int(tag[1]) for tag, _ in whole.elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))
    assert ("html", {"lang": "en"}) in whole.elements


def test_the_page_says_what_the_stream_is_and_what_is_wrong(recording: Path) -> None:
    whole = Page(page(find_stream(f"{recording}#2")))
    for words in (
        "Missing response.output_item.added before response.content_part.added (NS201)", "3 errors",
        "HTTP 200; 13 events, state completed", "error response.output_text.done is never sent (MD301)",
        "response.output_text.done  [0.0] (missing)", "emit output_text.done, with the full text", "[0.1] × 2",
        "event 8, output[0].content[0]", "How to reproduce", "uvx responses-tap check stream.sse",
        '"type": "response.reasoning_text.delta"'.replace('": "', '":"'), '"sequence_number": 12',
        "LlamaStack before PR 5308",
    ):  # fmt: skip
        assert words in whole.text, words
    (caption,) = [attributes["aria-label"] for tag, attributes in whole.elements if tag == "svg"]
    assert re.fullmatch(r"13 events in [\d.]+ s, the first after [\d.]+ s; the longest silence .*", caption or "")
    assert any(link.startswith("https://www.openresponses.org/specification#:~:text=") for link in whole.values("href"))
    assert "demo.db#2" in whole.text
    assert str(recording) not in whole.text


def test_the_report_begins_with_what_where_and_fix_and_ends_with_the_environment(recording: Path) -> None:
    words = Page(page(find_stream(f"{recording}#2"))).text
    order = ["What", "Where", "Fix", "Timeline", "Findings (3)", "How to reproduce", "Environment", "Checked by"]
    places = [words.index(word, words.index("Skip to the report") + 120) for word in order]
    assert places == sorted(places)
    report = export([find_stream(f"{recording}#2")], FORMATS["md"]).decode()
    headings = [line for line in report.split("\n") if line.startswith(("# ", "## ", "- **"))]
    assert headings[0] == "# Missing `response.output_item.added` before `response.content_part.added` (NS201)"
    assert [line.split(":")[0] for line in headings[1:5]] == ["- **What", "- **Where", "- **Fix", "- **Findings"]
    assert [line for line in headings if line.startswith("## ")] == [
        "## Timeline", "## Findings (3)", "## How to reproduce", "## Environment",
    ]  # fmt: skip


def test_titles_say_what_happened_in_this_stream(tmp_path: Path) -> None:
    for sample, title in (
        ("broken/MD301-text-done-missing", "response.output_text.done is never sent (MD301)"),
        ("broken/LC103-terminal-missing", "response.completed is never sent (LC103)"),
        ("broken/AG601-text-done-differs", None),
        ("clean/failed", "The stream reports an error: server_error The server had an error."),
        ("clean/text", "A Responses stream without violations"),
    ):
        stream = find_stream(str(RECORDINGS / f"{sample}.sse"))
        assert headline(stream) == (title or f"{shorten(stream.findings[0].text, 120)} (AG601)")


def test_item_rows_have_their_colours_and_guides() -> None:
    content = page(find_stream(str(RECORDINGS / "clean/parallel-tool-calls.sse")))
    assert set(re.findall(r'class="what (item\d)"', content)) == {"item0", "item1"}
    assert "--depth:2" in content


def test_a_file_without_times_has_no_axis() -> None:
    whole = Page(page(find_stream(str(CLEAN[0]))))
    assert not [tag for tag, _ in whole.elements if tag == "svg"]


def test_what_a_server_sent_cannot_act_on_the_page(recording: Path, tmp_path: Path) -> None:
    evil = "</pre></script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e${title}$title"
    sample = (RECORDINGS / "broken/MD301-text-done-missing.sse").read_text()
    file = tmp_path / "evil.sse"
    file.write_text(sample.replace('"delta":"', f'"delta":"{evil}').replace("msg_1", evil))
    stream = find_stream(str(file))
    recorded = find_stream(f"{recording}#2").row
    assert recorded is not None
    row = replace(recorded, model=evil, url=f"https://x/{evil}", request_body=evil, response_headers=((evil, evil),))
    whole = Page(page(replace(stream, row=row)))
    assert [tag for tag, _ in whole.elements].count("script") == 1
    assert not [tag for tag, _ in whole.elements if tag == "img"]
    assert "<img src=x onerror=alert(2)>\\u202e${title}$title" in whole.text
    assert "\u202e" not in whole.text


def test_a_page_of_a_huge_stream_leaves_json_out_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_page, "_MOST_JSON", 3000)
    content = page(find_stream(str(CLEAN[0])))
    assert "Omitted: the page would be too large." in content
    assert '"sequence_number": 0' in Page(content).text


def luminance(colour: str) -> float:
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_colour_can_be_read_in_light_and_dark() -> None:
    schemes = [dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{[^}]*\}", STYLE)]
    assert len(schemes) == 2
    for scheme in schemes:
        for name in ("text", "dim", "link", "error", "warning", "note", *(f"item{n}" for n in range(6))):
            for back in ("back", "soft"):
                light, dark = sorted((luminance(scheme[name]), luminance(scheme[back])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, back, scheme[name])


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_browser_shows_it_in_both_schemes_and_the_keyboard_is_enough(recording: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(find_stream(f"{recording}#2")))
    with Browser(tmp_path / "profile") as browser:
        browser.open(file)
        assert browser.ask("document.getElementById('tools').hidden") is False
        browser.press("Tab", 9)
        assert browser.ask("document.activeElement.className") == "skip"
        for expected in ("s1-e2", "s1-e8", "s1-e2"):
            browser.press("n")
            assert browser.ask("document.activeElement.closest('li').id") == expected
        browser.press("N")
        assert browser.ask("document.activeElement.closest('li').id") == "s1-e8"
        assert "2 of 2: " in browser.ask("document.getElementById('said').textContent")
        browser.press("Enter", 13)
        assert browser.ask("document.querySelector('#s1-e8 details').open") is True
        shown = "[...document.querySelectorAll('ol.rows > li')].filter((row) => row.checkVisibility()).length"
        before = browser.ask(shown)
        browser.press("f")
        assert (before, browser.ask(shown)) == (14, 4)
        browser.press("f")
        browser.press("o")
        assert browser.ask("document.querySelectorAll('details:not([open])').length") == 0
        for place, copied in (("s1-fix", "send response.output_item.added"), ("s1-curl", "curl -gsSN")):
            browser.ask("window.copied = ''; navigator.clipboard.writeText = async (text) => { window.copied = text }")
            browser.ask(f"document.querySelector('[data-copy={place}]').click()")
            browser.until(f"window.copied.includes({copied!r})")
        back = "getComputedStyle(document.body).backgroundColor"
        colours = []
        for scheme in ("light", "dark"):
            browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            colours.append(browser.ask(back))
        assert colours == ["rgb(255, 255, 255)", "rgb(14, 17, 22)"]
        for width in (360, 1280, 2200):
            browser.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False
            )
            assert browser.ask("document.documentElement.scrollWidth") <= width
            columns = browser.ask("getComputedStyle(document.querySelector('.columns')).gridTemplateColumns")
            assert (len(columns.split()) == 2) == (width > 2000)
        nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
        roles = Counter(node["role"]["value"] for node in nodes if not node["ignored"])
        assert roles["main"] == 1
        assert roles["toolbar"] == 1
        assert roles["DisclosureTriangle"] >= 13
        names = [node["name"]["value"] for node in nodes if node.get("name") and not node["ignored"]]
        assert any("is never sent (MD301)" in name for name in names)
        assert browser.troubles == []
        assert set(browser.asked) <= {file.as_uri(), "about:blank"}
