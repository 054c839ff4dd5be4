"""The last line of the screen: the main keys."""

from textual.app import App
from textual.binding import ActiveBinding
from textual.content import Content
from textual.widgets import Static

_PALETTE = "command_palette"


class KeyBar(Static):
    """The bindings that are to be shown, as far as there is room; a click does what the key does.

    Textual's Footer makes its widgets anew whenever the focus moves, which takes longer than a key may.
    """

    def on_mount(self) -> None:
        """Collect the keys of the screen and of the application."""
        active = self.screen.active_bindings.values()
        shown = [a for a in active if a.binding.show or a.binding.action == _PALETTE]
        self.update(Content.from_markup(" " + "  ".join(map(self._entry, shown))))

    def _entry(self, active: ActiveBinding) -> str:
        binding = active.binding
        node = "app" if isinstance(active.node, App) else "screen"
        key = self.app.get_key_display(binding)
        return f"[@click={node}.{binding.action}][bold $text-primary]{key}[/] {binding.description}[/]"
