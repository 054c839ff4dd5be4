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
from textual.widgets import Input, Label, RadioButton, RadioSet

from responses_tap.store import RecordingError
from responses_tap.timeline import MISSING, printable
from responses_tap_viewer.exporting import FORMATS, write_whole
from responses_tap_viewer.streams import UnusableInput

type ExportText = Callable[[int, str], str]
"""A stream's id and one of FORMATS → the file's text; bytes that are no UTF-8 as lone surrogates."""


class ExportScreen(ModalScreen[Path | None]):
    """Asks for a format and a file's name; the result is the file that was written, None where none was."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Cancel")]

    def __init__(self, stream_id: int, export: ExportText) -> None:
        super().__init__()
        self._stream_id = stream_id
        self._export = export
        self._format = next(iter(FORMATS))

    def compose(self) -> ComposeResult:
        """The formats, the name, what went wrong."""
        with Vertical(id="dialog") as dialog:
            dialog.border_title = f"Export stream {self._stream_id}"
            with RadioSet():
                for name, what in FORMATS.items():
                    yield RadioButton(f"{name:5} {what}", value=name == self._format)
            yield Input(self._proposal())
            yield Label("Enter writes, Tab changes the format, Escape goes back", id="hint")
            yield Label(id="trouble", markup=False)

    def on_mount(self) -> None:
        """The proposed name will do, mostly."""
        self.query_one(Input).focus()

    @on(RadioSet.Changed)
    def take_format(self, event: RadioSet.Changed) -> None:
        """Propose a name for that format, unless the person has given one of their own."""
        entry = self.query_one(Input)
        was_proposed = entry.value == self._proposal()
        self._format = list(FORMATS)[event.index]
        if was_proposed:
            entry.value = self._proposal()

    @on(Input.Submitted)
    async def write(self, event: Input.Submitted) -> None:
        """Write the file and close; or say why not, and stay."""
        try:
            path = await asyncio.to_thread(self._write, event.value)
        except (UnusableInput, RecordingError) as error:
            self.query_one("#trouble", Label).update(f"{MISSING} {printable(str(error))}")
        else:
            self.dismiss(path)

    def _write(self, name: str) -> Path:
        path = Path(name).expanduser()
        if path.exists():
            raise UnusableInput(name, "is there already; choose another name")
        write_whole(path, self._export(self._stream_id, self._format).encode(errors="surrogateescape"))
        return path

    def _proposal(self) -> str:
        name = f"responses-tap-stream-{self._stream_id}"
        candidates = (Path(f"{name}{suffix}.{self._format}") for suffix in ("", *(f"-{n}" for n in range(2, 100))))
        return str(next((path for path in candidates if not path.exists()), Path(f"{name}.{self._format}")))
