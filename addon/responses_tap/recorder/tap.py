"""What a proxy tells of one flow."""

import time
from collections.abc import Callable
from dataclasses import replace

from responses_tap.recorder.messages import Answer, End, Kind, Message, Sent, SocketMessage
from responses_tap.recorder.outbox import Outbox

_ANSWER, _CHUNK, _MESSAGE, _END, _SENT = map(int, (Kind.ANSWER, Kind.CHUNK, Kind.MESSAGE, Kind.END, Kind.SENT))
_now = time.monotonic_ns


class Tap:
    """Puts what happens to a flow into the outbox, without ever waiting. `on_cut` is called when it had to leave out.

    All methods are for one thread: the proxy's.
    """

    def __init__(self, outbox: Outbox, flow: int, on_cut: Callable[[], object]) -> None:
        self._outbox = outbox
        self._put = outbox.put
        self.flow = flow
        """The number of the flow."""
        self._on_cut = on_cut
        self._lost = 0
        self._sent = 0
        self._lacks_request = False

    def upload(self, data: bytes) -> None:
        """A piece of an upload's body is here."""
        self._sent += len(data)
        if not self._lacks_request:
            self._lacks_request = not self._outbox.put_body(self.flow, _now(), data)

    def sent(self) -> None:
        """The body of an upload is complete."""
        self._put(_SENT, self.flow, _now(), Sent(self._sent).encode())

    def answer(self, answer: Answer) -> None:
        """The server's headers are here."""
        self._put(_ANSWER, self.flow, _now(), answer.encode())

    def chunk(self, data: bytes) -> None:
        """A piece of the answer's body is here, still content-encoded."""
        if self._lost or self._outbox.is_full:
            self._leave_out(data)
        else:
            self._put(_CHUNK, self.flow, _now(), data)

    def message(self, message: SocketMessage) -> None:
        """A message of a WebSocket is here."""
        data = message.encode()
        if self._lost or self._outbox.is_full:
            self._leave_out(data)
        else:
            self._put(_MESSAGE, self.flow, _now(), data)

    def end(self, end: End) -> None:
        """The flow has ended; nothing may follow."""
        if self._lost:
            end = replace(end, ended_by="recorder", complete=False, lost=self._lost)
        self._put(_END, self.flow, _now(), end.encode())

    def _leave_out(self, data: bytes) -> None:
        # A stream with a hole tells nothing: after the first lost chunk the rest is left out, too.
        if not self._lost:
            self._on_cut()
        self._lost += len(data)


class KeepingTap(Tap):
    """The tap of a flow of which nobody knows yet whether it is recorded.

    The worker keeps in memory alone what it has of such a flow; so does this, for the worker that takes over.
    """

    def __init__(self, outbox: Outbox, flow: int, on_cut: Callable[[], object]) -> None:
        super().__init__(outbox, flow, on_cut)
        self._kept: list[tuple[int, Message]] = []
        self._put = self.put

    def put(self, kind: int, flow: int, at_ns: int, payload: bytes | memoryview) -> None:
        """Put a message into the outbox, and keep it."""
        self._kept.append((self._outbox.number, Message(Kind(kind), flow, at_ns, bytes(payload))))
        self._outbox.put(kind, flow, at_ns, payload)

    def kept(self, batch: int) -> list[Message]:
        """What has gone to the worker up to and with this batch."""
        return [message for number, message in self._kept if number <= batch]

    def let_go(self) -> None:
        """Nothing need be kept any more. On any thread."""
        self._put = self._outbox.put
        self._kept = []


class LeftOut(Tap):
    """The tap of a flow that is not recorded, because the worker is too far behind."""

    def upload(self, data: bytes) -> None:
        """Nothing is kept."""

    def sent(self) -> None:
        """Nothing is kept."""

    def answer(self, answer: Answer) -> None:
        """Nothing is kept."""

    def chunk(self, data: bytes) -> None:
        """Nothing is kept."""

    def message(self, message: SocketMessage) -> None:
        """Nothing is kept."""

    def end(self, end: End) -> None:
        """Nothing is kept."""
