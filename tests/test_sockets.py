"""The WebSocket mode: several responses on a socket, lanes, and what only a socket can get wrong."""

import json
from typing import Any

from responses_tap.protocol.sockets import SocketChecker

from .conftest import RECORDINGS, events_of


def turn(name: str, **extra: Any) -> list[bytes]:
    """The messages of one response, with its own ids."""
    events = events_of(RECORDINGS / "clean/text.sse")
    text = json.dumps([event | extra for event in events])
    return [
        json.dumps(event).encode() for event in json.loads(text.replace("resp_1", name).replace("msg_1", f"m_{name}"))
    ]


def codes(messages: list[bytes]) -> list[str]:
    checker = SocketChecker()
    for message in messages:
        checker.feed(message)
    return [finding.code for finding in checker.finish()]


def test_responses_follow_each_other_on_a_socket() -> None:
    checker = SocketChecker()
    for message in turn("a") + turn("b"):
        checker.feed(message)
    assert checker.finish() == []
    assert [(r.id, r.state, r.events) for r in checker.responses] == [
        ("a", "completed", 13),
        ("b", "completed", 13),
    ]


def test_lanes_run_in_parallel() -> None:
    one, two = turn("a", stream_id="1"), turn("b", stream_id="2")
    assert codes([message for pair in zip(one, two, strict=True) for message in pair]) == []


def test_a_response_that_begins_while_another_runs_on_its_lane_is_told() -> None:
    assert codes(turn("a")[:5] + turn("b")) == ["WS001"]


def test_an_event_of_a_finished_response_is_told() -> None:
    late = turn("a")[6]
    assert codes(turn("a") + turn("b")[:4] + [late] + turn("b")[4:]) == ["WS002"]


def test_an_event_without_its_lane_is_told() -> None:
    lane = turn("a", stream_id="1")
    keepalive = b'{"type":"keepalive"}'
    assert codes([*lane[:4], keepalive, *lane[4:]]) == ["WS004"]


def test_an_error_needs_status_and_code() -> None:
    bad = b'{"type":"error","error":{"message":"gone"}}'
    good = b'{"type":"error","status":400,"error":{"code":"previous_response_not_found","message":"gone"}}'
    assert codes([bad]) == ["WS003"]
    assert codes([good]) == []


def test_messages_that_are_no_events_are_told() -> None:
    for message in (b"data: {}\n\n", b"[DONE]", b"{", b"[]"):
        assert codes([*turn("a"), message]) == ["WS005"], message
    checker = SocketChecker()
    checker.feed(turn("a")[0], text=False)
    assert [finding.code for finding in checker.finish(cut=True)] == ["WS005"]


def test_steering_belongs_to_the_socket() -> None:
    accepted = b'{"type":"response.steer.accepted"}'
    assert codes([*turn("a"), accepted, *turn("b")]) == []


def test_a_socket_that_closes_in_a_response_leaves_it_without_end() -> None:
    assert codes(turn("a")[:6]) == ["LC103"]
