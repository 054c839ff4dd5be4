"""No miss and no cascade: a planted fault breaks its rule, and no other but those that the table names."""

import dataclasses
import json
import random
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import BROKEN, CLEAN, body, events_of

from responses_tap import Severity, check
from responses_tap.protocol.check import frames_of
from responses_tap.protocol.faults import (
    FAULTS,
    Block,
    CannotPlant,
    Fault,
    parse_spec,
    plant,
    plant_blocks,
    plantings,
)
from responses_tap.protocol.rules import RULES

TEXT = next(path for path in CLEAN if path.stem == "text").read_bytes()
SEVERAL_EACH = 15
_ALL_CLEAN = {path.stem: [Block.of(frame) for frame in frames_of(path.read_bytes())] for path in CLEAN}


def joined(blocks: Iterable[Block]) -> bytes:
    return b"".join(block.raw for block in blocks)


def breaks(fault: Fault, planted: list[Block], before: Iterable[str] = ()) -> None:
    """Assert that the rule is broken, and at error or warning no other that wasn't and that the table doesn't name."""
    found = [finding for finding in check(joined(planted)).findings if finding.code not in before]
    assert fault.code in {finding.code for finding in found}
    serious = {finding.code for finding in found if finding.severity is not Severity.NOTE}
    assert serious <= {fault.code, *fault.spread}


def each_way(fault: Fault) -> Iterator[Fault]:
    return (dataclasses.replace(fault, ways=(way,)) for way in fault.ways)


def planted_or_why_not(blocks: list[Block], code: str, seed: int | None = None) -> tuple[list[Block] | None, str]:
    try:
        return plant_blocks(blocks, parse_spec(code), seed), ""
    except CannotPlant as error:
        return None, str(error)


def test_there_is_a_fault_for_every_rule_that_has_a_sample() -> None:
    assert list(FAULTS) == [code for code in RULES if code in {path.name[:5] for path in BROKEN}]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.code)
def test_a_planted_fault_breaks_its_rule_alone_wherever_it_fits(fault: Fault) -> None:
    assert "\n" not in fault.title
    for way in each_way(fault):
        every = [planted for blocks in _ALL_CLEAN.values() for planted in plantings(blocks, way)]
        assert every, way.title
        for planted in every:
            breaks(fault, planted)


def test_only_what_the_table_names_spreads() -> None:
    spread = {fault.code: fault.spread for fault in FAULTS.values() if fault.spread}
    assert spread == {"NS205": {"AG603"}, "NS206": {"AG603"}}
    for code in spread:  # and it does
        every = [planted for blocks in _ALL_CLEAN.values() for planted in plantings(blocks, FAULTS[code])]
        assert "AG603" in {finding.code for planted in every for finding in check(joined(planted)).findings}


def test_on_real_streams_every_fault_breaks_its_rule_alone(corpus: list[tuple[dict[str, Any], bytes]]) -> None:
    streams = []
    for entry, data in corpus:
        if entry["origin"] == "openai" and entry["real"] is True and not entry["edited"]:
            blocks = [Block.of(frame) for frame in frames_of(data)]
            types = [block.event.get("type") for block in blocks if block.event is not None]
            if types[0] == "response.created" and types.count("response.created") == 1:
                streams.append((blocks, {finding.code for finding in check(data).findings}))
    rnd, cases = random.Random(2), 0
    for way in (way for fault in FAULTS.values() for way in each_way(fault)):
        found = 0
        for blocks, before in rnd.sample(streams, len(streams)):
            planted = next(plantings(blocks, way, rnd=rnd), None) if way.code not in before else None
            if planted is not None:
                breaks(way, planted, before)
                found += 1
            if found == SEVERAL_EACH:
                break
        cases += found
    assert cases > 1500


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CLEAN), st.lists(st.sampled_from(list(FAULTS)), min_size=2, max_size=4), st.integers(0, 9))
def test_a_broken_stream_takes_more_faults_or_says_why_not(sample: Any, codes: list[str], seed: int) -> None:
    blocks = [Block.of(frame) for frame in frames_of(sample.read_bytes())]
    for code in codes:
        planted, refusal = planted_or_why_not(blocks, code, seed)
        assert planted is not None or refusal.startswith(f"{code} cannot be planted in this stream: it needs ")
        blocks = blocks if planted is None else planted
    check(joined(blocks))


def test_the_samples_are_what_the_table_plants() -> None:
    """Byte for byte, or another way of the same rule; two are made by hand, and say more than one thing is wrong."""
    exact = set()
    for sample in BROKEN:
        code = sample.name[:5]
        every = [planted for blocks in _ALL_CLEAN.values() for planted in plantings(blocks, FAULTS[code])]
        if sample.read_bytes() in map(joined, every):
            exact.add(code)
        want = {(finding.code, finding.severity) for finding in check(sample.read_bytes()).findings}
        have = [{(f.code, f.severity) for f in check(joined(planted)).findings} for planted in every]
        assert want in have, sample.name
    assert len(exact) >= 43


