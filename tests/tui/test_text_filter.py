"""`text:` looks into the prompts and outputs of recorded streams."""

import json
from pathlib import Path

import pytest
from tests.conftest import RECORDINGS, body
from tests.tui.conftest import CUT, GOOD, Recorder, browsing
from tests.tui.test_filter import ids, write

from responses_tap.store import open_recording
from responses_tap.stream.filters import parse


@pytest.fixture
def streams(tmp_path: Path) -> Recorder:
    """The words of the first are in its prompt, of the second in its deltas alone, of the last in its arguments."""
    recorder = Recorder(tmp_path / "tap.db")
    recorder.add(GOOD, request_body=json.dumps({"model": "m", "input": 'Où est "la gare"?'}))
    recorder.add(CUT[: CUT.index(b"event: response.output_text.done")])
    recorder.add((RECORDINGS / "clean/tool-call.sse").read_bytes())
    delta = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "split"}
    recorder.add(body(delta, delta | {"content_index": 1, "delta": "between"}, delta | {"delta": "ted"}))
    return recorder


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ('text:"où est \\"la"', [1]),
        ("text:world", [1, 2]),
        ('text:"hello, wor"', [1, 2]),
        ("-text:world", [3, 4]),
        ("text:splitted", [4]),
        ("text:splitbetween", []),
        ("text:resp_1", []),
        ("text:world state:truncated", [2]),
        ("text:nowhere,splitted", [4]),
        ("text:h*ld", [1, 2]),
    ],
)
def test_words_are_found_wherever_they_stand(streams: Recorder, wanted: str, found: list[int]) -> None:
    assert str(parse(wanted)) == wanted
    with open_recording(streams.writer.path) as recording:
        assert [row.id for row in recording.matching(parse(wanted))] == found
    streams.writer.close()


async def test_the_list_shows_the_streams_that_have_the_words(streams: Recorder) -> None:
    async with browsing(streams) as screen:
        await write(screen, "text:world")
        await screen.until(lambda: ids(screen) == [1, 2] and not screen.streams.catalogue.is_searching)
        await screen.shows("text:world · 2 of 4")
        await screen.press("escape")
        await screen.until(lambda: ids(screen) == [1, 2, 3, 4])
    streams.writer.close()


async def test_a_stream_is_found_once_it_has_the_text(streams: Recorder) -> None:
    async with browsing(streams) as screen:
        await write(screen, "text:later")
        await screen.until(lambda: ids(screen) == [])
        stream = streams.start()
        n = streams.feed(stream, GOOD)
        streams.writer.commit()
        delta = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "later"}
        streams.feed(stream, body(delta), n)
        streams.writer.commit()
        await screen.until(lambda: ids(screen) == [stream])
    streams.writer.close()
