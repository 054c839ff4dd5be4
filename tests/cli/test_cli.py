"""The commands as a user or a script runs them: output, exit status, and one clear line for bad input."""

import fcntl
import json
import os
import random
import re
import signal
import subprocess
import sys
import termios
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import pytest
from click.testing import CliRunner, Result
from tests.conftest import RECORDINGS, events_of
from tests.lengthened import framed, lengthened
from tests.upstream import eventually

from responses_tap.protocol.rules import RULES
from responses_tap_viewer.checking import engines
from responses_tap_viewer.cli import main

CLEAN_TEXT = str(RECORDINGS / "clean/text.sse")
NO_TEXT_DONE = str(RECORDINGS / "broken/MD301-text-done-missing.sse")
SEED = str(RECORDINGS / "broken/llamastack-before-pr5308.sse")


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin)


def test_a_clean_stream_passes() -> None:
    result = run("check", CLEAN_TEXT)
    assert result.exit_code == 0
    assert "0 errors, 0 warnings, 0 notes in 1 stream" in result.stdout


def test_a_finding_is_an_exit_status_and_a_line_with_its_fix() -> None:
    result = run("check", NO_TEXT_DONE)
    assert result.exit_code == 1
    assert "✖ MD301 text-done-missing: output_text part output[0].content[0] closed (event 9)" in result.stdout
    assert "fix: emit output_text.done" in result.stdout
    assert result.stdout.count("(responses-tap rules MD301)") == 1


def test_json_has_the_documented_shape() -> None:
    result = run("check", SEED, "--format", "json")
    report = json.loads(result.stdout)
    assert list(report) == ["version", "profile", "rules", "streams", "errors", "summary"]
    assert (report["version"], report["profile"]) == (1, "openai")
    (stream,) = report["streams"]
    assert {key: stream[key] for key in ("source", "id", "index", "response_id", "model", "state", "events")} == {
        "source": SEED,
        "id": None,
        "index": 0,
        "response_id": "resp_1",
        "model": "m",
        "state": "completed",
        "events": 13,
    }
    assert [(f["code"], f["position"]) for f in stream["findings"]] == [("NS201", 2), ("NS205", 2), ("MD301", 8)]
    assert [f["fields"] for f in stream["findings"]] == [["output_index"], ["part.type"], []]
    assert list(stream["findings"][0]) == [
        "code", "name", "severity", "position", "count", "scope", "fields", "message", "fix", "impact", "source",
        "baseline",
    ]  # fmt: skip
    counts = {"error": 3, "warning": 0, "note": 0, "baseline": 0, "stale": 0}
    assert report["summary"] == {"streams": 1, "events": 13} | counts


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--select", "NS"], 0),
        (["--select", "md3"], 1),
        (["--ignore", "MD301"], 0),
        (["--ignore", "NS,MD"], 0),
        (["--fail-on", "never"], 0),
        (["--fail-on", "warning"], 1),
    ],
)
def test_rules_can_be_chosen(arguments: list[str], status: int) -> None:
    assert run("check", NO_TEXT_DONE, *arguments).exit_code == status


def test_a_warning_fails_only_where_asked() -> None:
    sample = str(RECORDINGS / "broken/ST709-usage-missing.sse")
    assert run("check", sample).exit_code == 0
    assert run("check", sample, "--fail-on", "warning").exit_code == 1


def test_a_profile_changes_severity() -> None:
    sample = str(RECORDINGS / "broken/AG606-terminal-output-empty.sse")
    assert run("check", sample).exit_code == 1
    result = run("check", sample, "--profile", "codex")
    assert result.exit_code == 0
    assert "profile codex" in result.stdout


def test_an_unknown_code_is_wrong_usage() -> None:
    result = run("check", CLEAN_TEXT, "--select", "ZZ9")
    assert result.exit_code == 2
    assert "no rule's code begins with ZZ9" in result.stderr


def test_standard_input_and_folders_are_checked() -> None:
    assert run("check", "-", stdin=Path(NO_TEXT_DONE).read_bytes()).exit_code == 1
    result = run("check", str(RECORDINGS / "clean"), "--format", "json")
    sources = [stream["source"] for stream in json.loads(result.stdout)["streams"]]
    assert CLEAN_TEXT in sources
    assert len(sources) == len(list((RECORDINGS / "clean").glob("*.sse")))


