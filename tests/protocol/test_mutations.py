"""No miss and no cascade: a planted defect is found, by its name, and hardly anything else with it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.conftest import CLEAN, events_of
from tests.mutations import MUTATIONS, Event, Mutation, plant, planted

from responses_tap import check

# Without its first event, a background response is what a client that attached itself again gets: no defect.
_SAMPLES = [events_of(path) for path in CLEAN if path.stem not in ("background", "resumed")]


def found(correct: list[Event], broken: list[Event]) -> list[str]:
    """The codes that the defect adds."""
    before = {finding.code for finding in check(correct).findings}
    return [finding.code for finding in check(broken).findings if finding.code not in before]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_a_planted_defect_is_found_by_its_name(mutation: Mutation) -> None:
    cases = [case for case in planted(_SAMPLES, 6, seed=1) if case[0] is mutation]
    assert cases
    for _, correct, broken in cases:
        codes = found(correct, broken)
        assert mutation.codes & set(codes), codes
        assert len(codes) <= 3, codes


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(_SAMPLES), st.sampled_from(MUTATIONS), st.randoms(use_true_random=False), st.booleans())
def test_no_stream_hides_a_defect(correct: list[Event], mutation: Mutation, rnd: Any, renumber: bool) -> None:
    broken = plant(correct, mutation, rnd, renumber=renumber)
    assume(broken is not None)
    assert found(correct, broken or [])


def test_on_real_streams_nearly_every_defect_is_found_and_named(
    corpus: list[tuple[dict[str, Any], bytes]],
) -> None:
    streams = []
    for entry, body in corpus:
        if entry["origin"] == "openai" and entry["real"] is True and not entry["edited"]:
            lines = [line[6:] for line in body.decode().splitlines() if line.startswith("data: {")]
            events = [json.loads(line) for line in lines]
            if events[0]["type"] == "response.created" and sum(e["type"] == "response.created" for e in events) == 1:
                streams.append(events)
    cases = [(mutation, found(correct, broken)) for mutation, correct, broken in planted(streams, 12, seed=2)]
    missed = [mutation.name for mutation, codes in cases if not codes]
    misnamed = [(mutation.name, codes) for mutation, codes in cases if codes and not mutation.codes & set(codes)]
    assert len(cases) > 700
    assert len(missed) <= 0.005 * len(cases), missed
    assert len(missed) + len(misnamed) <= 0.02 * len(cases), misnamed
    assert sum(len(codes) for _, codes in cases) <= 1.35 * len(cases)


def _frames(events: list[Event]) -> list[bytes]:
    return [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events]


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        ("TR901", lambda frames, n: frames[n].replace(b"event: ", b"event: x.")),
        ("TR902", lambda frames, n: frames[n].partition(b"\n")[2]),
        ("TR903", lambda frames, n: frames[n].rstrip()[:-5] + b"\n\n"),
        ("TR904", lambda frames, n: frames[n].partition(b"data: ")[0] + b"data: []\n\n"),
        ("SC814", lambda frames, n: b'data: {"error": {"message": "gone"}}\n\n' + frames[n]),
        ("TR914", lambda frames, n: frames[n].rstrip(b"\n") + b"\n"),
        ("TR908", lambda frames, n: b"data: [DONE]\n\n" + frames[n]),
        ("TR912", lambda frames, n: frames[n].partition(b"\n")[0] + b"\n\n"),
    ],
)
def test_a_damaged_frame_is_one_finding(code: str, damage: Callable[[list[bytes], int], bytes]) -> None:
    for events in _SAMPLES:
        frames = _frames(events)
        for n in range(1, len(frames) - 1):
            found = check(b"".join([*frames[:n], damage(frames, n), *frames[n + 1 :]])).findings
            assert code in {finding.code for finding in found}
            assert len(found) <= 2, [finding.message for finding in found]
