"""A line below a list in which the user writes what to look for in it."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from responses_tap.escaping import printable


class PromptLine(Vertical):
    """Reports what is written at each key, and where the user wants to go from there; escape closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("up", "step(-1)", "Previous", show=False),
        Binding("down", "step(1)", "Next", show=False),
    ]

    class Written(Message):
        """Something else is written there, or, where `step` isn't 0, the next one (1) or the one before (-1) wanted."""

        def __init__(self, line: "PromptLine", text: str, step: int) -> None:
            super().__init__()
            self.line = line
            self.text = text
            self.step = step

    class Closed(Message):
        """The user is done."""

        def __init__(self, line: "PromptLine") -> None:
            super().__init__()
            self.line = line

    def __init__(self, *, id: str, placeholder: str, hint: str) -> None:  # noqa: A002 - as all widgets call it
        super().__init__(id=id, classes="prompt")
        self._input = Input(placeholder=placeholder, compact=True)
        self._hint = Static(classes="hint", markup=False)
        self._keys = hint

    def compose(self) -> ComposeResult:
        """The line, and one for what was found."""
        yield self._input
        yield self._hint

    def on_mount(self) -> None:
        """Out of sight until it is asked for."""
        self.display = False

    def open(self, text: str | None = None) -> None:
        """Let the user edit a text, or, without one, what was written last."""
        self.display = True
        self._input.value = self._input.value if text is None else text
        self._input.select_all()
        self.screen.set_focus(self._input)  # at once: what is typed next is for it
        self.tell("")

    def tell(self, words: str) -> None:
        """Show what was found, or what is wrong, beside the keys."""
        self._hint.update(" " + " · ".join(filter(None, (printable(words), self._keys))))

    def on_input_changed(self, message: Input.Changed) -> None:
        """Report what is written now."""
        message.stop()
        if self.display:
            self.post_message(self.Written(self, message.value, 0))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """On to the next one."""
        message.stop()
        self.action_step(1)

    def action_step(self, step: int) -> None:
        """Report that the user wants the next one, or the one before."""
        self.post_message(self.Written(self, self._input.value, step))

    def action_close(self) -> None:
        """Report that the user is done."""
        self.close()
        self.post_message(self.Closed(self))

    def close(self) -> None:
        """Out of sight."""
        self.display = False
