"""The dialog that writes a stream to a file."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from responses_tap.store import RecordingError
from responses_tap.timeline import MISSING, printable
from responses_tap_viewer.export_formats import FORMATS, Format
from responses_tap_viewer.exporting import write_whole
from responses_tap_viewer.streams import UnusableInput
from responses_tap_viewer.tui.spans import Line
from responses_tap_viewer.tui.widgets.lines import Chosen, CursorMoved, Lines

type Export = Callable[[int, Format], bytes]
"""A stream's id and a format → the content of the file."""


class ExportScreen(ModalScreen[Path | None]):
    """Asks for a format and a file's name; the result is the file that was written, None where none was."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Cancel")]

    def __init__(self, stream_id: int, export: Export) -> None:
        super().__init__()
        self._stream_id = stream_id
        self._export = export
        self._format = next(iter(FORMATS.values()))
        self._formats = Lines(id="formats")

    def compose(self) -> ComposeResult:
        """The formats, the name, what went wrong."""
        with Vertical(id="dialog") as dialog:
            dialog.border_title = f"Export stream {self._stream_id}"
            yield self._formats
            yield Input(self._proposal())
            yield Label("Enter writes, Tab goes to the formats, Escape back", id="hint")
            yield Label(id="trouble", markup=False)

    def on_mount(self) -> None:
        """The proposed name will do, mostly."""
        self._formats.open(FormatLines())
        self.query_one(Input).focus()

    def on_cursor_moved(self, message: CursorMoved) -> None:
        """Propose a name for that format, unless the person has given one of their own."""
        entry = self.query_one(Input)
        was_proposed = entry.value == self._proposal()
        self._format = list(FORMATS.values())[message.lines.cursor]
        if was_proposed:
            entry.value = self._proposal()

    @on(Input.Submitted)
    @on(Chosen)
    async def write(self) -> None:
        """Write the file and close; or say why not, and stay."""
        try:
            path = await asyncio.to_thread(self._write, self.query_one(Input).value)
        except (UnusableInput, RecordingError) as error:
            self.query_one("#trouble", Label).update(f"{MISSING} {printable(str(error))}")
        else:
            self.dismiss(path)

    def _write(self, name: str) -> Path:
        path = Path(name).expanduser()
        if path.exists():
            raise UnusableInput(name, "is there already; choose another name")
        write_whole(path, self._export(self._stream_id, self._format))
        return path

    def _proposal(self) -> str:
        name = f"responses-tap-stream-{self._stream_id}"
        suffix = self._format.suffix
        candidates = (Path(f"{name}{number}{suffix}") for number in ("", *(f"-{n}" for n in range(2, 100))))
        return str(next((path for path in candidates if not path.exists()), Path(f"{name}{suffix}")))


class FormatLines:
    """The formats, one a line."""

    def __len__(self) -> int:
        return len(FORMATS)

    def line(self, index: int, width: int) -> Line:
        """A format, and what it holds."""
        format_ = list(FORMATS.values())[index]
        return [(f" {format_.name:6}", "strong"), (format_.about, "plain")]
