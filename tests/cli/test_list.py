"""`list`: the streams of a recording, a line each."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.conftest import RECORDINGS

from responses_tap.stream.filters import FIELDS
from responses_tap_viewer.cli import main

SEED = str(RECORDINGS / "broken/llamastack-before-pr5308.sse")
CLEAN = str(RECORDINGS / "clean/text.sse")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_the_first_findings_are_followed_by_their_fixes(tmp_path: Path) -> None:
    db = str(tmp_path / "r.db")
    assert run("import", SEED, CLEAN, SEED, "--db", db).exit_code == 0
    lines = run("list", db).stdout.splitlines()
    assert lines[4] == ""
    (fix,) = lines[5:]
    assert fix.startswith("NS201 item-not-opened: fix: send response.output_item.added")
    assert fix.endswith("(responses-tap rules NS201)")


def test_where_nothing_was_found_there_is_nothing_to_fix(tmp_path: Path) -> None:
    db = str(tmp_path / "r.db")
    run("import", CLEAN, "--db", db)
    assert len(run("list", db).stdout.splitlines()) == 2


def test_files_and_folders_are_listed_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    (folder / "one.sse").write_bytes(Path(CLEAN).read_bytes())
    done = run("list", SEED, str(folder))
    assert done.exit_code == 0
    first, second = done.stdout.splitlines()[1:3]
    assert first.endswith("✖ 3 errors, first NS201 · llamastack-before-pr5308.sse")
    assert second.endswith("● one.sse")
    assert [row["first_code"] for row in json.loads(run("list", SEED, "--format", "json").stdout)] == ["NS201"]
    assert len(run("list", SEED, CLEAN, "--filter", "errors:0").stdout.splitlines()) == 2


def test_of_paths_that_cannot_be_used_the_others_are_listed(tmp_path: Path) -> None:
    done = run("list", CLEAN, str(tmp_path / "nowhere.sse"))
    assert done.exit_code == 2
    assert done.stdout.splitlines()[1].endswith("● text.sse")
    assert done.stderr.splitlines() == [f"responses-tap: {tmp_path}/nowhere.sse does not exist"]


def test_standard_input_is_listed_and_shown() -> None:
    for command, words in (("list", "standard input"), ("show", "response.completed"), ("export", "MD301")):
        done = CliRunner().invoke(main, [command, "-"], input=Path(SEED).read_bytes())
        assert (done.exit_code, done.stderr) == (0, "") or command == "export"
        assert words in done.stdout


def test_a_file_alone_is_checked_in_a_pipe() -> None:
    for arguments in ([SEED], [SEED, "--format", "json"], ["-"]):
        done = CliRunner().invoke(main, arguments, input=Path(SEED).read_bytes())
        assert done.exit_code == 1
        assert "MD301" in done.stdout
    done = run("nowhere.sse")
    assert (done.exit_code, done.stderr) == (2, "responses-tap: nowhere.sse does not exist\n")
    assert "Did you mean" in run("exprt").stderr or "No such command" in run("exprt").stderr


@pytest.mark.parametrize("name", sorted(main.commands))
def test_the_help_of_each_command_has_two_examples(name: str) -> None:
    examples = run(name, "--help").stdout.partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
    assert len(examples) >= 2
    assert all("responses-tap" in example for example in examples)


def test_help_has_the_whole_language_of_filters() -> None:
    help_ = " ".join(CliRunner().invoke(main, ["list", "--help"]).stdout.split())
    assert "Space = AND, comma = OR, leading - = NOT, * = wildcard." in help_
    assert "A word without a field is searched for in model, url, response_id, prompt, tool, code." in help_
    for name, field in FIELDS.items():
        assert f" {name} {field.meaning}" in help_
