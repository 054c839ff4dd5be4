"""A recorded WebSocket: each response of it becomes a stream of its own, from the event that asks for it on."""

import json
from datetime import datetime, timedelta

from responses_tap.privacy.body_masking import as_text
from responses_tap.protocol.sse import Frame, message_frame
from responses_tap.protocol.websocket_checker import SocketChecker, Turn
from responses_tap.recorder.messages import EndingMessage, RequestMessage, ResponseMessage, SocketMessage
from responses_tap.recorder.worker_side.body import EventBody
from responses_tap.recorder.worker_side.http_columns import model_of, request_columns, response_columns
from responses_tap.recorder.worker_side.recorded_request import RecordedRequest
from responses_tap.recorder.worker_side.stream_recorder import StreamRecorder
from responses_tap.store import Recording, SocketRow
from responses_tap.store.writer import Writer
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.file_values import timestamp
from responses_tap.stream.storable import Value, storable_int

_SHARED = ("url", "host", "http_version", "request_headers", "status", "response_headers")
"""What the handshake settles for all streams of a socket."""


class TurnRecorder(StreamRecorder):
    """One response of a socket, as a stream. Its times begin when it was asked for."""

    def __init__(self, stream: int, start_ns: int, request: RecordedRequest, writer: Writer, turn: Turn) -> None:
        super().__init__(stream, request, writer, turn.profile.name)
        self.start_ns = start_ns
        self.turn = turn
        self._body = self._response.events = EventBody(stream, writer, turn)

    @classmethod
    def restored(cls, row: StreamRow, writer: Writer, turn: Turn) -> "TurnRecorder":
        """The stream as far as its row tells; its messages are to be given to `retake`."""
        request = RecordedRequest.restored(row)
        live = cls(row.id, row.socket_ns or 0, request, writer, turn)
        live._state = row.state
        return live

    def message(self, frame: Frame, at_ns: int) -> None:
        """Take a message of the server, which came at `at_ns` of the socket's time."""
        at_ns -= self.start_ns
        size = len(frame.raw)
        self._note_first_byte(at_ns)
        self._body.take(frame, at_ns, self._response.received.add(size, size, at_ns))
        self._look_for_end(at_ns)

    def retake(self, frame: Frame, at_ns: int) -> None:
        """Take a message that a worker which has died has already written."""
        self._response.received.retake(len(frame.raw), len(frame.raw), at_ns - self.start_ns)
        self._body.retake(frame, at_ns - self.start_ns)

    def _look_for_end(self, at_ns: int) -> None:
        if self._state != "open":
            return
        refusal = self.turn.refusal
        if refusal is not None:
            code = refusal.object("error").get("code")
            if (status := storable_int(refusal.data.get("status"))) is not None:
                self._changed["status"] = status
            self._settle("http-error", "server", f"error {code}" if isinstance(code, str) else "error", at_ns)
        elif (terminal := self._body.terminal_type) is not None:
            self._settle(self._body.state, "server", terminal, at_ns)

    def _final_state(self, ending: EndingMessage) -> str:
        return "truncated"


