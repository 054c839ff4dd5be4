"""Runs of deltas: however a long body is damaged and cut, the verdict is that of its frames judged one by one."""

import random
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import BROKEN, CLEAN, events_of
from tests.lengthened import framed, lengthened

from responses_tap.protocol.check import check, check_frames
from responses_tap.protocol.checker import Checker
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.profiles import PROFILES
from responses_tap.protocol.runs import Run, check_pieces
from responses_tap.protocol.scopes import ResponseScope, Scope
from responses_tap.protocol.sse import decode

SAMPLES = [s for s in (*CLEAN, *BROKEN) if b".delta" in s.read_bytes() and not s.stem.startswith(("TR", "SC"))]
RAW = (b"\\ud83d", b"\\ude00", b"\\uFFFD", b"\\ufffd", b"\xff", b"\xef\xbf\xbd", b"\\x", b"\\u12", b'"', b"\x00", b"\r")


def damaged(frames: list[bytes], rng: random.Random) -> list[bytes]:
    """The frames with one defect or more."""
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        n = rng.randrange(len(frames))
        damage = rng.choice((_lose, _repeat, _move, _insert, _alter))
        frames[n:n] = damage(frames, n, rng)
    return frames


def _lose(frames: list[bytes], n: int, rng: random.Random) -> list[bytes]:
    frames[n : n + rng.randrange(3)] = [b": lost\n\n"]
    return []


def _repeat(frames: list[bytes], n: int, rng: random.Random) -> list[bytes]:
    return [frames[n]] * rng.randrange(3)


def _move(frames: list[bytes], n: int, rng: random.Random) -> list[bytes]:
    return [frames.pop(rng.randrange(len(frames)))]


def _insert(frames: list[bytes], n: int, rng: random.Random) -> list[bytes]:
    return [rng.choice((b": ping\n\n", b"data: [DONE]\n\n", b"\n", b"event: x\n\n", b"data: {}\n\n"))]


def _alter(frames: list[bytes], n: int, rng: random.Random) -> list[bytes]:
    frame = frames[n]
    at = rng.randrange(len(frame))
    frames[n] = rng.choice((
        frame[:at] + bytes([rng.randrange(256)]) + frame[at + 1 :],
        frame[:at] + rng.choice(RAW) + frame[at:],
        re.sub(rb'(_index": ?)0', rb"\g<1>1", frame, count=1),
        frame.rstrip(b"\r\n") + b"\n",
        frame.replace(b'"delta"', rng.choice((b'"Delta"', b'"delta": "", "delta"', b'"error"')), 1),
    ))  # fmt: skip
    return []


@pytest.mark.parametrize("profile", sorted(PROFILES))
@given(sample=st.sampled_from(SAMPLES), seed=st.integers(0, 2**32))
def test_a_run_changes_no_verdict(profile: str, sample: Any, seed: int) -> None:
    rng = random.Random(seed)
    body = b"".join(damaged(framed(lengthened(events_of(sample), rng, rng.choice((40, 400))), rng), rng))
    one_by_one = check_frames(decode([body]), profile)
    whole = check(body, profile)
    assert facts(whole.findings, whole.responses) == facts(one_by_one.findings, one_by_one.responses)
    checker = Checker(profile)
    taken = b""
    for step in check_pieces(checker, pieces(body, rng)):
        taken += b"".join(step.raws) if isinstance(step, Run) else step[0].raw
    assert taken == body
    assert facts(checker.finish(), checker.responses) == facts(one_by_one.findings, one_by_one.responses)


def facts(findings: Iterable[Finding], responses: Iterable[ResponseScope]) -> list[object]:
    """All that is known in the end of responses and their scopes, and what was found."""
    known = [
        (response.id, response.state, response.events, response.terminal, response.usage, inside(response.every_item))
        for response in responses
    ]
    return [known, [finding.facts() for finding in findings]]


def inside(scopes: Iterable[Scope]) -> list[object]:
    """The state of scopes, and of those in them."""
    return [
        (s.label, s.opened, s.done, s.closed, s.deltas, "".join(s.pieces), s.accepted, inside(s.children.values()))
        for s in scopes
    ]


def pieces(body: bytes, rng: random.Random) -> Iterator[bytes]:
    """The body, cut anywhere."""
    longest = rng.choice((300, 5_000, 100_000))
    at = 0
    while at < len(body):
        size = rng.randrange(1, longest)
        yield body[at : at + size]
        at += size


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample in CLEAN], ids=lambda sample: sample.stem)
def test_a_long_stream_is_mostly_runs(sample: Any) -> None:
    rng = random.Random(0)
    body = b"".join(framed(lengthened(events_of(sample), rng, 400, odd=0), rng))
    checker = Checker()
    steps = list(check_pieces(checker, [body]))
    in_runs = sum(len(step.raws) for step in steps if isinstance(step, Run))
    assert in_runs > 0.5 * checker.responses[-1].events
