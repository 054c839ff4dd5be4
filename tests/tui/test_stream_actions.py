"""Copying, replaying, the palette, the help: what one does with a stream that was found."""

import asyncio
import http.client
from urllib.parse import urlsplit

import pytest
from tests.tui.conftest import GOOD, MEDIUM, NARROW, WIDE, Recorder, browsing, opened
from textual.command import CommandInput
from textual.geometry import Region
from textual.widgets import Static

from responses_tap.errors import UnusableInput
from responses_tap.stream.filters import FIELDS
from responses_tap_viewer.tui.screens.help import HelpScreen


async def test_y_copies_what_the_detail_pane_shows(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("n", "y")
        await screen.shows("Copied the event page")
        assert screen.app.clipboard.startswith("✖ LC103 terminal-missing  error\nthe stream ended after")
        await screen.press("3")
        await screen.shows("▐3 request▌", "Say hello")
        await screen.press("y")
        await screen.shows("Copied the request page")
        assert '"input": "Say hello"' in screen.app.clipboard


async def test_Y_copies_the_bug_report(four: Recorder) -> None:  # noqa: N802
    async with browsing(four) as screen:
        await screen.press("Y")
        await screen.shows("Copied the bug report of stream 4")
        assert screen.app.clipboard.startswith("# `response.completed` is never sent (LC103)")


async def test_what_cannot_be_copied_is_told(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def depart(*_: object, **__: object) -> bytes:
        raise UnusableInput("stream 1", "has no [b]report")

    monkeypatch.setattr("responses_tap_viewer.tui.screens.stream_actions.depart", depart)
    recorder.add(b"data: \xed\xa0\x80\n\n" + GOOD)
    async with opened(recorder.writer.path) as screen:
        await screen.is_at(1)
        await screen.press("Y")
        await screen.shows("stream 1 has no [b]report")
        await screen.press("y")
        await screen.shows("Copied the event page")


def ask(url: str) -> bytes:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request("POST", "/v1/responses", "{}")
        return connection.getresponse().read()
    finally:
        connection.close()


async def test_z_replays_the_stream_until_z_or_the_end(four: Recorder) -> None:
    async with browsing(four, NARROW) as screen:
        await screen.press("home", "z")
        await screen.shows("▶ stream 1 at http://127.0.0.1:", "z stops")
        url = next(word for word in screen.text.split() if word.startswith("http://127"))
        assert await asyncio.to_thread(ask, url) == GOOD
        await screen.press("down", "z")
        await screen.until(lambda: "▶" not in screen.text)
        with pytest.raises(ConnectionError):
            await asyncio.to_thread(ask, url)
        await screen.press("z")
        await screen.shows("▶ stream 2 at")
        url = next(word for word in screen.text.split() if word.startswith("http://127"))
    with pytest.raises(ConnectionError):
        await asyncio.to_thread(ask, url)


async def test_what_cannot_be_replayed_is_told(recorder: Recorder) -> None:
    recorder.start(status=None, state="http-error")
    recorder.writer.commit()
    async with browsing(recorder) as screen:
        await screen.press("z")
        await screen.shows("has no response to play")


async def test_the_palette_has_every_action(four: Recorder) -> None:
    async with browsing(four) as screen:
        titles = {command.title for command in screen.app.get_system_commands(screen.browser)}
        for active in screen.browser.active_bindings.values():
            if active.binding.description and active.binding.action not in ("command_palette", "quit"):
                assert active.binding.description in titles
        assert {"Theme", "Quit"} <= titles
        compare = next(c for c in screen.app.get_system_commands(screen.browser) if c.title == "Mark")
        await compare.callback()
        await screen.shows("◆ 4 marked")


async def test_an_action_is_found_in_the_palette_and_done(four: Recorder) -> None:
    async with browsing(four) as screen:
        await screen.press("ctrl+p")
        await screen.until(lambda: isinstance(screen.app.focused, CommandInput))
        await screen.press(*"deltas")
        await screen.shows("Expand/collapse deltas")
        await screen.press("enter")
        await screen.shows("· unfolded")


def shown(static: Static) -> str:
    """What a widget shows, its lines joined."""
    return " ".join(" ".join(strip.text for strip in static.render_lines(Region(0, 0, *static.size))).split())


async def test_help_wraps_what_things_mean_beside_their_names(four: Recorder) -> None:
    async with browsing(four, NARROW) as screen:
        await screen.press("question_mark")
        await screen.until(lambda: isinstance(screen.app.screen, HelpScreen))
        lists = [each for each in screen.app.screen.query(Static) if not each.classes & {"title", "words"}]
        assert len(lists) == 3
        for static in lists:
            lines = [strip.text for strip in static.render_lines(Region(0, 0, *static.size))]
            assert all(line[17] == " " and line[18:].strip() for line in lines), lines


async def test_help_tells_every_key_filter_field_and_sign(four: Recorder) -> None:
    async with browsing(four) as screen:
        told = {
            active.binding.tooltip or active.binding.description for active in screen.browser.active_bindings.values()
        }
        await screen.press("question_mark")
        await screen.until(lambda: isinstance(screen.app.screen, HelpScreen))
        texts = [shown(static) for static in screen.app.screen.query(Static)]
        for explanation in (
            *told,
            *(field.meaning for field in FIELDS.values()),
            "set-clipboard",
            "marked; = compares",
        ):
            assert any(explanation in text for text in texts), explanation


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW, (30, 10)], ids=str)
async def test_the_key_bar_has_whole_entries_and_help_in_any_case(four: Recorder, size: tuple[int, int]) -> None:
    async with browsing(four, size) as screen:
        last = screen.text.rstrip("\n").split("\n")[-1]
        assert "? Help" in last
        known = {
            f"{screen.app.get_key_display(a.binding)} {a.binding.description}"
            for a in screen.browser.active_bindings.values()
        }
        assert {entry.strip() for entry in last.strip().split("  ")} <= known