class SocketRecorder:
    """A WebSocket that is being recorded. Times are given in nanoseconds since its handshake."""

    def __init__(
        self, socket: int, flow: int, shared: dict[str, Value], started_at: str, writer: Writer, profile: str
    ) -> None:
        self.id = socket
        self._flow = flow
        self._shared = shared
        self._started_at = started_at
        self.writer = writer
        """Whose file its next stream begins in."""
        self._checker = SocketChecker(profile)
        self._streams: dict[Turn, TurnRecorder] = {}
        self._last_ns = -1

    @classmethod
    def begin(cls, flow: int, request: RequestMessage, writer: Writer, profile: str) -> "SocketRecorder":
        """A new socket, with a row of its own, of the flow that the supervisor gave this number."""
        columns = request_columns(request, writer.masker)
        shared = {name: columns[name] for name in _SHARED if name in columns}
        socket = writer.add_socket(shared | {"started_at": request.started_at})
        return cls(socket, flow, shared, request.started_at, writer, profile)

    @classmethod
    def restore(cls, flow: int, row: SocketRow, recording: Recording, writer: Writer, profile: str) -> "SocketRecorder":
        """The socket as a worker had it that died."""
        facts = {name: getattr(row, name) for name in _SHARED}
        shared = {name: json.dumps(value) if name.endswith("headers") else value for name, value in facts.items()}
        live = cls(row.id, flow, shared, row.started_at, writer, profile)
        for stream, at_ns, frame, request in recording.socket_messages(row.id):
            turn = live._checker.asked(request) if frame is None else live._checker.turn(frame)
            if turn is None:
                continue
            if turn not in live._streams and (begun := recording.stream(stream)) is not None:
                live._streams[turn] = TurnRecorder.restored(begun, writer, turn)
            if frame is not None and (again := live._streams.get(turn)) is not None:
                live._last_ns = again.start_ns + at_ns
                again.retake(frame, live._last_ns)
        live._streams = {turn: stream for turn, stream in live._streams.items() if not turn.is_over}
        return live

    @property
    def streams(self) -> list[TurnRecorder]:
        """The streams that may still get messages."""
        return list(self._streams.values())

    def response(self, response: ResponseMessage) -> None:
        """Take the head of the server's response to the handshake."""
        columns = response_columns(response, self.writer.masker)
        columns = {name: columns[name] for name in _SHARED if name in columns}
        self._shared |= columns
        self.writer.set_socket(self.id, columns)

    def message(self, message: SocketMessage, at_ns: int) -> list[TurnRecorder]:
        """Take a message of either side; the streams that it has changed."""
        # Messages are told apart, and put in their order again, by their times.
        at_ns = self._last_ns = max(at_ns, self._last_ns + 1)
        if message.from_client:
            changed = self._sent(message.content, at_ns)
        else:
            changed = self._received(message_frame(message.content, is_text=message.is_text), at_ns)
        return changed + self._release(at_ns)

    @property
    def is_idle(self) -> bool:
        """Whether no response is open."""
        return all(stream.state != "open" for stream in self._streams.values())

    def go_on_in(self, writer: Writer) -> None:
        """Begin further streams in another file; those that there are stay where they began."""
        self.writer.set_socket(self.id, {"ended_by": "recorder", "end_reason": f"continues in {writer.path.name}"})
        writer.take_over_socket(self.id, self._shared | {"started_at": self._started_at})
        self.writer = writer

    def end(self, ending: EndingMessage, at_ns: int) -> list[TurnRecorder]:
        """The socket has been closed; the streams that this has changed."""
        at_ns = max(at_ns, self._last_ns + 1)
        for stream in self.streams:
            stream.end(ending, at_ns - stream.start_ns)
        columns: dict[str, Value] = {
            "end_ns": at_ns,
            "ended_by": ending.ended_by,
            "end_reason": ending.reason,
            "close_code": ending.close_code,
            "close_reason": ending.close_reason,
        }
        self.writer.set_socket(self.id, columns)
        return self.streams

    def _sent(self, content: bytes, at_ns: int) -> list[TurnRecorder]:
        turn = self._checker.asked(content)
        if turn is not None:
            return [self._begin(turn, content, at_ns)]
        about = self._checker.about(content)
        stream = self._streams.get(about) if about is not None else None
        writer = stream.writer if stream else self.writer
        writer.add_client_event(self.id, at_ns, stream.id if stream else None, self._masked(content))
        return []

    def _received(self, frame: Frame, at_ns: int) -> list[TurnRecorder]:
        turn = self._checker.turn(frame)
        stream = self._streams.get(turn) or self._begin(turn, turn.steered, at_ns)
        turn.steered = None
        stream.message(frame, at_ns)
        return [stream]

    def _release(self, at_ns: int) -> list[TurnRecorder]:
        """End the streams that get no more messages, because their lane has gone on."""
        released = [self._streams.pop(turn) for turn in [turn for turn in self._streams if turn.is_over]]
        for stream in released:
            error = stream.turn.response.error is not None
            reason = "an error of the server" if error else "the next response began on its lane"
            stream.end(EndingMessage("server", reason, complete=False), at_ns - stream.start_ns)
        return released

    def _begin(self, turn: Turn, request: bytes | None, at_ns: int) -> TurnRecorder:
        started_at = datetime.fromisoformat(self._started_at) + timedelta(microseconds=at_ns // 1000)
        body = None if request is None else self._masked(request)
        model = None if body is None else model_of(body)
        columns: dict[str, Value] = self._shared | {
            "method": "GET",
            "route": "websocket",
            "socket": self.id,
            "socket_ns": at_ns,
            "started_at": timestamp(started_at),
            "model": model,
            "request_body": body,
            "state": "open",
        }
        asked = RecordedRequest.of(columns)
        stream = TurnRecorder(self.writer.add_stream(columns), at_ns, asked, self.writer, turn)
        self.writer.link_turn(stream.id, asked.clues)
        stream.begin_notice(self._flow, "GET", model)
        self._streams[turn] = stream
        return stream

    def _masked(self, content: bytes) -> str:
        return self.writer.masker.body(as_text(content))
