"""What the recorder and its command have printed."""

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from responses_tap_viewer.tui.spans import Line
from responses_tap_viewer.tui.widgets.lines import Lines
from responses_tap_viewer.tui.widgets.pane import Pane
from responses_tap_viewer.tui.widgets.wrapped_text import WrappedText

_BETWEEN_READS = 0.5
_MOST_BYTES = 1 << 18
"""The end of the log that is shown."""


class LogScreen(ModalScreen[None]):
    """The end of a log, followed while one is at its last line."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,L,q", "dismiss", "Close")]

    def __init__(self, log: Path) -> None:
        super().__init__()
        self._log = log
        self._read_size = -1
        self._pane = Pane(Lines(id="log", cursor=False), id="log-pane")

    def compose(self) -> ComposeResult:
        """The lines."""
        with self._pane:
            yield self._pane.lines

    def on_mount(self) -> None:
        """Begin to follow."""
        self._pane.entitle("Output", "Esc closes")
        self._pane.lines.focus()
        self.call_after_refresh(self._read)
        self.set_interval(_BETWEEN_READS, self._read)

    def _read(self) -> None:
        content = self._log.read_bytes()
        if len(content) == self._read_size:
            return
        self._read_size = len(content)
        lines = self._pane.lines
        text = content[-_MOST_BYTES:].decode(errors="backslashreplace").rstrip("\n")
        page: list[Line] = [[(line, "plain")] for line in text.split("\n")]
        at_end = lines.visible_range.stop >= len(lines.source)
        lines.renew(WrappedText(page, lines.text_width), 0)
        if at_end:
            self.call_after_refresh(lines.action_jump, -1)
