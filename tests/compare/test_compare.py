"""Comparing two streams: what is ignored, what is reported, and that nothing is reported about equal ones."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import CLEAN, RECORDINGS, body, events_of

from responses_tap.protocol.check import frames_of
from responses_tap.protocol.faults import FAULTS, CannotPlant, plant
from responses_tap.protocol.sse import decode
from responses_tap.stream.model import Entry
from responses_tap_viewer.actions.recording.samples import record_samples
from responses_tap_viewer.cli import main
from responses_tap_viewer.compare.compare import Difference, DifferenceKind, compare

type Event = dict[str, Any]

TEXT = RECORDINGS / "clean/text.sse"
REASONING = RECORDINGS / "clean/reasoning-text.sse"
BEFORE = RECORDINGS / "broken/llamastack-before-pr5308.sse"
AFTER = RECORDINGS / "broken/llamastack-after-pr5308.sse"
SAMPLES = [events_of(path) for path in CLEAN]
_AGAIN = {"TR917"}
"""Faults after which all events come twice: either of them may count as extra."""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["diff", *map(str, arguments)])


def entries(events: list[Event]) -> list[Entry]:
    return [Entry(n, frame, n) for n, frame in enumerate(decode([body(*events)]))]


def differences(a: list[Event], b: list[Event]) -> list[Difference]:
    return compare(entries(a), entries(b)).differences


def changed(events: list[Event], change: Callable[[list[Event]], object]) -> list[Event]:
    copied = copy.deepcopy(events)
    change(copied)
    return copied


def renamed(value: Any) -> Any:
    """The same JSON with other ids, times, models and texts."""
    if isinstance(value, dict):
        return {key: _other(key, inner) for key, inner in value.items()}
    return [renamed(inner) for inner in value] if isinstance(value, list) else value


def _other(key: str, value: Any) -> Any:
    if isinstance(value, str) and (key in ("id", "item_id", "call_id", "model", "text", "delta", "logprobs")):
        return f"{value}x"
    if key in ("created_at", "completed_at", "sequence_number") and isinstance(value, int):
        return value + 1000
    return renamed(value)


@pytest.mark.parametrize("events", SAMPLES, ids=[path.stem for path in CLEAN])
def test_ids_times_and_texts_are_ignored(events: list[Event]) -> None:
    assert differences(events, [renamed(event) for event in events]) == []


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_token_splits_are_ignored(events: list[Event], data: st.DataObject) -> None:
    split = []
    for event in events:
        times = data.draw(st.integers(1, 4)) if event["type"].endswith(".delta") else 1
        split += [event] * times
    assert differences(events, split) == []


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SAMPLES), st.sampled_from(sorted(set(FAULTS) - _AGAIN)), st.integers(0, 99))
def test_swapping_the_streams_swaps_missing_and_extra(events: list[Event], fault: str, seed: int) -> None:
    try:
        frames = frames_of(plant(body(*events), fault, seed))
    except CannotPlant:
        return
    correct, broken = entries(events), [Entry(n, frame, n) for n, frame in enumerate(frames)]
    there, back = compare(correct, broken).differences, compare(broken, correct).differences
    missing = [d.a for d in there if d.kind is DifferenceKind.MISSING]
    extra = [d.b for d in there if d.kind is DifferenceKind.EXTRA]
    assert missing == [d.b for d in back if d.kind is DifferenceKind.EXTRA]
    assert extra == [d.a for d in back if d.kind is DifferenceKind.MISSING]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_an_event_that_one_side_lacks_is_named(events: list[Event], data: st.DataObject) -> None:
    places = [n for n, event in enumerate(events) if not event["type"].endswith(".delta")]
    lost = data.draw(st.sampled_from(places))
    found = differences(events, events[:lost] + events[lost + 1 :])
    assert lost in {position for difference in found for position in difference.a}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SAMPLES), st.sampled_from(SAMPLES))
def test_side_by_side_shows_every_event_of_both_once(a: list[Event], b: list[Event]) -> None:
    pairs = compare(entries(a), entries(b)).pairs
    assert [n for pair in pairs if pair.a for n in pair.a.positions] == _by_first(pair.a for pair in pairs)
    assert sorted(n for pair in pairs if pair.b for n in pair.b.positions) == list(range(len(b)))


def _by_first(steps: Any) -> list[int]:
    return [n for step in sorted((s for s in steps if s), key=lambda s: s.serial) for n in step.positions]


def kinds(a: list[Event], b: list[Event]) -> list[tuple[str, str, str]]:
    return [(str(d.kind), d.what, d.type) for d in differences(a, b)]


def test_each_kind_of_difference_has_its_name() -> None:
    text, calls = events_of(TEXT), events_of(RECORDINGS / "clean/parallel-tool-calls.sse")
    assert kinds(text, text[:2] + text[2:3] * 2 + text[3:]) == [("extra", "event", "response.output_item.added")]
    done = next(n for n, event in enumerate(text) if event["type"] == "response.output_text.done")
    without = changed(text, lambda e: e.pop(done))
    assert kinds(text, without) == [("missing", "event", "response.output_text.done")]
    assert kinds(without, text) == [("extra", "event", "response.output_text.done")]
    late = changed(text, lambda e: e.insert(done + 2, e.pop(done)))
    assert [kind for kind, *_ in kinds(text, late)] == ["moved"]
    first = calls[2]["item"]["id"]
    others = [e for e in calls if first not in (e.get("item_id"), e.get("item", {}).get("id"))]
    assert kinds(calls, others)[0] == ("missing", "item", "function_call")
    reasoning = events_of(REASONING)
    ends = len(reasoning) - 1
    swapped = reasoning[:2] + reasoning[9:ends] + reasoning[2:9] + reasoning[ends:]
    assert kinds(reasoning, swapped) == [("reordered", "item", "reasoning")]
    bare = changed(text, lambda e: e[done].pop("logprobs"))
    (shape,) = differences(text, bare)
    assert [(field.name, field.a, field.b) for field in shape.fields] == [("logprobs", "an array", None)]


def test_a_field_that_one_delta_of_many_lacks_is_reported() -> None:
    events = events_of(TEXT)
    deltas = [n for n, event in enumerate(events) if event["type"] == "response.output_text.delta"]
    (shape,) = differences(events, changed(events, lambda e: e[deltas[-1]].pop("item_id")))
    assert [(field.name, field.a, field.b) for field in shape.fields] == [
        ("item_id", "a string", "a string or nothing")
    ]


def test_the_seeds_sequences_differ_in_a_few_lines() -> None:
    result = run(REASONING, BEFORE, "--ground-truth")
    assert result.exit_code == 1
    told = result.stdout.splitlines()[2:-1]
    assert len(told) <= 5
    assert told[0].startswith("< A sends a reasoning item here (events 2–8: output_item.added, ")
    assert told[0].endswith("; this server does not")
    assert told[1].startswith("> this server sends a reasoning_text part in the message item (events 2–4, 9–10: ")
    assert "begins before response.output_item.added (event 5)" in told[1]
    assert "is still open when output_text part begins (event 6)" in told[1]
    assert told[2].startswith("< A sends response.output_text.done here (event 12); this server does not")
    lines = run(BEFORE, AFTER).stdout.splitlines()
    assert lines[2:] == [
        "> only in B: response.output_text.done (event 8; before A's event 8)  [output_text part of message item]",
        "1 difference",
    ]


def test_the_status_says_whether_there_is_a_difference(tmp_path: Path) -> None:
    assert run(TEXT, TEXT).exit_code == 0
    assert run(TEXT, AFTER).exit_code == 1
    (tmp_path / "a.sse").write_text("hello")
    (tmp_path / "b.sse").write_text(": nothing\n\n")
    for other in ("a.sse", "b.sse", "c.sse"):
        result = run(TEXT, tmp_path / other)
        assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert run(TEXT, TEXT, "--side-by-side", "--format", "json").exit_code == 2


def test_json_has_what_its_help_documents() -> None:
    report = json.loads(run(REASONING, BEFORE, "--format", "json").stdout)
    assert (report["version"], report["same"], report["a"]) == (1, False, str(REASONING))
    assert [d["kind"] for d in report["differences"][:3]] == ["missing", "extra", "missing"]
    assert report["differences"][2]["a"] == [12]
    help_ = run("--help").stdout
    for key in {*report, *report["differences"][0], *report["differences"][-1]["fields"][0]}:
        assert key in help_


@pytest.mark.parametrize("width", [60, 100, 160])
def test_side_by_side_keeps_to_the_width(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = run(REASONING, BEFORE, "--side-by-side").stdout.splitlines()
    assert max(map(len, lines)) <= width
    glyphs = {line[(width - 3) // 2 + 1 :][:1] for line in lines[1:]}
    assert glyphs == {"=", "<", ">", "≠"}


def test_streams_of_a_recording_are_compared_with_files(tmp_path: Path) -> None:
    db = tmp_path / "demo.db"
    record_samples(db)
    assert run(f"{db}#1", f"{db}#1").exit_code == 0
    result = run(f"{db}#2", BEFORE)
    assert result.exit_code in (0, 1)
    assert result.stdout.startswith(f"A: {db}#2\nB: {BEFORE}\n")
