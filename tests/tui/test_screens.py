"""What is on the screen, at each width and whatever the streams contain.

The golden screens in tests/screens are text; `UPDATE_SCREENS=1 pytest tests/tui` draws them anew.
"""

import pytest
from tests.conftest import RECORDINGS
from tests.tui.conftest import MEDIUM, NARROW, WIDE, Recorder, browsing

from responses_tap.protocol.rules import RULES


@pytest.mark.parametrize(("name", "size"), [("wide", WIDE), ("medium", MEDIUM), ("narrow", NARROW)])
async def test_the_streams_are_listed_beside_what_there_is_room_for(
    four: Recorder, name: str, size: tuple[int, int]
) -> None:
    async with browsing(four, size) as screen:
        await screen.is_golden(f"{name}-streams")


@pytest.mark.parametrize(("name", "size"), [("wide", WIDE), ("medium", MEDIUM), ("narrow", NARROW)])
async def test_findings_stand_in_the_timeline(four: Recorder, name: str, size: tuple[int, int]) -> None:
    async with browsing(four, size) as screen:
        await screen.press("home", "down")
        await screen.is_at(2)
        await screen.press("n", "up")
        await screen.until(lambda: screen.row == "event response.content_part.added")
        await screen.is_golden(f"{name}-timeline")
        await screen.press("enter")
        await screen.is_golden(f"{name}-detail")


async def test_a_finding_is_explained_by_its_rules_page(four: Recorder) -> None:
    page = RULES["NS201"].page()
    async with browsing(four) as screen:
        await screen.press("N", "N", "N", "N")
        await screen.until(lambda: screen.row == "finding NS201")
        await screen.shows("✖ NS201 item-not-opened  error", "response.output_item.added is expected here")
        first_words = [" ".join(text.split()[:3]) for text in (page.what, page.fix, page.impact)]
        await screen.shows(*first_words)
        await screen.press("up", "up")
        await screen.until(lambda: screen.row == "missing response.output_item.added")
        await screen.shows(*first_words)


async def test_a_run_shows_its_text(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("enter", *["down"] * 4)
        await screen.shows("5 events, 13 characters in 0.080 s, 50 events/s", "Hello, world.", "First event")


async def test_the_field_that_a_finding_names_is_marked(recorder: Recorder) -> None:
    recorder.add((RECORDINGS / "broken" / "ID503-item-id-mismatch.sse").read_bytes())
    async with browsing(recorder) as screen:
        await screen.press("n", "enter", "end")
        await screen.until(lambda: any('"item_id"' in line and "◂ ✖ ID503" in line for line in screen.text.split("\n")))


async def test_without_colour_the_cursor_is_still_seen(four: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with browsing(four) as screen:
        await screen.press("up", "up")
        await screen.is_at(2)
        await screen.until(lambda: any(line.startswith("▌    2 ") for line in screen.text.split("\n")))


async def test_a_terminal_that_changes_its_size_keeps_cursor_and_focus(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("up", "up", "enter", "down", "enter")
        await screen.is_at(2)
        for size in (NARROW, MEDIUM, WIDE, (20, 6)):
            await screen.pilot.resize_terminal(*size)
            await screen.until(lambda size=size: screen.app.size == size)
            assert (screen.focus, screen.row) == ("detail", "event response.in_progress")
