"""The proxy's side of the spool. All of it belongs to one thread, the proxy's.

What comes stays loose for some milliseconds, and is then appended in one piece with its neighbours.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from responses_tap.recorder.messages import MESSAGE_HEAD, MessageKind, message_head
from responses_tap.recorder.spool import COMMITTED, Spool

_LARGE_MESSAGE = 2**14
"""Bytes from which a message is counted for its flow, too: by the flow that fills the spool no other is to suffer."""
_FAIR_SHARE = 8
"""A flow with more than this part of the limit in large messages is cut when the spool is full."""
_RESERVE_SHARE = 16
"""This part of the limit is for the rows of streams that are left out."""
_DIRECT_BYTES = 2**17
"""Bytes from which a payload is not joined with its neighbours first."""
_PIECE_BYTES = 2**20
"""A longer request body is cut, so that the worker never holds more of it than this."""
_BODY = int(MessageKind.BODY)


class _LargeMessages:
    """The large messages that wait, and how much that is of each flow."""

    def __init__(self) -> None:
        self._ends: deque[tuple[int, int, int]] = deque()
        self.bytes_of = Counter[int]()
        """By flow."""

    def add(self, flow: int, size: int, end: int) -> None:
        """Another one, which ends at this offset."""
        self._ends.append((end, flow, size))
        self.bytes_of[flow] += size

    def let_go(self, committed: int) -> None:
        """Those before this offset wait no more."""
        while self._ends and self._ends[0][0] <= committed:
            _, flow, size = self._ends.popleft()
            self.bytes_of[flow] -= size
            if not self.bytes_of[flow]:
                del self.bytes_of[flow]


class SpoolWriter:
    """Messages on their way to the worker, in their order. `wake` is called with the first after an `arm`.

    What comes stays loose, four items of one list a message, until `flush` packs it in one loop: to encode each message
    as it came took the proxy 1 µs more an event. For the same reason the tap reads `is_full` and `is_armed`, plain
    attributes, instead of calling `put`.
    """

    def __init__(self, spool: Spool, most_bytes: int, wake: Callable[[], object]) -> None:
        """At most `most_bytes` wait, beside what is loose.

        Beyond it chunks are left out, and new streams already beyond the half of it: those that are open come first.
        """
        self._spool = spool
        self._most_bytes = most_bytes
        self._wake = wake
        self._loose: list[Any] = []
        self._large = _LargeMessages()
        self.waiting = 0
        """The bytes that had been appended, and were not in the file, when this was last looked at."""
        self._is_closed = False
        self.failure: OSError | None = None
        """Why the spool cannot be appended to any more."""
        self.is_armed = True
        """Whether the next message is to `notify`."""
        self.is_full = False
        """Whether the worker is so far behind that chunks have to be left out."""
        self.add = self._loose.extend
        """Adds a message's kind, flow, nanoseconds and payload; it does not notify."""

    @property
    def is_half_full(self) -> bool:
        """Whether the worker is so far behind that no new stream should begin."""
        return self._is_closed or self.waiting - self._greatest > self._most_bytes // 2

    @property
    def is_nearly_empty(self) -> bool:
        """Whether the worker has caught up."""
        return self.waiting < self._most_bytes // 4

    @property
    def has_reserve(self) -> bool:
        """Whether there is room for the row of a stream that is left out."""
        return not self._is_closed and self.waiting <= self._most_bytes + self._most_bytes // _RESERVE_SHARE

    def has_room(self, flow: int) -> bool:
        """Whether a message of this flow may wait: of a full spool the flow that fills it is cut, not the others."""
        if not self.is_full:
            return True
        is_greedy = self._large.bytes_of[flow] > self._most_bytes // _FAIR_SHARE
        return not self._is_closed and not is_greedy and self.waiting - self._greatest <= self._most_bytes

    def put(self, kind: int, flow: int, at_ns: int, payload: bytes | memoryview) -> None:
        """Add a message."""
        self.add((kind, flow, at_ns, payload))
        self.notify()

    def put_body(self, flow: int, at_ns: int, data: bytes) -> bool:
        """Add a piece of a request's body; whether there was room for it."""
        for at in range(0, len(data), _PIECE_BYTES):
            if not self.has_room(flow):
                return False
            piece = memoryview(data)[at : at + _PIECE_BYTES]
            self.put(_BODY, flow, at_ns, piece)
            if len(piece) == _PIECE_BYTES:
                self.flush()  # or all of a huge body would be loose before anyone counts it
        return True

    def notify(self) -> None:
        """Have what waits appended soon."""
        if self.is_armed:
            self.is_armed = False
            self._wake()

    def flush(self) -> None:
        """Append what has come, and look how far the worker is."""
        try:
            if not self._is_closed:
                self._append_loose()
                self._measure()
        except OSError as failure:
            # What was appended in part must not be followed by anything.
            self.failure = failure
            self.close()
        self._loose.clear()

    def arm(self) -> None:
        """Wake somebody for the next message."""
        self.is_armed = True

    def close(self) -> None:
        """Nobody reads anything more: what is loose is let go of, and there is room for nothing."""
        self._is_closed = self.is_full = True
        self._loose.clear()

    @property
    def _greatest(self) -> int:
        return max(self._large.bytes_of.values(), default=0)

    def _append_loose(self) -> None:
        content: list[bytes | memoryview] = []
        end = self._spool.end
        facts = iter(self._loose)
        for kind, flow, at_ns, payload in zip(facts, facts, facts, facts, strict=True):
            size = len(payload)
            end += MESSAGE_HEAD.size + size
            content.append(message_head(kind, flow, at_ns, size))
            if size >= _LARGE_MESSAGE:
                self._large.add(flow, size, end)
            if size < _DIRECT_BYTES:
                content.append(payload)
            else:
                self._spool.append(b"".join(content))
                self._spool.append(payload)
                content = []
        if content:
            self._spool.append(b"".join(content))

    def _measure(self) -> None:
        committed = self._spool.head[COMMITTED]
        self._large.let_go(committed)
        self.waiting = self._spool.end - committed
        self.is_full = self.waiting > self._most_bytes
