"""Known findings are tolerated, new ones fail, and so do those that no longer occur."""

import contextlib
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from tests.conftest import RECORDINGS

from responses_tap_viewer.cli import main

BROKEN = (RECORDINGS / "broken/MD301-text-done-missing.sse").read_bytes()
FORMATS = ("json", "github", "junit")
CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.sse").write_bytes(BROKEN)
    Path("b.sse").write_bytes(CLEAN)


def check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments])


def summary(*arguments: str) -> dict[str, int]:
    return json.loads(check(*arguments, "--format", "json").stdout)["summary"]


def test_what_a_baseline_knows_is_tolerated_and_marked() -> None:
    assert check("a.sse", "b.sse", "--baseline", "k.json", "--update-baseline").exit_code == 0
    entry = {"source": "a.sse", "code": "MD301", "scope": {"content_index": 0, "output_index": 0}, "reason": ""}
    assert json.loads(Path("k.json").read_text()) == {"version": 1, "findings": [entry]}
    assert check("a.sse").exit_code == 1
    result = check("a.sse", "--baseline", "k.json", "--format", "json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert [(f["code"], f["baseline"]) for f in report["streams"][0]["findings"]] == [("MD301", True)]
    assert {name: report["summary"][name] for name in ("error", "baseline", "stale")} == {
        "error": 0,
        "baseline": 1,
        "stale": 0,
    }
    assert "(in the baseline)" in check("a.sse", "--baseline", "k.json").stdout
    assert 'failures="0"' in check("a.sse", "--baseline", "k.json", "--format", "junit").stdout
    assert "::error" not in check("a.sse", "--baseline", "k.json", "--format", "github").stdout
    sarif = json.loads(check("a.sse", "--baseline", "k.json", "--format", "sarif").stdout)
    assert sarif["runs"][0]["results"][0]["baselineState"] == "unchanged"


def test_a_new_finding_fails_and_a_stale_one_is_named_and_fails() -> None:
    check("a.sse", "b.sse", "--baseline", "k.json", "--update-baseline")
    Path("b.sse").write_bytes(BROKEN)
    assert check("a.sse", "b.sse", "--baseline", "k.json").exit_code == 1
    Path("b.sse").write_bytes(CLEAN)
    Path("a.sse").write_bytes(CLEAN)
    result = check("a.sse", "--baseline", "k.json", "--format", "json")
    assert (result.exit_code, json.loads(result.stdout)["summary"]["stale"]) == (1, 1)
    assert "MD301 in a.sse (content_index 0, output_index 0) is in the baseline and no longer occurs" in result.stderr


def test_every_format_names_what_is_stale() -> None:
    check("a.sse", "--baseline", "k.json", "--update-baseline")
    Path("a.sse").write_bytes(CLEAN)
    printed = {name: check("a.sse", "--baseline", "k.json", "--format", name).stdout for name in FORMATS}
    entry = {"source": "a.sse", "code": "MD301", "scope": {"content_index": 0, "output_index": 0}}
    assert json.loads(printed["json"])["stale"] == [entry]
    assert printed["github"].startswith("::error file=k.json,title=MD301 is stale::MD301 in a.sse (")
    suite = ET.fromstring(printed["junit"])[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    case = suite.findall("testcase")[1]
    assert (case.get("classname"), str(case.get("name"))[:14]) == ("k.json", "MD301 in a.sse")
    assert "no longer occurs; take it out of k.json" in str(case[0].get("message"))
    assert "stale" not in json.loads(check("a.sse", "--format", "json").stdout)


def test_only_what_was_checked_can_be_stale() -> None:
    check("a.sse", "--baseline", "k.json", "--update-baseline")
    assert check("b.sse", "--baseline", "k.json").exit_code == 0
    assert check("a.sse", "--baseline", "k.json", "--ignore", "MD").exit_code == 0
    Path("a.sse").unlink()
    assert check("b.sse", "--baseline", "k.json").exit_code == 1


@pytest.mark.parametrize(
    ("folder", "path"), [("caps", "a.sse"), ("caps", "."), ("other", "../caps"), (".", "{here}/caps"), (".", "link")]
)
def test_sources_are_named_from_the_folder_of_the_baseline(folder: str, path: str, tmp_path: Path) -> None:
    for name in ("caps", "other"):
        Path(name).mkdir()
    Path("a.sse").rename("caps/a.sse")
    Path("link").symlink_to("caps/a.sse")
    known, paths = str(tmp_path / "k.json"), path.format(here=tmp_path)
    assert check("caps", "--baseline", "k.json", "--update-baseline").exit_code == 0
    written = Path("k.json").read_text()
    assert json.loads(written)["findings"][0]["source"] == "caps/a.sse"
    with contextlib.chdir(folder):
        assert check(paths, "--baseline", known).exit_code == 0
        assert check(paths, "--baseline", known, "--update-baseline").exit_code == 0
        assert Path(known).read_text() == written
        (tmp_path / "caps/a.sse").write_bytes(CLEAN)
        assert check(paths, "--baseline", known).exit_code == 1
        (tmp_path / "caps/a.sse").unlink()
        assert "MD301 in caps/a.sse" in check(str(tmp_path / "b.sse"), "--baseline", known).stderr


def test_a_source_outside_of_the_baselines_folder_stays_as_given(tmp_path: Path) -> None:
    Path("ci").mkdir()
    baseline = ("--baseline", "ci/k.json")
    for given, written in (("a.sse", "../a.sse"), (f"{tmp_path}/a.sse", f"{tmp_path}/a.sse")):
        assert check(given, *baseline, "--update-baseline").exit_code == 0
        assert json.loads(Path("ci/k.json").read_text())["findings"][0]["source"] == written
        assert [check(path, *baseline).exit_code for path in ("a.sse", str(tmp_path))] == [0, 0]
        Path("ci/k.json").unlink()


def test_a_baseline_of_an_earlier_version_is_relative_to_the_current_folder() -> None:
    Path("ci").mkdir()
    entry = {"source": "./a.sse", "code": "MD301", "scope": {"content_index": 0, "output_index": 0}, "reason": "why"}
    Path("ci/k.json").write_text(json.dumps({"version": 1, "findings": [entry]}))
    assert check("a.sse", "--baseline", "ci/k.json").exit_code == 0
    assert check("b.sse", "--baseline", "ci/k.json").exit_code == 0
    assert check("a.sse", "--baseline", "ci/k.json", "--update-baseline").exit_code == 0
    assert json.loads(Path("ci/k.json").read_text())["findings"] == [entry | {"source": "../a.sse"}]


def test_an_update_keeps_reasons_and_what_was_not_checked() -> None:
    check("a.sse", "--baseline", "k.json", "--update-baseline")
    document = json.loads(Path("k.json").read_text())
    document["findings"][0]["reason"] = "issue 7"
    Path("k.json").write_text(json.dumps(document))
    Path("b.sse").write_bytes(BROKEN)
    for paths in (["a.sse", "b.sse"], ["b.sse"]):
        assert check(*paths, "--baseline", "k.json", "--update-baseline").exit_code == 0
        findings = json.loads(Path("k.json").read_text())["findings"]
        assert [(f["source"], f["reason"]) for f in findings] == [("a.sse", "issue 7"), ("b.sse", "")]
    Path("b.sse").write_bytes(CLEAN)
    check("b.sse", "--baseline", "k.json", "--update-baseline")
    assert [f["source"] for f in json.loads(Path("k.json").read_text())["findings"]] == ["a.sse"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "doesn't exist; --update-baseline writes it"),
        ("{", "isn't JSON"),
        ('{"version": 2}', "isn't a baseline of version 1"),
        ('{"version": 1, "findings": 1}', "no list of findings"),
        ('{"version": 1, "findings": [{"source": "a", "scope": {}}]}', "finding 0 lacks source, code or scope"),
    ],
)
def test_what_is_not_a_baseline_is_one_line(content: str | None, words: str) -> None:
    if content is not None:
        Path("k.json").write_text(content)
    result = check("a.sse", "--baseline", "k.json")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert words in result.stderr


