"""The result of a probe as a badge: one SVG that needs no font and no network."""

from responses_tap.escaping import html
from responses_tap_viewer.probe.matrix import Matrix
from responses_tap_viewer.probe.outcome import BAD, Outcome

_LABEL = "Responses API"
_CHARACTER = 6.6
"""Pixels of a character of 11 px, on the average; `textLength` sets the exact width."""
_PADDING = 6
_GREEN, _RED, _GREY = "#2b7a3d", "#b3141d", "#57606a"


def badge(matrix: Matrix) -> str:
    """How many of the scenarios that say something passed, over all servers; red where one fails."""
    passed = matrix.summary[Outcome.PASSED]
    judged = passed + sum(matrix.summary[outcome] for outcome in BAD)
    words = f"{passed} of {judged} passed" if judged else "not probed"
    colour = _GREY if not judged else _RED if any(target.fails for target in matrix.targets) else _GREEN
    left, right = _width(_LABEL), _width(words)
    title = html(f"{_LABEL}: {words}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{left}" height="20" fill="#343b44"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{_text(_LABEL, _PADDING)}{_text(words, left + _PADDING)}</g></svg>\n"
    )


def _width(text: str) -> int:
    return round(len(text) * _CHARACTER) + 2 * _PADDING


def _text(text: str, x: int) -> str:
    return f'<text x="{x}" y="14" textLength="{_width(text) - 2 * _PADDING}">{html(text)}</text>'
