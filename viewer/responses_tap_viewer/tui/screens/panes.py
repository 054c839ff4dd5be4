"""The panes of the main screen: as many of them at a time as the terminal is wide for."""

from textual import events
from textual.containers import Container

from responses_tap_viewer.tui.widgets.pane import Pane

_THREE_PANES, _TWO_PANES = 140, 90
"""The widths, in columns, from which on there are that many panes."""


class Panes(Container):
    """Three panes: the first one above, the others below it, in narrow terminals only some of them."""

    def __init__(self, streams: Pane, timeline: Pane, detail: Pane) -> None:
        below = Container(timeline, detail, id="below")
        super().__init__(streams, below, id="panes")
        self._panes, self._below = (streams, timeline, detail), below
        self.current: Pane = streams
        """The one that the user is in."""
        self._is_zoomed = False

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Remember the pane that the user is in, however they got there."""
        for pane in self._panes:
            if pane in event.widget.ancestors:
                self.enter(pane)

    def fit(self) -> None:
        """Show as many panes as there is room for, the current one among them."""
        width, panes = self.screen.size.width, self._panes
        count = 1 if self._is_zoomed else 3 if width >= _THREE_PANES else 2 if width >= _TWO_PANES else 1
        first = min(panes.index(self.current), len(panes) - count)
        for pane in panes:
            pane.display = pane in panes[first : first + count]
        self._below.display = any(pane.display for pane in panes[1:])
        self.set_class(count > 1, "-several")
        self._below.set_class(count == len(panes), "-side-by-side")

    def turn_zoom(self) -> None:
        """Show the current pane alone, or as many as there is room for."""
        self._is_zoomed = not self._is_zoomed
        self.fit()

    def enter(self, pane: Pane) -> None:
        """Make a pane the current one, wherever the focus is in it."""
        self.current = pane
        self.fit()

    def go(self, pane: Pane) -> None:
        """Focus the list of a pane."""
        self.enter(pane)
        pane.lines.focus()

    def turn(self, step: int) -> None:
        """Go to the next pane (1) or the one before (-1), round the end."""
        self.go(self._panes[(self._panes.index(self.current) + step) % len(self._panes)])

    def back(self) -> None:
        """Go to the pane before; from the first one nowhere."""
        self.go(self._panes[max(0, self._panes.index(self.current) - 1)])
