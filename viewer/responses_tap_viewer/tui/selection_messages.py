"""Messages of the panes to their screen. Of a flood of one kind, only the last one counts."""

from textual.message import Message

from responses_tap.stream.timeline import TimelineRow
from responses_tap_viewer.tui.summary import Summary


class StreamSelected(Message):
    """The cursor of the list of streams is on this one."""

    def __init__(self, stream: Summary, *, by_filter: bool) -> None:
        super().__init__()
        self.stream = stream
        self.by_filter = by_filter
        """Whether a filter has put the cursor there, not the user."""

    def can_replace(self, message: Message) -> bool:
        """Whether an older message is of no more interest."""
        return isinstance(message, StreamSelected)


class NoteWritten(Message):
    """The user has written a note on a stream; empty where it is to be removed."""

    def __init__(self, stream_id: int, note: str) -> None:
        super().__init__()
        self.stream_id = stream_id
        self.note = note


class RowSelected(Message):
    """The cursor of the timeline is on this row, or that row has grown."""

    def __init__(self, row: TimelineRow | None, event: TimelineRow | None) -> None:
        super().__init__()
        self.row = row
        self.event = event
        """The row itself, or the event that a finding is about."""

    def can_replace(self, message: Message) -> bool:
        """Whether an older message is of no more interest."""
        return isinstance(message, RowSelected)
