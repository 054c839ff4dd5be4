"""The matrix in each format, by what reads it: a JUnit reader, a Markdown renderer, an XML parser, Chromium."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import Result
from markdown_it import MarkdownIt
from tests.browser import CHROMIUM, Browser
from tests.exchanges import run
from tests.reports.test_html import Page
from tests.right_server import MODEL, RightServer

SELECTED = ("--scenario", "tools", "--scenario", "body", "--scenario", "verbosity", "--scenario", "compact")
WRONG = ("tool-required", "tool-auto")
HOSTILE = "<script>alert(1)</script>`|\x1b[31m"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The recordings of a run against a right server, and one that doesn't close arguments."""
    db = tmp_path_factory.mktemp("probe") / "p.db"
    with RightServer() as right, RightServer("drop:function_call_arguments.done") as wrong:
        done = run("probe", right.url, wrong.url, "--model", MODEL, "--db", db, *SELECTED)
    assert done.exit_code == 1
    return db, db.with_stem("p-2")


def printed(recordings: tuple[Path, ...], format_: str) -> str:
    return run("probe", "--from", *recordings, "--format", format_).stdout


def test_text_is_a_tree_by_group(recordings: tuple[Path, Path]) -> None:
    text = printed(recordings[1:], "text")
    assert re.search(r"(?m)^tools\n  ▲ tool-required: violated\n      A call comes where one is required: MD307 ", text)
    assert re.search(r"(?m)^      responses-tap show '.*p-2\.db#\d+'\n      curl -gsSN http://127", text)
    assert text.endswith("20 passed, 2 violated\n")


def test_a_selection_leaves_out_the_rest_of_a_recording(recordings: tuple[Path, Path]) -> None:
    def selected(*options: str) -> Result:
        return run("probe", "--from", recordings[1], *options)

    whole = printed(recordings[1:], "text")
    tools = selected("--scenario", "tools").stdout
    assert tools.startswith(f"{whole.partition(chr(10))[0]}\n\ntools\n")
    assert tools.endswith("12 passed, 2 violated\n")
    assert "\ntools\n" not in selected("--skip", "tools").stdout
    nothing = selected("--scenario", "websocket")
    assert (nothing.exit_code, nothing.stdout) == (2, "")
    assert nothing.stderr == "responses-tap: these recordings have no outcome of any selected scenario\n"


def test_junit_has_a_suite_for_each_group(recordings: tuple[Path, Path]) -> None:
    root = ET.fromstring(printed(recordings[1:], "junit"))
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["server", "text", "format", "tools", "state", "errors"]
    tools = suites["tools"]
    assert (tools.get("tests"), tools.get("failures"), tools.get("errors")) == ("14", "2", "0")
    failed = {case.get("name"): case.find("failure") for case in tools if case.find("failure") is not None}
    assert set(failed) == set(WRONG)
    failure = failed["tool-auto"]
    assert failure is not None
    assert failure.get("type") == "violated"
    assert "MD307" in (failure.get("message") or "")
    assert "curl -gsSN" in (failure.text or "")


def test_junit_tells_the_servers_apart(recordings: tuple[Path, Path]) -> None:
    root = ET.fromstring(printed(recordings, "junit"))
    cases = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(cases) == len(set(cases))
    one, two = (name for name, case in cases if case == "tool-auto")
    assert re.fullmatch(r"tools at http://127\.0\.0\.1:\d+/v1", one or "")
    assert one != two


def test_markdown_renders_a_table_and_each_problem(recordings: tuple[Path, Path]) -> None:
    rendered = MarkdownIt("gfm-like").render(printed(recordings, "md"))
    assert rendered.count("<tr>") == 1 + 5 + 22  # the head, the groups, the scenarios
    assert "<td>tool-auto</td>\n<td>● passed</td>\n<td>▲ violated</td>" in rendered
    assert re.findall("<h2>(.*)</h2>", rendered) == [f"{name}, server 2: violated" for name in WRONG]


def test_the_badge_says_how_many_passed(recordings: tuple[Path, Path]) -> None:
    right, wrong = (ET.fromstring(printed((recording,), "badge")) for recording in recordings)
    assert right.get("aria-label") == "Responses API: 22 of 22 passed"
    assert wrong.get("aria-label") == "Responses API: 20 of 22 passed"
    name = "{http://www.w3.org/2000/svg}rect"
    assert right.findall(name)[1].get("fill") != wrong.findall(name)[1].get("fill")


