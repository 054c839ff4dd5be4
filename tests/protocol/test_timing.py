"""Rules that need more than bytes: arrival times, and the head of the HTTP answer."""

import pytest
from tests.conftest import RECORDINGS, body, events_of

from responses_tap import Checker, Decoder
from responses_tap.protocol.bodies import Head

SECOND = 1_000_000_000


def long_stream() -> bytes:
    events = events_of(RECORDINGS / "clean/text.sse")
    delta = events[4]
    many = [*events[:4], *([delta | {"delta": "."}] * 30), *events[4:]]
    for number, event in enumerate(many):
        many[number] = event | {"sequence_number": number}
    text = "." * 30 + "Hello, world."
    return body(*many).replace(b'"text":"Hello, world."', f'"text":"{text}"'.encode())


def found(data: bytes, times: list[int], head: Head | None = None) -> list[str]:
    checker = Checker(head=head or Head())
    frames = Decoder().feed(data)
    for n, frame in enumerate(frames):
        checker.feed(frame, times[min(n, len(times) - 1)])
    return [finding.code for finding in checker.finish()]


def test_a_stream_that_comes_all_at_once_after_a_wait_is_buffered() -> None:
    assert found(long_stream(), [4 * SECOND]) == ["TM001"]


def test_a_stream_that_streams_is_not() -> None:
    assert found(long_stream(), [4 * SECOND + n * 20_000_000 for n in range(60)]) == []
    assert found(long_stream(), [1_000_000]) == []  # a server that is just quick


def test_a_short_answer_at_once_is_no_buffering() -> None:
    assert found((RECORDINGS / "clean/text.sse").read_bytes(), [9 * SECOND]) == []


def test_a_silence_that_clients_give_up_on_is_told_once() -> None:
    times = [0, 0, 0, 0, 0, 320 * SECOND, 700 * SECOND]
    assert found((RECORDINGS / "clean/text.sse").read_bytes(), times) == ["TM002"]


@pytest.mark.parametrize(
    ("head", "codes"),
    [
        (Head(200, "text/event-stream; charset=utf-8"), []),
        (Head(None, None), []),
        (Head(200, "application/json"), ["TR906"]),
        (Head(429, "text/event-stream"), ["TR907"]),
    ],
)
def test_the_head_of_the_answer_must_fit_a_stream(head: Head, codes: list[str]) -> None:
    assert found((RECORDINGS / "clean/text.sse").read_bytes(), [0], head) == codes