def test_a_file_that_is_named_twice_is_checked_once(tmp_path: Path) -> None:
    folder, first, second, notes = (tmp_path / name for name in ("ds", "ds/b.sse", "ds/sub/a.sse", "ds/notes.txt"))
    second.parent.mkdir(parents=True)
    first.write_bytes(Path(CLEAN_TEXT).read_bytes())
    second.write_bytes(Path(CLEAN_TEXT).read_bytes())
    (tmp_path / "link.sse").symlink_to(second)
    named = map(str, (second, folder, tmp_path / "link.sse", first, second.parent, f"{folder}/sub/../b.sse"))
    report = json.loads(run("check", *named, "--format", "json").stdout)
    assert [stream["source"] for stream in report["streams"]] == [str(second), str(first)]
    assert report["summary"]["streams"] == 2
    notes.write_text("hello")
    assert run("check", str(folder)).exit_code == 0
    result = run("check", str(folder), str(notes))
    assert result.exit_code == 2
    assert result.stderr.count("notes.txt") == 1
    assert run("check", "-", "-", stdin=first.read_bytes()).stderr.count("is empty") == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02binary", "is binary"),
        (b"<html><body>502 Bad Gateway</body></html>", "is HTML"),
        (b'{"version": 1, "name": "x"}', "is JSON"),
        (b"hello\n", "has no `data:` line"),
        ("hello\n".encode("utf-16"), "has no `data:` line"),
        (b'data: {"a":1}\n\n', "events without a type"),
    ],
)
def test_bad_input_is_one_clear_line_and_the_rest_is_still_checked(tmp_path: Path, content: bytes, words: str) -> None:
    bad = tmp_path / "bad.sse"
    bad.write_bytes(content)
    result = run("check", str(bad), NO_TEXT_DONE, "--format", "json")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert str(bad) in line
    assert words in line
    report = json.loads(result.stdout)
    assert report["errors"][0]["source"] == str(bad)
    assert report["summary"]["error"] == 1


def test_a_missing_path_is_one_line() -> None:
    for command in ("check", "show", "export", "replay", "list"):
        result = run(command, "nowhere.sse")
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1, result.stderr
        assert "nowhere.sse does not exist" in result.stderr


def test_show_draws_the_seed_with_a_row_where_an_event_is_missing() -> None:
    lines = run("show", SEED).stdout.splitlines()
    text_done = next(n for n, line in enumerate(lines) if "response.output_text.done  [0.0] (missing)" in line)
    assert lines[text_done].lstrip().startswith("✖")
    assert "8" in lines[text_done + 1]
    assert 'response.content_part.done  [0.0] output_text "4"' in lines[text_done + 1]
    assert "MD301" in lines[text_done + 2]
    advised = " ".join(line.strip() for line in lines[text_done + 3 : text_done + 6])
    assert "fix: emit output_text.done" in advised
    assert "(responses-tap rules MD301)" in advised
    assert any("response.reasoning_text.delta  [0.1] × 2" in line for line in lines)


def test_show_full_unfolds_runs() -> None:
    folded, full = run("show", CLEAN_TEXT).stdout, run("show", CLEAN_TEXT, "--full").stdout
    assert folded.count("response.output_text.delta") == 1
    assert full.count("response.output_text.delta") == 5


def test_one_response_of_several_can_be_shown(tmp_path: Path) -> None:
    two = tmp_path / "two.sse"
    body = Path(CLEAN_TEXT).read_bytes()
    two.write_bytes(body + body.replace(b"resp_1", b"resp_2"))
    assert "has 2 responses" in run("show", str(two)).stderr
    assert "resp_2" in run("show", f"{two}#1").stdout
    assert "there is no 2" in run("show", f"{two}#2").stderr


def test_the_rules_have_pages() -> None:
    listed = run("rules").stdout
    for code, rule in RULES.items():
        assert f"{code}  {rule.severity}" in listed
        page = run("rules", code.lower()).stdout
        assert page.startswith(f"{code} {rule.name}")
        for title in ("Affected clients:", "Wrong:", "Expected:", "How to fix:", "Source:"):
            assert title in page, (code, title)
    assert run("rules", "XX000").exit_code == 2


def test_every_command_has_help_with_an_example() -> None:
    context = click.Context(main)
    for name in main.list_commands(context):
        result = run(name, "--help")
        assert result.exit_code == 0
        assert f"responses-tap {name}" in result.stdout.partition("Examples:")[2], name


@pytest.mark.parametrize("arguments", [["--help"], ["check", CLEAN_TEXT], ["list"], ["show", CLEAN_TEXT], ["rules"]])
def test_quick_commands_import_neither_proxy_nor_terminal_ui(arguments: list[str]) -> None:
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('loaded:', *({'mitmproxy', 'textual'} & set(sys.modules))))\n"
        f"from responses_tap_viewer.cli import main\nmain({arguments!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "loaded:"


@pytest.mark.parametrize(
    "program", [["-m", "responses_tap_viewer"], [str(Path(sys.executable).with_name("responses-tap"))]]
)
def test_ctrl_c_while_it_starts_ends_it_silently(tmp_path: Path, program: list[str]) -> None:
    (tmp_path / "click.py").write_text("import signal; signal.raise_signal(signal.SIGINT)")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    result = subprocess.run([sys.executable, *program, "--help"], env=environment, capture_output=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, b"", b"")


def test_ctrl_c_ends_a_check_with_a_status_of_its_own() -> None:
    """With 1, as click has it, it would look like one that has found errors."""
    program = [sys.executable, "-m", "responses_tap_viewer", "check", "-"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"data: {}\n\n")
        process.stdin.flush()
        eventually(lambda: fcntl.ioctl(process.stdin or 0, termios.FIONREAD, bytes(4)) == bytes(4))  # it reads
        process.send_signal(signal.SIGINT)
        assert process.communicate() == (b"", b"responses-tap: interrupted\n")
        assert process.returncode == 130


