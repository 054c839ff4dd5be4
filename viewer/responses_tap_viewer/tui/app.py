"""The application: its screen, the keys that work everywhere, the colours."""

import asyncio
import signal
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen

from responses_tap.escaping import shorten
from responses_tap_viewer.tui.escape import hasten_escape
from responses_tap_viewer.tui.legible import legible
from responses_tap_viewer.tui.screens.activity_line import RecorderStatus
from responses_tap_viewer.tui.screens.deletions import Deletions
from responses_tap_viewer.tui.screens.help import HelpScreen
from responses_tap_viewer.tui.screens.main_screen import MainScreen

_TEXTUALS_OWN = ("command_palette", "quit", "app.quit")
"""The palette itself, and what Textual puts into it."""
_ASKED_FOR = 5.0
"""Seconds for which the question shows whether to end a recording."""


class TapApp(App[str]):
    """Browses the recording at `path`."""

    TITLE = "responses-tap"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(
        self, path: Path, *, title: str = "", recorder: RecorderStatus | None = None, unkept: str = ""
    ) -> None:
        """`title` is shown in place of the file's name; `recorder` is what writes the file.

        `unkept` says why nothing that the user writes into it would last, empty where it does.
        """
        hasten_escape()
        super().__init__()
        self._path = path
        self._title = title or path.name
        self._recorder = recorder
        self._unkept = unkept
        self.deletions = Deletions()
        """What the user has deleted; to be carried out when the application has ended."""
        self._asks_until = 0.0
        """Until when, by the monotonic clock, leaving needs no further question."""
        self._typed_at: WeakKeyDictionary[events.Key, DOMNode | None] = WeakKeyDictionary()
        """What had the focus when a key was typed that has not been handled yet."""

    def get_default_screen(self) -> Screen[Any]:
        """The browser."""
        return MainScreen(self._path, self._title, self._recorder, self.deletions, self._unkept)

    def on_mount(self) -> None:
        """Exit properly, with the terminal restored, on signals too."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.exit)

    async def on_event(self, event: events.Event) -> None:
        """Pass a key on to what has the focus now, if another key of the same burst has moved the focus meanwhile.

        Textual sends each key to what has the focus when it is typed, and runs its action only when the key has
        travelled up from there: of `:12` in one piece, the digits would miss the prompt that the colon opens.
        """
        if not isinstance(event, events.Key):
            await super().on_event(event)
        elif not event.is_forwarded:
            self._typed_at[event] = self.focused
            await super().on_event(event)
        elif self._typed_at.pop(event, self.focused) is self.focused:
            await super().on_event(event)
        else:
            self.post_message(events.Key(event.key, event.character))

    def get_css_variables(self) -> dict[str, str]:
        """The theme's colours, each as legible as it must be."""
        variables = super().get_css_variables()
        return variables | legible(variables)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """All that the keys do, and what Textual offers: themes, a picture of the screen."""
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.description and binding.action not in _TEXTUALS_OWN:
                run = partial(self.run_action, binding.action, active.node)
                key = self.get_key_display(binding)
                yield SystemCommand(binding.description, f"{binding.tooltip or binding.description} ({key})", run)
        yield from super().get_system_commands(screen)

    async def action_quit(self) -> None:
        """Leave; where that ends a recording and the command in it, only when asked again."""
        recorder = self._recorder
        if recorder is None or not recorder.is_recording or time.monotonic() < self._asks_until:
            self.exit()
            return
        self._asks_until = time.monotonic() + _ASKED_FOR
        ends = f"the recording and its command, {shorten(recorder.command)}" if recorder.command else "the recording"
        self.notify(f"Press q again to end {ends}", severity="warning", timeout=_ASKED_FOR, markup=False)

    def action_help(self) -> None:
        """Show what the keys do."""
        bindings = [active.binding for active in self.screen.active_bindings.values()]
        self.push_screen(HelpScreen(bindings))
