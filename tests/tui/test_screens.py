"""What is on the screen, at each width and whatever the streams contain.

The golden screens in tests/screens are text; `UPDATE_SCREENS=1 pytest tests/tui` draws them anew.
"""

import pytest
from rich.cells import cell_len
from tests.conftest import RECORDINGS, body

from responses_tap.protocol.rules import RULES

from .conftest import MEDIUM, NARROW, WIDE, Recorder, browsing


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
        await screen.shows("✖ NS201 item-not-opened  error", "response.output_item.added should stand here")
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


async def test_hostile_text_is_shown_and_not_obeyed(recorder: Recorder) -> None:
    evil = "\x1b[31m[bold]x[/] \u202eabc\u200d 漢字 e\u0301 \x9b2J"
    item = {"id": evil, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    events = body(
        {"type": "response.created", "sequence_number": 0, "response": {"id": evil, "status": "in_progress"}},
        {"type": f"response.{evil}", "sequence_number": 1, "[/]": evil},
        {"type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": item},
        {"type": "response.output_text.delta", "delta": "a" * 1_000_000 + "漢" * 1000 + evil, "item_id": evil},
    ).replace(b"2J", b"\\ud8002J")
    recorder.add(b": \x1b]0;title\x07\n\n" + events, model="[red]漢字\x1b[0m", url="http://h/[/bold]\x1b")
    async with browsing(recorder) as screen:
        await screen.press("d", "enter", *["down"] * 20)
        for tab in "1234":
            await screen.press(tab)
            await screen.shows(f"▐{tab} ")
            assert not set(screen.text) & set("\x1b\x9b\u202e\u200d\x07\ud800")
            widths = {cell_len(strip.text) for strip in screen.app.screen._compositor.render_strips()}
            assert widths == {WIDE[0]}
        await screen.press("1", *["up"] * 20)
        await screen.shows("[red]漢字\\x1b[0m", "\\x1b]0;title", "[/bold]\\x1b")


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
