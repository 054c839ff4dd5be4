"""The list of streams."""

from textual.app import ComposeResult

from responses_tap.escaping import shorten
from responses_tap.stream.filters import Filter
from responses_tap_viewer.reports.text import counted
from responses_tap_viewer.tui.selection_messages import NoteWritten, StreamSelected
from responses_tap_viewer.tui.spans import Line, fit
from responses_tap_viewer.tui.streams.catalogue import Catalogue, Grouping, LineKey, Order
from responses_tap_viewer.tui.streams.column_head import ColumnHead
from responses_tap_viewer.tui.streams.conversation_heads import ConversationHead, head_line
from responses_tap_viewer.tui.streams.filter_line import FilterLine
from responses_tap_viewer.tui.streams.groups import Group, group_line
from responses_tap_viewer.tui.streams.stream_columns import ARRIVALS, ID_WIDTH, OPEN, ListColumn, columns
from responses_tap_viewer.tui.streams.visible_rows import Missing, VisibleRows
from responses_tap_viewer.tui.summary import Summary
from responses_tap_viewer.tui.watched_recording import WatchedRecording
from responses_tap_viewer.tui.widgets.lines import CursorMoved, Lines, VisibleRangeChanged
from responses_tap_viewer.tui.widgets.pane import Pane
from responses_tap_viewer.tui.widgets.prompt_line import PromptLine

MARKED = "◆"


