"""What waits in the proxy for the worker, in batches. All of it belongs to one thread, the proxy's.

A message waits as it is until it is packed into a batch with its neighbours, some milliseconds later. Large pieces of
a request's body remain as they are.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from responses_tap.recorder.messages import Batch, Kind, encode_message, message_head

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
_BODY = int(Kind.BODY)


class _Piece(NamedTuple):
    """A large piece of a request's body, a batch of its own."""

    flow: int
    at_ns: int
    data: memoryview


class Outbox:
    """Messages on their way to the worker, in their order. `wake` is called with the first after a `sleep`."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._loose: list[Any] = []
        self._batches: deque[bytes | _Piece] = deque()
        self._waiting = 0
        self._is_shut = False
        self._number = 0
        self.is_asleep = True
        """Whether the next message is to `stir`."""
        self.is_full = False
        """Whether the worker is so far behind that chunks have to be left out."""
        self.add = self._loose.extend
        """Adds a message's kind, flow, nanoseconds and payload; it does not stir."""

    @property
    def is_half_full(self) -> bool:
        """Whether the worker is so far behind that no new stream should begin."""
        return self._is_shut or self._waiting > _MOST_BYTES // 2

    @property
    def is_nearly_empty(self) -> bool:
        """Whether the worker has caught up."""
        return self._waiting < _MOST_BYTES // 4

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._loose and not self._batches

    def put(self, kind: int, flow: int, at_ns: int, payload: bytes | memoryview) -> None:
        """Add a message."""
        self.add((kind, flow, at_ns, payload))
        self.stir()

    def put_body(self, flow: int, at_ns: int, data: bytes) -> bool:
        """Add a piece of a request's body; whether there was room for it."""
        for at in range(0, len(data), _BATCH_BYTES):
            if self.is_full:
                return False
            piece = _Piece(flow, at_ns, memoryview(data)[at : at + _BATCH_BYTES])
            if len(piece.data) < _LARGE_PIECE:
                self.put(_BODY, *piece)
            else:
                self.pack()
                self._append(piece)
                self.stir()
        return True

    def stir(self) -> None:
        """Wake whoever takes the batches."""
        if self.is_asleep:
            self.is_asleep = False
            self._wake()

    def pack(self) -> int:
        """Make batches of the messages that have come; the number of the last batch."""
        content: list[bytes | memoryview] = []
        content_bytes = 0
        facts = iter(self._loose)
        for kind, flow, at_ns, payload in zip(facts, facts, facts, facts, strict=True):
            size = len(payload)
            content += (message_head(kind, flow, at_ns, size), payload)
            content_bytes += size
            if content_bytes > _BATCH_BYTES:
                self._append(b"".join(content))
                content, content_bytes = [], 0
        if content:
            self._append(b"".join(content))
        self._loose.clear()
        return self._number

    def take(self) -> Batch | None:
        """The next batch; None where none waits."""
        if not self._batches:
            self.pack()
        if not self._batches:
            return None
        number = self._number - len(self._batches) + 1
        first = self._batches.popleft()
        self._waiting -= _cost(first)
        self._measure()
        return Batch(number, first if isinstance(first, bytes) else encode_message(_BODY, *first))

    def sleep(self) -> None:
        """Wake somebody for the next message."""
        self.is_asleep = True

    def shut(self) -> None:
        """Nobody takes anything more: what waits is let go of, and there is room for nothing."""
        self._is_shut = True
        self._loose.clear()
        self._batches.clear()
        self._measure()

    def _append(self, entry: bytes | _Piece) -> None:
        self._batches.append(entry)
        self._number += 1
        self._waiting += _cost(entry)
        self._measure()

    def _measure(self) -> None:
        self.is_full = self._is_shut or self._waiting > _MOST_BYTES


def _cost(entry: bytes | _Piece) -> int:
    if isinstance(entry, bytes):
        return min(len(entry), _MOST_COST)
    return len(entry.data) // _PIECE_DISCOUNT
