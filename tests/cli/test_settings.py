"""Settings of `check` in pyproject.toml and responses-tap.toml."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.conftest import RECORDINGS

from responses_tap_viewer.cli import main

SEED = str(RECORDINGS / "broken/llamastack-before-pr5308.sse")


def check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder; the current folder is below it."""
    (tmp_path / "tests" / "streams").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "tests" / "streams")
    return tmp_path


def test_settings_stand_for_options_which_win(project: Path) -> None:
    assert check(SEED).exit_code == 1
    (project / "pyproject.toml").write_text('[tool.responses-tap]\nselect = ["AG"]\nfail-on = "never"\n')
    settled = check(SEED, "--format", "json")
    codes = [found["code"] for found in json.loads(settled.stdout)["streams"][0]["findings"]]
    assert (settled.exit_code, [code for code in codes if not code.startswith("AG")]) == (0, [])
    assert check(SEED, "--select", "MD", "--fail-on", "error").exit_code == 1


def test_the_nearest_file_is_used_and_its_own_file_goes_first(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.responses-tap]\nselect = "AG"\nfail-on = "never"\n')
    (project / "tests" / "pyproject.toml").write_text('[tool.other]\nselect = "ID"\n')
    assert check(SEED).exit_code == 0
    (project / "responses-tap.toml").write_text('select = "MD"\n')
    assert check(SEED).exit_code == 1


def test_a_baseline_is_found_beside_its_settings(project: Path) -> None:
    (project / "responses-tap.toml").write_text('baseline = "known.json"\n')
    assert check(SEED, "--update-baseline").exit_code == 0
    assert (project / "known.json").is_file()
    assert check(SEED).exit_code == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('profil = "openai"', "has an unknown setting 'profil'; known: profile, fail-on, baseline, select, ignore"),
        ('fail-on = "fatal"', "can't be used for the setting 'fail-on': 'fatal' is not one of"),
        ("select = 3", "needs text for the setting 'select'"),
        ('profile = ["openai"]', "needs one text, not a list, for the setting 'profile'"),
        ("select = [", "isn't TOML"),
        ("a = " + "[" * 100_000, "isn't TOML"),
        ('ignore = "XX9"', "toml can't be used for the setting 'ignore': no rule's code begins with XX9"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(settings: str, said: str, project: Path) -> None:
    (project / "responses-tap.toml").write_text(settings)
    result = check(SEED)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert check("--help").exit_code == 0
