"""Faults and the bench on anything: a stream that can't have a fault says so, and each request gets an answer."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import CLEAN, events_of

from responses_tap.protocol.faults import CannotPlant
from responses_tap_viewer.actions.bench import Bench
from responses_tap_viewer.actions.faulty import draft_of_body, every_fault, fault_named, planted
from responses_tap_viewer.actions.replay_server import Asked

_EVENTS = [events_of(path) for path in CLEAN]
_FAULTS = [fault_named(name) for name in every_fault()]
_DEEP = json.loads("[" * 900 + "]" * 900)
_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.text(max_size=3), st.lists(st.integers(0, 2), max_size=2),
    st.dictionaries(st.sampled_from(["id", "type", "text", "\ud800"]), st.none() | st.text(max_size=3), max_size=2),
    st.sampled_from([10**30, 0.5, "\ud800", _DEEP]),
)  # fmt: skip


@st.composite
def _spoilt(draw: st.DrawFn) -> bytes:
    """A correct sample in which some fields have other values."""
    events: list[Any] = json.loads(json.dumps(draw(st.sampled_from(_EVENTS))))
    for _ in range(draw(st.integers(1, 5))):
        holder: Any = draw(st.sampled_from(events))
        while isinstance(holder, dict) and holder:
            key = draw(st.sampled_from(sorted(holder)))
            if not isinstance(holder[key], dict) or draw(st.booleans()):
                holder[key] = draw(_VALUES)
                break
            holder = holder[key]
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (json.dumps(event.get("type")).encode(), json.dumps(event).encode())
        for event in events
    )


@given(_spoilt(), st.lists(st.sampled_from(_FAULTS), min_size=1, max_size=3), st.integers(0, 20), st.integers(0, 3))
def test_a_fault_is_planted_or_refused(stream: bytes, faults: list[Any], event: int, seed: int) -> None:
    draft = draft_of_body(stream, 0)
    for specs in (faults, [spec._replace(event=event) for spec in faults]):
        try:
            planted(draft, specs, seed).playback()
        except CannotPlant as error:
            assert "\n" not in str(error)  # noqa: PT017


@given(_spoilt(), st.sampled_from(["function", "custom"]), st.booleans())
def test_a_request_is_answered_whatever_the_stream(stream: bytes, tool: str, streamed: bool) -> None:
    bench = Bench(0, {"mine": draft_of_body(stream, 0)})
    request = {"model": "m", "tools": [{"type": tool, "name": "f"}], "text": {"format": {"type": "json_object"}}}
    asked = Asked("POST", "/mine/v1/responses", {}, json.dumps(request | {"stream": streamed}).encode())
    assert bench(asked).status == 200
    assert bench(Asked("GET", "/mine/v1/responses/resp_bench_1?stream=true&starting_after=3", {})).status == 200
    assert bench(Asked("GET", "/mine/v1/responses/resp_bench_1", {})).status == 200
