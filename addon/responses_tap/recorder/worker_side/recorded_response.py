"""The response of a stream that is being recorded: its status and headers, and its body, decoded as it arrives."""

from responses_tap.coding import ContentDecoder
from responses_tap.protocol.sse import looks_like_events
from responses_tap.recorder.messages import EndingMessage, ResponseMessage
from responses_tap.recorder.worker_side.body import EventBody
from responses_tap.recorder.worker_side.http_columns import document_columns
from responses_tap.recorder.worker_side.received_chunks import ReceivedChunks
from responses_tap.recorder.worker_side.recorded_request import RecordedRequest
from responses_tap.store import Recording
from responses_tap.store.writer import Writer
from responses_tap.stream.columns import header
from responses_tap.stream.judging import checker_for
from responses_tap.stream.model import Request, Response, Stream
from responses_tap.stream.states import state_of
from responses_tap.stream.storable import Value


class RecordedResponse:
    """A response, whose body is an event stream or something else."""

    def __init__(self, stream: int, writer: Writer, profile: str, request: RecordedRequest) -> None:
        self._stream = stream
        self._writer = writer
        self._profile = profile
        self._request = request
        self._status: int | None = None
        self._declared: tuple[tuple[str, str], ...] = ()
        """The headers that say what the body is."""
        self._coding = ContentDecoder(None)
        self._keeps_wire = False
        self.can_decode = True
        """Whether the content-encoding is known."""
        self.received = ReceivedChunks(stream, writer)
        self.events: EventBody | None = None
        """The body, if it is an event stream."""
        self._document = bytearray()

    def head(self, response: ResponseMessage) -> None:
        """Take the status and headers."""
        self._status = response.status
        declared = {name: header(response.headers, name) or "" for name in ("content-type", "content-encoding")}
        self._declared = tuple(declared.items())
        self._coding = ContentDecoder(declared["content-encoding"])
        self.can_decode = self._coding.damage is None
        if declared["content-type"].lower().startswith("text/event-stream"):
            self.events = self._event_body()

    def chunk(self, data: bytes, at_ns: int) -> None:
        """Take a piece of the body as it came over the wire, nanoseconds after the request."""
        decoded = self._coding.decode(data)
        if self.events is None and self.received.size == 0 and looks_like_events(decoded):
            self.events = self._event_body()
        n = self.received.add(len(data), len(decoded), at_ns)
        if self.events is None or not self._coding.is_identity:
            self._writer.add_wire(self._stream, n, data)
            self._keeps_wire = True
        if self.events is None:
            self._document += decoded
        else:
            self.events.feed(decoded, at_ns, n)

    def restore(self, recording: Recording) -> None:
        """Take the body as far as a worker wrote it which has died."""
        self.received.restore(recording.chunks(self._stream))
        for raw in recording.wire(self._stream):
            self._keeps_wire = True
            self._document += self._coding.decode(raw)
        if not self.received.count:
            return
        if self.events is None and looks_like_events(bytes(self._document) or recording.body(self._stream)):
            self.events = self._event_body()
        if self.events is not None:
            self._document.clear()
            self.events.restore(recording)

    @property
    def unfinished(self) -> int:
        """How many bytes have come of an event that has not ended."""
        return 0 if self.events is None else self.events.unfinished

    @property
    def damage(self) -> str | None:
        """What is wrong with the encoded body."""
        return self._coding.damage

    def judged(self) -> EventBody:
        """What judges the body: the events, or a whole document."""
        if self.events is not None:
            return self.events
        verdict = self._event_body(b"")
        verdict.judge(bytes(self._document))
        return verdict

    def final_state(self, ending: EndingMessage) -> str:
        """The state of a stream that ended without a terminal event."""
        document = bytes(self._document) if self.events is None and ending.complete else None
        has_failed = ending.ended_by in ("server", "network")  # it answered nothing, or was not reached
        return state_of(0 if self._status is None and has_failed else self._status, document)

    @property
    def columns(self) -> dict[str, Value]:
        """What the stream's row says of the body so far."""
        if self.events is None:
            return self.received.columns | document_columns(bytes(self._document))
        named = {} if self._request.names_model else {"model": self.events.model}
        return self.received.columns | named | self.events.columns

    def close(self) -> dict[str, Value]:
        """Let go of what was there for a worker to take over; what the row says of a body that isn't events."""
        if self._keeps_wire:
            self._writer.drop_wire(self._stream)
        return {"response_body": bytes(self._document) or None} if self.events is None else {}

    def _event_body(self, document: bytes | None = None) -> EventBody:
        response = Response(self._status, self._declared, document)
        known = Stream(request=Request(url=self._request.url), response=response, live=True)
        return EventBody(self._stream, self._writer, checker_for(known, self._profile, request=self._request.facts))