def test_without_a_seed_it_is_the_first_place_and_with_one_always_the_same() -> None:
    assert plant(TEXT, "AG601@4", 7) == plant(TEXT, "AG601@4", 7)
    assert plant(TEXT, "MD301") == plant(TEXT, "MD301@9")
    assert len({plant(TEXT, "SC807", seed) for seed in range(20)}) > 5


def test_the_position_is_the_events_and_the_finding_is_there() -> None:
    for n in range(4, 9):
        (finding,) = check(plant(TEXT, f"SC804@{n}")).findings
        assert finding.position == n


@pytest.mark.parametrize("name", ["md301", "text-done-missing", "Text-Done-Missing"])
def test_a_fault_has_the_name_of_its_rule_too(name: str) -> None:
    assert plant(TEXT, name) == plant(TEXT, "MD301")


def test_what_is_not_changed_keeps_its_bytes_and_its_place() -> None:
    spaced = [json.dumps(event, indent=None) for event in events_of(next(p for p in CLEAN if p.stem == "text"))]
    frames = [f"data: {data}\r\n: ping\r\n\r\n".encode() for data in spaced]
    stream = [b": hello\r\n\r\n", *frames, b"data: [DONE]\r\n\r\n"]
    planted = plant(b"".join(stream), "AG601@9")
    changed = [n for n, frame in enumerate(stream) if frame not in planted]
    assert changed == [10]
    assert planted.startswith(b"".join(stream[:10]))
    assert planted.endswith(b"".join(stream[11:]))
    assert b"event:" not in planted
    assert b"\n" not in planted.replace(b"\r\n", b"")


def test_what_is_left_out_is_counted_on_and_comments_stay() -> None:
    frames = [frame.raw for frame in frames_of(TEXT)]
    stream = b"".join([*frames[:9], b": ping\n\n", *frames[9:], b"data: [DONE]\n\n"])
    blocks = [frame.raw for frame in frames_of(plant(stream, "MD301"))]
    assert blocks[9] == b": ping\n\n"
    assert blocks[-1] == b"data: [DONE]\n\n"
    numbers = [json.loads(frame.data)["sequence_number"] for frame in frames_of(b"".join(blocks[:-1])) if frame.data]
    assert numbers == list(range(12))


def test_events_are_taken_as_well_as_bytes() -> None:
    events = events_of(next(path for path in CLEAN if path.stem == "text"))
    assert [f.code for f in check(plant(events, "MD301")).findings if f.code != "TR902"] == ["MD301"]
    assert plant(body(*events), "MD301")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("MD303", "MD303 cannot be planted in this stream: it needs response.refusal.done"),
        ("ID515", "ID515 cannot be planted in this stream: it needs two items of a type with call_id"),
        ("AG601@3", "AG601 cannot be planted at event 3 (response.content_part.added); it can at 4, 5, 6, 7, 8, 9"),
        ("MD301@13", "MD301 cannot be planted at event 13: the stream has 13, from 0 to 12"),
        ("MD303@1", "MD303 cannot be planted in this stream: it needs response.refusal.done"),
        ("MD399", "there is no fault 'MD399'; did you mean MD309, "),
        ("text-done-mising", "there is no fault 'text-done-mising'; did you mean text-done-missing"),
        ("zzz", "there is no fault 'zzz'"),
        ("TM002", "TM002 (long-silence) cannot be planted: the bytes of a stream don't show it"),
        ("MD301=2", "MD301 takes no argument, only @EVENT"),
        ("MD301@x", "'MD301@x': the event after @ is its number, from 0"),
        ("MD301@-1", "'MD301@-1': the event after @ is its number, from 0"),
        ("MD301@99999999999999999999", "'MD301@99999999999999999999': the event after @ is its number, from 0"),
        ("@3", "'@3' is not NAME[=ARG][@EVENT]"),
        ("", "'' is not NAME[=ARG][@EVENT]"),
    ],
)
def test_what_cannot_be_planted_says_why(fault: str, words: str) -> None:
    with pytest.raises(CannotPlant) as raised:
        plant(TEXT, fault)
    assert str(raised.value).startswith(words)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("stream", [b"", b": ping\n\n", b"hello", b"data: []\n\n", b'data: {"type":7}\n\ndata: {}\n\n'])
def test_a_stream_without_events_can_have_few_faults_and_says_so(stream: bytes) -> None:
    for fault in FAULTS:
        planted, refusal = planted_or_why_not([Block.of(frame) for frame in frames_of(stream)], fault)
        assert planted is not None or refusal.startswith(f"{fault} cannot be planted in this stream: it needs ")
