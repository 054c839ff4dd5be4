"""The pages behind a row: the marked field, the text, the bytes, the figures."""

import itertools
import json
from pathlib import Path

import pytest
from tests.conftest import BROKEN, RECORDINGS, body
from tests.tui.conftest import GOOD, NARROW, WIDE, Recorder, Screen, browsing

from responses_tap import Checker
from responses_tap.protocol.sse import decode
from responses_tap_viewer.tui.detail.marks import marks
from responses_tap_viewer.tui.detail.pages import TABS
from responses_tap_viewer.tui.json_lines import json_lines

OGX = (RECORDINGS / "broken" / "ogx-1.5.0-reasoning.sse").read_bytes()


def detail(screen: Screen) -> str:
    """What the detail pane shows, all of it."""
    source = screen.lines("detail").source
    return "\n".join("".join(text for text, _ in source.line(i, 200)) for i in range(len(source)))


async def turn_to(screen: Screen, tab: str) -> None:
    number = TABS.index(tab) + 1
    await screen.press(str(number))
    await screen.shows(f"▐{number} {tab}▌")


async def test_the_text_of_an_item_stands_beside_what_its_done_events_say(recorder: Recorder) -> None:
    recorder.add(OGX)
    async with browsing(recorder) as screen:
        await screen.press("n")
        await turn_to(screen, "text")
        await screen.until(lambda: "Hello! The answer is 42." in detail(screen))
        assert "reasoning_text 1  20 characters in 5 deltas" in detail(screen)
        assert "● matches response.reasoning_text.done" in detail(screen)
        assert "· no response.output_text.done received" in detail(screen)


async def test_a_text_that_its_done_event_has_otherwise_is_shown_twice(recorder: Recorder) -> None:
    recorder.add((RECORDINGS / "broken" / "AG601-text-done-differs.sse").read_bytes())
    async with browsing(recorder) as screen:
        await turn_to(screen, "text")
        await screen.until(lambda: "≠ response.output_text.done differs, 10 characters" in detail(screen))
        assert "13 characters in 5 deltas" in detail(screen)


async def test_arguments_are_shown_as_json_and_only_of_the_items_in_question(recorder: Recorder) -> None:
    call = {"type": "function_call", "id": "fc_1", "name": "weather"}
    arguments = json.dumps({"city": "Oslo"})
    delta = {"type": "response.function_call_arguments.delta", "output_index": 1}
    text = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Let me look"}
    recorder.add(
        body(
            text,
            {"type": "response.output_item.added", "output_index": 1, "item": call},
            delta | {"delta": arguments[:5]},
            delta | {"delta": arguments[5:]},
        )
    )
    async with browsing(recorder) as screen:
        await turn_to(screen, "text")
        await screen.until(lambda: "Let me look" in detail(screen))
        assert "Oslo" not in detail(screen)
        await screen.press("enter", "end", "pageup", "home")
        while "function_call_arguments" not in screen.row:
            await screen.press("down")
        await screen.until(lambda: '"city": "Oslo"' in detail(screen))
        assert "Item 1  function_call weather fc_1" in detail(screen)
        assert "Let me look" not in detail(screen)


async def test_the_bytes_are_shown_in_hexadecimal(recorder: Recorder) -> None:
    recorder.add(b": caf\xc3\xa9\r\n\r\n" + GOOD)
    async with browsing(recorder) as screen:
        await turn_to(screen, "hex")
        await screen.shows("000000  3a 20 63 61 66 c3 a9 0d  : caf···", "000008  0a 0d 0a                 ···")
        await turn_to(screen, "raw")
        await screen.shows(": café␍␊")


async def test_the_figures_of_a_stream(recorder: Recorder) -> None:
    recorder.add(GOOD, output_tokens=10, input_tokens=3, last_byte_ns=420_000_000)
    async with browsing(recorder) as screen:
        await turn_to(screen, "stats")
        await screen.shows("13 in 13 chunks, 1.0 per chunk", "p50 20 ms, p95 20 ms")
        await screen.shows(
            "20 ms until chunk 1 at 0.200 s", "20 ms–50 ms ████████████████████████ 12", "Bytes per chunk"
        )
        await screen.shows("3 in, 10 out", "first byte 0.180 s, last byte 0.420 s, closed 0.440 s")


