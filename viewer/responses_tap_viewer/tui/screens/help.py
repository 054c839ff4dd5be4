"""The keys as the bindings have them, the fields of the filter, the symbols and what they mean."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from responses_tap.protocol.findings import Severity
from responses_tap.stream.filters import FIELDS
from responses_tap.stream.timeline import CUT, GLYPHS, OK
from responses_tap_viewer.tui.streams.stream_columns import OPEN
from responses_tap_viewer.tui.streams.streams_pane import MARKED
from responses_tap_viewer.tui.timeline.row_lines import STALL

_NAMES_WIDTH = 18
_FILTER = "Space = AND, comma = OR, leading - = NOT, * = wildcard:"
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
            yield from _section("Filter", {name: field.meaning for name, field in FIELDS.items()}, _FILTER)
            yield from _section("Symbols", _SYMBOLS)


def _section(title: str, named: dict[str, str], words: str = "") -> Iterator[Static]:
    yield Static(Content(title), classes="title")
    if words:
        yield Static(Content(words), classes="words")
    lines = (
        Content.assemble((name.ljust(_NAMES_WIDTH), "bold $text-primary"), explanation)
        for name, explanation in named.items()
    )
    yield Static(Content("\n").join(lines))  # one widget for all: one for each took a fifth of a second