class StreamsPane(Pane):
    """The streams of the recording, the newest last."""

    def __init__(self) -> None:
        super().__init__(Lines(id="streams"), id="streams-pane")
        self._head = ColumnHead()
        self.catalogue = Catalogue()
        self._visible = VisibleRows()
        self.marked: int | None = None
        """The id of the stream that others are compared with: the one that was marked last."""
        self._note = PromptLine(id="note", placeholder="a note on this stream", hint="Enter save · Esc cancel")
        self._noted: int | None = None
        """The id of the stream whose note is being written."""
        self._selected: Summary | None = None
        self._key: LineKey | None = None
        """The key of the line under the cursor."""
        self._stands_in: tuple[LineKey, int] | None = None
        """The key of a group's line, and which of its streams it stands for: the one that the user came with."""
        self._filtered_from: LineKey | None = None
        """The key of the line that the user was on when they began to filter, until they move the cursor."""
        self._placed = 0
        """The line that the cursor was put on last, other than by the user."""
        self._shown: list[int] = []
        self._known: set[int] = set()
        """The ids in `_shown`: those that the list had when it was looked at last."""
        self.begin_at: int | None = None
        """The id of the stream that is selected at first, None for the newest."""
        self._unseen: set[int] = set()
        """Streams that are new and have not been visible."""
        self._filter = FilterLine(lambda: self.catalogue.known)

    def compose(self) -> ComposeResult:
        """The names of the columns, the list, and lines for its filter and for a note."""
        yield self._head
        yield self.lines
        yield self._filter
        yield self._note

    def ask_filter(self) -> None:
        """Let the user write a filter."""
        self._filter.open()

    def clear_filter(self) -> bool:
        """Take the filter away; whether there was one."""
        self._filter.clear()
        return bool(self.catalogue.wanted)

    def choose(self, wanted: Filter) -> None:
        """List the streams that this filter lets pass; none of them counts as new.

        The cursor stays where it was before the user began to write, else it goes to the next stream from there.
        """
        self._notice_move()
        if self._filtered_from is None:
            self._filtered_from = self._key
        self.catalogue.choose(wanted)
        self._see_all()
        if self._filter.is_empty:
            self._key = self._filtered_from if self._key is None else self._key
            self._filtered_from = None
        self.renew(may_follow=False)

    def turn_mark(self, stream: Summary) -> bool:
        """Mark a stream, or remove its mark; whether it is marked now."""
        is_marked = stream.mark is None and stream.id != self.marked
        self.marked = stream.id if is_marked else None
        self.renew()
        return is_marked

    def ask_note(self) -> None:
        """Let the user write a note on the stream under the cursor."""
        if (stream := self.selected) is not None:
            self._noted = stream.id
            self._note.open(stream.note or "")

    def on_prompt_line_written(self, message: PromptLine.Written) -> None:
        """Report the note when the user is done with it."""
        message.stop()
        if message.step > 0 and self._noted is not None:
            self.post_message(NoteWritten(self._noted, message.text.strip()))
            self._note.action_close()

    def on_prompt_line_closed(self, message: PromptLine.Closed) -> None:
        """Back to the list."""
        message.stop()
        self.lines.focus()

    def sort_by_next(self) -> None:
        """Sort by the next column that is shown."""
        order = self.catalogue.order
        shown = [column for column, _ in self._columns() if column.sort is not None]
        titles = [column.title for column in shown]
        after = titles.index(order.column) + 1 if order.column in titles else 0
        self._sort_by(shown[after % len(shown)])

    def reverse(self) -> None:
        """Turn the order round."""
        order = self.catalogue.order
        self._arrange(order._replace(down=not order.down))

    def turn_groups(self, grouping: Grouping) -> None:
        """Put the streams together that have this in common, or list them all."""
        order = self.catalogue.order
        self._arrange(order._replace(grouping=Grouping.NONE if order.grouping is grouping else grouping))

    def turn_group_fold(self) -> bool:
        """Unfold the group under the cursor, or fold it; whether there is one."""
        listed = self.catalogue.lines[self.lines.cursor] if self.lines.cursor < len(self.catalogue) else None
        if listed is None or isinstance(listed, int):
            return False
        self.catalogue.turn_fold(listed)
        self.renew(may_follow=False)
        return True

    def on_column_head_clicked(self, message: ColumnHead.Clicked) -> None:
        """Sort by that column, or, if it is the one already, turn the order round."""
        message.stop()
        if message.column.title == self.catalogue.order.column:
            self.reverse()
        else:
            self._sort_by(message.column)

    def _sort_by(self, column: ListColumn) -> None:
        self._arrange(self.catalogue.order._replace(column=column.title, down=column.down))

    def _arrange(self, order: Order) -> None:
        """Arrange the list otherwise; the cursor stays on its stream, wherever that is then."""
        selected = self.selected
        self.catalogue.arrange(order)
        if selected is not None:
            self._key = selected.id
            place = self.catalogue.index_of(selected.id)
            self._stands_in = None if place is None else (self.catalogue.key_at(place), selected.id)
        self.renew(may_follow=False)
        self.lines.jump_to(self.lines.cursor)

    def go_to(self, line: int) -> None:
        """Put the cursor on a line; of a group it is the stream that stands for it at first."""
        self._stands_in = None
        self.lines.jump_to(line)
        self._select()

    async def read_visible(self, watched: WatchedRecording) -> None:
        """Read what only the visible lines show."""
        missing = self._missing()
        if missing.streams or missing.examples:
            await watched.read(lambda recording: self._visible.read(recording, missing))
        self.lines.refresh()  # also for what was read for a call before this one, which may have been cancelled

    @property
    def lacks_visible(self) -> bool:
        """Whether there is something to read that visible lines show."""
        return any(self._missing())

    def _missing(self) -> Missing:
        source = self.lines.source
        if not isinstance(source, StreamLines):
            return Missing([], {})
        # Not the catalogue's lines: it may have got others since these were drawn.
        listed = [source.listed[line] for line in self.lines.visible_range]
        return self._visible.missing(self.catalogue, listed)

    def on_size_changed(self) -> None:
        """Choose the columns for the new width."""
        self._draw_head()

    @property
    def selected(self) -> Summary | None:
        """The stream under the cursor, also when the key that moved it there was the one before."""
        self._select()
        return self._selected

    def renew(self, *, may_follow: bool = True) -> None:
        """Show the catalogue as it is now: at first the stream `begin_at`.

        The cursor stays on its stream, and follows new ones only while the user is at the last line of the list.
        """
        lines, last = self.lines, len(self.catalogue) - 1
        shown = lines.source
        source = StreamLines(self.catalogue, self._visible, self.marked)
        if not isinstance(shown, StreamLines) or shown.catalogue is not self.catalogue:
            self._selected = self._key = self._filtered_from = None
            self._visible = VisibleRows()
            first = None if self.begin_at is None else self.catalogue.index_of(self.begin_at)
            lines.open(StreamLines(self.catalogue, self._visible, self.marked), last if first is None else first)
            self._see_all()
        else:
            follows = may_follow and lines.at_end and lines.has_focus and self.catalogue.order == Order()
            lines.renew(source, max(0, min(self._place(), last)))
            if follows:
                self._filtered_from = None
                lines.move_to(last)
            if shown.listed is not source.listed:  # other lines may be visible at the same place
                lines.post_message(VisibleRangeChanged(lines))
        self._placed = lines.cursor
        self._select()

    def _notice_move(self) -> None:
        if self.lines.cursor != self._placed:
            self._filtered_from, self._placed = None, self.lines.cursor

    def _place(self) -> int:
        """The line of what was under the cursor, or one near it."""
        self._notice_move()
        catalogue, key = self.catalogue, self._key
        if self._filtered_from is not None and (at := catalogue.index_of(self._filtered_from)) is not None:
            return at if at < len(catalogue) else 0  # nothing passes from there on: from the top
        at = None if key is None else catalogue.index_of(key)
        if key is None and self._filtered_from is None:
            return len(catalogue) - 1
        return self.lines.cursor if at is None else at

    def on_cursor_moved(self, message: CursorMoved) -> None:
        """Another stream is under the cursor."""
        message.stop()
        self._select()

    def _select(self) -> None:
        self._notice_move()
        catalogue = self.catalogue
        count = len(catalogue.shown)
        filtered = shorten(str(catalogue.wanted)) if catalogue.wanted else ""
        shown = f"{count} of {catalogue.total}" if filtered else str(count or "")
        grouping = catalogue.order.grouping
        groups = counted(catalogue.groups, grouping.value.removesuffix("s")) if grouping.value else ""
        marked = f"{MARKED} {self.marked} marked" if self.marked is not None else ""
        searching = "searching …" if catalogue.is_searching else ""
        self.entitle("Streams", filtered, shown, searching, groups, marked, *self._new())
        self._draw_head()
        if not len(catalogue):
            self._selected = self._key = None
            return
        if self.lines.cursor >= len(catalogue):
            return  # it has fewer lines than are shown; they are renewed soon
        self._key = catalogue.key_at(self.lines.cursor)
        summary = self._at_cursor(self._key)
        if summary is not None and summary != self._selected:
            self._selected = summary
            self.post_message(StreamSelected(summary, by_filter=self._filtered_from is not None))

    def _at_cursor(self, key: LineKey) -> Summary | None:
        """The stream in the cursor's line, which has that key; a group's is the one that the user has come with."""
        listed = self.catalogue.lines[self.lines.cursor]
        if self._stands_in is not None and self._stands_in[0] != key:
            self._stands_in = None  # the user has gone elsewhere
        if self._stands_in is None or isinstance(listed, int) or self._stands_in[1] not in listed.ids:
            return self.catalogue[self.lines.cursor]
        return self.catalogue.get(self._stands_in[1])

    def _see_all(self) -> None:
        """Take none of the streams that are listed now for a new one."""
        self._shown = self.catalogue.shown
        self._known = set(self._shown)
        self._unseen = set()

    def _new(self) -> list[str]:
        """How many new streams there are above and below the visible lines."""
        catalogue, visible_range = self.catalogue, self.lines.visible_range
        if catalogue.shown is not self._shown:
            self._shown = catalogue.shown
            ids = set(self._shown)
            self._unseen = (self._unseen | ids - self._known) & ids
            self._known = ids
        places = {new: line for new in self._unseen if (line := catalogue.index_of(new)) is not None}
        first = 0 if catalogue.order == Order() else visible_range.start  # in that order, none has been passed over
        self._unseen = {new for new, line in places.items() if not first <= line < visible_range.stop}
        above = sum(places[new] < first for new in self._unseen)
        below = len(self._unseen) - above
        return [f"{glyph} {number} new" for glyph, number in (("▲", above), ("▼", below)) if number]

    def _draw_head(self) -> None:
        self._head.show(self._columns(), self.catalogue.order)

    def _columns(self) -> list[tuple[ListColumn, int]]:
        return columns(self.lines.text_width, has_findings=self.catalogue.has_findings)


