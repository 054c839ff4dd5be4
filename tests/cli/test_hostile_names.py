"""Hostile file names and texts of recordings, where commands print them: terminals, CI logs, parsers, shells."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.shell_completion import get_completion_class
from click.testing import CliRunner
from tests.conftest import body
from tests.strangers import BAD, LIVE

from responses_tap.escaping import printable
from responses_tap_viewer.cli import main
from responses_tap_viewer.streams import find_stream


@pytest.fixture
def oddly_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A stream with findings in a file with a hostile name, in the current folder."""
    monkeypatch.chdir(tmp_path)
    name = "\x1b]52;c;QUFB\x07 ::error::x,y:z%0A##[add-path]\n<b>\u202e&amp;'\"\\é\ufffe.sse"
    Path(name).write_bytes(BAD.read_bytes())
    return name


def test_github_reads_one_command_a_finding_and_the_name_of_the_file(oddly_named: str) -> None:
    missing = f"no{oddly_named}"
    result = CliRunner().invoke(main, ["check", oddly_named, missing, "--format", "github"])
    assert result.exit_code == 2
    lines = result.stdout.splitlines()
    assert all(re.match("::(error|warning|notice) (file=[^:,]*,line=[0-9]+,)?title=[^:,]*::", line) for line in lines)
    assert len(lines) == len(find_stream(oddly_named).findings) + 1
    assert "##[" not in result.stdout
    file = re.search("file=([^,]*),", result.stdout)
    assert file is not None
    shown = file[1].replace("%2C", ",").replace("%3A", ":").replace("%25", "%")
    assert shown == printable(oddly_named).replace("##[", r"##\x5b")
    assert len(result.stderr.splitlines()) == 1
    assert printable(result.stderr.rstrip("\n")) == result.stderr.rstrip("\n")


def test_junit_sarif_and_json_are_read_by_their_parsers(oddly_named: str, tmp_path: Path) -> None:
    item = {"id": LIVE, "type": f"t\ufffe{LIVE}", "status": LIVE}
    Path("live.sse").write_bytes(
        body(
            {"type": "response.created", "response": {"id": LIVE, "model": LIVE}},
            {"type": "response.output_item.added", "output_index": 0, "item": item},
        )
    )
    paths = [oddly_named, "live.sse", "no\x1b.sse"]
    formats = ("junit", "sarif", "json")
    results = {format_: CliRunner().invoke(main, ["check", *paths, "--format", format_]) for format_ in formats}
    assert {result.exit_code for result in results.values()} == {2}
    suite = ET.fromstring(results["junit"].stdout)
    assert [case.get("classname") for case in suite.iter("testcase")] == [
        printable(oddly_named),
        "live.sse",
        "responses-tap",
    ]
    said = [printable(finding.message) for path in paths[:2] for finding in find_stream(path).findings]
    texts = "".join(element.text or "" for element in suite.iter())
    assert all(message in texts for message in said)
    run_ = json.loads(results["sarif"].stdout)["runs"][0]
    uris = {found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for found in run_["results"]}
    assert all(re.fullmatch(r"[A-Za-z0-9%._~/-]+", uri) for uri in uris)
    assert not re.search(r"\]\(", "".join(found["message"]["text"] for found in run_["results"]))
    streams = json.loads(results["json"].stdout)["streams"]
    assert [stream["source"] for stream in streams] == paths[:2]
    assert streams[1]["response_id"] == LIVE
    for result in results.values():
        assert printable(result.output.replace("\n", "")) == result.output.replace("\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "{}"],
        ["show", "{}#9"],
        ["check", "{}"],
        ["check", "no{}"],
        ["check", "a", "--{}"],
        ["{}"],
        ["list", "{}"],
        ["list", "no{}"],
        ["check", "a", "--format", "{}"],
        ["list", "--filter", "{}:1"],
        ["rules", "{}"],
        ["clients", "{}"],
        ["replay", "no{}"],
        ["diff", "{}", "no{}"],
        ["diff", "--taps", "{}", "{}"],
        ["export", "{}", "-o", "no/{}"],
        ["export", "{}", "--format", "curl"],
        ["import", "{}", "--db", "{}.db"],
        ["rm", "{}#1"],
        ["prune", "no{}", "--keep", "1"],
        ["recheck", "no{}"],
        ["replay", "{}", "--listen", "{}"],
        ["check", "{}", "--select", "{}"],
    ],
    ids=" ".join,
)
def test_no_name_reaches_the_terminal_unescaped(oddly_named: str, arguments: list[str]) -> None:
    result = CliRunner().invoke(main, [argument.replace("{}", oddly_named) for argument in arguments], color=True)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert r"\x1b]52" in result.output
    shown = re.sub("\x1b\\[[0-9]{1,2}m", "", result.output).replace("\n", "")
    assert printable(shown) == shown


def test_the_words_of_a_trigger_and_of_a_close_reason_are_printable(tmp_path: Path) -> None:

    db = tmp_path / "mine.db"
    assert CliRunner().invoke(main, ["import", str(BAD), "--db", str(db)]).exit_code == 0
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("UPDATE streams SET end_reason = ?", (f"closed: {LIVE}".replace("\ud800", ""),))
        raised = "\x1b]52;c;QUFB\x07\n::error::x"
        connection.execute(f"CREATE TRIGGER t BEFORE DELETE ON streams BEGIN SELECT RAISE(ABORT, '{raised}'); END")
        connection.commit()
    for arguments in (["show", f"{db}#1"], ["list", str(db)], ["rm", f"{db}#1"]):
        result = CliRunner().invoke(main, arguments, color=True)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        shown = re.sub("\x1b\\[[0-9]{1,2}m", "", result.output).replace("\n", "")
        assert printable(shown) == shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_that_completes_gets_one_offer_a_stream(
    tmp_path: Path, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(main, ["import", str(BAD), "--db", "mine.db"]).exit_code == 0
    with closing(sqlite3.connect("mine.db")) as connection:
        connection.execute("UPDATE streams SET model = ?", ("m\nplain\n--evil\tx\nplain,--evil\x1b[2J",))
        connection.commit()
    line = "responses-tap show mine.db#"
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", "mine.db#" if shell == "fish" else "2")
    complete = get_completion_class(shell)
    assert complete is not None
    told = complete(main, {}, "responses-tap", "_RESPONSES_TAP_COMPLETE").complete()
    assert len(told.splitlines()) == (3 if shell == "zsh" else 1)
    assert told.count("\t") == (shell == "fish")
    assert "\x1b" not in told
