"""What people type: it is understood, or the error says what to type instead."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.conftest import BROKEN, CLEAN, RECORDINGS

from responses_tap_viewer.actions.recording.samples import record_samples
from responses_tap_viewer.cli import main

PROGRAM = [sys.executable, "-m", "responses_tap_viewer"]
NO_TEXT_DONE = (RECORDINGS / "broken/MD301-text-done-missing.sse").read_bytes()


def run(*arguments: str, db: Path | None = None) -> Result:
    return CliRunner(env={"RESPONSES_TAP_DB": str(db) if db else ""}).invoke(main, arguments)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("typed") / "demo.db"
    record_samples(db)
    return db


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("error>0", "'error' is unknown (did you mean 'errors'?)"),
        ("zzzz:1", "'zzzz' is unknown (one of id, url,"),
        ("errors > 0", "no spaces around an operator, as in errors>0"),
        ("errors>0 OR warnings>0", "a space means AND, a comma OR, a leading - NOT"),
        ("!model:m", "- for NOT, as in -model:m"),
        ("(errors>0 warnings>0)", "terms without parentheses"),
    ],
)
def test_a_filter_that_no_stream_could_match_is_an_error(recording: Path, text: str, words: str) -> None:
    result = run("list", "--filter", text, db=recording)
    assert result.exit_code == 2
    assert words in result.stderr


def test_quotes_search_for_words_that_are_syntax(recording: Path) -> None:
    assert run("list", "--filter", '"OR" ">" "!x"', db=recording).exit_code == 0


@pytest.mark.parametrize(("typed", "words"), [
    (["rules", "NS"], ["NS201  error", "NS210"]),
    (["rules", "item-not-opened"], ["NS201 item-not-opened (error)"]),
    (["rules", "stream closed before"], ["LC103  error"]),
])  # fmt: skip
def test_rules_are_found_by_prefix_name_and_words(typed: list[str], words: list[str]) -> None:
    result = run(*typed)
    assert result.exit_code == 0
    assert all(text in result.stdout for text in words)


def test_export_takes_all_streams_and_other_names_of_a_format(recording: Path) -> None:
    result = run("export", "--all", "--format", "markdown", db=recording)
    assert result.exit_code == 0
    assert result.stdout.count("\n## Timeline\n") == 6


def test_a_file_name_without_its_option_is_pointed_out(recording: Path, tmp_path: Path) -> None:
    result = run("export", "1", str(tmp_path / "report.md"), db=recording)
    assert result.exit_code == 2
    assert f"report.md does not exist; use -o {tmp_path}/report.md to write to a file" in result.stderr


def test_quiet_leaves_clean_streams_out() -> None:
    clean = run("check", str(CLEAN[0]), "--quiet")
    assert clean.exit_code == 0
    assert len(clean.stdout.splitlines()) == 1
    broken = run("check", "-q", str(RECORDINGS / "broken/MD301-text-done-missing.sse"), str(CLEAN[0]))
    assert "MD301" in broken.stdout
    assert str(CLEAN[0]) not in broken.stdout


def test_a_url_is_no_missing_file() -> None:
    result = run("check", "http://localhost:8000/v1", str(BROKEN[0]))
    assert result.exit_code == 2
    assert "is a URL; save its stream with curl -N, or test the server with `responses-tap probe URL" in result.stderr
    assert BROKEN[0].name in result.stdout


@pytest.mark.parametrize("typed", [["list"], ["view"], ["show"], ["check"]])
def test_a_recording_on_another_machine_is_no_missing_file(typed: list[str]) -> None:
    result = run(*typed, "me@gateway:/var/x.db")
    assert result.exit_code == 2
    assert (
        "is on another machine; copy it here, or run `ssh -t me@gateway responses-tap view /var/x.db`" in result.stderr
    )


@pytest.mark.parametrize("command", ["export", "show", "list", "view", "check"])
def test_a_recording_named_by_an_option_is_pointed_out(command: str) -> None:
    result = run(command, "1", "--db", "mine.db")
    assert result.exit_code == 2
    assert "No such option '--db'. Name the recording (mine.db) or a stream in it (mine.db#3)" in result.stderr


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            ["export", "{db}#1", "--filter", "id>0"],
            "{db}#1 is one stream, where a recording or a file is expected: name",
        ),
        (["list", "{db}#1"], "{db}#1 is one stream, where a recording or a file is expected: name {db}"),
        (["show", "{db}#x"], "{db}#x is not a stream: the ID after # is a number, as in {db}#1"),
        (["check", "{db}#"], "{db}# is not a stream: the ID after # is a number, as in {db}#1"),
        (["list", "{db}", "{db}"], "{db} is a recording already; open one at a time: `responses-tap list {db}`"),
    ],
)
def test_a_stream_is_no_missing_file_and_a_recording_stands_alone(typed: list[str], said: str, recording: Path) -> None:
    result = run(*(word.format(db=recording) for word in typed))
    assert result.exit_code == 2
    assert said.format(db=recording) in result.stderr


def test_check_without_a_path_says_how_to_check_standard_input() -> None:
    result = run("check")
    assert result.exit_code == 2
    assert "Missing argument 'PATH…'. Name files, or - for standard input: responses-tap check - < stream.sse" in (
        result.stderr
    )


def test_rm_can_be_tried_first(recording: Path) -> None:
    result = run("rm", "1", "--dry-run", db=recording)
    assert result.stdout == f"{recording}: 1 stream would be removed (1)\n"
    assert run("show", "1", db=recording).exit_code == 0


def test_an_option_of_the_command_is_sent_behind_two_dashes() -> None:
    result = run("record", "python", "-c", "pass")
    assert result.exit_code == 2
    assert "No such option '-c'. Put -- before the command" in result.stderr


@pytest.mark.parametrize("typed", ["9000", ":9000", "127.0.0.1:9000"])
def test_a_port_alone_is_on_this_machine(typed: str) -> None:
    from responses_tap_viewer.cli.parameters import address

    assert address(typed) == ("127.0.0.1", 9000)
    command = main.commands["record"]
    assert command.make_context("record", ["--port", typed]).params["listen"] == typed


@pytest.mark.parametrize("name", sorted(main.commands))
def test_the_help_of_each_command_has_two_examples(name: str) -> None:
    help_ = run(name, "--help").stdout
    assert help_.partition("Examples:")[2].count("responses-tap ") >= 2


def test_what_a_folder_holds_besides_is_told(tmp_path: Path) -> None:
    for name in ("UP.SSE", "app.log", "lines.ndjson", "notes.md", "LICENSE", ".hidden"):
        (tmp_path / name).write_bytes(NO_TEXT_DONE)
    told = (
        "holds 2 more files that are not looked at (no ending, .md); name a file to have it read, whatever its ending"
    )
    for command, status in (("check", 1), ("list", 0)):
        done = subprocess.run([*PROGRAM, command, str(tmp_path)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (status, f"responses-tap: {tmp_path} {told}\n")
        assert done.stdout.count("● ") + done.stdout.count("✖ ") >= 3


def test_options_that_exclude_each_other_are_named() -> None:
    result = run("diff", str(CLEAN[0]), str(CLEAN[1]), "--side-by-side", "--gateway")
    assert result.exit_code == 2
    assert "--gateway and --by-shape cannot be combined" in result.stderr


def test_closed_streams_are_no_internal_error() -> None:
    command = shlex.join([*PROGRAM, "check", "-"])
    done = subprocess.run(["sh", "-c", f"{command} <&-"], capture_output=True, text=True, check=False)
    assert (done.returncode, "is empty" in done.stderr) == (2, True), done.stderr
    done = subprocess.run(["sh", "-c", f"{command} >&- 2>&-"], input=NO_TEXT_DONE, capture_output=True, check=False)
    assert done.returncode == 1
