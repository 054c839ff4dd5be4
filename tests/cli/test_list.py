"""`list`: the streams of a recording, a line each."""

from pathlib import Path

from click.testing import CliRunner, Result
from tests.conftest import RECORDINGS

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
