"""A bug of ours in one stream is one line and status 2; every other stream and path is done as usual."""

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from tests.conftest import RECORDINGS

from responses_tap import open_recording
from responses_tap.protocol.events import Event
from responses_tap.protocol.rules.status import UsageMissing
from responses_tap_viewer.cli import main

GOOD = RECORDINGS / "clean/text.sse"
BROKEN = RECORDINGS / "broken/MD301-text-done-missing.sse"
INTERNAL = "caused an internal error, TypeError: unhashable type: 'list' (test_guards.py:"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def complaints(done: Result) -> list[str]:
    """The lines of standard error, without `export`'s summary of what leaves."""
    return [line for line in done.stderr.splitlines() if "credentials masked:" not in line]


def reported(done: Result, name: str) -> None:
    """Assert status 2, and one line about `name` that asks for a report."""
    assert done.exit_code == 2, done.output
    assert not done.exception or isinstance(done.exception, SystemExit)
    (line,) = complaints(done)
    assert f"{name} " in line
    assert INTERNAL in line
    assert line.endswith("please report it")


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A stream that triggers the planted fault."""
    path = tmp_path / "bad.sse"
    path.write_bytes(GOOD.read_bytes().replace(b"resp_1", b"resp_bad"))
    return path


@pytest.fixture
def three(tmp_path: Path, bad: Path) -> Path:
    """A recording of three streams, of which the second is that one."""
    db = tmp_path / "three.db"
    assert run("import", GOOD, bad, BROKEN, "--db", db).exit_code == 0
    return db


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch, bad: Path, three: Path) -> None:
    right = UsageMissing.check

    def check(self: UsageMissing, event: Event, scope: Any) -> None:
        if event.object("response").get("id") == "resp_bad":
            {}[[]]  # type: ignore[index]
        right(self, event, scope)

    monkeypatch.setattr(UsageMissing, "check", check)


@pytest.mark.usefixtures("fault")
def test_check_continues_with_the_other_paths_and_streams(bad: Path, three: Path) -> None:
    done = run("check", bad, BROKEN, "--format", "json")
    reported(done, str(bad))
    report = json.loads(done.stdout)
    assert [(error["source"], INTERNAL in error["message"]) for error in report["errors"]] == [(str(bad), True)]
    assert [stream["findings"][0]["code"] for stream in report["streams"]] == ["MD301"]

    done = run("check", three, "--format", "json")
    reported(done, f"{three}#2")
    report = json.loads(done.stdout)
    assert [error["source"] for error in report["errors"]] == [f"{three}#2"]
    assert [stream["id"] for stream in report["streams"]] == [1, 3]


@pytest.mark.usefixtures("fault")
def test_every_format_of_check_is_whole(bad: Path) -> None:
    for format_ in ("text", "junit", "sarif", "github"):
        done = run("check", bad, BROKEN, "--format", format_)
        reported(done, str(bad))
        assert "MD301" in done.stdout
    assert (
        ET.fromstring(run("check", bad, BROKEN, "--format", "junit").stdout).find("testsuite/testcase/error")
        is not None
    )


@pytest.mark.usefixtures("fault")
def test_recheck_renews_the_others(three: Path) -> None:
    done = run("recheck", three, "--profile", "azure")
    reported(done, f"{three}#2")
    assert "Rechecked 2 streams" in done.stdout
    with open_recording(three) as recording:
        assert [row.profile for row in recording.streams()] == ["azure", "openai", "azure"]


@pytest.mark.usefixtures("fault")
def test_a_damaged_entry_of_a_file_costs_no_other(tmp_path: Path, bad: Path) -> None:
    har = tmp_path / "two.har"
    entry = json.loads(run("export", BROKEN, "--format", "har").stdout)["log"]["entries"][0]
    text = bad.read_text()
    other = json.loads(json.dumps(entry))
    other["response"]["content"]["text"] = text
    del other["_responses_tap"], entry["_responses_tap"]
    for one in (entry, other):
        one["request"]["url"] = "https://h/v1/responses"
    har.write_text(json.dumps({"log": {"version": "1.2", "creator": {}, "entries": [other, entry]}}))
    done = run("check", har, "--format", "json")
    reported(done, f"{har} entry 0")
    assert [stream["findings"][0]["code"] for stream in json.loads(done.stdout)["streams"]] == ["MD301"]


@pytest.mark.usefixtures("fault")
def test_commands_for_one_stream_report_it_in_one_line(bad: Path) -> None:
    for arguments in (("show", bad), ("diff", GOOD, bad), ("export", bad), ("replay", bad)):
        reported(run(*arguments), str(bad))


@pytest.mark.usefixtures("fault")
def test_export_continues_with_the_others(bad: Path) -> None:
    done = run("export", bad, BROKEN, "--format", "json")
    reported(done, str(bad))
    assert [finding["code"] for finding in json.loads(done.stdout)["streams"][0]["findings"]] == ["MD301"]
    done = run("export", "nowhere.sse", BROKEN)
    assert (done.exit_code, len(complaints(done))) == (2, 1)
    assert "MD301" in done.stdout


def test_import_continues_with_the_others(bad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from responses_tap_viewer import importing

    right = importing.head_columns

    def head_columns(path: Path, *arguments: Any) -> Any:
        if path == bad:
            {}[[]]  # type: ignore[index]
        return right(path, *arguments)

    monkeypatch.setattr(importing, "head_columns", head_columns)
    done = run("import", bad, BROKEN, "--db", tmp_path / "r.db")
    reported(done, str(bad))
    with open_recording(tmp_path / "r.db") as recording:
        assert [row.first_code for row in recording.streams()] == ["MD301"]


def test_an_error_outside_any_stream_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from responses_tap_viewer.reports import text

    monkeypatch.setattr(text, "rule_list", lambda: {}[[]])  # type: ignore[index]
    done = run("rules")
    assert done.exit_code == 2
    assert done.stderr.startswith("responses-tap: an internal error, TypeError: unhashable type")


def test_a_name_that_no_file_system_accepts_is_one_line(tmp_path: Path) -> None:
    long = "x" * 300 + ".sse"
    for arguments in (
        ("check", long, BROKEN),
        ("import", long, BROKEN, "--db", tmp_path / "r.db"),
        ("export", long, BROKEN),
    ):
        done = run(*arguments)
        assert done.exit_code == 2
        assert len(complaints(done)) == 1
        assert BROKEN.stem[:5] in done.stdout or "r.db#1" in done.stdout
    for command in ("show", "replay", "list", "recheck"):
        done = run(command, long)
        assert done.exit_code == 2
        assert len(complaints(done)) == 1


def test_ids_of_any_type_are_ordinary_findings(tmp_path: Path) -> None:
    """`output[].id` was a list in the file that crashed check and recheck, and lost the other paths."""
    changed = tmp_path / "odd.sse"
    head, _, last = GOOD.read_bytes().rpartition(b'"output":[{"id":"')
    changed.write_bytes(head + b'"output":[{"id":[[[[]]]],"was":"' + last)
    shutil.copy(BROKEN, tmp_path / "other.sse")
    done = run("check", tmp_path, "--format", "json")
    assert done.exit_code == 1
    odd, other = sorted(json.loads(done.stdout)["streams"], key=lambda stream: stream["source"] != str(changed))
    assert [finding["code"] for finding in odd["findings"]] == ["SC804"]
    assert [finding["code"] for finding in other["findings"]] == ["MD301"]
    assert run("import", changed, "--db", tmp_path / "r.db").exit_code == 0
    assert "0 changed" in run("recheck", tmp_path / "r.db").stdout


def test_the_hostile_file_is_judged_like_any_other(shared: Path) -> None:
    done = run("check", shared / "hostile/agreement-unhashable.min.sse", BROKEN, "--format", "json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["errors"] == []
