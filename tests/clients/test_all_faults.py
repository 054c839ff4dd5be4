"""`impact --all-faults`: the file that the rules' pages speak from, made and renewed."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.clients.conftest import Installed
from tests.conftest import CLEAN

from responses_tap.protocol.faults import FAULTS
from responses_tap.protocol.rules.measured import measurements
from responses_tap_viewer.actions import fault_runs
from responses_tap_viewer.actions.fault_runs import fault_cases
from responses_tap_viewer.cli import main
from responses_tap_viewer.clients.measured_file import changes, contradictions, renewed, written

TEXT = {"text": next(path for path in CLEAN if path.stem == "text").read_bytes()}
COUNTING = 'ok("Hello, world.") if "response.completed" in body(request) else raised("Cut: no end of it")'


def measured(clients: dict[str, str], effect: dict[str, int]) -> dict[str, Any]:
    known = {name: {"version": version, "date": "2026-01-01"} for name, version in clients.items()}
    return {"version": 1, "clients": known, "faults": {"LC103": {"x": dict.fromkeys(clients, effect)}}}


def test_there_is_a_case_for_every_way_of_every_fault() -> None:
    samples = {path.stem: path.read_bytes() for path in CLEAN}
    assert {case.code for case in fault_cases(samples)} == set(FAULTS)
    assert fault_cases(samples) == fault_cases(samples)


def test_the_effect_is_what_differs_from_the_correct_stream(
    installed: Installed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fault_runs, "clean_samples", lambda: TEXT)
    monkeypatch.setattr(fault_runs, "FAULTS", {code: FAULTS[code] for code in ("LC103", "MD301")})
    installed.fake("pydantic-ai", COUNTING)
    output = tmp_path / "measured.json"
    result = CliRunner().invoke(main, ["impact", "--all-faults", "--client", "pydantic-ai", "-o", str(output)])
    assert result.exit_code == 0, result.output
    found = json.loads(output.read_bytes())
    of_it = {code: [case["pydantic-ai"] for case in found["faults"][code].values() if "pydantic-ai" in case]
             for code in ("LC103", "MD301")}  # fmt: skip
    assert {"": 1} in of_it["MD301"]
    assert any(words.startswith('raises Cut ("no end of') for case in of_it["LC103"] for words in case)
    assert "pydantic-ai: 9.9 (was" in result.stdout
    others = measurements()["clients"].keys() - {"pydantic-ai"}
    assert {name: found["clients"][name] for name in others} == {
        name: measurements()["clients"][name] for name in others
    }


@pytest.mark.parametrize(
    "arguments", [["--all-faults"], ["--all-faults", "x.sse", "-o", "y"], ["x.sse", "-o", "y"], []]
)
def test_all_faults_takes_a_file_and_no_stream(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, ["impact", *arguments]).exit_code == 2


def test_renewing_keeps_the_other_clients_and_says_what_changed() -> None:
    old = measured({"a": "1", "b": "1"}, {"": 2})
    now = renewed(old, measured({"b": "2"}, {"raises E": 2}))
    assert now["faults"]["LC103"]["x"] == {"a": {"": 2}, "b": {"raises E": 2}}
    assert list(changes(old, now)) == ["b: 2 (was 1)", "LC103: b raises E (before: is unharmed)"]
    assert renewed(old, old) == json.loads(written(renewed(old, old))) == {**old, "clients": dict(old["clients"])}
    assert not list(changes(old, old))


def test_a_severity_that_the_measurements_contradict_is_a_line() -> None:
    assert list(contradictions(measured({"a": "1"}, {"": 2}))) == [
        "LC103 is an error, and no tested client fails on any stream"
    ]
    assert not list(contradictions(measured({"a": "1"}, {"raises E": 2})))
