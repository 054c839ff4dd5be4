"""A list of any length: only the visible lines are asked for and drawn."""

from typing import ClassVar, Protocol, runtime_checkable

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.strip import Strip

from responses_tap_viewer.tui.spans import ROLES, Line, Role, clip
from responses_tap_viewer.tui.widgets.heights import Heights

_CURSOR = "▌"
"""Stands before the cursor's line, which is so seen without colour, too."""
_CONTEXT = 3
"""Lines kept visible around a place that was jumped to."""


class CursorMoved(Message):
    """The cursor of a list is on another line."""

    def __init__(self, lines: "Lines") -> None:
        super().__init__()
        self.lines = lines

    @property
    def control(self) -> "Lines":
        """The list."""
        return self.lines

    def can_replace(self, message: Message) -> bool:
        """Whether an older message is of no more interest."""
        return isinstance(message, CursorMoved) and message.lines is self.lines


class Chosen(Message):
    """The user opens the line under the cursor."""

    def __init__(self, lines: "Lines") -> None:
        super().__init__()
        self.lines = lines


class VisibleRangeChanged(Message):
    """Other lines of a list are visible."""

    def __init__(self, lines: "Lines") -> None:
        super().__init__()
        self.lines = lines

    def can_replace(self, message: Message) -> bool:
        """Whether an older message is of no more interest."""
        return isinstance(message, VisibleRangeChanged) and message.lines is self.lines


class SizeChanged(Message):
    """A list has another size."""

    def __init__(self, lines: "Lines") -> None:
        super().__init__()
        self.lines = lines


class LineSource(Protocol):
    """What is listed."""

    def __len__(self) -> int:
        """How many lines there are."""
        ...

    def line(self, index: int, width: int) -> Line:
        """One line, for that many cells."""
        ...


@runtime_checkable
class TallSource(LineSource, Protocol):
    """What is listed, where some entries have several lines."""

    heights: Heights

    def part(self, index: int, part: int, width: int) -> Line:
        """One of the lines of an entry, for that many cells."""
        ...


class NoLines:
    """An empty list."""

    def __len__(self) -> int:
        return 0

    def line(self, index: int, width: int) -> Line:
        """Never asked for."""
        return []


