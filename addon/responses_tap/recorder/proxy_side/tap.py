"""What a proxy tells of one flow."""

import logging
import time
from collections.abc import Callable, Generator
from dataclasses import replace

from responses_tap.recorder.messages import EndingMessage, Message, MessageKind, ResponseMessage, Sent, SocketMessage
from responses_tap.recorder.proxy_side.send_queue import SendQueue

_RESPONSE, _CHUNK, _MESSAGE, _ENDING, _SENT = map(
    int, (MessageKind.RESPONSE, MessageKind.CHUNK, MessageKind.MESSAGE, MessageKind.ENDING, MessageKind.SENT)
)
_now = time.monotonic_ns
_log = logging.getLogger(__name__)

type Relay = Callable[[bytes], bytes]
"""Takes a piece of a body and gives it back."""


class Tap:
    """Puts what happens to a flow into the queue, without ever waiting. `on_cut` is called when it had to leave out.

    All methods are for one thread: the proxy's.
    """

    def __init__(self, queue: SendQueue, flow: int, on_cut: Callable[[], object]) -> None:
        self._queue = queue
        self._put = queue.put
        self.flow = flow
        """The number of the flow."""
        self._on_cut = on_cut
        self._lost = 0
        self._sent = 0
        self._lacks_request = self._has_fault = False

    def upload(self, data: bytes) -> None:
        """A piece of an upload's body is here."""
        self._sent += len(data)
        if not self._lacks_request:
            self._lacks_request = not self._queue.put_body(self.flow, _now(), data)

    def sent(self) -> None:
        """The body of an upload is complete."""
        self._put(_SENT, self.flow, _now(), Sent(self._sent).encode())

    def response(self, response: ResponseMessage) -> None:
        """The server's headers are here."""
        self._put(_RESPONSE, self.flow, _now(), response.encode())

    def relay(self) -> Relay:
        """What takes each piece of the response's body, still content-encoded, and gives it back whatever happens."""
        chunks = self._chunks()
        next(chunks)
        return chunks.send

    def _chunks(self, data: bytes = b"") -> Generator[bytes, bytes, None]:
        # As few steps as can be: every event of every stream comes through here. Resuming a generator, whose names are
        # local, takes 0.28 µs; a method that looks them up takes 0.32 (CPython 3.13).
        queue, add, flow, now = self._queue, self._queue.add, self.flow, _now
        while True:
            data = yield data
            if not data:
                continue
            try:
                if self._lost or (queue.is_full and not queue.has_room(flow)):
                    self._leave_out(data)
                else:
                    add((_CHUNK, flow, now(), data))
                    if queue.is_armed:
                        queue.notify()
            except Exception as error:  # noqa: BLE001 (whatever it is, the client gets its bytes)
                self._note_fault(error)

    def message(self, message: SocketMessage) -> None:
        """A message of a WebSocket is here."""
        self._put_if_room(_MESSAGE, message.encode())

    def end(self, ending: EndingMessage) -> None:
        """The flow has ended; nothing may follow."""
        if self._lost:
            ending = replace(ending, ended_by="recorder", complete=False, lost=self._lost)
        self._put(_ENDING, self.flow, _now(), ending.encode())

    def _put_if_room(self, kind: int, data: bytes) -> None:
        if self._lost or not self._queue.has_room(self.flow):
            self._leave_out(data)
        else:
            self._put(kind, self.flow, _now(), data)

    def _note_fault(self, error: Exception) -> None:
        if not self._has_fault:
            self._has_fault = True
            _log.error("a stream cannot be recorded further: %r", error)

    def _leave_out(self, data: bytes) -> None:
        # A stream with a hole tells nothing: after the first lost chunk the rest is left out, too.
        if not self._lost:
            self._on_cut()
        self._lost += len(data)


class KeepingTap(Tap):
    """The tap of a flow of which nobody knows yet whether it is recorded.

    The worker keeps in memory alone what it has of such a flow; so does this, for the worker that takes over.
    """

    def __init__(self, queue: SendQueue, flow: int, on_cut: Callable[[], object]) -> None:
        super().__init__(queue, flow, on_cut)
        self._kept: list[tuple[int, Message]] = []
        self._is_undecided = True
        self._put = self.put

    def put(self, kind: int, flow: int, at_ns: int, payload: bytes | memoryview) -> None:
        """Put a message into the queue, and keep it."""
        self._queue.put(kind, flow, at_ns, payload)
        # Packed at once, it is known in which batch it is.
        self._kept.append((self._queue.pack(), Message(MessageKind(kind), flow, at_ns, bytes(payload))))

    def _chunks(self, data: bytes = b"") -> Generator[bytes, bytes, None]:
        while self._is_undecided:
            data = yield data
            try:
                if data:
                    self._put_if_room(_CHUNK, data)
            except Exception as error:  # noqa: BLE001 (as below)
                self._note_fault(error)
        yield from super()._chunks(data)

    def kept(self, batch: int) -> list[Message]:
        """What has gone to the worker up to and with this batch."""
        return [message for number, message in self._kept if number <= batch]

    def let_go(self) -> None:
        """Nothing need be kept any more. On any thread."""
        self._is_undecided = False
        self._put = self._queue.put
        self._kept = []


class LeftOut(Tap):
    """The tap of a flow that is not recorded, because the worker is too far behind."""

    def upload(self, data: bytes) -> None:
        """Nothing is kept."""

    def sent(self) -> None:
        """Nothing is kept."""

    def response(self, response: ResponseMessage) -> None:
        """Nothing is kept."""

    def relay(self) -> Relay:
        """Nothing is kept."""
        return lambda data: data

    def message(self, message: SocketMessage) -> None:
        """Nothing is kept."""

    def end(self, ending: EndingMessage) -> None:
        """Nothing is kept."""