def test_a_baseline_is_only_updated_if_it_is_named() -> None:
    assert check("a.sse", "--update-baseline").exit_code == 2


def test_statistics_count_findings_by_rule() -> None:
    Path("b.sse").write_bytes(BROKEN + BROKEN.replace(b"resp_1", b"resp_2"))
    lines = check("a.sse", "b.sse", "--statistics").stdout.splitlines()
    assert "     3  MD301 text-done-missing  in 3 streams" in lines
    document = check("a.sse", "--statistics", "--format", "json")
    assert (document.exit_code, "--statistics prints text; leave out --format" in document.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("stream closed before", "LC103"),
        ("ogx-ai/ogx#5309", "MD301"),
        ("Duplicate response output index", "NS207"),
        ("before receiving its output item", "NS201"),
        ("text done missing", "MD301"),
    ],
)
def test_rules_are_found_by_words_error_texts_and_issues(words: str, code: str) -> None:
    result = CliRunner().invoke(main, ["rules", "--search", words])
    assert result.exit_code == 0
    assert code in result.stdout
    assert "TM001" not in result.stdout


def test_a_search_without_result_says_so() -> None:
    result = CliRunner().invoke(main, ["rules", "--search", "xyzzy"])
    assert (result.exit_code, "no rule's page has 'xyzzy'" in result.stderr) == (2, True)