async def test_large_and_small_figures_are_written_alike(recorder: Recorder) -> None:
    recorder.add(GOOD, output_tokens=13_402, input_tokens=1_200, last_byte_ns=180_500_000)
    recorder.add(GOOD, output_tokens=10, last_byte_ns=580_000_000)
    async with browsing(recorder) as screen:
        await turn_to(screen, "stats")
        await screen.shows("32.5 events/s", "25.0 tokens/s after TTFB")
        await screen.press("1", "up", "7")
        await screen.shows("26,000 events/s", "1,200 in, 13,402 out, 26,804,000 tokens/s after TTFB")


async def test_a_stream_of_one_chunk_has_no_gaps(recorder: Recorder) -> None:
    recorder.add(b": only\n\n")
    async with browsing(recorder) as screen:
        await turn_to(screen, "stats")
        await screen.shows("there are no gaps to measure")


@pytest.mark.parametrize("sample", BROKEN, ids=lambda sample: sample.stem)
def test_an_event_is_pointed_at_where_it_is_wrong(sample: Path) -> None:
    checker, events = Checker(), {}
    for frame in decode([sample.read_bytes()]):
        if (event := checker.feed(frame)) is not None:
            events[event.response, event.position] = event
    for finding in checker.finish():
        event = events.get((finding.response, finding.position))
        if event is not None and event.data:
            marked = [line[-1] for line in json_lines(event.data, marks(event, [finding])) if "◂" in line[-1][0]]
            assert any(finding.code in text for text, _ in marked)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("ID501-response-id-changed", '"id": "resp_2",'),
        ("ID503-item-id-mismatch", '"item_id": "msg_9",'),
        ("AG605-terminal-item-differs", '"content": ['),
        ("AG610-item-field-changed", '"name":'),
        ("ID508-part-index-gap", '"content_index": 1,'),
        ("AG609-annotations-differ", '"annotations": ['),
        ("ST703-incomplete-without-reason", '"incomplete_details":'),
        ("NS205-part-type-not-allowed", '"type": "reasoning_text"'),
        ("SC811-item-field-missing", '"item": {'),
        ("SC807-unknown-event", '"type": "weather.update",'),
    ],
)
async def test_the_field_that_is_wrong_is_marked(recorder: Recorder, name: str, line: str) -> None:
    recorder.add((RECORDINGS / "broken" / f"{name}.sse").read_bytes())
    async with browsing(recorder) as screen:
        await screen.until(lambda: any(row.type == name[:5] for row in screen.timeline.rows))
        rows = screen.timeline.rows
        screen.timeline.lines.move_to(next(i for i, row in enumerate(rows) if row.type == name[:5]))
        await screen.until(lambda: name[:5] in detail(screen) and "◂" in detail(screen))
        marked = [text.strip() for text in detail(screen).split("\n") if "◂" in text]
        assert any(text.startswith(line) and name[:5] in text for text in marked), detail(screen)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_every_row_has_every_page_at_every_width(recorder: Recorder, size: tuple[int, int]) -> None:
    recorder.add(b"event: x\ndata: {not json\n\n: comment\n\ndata: [DONE]\n\ndata: {}")
    async with browsing(recorder, size) as screen:
        for line, tab in itertools.product(range(len(screen.timeline.rows)), TABS):
            screen.timeline.lines.move_to(line)
            await turn_to(screen, tab)
            await screen.until(lambda: detail(screen))


def test_marks_are_found_at_any_depth() -> None:
    value = {"a": [{"b": 1}, {"b": [{"c": {}}]}], "b": {"a": '"b": {'}, "c": []}
    for path in [("a",), ("a", 0), ("a", 1, "b"), ("a", 1, "b", 0, "c"), ("b", "a"), ("c",)]:
        marked = [line for line in json_lines(value, {path: "here"}) if line[-1][1] == "error"]
        assert len(marked) == 1
        key = [step for step in path if isinstance(step, str)][-1]
        assert path[-1] == 0 or f'"{key}":' in [text for text, _ in marked[0]]
