"""The dialog that writes a stream to a file."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from responses_tap.errors import UnusableInput
from responses_tap.escaping import printable
from responses_tap.privacy.leaks import SecretFound
from responses_tap.privacy.redaction import Redaction
from responses_tap.store import RecordingError
from responses_tap.stream.model import JudgedStream
from responses_tap.stream.timeline import MISSING
from responses_tap_viewer.actions.departure import PersonalFound
from responses_tap_viewer.actions.exporting import Departure, depart, write_whole
from responses_tap_viewer.reports.export_formats import FORMATS
from responses_tap_viewer.tui.spans import Line
from responses_tap_viewer.tui.widgets.lines import Chosen, CursorMoved, Lines

_PREVIEWED = 1 << 15
"""Bytes of the file that are shown before it is written."""
_LOW = 24
"""Rows of a terminal below which the lists are shorter."""


class Amount(NamedTuple):
    """How much of a stream leaves."""

    name: str
    about: str
    redaction: Redaction
    masks_secrets: bool = True
    allows_text: bool = False


AMOUNTS = (
    Amount("whole", "as recorded", Redaction.WHOLE, masks_secrets=False),
    Amount("masked", "secrets masked (--mask-secrets)", Redaction.WHOLE),
    Amount("any text", "including personal data (--allow-text)", Redaction.WHOLE, allows_text=True),
    Amount("no text", "texts replaced (--redact-text)", Redaction.NO_TEXT),
    Amount("structure", "no content at all (--structure-only)", Redaction.STRUCTURE),
)
"""All of them; the first is the default."""


class ExportScreen(ModalScreen[Path | None]):
    """Asks what to write and where, and shows it first; the result is the file that was written, None for none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Cancel")]

    def __init__(self, stream: JudgedStream) -> None:
        super().__init__()
        self._stream = stream
        self._formats, self._amounts = Lines(id="formats"), Lines(id="amounts")
        self._preview = Lines(id="preview", cursor=False)
        self._verdict = Label(id="verdict", markup=False)
        self._format = next(iter(FORMATS.values()))

    def compose(self) -> ComposeResult:
        """The formats, how much of it, the name, what will be in the file."""
        with Vertical(id="dialog", classes="export") as dialog:
            dialog.border_title = f"Export stream {self._stream.id}"
            with Horizontal(id="choices"):
                yield self._formats
                yield self._amounts
            yield Input(self._proposal(), compact=True)
            yield self._verdict
            yield self._preview
            yield Label("Enter save · Tab lists · Esc cancel", id="hint")

    def on_mount(self) -> None:
        """The proposed name will do, mostly."""
        self._formats.open(Choices([(format_.name, format_.about) for format_ in FORMATS.values()]))
        self._amounts.open(Choices([(amount.name, amount.about) for amount in AMOUNTS]))
        self.query_one(Input).focus()
        self._show_preview()

    def on_resize(self, event: events.Resize) -> None:
        """Leave room for the preview."""
        self.set_class(event.size.height < _LOW, "-low")

    def on_cursor_moved(self, message: CursorMoved) -> None:
        """Show what it will be; propose a name for that format, unless the user has given one of their own."""
        entry = self.query_one(Input)
        was_proposed = entry.value == self._proposal()
        self._format = list(FORMATS.values())[self._formats.cursor]
        if was_proposed:
            entry.value = self._proposal()
        self._show_preview()

    @work(exclusive=True)
    async def _show_preview(self) -> None:
        self._verdict.update("…")
        try:
            content, words = await asyncio.to_thread(self._departure)
        except (UnusableInput, RecordingError) as error:
            self._refuse(error)
            self._preview.open(Preview(b""))
            return
        self._verdict.set_class(False, "-trouble")
        self._verdict.update(f"{len(content):,} bytes: {printable(words)}")
        self._preview.open(Preview(content[:_PREVIEWED]))

    @on(Input.Submitted)
    @on(Chosen)
    async def write(self) -> None:
        """Write the file and close; or say why not, and stay."""
        try:
            path = await asyncio.to_thread(self._write, self.query_one(Input).value)
        except (UnusableInput, RecordingError) as error:
            self._refuse(error)
        else:
            self.dismiss(path)

    def _refuse(self, error: Exception) -> None:
        self._verdict.set_class(True, "-trouble")
        # Which stream it is, the title says.
        words = f"it {error.message}" if isinstance(error, SecretFound) else str(error)
        if isinstance(error, PersonalFound):
            words = f"{error.words}. Choose any text, no text or structure"
        self._verdict.update(f"{MISSING} {printable(words)}")

    def _departure(self) -> Departure:
        amount = AMOUNTS[self._amounts.cursor]
        return depart(
            [self._stream],
            self._format,
            amount.redaction,
            mask_secrets=amount.masks_secrets,
            allow_text=amount.allows_text,
        )

    def _write(self, name: str) -> Path:
        path = Path(name).expanduser()
        if path.exists():
            raise UnusableInput(name, "already exists; choose another name")
        write_whole(path, self._departure().content)
        return path

    def _proposal(self) -> str:
        name = f"responses-tap-stream-{self._stream.id}"
        suffix = self._format.suffix
        candidates = (Path(f"{name}{number}{suffix}") for number in ("", *(f"-{n}" for n in range(2, 100))))
        return str(next((path for path in candidates if not path.exists()), Path(f"{name}{suffix}")))


class Choices:
    """Names with their meaning, one a line."""

    def __init__(self, choices: Sequence[tuple[str, str]]) -> None:
        self._choices = choices
        self._width = max(len(name) for name, _ in choices) + 2

    def __len__(self) -> int:
        return len(self._choices)

    def line(self, index: int, width: int) -> Line:
        """One of them."""
        name, about = self._choices[index]
        return [(name.ljust(self._width), "strong"), (about, "plain")]


class Preview:
    """The beginning of a file."""

    def __init__(self, content: bytes) -> None:
        self._lines = content.decode(errors="backslashreplace").split("\n") if content else []

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, index: int, width: int) -> Line:
        """One of its lines."""
        return [(self._lines[index], "note")]
