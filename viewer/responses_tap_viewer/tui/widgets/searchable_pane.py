"""A pane whose list can be searched."""

import asyncio
from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from textual import work

from responses_tap_viewer.tui.widgets.lines import Lines, LineSource
from responses_tap_viewer.tui.widgets.pane import Pane
from responses_tap_viewer.tui.widgets.prompt_line import PromptLine


class SearchablePane(Pane):
    """Goes from one place of a text to the next, and counts them; case doesn't matter."""

    def __init__(self, lines: Lines, *, id: str) -> None:  # noqa: A002 - as all widgets call it
        super().__init__(lines, id=id)
        self.search = PromptLine(
            id=f"{id}-search", placeholder="search", hint="Enter or ↓ next · ↑ previous · Esc close"
        )
        self._begun_at = 0
        """Where the cursor was when the search was begun."""
        self._found: tuple[str, LineSource, Sequence[int]] | None = None
        """What was looked for last and in what, and the entries that have it."""

    @abstractmethod
    def places(self, source: LineSource, text: str) -> Sequence[int]:
        """The entries of what is listed that have a text, in lower case, ascending; called on a thread."""

    def ask_search(self) -> None:
        """Let the user write what to look for."""
        self._begun_at = self.lines.cursor
        self.search.open()

    def on_prompt_line_written(self, message: PromptLine.Written) -> None:
        """Look for what is written."""
        if message.line is self.search:
            message.stop()
            self._seek(message.text.lower(), message.step)

    def on_prompt_line_closed(self, message: PromptLine.Closed) -> None:
        """Back to the list."""
        message.stop()
        self.lines.focus()

    def _seek(self, text: str, step: int) -> None:
        if self._found is not None and self._found[0] == text and self._found[1] is self.lines.source:
            self._go(self._found[2], step)
        else:
            self._look(text, step)

    @work(exclusive=True, group="search")
    async def _look(self, text: str, step: int) -> None:
        source = self.lines.source
        found = await asyncio.to_thread(self.places, source, text) if text else ()
        self._found = text, source, found
        self._go(found, step)

    def _go(self, found: Sequence[int], step: int) -> None:
        cursor = self.lines.cursor
        if not found:
            is_empty = self._found is None or not self._found[0]
            self.search.tell("" if is_empty else "not found")
            return
        if step == 0:
            at = bisect_left(found, self._begun_at)
        else:
            at = bisect_right(found, cursor) if step > 0 else bisect_left(found, cursor) - 1
        at %= len(found)
        self.lines.jump_to(found[at])
        self.search.tell(f"{at + 1} of {len(found)}")
