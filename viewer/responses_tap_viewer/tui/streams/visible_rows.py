"""What is read for visible rows alone: when the events of a stream came, and which events a shape stands for."""

from collections.abc import Iterable
from typing import NamedTuple

from responses_tap.store import Recording
from responses_tap_viewer.tui.sparkline import sparkline
from responses_tap_viewer.tui.streams.catalogue import Catalogue, Listed
from responses_tap_viewer.tui.streams.groups import Group, Skeleton
from responses_tap_viewer.tui.streams.stream_columns import ARRIVALS_WIDTH
from responses_tap_viewer.tui.summary import Summary

_GROWN = 1.02
"""By how much an open stream has grown when its sparkline is drawn again."""


class Drawn(NamedTuple):
    """The sparkline of a stream, and the state that it was drawn from."""

    bars: str
    events: int
    is_open: bool


class Missing(NamedTuple):
    """What is to be read."""

    streams: list[Summary]
    examples: dict[str, int]
    """Of shapes: a stream of each."""


class VisibleRows:
    """What has been read for the visible rows so far."""

    def __init__(self) -> None:
        self.arrivals: dict[int, Drawn] = {}
        """By a stream's id."""
        self.skeletons: dict[str, Skeleton] = {}
        """By shape."""

    def bars(self, stream_id: int) -> str:
        """When a stream's events came, as a sparkline; empty while that has not been read."""
        drawn = self.arrivals.get(stream_id)
        return drawn.bars if drawn is not None else ""

    def missing(self, catalogue: Catalogue, lines: Iterable[Listed]) -> Missing:
        """What these lines show, and is not known yet."""
        streams, groups = [], []
        for listed in lines:
            if isinstance(listed, Group):
                groups.append(listed)
            elif isinstance(listed, int) and (summary := catalogue.get(listed)) and self._is_stale(summary):
                streams.append(summary)
        if groups and catalogue.usual is not None:
            groups.append(catalogue.usual)
        wanted = {g.shape: g.shortest for g in groups if not g.is_shapeless and g.shape not in self.skeletons}
        return Missing(streams, wanted)

    def _is_stale(self, summary: Summary) -> bool:
        drawn = self.arrivals.get(summary.id)
        if drawn is None or drawn.is_open != (summary.state == "open"):
            return True
        return summary.event_count > drawn.events * _GROWN

    def read(self, recording: Recording, missing: Missing) -> None:
        """Read it."""
        for summary in missing.streams:
            counts = recording.arrivals(summary.id, summary.last_ns or 0, ARRIVALS_WIDTH)
            bars = sparkline(counts) if summary.last_ns else ""
            self.arrivals[summary.id] = Drawn(bars, summary.event_count, summary.state == "open")
        for shape, stream_id in missing.examples.items():
            self.skeletons[shape] = recording.skeleton(stream_id)
