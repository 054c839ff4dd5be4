"""What waits in the proxy for the worker, in batches. All of it belongs to one thread, the proxy's.

A message waits as it is until it is packed into a batch with its neighbours, some milliseconds later. Large pieces of
a request's body remain as they are.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from responses_tap.recorder.messages import Batch, MessageKind, encode_message, message_head

_MOST_BYTES = 64 * 2**20
"""What may wait, beside what has come since batches were last packed. Beyond it chunks are left out, and new streams
already beyond the half of it: those that are open come first."""
_MOST_COST = _MOST_BYTES // 4
"""What a batch counts for at most: a message that is huge must not cost the other streams their chunks."""
_BATCH_BYTES = 2**17
"""A batch is handled in one go, while the worker does not look at the pipe."""
_LARGE_PIECE = 2**14
"""Bytes from which a piece of a request's body waits as it is."""
_PIECE_DISCOUNT = 4
"""So many times less than its bytes does such a piece count: the proxy has them in memory anyway, or they come
quickly."""
_LARGE_MESSAGE = 2**12
"""Bytes from which a message is counted for its flow, too: by the flow that fills the queue no other is to suffer."""
_BULK_DISCOUNT = 4
"""So many times less than its bytes does such a message count: the worker is done with it much sooner than with many
small ones of that size."""
_FAIR = _MOST_BYTES // 8
"""What may wait of a flow in large messages without its being cut when the queue is full."""
_BODY = int(MessageKind.BODY)


class _Piece(NamedTuple):
    """A large piece of a request's body, a batch of its own."""

    flow: int
    at_ns: int
    data: memoryview


class _Entry(NamedTuple):
    """A batch that waits."""

    content: bytes | _Piece
    cost: int
    bulk: dict[int, int]
    """Of which flows it has large messages, and what those count."""


class SendQueue:
    """Messages on their way to the worker, in their order. `wake` is called with the first after an `arm`.

    What comes stays loose, four items of one list a message, until it is packed in one loop: to encode each message
    as it came took the proxy 1 µs more an event. For the same reason the tap reads `is_full` and `is_armed`, plain
    attributes, instead of calling `put`.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._loose: list[Any] = []
        self._batches: deque[_Entry] = deque()
        self._bulk: dict[int, int] = {}
        self._waiting = 0
        self._is_closed = False
        self._number = 0
        self.is_armed = True
        """Whether the next message is to `notify`."""
        self.is_full = False
        """Whether the worker is so far behind that chunks have to be left out."""
        self.add = self._loose.extend
        """Adds a message's kind, flow, nanoseconds and payload; it does not notify."""

    @property
    def is_half_full(self) -> bool:
        """Whether the worker is so far behind that no new stream should begin."""
        return self._is_closed or self._waiting - max(self._bulk.values(), default=0) > _MOST_BYTES // 2

    @property
    def is_nearly_empty(self) -> bool:
        """Whether the worker has caught up."""
        return self._waiting < _MOST_BYTES // 4

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._loose and not self._batches

    def has_room(self, flow: int) -> bool:
        """Whether a message of this flow may wait: of a full queue the flow that fills it is cut, not the others."""
        if not self.is_full:
            return True
        is_greedy = self._bulk.get(flow, 0) > _FAIR
        fills = max(self._bulk.values(), default=0)
        return not self._is_closed and not is_greedy and self._waiting - fills <= _MOST_BYTES

    def put(self, kind: int, flow: int, at_ns: int, payload: bytes | memoryview) -> None:
        """Add a message."""
        self.add((kind, flow, at_ns, payload))
        self.notify()

    def put_body(self, flow: int, at_ns: int, data: bytes) -> bool:
        """Add a piece of a request's body; whether there was room for it."""
        for at in range(0, len(data), _BATCH_BYTES):
            if not self.has_room(flow):
                return False
            piece = _Piece(flow, at_ns, memoryview(data)[at : at + _BATCH_BYTES])
            if len(piece.data) < _LARGE_PIECE:
                self.put(_BODY, *piece)
            else:
                self.pack()
                self._append(_Entry(piece, len(piece.data) // _PIECE_DISCOUNT, {}))
                self.notify()
        return True

    def notify(self) -> None:
        """Wake whoever takes the batches."""
        if self.is_armed:
            self.is_armed = False
            self._wake()

    def pack(self) -> int:
        """Make batches of the messages that have come; the number of the last batch."""
        content: list[bytes | memoryview] = []
        content_bytes = 0
        bulk: dict[int, int] = {}
        facts = iter(self._loose)
        for kind, flow, at_ns, payload in zip(facts, facts, facts, facts, strict=True):
            size = len(payload)
            content += (message_head(kind, flow, at_ns, size), payload)
            content_bytes += size
            if size >= _LARGE_MESSAGE:
                bulk[flow] = bulk.get(flow, 0) + size // _BULK_DISCOUNT
            if content_bytes > _BATCH_BYTES:
                self._append(_entry(content, bulk))
                content, content_bytes, bulk = [], 0, {}
        if content:
            self._append(_entry(content, bulk))
        self._loose.clear()
        return self._number

    def take(self) -> Batch | None:
        """The next batch; None where none waits."""
        if not self._batches:
            self.pack()
        if not self._batches:
            return None
        number = self._number - len(self._batches) + 1
        first, cost, bulk = self._batches.popleft()
        self._waiting -= cost
        for flow, share in bulk.items():
            self._bulk[flow] -= share
            if not self._bulk[flow]:
                del self._bulk[flow]
        self._measure()
        return Batch(number, first if isinstance(first, bytes) else encode_message(_BODY, *first))

    def arm(self) -> None:
        """Wake somebody for the next message."""
        self.is_armed = True

    def close(self) -> None:
        """Nobody takes anything more: what waits is let go of, and there is room for nothing."""
        self._is_closed = True
        self._loose.clear()
        self._batches.clear()
        self._measure()

    def _append(self, entry: _Entry) -> None:
        self._batches.append(entry)
        self._number += 1
        self._waiting += entry.cost
        for flow, share in entry.bulk.items():
            self._bulk[flow] = self._bulk.get(flow, 0) + share
        self._measure()

    def _measure(self) -> None:
        self.is_full = self._is_closed or self._waiting > _MOST_BYTES


def _entry(content: list[bytes | memoryview], bulk: dict[int, int]) -> _Entry:
    joined = b"".join(content)
    shares = {flow: min(share, _MOST_COST) for flow, share in bulk.items()}
    discount = sum(bulk.values()) * (_BULK_DISCOUNT - 1)
    return _Entry(joined, min(len(joined) - discount, _MOST_COST), shares)
