"""The last line of the screen: the main keys."""

from textual.app import App
from textual.binding import ActiveBinding
from textual.content import Content
from textual.widgets import Static

_PALETTE = "command_palette"
_HELP = "help"
_BETWEEN = "  "


class KeyBar(Static):
    """The bindings that are to be shown, as far as there is room; a click does what the key does.

    Textual's Footer rebuilds its widgets whenever the focus moves, which takes longer than a key may.
    """

    def on_resize(self) -> None:
        """Show as many keys as there is room for: help, which has them all, in any case."""
        active = self.screen.active_bindings.values()
        shown = [a for a in active if a.binding.show or a.binding.action == _PALETTE]
        left = self.size.width - 1 - sum(self._width(a) for a in shown if a.binding.action == _HELP)
        entries = []
        for one in shown:
            is_help = one.binding.action == _HELP
            left -= 0 if is_help else self._width(one)
            if is_help or left >= 0:
                entries.append(self._entry(one))
        self.update(Content.from_markup(" " + _BETWEEN.join(entries)))

    def _width(self, active: ActiveBinding) -> int:
        return len(f"{self.app.get_key_display(active.binding)} {active.binding.description}{_BETWEEN}")

    def _entry(self, active: ActiveBinding) -> str:
        binding = active.binding
        node = "app" if isinstance(active.node, App) else "screen"
        key = self.app.get_key_display(binding)
        return f"[@click={node}.{binding.action}][bold $text-primary]{key}[/] {binding.description}[/]"
