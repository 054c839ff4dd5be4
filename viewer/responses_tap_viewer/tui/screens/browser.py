"""The main screen: the streams, the timeline of one, what is behind one row."""

import asyncio
import time
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Footer, Static

from responses_tap.store import Recording
from responses_tap.timeline import printable
from responses_tap_viewer.tui.catalogue import Catalogue, read_each, read_page
from responses_tap_viewer.tui.messages import Chosen, RowSelected, StreamSelected
from responses_tap_viewer.tui.pages import TABS, Subject, page
from responses_tap_viewer.tui.screens.export import ExportScreen, ExportText
from responses_tap_viewer.tui.source import Change, Source
from responses_tap_viewer.tui.widgets.detail_pane import DetailPane
from responses_tap_viewer.tui.widgets.pane import Pane
from responses_tap_viewer.tui.widgets.streams_pane import StreamsPane
from responses_tap_viewer.tui.widgets.timeline_pane import TimelinePane
from responses_tap_viewer.tui.widgets.title_bar import TitleBar
from responses_tap_viewer.tui.widgets.welcome import Welcome

_BETWEEN_REFRESHES = 0.1
"""Seconds: the screen follows a recording ten times a second at the most."""
_THREE_PANES, _TWO_PANES = 140, 90
"""Columns from which on there are so many panes."""


class Browser(Screen[None]):
    """Streams, timeline and detail; as many of them at a time as the terminal is wide for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "turn_pane(1)", "Next pane", show=False),
        Binding("shift+tab", "turn_pane(-1)", "Previous pane", show=False),
        Binding("escape", "back", "Back", show=False),
        Binding("n", "find(1)", "Next finding"),
        Binding("N", "find(-1)", "Previous finding", show=False),
        Binding("d", "turn_fold", "Unfold deltas"),
        Binding("t", "turn_times", "Times"),
        *(Binding(str(i), f"turn_to('{tab}')", f"Show the {tab}", show=False) for i, tab in enumerate(TABS, 1)),
        Binding("x", "export", "Export"),
    ]

    def __init__(self, path: Path, export: ExportText) -> None:
        super().__init__()
        self._source = Source(path)
        self._export = export
        self._pane: type[Pane] = StreamsPane
        self._subject: Subject | None = None
        self._shown: tuple[Subject, str] | None = None
        self._is_reading = False
        self._pending_find = 0
        """Which way (1, -1) to look for a finding as soon as the stream has been read."""

    def compose(self) -> ComposeResult:
        """All panes; `_arrange` chooses among them."""
        yield TitleBar(id="title")
        yield Welcome(id="welcome", markup=False)
        with Container(id="panes"):
            yield StreamsPane()
            with Container(id="below"):
                yield TimelinePane()
                yield DetailPane()
        yield Static(id="status", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to follow the recording."""
        self._show_state()
        self._follow()

    async def on_unmount(self) -> None:
        """Close the recording."""
        await self._source.close()
