"""What a proxy tells of one flow."""

import logging
import time
from collections.abc import Callable, Generator
from dataclasses import replace

from responses_tap.recorder.messages import (
    EndingMessage,
    MessageKind,
    RequestMessage,
    ResponseMessage,
    Sent,
    SocketMessage,
)
from responses_tap.recorder.proxy_side.spool_writer import SpoolWriter

_REQUEST, _RESPONSE, _CHUNK = map(int, (MessageKind.REQUEST, MessageKind.RESPONSE, MessageKind.CHUNK))
_MESSAGE, _ENDING, _SENT = map(int, (MessageKind.MESSAGE, MessageKind.ENDING, MessageKind.SENT))
_LEFT_OUT = "left out, because the recorder was too far behind"
_now = time.monotonic_ns
_log = logging.getLogger(__name__)

type Relay = Callable[[bytes], bytes]
"""Takes a piece of a body and gives it back."""


class Tap:
    """Puts what happens to a flow into the spool, without ever waiting. `on_cut` is called when it had to leave out.

    All methods are for one thread: the proxy's.
    """

    def __init__(self, spool: SpoolWriter, flow: int, on_cut: Callable[[], object]) -> None:
        self._spool = spool
        self._put = spool.put
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
            self._lacks_request = not self._spool.put_body(self.flow, _now(), data)

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
        spool, add, flow, now = self._spool, self._spool.add, self.flow, _now
        while True:
            data = yield data
            if not data:
                continue
            try:
                if self._lost or (spool.is_full and not spool.has_room(flow)):
                    self._leave_out(data)
                else:
                    add((_CHUNK, flow, now(), data))
                    if spool.is_armed:
                        spool.notify()
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
        if self._lost or not self._spool.has_room(self.flow):
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


class LeftOut(Tap):
    """The tap of a flow that is not recorded, because the worker is too far behind: it becomes a row that says so."""

    def __init__(self, spool: SpoolWriter, flow: int, request: RequestMessage, at_ns: int) -> None:
        super().__init__(spool, flow, _do_nothing)
        # Of another request nobody knows whether it is one of this API.
        self._has_row = request.expected and spool.has_reserve
        if self._has_row:
            asked = replace(request, body=b"", is_upload=False)
            self._put(_REQUEST, flow, at_ns, asked.encode())

    def upload(self, data: bytes) -> None:
        """Nothing is kept."""

    def sent(self) -> None:
        """Nothing is kept."""

    def response(self, response: ResponseMessage) -> None:
        """The server's headers are here."""
        if self._has_row:
            super().response(response)

    def relay(self) -> Relay:
        """What counts the bytes that pass."""
        return self._pass

    def message(self, message: SocketMessage) -> None:
        """Nothing is kept."""
        self._lost += len(message.content)

    def end(self, ending: EndingMessage) -> None:
        """The flow has ended; nothing may follow."""
        if self._has_row:
            left = replace(ending, ended_by="recorder", reason=_LEFT_OUT, complete=False, lost=self._lost)
            self._put(_ENDING, self.flow, _now(), left.encode())

    def _pass(self, data: bytes) -> bytes:
        self._lost += len(data)
        return data


def _do_nothing() -> None:
    pass
