"""`/`: the list of streams, chosen from as one types."""

import pytest
from tests.tui.conftest import GOOD, MEDIUM, NARROW, SEED, WIDE, Recorder, Screen, browsing, opened
from textual.widgets import Input

from responses_tap_viewer.tui.streams.filter_completion import completions
from responses_tap_viewer.tui.streams.streams_pane import StreamsPane


def ids(screen: Screen) -> list[int]:
    return screen.streams.catalogue.shown


async def write(screen: Screen, text: str) -> None:
    await screen.press("slash")
    await screen.until(lambda: isinstance(screen.app.focused, Input))
    await screen.press(*text)


async def test_it_filters_as_one_types_and_enter_keeps_it(four: Recorder) -> None:
    async with browsing(four) as screen:
        await write(screen, "errors>0")
        await screen.is_at(4)
        await screen.shows("errors>0 · 3 of 4")
        assert ids(screen) == [2, 3, 4]
        await screen.press(*"code:MD*")  # letters that are keys elsewhere
        await screen.until(lambda: screen.app.focused.value == "errors>0code:MD*")
        await screen.shows("expected a number for errors")
        assert ids(screen) == [2, 3, 4]
        screen.app.focused.value = "errors>0 code:MD*"
        await screen.is_at(2)
        await screen.shows("errors>0 code:MD* · 1 of 4")
        assert "expected a number" not in screen.text
        await screen.press("enter")
        await screen.until(lambda: screen.focus == "streams")
        await screen.shows("errors>0 code:MD* · 1 of 4")
        await screen.press("slash")
        await screen.until(lambda: isinstance(screen.app.focused, Input))
        assert screen.app.focused.value == "errors>0 code:MD*"


async def test_escape_clears_it_there_and_in_the_list(four: Recorder) -> None:
    async with browsing(four) as screen:
        for leave in (("escape",), ("enter", "escape")):
            await write(screen, "model:olla*")
            await screen.is_at(2)
            await screen.press(*leave)
            await screen.until(lambda: ids(screen) == [1, 2, 3, 4] and screen.focus == "streams")
            await screen.is_at(2)
            assert not screen.streams.query_one(Input).value
            await screen.press("end")


async def test_an_error_keeps_the_line_open_and_the_filter_before(four: Recorder) -> None:
    async with browsing(four) as screen:
        await write(screen, "status>")
        await screen.shows("at character 8: expected a number for status")
        await screen.press("enter")
        await screen.pilot.pause()
        assert isinstance(screen.app.focused, Input)
        await screen.press("3", "9", "9")
        await screen.is_at(3)
        assert ids(screen) == [3]


async def test_the_name_of_a_field_is_no_word_once_its_operator_is_written(four: Recorder) -> None:
    async with browsing(four) as screen:
        await write(screen, "status:200 -errors")
        await screen.shows("-errors · ")
        listed = ids(screen)
        await screen.press(">", ">", "1")
        await screen.shows("expected a number for errors", "status:200 · ")
        assert ids(screen) == listed
        screen.app.focused.value = "errors"
        await screen.until(lambda: ids(screen) == [])
        await screen.press(">", ">", "1")
        await screen.until(lambda: ids(screen) == [1, 2, 3, 4])
        await screen.shows("expected a number for errors")


async def test_where_nothing_matches_nothing_is_shown_or_exported(four: Recorder) -> None:
    async with browsing(four) as screen:
        await write(screen, "nothing")
        await screen.until(lambda: ids(screen) == [] and screen.timeline.follower is None)
        await screen.shows("nothing · 0 of 4")
        await screen.press("enter", "x", "n", "down")
        assert screen.selected is None
        await screen.press("escape")
        await screen.is_at(4)


