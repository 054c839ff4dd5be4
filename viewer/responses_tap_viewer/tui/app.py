"""The application: its screen, the keys that work everywhere, the colours."""

from pathlib import Path
from typing import Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from responses_tap_viewer.tui.screens.browser import Browser
from responses_tap_viewer.tui.screens.export import Export
from responses_tap_viewer.tui.screens.help import HelpScreen


class TapApp(App[None]):
    """Browses the recording at `path`; `export` makes the text of a file from a stream's id and a format."""

    TITLE = "responses-tap"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, path: Path, *, export: Export) -> None:
        super().__init__()
        self._path = path
        self._export = export

    def get_default_screen(self) -> Screen[Any]:
        """The browser."""
        return Browser(self._path, self._export)

    def action_help(self) -> None:
        """Show what the keys do."""
        bindings = [active.binding for active in self.screen.active_bindings.values()]
        self.push_screen(HelpScreen(bindings))
