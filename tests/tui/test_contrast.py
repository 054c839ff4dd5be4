"""Whether all that is written can be read: WCAG 2.2's contrast of at least 4.5 : 1, in the dark theme and the light."""

from collections.abc import Iterator

import pytest
from rich.color import Color
from tests.tui.conftest import WIDE, Recorder, Screen, browsing
from textual.pilot import Pilot
from textual.widgets import Input

ENOUGH = 4.5
_LINES = set("─━│┃╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛▁▂▃▄▅▆▇█▌▐▎▏▔▕▊▸▾·╷╵ \u2800")
"""What only divides or adorns; of the bars, the numbers beside them tell what they show."""


def luminance(color: Color) -> float:
    """The relative luminance of WCAG 2.2."""
    parts = [part / 255 for part in color.get_truecolor()]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def too_faint(pilot: Pilot[str]) -> Iterator[str]:
    """The texts on the screen that are hard to read, each with its contrast."""
    screen = pilot.app.screen
    # What lies behind a dialog is greyed on purpose.
    region = screen.query_one("#dialog").region if screen.is_modal else screen.region
    for strip in screen._compositor.render_strips()[region.y : region.bottom]:
        for text, style, _ in strip.crop(region.x, region.right):
            written = "".join(character for character in text if character not in _LINES)
            if written and style and style.color and style.bgcolor:
                front, back = (style.bgcolor, style.color) if style.reverse else (style.color, style.bgcolor)
                if (found := contrast(front, back)) < ENOUGH:
                    yield f"{found:.2f} {written!r} {front.name} on {back.name}"


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
async def test_all_that_is_written_can_be_read(four: Recorder, theme: str) -> None:
    faint: dict[str, str] = {}

    async def look(screen: Screen, *keys: str, shows: str = "") -> None:
        await screen.press(*keys)
        await screen.shows(shows)
        await screen.pilot.pause()
        faint.update(dict.fromkeys(too_faint(screen.pilot), f"after {keys}"))

    async with browsing(four, WIDE) as screen:
        screen.app.theme = theme
        await screen.pilot.pause(0.2)
        await look(screen, "home", shows="Stream 1")
        await look(screen, "n", shows="NS201")
        await look(screen, "enter")
        for tab in "234567":
            await look(screen, tab, shows=f"▐{tab} ")
        await look(screen, "z", shows="z stops")
        await look(screen, "question_mark", shows="Help")
        await look(screen, *["escape"] * 3, "slash")
        await screen.until(lambda: isinstance(screen.app.focused, Input))
        await look(screen, *"state:", shows="expected a value")
        await look(screen, "escape", "home", "m", "down", "equals_sign", shows="reference")
        await look(screen, "tab")
        await look(screen, "escape", "x", shows="structure")
        await look(screen, "shift+tab")
        await look(screen, "escape", "home", "equals_sign", shows="Mark the reference stream")
    assert not faint, "\n".join(f"{text}: {when}" for text, when in faint.items())


async def test_every_theme_is_made_legible(four: Recorder) -> None:
    async with browsing(four, WIDE) as screen:
        await screen.press("home", "n")
        await screen.shows("NS201")
        for name, theme in screen.app.available_themes.items():
            screen.app.theme = name
            await screen.pilot.pause()
            if not theme.ansi:  # whose colours are the terminal's own, and not known
                assert not list(too_faint(screen.pilot)), name