class StreamLines:
    """The lines of the list."""

    def __init__(self, catalogue: Catalogue, visible: VisibleRows, marked: int | None) -> None:
        self.catalogue = catalogue
        self._visible = visible
        self._marked = marked
        self.listed = catalogue.lines
        """Another object whenever other lines are listed."""

    def __len__(self) -> int:
        return len(self.listed)

    def line(self, index: int, width: int) -> Line:
        """One stream, in the columns for that width, or one group."""
        listed = self.listed[index]
        if isinstance(listed, Group):
            usual = self.catalogue.usual
            skeletons = self._visible.skeletons
            common = None if usual is None else skeletons.get(usual.shape)
            is_open = self.catalogue.is_unfolded(listed)
            return group_line(listed, skeletons.get(listed.shape), common, is_open=is_open)
        if isinstance(listed, ConversationHead):
            return head_line(listed, is_open=self.catalogue.is_unfolded(listed))
        summary = self.catalogue.get(listed)
        if summary is None:
            return [(fit(str(listed), ID_WIDTH, right=True), "dim"), (f" {OPEN}", "dim")]
        return self._stream_line(summary, width)

    def _stream_line(self, summary: Summary, width: int) -> Line:
        line: Line = []
        for column, cells in columns(width, has_findings=self.catalogue.has_findings):
            text, role = column.cell(summary)
            if column.title == ARRIVALS:
                text = self._visible.bars(summary.id)
            line += [(fit(text, cells, right=column.right), role), (" ", "plain")]
        if summary.mark is not None or summary.id == self._marked:
            line[1] = (MARKED, "label")  # behind the id
        return line
