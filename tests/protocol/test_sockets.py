"""The WebSocket mode: several responses on a socket, lanes, and what only a socket can get wrong."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import RECORDINGS, events_of

from responses_tap import check
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.sse import Frame, RecordedMessage, message_frame
from responses_tap.protocol.websocket_checker import SocketChecker, Turn, judge_again


def turn(name: str, **extra: Any) -> list[bytes]:
    """The messages of one response, with its own ids."""
    events = events_of(RECORDINGS / "clean/text.sse")
    text = json.dumps([event | extra for event in events])
    return [
        json.dumps(event).encode() for event in json.loads(text.replace("resp_1", name).replace("msg_1", f"m_{name}"))
    ]


def asks(**fields: Any) -> bytes:
    return json.dumps({"type": "response.create", "model": "m", "input": "hi"} | fields).encode()


def turns(messages: list[bytes | Frame], checker: SocketChecker | None = None, *, cut: bool = False) -> list[Turn]:
    """The turns of a socket, finished, in order of their first message."""
    checker = checker or SocketChecker()
    found: list[Turn] = []
    for message in messages:
        fed = checker.feed(message if isinstance(message, Frame) else message_frame(message))
        if fed not in found:
            found.append(fed)
    for each in found:
        each.finish(cut=cut)
    return found


def codes(messages: list[bytes]) -> list[str]:
    return [finding.code for found in turns(messages) for finding in found.findings]


def test_responses_follow_each_other_on_a_socket() -> None:
    found = turns(turn("a") + turn("b"))
    assert [(t.response.id, t.response.state, t.response.events) for t in found] == [
        ("a", "completed", 13),
        ("b", "completed", 13),
    ]
    assert [t.findings for t in found] == [[], []]


def test_lanes_run_in_parallel() -> None:
    one, two = turn("a", stream_id="1"), turn("b", stream_id="2")
    assert codes([message for pair in zip(one, two, strict=True) for message in pair]) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 2), min_size=1, max_size=4), st.randoms(use_true_random=False), st.booleans())
def test_every_message_finds_its_turn_however_lanes_interleave(counts: list[int], random: Random, early: bool) -> None:
    checker = SocketChecker()
    lanes = []
    for lane, count in enumerate(counts):
        extra = {"stream_id": f"lane {lane}"} if lane else {}  # one lane has no name
        names = [f"{lane}.{k}" for k in range(count)]
        steps = [(name, step) for name in names for step in (asks(**extra), *turn(name, **extra))]
        # A client may ask for all at once, or for each when the one before it has ended.
        lanes.append(sorted(steps, key=lambda step: b'response.create"' not in step[1]) if early else steps)
    asked: dict[str, Turn | None] = {}
    while waiting := [lane for lane in lanes if lane]:
        name, message = random.choice(waiting).pop(0)
        if name not in asked:
            asked[name] = checker.asked(message)
        else:
            assert checker.feed(message_frame(message)) is asked[name]
    assert [(name, t.response.id, t.finish()) for name, t in asked.items() if t] == [(name, name, []) for name in asked]


def test_a_response_that_begins_while_another_runs_on_its_lane_is_told() -> None:
    assert codes(turn("a")[:5] + turn("b")) == ["WS001"]


def test_a_server_that_multiplexes_is_told_once() -> None:
    one, two = turn("a"), turn("b")
    found = turns([*one[:3], *two[:3], *one[3:6], *two[3:6], *one[6:], *two[6:]])
    assert [[finding.code for finding in t.findings] for t in found] == [[], ["WS001"]]
    assert [t.response.state for t in found] == ["completed", "completed"]


def test_an_event_of_a_finished_response_is_told_where_it_came() -> None:
    late = turn("a")[6]
    _, second = turns(turn("a") + turn("b")[:4] + [late] + turn("b")[4:])
    assert [(finding.code, finding.position) for finding in second.findings] == [("WS002", 4)]


def test_an_event_without_its_lane_is_told() -> None:
    lane = turn("a", stream_id="1")
    assert codes([*lane[:4], turn("a")[4], *lane[5:]]) == ["WS004"]
    vendors = b'{"type":"codex.rate_limits","sequence_number":4}'
    assert "WS004" not in codes([*lane[:4], vendors, *lane[4:]])


def test_a_server_that_never_names_the_lane_is_told_once() -> None:
    checker = SocketChecker()
    first, second = checker.asked(asks(stream_id="1")), checker.asked(asks())
    with_lanes = turns(turn("b") + turn("a"), checker)
    # Without a name the events of the request without a lane cannot be told from the other's: it is served first.
    assert with_lanes == [second, first]
    assert [(finding.code, finding.count) for t in with_lanes for finding in t.findings] == [("WS004", 13)]


def test_a_request_without_a_lane_may_run_beside_lanes() -> None:
    checker = SocketChecker()
    checker.asked(asks(stream_id="1"))
    checker.asked(asks())
    one, two = turn("a", stream_id="1"), turn("b")
    found = turns([message for pair in zip(one, two, strict=True) for message in pair], checker)
    assert [t.findings for t in found] == [[], []]


def test_an_error_needs_status_and_code() -> None:
    bad = b'{"type":"error","error":{"message":"gone"}}'
    good = b'{"type":"error","status":400,"error":{"code":"previous_response_not_found","message":"gone"}}'
    ((found,),) = (turn.findings for turn in turns([bad]))
    assert (found.code, found.severity) == ("WS003", Severity.NOTE)
    assert found.text == 'the WebSocket error (event 0) lacks status, error.code: "gone"'
    assert codes([good]) == []


def test_an_error_refuses_the_request_that_waits() -> None:
    checker = SocketChecker()
    first, second = checker.asked(asks()), checker.asked(asks())
    refused = b'{"type":"error","status":400,"error":{"code":"previous_response_not_found","message":"gone"}}'
    assert turns([refused, *turn("b")], checker) == [first, second]
    assert first is not None
    assert first.refusal is not None
    assert first.refusal.data["status"] == 400
    assert second is not None
    assert (second.response.id, second.refusal) == ("b", None)


def test_an_error_needs_no_number_on_a_socket() -> None:
    error = b'{"type":"error","status":500,"error":{"code":"server_error","message":"oops"}}'
    assert codes([*turn("a")[:5], error]) == ["LC104"]
    limits = b'{"type":"codex.rate_limits","plan_type":"plus"}'
    assert codes([*turn("a")[:5], limits, *turn("a")[5:]]) == ["SC807"]


def test_an_error_ends_a_response_so_that_the_next_one_interrupts_nothing() -> None:
    error = b'{"type":"error","status":500,"sequence_number":5,"error":{"code":"server_error","message":"oops"}}'
    assert codes([*turn("a")[:5], error, *turn("b")]) == ["LC104"]


def test_what_a_vendor_adds_around_a_response_is_no_part_of_it() -> None:
    checker = SocketChecker()
    first, second = checker.asked(asks()), checker.asked(asks(type="response.append"))
    limits = b'{"type":"codex.rate_limits","plan_type":"plus"}'
    found = turns([limits, *turn("a"), limits, *turn("b"), limits], checker)
    assert found == [first, second]
    assert [(t.response.id, t.response.events, t.findings) for t in found] == [("a", 14, []), ("b", 15, [])]


def test_messages_that_are_no_events_are_told() -> None:
    for message in (b"data: {}\n\n", b"[DONE]", b"{", b"[]"):
        assert codes([*turn("a"), message]) == ["WS005"], message
    (binary,) = turns([message_frame(turn("a")[0], is_text=False)] * 2, cut=True)
    assert [(finding.code, finding.count, finding.position) for finding in binary.findings] == [("WS005", 2, None)]


@pytest.mark.parametrize(
    ("asked", "found"), [({"generate": False}, []), ({"generate": True}, ["LC108"]), ({}, ["LC108"])]
)
def test_only_a_request_that_generates_nothing_is_answered_with_nothing(
    asked: dict[str, Any], found: list[str]
) -> None:
    """Codex begins each socket so (OpenAI, guide 'WebSocket Mode')."""
    created, in_progress, *_, completed = map(json.loads, turn("a"))
    completed |= {"sequence_number": 2, "response": completed["response"] | {"output": []}}
    checker = SocketChecker()
    checker.asked(asks(**asked))
    (answer,) = turns([json.dumps(event).encode() for event in (created, in_progress, completed)], checker)
    assert [finding.code for finding in answer.findings] == found


def test_steering_belongs_to_the_socket() -> None:
    accepted = b'{"type":"response.steer.accepted"}'
    assert codes([*turn("a"), accepted, *turn("b")]) == []


def test_a_steered_response_is_followed_by_one_that_nobody_asked_for() -> None:
    checker = SocketChecker()
    first, asked = checker.asked(asks()), checker.asked(asks())
    steer = b'{"type":"response.steer","previous_response_id":"a","input":"shorter"}'
    assert checker.asked(steer) is None
    created, *rest = map(json.loads, turn("b"))
    created["response"]["previous_response_id"] = "a"
    successor = [json.dumps(event).encode() for event in (created, *rest)]
    found = turns([*turn("a"), *successor, *turn("c")], checker)
    assert [t.response.id for t in found] == ["a", "b", "c"]
    assert (found[0], found[2]) == (first, asked)
    assert found[1].steered == steer


def test_a_socket_that_closes_in_a_response_leaves_it_without_end() -> None:
    assert codes(turn("a")[:6]) == ["LC103"]
    assert [t.findings for t in turns(turn("a")[:6], cut=True)] == [[]]


def test_what_is_kept_of_a_long_socket_is_bounded() -> None:
    checker = SocketChecker()
    for n in range(300):
        lane = None if n % 2 else f"lane {n}"
        checker.asked(asks(stream_id=lane) if lane else asks())
        extra = {"stream_id": lane} if lane else {}
        for message in turn(f"r{n}", **extra):
            checker.feed(message_frame(message))
    assert len(checker._lanes) <= 33
    assert len(checker._finished._owners) <= 2000


def test_a_recorded_socket_is_judged_as_it_was_live() -> None:
    live = turns(turn("a")[:5] + turn("b") + [turn("b")[3]])
    messages = turn("a")[:5] + turn("b") + [turn("b")[3]]
    recorded = [RecordedMessage(1 if n < 5 else 2, n, message_frame(message)) for n, message in enumerate(messages)]
    again = judge_again(SocketChecker(), recorded)
    assert [t.finish() for t in again.values()] != []
    assert [[f.facts() for f in t.findings] for t in again.values()] == [[f.facts() for f in t.findings] for t in live]
    assert [f.code for t in live for f in t.findings] == ["WS001", "LC106"]


SET_UP = ("output_item.added", "content_part.added", "output_text.done", "content_part.done", "output_item.done")


@pytest.mark.parametrize("left_out", [(name,) for name in SET_UP] + [SET_UP])
def test_a_socket_need_not_send_every_event_that_an_event_stream_has(left_out: tuple[str, ...]) -> None:
    """openai-python 3.57, lib/responses_websocket/_session.py: the deltas and the terminal event are enough."""
    events = [event for event in map(json.loads, turn("a")) if event["type"].removeprefix("response.") not in left_out]
    for number, event in enumerate(events):
        event["sequence_number"] = number
    (found,) = turns([json.dumps(event).encode() for event in events])
    assert found.findings
    assert {finding.severity for finding in found.findings} == {Severity.NOTE}
    assert any(finding.severity is Severity.ERROR for finding in check(events).findings)


@pytest.mark.parametrize(("lack", "severity"), [("output", Severity.NOTE), ("id", Severity.ERROR)])
def test_a_socket_may_leave_the_output_out(lack: str, severity: Severity) -> None:
    events = list(map(json.loads, turn("a")))
    del events[-1]["response"][lack]
    (found,) = turns([json.dumps(event).encode() for event in events])
    by_code = {finding.code: finding.severity for finding in found.findings}
    assert by_code["SC810"] is severity
    assert by_code.get("AG606", Severity.NOTE) is Severity.NOTE


def test_what_is_said_of_injected_input_is_no_part_of_a_response() -> None:
    created = b'{"type":"response.inject.created","response_id":"a","sequence_number":5}'
    failed = (
        b'{"type":"response.inject.failed","response_id":"a","sequence_number":14,"input":[],'
        b'"error":{"code":"response_already_completed","message":"too late"}}'
    )
    events = list(map(json.loads, turn("a")))
    for event in events[5:]:
        event["sequence_number"] += 1
    messages = [json.dumps(event).encode() for event in events]
    assert codes([*messages[:5], created, *messages[5:], failed]) == []
    lanes = [json.dumps(event | {"stream_id": "1"}).encode() for event in events]
    other = turn("b", stream_id="2")
    assert codes([*other[:3], *lanes[:5], created, *lanes[5:], failed, *other[3:]]) == []


def test_an_error_in_a_response_is_told_in_its_own_words() -> None:
    error = b'{"type":"error","status":500,"error":{"code":"server_error","message":"the GPU is gone"}}'
    (found,) = turns([*turn("a")[:5], error])
    assert [(finding.code, finding.severity) for finding in found.findings] == [("LC104", Severity.NOTE)]
    assert found.findings[0].text.endswith(': "the GPU is gone"')
