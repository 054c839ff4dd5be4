"""An event stream whose request does not say that it is one of this API: its first event decides."""

from responses_tap.coding import ContentDecoder
from responses_tap.protocol.events import parse
from responses_tap.protocol.sse import Decoder
from responses_tap.recorder.messages import Message, MessageKind, ResponseMessage
from responses_tap.stream.columns import header

_MOST_BYTES = 2**20
"""How much may come before the first event."""


class Candidate:
    """Keeps what came of a flow until it is known whether it is to be recorded."""

    def __init__(self, request: Message) -> None:
        self.messages = [request]
        """What came so far, to be taken again by the stream if it is one."""
        self.is_wanted: bool | None = None
        """Whether the flow is to be recorded, None while that is open."""
        self._coding = ContentDecoder(None)
        self._frames = Decoder()
        self._size = 0

    def take(self, message: Message) -> None:
        """Look at a further message of the flow."""
        self.messages.append(message)
        if message.kind is MessageKind.RESPONSE:
            self._coding = ContentDecoder(header(ResponseMessage.decode(message.payload).headers, "content-encoding"))
        elif message.kind is MessageKind.ENDING:
            self.is_wanted = False
        elif message.kind is MessageKind.CHUNK:
            self._look(message.payload)

    def _look(self, data: bytes) -> None:
        self._size += len(data)
        for frame in self._frames.feed(self._coding.decode(data)):
            if frame.data and not frame.is_done_marker:
                self.is_wanted = (parse(frame.data).type or "").startswith("response.")
                return
        if self._size > _MOST_BYTES:
            self.is_wanted = False