def test_colour_is_for_terminals_only() -> None:
    coloured = CliRunner().invoke(main, ["check", NO_TEXT_DONE], color=True)
    assert "\x1b[31m" in coloured.stdout
    assert "\x1b" not in run("check", NO_TEXT_DONE).stdout
    plain = CliRunner(env={"NO_COLOR": "1"}).invoke(main, ["check", NO_TEXT_DONE], color=True)
    assert "\x1b" not in plain.stdout


def test_auto_chooses_a_profile_and_says_why(tmp_path: Path) -> None:
    azure = tmp_path / "azure.sse"
    azure.write_text(Path(CLEAN_TEXT).read_text().replace('"background"', '"content_filters":[],"background"'))
    assert "profile azure: the response has content_filters" in run("check", str(azure), "--profile", "auto").stdout
    report = json.loads(run("check", CLEAN_TEXT, "--profile", "auto", "--format", "json").stdout)
    assert report["profile"] == "auto"
    assert report["streams"][0]["profile"] == "openai"


def test_junit_fails_a_case_for_each_broken_response() -> None:
    result = run("check", CLEAN_TEXT, NO_TEXT_DONE, "nowhere.sse", "--format", "junit")
    suite = ET.fromstring(result.stdout).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    (failure,) = suite.iter("failure")
    assert "line 29: MD301 text-done-missing" in (failure.text or "")


def test_sarif_places_findings_in_the_file_and_explains_every_rule() -> None:
    log = json.loads(run("check", NO_TEXT_DONE, "nowhere.sse", "--format", "sarif").stdout)
    (sarif,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert {rule["id"] for rule in sarif["tool"]["driver"]["rules"]} == set(RULES)
    (result,) = sarif["results"]
    assert sarif["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "MD301"
    place = result["locations"][0]["physicalLocation"]
    lines = Path(NO_TEXT_DONE).read_text().splitlines()
    assert "response.content_part.done" in lines[place["region"]["startLine"] - 1]
    assert not sarif["invocations"][0]["executionSuccessful"]


def test_github_annotations_name_file_and_line() -> None:
    result = run("check", NO_TEXT_DONE, "--format", "github")
    assert result.stdout.startswith(f"::error file={NO_TEXT_DONE},line=29,title=MD301 text-done-missing::")
    assert "; fix: emit output_text.done" in result.stdout
    assert result.stdout.rstrip().endswith("(responses-tap rules MD301)")
    assert len(result.stdout.splitlines()) == 1


def test_a_line_is_right_behind_thousands_of_deltas(tmp_path: Path) -> None:
    rng = random.Random(3)
    events = [e for e in events_of(RECORDINGS / "clean/two-parts.sse") if e["type"] != "response.output_text.done"]
    frames = framed(lengthened(events, rng, 3000, odd=0), rng)
    lines = b"".join(frames).splitlines()
    (file := tmp_path / "long.sse").write_bytes(b"".join(frames))
    annotations = run("check", str(file), "--format", "github").stdout.splitlines()
    missing = [int(re.findall(r"line=(\d+)", line)[0]) for line in annotations if "MD301" in line]
    assert len(lines) > 3000
    assert len(missing) == 2
    assert all(b"response.content_part.done" in lines[n - 1] for n in missing)


def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.sse"
    os.mkfifo(pipe)
    result = run("check", str(pipe))
    assert result.exit_code == 2
    assert "is not a regular file" in result.stderr


def test_many_large_files_are_checked_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_MUCH_BYTES", 1)
    monkeypatch.setattr(engines, "_MOST_UNITS", 8)
    result = run("check", str(RECORDINGS / "broken"), "nowhere.sse", "--format", "json")
    alone = [run("check", str(path), "--format", "json").stdout for path in sorted((RECORDINGS / "broken").iterdir())]
    streams = [stream for text in alone for stream in json.loads(text)["streams"]]
    report = json.loads(result.stdout)
    assert report["streams"] == streams
    assert [error["source"] for error in report["errors"]] == ["nowhere.sse"]
    assert result.exit_code == 2


def test_one_enormous_line_is_a_finding_not_a_crash(tmp_path: Path) -> None:
    huge = tmp_path / "huge.sse"
    huge.write_bytes(b"data: {" + b"x" * (20 << 20) + b"}\n\n" + Path(CLEAN_TEXT).read_bytes())
    report = json.loads(run("check", str(huge), "--format", "json").stdout)
    assert [finding["code"] for finding in report["streams"][0]["findings"]] == ["TR902", "TR903"]


def test_a_resumed_body_is_checked_as_the_rest_of_one(tmp_path: Path) -> None:
    rest = (RECORDINGS / "clean/text.sse").read_bytes().split(b"\n\n")[5:]
    (tmp_path / "rest.sse").write_bytes(b"\n\n".join(rest))
    assert run("check", str(tmp_path / "rest.sse")).exit_code == 1
    assert run("check", str(tmp_path / "rest.sse"), "--resume").exit_code == 0
