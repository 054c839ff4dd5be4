"""The keys as the bindings have them, the fields of the filter, the symbols and what they mean."""

from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.css.styles import RulesMap
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual
from textual.widgets import Static

from responses_tap.protocol.findings import Severity
from responses_tap.stream.filters import FIELDS, SYNTAX
from responses_tap.stream.timeline import CUT, GLYPHS, OK
from responses_tap_viewer.tui.streams.stream_columns import OPEN
from responses_tap_viewer.tui.streams.streams_pane import MARKED
from responses_tap_viewer.tui.timeline.row_lines import STALL

_NAMES_WIDTH = 18
_SYMBOLS = {
    OK: "no errors or warnings",
    GLYPHS[Severity.ERROR]: "error; in the timeline also: missing event, expected here",
    GLYPHS[Severity.WARNING]: "warning",
    GLYPHS[Severity.NOTE]: "note",
    CUT: "truncated",
    OPEN: "still open",
    MARKED: "marked; = compares with it",
    STALL: "pause of a second or more, before this event or within the run",
    "◂": "field that a finding is about",
    "= < > ~ ≠": "in a comparison: same, only in A, only in B, moved, different fields",
}
_COPYING = "Copying goes through the terminal (OSC 52), also over SSH; tmux needs `set -g set-clipboard on`."


class HelpScreen(ModalScreen[None]):
    """What each key does; made from the bindings, so that none is forgotten."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "dismiss", "Close")]

    def __init__(self, bindings: Iterable[Binding]) -> None:
        super().__init__()
        self._explained = list(bindings)

    def compose(self) -> ComposeResult:
        """A line for each thing that can be done, and what else one may ask for."""
        keys: dict[str, list[str]] = {}
        for binding in self._explained:
            if explanation := binding.tooltip or binding.description:
                keys.setdefault(explanation, []).append(self.app.get_key_display(binding))
        named = {" ".join(dict.fromkeys(names)): explanation for explanation, names in keys.items()}
        with VerticalScroll(id="dialog", classes="help") as dialog:
            dialog.border_title = "Help"
            yield from _section("Keys", named)
            yield Static(Content(_COPYING), classes="words")
            yield from _section("Filter", {name: field.meaning for name, field in FIELDS.items()}, SYNTAX)
            yield from _section("Symbols", _SYMBOLS)


def _section(title: str, named: dict[str, str], words: str = "") -> Iterator[Static]:
    yield Static(Content(title), classes="title")
    if words:
        yield Static(Content(words), classes="words")
    yield Static(_Explained(named))  # one widget for all: one for each took a fifth of a second


class _Explained(Visual):
    """Names with what they mean, which is wrapped beside them."""

    def __init__(self, named: dict[str, str]) -> None:
        self._named = named

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """As wide as there is room."""
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        """How many lines it takes."""
        return self._wrapped(width).get_height(rules, width)

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        """The lines."""
        return self._wrapped(width).render_strips(width, height, style, options)

    def _wrapped(self, width: int) -> Content:
        beside = max(width - _NAMES_WIDTH, 1)
        hanging = "\n" + " " * _NAMES_WIDTH
        return Content("\n").join(
            Content.assemble((name.ljust(_NAMES_WIDTH), "bold $text-primary"), hanging.join(wrap(explanation, beside)))
            for name, explanation in self._named.items()
        )
