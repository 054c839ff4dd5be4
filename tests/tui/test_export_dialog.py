"""`x`: what will be in the file, and where it went."""

import json
from pathlib import Path

import pytest
from tests.conftest import body
from tests.tui.conftest import CUT, MEDIUM, NARROW, WIDE, Recorder, Screen, browsing
from textual.widgets import Input, Label

from responses_tap_viewer.reports.export_formats import FORMATS
from responses_tap_viewer.tui.screens.export_dialog import AMOUNTS, ExportScreen
from responses_tap_viewer.tui.widgets.lines import Lines

SECRET = "sk-proj-abcdefghij0123456789abcdefghij"


async def dialog(screen: Screen) -> ExportScreen:
    await screen.press("x")
    await screen.until(lambda: isinstance(screen.app.screen, ExportScreen))
    assert isinstance(screen.app.screen, ExportScreen)
    return screen.app.screen


def preview(screen: Screen) -> str:
    source = screen.app.screen.query_one("#preview", Lines).source
    return "\n".join("".join(text for text, _ in source.line(i, 200)) for i in range(len(source)))


def verdict(screen: Screen) -> str:
    return str(screen.app.screen.query_one("#verdict", Label).render())


def name(screen: Screen) -> str:
    return screen.app.screen.query_one(Input).value


async def test_enter_writes_the_bug_report_and_says_where(
    four: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with browsing(four) as screen:
        await dialog(screen)
        await screen.until(lambda: preview(screen).startswith("# `response.completed` is never sent (LC103)"))
        await screen.press("enter")
        await screen.until(lambda: screen.app.screen is screen.browser)
        await screen.shows("Saved to")
        assert (
            (tmp_path / "responses-tap-stream-4.md")
            .read_text()
            .startswith("# `response.completed` is never sent (LC103)")
        )
        await dialog(screen)
        assert name(screen) == "responses-tap-stream-4-2.md"
        await screen.press("escape")
        await screen.until(lambda: screen.app.screen is screen.browser)


async def test_every_format_is_offered_shown_and_written(
    four: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with browsing(four) as screen:
        for line, format_ in enumerate(FORMATS.values()):
            await dialog(screen)
            await screen.press("shift+tab", "shift+tab", *["down"] * line)
            await screen.until(lambda format_=format_: name(screen) == f"responses-tap-stream-4{format_.suffix}")
            await screen.until(lambda: " bytes: " in verdict(screen) and preview(screen))
            await screen.press("enter")
            await screen.until((tmp_path / f"responses-tap-stream-4{format_.suffix}").exists)
            await screen.until(lambda: screen.app.screen is screen.browser)
    assert (tmp_path / "responses-tap-stream-4.sse").read_bytes() == CUT


async def test_what_looks_like_a_secret_stays_unless_it_is_masked(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    delta = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "msg_1"}
    recorder.add(body(delta | {"delta": f"the key is {SECRET}"}))
    async with browsing(recorder) as screen:
        await dialog(screen)
        await screen.shows("✖", "has a possible secret", "--mask-secrets")
        await screen.press("enter")
        await screen.pilot.pause()
        assert isinstance(screen.app.screen, ExportScreen)
        await screen.press("shift+tab", "down")
        await screen.until(lambda: "credentials masked: 2; user and model text, unredacted: " in verdict(screen))
        await screen.press("shift+tab", "down", "down")
        await screen.until(lambda: '"format": "responses-tap trace"' in preview(screen))
        assert SECRET not in preview(screen)
        assert "the key is" in preview(screen)
        await screen.press("tab", "down", "down")
        await screen.until(lambda: preview(screen) and "the key is" not in preview(screen))
        await screen.press("enter")
        await screen.until(lambda: screen.app.screen is screen.browser)
    written = (tmp_path / "responses-tap-stream-1.json").read_text()
    assert SECRET not in written
    assert json.loads(written)["streams"][0]["frames"]


async def test_a_file_that_is_there_or_cannot_be_written_is_told(
    four: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with browsing(four) as screen:
        await screen.press("up")
        await screen.is_at(3)
        await dialog(screen)
        screen.app.screen.query_one(Input).value = "tap.db"
        await screen.press("enter")
        await screen.shows("already exists; choose")
        screen.app.screen.query_one(Input).value = "no/such/[folder]"
        await screen.press("enter")
        await screen.shows("cannot be written")
        await screen.press("shift+tab", "shift+tab", "down", "down", "down")
        await screen.shows("has no event stream")
        await screen.press("escape")
        await screen.until(lambda: screen.app.screen is screen.browser)


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW], ids=["wide", "medium", "narrow"])
async def test_the_dialog_fits_every_width(
    four: Recorder, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with browsing(four, size) as screen:
        await dialog(screen)
        await screen.shows(*(amount.name for amount in AMOUNTS), "responses-tap-stream-4.md", "Enter save")
        await screen.until(lambda: preview(screen))
        if size == NARROW:  # where nothing of what is below it is to be seen
            await screen.is_golden("narrow-export")


async def test_the_dialog_says_plainly_what_leaves_and_offers_ways(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = "bob@acme.test pays with 4111 1111 1111 1111"
    delta = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "msg_1"}
    recorder.add(body(*(delta | {"delta": piece} for piece in (said[:30], said[30:]))))
    words = (
        "credentials masked: 1; user and model text, unredacted: 52 characters; likely personal data: "
        "1 card number, 1 e-mail"
    )
    async with browsing(recorder) as screen:
        await screen.press("Y")
        await screen.shows("--allow-text")
        assert said not in screen.app.clipboard
        await dialog(screen)
        await screen.until(lambda: verdict(screen) == f"✖ {words}. Choose any text, no text or structure")
        await screen.press("enter")
        await screen.pilot.pause()
        assert isinstance(screen.app.screen, ExportScreen)
        await screen.press("shift+tab", "down", "down")
        await screen.until(lambda: verdict(screen).endswith(f" bytes: {words}"))
        label = screen.app.screen.query_one("#verdict", Label)
        assert label.styles.color == screen.app.screen.query_one("#dialog").styles.color
        await screen.press("down")
        await screen.until(lambda: verdict(screen).endswith("no likely personal data"))
        assert "acme" not in preview(screen)
        await screen.press("enter")
        await screen.until(lambda: screen.app.screen is screen.browser)
    assert "acme" not in (tmp_path / "responses-tap-stream-1.md").read_text()
