"""The screen that shows two streams side by side."""

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Static

from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.reports.difference import in_words, lines
from responses_tap_viewer.tui.compare.comparison import Compared, JsonPairLines, PairLines
from responses_tap_viewer.tui.widgets.key_bar import KeyBar
from responses_tap_viewer.tui.widgets.lines import CursorMoved, Lines
from responses_tap_viewer.tui.widgets.pane import Pane


class CompareScreen(Screen[None]):
    """The events of A (the reference) and B, aligned; below them what is different, and the two events."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "find(1)", "Difference", tooltip="Next difference"),
        Binding("N", "find(-1)", "Previous difference", show=False),
        Binding("s", "swap", "Swap", tooltip="Swap the sides"),
        Binding("y", "copy", "Copy", tooltip="Copy the differences as text"),
        Binding("tab,shift+tab", "turn_pane", "Next pane", show=False),
        Binding("escape", "dismiss", "Back"),
        Binding("equals_sign", "dismiss", "Back", show=False),
    ]

    def __init__(self, streams: tuple[JudgedStream, JudgedStream], compared: Compared) -> None:
        super().__init__()
        self._streams = streams
        self.compared = compared
        self._pairs = Pane(Lines(id="pairs"), id="pairs-pane")
        self._events = Pane(Lines(id="pair-json", cursor=False), id="pair-json-pane")
        self._words = Static(id="difference", markup=False)

    def compose(self) -> ComposeResult:
        """The pairs of events, what is different at the cursor, the two events there."""
        with Vertical(id="compare"):
            with self._pairs:
                yield self._pairs.lines
            yield self._words
            with self._events:
                yield self._events.lines
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Begin at the first difference."""
        self._open()
        self._pairs.lines.focus()

    def _open(self) -> None:
        compared = self.compared
        first = compared.stops[0] if compared.stops else 0
        self._pairs.lines.open(PairLines(compared), first)
        self._pairs.entitle(f"A {compared.a.name}, reference", f"B {compared.b.name}", self._counted())
        self._show_row()

    def _counted(self) -> str:
        count = len(self.compared.differences)
        return f"{count} difference{'' if count == 1 else 's'}" if count else "no difference"

    def on_cursor_moved(self, message: CursorMoved) -> None:
        """Another pair is under the cursor."""
        message.stop()
        self._show_row()

    @work(exclusive=True)
    async def _show_row(self) -> None:
        row = self._pairs.lines.cursor
        about = self.compared.about(row)
        words = [in_words(difference, right="A") for difference in about]
        self._words.update("\n".join(words) or "= same in both")
        self._events.entitle(self._place(row))
        self._events.lines.open(await asyncio.to_thread(JsonPairLines, self.compared, row))

    def _place(self, row: int) -> str:
        if row >= len(self.compared.pairs):
            return ""
        _, a, b = self.compared.pairs[row]
        return " | ".join(f"{side} {step.position}" if step else f"{side} —" for side, step in (("A", a), ("B", b)))

    def action_find(self, step: int) -> None:
        """To the next difference."""
        cursor = self._pairs.lines.cursor
        stop = self.compared.next_stop(cursor, step)
        if stop is None:
            self.notify("The streams do not differ")
            return
        if (stop - cursor) * step <= 0:
            self.notify("Wrapped to the first difference" if step > 0 else "Wrapped to the last difference")
        self._pairs.lines.jump_to(stop)

    @work(exclusive=True, group="swap")
    async def action_swap(self) -> None:
        """Make the other one the reference."""
        a, b = self._streams[::-1]
        self.compared = await asyncio.to_thread(Compared, a, b)
        self._streams = a, b
        self._open()

    def action_copy(self) -> None:
        """Copy the differences."""
        a, b = self._streams
        text = "\n".join(lines(self.compared.comparison, (a.name, b.name), right="A"))
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied {self._counted()}")

    def action_turn_pane(self) -> None:
        """From the pairs to the JSON, and back."""
        other = self._events if self._pairs.lines.has_focus else self._pairs
        other.lines.focus()