def test_the_page_is_well_formed_and_its_links_lead_somewhere(recordings: tuple[Path, Path]) -> None:
    page = Page(printed(recordings, "html"))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.values("href") if link.startswith("#")} <= set(ids)
    assert "tool-auto" in page.text
    assert "MD307" in page.text


def test_a_reason_is_told_once(tmp_path: Path) -> None:
    with RightServer("limit-hidden") as server:
        run("probe", server.url, "--model", MODEL, "--db", tmp_path / "p.db", "--scenario", "limits")
    made = {name: printed((tmp_path / "p.db",), name) for name in ("text", "junit", "html", "md")}
    told = re.compile(r"ST702 truncation-hidden: .*; it stopped at the limit of 16 tokens, and says completed\b(?! \()")
    assert {name: len(told.findall(content)) for name, content in made.items()} == dict.fromkeys(made, 2)
    assert all(made[name].count("ST702 truncation-hidden") == 2 for name in ("text", "junit", "md"))
    assert "<li>ST702" not in made["html"]
    assert "needs max-output-tokens, which violates the protocol" in made["text"]


def test_warnings_and_errors_have_the_glyphs_of_their_severities(tmp_path: Path) -> None:
    for defect, told in (("drop:output_text.done", "✖ in every answer: MD301"), ("logprobs-null", "▲ in every")):
        with RightServer(defect) as server:
            done = run("probe", server.url, "--model", MODEL, "--db", tmp_path / f"{told[0]}.db", "--scenario", "text")
        assert f"  {told}" in done.stdout
        assert done.stdout.endswith("; 1 finding in every answer\n")
        assert told[:6] in printed((tmp_path / f"{told[0]}.db",), "md")


def test_words_of_a_server_are_text_in_every_format(tmp_path: Path) -> None:
    with RightServer("flaky", words=HOSTILE) as server:
        done = run(
            "probe", server.url, "--model", MODEL, "--db", tmp_path / "p.db", "--scenario", "verbosity", "--repeat", "2"
        )
    assert done.exit_code == 1, done.output
    made = {name: printed((tmp_path / "p.db",), name) for name in ("text", "json", "junit", "html", "md")}
    assert all("\x1b[31m<" not in content for content in made.values())
    assert "<script>alert" not in made["html"]
    assert "alert(1)" in Page(made["html"]).text
    assert "alert(1)" in ET.tostring(ET.fromstring(made["junit"]), encoding="unicode")
    assert "<script>" not in MarkdownIt("gfm-like").render(made["md"])


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_in_a_browser(recordings: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "matrix.html"
    path.write_text(printed(recordings, "html"))
    with Browser(tmp_path / "profile") as browser:
        browser.open(path)
        shown = "[...document.querySelectorAll('tr[data-outcomes]')].filter(r => r.offsetHeight).length"
        assert browser.ask(shown) == 22
        # Only the scenarios that are violated somewhere.
        browser.ask("document.querySelector('button[data-outcome=violated]').click()")
        assert browser.ask(shown) == 2
        assert browser.ask("document.getElementById('said').innerText") == "2 scenarios are shown: violated."
        browser.ask("document.querySelector('button[data-outcome=violated]').click()")
        assert browser.ask(shown) == 22
        # A cell opens what came, by the mouse and by the keyboard.
        browser.ask("document.querySelector('a[href=\"#c1-tool-auto\"]').click()")
        browser.until("document.getElementById('c1-tool-auto').open")
        assert "MD307" in browser.ask("document.getElementById('c1-tool-auto').innerText")
        browser.ask("document.querySelector('#c1-tool-auto details.stream').open = true")
        assert "response.output_item.added" in browser.ask("document.getElementById('c1-tool-auto').innerText")
        browser.press("c")
        assert not browser.ask("document.getElementById('c1-tool-auto').open")
        browser.press("n")
        assert browser.ask("document.activeElement.closest('details').id") == "c1-tool-required"
        # Narrow and dark: nothing is cut off, and the text can be read.
        browser.call("Emulation.setDeviceMetricsOverride", width=360, height=800, deviceScaleFactor=1, mobile=True)
        assert browser.ask("document.documentElement.scrollWidth <= innerWidth")
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        assert browser.ask("getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 22)"
        assert browser.troubles == []
        assert all(url.startswith("file:") for url in browser.asked)
