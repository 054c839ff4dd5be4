"""When events arrived: streams that did not stream, and silences that clients give up on.

The caller passes the arrival times with the frames, in nanoseconds since the request.
"""

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Reporter
from responses_tap.protocol.grammar import Role

_IDLE_LIMITS = {"AWS ALB": 60, "Cloudflare": 100, "Envoy": 240, "Codex": 300}
"""After how many seconds without a byte who cuts a stream, by default."""
_ENOUGH_DELTAS = 20
_WAITED_NS = 1_000_000_000
_BURST = 0.05
"""A stream that arrives whole within this fraction of the wait for its first event was buffered on the way."""


class Arrivals:
    """The arrival times of one response."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._first: int | None = None
        self._last = 0
        self._deltas = 0
        self._silent = False

    def apply(self, event: Event, at_ns: int) -> None:
        """An event that arrived at this time."""
        if self._first is None:
            self._first = at_ns
        silent_s = (at_ns - self._last) / 1e9
        limits = [f"{who} ({seconds} s)" for who, seconds in _IDLE_LIMITS.items() if silent_s >= seconds]
        if limits and not self._silent:
            self._silent = True
            self._report("TM002", event.position, seconds=round(silent_s), limits=", ".join(limits))
        self._last = at_ns
        if event.row is not None and event.row.role is Role.DELTA:
            self._deltas += 1

    def advance(self, count: int) -> None:
        """So many more deltas came together with the last event."""
        if self._first is not None:
            self._deltas += count

    def finish(self) -> None:
        """No more events will come: did they stream?"""
        if self._first is None or self._deltas < _ENOUGH_DELTAS or self._first < _WAITED_NS:
            return
        took = self._last - self._first
        if took <= self._first * _BURST:
            self._report("TM001", None, deltas=self._deltas, ms=round(took / 1e6), waited=round(self._first / 1e9, 1))
