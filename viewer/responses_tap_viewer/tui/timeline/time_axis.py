"""A stream's events on an axis of time: stalls are gaps in it, bursts are peaks."""

from collections.abc import Sequence

from responses_tap_viewer.tui.spans import Line
from responses_tap_viewer.tui.sparkline import sparkline

_BUCKETS = 1024
_HERE = "┃"
_NOTHING = "·"
_NS = 1e9


class ArrivalCounts:
    """How many events arrived when, in buckets that grow with the stream: a few kilobytes, however long it is."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._bucket_ns = 1000
        self.last_ns = 0

    def extend(self, times: Sequence[int]) -> None:
        """Count events that came so long after the stream's start."""
        self.last_ns = max((self.last_ns, *times))
        while self.last_ns >= _BUCKETS * self._bucket_ns:
            pairs = zip(self._counts[::2], self._counts[1::2], strict=True)
            self._counts = [a + b for a, b in pairs] + [0] * (_BUCKETS // 2)
            self._bucket_ns *= 2
        for at_ns in times:
            self._counts[max(0, at_ns) // self._bucket_ns] += 1

    def in_parts(self, parts: int) -> list[int]:
        """How many arrived in each of `parts` equal parts of the time until the last one."""
        counts = [0] * parts
        for bucket, count in enumerate(self._counts[: self.last_ns // self._bucket_ns + 1]):
            counts[self.part(bucket * self._bucket_ns, parts)] += count
        return counts

    def part(self, at_ns: int, parts: int) -> int:
        """In which of `parts` parts a time is."""
        return min(max(0, at_ns) * parts // (self.last_ns + 1), parts - 1)


def axis_line(arrivals: ArrivalCounts, width: int, begin_ns: int | None, end_ns: int | None) -> Line:
    """The axis in `width` cells, from the request on; a bar stands at `begin_ns`, and it is lit until `end_ns`."""
    until = f" {arrivals.last_ns / _NS:.3f} s"
    parts = width - len(until) - 1
    if parts <= 0 or not arrivals.last_ns:
        return []
    bars = sparkline(arrivals.in_parts(parts), nothing=_NOTHING)
    if begin_ns is None:
        return [(" ", "plain"), (bars, "dim"), (until, "dim")]
    begin = arrivals.part(begin_ns, parts)
    end = arrivals.part(end_ns if end_ns is not None else begin_ns, parts)
    return [
        (" ", "plain"),
        (bars[:begin], "dim"),
        (_HERE, "label"),
        (bars[begin + 1 : end + 1], "key"),
        (bars[end + 1 :], "dim"),
        (until, "dim"),
    ]
