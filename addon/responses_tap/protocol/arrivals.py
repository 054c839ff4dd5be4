"""When events arrived: streams that did not stream, and silences that somebody on the way gives up on.

The caller passes the arrival times with the frames, in nanoseconds since the request.
"""

from collections.abc import Iterator

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Finding, Reporter
from responses_tap.protocol.grammar import Role
from responses_tap.protocol.scopes import ResponseScope

_SECOND = 1_000_000_000
_IDLE_LIMITS = (("AWS ALB", 60), ("Cloudflare", 100), ("Envoy", 240))
"""After how many seconds without a byte these end a stream, unless configured otherwise."""
_CODEX_LIMIT = 300
"""After how many seconds without an event Codex does: it discards comments (stream_idle_timeout_ms)."""
_ENOUGH_DELTAS = 20
_BURST = 0.05
"""A stream that arrives whole within this fraction of the wait for its first event was buffered on the way."""


class Arrivals:
    """The arrival times of one response."""

    def __init__(self, response: ResponseScope, report: Reporter) -> None:
        self._response = response
        self._report = report
        self._first: int | None = None
        self._event_ns: int | None = None if response.index else 0
        """When the last event came; before the first, when the request was sent."""
        self._byte_ns = 0
        self._deltas = 0
        self._silence: Finding | None = None

    def apply(self, event: Event, at_ns: int) -> None:
        """An event that arrived at this time."""
        if self._event_ns is not None and (limits := list(self._exceeded(at_ns))):
            self._count(event.position, at_ns - self._event_ns, limits)
        if self._first is None:
            self._first = at_ns
        self._event_ns = self._byte_ns = at_ns
        if event.row is not None and event.row.role is Role.DELTA:
            self._deltas += 1

    def heard(self, at_ns: int) -> None:
        """Something else arrived at this time, such as a comment."""
        self._byte_ns = at_ns

    def advance(self, count: int) -> None:
        """So many more deltas came together with the last event."""
        if self._first is not None:
            self._deltas += count

    def finish(self) -> None:
        """No more events will come: did they stream?"""
        if self._first is None or self._deltas < _ENOUGH_DELTAS or self._first < _SECOND:
            return
        took = (self._event_ns or 0) - self._first
        if took <= self._first * _BURST:
            self._report("TM001", None, deltas=self._deltas, ms=round(took / 1e6), waited=round(self._first / 1e9, 1))

    def _exceeded(self, at_ns: int) -> Iterator[str]:
        """The limits that the silence before this time was too long for."""
        for name, seconds in _IDLE_LIMITS:
            if at_ns - self._byte_ns >= seconds * _SECOND:
                yield f"{name} ({seconds} s)"
        if at_ns - (self._event_ns or 0) >= _CODEX_LIMIT * _SECOND:
            yield f"Codex ({_CODEX_LIMIT} s)"

    def _count(self, position: int, silence_ns: int, limits: list[str]) -> None:
        if self._response.request.is_warmup:
            return  # what is prepared may take its time
        if self._silence is not None:
            self._silence.add(position)
            return
        self._silence = self._report("TM002", position, seconds=round(silence_ns / 1e9), limits=", ".join(limits))
