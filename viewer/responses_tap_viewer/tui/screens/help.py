"""The keys, as the bindings have them."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

_KEYS_WIDTH = 18


class HelpScreen(ModalScreen[None]):
    """What each key does; made from the bindings, so that none is forgotten."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q", "dismiss", "Close")]

    def __init__(self, bindings: Iterable[Binding]) -> None:
        super().__init__()
        self._explained = list(bindings)

    def compose(self) -> ComposeResult:
        """A line for each thing that can be done."""
        keys: dict[str, list[str]] = {}
        for binding in self._explained:
            if explanation := binding.tooltip or binding.description:
                keys.setdefault(explanation, []).append(self.app.get_key_display(binding))
        with VerticalScroll(id="dialog") as dialog:
            dialog.border_title = "Keys"
            for explanation, names in keys.items():
                shown = " ".join(dict.fromkeys(names)).ljust(_KEYS_WIDTH)
                yield Static(Content.assemble((shown, "bold $text-primary"), explanation))
