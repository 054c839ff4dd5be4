"""Whatever is pasted: it is a stream, or refused in one line; nothing else."""

import contextlib
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from responses_tap.formats import UnrecognizedFormat
from responses_tap.formats.pastes.literals import read
from responses_tap.formats.recognition import recognise
from responses_tap.protocol.checker import Checker
from responses_tap.protocol.sse import decode
from responses_tap.stream.model import Stream

EVENTS = [
    {"type": "response.created", "response": {"id": "resp_1", "output": [], "model": None}, "sequence_number": 0},
    {"type": "response.output_text.delta", "delta": 'it\'s "q" \\ {…}\n', "item_id": "m", "sequence_number": 1},
    {"type": "response.completed", "response": {"id": "resp_1", "usage": {"input_tokens": 1}}, "sequence_number": 2},
]
PIECES = st.one_of(
    st.sampled_from([json.dumps(event) for event in EVENTS] + [repr(event) for event in EVENTS]),
    st.sampled_from(
        ["response.created", "response.completed\n", "event: error", "data: ", "b'data: {", "\n", "\r", "> "]
    ),
    st.sampled_from(
        ["{", "}", "[", "]", "(", ")", "'", '"', "`", "\\", ",", ":", "=", "...", "…", "[Object]", "<a.b: ", "+"]
    ),
    st.sampled_from(
        ["Event(type='response.x', a=[", "{ type: 'response.x',", "\x1b[2m", "```\n", "&quot;", "“type”", "\x00"]
    ),
    st.sampled_from(
        ["2026-09-01T10:00:00Z ", "web-1  | ", '{"log":"', '{"type":"response.x","a":', "× 12", "→", "1e999"]
    ),
    st.text(max_size=8),
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@given(TEXTS, st.sampled_from(["utf-8", "utf-16", "utf-16-le", "latin-1"]))
def test_any_text_is_read_or_refused(text: str, encoding: str) -> None:
    content = text.encode(encoding, errors="replace")
    try:
        for found in recognise(io.BytesIO(content)).streams:
            if isinstance(found, Stream):
                checker = Checker(framed=found.framed, lacks=found.lacks)
                for taken in found.frames:
                    checker.feed(taken.frame)
                    assert list(decode([taken.frame.raw]))
                checker.finish(cut=found.is_cut)
    except UnrecognizedFormat:
        pass


@given(TEXTS)
def test_reading_goes_on_and_stays_in_the_text(text: str) -> None:
    at = 0
    while at < len(text):
        literal = read(text, at)
        assert at < literal.end <= len(text) + 1
        json.dumps(literal.value, allow_nan=False)
        at = literal.end


@given(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=6), st.data())
def test_a_change_anywhere_is_read_or_refused(events: list[dict[str, object]], data: st.DataObject) -> None:
    text = "\n".join(map(data.draw(st.sampled_from([repr, json.dumps, str])), events))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    with contextlib.suppress(UnrecognizedFormat):
        list(recognise(io.BytesIO((text[:start] + data.draw(PIECES) + text[end:]).encode(errors="replace"))).streams)
