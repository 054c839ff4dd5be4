"""A rule's page says of clients what was measured, and only of the streams that are like the finding's."""

from typing import Any

import pytest
from tests.conftest import BROKEN, CLEAN

from responses_tap import check
from responses_tap.protocol.faults import FAULTS, plant
from responses_tap.protocol.rules import RULES, measured
from responses_tap.protocol.rules.measured import effects, measurements, said, signature

TEXT = next(path for path in CLEAN if path.stem == "text").read_bytes()
(ITEM_ID,) = check(plant(TEXT, "SC804@5")).findings
CLIENTS = {"a create": {"version": "1.2", "date": "2026-01-02"}, "b": {"version": "3", "date": "2026-03-04"}}


def data(cases: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "clients": CLIENTS, "faults": {ITEM_ID.code: cases}}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Measurements that a test fills in."""
    cases: dict[str, Any] = {}
    monkeypatch.setattr(measured, "measurements", lambda: data(cases))
    monkeypatch.setattr(measured, "_said", measured._said.__wrapped__)  # it keeps what it said of the shipped ones
    return cases


def test_a_page_names_client_version_api_and_error(given: dict[str, Any]) -> None:
    given["x"] = {"a create": {"": 1, 'raises E ("no")': 3}, "b": {"": 4}}
    assert said(ITEM_ID.code) == 'Measured, last on 2026-03-04: a 1.2 create: raises E ("no") in 3 of 4 streams.'
    assert RULES[ITEM_ID.code].page().impact.startswith(said(ITEM_ID.code))


def test_where_none_is_harmed_it_says_so(given: dict[str, Any]) -> None:
    given["x"] = {"a create": {"": 1}, "b": {"": 4}}
    assert "no tested client fails." in said(ITEM_ID.code)


def test_a_rule_that_was_not_measured_says_nothing_of_measurements(given: dict[str, Any]) -> None:
    assert said(ITEM_ID.code) == ""
    assert "Measured" not in RULES[ITEM_ID.code].page().impact


def test_streams_like_the_findings_count_before_the_others(given: dict[str, Any]) -> None:
    given["other"] = {"a create": {"loses text": 9}, "b": {"hangs": 9}}
    given[signature(ITEM_ID)] = {"a create": {"raises E": 1}}
    found = effects(ITEM_ID.code, ITEM_ID)
    assert (found["a create"].words, found["a create"].of) == ("raises E", 1)
    assert found["b"].words == "hangs"  # not measured with one like it: what is known of the rule
    assert effects(ITEM_ID.code)["a create"].words == "loses text"


def test_the_shipped_file_has_every_fault_and_clients_of_both_languages() -> None:
    shipped = measurements()
    assert set(shipped["faults"]) == set(FAULTS)
    assert {"openai-python create", "openai-python stream()", "openai-node stream()", "ai-sdk"} <= set(
        shipped["clients"]
    )
    for code in FAULTS:
        assert effects(code), code
        assert "Measured, last on " in RULES[code].page().impact


def test_what_the_page_says_of_openai_python_is_what_its_sample_shows() -> None:
    assert "openai-python 3.57.0 stream(): raises RuntimeError" in RULES["LC103"].page().impact
    assert "no tested client fails" in RULES["MD301"].page().impact


@pytest.mark.parametrize("sample", BROKEN, ids=lambda path: path.stem)
def test_every_finding_of_a_measured_rule_has_effects(sample: Any) -> None:
    for finding in check(sample.read_bytes()).findings:
        assert effects(finding.code, finding) or finding.code not in FAULTS
