"""`/` in the timeline and in a page, and `:` to an event."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.conftest import GOOD, NARROW, SEED, Recorder, Screen, browsing
from textual import events
from textual.widgets import Input

from responses_tap_viewer.tui.spans import wrap
from responses_tap_viewer.tui.widgets.wrapped_text import WrappedText


async def ask(screen: Screen, key: str, text: str) -> None:
    await screen.press(key)
    await screen.until(lambda: isinstance(screen.app.focused, Input))
    await screen.press(*text)


async def test_slash_in_the_timeline_searches_it(recorder: Recorder) -> None:
    recorder.add(SEED)
    async with browsing(recorder) as screen:
        await screen.press("enter", "home")
        await ask(screen, "slash", "REASONING_text")
        await screen.shows("1 of 5")
        assert screen.row == "event response.content_part.added"
        for key, count, row in (
            ("enter", "2 of 5", "finding NS205"),
            ("down", "3 of 5", "run response.reasoning_text.delta"),
            ("up", "2 of 5", "finding NS205"),
            ("up", "1 of 5", "event response.content_part.added"),
            ("up", "5 of 5", "event response.content_part.done"),
        ):
            await screen.press(key)
            await screen.shows(count)
            assert screen.row == row
        await screen.press("escape")
        await screen.until(lambda: screen.focus == "timeline")
        assert "8 of 5" not in screen.text


async def test_what_is_written_on_is_looked_for_from_where_the_search_began(recorder: Recorder) -> None:
    recorder.add(GOOD)
    async with browsing(recorder, NARROW) as screen:
        await screen.press("enter")
        await ask(screen, "slash", "d")
        await screen.shows("1 of")
        await screen.press(*"one")
        await screen.until(lambda: screen.row == "event response.output_text.done")
        await screen.press(*"x")
        await screen.shows("not found")
        assert screen.row == "event response.output_text.done"


async def test_slash_in_a_page_searches_it_and_shows_where(recorder: Recorder) -> None:
    text = " ".join(f"word{n}" for n in range(3000))
    recorder.add(GOOD, request_body=json.dumps({"model": "m", "input": text}))
    async with browsing(recorder) as screen:
        await screen.press("3", "tab", "tab")
        await screen.until(lambda: screen.focus == "detail")
        await ask(screen, "slash", "word2999")
        await screen.shows("1 of 1")
        await screen.until(lambda: any("▌" in line and "word2999" in line for line in screen.text.split("\n")))
        await screen.press("escape")
        await screen.until(lambda: screen.focus == "detail")
        assert not any("▌" in line and "word2999" in line for line in screen.text.split("\n"))
        assert "word2999" in screen.text


async def test_slash_in_the_list_still_filters(four: Recorder) -> None:
    async with browsing(four) as screen:
        await ask(screen, "slash", "model:olla*")
        await screen.is_at(2)


@given(
    st.lists(st.text("ab ﬁ漢\x1b", max_size=60), max_size=5),
    st.text("ab ﬁ漢", min_size=1, max_size=4),
    st.integers(4, 20),
)
def test_each_place_is_found_in_its_wrapped_line(texts: list[str], wanted: str, width: int) -> None:
    page = [[(text[:7], "label"), (text[7:], "plain")] for text in texts]
    wrapped = WrappedText(page, width)
    found = wrapped.places(wanted)
    lines = [list(wrap(line, width)) for line in page]
    assert bool(found) == any(wanted in _whole(line) for line in lines)
    for at in found:
        assert wanted[0] in "".join(text for text, _ in wrapped.line(at, width))


def _whole(lines: list[list[tuple[str, str]]]) -> str:
    return "".join(text for part, line in enumerate(lines) for text, _ in line[bool(part) :])


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("12", "event response.completed"),
        ("6", "run response.output_text.delta"),
        ("0", "event response.created"),
        ("0.42", "event response.completed"),
        ("215ms", "event response.output_item.added"),
        (".27 s", "run response.output_text.delta"),
        ("99s", "event response.completed"),
        ("10:00:00.21", "event response.output_item.added"),
    ],
)
async def test_a_colon_goes_to_an_event_by_number_or_time(recorder: Recorder, text: str, row: str) -> None:
    recorder.add(GOOD)
    async with browsing(recorder) as screen:
        await ask(screen, "colon", text.replace(" ", ""))
        await screen.press("enter")
        await screen.until(lambda: screen.focus == "timeline")
        assert screen.row == row


async def test_a_colon_says_what_it_expects_and_how_far_the_numbers_go(recorder: Recorder) -> None:
    recorder.add(GOOD)
    async with browsing(recorder) as screen:
        await ask(screen, "colon", "x")
        await screen.shows("expected an event number (12), seconds (1.5 or 350ms) or a time of day (10:00:02)")
        await screen.press("backspace", *"13", "enter")
        await screen.shows("there is no event 13; the last one is 12")
        assert isinstance(screen.app.focused, Input)
        await screen.press("escape")
        await screen.until(lambda: screen.focus == "timeline")


async def test_the_rules_are_looked_through_by_words(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("n", "r")
        await screen.shows("Rules", "▌✖ LC103 terminal-missing", "Fix", "end every stream with a terminal event")
        await screen.press("shift+tab")
        await screen.until(lambda: isinstance(screen.app.focused, Input))
        await screen.press(*"uses an item before")
        await screen.shows("▌✖ NS201 item-not-opened", "send response.output_item.added")
        await screen.press("enter")
        await screen.until(lambda: screen.focus == "rules")
        await screen.press("enter")
        await screen.until(lambda: screen.focus == "rule-page")
        await screen.press("escape")
        await screen.until(lambda: screen.app.screen is screen.browser)


async def test_keys_typed_in_one_burst_reach_the_prompt_that_the_first_one_opens(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("home")
        await screen.is_at(1)
        for key in (":", "1", "2", "enter"):
            screen.app.post_message(events.Key({":": "colon"}.get(key, key), key if len(key) == 1 else None))
        await screen.until(lambda: screen.row == "event response.completed" and screen.focus == "timeline")
        assert "▐1 event▌" in screen.text
        await screen.press("escape")
        for key in "/model:olla*":
            screen.app.post_message(events.Key({"/": "slash", ":": "colon", "*": "asterisk"}.get(key, key), key))
        await screen.is_at(2)
