"""The line below the list of streams in which a filter is written."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from responses_tap.filters import Filter, FilterError, parse
from responses_tap.timeline import MISSING, printable


class FilterLine(Vertical):
    """Tells at each key which filter there is, and shows why there is none; enter keeps it, escape clears it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "clear", "Clear the filter", show=False)]

    class Changed(Message):
        """Another filter is written there."""

        def __init__(self, wanted: Filter) -> None:
            super().__init__()
            self.wanted = wanted

    class Left(Message):
        """The person is done with it."""

    def __init__(self) -> None:
        super().__init__(id="filter")
        self._input = Input(placeholder="model:gpt* errors>0 code:MD* -state:completed word", compact=True)
        self._trouble = Static(id="filter-trouble")

    def compose(self) -> ComposeResult:
        """The line, and one for what is wrong with it."""
        yield self._input
        yield self._trouble

    def on_mount(self) -> None:
        """Out of sight until it is asked for."""
        self.display = self._trouble.display = False

    def open(self) -> None:
        """Let the person write."""
        self.display = True
        self._input.focus()

    def action_clear(self) -> None:
        """Take the filter away, and go."""
        self.clear()
        self.post_message(self.Left())

    def clear(self) -> None:
        """Take the filter away."""
        self._input.value = ""
        self.display = False

    def on_input_changed(self, message: Input.Changed) -> None:
        """Read what is written now; while it cannot be read, the filter before stays."""
        message.stop()
        try:
            wanted = parse(message.value)
        except FilterError as error:
            self._trouble.update(Content(f" {MISSING} {printable(str(error))}"))
            self._trouble.display = True
        else:
            self._trouble.display = False
            self.post_message(self.Changed(wanted))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Keep the filter, and go; not while it cannot be read."""
        message.stop()
        if not self._trouble.display:
            self.display = False
            self.post_message(self.Left())
