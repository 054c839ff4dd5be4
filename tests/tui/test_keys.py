"""Every key, and the mouse."""

import pytest
from tests.tui.conftest import GOOD, SEED, Recorder, browsing

from responses_tap_viewer.tui.detail.pages import TABS
from responses_tap_viewer.tui.screens.help import HelpScreen


async def test_keys_move_the_cursor_and_the_focus(four: Recorder) -> None:
    async with browsing(four) as screen:
        for keys, stream in (("home", 1), ("j", 2), ("down", 3), ("k", 2), ("end", 4), ("g", 1), ("G", 4)):
            await screen.press(keys)
            await screen.is_at(stream)
        await screen.press("pageup")
        await screen.is_at(1)
        await screen.press("pagedown")
        await screen.is_at(4)
        walk = ("enter", "timeline"), ("enter", "detail"), ("escape", "timeline"), ("escape", "streams")
        turn = ("tab", "timeline"), ("tab", "detail"), ("tab", "streams"), ("shift+tab", "detail")
        for key, pane in (*walk, *turn):
            await screen.press(key)
            await screen.until(lambda pane=pane: screen.focus == pane)


async def test_n_walks_the_findings_through_all_streams_and_round_the_end(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("home")
        await screen.is_at(1)
        for finding in ("NS201", "NS205", "MD301", "TR907", "LC103"):
            await screen.press("n")
            await screen.until(lambda finding=finding: screen.row == f"finding {finding}")
        assert screen.selected == 4
        await screen.press("n")
        await screen.shows("Wrapped to the first finding")
        await screen.until(lambda: screen.row == "finding NS201")
        await screen.press("N")
        await screen.shows("Wrapped to the last finding")
        await screen.until(lambda: screen.row == "finding LC103")
        for finding in ("TR907", "MD301", "NS205", "NS201"):
            await screen.press("N")
            await screen.until(lambda finding=finding: screen.row == f"finding {finding}")
        assert screen.selected == 2


async def test_n_goes_round_in_the_only_stream_with_a_finding(recorder: Recorder) -> None:
    recorder.add(GOOD)
    recorder.add(SEED)
    async with browsing(recorder) as screen:
        for finding in ("NS205", "MD301", "NS201", "NS205"):
            await screen.press("n")
            await screen.until(lambda finding=finding: screen.row == f"finding {finding}")


async def test_n_says_where_there_is_nothing_to_find(recorder: Recorder) -> None:
    recorder.add(GOOD)
    async with browsing(recorder) as screen:
        await screen.press("n")
        await screen.shows("No errors or warnings in these streams")


@pytest.mark.parametrize("tab", [str(number) for number in range(2, len(TABS) + 1)])
async def test_n_shows_the_page_of_the_finding_whatever_tab_was_chosen(four: Recorder, tab: str) -> None:
    async with browsing(four) as screen:
        await screen.press("home", tab)
        await screen.is_at(1)
        await screen.press("n")
        await screen.until(lambda: screen.row == "finding NS201" and screen.focus == "timeline")
        await screen.shows("▐1 event▌", "✖ NS201 item-not-opened  error")


async def test_d_unfolds_and_the_cursor_stays_on_its_event(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("enter", *["down"] * 4)
        assert screen.row == "run response.output_text.delta"
        folded = len(screen.timeline.rows)
        await screen.press("d")
        await screen.until(lambda: len(screen.timeline.rows) == folded + 4)
        assert screen.row == "event response.output_text.delta"
        await screen.press("down", "down", "d")
        await screen.until(lambda: len(screen.timeline.rows) == folded)
        assert screen.row == "run response.output_text.delta"


async def test_t_turns_the_times(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.shows("since the start", "    0.240 ")
        await screen.press("t")
        await screen.shows("since the row before", "   +0.020 ")
        await screen.press("t")
        await screen.shows("time of day", "10:00:12.240")
        await screen.press("t")
        await screen.shows("since the start")


async def test_the_tabs_show_request_answer_and_bytes(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("3")
        await screen.shows("▐3 request▌", "POST http://localhost:8321/v1/responses", '"Say hello"', "▸ 2 headers")
        assert "Authorization" not in screen.text
        await screen.press("h")
        await screen.shows("▾ 2 headers", "Authorization: Bearer ‹masked 3f9a12›", '"Say hello"')
        await screen.press("up", "4")
        await screen.is_at(3)
        await screen.shows("▐4 response▌", "http-error", "Incorrect API key provided")
        await screen.press("down", "5")
        await screen.is_at(4)
        await screen.shows("▐5 raw▌", "frame 0", "event: response.created␊")
        await screen.press("1")
        await screen.shows("▐1 event▌", '"type": "response.created"')


async def test_help_lists_every_key(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("question_mark")
        await screen.until(lambda: isinstance(screen.app.screen, HelpScreen))
        await screen.shows("Next finding", "Write the stream to a file", "Expand/collapse deltas", "First line", "pgdn")
        await screen.press("escape")
        await screen.until(lambda: screen.app.screen is screen.browser)


async def test_q_quits(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("q")
        await screen.until(lambda: not screen.app.is_running)


async def test_the_palette_opens(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("ctrl+p")
        await screen.until(lambda: len(screen.app.screen_stack) > 1)


async def test_the_mouse_selects_and_opens(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.pilot.click("#streams", offset=(10, 1))
        await screen.is_at(2)
        await screen.pilot.click("#streams", offset=(10, 1), times=2)
        await screen.until(lambda: screen.focus == "timeline")
        await screen.pilot.click("#tabs", offset=(12, 0))
        await screen.shows("▐2 text▌")
        await screen.pilot.click("#keys", offset=(2, 0))
        await screen.until(lambda: screen.row == "finding NS201")
