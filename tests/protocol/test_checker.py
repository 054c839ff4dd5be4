"""The verdict: the samples, the seed, real captures, and the laws that hold for any stream."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import BROKEN, CLEAN, RECORDINGS, body, events_of

from responses_tap import Checker, Decoder, Severity, check


def codes(data: bytes | list[dict[str, Any]], profile: str = "openai") -> list[str]:
    return [finding.code for finding in check(data, profile).findings]


@pytest.mark.parametrize("sample", CLEAN, ids=lambda p: p.stem)
def test_a_clean_sample_has_no_finding(sample: Path) -> None:
    report = check(sample.read_bytes())
    assert not report.findings
    assert report.responses[0].state in ("completed", "incomplete", "failed")


@pytest.mark.parametrize("sample", BROKEN, ids=lambda p: p.stem)
def test_a_broken_sample_has_exactly_the_finding_it_is_named_after(sample: Path) -> None:
    (finding,) = check(sample.read_bytes()).findings
    assert f"{finding.code}-{finding.name}" == sample.stem


def test_the_done_marker_is_missed_only_where_a_specification_demands_it() -> None:
    text = (RECORDINGS / "clean/text.sse").read_bytes()
    assert codes(text) == []
    assert codes(text, "open-responses") == ["TR909"]
    assert codes(text + b"data: [DONE]\n\n", "open-responses") == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("llamastack-before-pr5308", [("NS201", 2), ("NS205", 2), ("MD301", 8)]),
        ("llamastack-after-pr5308", [("NS201", 2), ("NS205", 2)]),
        ("ogx-1.5.0-plain", [("MD301", 11)]),
        ("ogx-1.5.0-reasoning", [("NS201", 2), ("NS205", 2), ("MD301", 17), ("ID505", 21)]),
        ("ogx-1.5.0-preamble", [("ID505", 8), ("MD301", 13), ("MD306", 15)]),
        ("ogx-1.5.0-parallel", [("ID505", 6)]),
        ("openai-several-mcp-servers", [("MD306", 22), ("MD306", 22)]),
    ],
)
def test_real_servers_are_told_what_they_do_wrong(name: str, expected: list[tuple[str, int]]) -> None:
    report = check((RECORDINGS / f"broken/{name}.sse").read_bytes())
    found = [(f.code, f.position) for f in report.findings if f.severity is not Severity.NOTE]
    assert found == expected


def test_the_seed_names_both_positions_and_counts_instead_of_repeating() -> None:
    report = check((RECORDINGS / "broken/llamastack-before-pr5308.sse").read_bytes())
    not_opened, misplaced, no_done = report.findings
    assert "it is added late (event 5)" in not_opened.message
    assert (not_opened.count, not_opened.missing) == (3, "response.output_item.added")
    assert misplaced.scope == {"output_index": 0, "content_index": 1}
    assert no_done.missing == "response.output_text.done"


def test_the_seed_files_give_the_findings_of_the_bug_report(shared: Path) -> None:
    for name, expected in (("before", ["NS201", "NS205", "MD301"]), ("after", ["NS201", "NS205"])):
        lines = (shared / f"protocol/pr5308-{name}.jsonl").read_text().splitlines()
        assert codes([json.loads(line) for line in lines]) == expected


def test_a_reasoning_item_that_is_never_opened_is_one_finding_with_a_count() -> None:
    events = [e for e in events_of(RECORDINGS / "clean/reasoning-text.sse") if e.get("output_index") != 0 or
              e["type"] not in ("response.output_item.added", "response.output_item.done")]  # fmt: skip
    report = check([{k: v for k, v in e.items() if k != "sequence_number"} for e in events])
    found = {f.code: f for f in report.findings if f.code != "SC803"}
    assert list(found) == ["NS201"]
    assert "it is never added or closed" in found["NS201"].message
    assert found["NS201"].count == 5


def test_captures_of_real_servers_show_what_the_eye_sees_in_them(shared: Path) -> None:
    seen = {
        "ogx-1.5.0-tool": set(),
        "llamastack-0.7.3-tool": set(),
        "llamastack-0.7.3-plain": {"MD301"},
        "ogx-1.5.0+fix-plain": set(),
        "llamastack-0.6.1-text": {"NS201", "NS205", "MD301"},
        "llamastack-0.7.3-reasoning": {"NS201", "NS205", "MD301", "MD311"},
        "llamastack-0.6.1-tool": {"NS201"},
        "ogx-1.5.0-preamble": {"ID505", "MD301", "MD306"},
        "ogx-1.5.0-parallel": {"ID505"},
    }
    for name, expected in seen.items():
        assert set(codes((shared / f"servers/captures/{name}.sse").read_bytes())) - {"TR902"} == expected, name


def test_no_real_openai_or_azure_stream_is_accused(corpus: list[tuple[dict[str, Any], bytes]]) -> None:
    real = [
        (entry["name"], data)
        for entry, data in corpus
        if entry["origin"] in ("openai", "azure") and entry["real"] is True and not entry["edited"]
    ]
    assert len(real) >= 400
    accused = {name: found for name, data in real if not (found := check(data)).ok}
    assert not accused


@pytest.mark.parametrize(
    ("gone", "code"),
    [
        ("response.created", "LC101"),
        ("response.output_item.added", "NS201"),
        ("response.content_part.added", "NS202"),
        ("response.output_text.done", "MD301"),
        ("response.content_part.done", "MD305"),
        ("response.output_item.done", "MD306"),
        ("response.completed", "LC103"),
    ],
)
def test_a_dropped_event_is_named(gone: str, code: str) -> None:
    events = [e for e in events_of(RECORDINGS / "clean/text.sse") if e["type"] != gone]
    for number, event in enumerate(events):
        event["sequence_number"] = number
    assert codes(events) == [code]


def test_two_responses_in_one_body_are_checked_each_alone() -> None:
    first = events_of(RECORDINGS / "clean/text.sse")
    second = json.loads(json.dumps(first).replace("resp_1", "resp_2"))
    del second[9]
    report = check(body(*first, *second))
    assert [r.id for r in report.responses] == ["resp_1", "resp_2"]
    assert {(f.code, f.response) for f in report.findings} == {("MD301", 1)}


def test_what_follows_the_terminal_event_is_no_new_response() -> None:
    events = events_of(RECORDINGS / "clean/text.sse")
    assert "LC106" in codes(body(*events, events[0] | {"sequence_number": 13}))


def test_a_resumed_response_begins_where_it_begins() -> None:
    events = events_of(RECORDINGS / "clean/text.sse")[5:]
    assert check(events, resumed=True).ok
    assert not check(events).ok


def test_an_old_stream_is_not_wrong_for_lacking_what_came_later() -> None:
    events = events_of(RECORDINGS / "clean/text.sse")
    for event in events:
        event.pop("logprobs", None)
        event.pop("sequence_number")
        if "response" in event:
            event["response"]["created_at"] = 1746000000  # 2025-04-30
    assert codes(events) == []


def test_unknown_events_are_kept_and_noted() -> None:
    events = events_of(RECORDINGS / "clean/text.sse")
    events.insert(3, {"type": "acme:thinking", "mood": "good"})
    for number, event in enumerate(events):
        event["sequence_number"] = number
    checker = Checker()
    decoder = Decoder()
    seen = [checker.feed(frame) for frame in decoder.feed(body(*events))]
    assert seen[3] is not None
    assert seen[3].data["mood"] == "good"
    assert {f.severity for f in checker.finish()} == {Severity.NOTE}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300)
@given(st.sampled_from(CLEAN), st.data())
def test_any_value_in_any_field_crashes_nothing(sample: Path, data: st.DataObject) -> None:
    events = events_of(sample)
    event = data.draw(st.sampled_from(events))
    target = data.draw(st.sampled_from([event, *(v for v in event.values() if isinstance(v, dict))]))
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(_JSON)
    report = check(body(*(e for e in events if isinstance(e.get("type"), str))))
    assert all(finding.message for finding in report.findings)


@given(st.binary(max_size=300))
def test_any_bytes_crash_nothing(data: bytes) -> None:
    check(b"data: {" + data + b"\n\n" + data)


@settings(max_examples=50)
@given(st.sampled_from(CLEAN + BROKEN), st.integers(0, 40))
def test_a_prefix_fed_live_is_judged_as_the_prefix_alone(sample: Path, length: int) -> None:
    frames = Decoder().feed(sample.read_bytes())[:length]
    live = Checker()
    for frame in frames:
        live.feed(frame)
        live.findings  # noqa: B018 - looking must not change the verdict
    whole = check(b"".join(frame.raw for frame in frames))
    assert [f.facts() for f in live.finish()] == [f.facts() for f in whole.findings]


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 100_000,
        b'"\\ud800"',
        b"1e400",
        b"123456789012345678901234567890",
        b"-1",
        b"NaN",
        b'"\xff\xfe"',
        b"null",
        b"[[]]",
    ],
)
@pytest.mark.parametrize("field", ["output_index", "item_id", "delta", "sequence_number", "type"])
def test_monstrous_values_crash_nothing(field: str, value: bytes) -> None:
    sample = (RECORDINGS / "clean/text.sse").read_bytes()
    event = b'data: {"type":"response.output_text.delta","' + field.encode() + b'":' + value + b"}\n\n"
    report = check(sample.replace(b"event: response.output_text.done", event + b"event: response.output_text.done"))
    assert report.findings
    assert all(finding.message for finding in report.findings)
