"""`m` and `=`: two streams side by side."""

import pytest
from rich.cells import cell_len
from tests.conftest import RECORDINGS, body
from tests.tui.conftest import GOOD, MEDIUM, NARROW, WIDE, Recorder, Screen, browsing

from responses_tap_viewer.tui.compare.compare_screen import CompareScreen
from responses_tap_viewer.tui.widgets.lines import Lines

OGX = (RECORDINGS / "broken" / "ogx-1.5.0-reasoning.sse").read_bytes()


async def compare(screen: Screen, marked: int, other: int) -> CompareScreen:
    """Mark the one stream, and compare it with the other."""
    for stream, key in ((marked, "m"), (other, "equals_sign")):
        screen.streams.lines.focus()
        screen.streams.lines.move_to(screen.streams.catalogue.index_of(stream))
        await screen.press(key)
    await screen.until(lambda: isinstance(screen.app.screen, CompareScreen))
    await screen.until(lambda: len(lines(screen, "pair-json").source))
    assert isinstance(screen.app.screen, CompareScreen)
    return screen.app.screen


def lines(screen: Screen, name: str) -> Lines:
    return screen.app.screen.query_one(f"#{name}", Lines)


@pytest.mark.parametrize(("name", "size"), [("wide", WIDE), ("medium", MEDIUM), ("narrow", NARROW)])
async def test_the_right_stream_stands_beside_the_suspect(four: Recorder, name: str, size: tuple[int, int]) -> None:
    async with browsing(four, size) as screen:
        await compare(screen, 1, 2)
        await screen.press("n", "n")
        await screen.shows("A sends response.output_text.done here")
        await screen.is_golden(f"{name}-compare")


async def test_n_goes_through_every_difference_and_back(four: Recorder) -> None:
    async with browsing(four) as screen:
        shown = await compare(screen, 1, 2)
        pairs = lines(screen, "pairs")
        walked = [pairs.cursor]
        while True:
            await screen.press("n")
            if pairs.cursor == walked[0]:
                break
            walked.append(pairs.cursor)
        await screen.shows("Wrapped to the first difference")
        assert walked == shown.compared.stops
        told = {id(difference) for row in walked for difference in shown.compared.about(row)}
        assert told == {id(difference) for difference in shown.compared.differences}
        await screen.press("N")
        await screen.shows("Wrapped to the last difference")
        assert pairs.cursor == walked[-1]


async def test_the_fields_that_differ_are_marked_and_what_may_differ_is_not(recorder: Recorder) -> None:
    usage = {"input_tokens": 1, "output_tokens": 2}
    for response in ({"id": "resp_a", "status": "completed", "usage": usage}, {"id": "resp_b"}):
        recorder.add(body({"type": "response.completed", "sequence_number": 0, "response": response | {"output": []}}))
    async with browsing(recorder) as screen:
        await compare(screen, 1, 2)
        by_key = {line.split('"')[1]: line for line in screen.text.split("\n") if line.lstrip().startswith('"')}
        assert " · " in by_key["id"]
        assert by_key["status"].endswith(" <")
        assert by_key["usage"].endswith(" <")
        assert by_key["output"].rstrip().endswith('"output": []')


async def test_a_stream_is_alike_itself_recorded_twice(four: Recorder) -> None:
    again = four.add(GOOD)
    async with browsing(four) as screen:
        shown = await compare(screen, 1, again)
        await screen.shows("no difference", "= same in both")
        assert shown.compared.stops == []


async def test_sides_swap_tab_turns_and_escape_goes_back(four: Recorder) -> None:
    async with browsing(four) as screen:
        await compare(screen, 1, 2)
        await screen.shows("A 1 gpt-5.1, reference · B 2 ollama")
        await screen.press("s")
        await screen.shows("A 2 ollama/gpt-oss:20b, reference · B 1 gpt-5.1")
        await screen.press("tab")
        assert screen.focus == "pair-json"
        await screen.press("shift+tab")
        assert screen.focus == "pairs"
        await screen.press("question_mark")
        await screen.shows("Swap the sides", "Next difference")
        await screen.press("escape", "escape")
        await screen.until(lambda: screen.app.screen is screen.browser)


async def test_y_copies_the_differences(four: Recorder) -> None:
    async with browsing(four) as screen:
        await compare(screen, 1, 2)
        await screen.press("y")
        await screen.shows("Copied 4 differences")
        assert "< A sends response.output_text.done here (event 9); this server does not" in screen.app.clipboard


async def test_nothing_to_compare_is_told(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("equals_sign")
        await screen.shows("Mark the reference stream with m")
        await screen.press("m", "up")
        await screen.shows("◆ 4 marked")
        await screen.is_at(3)
        await screen.press("equals_sign")
        await screen.shows("holds no event to compare")
        await screen.press("down", "m")
        await screen.until(lambda: "marked" not in screen.text.split("\n")[1])


async def test_a_reasoning_item_that_was_never_opened_is_seen(recorder: Recorder) -> None:
    recorder.add(GOOD)
    recorder.add(OGX)
    async with browsing(recorder) as screen:
        await compare(screen, 1, 2)
        await screen.until(lambda: any(" > " in line and "reasoning" in line for line in screen.text.split("\n")))


async def test_hostile_text_is_shown_and_not_obeyed(recorder: Recorder) -> None:
    evil = "\x1b[31m[bold]x[/] \u202eabc\u200d 漢字 \x9b2J"
    for number in range(2):
        event = {"type": f"response.{evil}", "sequence_number": number, evil: [evil] * (number + 1)}
        recorder.add(
            body({"type": "response.created", "response": {"id": evil, "status": evil[number:]}}, event), model=evil
        )
    async with browsing(recorder) as screen:
        await compare(screen, 1, 2)
        await screen.press("end")
        await screen.shows("[bold]x[/]", "漢字")
        assert not set(screen.text) & set("\x1b\x9b\u202e\u200d")
        assert {cell_len(strip.text) for strip in screen.app.screen._compositor.render_strips()} == {WIDE[0]}
        await screen.press("y")
        await screen.shows("Copied")
        assert not set(screen.app.clipboard) & set("\x1b\x9b\u202e\u200d")
