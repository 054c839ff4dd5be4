"""Bytes → frames: nothing lost, whatever the split; and the examples of the specification."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responses_tap import Decoder, Frame
from responses_tap.protocol.sse import looks_like_events

_PIECES = st.sampled_from(
    [b"\n", b"\r", b"\r\n", b"data: x", b"data:", b"event: e", ": c", b"\xef\xbb\xbf", b"\xff", b"id: 1", b"retry"]
).map(lambda piece: piece.encode() if isinstance(piece, str) else piece)
_BODIES = st.lists(_PIECES, max_size=40).map(b"".join)


def decode(*chunks: bytes) -> list[Frame]:
    decoder = Decoder()
    frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return frames + decoder.finish()


@given(_BODIES, st.lists(st.integers(0, 200), max_size=8))
def test_any_split_of_the_bytes_gives_the_same_frames(body: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    chunks = [body[a:b] for a, b in itertools.pairwise(edges)]
    assert decode(*chunks) == decode(body)
    assert decode(*(bytes([byte]) for byte in body)) == decode(body)


@given(st.one_of(_BODIES, st.binary(max_size=200)))
def test_frames_joined_are_the_body(body: bytes) -> None:
    assert b"".join(frame.raw for frame in decode(body)) == body


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_every_line_end_is_one(end: str) -> None:
    body = f"event: a{end}data: 1{end}data: 2{end}{end}data: 3{end}{end}".encode()
    assert [(f.event, f.data, f.complete) for f in decode(body)] == [("a", b"1\n2", True), (None, b"3", True)]


def test_whatwg_example_1_stock_ticker() -> None:
    (frame,) = decode(b"data: YHOO\ndata: +2\ndata: 10\n\n")
    assert frame.data == b"YHOO\n+2\n10"


def test_whatwg_example_2_comments_and_an_unfinished_end() -> None:
    frames = decode(b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event")
    assert [f.data for f in frames] == [None, b"first event", b"second event", b" third event"]
    assert [f.complete for f in frames] == [True, True, True, False]


def test_whatwg_example_3_empty_data() -> None:
    assert [f.data for f in decode(b"data\n\ndata\ndata\n\ndata:")] == [b"", b"\n", b""]


def test_whatwg_example_4_one_leading_space_is_stripped() -> None:
    assert [f.data for f in decode(b"data:test\n\ndata: test\n\n")] == [b"test", b"test"]


def test_a_byte_order_mark_counts_only_at_the_start() -> None:
    first, second = decode(b"\xef\xbb\xbfdata: 1\n\n\xef\xbb\xbfdata: 2\n\n")
    assert (first.data, second.data) == (b"1", None)
    assert first.raw.startswith(b"\xef\xbb\xbf")


def test_the_last_event_name_counts() -> None:
    (frame,) = decode(b"event: a\nevent: b\ndata: 1\n\n")
    assert frame.event == "b"


def test_the_done_marker_is_known() -> None:
    assert [f.is_done_marker for f in decode(b"data: [DONE]\n\ndata:[DONE]\n\ndata: [done]\n\n")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("name", [b"", b"event: a\n"])
def test_the_done_marker_is_apart_where_blank_lines_were_left_out(name: bytes, end: bytes) -> None:
    event = name + b'data: {"a": 1}\n'
    body = event + b"data: [DONE]\n" + event + event + b"data: [DONE]\n" + end
    frames = decode(body)
    whole, marker = b'{"a": 1}', b"[DONE]"
    assert [frame.data for frame in frames] == [whole, marker, whole, whole, marker]
    assert b"".join(frame.raw for frame in frames) == body
    assert [frame.run_together for frame in frames] == [False, True, True, True, True]


@pytest.mark.parametrize(
    "start", [b"data: {}", b"\n\ndata: {}", b"\r\n: hi", b"\xef\xbb\xbfevent: e", b"id:1", b"retry: 1"]
)
def test_an_event_stream_shows_in_its_first_field_whatever_blank_lines_come_before(start: bytes) -> None:
    assert looks_like_events(start)


@pytest.mark.parametrize("start", [b"", b"\n", b" data: {}", b"{}", b'"data: {}"', b"date: x", b"<html>"])
def test_nothing_else_looks_like_an_event_stream(start: bytes) -> None:
    assert not looks_like_events(start)
