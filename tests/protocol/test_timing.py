"""Rules that need more than bytes: arrival times, and the head of the HTTP answer."""

from typing import Any

import pytest
from tests.conftest import RECORDINGS, body, events_of

from responses_tap import Checker, Decoder
from responses_tap.protocol.bodies import Head
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.request_facts import RequestFacts

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
    return [finding.code for finding in judged(data, times, head=head or Head())]


def judged(data: bytes, times: list[int], **known: Any) -> list[Finding]:
    checker = Checker(**known)
    frames = Decoder().feed(data)
    for n, frame in enumerate(frames):
        checker.feed(frame, times[min(n, len(times) - 1)])
    return checker.finish()


def test_a_stream_that_comes_all_at_once_after_a_wait_is_buffered() -> None:
    assert found(long_stream(), [4 * SECOND]) == ["TM001"]


def test_a_stream_that_streams_is_not() -> None:
    assert found(long_stream(), [4 * SECOND + n * 20_000_000 for n in range(60)]) == []
    assert found(long_stream(), [1_000_000]) == []  # a server that is just quick


def test_a_short_answer_at_once_is_no_buffering() -> None:
    assert found((RECORDINGS / "clean/text.sse").read_bytes(), [9 * SECOND]) == []


@pytest.mark.parametrize(
    ("silence", "limits"),
    [
        (59, None),
        (60, "AWS ALB (60 s)"),
        (110, "AWS ALB (60 s), Cloudflare (100 s)"),
        (240, "AWS ALB (60 s), Cloudflare (100 s), Envoy (240 s)"),
        (320, "AWS ALB (60 s), Cloudflare (100 s), Envoy (240 s), Codex (300 s)"),
    ],
)
@pytest.mark.parametrize("before", [0, 5])
def test_a_silence_is_told_once_with_the_limits_that_it_exceeds(before: int, silence: int, limits: str | None) -> None:
    """Also the silence between the request and the first byte."""
    times = [*[0] * before, *[silence * SECOND] * 5, *[2 * silence * SECOND] * 5]
    told = judged((RECORDINGS / "clean/text.sse").read_bytes(), times)
    assert [(finding.code, finding.position, finding.count) for finding in told] == (
        [("TM002", before, 2)] if limits else []
    )
    assert [finding.text for finding in told] == (
        [f"{silence} s without an event before event {before}: {limits} would have closed the stream"] if limits else []
    )


@pytest.mark.parametrize(("pings", "limits"), [(5, []), (20, ["Codex (300 s)"])])
def test_comments_keep_proxies_waiting_but_not_codex(pings: int, limits: list[str]) -> None:
    frames = (RECORDINGS / "clean/text.sse").read_bytes().split(b"\n\n")
    for place in (0, 4):
        stream = b"\n\n".join([*frames[:place], *[b": ping"] * pings, *frames[place:]])
        times = [*[0] * place, *(n * 20 * SECOND for n in range(1, pings + 1)), pings * 20 * SECOND]
        told = [finding.text.partition(": ")[2] for finding in judged(stream, times)]
        assert told == [f"{limit} would have closed the stream" for limit in limits]


def test_a_request_that_only_prepares_may_take_its_time() -> None:
    stream = (RECORDINGS / "clean/text.sse").read_bytes()
    assert judged(stream, [400 * SECOND], request=RequestFacts(is_warmup=True)) == []


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
