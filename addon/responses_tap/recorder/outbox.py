"""What waits in the proxy for the worker: one thread puts it in, another takes it out, and neither waits for the other.

A message is encoded at once, behind the one before it in a run of bytes: as objects in a queue the messages took the
feeder's thread twice the time, and while it holds the interpreter's lock the proxy stands still. Large pieces of a
request's body wait as they are.
"""

from collections import deque
from typing import NamedTuple

from responses_tap.recorder.messages import Kind, encode_message

_MOST_BYTES = 64 * 2**20
"""What may wait. Beyond it chunks are left out, and new streams already beyond the half of it: those that are open
come first."""
_MOST_COST = _MOST_BYTES // 4
"""What a run counts for at most: a message that is huge must not cost the other streams their chunks."""
_RUN_BYTES = 2**17
"""A run is a batch, and a batch is handled in one go, while the worker does not look at the pipe."""
_LARGE_PIECE = 2**14
"""Bytes from which a piece of a request's body waits as it is."""
_PIECE_DISCOUNT = 4
"""So many times less than its bytes does such a piece count: the proxy has them in memory anyway, or they come
quickly."""
_BODY = int(Kind.BODY)

type Content = bytes | bytearray
"""Encoded messages, one behind the other."""


class _Piece(NamedTuple):
    """A large piece of a request's body."""

    flow: int
    at_ns: int
    data: memoryview


class Outbox:
    """Messages on their way to the worker, in their order."""

    # Under CPython's lock each step on the queue and on a run is atomic. The last in the queue is a run, and only
    # that one grows.

    def __init__(self) -> None:
        self._run = bytearray()
        self._queue: deque[bytearray | _Piece] = deque([self._run])
        self._taken_of_first = 0
        # Each counter has one thread that raises it, so that none of them needs a lock.
        self._put_cost = self._taken_cost = 0
        self._is_shut = False
        self.is_full = False
        """Whether the worker is so far behind that chunks have to be left out."""

    @property
    def is_half_full(self) -> bool:
        """Whether the worker is so far behind that no new stream should begin."""
        return self._is_shut or self._waiting > _MOST_BYTES // 2

    @property
    def is_nearly_empty(self) -> bool:
        """Whether the worker has caught up."""
        return self._waiting < _MOST_BYTES // 4

    def put(self, kind: int, flow: int, at_ns: int, payload: bytes | memoryview) -> None:
        """Add a message. For one thread only: the proxy's."""
        run = self._run
        run += encode_message(kind, flow, at_ns, payload)
        if len(run) > _RUN_BYTES:
            self._go_on_behind(run)

    def put_body(self, flow: int, at_ns: int, data: bytes) -> bool:
        """Add a piece of a request's body; whether there was room for it. For one thread only: the proxy's."""
        for at in range(0, len(data), _RUN_BYTES):
            if self.is_full:
                return False
            piece = _Piece(flow, at_ns, memoryview(data)[at : at + _RUN_BYTES])
            if len(piece.data) < _LARGE_PIECE:
                self.put(_BODY, flow, at_ns, piece.data)
            else:
                self._go_on_behind(self._run, piece)
        return True

    def take(self) -> Content:
        """The next messages, empty where none waits. For one thread only: the feeder's."""
        content: Content = b""
        is_closed = True
        while is_closed and not content:
            first, is_closed = self._queue[0], len(self._queue) > 1
            if isinstance(first, bytearray):
                content = first[self._taken_of_first :]
                self._taken_of_first += len(content)
            else:
                content = encode_message(_BODY, *first)
            if is_closed:
                self._queue.popleft()
                self._taken_of_first = 0
                self._taken_cost += _cost(first)
        self.is_full = self._is_shut or self._waiting > _MOST_BYTES
        return content

    def shut(self) -> None:
        """Nobody takes anything more: what waits is let go of, and there is room for nothing."""
        self._is_shut = self.is_full = True
        self._run = bytearray()
        self._queue = deque([self._run])

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return len(self._queue) == 1 and self._taken_of_first == len(self._run)

    @property
    def _waiting(self) -> int:
        return self._put_cost - self._taken_cost

    def _go_on_behind(self, run: bytearray, *pieces: _Piece) -> None:
        """The run is closed; what comes now goes into another one, behind these pieces."""
        self._run = bytearray()
        self._put_cost += _cost(run) + sum(map(_cost, pieces))
        self._queue.extend((*pieces, self._run))
        self.is_full = self._is_shut or self._waiting > _MOST_BYTES


def _cost(entry: bytearray | _Piece) -> int:
    if isinstance(entry, bytearray):
        return min(len(entry), _MOST_COST)
    return len(entry.data) // _PIECE_DISCOUNT
