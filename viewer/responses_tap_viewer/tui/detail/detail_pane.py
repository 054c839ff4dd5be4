"""What is behind the row under the cursor: its event or finding, the request, the response, the bytes."""

import asyncio
from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from responses_tap.escaping import printable
from responses_tap_viewer.tui.detail.pages import TABS
from responses_tap_viewer.tui.spans import Line
from responses_tap_viewer.tui.widgets.lines import Lines, LineSource
from responses_tap_viewer.tui.widgets.prompt_line import PromptLine
from responses_tap_viewer.tui.widgets.searchable_pane import SearchablePane
from responses_tap_viewer.tui.widgets.wrapped_text import WrappedText


class DetailPane(SearchablePane):
    """A page of text, and the tabs that choose it."""

    def __init__(self) -> None:
        super().__init__(Lines(id="detail", cursor=False), id="detail-pane")
        self._tabs = Static(id="tabs")
        self.tab = TABS[0]
        self.shows_headers = False
        self._page: list[Line] = []

    def compose(self) -> ComposeResult:
        """The tabs, the text, and a line for a search."""
        yield self._tabs
        yield self.lines
        yield self.search

    def on_mount(self) -> None:
        """Draw the tabs."""
        self.entitle("Detail")
        self.turn_to(self.tab)

    def turn_to(self, tab: str) -> None:
        """Mark a tab as the one that is shown."""
        self.tab = tab
        tabs = []
        for number, name in enumerate(TABS, start=1):
            text, style = (f"▐{number} {name}▌", "bold $text-primary") if name == tab else (f" {number} {name}", "")
            tabs.append(f"[{style} @click=screen.turn_to('{name}')]{text}[/]")
        self._tabs.update(Content.from_markup("".join(tabs)))

    @property
    def text(self) -> str:
        """The page as plain text, as it is shown but not wrapped."""
        return "\n".join(printable("".join(text for text, _ in line)) for line in self._page)

    def places(self, source: LineSource, text: str) -> Sequence[int]:
        """The lines of the page that have a text."""
        return source.places(text) if isinstance(source, WrappedText) else ()

    def ask_search(self) -> None:
        """Let the user write what to look for; a cursor shows where it is."""
        self.lines.show_cursor(self.lines.visible_range.start)
        super().ask_search()

    def on_prompt_line_closed(self, _message: PromptLine.Closed) -> None:
        """Take the cursor out again; SearchablePane, which hears this, too, goes back to the text."""
        self.lines.show_cursor(None)

    def show(self, page: list[Line], *, is_same: bool) -> None:
        """Show a page, from its beginning or, where it is the same one as before, where it was scrolled to."""
        self._page = page
        self._wrap(is_same=is_same)

    def on_size_changed(self) -> None:
        """Wrap the page for the new width."""
        self._wrap(is_same=True)

    @work(exclusive=True)
    async def _wrap(self, *, is_same: bool) -> None:
        text = await asyncio.to_thread(WrappedText, self._page, self.lines.text_width)
        if is_same:
            self.lines.renew(text, max(0, min(self.lines.cursor, len(text) - 1)))
        else:
            self.lines.open(text)
