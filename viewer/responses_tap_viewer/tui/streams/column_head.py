"""The line above the list of streams: the names of its columns, and which one it is sorted by."""

from textual import events
from textual.message import Message
from textual.widgets import Static

from responses_tap_viewer.tui.spans import fit
from responses_tap_viewer.tui.streams.catalogue import Order
from responses_tap_viewer.tui.streams.stream_columns import ListColumn

_UP, _DOWN = "▴", "▾"


class ColumnHead(Static):
    """Names the columns; a click on one asks to sort by it."""

    class Clicked(Message):
        """The person wants the list sorted by this column, or the other way round."""

        def __init__(self, column: ListColumn) -> None:
            super().__init__()
            self.column = column

    def __init__(self) -> None:
        super().__init__(id="streams-head", markup=False)
        self._columns: list[tuple[ListColumn, int]] = []

    def show(self, shown: list[tuple[ListColumn, int]], order: Order) -> None:
        """Name these columns, each of its width."""
        self._columns = shown
        self.update(" " + " ".join(_title(column, cells, order) for column, cells in shown))

    def on_click(self, event: events.Click) -> None:
        """Find the column that was clicked."""
        end = 1  # the list has the cursor's mark there
        for column, cells in self._columns:
            end += cells + 1
            if event.x < end:
                if column.sort is not None:
                    self.post_message(self.Clicked(column))
                return


def _title(column: ListColumn, width: int, order: Order) -> str:
    if order.column != column.title:
        return fit(column.title, width, right=column.right)
    return fit(column.title[: width - 1] + (_DOWN if order.down else _UP), width, right=column.right)
