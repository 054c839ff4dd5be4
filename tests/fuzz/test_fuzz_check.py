"""The checker on anything: it never raises, how the bytes were cut changes nothing, and garbage is never all right.

A longer run: `uv run pytest tests/fuzz --hypothesis-profile=long`.
"""

import itertools
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import BROKEN, CLEAN, body, events_of

from responses_tap import Checker, Decoder, check
from responses_tap.protocol.bodies import Head
from responses_tap.protocol.events import parse
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.profiles import PROFILES
from responses_tap.protocol.sse import decode, message_frame
from responses_tap.protocol.websocket_checker import SocketChecker

type Event = dict[str, Any]

_MANY = settings(max_examples=4 * settings().max_examples)
_EVENTS = [events_of(path) for path in CLEAN]
_BODIES = [path.read_bytes() for path in (*CLEAN, *BROKEN)]
_WORDS = [
    "id",
    "type",
    "status",
    "message",
    "completed",
    "output_text",
    "function_call",
    "resp_1",
    "",
    "\ud800",
    "\x00",
]
_DEEPEST = 12
"""Levels in which values are replaced."""
_DEEP = [json.loads("[" * depth + "]" * depth) for depth in (150, 250, 1000)]
_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**64), 10**400, 1e308, -0.0, 0.5, float("inf"), float("nan")]),
        st.sampled_from([*_WORDS, "x" * 10_000]),
        st.text(max_size=5),
        st.sampled_from(_DEEP),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(_WORDS), st.text()), inner, max_size=3)
    ),
    max_leaves=6,
)


