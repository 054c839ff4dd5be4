"""The proxy's end of the pipe: takes what happens to flows without ever waiting, and keeps a worker fed."""

import contextlib
import fcntl
import logging
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO

from responses_tap.recorder.messages import (
    Acknowledged,
    Answer,
    End,
    Kind,
    Message,
    Notice,
    Ready,
    Request,
    Trouble,
    decode_report,
    encode_batch,
)
from responses_tap.store import RecordingError

_MOST_BYTES = 64 * 2**20
"""What the queue may hold, and as much again what has been sent and is not yet in the file."""
_MESSAGE_COST = 200
"""Bytes that a message takes in the queue besides its payload."""
_BATCH_SECONDS = 0.01
"""How long messages are gathered before they are sent."""
_PIPE_BYTES = 2**20
_MOST_STARTS = 5
_CLOSE_SECONDS = 60.0
_PACKAGE_ROOT = Path(__file__).parents[2]

_log = logging.getLogger(__name__)


class Tap:
    """What is told of one flow. All methods return at once."""

    def __init__(self, feeder: "Feeder", flow: int) -> None:
        self._feeder = feeder
        self._flow = flow
        self._lost = 0

    def answer(self, answer: Answer) -> None:
        """The server's headers are here."""
        self._feeder.put(Message(Kind.ANSWER, self._flow, time.monotonic_ns(), answer.encode()))

    def chunk(self, data: bytes) -> None:
        """A piece of the answer's body is here, still content-encoded."""
        # A stream with a hole tells nothing: after the first lost chunk the rest is lost, too.
        if self._lost or self._feeder.is_full:
            self._lost += len(data)
        else:
            self._feeder.put(Message(Kind.CHUNK, self._flow, time.monotonic_ns(), data))

    def end(self, end: End) -> None:
        """The flow has ended; nothing may follow."""
        if self._lost:
            end = End("recorder", end.reason, complete=False, lost=self._lost)
        self._feeder.put(Message(Kind.END, self._flow, time.monotonic_ns(), end.encode()))


class Feeder:
    """Starts a worker for the recording `db` and feeds it; `RecordingError` if it cannot open the file.

    `on_notice` is called with each notice, on a thread of the feeder.
    """

    def __init__(self, db: Path, profile: str, on_notice: Callable[[Notice], object]) -> None:
        self._arguments = [str(db.absolute()), profile, secrets.token_hex(8)]
        self._on_notice = on_notice
        self._queue: deque[Message] = deque()
        self._put_bytes = 0
        self._taken_bytes = 0
        self._flows = 0
        self._sent: deque[tuple[int, bytes]] = deque()
        self._number = 0
        self._stirred = threading.Event()
        self._closing = threading.Event()
        self._starts = 0
        self._worker = self._start_worker()
        self._sender = threading.Thread(target=self._send_all, name="responses-tap feeder", daemon=True)
        self._sender.start()

    @property
    def is_full(self) -> bool:
        """Whether the worker is so far behind that chunks have to be left out."""
        return self._put_bytes - self._taken_bytes > _MOST_BYTES

    def open(self, request: Request, at_ns: int) -> Tap:
        """A tap for a new flow, whose request was complete at `at_ns` of the monotonic clock."""
        self._flows += 1
        self.put(Message(Kind.REQUEST, self._flows, at_ns, request.encode()))
        return Tap(self, self._flows)

    def put(self, message: Message) -> None:
        """Queue a message. For one thread only: the proxy's."""
        self._queue.append(message)
        self._put_bytes += len(message.payload) + _MESSAGE_COST
        if not self._stirred.is_set():
            self._stirred.set()

    def close(self) -> None:
        """Send everything and wait until it is in the file."""
        self._closing.set()
        self._stirred.set()
        self._sender.join(_CLOSE_SECONDS)
