"""The timeline of one stream."""

from collections.abc import Sequence
from enum import Enum

from textual.app import ComposeResult

from responses_tap.timeline import GLYPHS, MISSING, Row, label
from responses_tap_viewer.tui.catalogue import Summary
from responses_tap_viewer.tui.follower import Follower
from responses_tap_viewer.tui.messages import CursorMoved, RowSelected
from responses_tap_viewer.tui.spans import SEVERITY_ROLES, Line, Role, fit
from responses_tap_viewer.tui.widgets.lines import Lines
from responses_tap_viewer.tui.widgets.pane import Pane

_NS = 1e9
_TIME_WIDTH = 9
_NUMBER_WIDTH = 5
_FULL_NAMES_FROM = 76
"""The width from which on a type is written with its `response.`, which nearly every one begins with."""
_PREFIX = "response."
_LEVEL = "│ "


class Times(Enum):
    """What the times of the rows count from."""

    START = "s since start"
    BEFORE = "s since the row before"
    CLOCK = "time of day"

    @property
    def next(self) -> "Times":
        """The one that comes after it."""
        every = list(Times)
        return every[(every.index(self) + 1) % len(every)]
