"""Colours that can be read: those of a theme, moved as far as WCAG 2.2 demands (4.5 : 1 on every background)."""

from collections.abc import Mapping

from textual.color import BLACK, WHITE, Color

_ENOUGH = 4.6
"""A little more than 4.5: what is drawn is rounded."""
_STEP = 0.05
_TEXTS = ("foreground", "text-primary", "text-secondary", "text-accent", "text-success", "text-warning", "text-error")
_MUTED = 0.3
"""How much of the background is in a muted text."""
_CURSOR, _BLURRED = 0.15, 0.08


def legible(theme: Mapping[str, str]) -> dict[str, str]:
    """The variables of a theme that are to be others, and those of our own: the line under the cursor."""
    background, foreground, primary = (Color.parse(theme[name]) for name in ("background", "foreground", "primary"))
    own = {
        "line-cursor": background.blend(primary, _CURSOR),
        "line-cursor-blurred": background.blend(foreground, _BLURRED),
        "note-background": background.blend(Color.parse(theme["success"]), _CURSOR),
        "trouble-background": background.blend(Color.parse(theme["error"]), _CURSOR),
    }
    below = [background, *(Color.parse(theme[name]) for name in ("surface", "panel")), *own.values()]
    texts = {name: Color.parse(theme[name]) for name in _TEXTS}
    texts |= {"text-muted": foreground.blend(background, _MUTED), "text-disabled": foreground.blend(background, _MUTED)}
    changed = own | {name: _moved(text, below) for name, text in texts.items()}
    return {name: color.hex for name, color in changed.items()}


def _moved(text: Color, below: list[Color]) -> Color:
    """The colour, as much nearer to black or white as it takes."""
    end = WHITE if _luminance(below[0]) < _luminance(text) else BLACK
    moved, share = text, 0.0
    while share < 1 and min(_contrast(moved, color) for color in below) < _ENOUGH:
        share += _STEP
        moved = text.blend(end, share)
    return moved


def _contrast(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2.2, 1 to 21."""
    dark, bright = sorted((_luminance(one), _luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    """The relative luminance of WCAG 2.2, 0 to 1."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 (sRGB's own figures)
        for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