class Lines(ScrollView, can_focus=True, inherit_bindings=False):
    """Draws the entries of its source, with a cursor or, without one, as text to scroll through.

    An entry is a line, unless the source has heights: then the cursor is on all lines of its entry.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{role}" for role in (*ROLES, "cursor")}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("home,g", "jump(0)", "First line", show=False),
        Binding("end,G", "jump(-1)", "Last line", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]

    def __init__(self, *, id: str, cursor: bool = True) -> None:  # noqa: A002 - as all widgets call it
        super().__init__(id=id)
        self.source: LineSource = NoLines()
        self._tall: TallSource | None = None
        """The source, where it has heights of its own."""
        self._heights = Heights(0, {})
        self.cursor = 0
        """The number of an entry."""
        self._has_cursor = cursor
        self._known_size = Size()
        self._styles: dict[tuple[Role | None, bool], Style] = {}
        """By role, None for the line itself, and whether the line is the cursor's."""

    @property
    def height(self) -> int:
        """How many lines are visible."""
        return self.scrollable_content_region.height

    @property
    def text_width(self) -> int:
        """How many cells a line has, beside the cursor's mark."""
        return max(0, self.scrollable_content_region.width - 1)

    @property
    def visible_range(self) -> range:
        """The numbers of the entries that are visible, wholly or in part."""
        top = self.scroll_offset.y
        last = self._heights.at(top + self.height - 1)[0]
        return range(self._heights.at(top)[0], min(len(self.source), last + 1))

    @property
    def at_end(self) -> bool:
        """Whether the cursor is on the last line."""
        return self.cursor >= len(self.source) - 1

    def open(self, source: LineSource, cursor: int = 0) -> None:
        """List something else, with the cursor there."""
        self._take(source)
        self.cursor = max(0, min(cursor, len(source) - 1))
        self._scroll(0)
        self._reveal(_CONTEXT)
        self.refresh()

    def renew(self, source: LineSource, cursor: int) -> None:
        """List the same after it has changed; the entry that was under the cursor is now number `cursor`.

        It stays where it is on the screen.
        """
        before = self._heights.top(self.cursor)
        self._take(source)
        self.cursor = cursor
        if moved := self._heights.top(cursor) - before:
            self._scroll(self.scroll_offset.y + moved)
        self.refresh()

    def _take(self, source: LineSource) -> None:
        self.source = source
        self._tall = source if isinstance(source, TallSource) else None
        self._heights = Heights(len(source), {}) if self._tall is None else self._tall.heights
        self.virtual_size = Size(0, self._heights.total)

    def show_cursor(self, index: int | None) -> None:
        """Put a cursor into a text that has none, or, with None, take it out again."""
        self._has_cursor = index is not None
        self.cursor = index or 0
        self.refresh()

    def move_to(self, index: int, *, context: int = 0) -> None:
        """Put the cursor on an entry and bring it into sight, with `context` lines around it."""
        index = max(0, min(index, len(self.source) - 1))
        moved = index != self.cursor
        self.cursor = index
        self._reveal(context)
        self.refresh()
        if moved:
            self.post_message(CursorMoved(self))

    def jump_to(self, index: int) -> None:
        """Put the cursor on an entry somewhere else, with some lines around it visible."""
        self.move_to(index, context=_CONTEXT)

    def render_line(self, y: int) -> Strip:
        """One line of the screen, as ScrollView asks for it."""
        index, part = self._heights.at(y + self.scroll_offset.y)
        width = self.text_width
        if index >= len(self.source):
            return Strip.blank(width + 1, self._style(None))
        at_cursor = self._has_cursor and index == self.cursor
        mark = _CURSOR if at_cursor else " "
        line = self.source.line(index, width) if self._tall is None else self._tall.part(index, part, width)
        spans: Line = [(mark, "label"), *clip(line, width)]
        segments = [Segment(text, self._style(role, at_cursor=at_cursor)) for text, role in spans]
        return Strip(segments).adjust_cell_length(width + 1, self._style(None, at_cursor=at_cursor))

    def notify_style_update(self) -> None:
        """Look the styles up again: theme or focus has changed."""
        super().notify_style_update()
        self._styles.clear()

    def _style(self, role: Role | None, *, at_cursor: bool = False) -> Style:
        style = self._styles.get((role, at_cursor))
        if style is None:
            style = self.get_component_rich_style("lines--cursor") if at_cursor else self.rich_style
            if role is not None:
                own = self.get_component_rich_style(f"lines--{role}")
                style += Style(color=own.color, bold=own.bold)
            self._styles[role, at_cursor] = style
        return style

    def action_move(self, lines: int) -> None:
        """Up or down."""
        if self._has_cursor:
            self.move_to(self.cursor + lines)
        else:
            self.scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        """Up or down by the visible lines."""
        lines = pages * max(1, self.height - 1)
        if not self._has_cursor:
            self.scroll_relative(y=lines, animate=False)
            return
        target = self._heights.at(max(0, self._heights.top(self.cursor) + lines))[0]
        self.move_to(target if target != self.cursor else self.cursor + pages)

    def action_jump(self, index: int) -> None:
        """To the first line or the last one."""
        last = len(self.source) - 1
        if self._has_cursor:
            self.move_to(index % (last + 1) if last >= 0 else 0)
        else:
            self._scroll(0 if index == 0 else self._heights.total)

    def action_choose(self) -> None:
        """Report that the user opens this line."""
        self.post_message(Chosen(self))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; a second click opens the line."""
        if (offset := event.get_content_offset(self)) is None:
            return
        index, _ = self._heights.at(offset.y + self.scroll_offset.y)
        if self._has_cursor and index < len(self.source):
            self.move_to(index)
            if event.chain > 1:
                self.action_choose()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Report which lines are visible now."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(VisibleRangeChanged(self))

    def on_mount(self) -> None:
        """Hear of each new layout."""
        # Not by Resize, which does not come when a widget's region is asked for between its display and its layout.
        self.screen.screen_layout_refresh_signal.subscribe(self, self._fit)

    def _fit(self, _screen: Screen[object]) -> None:
        """Keep the cursor visible when the size has changed."""
        if self.size != self._known_size:
            self._known_size = self.size
            self._reveal(0)
            self.post_message(SizeChanged(self))
            self.post_message(VisibleRangeChanged(self))

    def _scroll(self, top: int) -> None:
        # By force: Textual allows it only once it has drawn the scrollbar, and a list may have grown since.
        self.scroll_to(y=top, animate=False, force=True)

    def _reveal(self, context: int) -> None:
        height = self.height
        if not self._has_cursor or height <= 0:
            return
        own = min(self._heights.of(self.cursor), height)
        context = min(context, (height - own) // 2)
        top = self.scroll_offset.y
        first = self._heights.top(self.cursor)
        lowest = first - height + own + context
        highest = first - context
        wanted = min(max(top, lowest), highest)
        if wanted != top:
            self._scroll(wanted)