async def test_new_streams_join_where_they_match(four: Recorder) -> None:
    async with browsing(four) as screen:
        await write(screen, "code:MD301")
        await screen.is_at(2)
        await screen.press("enter")
        four.add(SEED)
        await screen.shows("code:MD301 · 2 of 5")
        four.add(SEED)
        await screen.until(lambda: ids(screen) == [2, 5, 6])
        opened = four.start()
        four.writer.commit()
        await screen.shows("3 of 7")
        four.finish(opened, four.feed(opened, SEED))
        four.writer.commit()
        await screen.until(lambda: ids(screen) == [2, 5, 6, 7])


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW], ids=["wide", "medium", "narrow"])
async def test_it_fits_every_width(four: Recorder, size: tuple[int, int]) -> None:
    async with browsing(four, size) as screen:
        await write(screen, "errors>0 [b]")
        await screen.shows("errors>0 [b]")
        assert screen.browser.query_one(StreamsPane).display
        await screen.press("backspace", "backspace", "backspace", "enter")
        await screen.shows("3 of 4")


async def test_fields_and_values_are_proposed_and_tab_takes_them(four: Recorder) -> None:
    async with browsing(four) as screen:
        await write(screen, "-mo")
        await screen.shows("-model:")
        await screen.press("tab")
        await screen.shows("-model:gpt-5.1  -model:ollama/gpt-oss:20b")
        await screen.press("o", "tab", "space", *"sta", "tab")
        assert screen.app.focused.value == "-model:ollama/gpt-oss:20b status>"
        await screen.press(*["backspace"] * 7, *"code:m", "right")
        await screen.until(lambda: screen.app.focused.value.endswith("code:m"))  # it is written MD301
        await screen.press("tab")
        assert screen.app.focused.value == "-model:ollama/gpt-oss:20b code:MD301"
        await screen.press("backspace", "right")
        await screen.until(lambda: screen.app.focused.value.endswith("code:MD301"))


async def test_up_and_down_recall_the_filters_that_were_kept(four: Recorder) -> None:
    async with browsing(four) as screen:
        for text in ("errors>0", "state:truncated", "errors>0"):
            await write(screen, text)
            await screen.press("enter")
            await screen.until(lambda: screen.focus == "streams")
            await screen.press("escape")
        await screen.press("slash")
        await screen.until(lambda: isinstance(screen.app.focused, Input))
        for key, text in (
            ("up", "errors>0"),
            ("up", "state:truncated"),
            ("up", "state:truncated"),
            ("down", "errors>0"),
        ):
            await screen.press(key)
            assert screen.app.focused.value == text
        await screen.shows("errors>0 · 3 of 4")
        await screen.press("down")
        assert screen.app.focused.value == ""


def test_completions_end_where_there_is_nothing_to_say() -> None:
    assert completions("", []) == completions('"mo', []) == completions("errors>1", []) == completions("x:y", []) == []
    assert completions("state:truncated e", []) == [
        f"state:truncated {name}" for name in ("ended_by:", "events>", "errors>")
    ]


async def test_a_filter_goes_to_the_next_stream_that_it_lets_pass_at_its_finding(recorder: Recorder) -> None:
    for data in (GOOD, SEED, GOOD, SEED, GOOD, SEED, GOOD):
        recorder.add(data)
    async with opened(recorder.writer.path) as screen:
        await screen.is_at(2)
        await screen.until(lambda: screen.focus == "timeline")
        for start, found in ((3, 4), (7, 2), (4, 4)):
            await screen.press("escape", "home", *["down"] * (start - 1))
            await screen.is_at(start)
            await write(screen, "errors>0")  # as words, its beginnings match nothing
            await screen.is_at(found)
            await screen.until(lambda: screen.row == "finding NS201")
            assert isinstance(screen.app.focused, Input)
            await screen.press("escape")
            await screen.is_at(found)


async def test_the_cursor_that_is_moved_under_a_filter_stays_there(recorder: Recorder) -> None:
    for data in (GOOD, SEED, SEED, SEED):
        recorder.add(data)
    async with opened(recorder.writer.path) as screen:
        await screen.is_at(2)
        await screen.until(lambda: screen.focus == "timeline")
        await screen.press("escape", "home")
        await write(screen, "errors>0")
        await screen.is_at(2)
        await screen.press("enter", "down")
        await screen.is_at(3)
        recorder.add(SEED)
        await screen.shows("4 of 5")
        assert screen.selected == 3
        await screen.press("end")
        await screen.is_at(5)
        recorder.add(SEED)
        await screen.shows("5 of 6")
        await screen.press("escape")
        await screen.shows("Streams · 6")
