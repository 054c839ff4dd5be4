"""`impact --all-faults`: measuring what each fault does to clients, and what the rules' pages say of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.clients.conftest import Installed
from tests.conftest import RECORDINGS

from responses_tap.protocol.check import check
from responses_tap.protocol.faults import FAULTS, plant
from responses_tap.protocol.rules import RULES
from responses_tap.protocol.rules.measured import effects, measurements
from responses_tap_viewer.cli import main
from responses_tap_viewer.clients.drivers import DRIVERS

TEXT = RECORDINGS / "clean/text.sse"
FRAGILE = (
    'raised("KeyError: a text without an end") '
    'if "output_text.delta" in (got := body(request)) and "output_text.done" not in got else ok()'
)
"""A client that needs `response.output_text.done`."""


def measure(output: Path, *clients: str) -> tuple[dict[str, Any], str]:
    """The file that is written, and what is printed about it."""
    options = [word for client in clients for word in ("--client", client)]
    result = CliRunner().invoke(main, ["impact", "--all-faults", "-o", str(output), *options])
    assert result.exit_code == 0, result.output
    written: dict[str, Any] = json.loads(output.read_text())
    return written, result.stdout


def test_renewing_the_file_changes_the_measured_client_alone_and_says_what_changed(
    installed: Installed, tmp_path: Path
) -> None:
    installed.fake("pydantic-ai", FRAGILE)
    written, said = measure(tmp_path / "measured.json", "pydantic-ai")
    before = measurements()
    assert written["clients"]["pydantic-ai"]["version"] == "9.9"
    assert f"pydantic-ai: 9.9 (was {before['clients']['pydantic-ai']['version']})" in said
    assert re.search(r'^MD301: pydantic-ai raises KeyError \("a text without an end"\).*before', said, re.MULTILINE)
    for client in before["clients"].keys() - {"pydantic-ai"}:
        assert written["clients"][client] == before["clients"][client]
        assert effects("NS201", data=written).get(client) == effects("NS201").get(client)


def test_the_file_is_the_same_when_nothing_has_changed(installed: Installed, tmp_path: Path) -> None:
    installed.fake("pydantic-ai", "ok()", measurements()["clients"]["pydantic-ai"]["version"])
    first, _ = measure(tmp_path / "first.json", "pydantic-ai")
    second, _ = measure(tmp_path / "second.json", "pydantic-ai")
    assert first == second


@pytest.mark.parametrize("arguments", [[], [str(TEXT), "-o", "x.json"]])
def test_measuring_takes_a_file_and_no_stream(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["impact", "--all-faults", *arguments])
    assert result.exit_code == 2
    assert "-o" in result.stderr


def test_each_fault_has_been_measured_with_each_client_but_those_that_run_tools() -> None:
    expected = {name for name, driver in DRIVERS.items() if not driver.runs_tools}
    assert measurements()["clients"].keys() >= expected
    for code in FAULTS:
        assert effects(code), code


def test_a_page_names_each_client_that_fails_on_any_stream_with_its_version() -> None:
    for code, cases in measurements()["faults"].items():
        impact = RULES[code].page().impact
        harmed = {client for case in cases.values() for client, times in case.items() if any(times)}
        for client in harmed:
            name, _, api = client.partition(" ")
            words = f"{name} {measurements()['clients'][client]['version']} {api}".strip()
            assert words in impact, (code, words)
        assert ("no tested client fails" in impact) == (not harmed), code


def test_a_finding_speaks_of_the_streams_that_are_like_its_own() -> None:
    said = {}
    for seed in range(40):
        report = check(plant(TEXT.read_bytes(), "SC801", seed))
        (finding,) = [each for each in report.findings if each.code == "SC801"]
        said[finding.text] = RULES["SC801"].page(finding).impact
    assert len(set(said.values())) > 1


def test_what_is_not_measured_says_so() -> None:
    for code in RULES.keys() - FAULTS.keys():
        assert "Measured" not in RULES[code].page().impact, code
        assert RULES[code].page().impact, code


def test_every_way_to_read_a_page_has_the_measurement() -> None:
    impact = RULES["ID501"].page().impact
    assert "openai-python 3.57.0 stream()" in impact
    printed = CliRunner().invoke(main, ["rules", "ID501"]).stdout
    assert impact in " ".join(printed.split())
    broken = str(RECORDINGS / "broken/ID501-response-id-changed.sse")
    checked = json.loads(CliRunner().invoke(main, ["check", broken, "--format", "json"]).stdout)
    (finding,) = checked["streams"][0]["findings"]
    assert "openai-python 3.57.0 stream()" in finding["impact"]
    report = CliRunner().invoke(main, ["export", broken]).stdout
    assert "openai-python 3.57.0 stream()" in report
