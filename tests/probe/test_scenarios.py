"""Every scenario file: its names, what it refers to, the checks that it calls; and what is said of a bad one."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.exchanges import run
from tests.probe.test_outcomes import outcomes, probed
from tests.right_server import RightServer

from responses_tap_viewer.probe.answer import Answer
from responses_tap_viewer.probe.checks import CHECKS, Observed, fits
from responses_tap_viewer.probe.scenario import GROUPS, SCENARIOS, BadScenario, Scenario, load

ALL = list(load())


def test_every_file_is_of_a_group() -> None:
    assert {path.stem for path in SCENARIOS.glob("*")} == set(GROUPS)


def test_names_are_unique_and_bases_come_first() -> None:
    before: set[str] = set()
    for scenario in ALL:
        assert scenario.name not in before
        assert set(scenario.after) <= before, scenario.name
        assert scenario.after or scenario.name == "text"
        before.add(scenario.name)


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_a_scenario_refers_to_what_is_there(scenario: Scenario) -> None:
    assert re.fullmatch("[a-z][a-z0-9-]*", scenario.name)
    assert scenario.title[0].isupper()
    assert not scenario.title.endswith(".")
    assert scenario.source
    steps = [step.name for step in scenario.ask]
    assert len(set(steps)) == len(steps)
    for number, step in enumerate(scenario.ask):
        for name in re.findall(r"\$\{(?!new:|words:)(\w+)", f"{step.path} {step.body} {step.raw}"):
            assert name == "n" or name in steps[:number] or (name == "mcp" and scenario.local)
        assert not (step.body and step.raw)
    for expectation in scenario.expect:
        assert fits(expectation.check, expectation.arguments) is None
        assert expectation.of in ("", *steps)
        for name in (expectation.arguments.get("as_"), expectation.arguments.get("like", "").partition(".")[0]):
            assert name in (None, "", *steps)


def test_each_scenario_judges_something() -> None:
    for scenario in ALL:
        assert scenario.expect or scenario.refusal in ("wanted", "fine"), scenario.name


BROKEN: dict[str, tuple[str, str]] = {
    "no TOML": ("[[", "text.toml: "),
    "no scenarios": ("x = 1", "text.toml: 'scenario'"),
    "unknown key": ('[[scenario]]\nname = "a"\ntitle = "A"\nsource = "S"\nask = []\nfoo = 1', "a: foo: Extra inputs"),
    "unknown refusal": (
        '[[scenario]]\nname = "a"\ntitle = "A"\nsource = "S"\nask = []\nrefusal = "maybe"', "a: refusal: Input should"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_bad_file_is_named_in_one_line(case: str, tmp_path: Path) -> None:
    content, message = BROKEN[case]
    folder = tmp_path / "scenarios"
    shutil.copytree(SCENARIOS, folder)
    (folder / "text.toml").write_text(content)
    with pytest.raises(BadScenario) as raised:
        list(load(folder))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


CALL = {"type": "function_call", "name": "get_time"}
ONE_CALL = [{"type": "response.output_item.added", "item": CALL}, {"type": "response.output_item.done", "item": CALL}]


@pytest.mark.parametrize(
    ("answer", "check", "asked", "sentence"),
    [
        (Answer(messages=[], first_s=2.96, took_s=3.0), "streams", {"tokens": 20, "seconds": 1.0},
         "no event until the end, after 3.0 s"),
        (Answer(messages=[], first_s=2.0, took_s=3.0), "streams", {"tokens": 20, "seconds": 1.0},
         "no event in the first 2.0 of 3.0 s"),
        (Answer(messages=[json.dumps(event).encode() for event in ONE_CALL]), "items",
         {"type": "function_call", "least": 2}, "1 finished function_call item came; at least 2 must"),
        (Answer(messages=[]), "event", {"type": "keepalive"}, "no keepalive event came"),
    ],
)  # fmt: skip
def test_a_check_says_what_is_missing(answer: Answer, check: str, asked: dict[str, Any], sentence: str) -> None:
    assert CHECKS[check](Observed(answer, {}, {}), **asked) == sentence


def test_the_list_names_every_scenario_and_its_source() -> None:
    listed = run("probe", "--list")
    assert listed.exit_code == 0
    for scenario in ALL:
        alone = " (run by name alone)" if scenario.hosted else ""
        assert f"  {scenario.name}: {scenario.title}{alone}\n      {scenario.source}\n" in listed.output


def test_hosted_scenarios_run_by_name_and_may_be_unsupported(tmp_path: Path) -> None:
    with RightServer() as server:
        status, report = probed(server, tmp_path, "--scenario", "hosted")
    cells: dict[str, Any] = outcomes(report)
    lacking = {"web-search", "file-search", "code-interpreter", "image-generation"}
    assert (set(cells), status) == ({"text", "ws-one"} | {s.name for s in ALL if s.group == "hosted"}, 0)
    assert cells == {name: "unsupported" if name in lacking else "passed" for name in cells}


def test_skipped_scenarios_are_not_run(tmp_path: Path) -> None:
    with RightServer() as server:
        _, report = probed(server, tmp_path, "--scenario", "text", "--skip", "text-long", "--skip", "usage")
    assert set(outcomes(report)) == {s.name for s in ALL if s.group == "text"} - {"text-long", "usage"}