def _copied(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a value can be replaced: the keys that lead to each member of each object and array."""
    inside: list[tuple[Any, Any]] = []
    if len(path) > _DEEPEST:
        return []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    return [place for key, inner in inside for place in ((*path, key), *_places(inner, (*path, key)))]


def _holder(event: Event, path: tuple[Any, ...]) -> Any:
    holder: Any = event
    for key in path[:-1]:
        holder = holder[key]
    return holder


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A body of a correct sample's events after a few changes to them."""
    events: list[Any] = _copied(draw(st.sampled_from(_EVENTS)))
    for _ in range(draw(st.integers(1, 4))):
        n = draw(st.integers(0, len(events) - 1))
        act = draw(st.sampled_from(["replace", "replace", "replace", "drop", "repeat", "move", "whole", "leave out"]))
        places = _places(events[n])
        if act == "replace" and places:
            path = draw(st.sampled_from(places))
            _holder(events[n], path)[path[-1]] = _copied(draw(_VALUES))
        elif act == "drop" and places:
            path = draw(st.sampled_from(places))
            del _holder(events[n], path)[path[-1]]
        elif act == "repeat":
            events.insert(draw(st.integers(0, len(events))), _copied(events[n]))
        elif act == "move":
            events.insert(draw(st.integers(0, len(events))), events.pop(n))
        elif act == "whole":
            events[n] = _copied(draw(_VALUES))
        elif len(events) > 1:
            del events[n]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def _flip(data: bytes, rnd: random.Random) -> bytes:
    at = rnd.randrange(len(data) + 1)
    return data[:at] + bytes([rnd.randrange(256)]) + data[at + 1 :]


def _cut(data: bytes, rnd: random.Random) -> bytes:
    a, b = sorted((rnd.randrange(len(data) + 1), rnd.randrange(len(data) + 1)))
    return data[:a] + data[b:] if b - a < 2000 else data[:a]


def _insert(data: bytes, rnd: random.Random) -> bytes:
    at = rnd.randrange(len(data) + 1)
    piece = rnd.choice([b"\n\n", b"\r", b"data: ", b"data: [DONE]\n\n", b": c\n\n", b"event: x\n\n", b"\xff", b"\x00"])
    return data[:at] + piece + data[at:]


_DAMAGES: list[Callable[[bytes, random.Random], bytes]] = [_flip, _flip, _cut, _insert]


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A sample's body after a few changes to its bytes."""
    data, rnd = draw(st.sampled_from(_BODIES)), draw(st.randoms(use_true_random=True))
    for _ in range(draw(st.integers(1, 6))):
        data = draw(st.sampled_from(_DAMAGES))(data, rnd)
    return data


_ANY_BYTES = st.binary(max_size=300)
_GARBAGE = st.one_of(
    _ANY_BYTES,
    st.text(max_size=100).map(lambda text: text.encode(errors="replace")),
    _VALUES.map(lambda value: json.dumps(value).encode()),
    st.lists(st.sampled_from([b": ping\n\n", b"data: [DONE]\n\n", b"event: x\n\n", b"\n", b"id: 1\n\n"])).map(b"".join),
    st.sampled_from([b"", b"\n\n", b"<!doctype html><title>502</title>", b'{"error":{"message":"no"}}', b"null"]),
)
_BODY = st.one_of(_mutated(), _damaged(), _ANY_BYTES.map(lambda data: b"data: {" + data + b"\n\n" + data), _GARBAGE)
_PROFILE = st.sampled_from(sorted(PROFILES))


def _facts(findings: list[Finding]) -> list[dict[str, Any]]:
    """The findings as every report has them, which must be storable and printable."""
    facts = [finding.facts() | {"evidence": finding.evidence, "missing": finding.missing} for finding in findings]
    json.dumps(facts, allow_nan=False)
    return facts


@_MANY
@given(_BODY, _PROFILE, st.lists(st.integers(0, 20_000), max_size=6))
def test_any_body_is_judged_and_its_chunks_change_nothing(data: bytes, profile: str, cuts: list[int]) -> None:
    whole = check(data, profile)
    assert all(finding.message for finding in whole.findings)
    checker, decoder = Checker(profile), Decoder()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for a, b in itertools.pairwise(edges):
        for frame in decoder.feed(data[a:b]):
            checker.feed(frame)
        checker.findings  # noqa: B018 - looking must not change the verdict
    for frame in decoder.finish():
        checker.feed(frame)
    assert _facts(checker.finish()) == _facts(list(whole.findings))


@given(_GARBAGE, _PROFILE)
def test_a_body_without_an_event_is_never_all_right(data: bytes, profile: str) -> None:
    if any(frame.data and parse(frame.data).type for frame in decode([data])):
        return
    report = check(data, profile)
    assert not report.ok
    if not any(frame.data and not frame.is_done_marker and frame.complete for frame in decode([data])):
        assert [finding.code for finding in report.findings] == ["LC110"]


@given(
    _BODY,
    st.sampled_from([None, 100, 200, 204, 307, 404, 500, 10**30]),
    st.sampled_from([None, "", "text/event-stream", "application/json", "\x00"]),
    st.booleans(),
    st.booleans(),
)
def test_any_head_and_any_end_are_judged(
    data: bytes, status: int | None, content_type: str | None, streamed: bool, cut: bool
) -> None:
    checker = Checker(live=True, head=Head(status, content_type), streamed=streamed)
    for n, frame in enumerate(decode([data])):
        checker.feed(frame, n * 10**12)
    _facts(checker.finish(cut=cut))


@given(st.lists(st.one_of(_mutated(), _damaged()), min_size=1, max_size=2), st.binary(max_size=30))
def test_any_messages_of_a_socket_are_judged(bodies: list[bytes], other: bytes) -> None:
    checker = SocketChecker()
    turns = []
    for data in bodies:
        checker.asked(b'{"type":"response.create"}')
        frames = [message_frame(frame.data) for frame in decode([data]) if frame.data]
        turns += [checker.feed(frame) for frame in (*frames, message_frame(other), message_frame(other, is_text=False))]
    for turn in turns:
        _facts(turn.finish())


@given(st.lists(_VALUES, max_size=4), st.sampled_from(_EVENTS))
def test_events_that_are_any_json_are_judged(values: list[Any], events: list[Event]) -> None:
    check([*values, *events])
    check([*events, *values])


def _distinct_places() -> list[tuple[list[Event], int, tuple[Any, ...]]]:
    """Each member of each type of event once, by a sample that has it: the sample, the event, the path."""
    seen = {}
    for events in _EVENTS:
        for n, event in enumerate(events):
            for path in _places(event):
                name = (event["type"], *("[]" if isinstance(key, int) else key for key in path))
                seen.setdefault(name, (events, n, path))
    return list(seen.values())


@pytest.mark.parametrize(
    "value",
    [None, True, -1, 2**63, 0.5, float("inf"), "", "\ud800", [], {}, [[[[]]]], {"a": [1]}, ["x", 1, None], _DEEP[1]],
    ids=lambda value: str(value)[:20].encode("unicode_escape").decode(),
)
def test_any_type_of_value_in_any_member_is_judged(value: Any) -> None:
    for events, n, path in _distinct_places():
        changed = _copied(events[n])
        _holder(changed, path)[path[-1]] = value
        _facts(list(check([*events[:n], changed, *events[n + 1 :]]).findings))


def test_the_samples_are_the_same_in_any_form() -> None:
    for events in _EVENTS:
        assert _facts(list(check(events).findings)) == _facts(list(check(body(*events)).findings))
