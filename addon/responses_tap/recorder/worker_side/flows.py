"""The flows that are open: what becomes of their messages, and of those of which something cannot be recorded."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from responses_tap.recorder.messages import (
    EndingMessage,
    Message,
    MessageKind,
    Notice,
    RequestMessage,
    ResponseMessage,
    Sent,
    SocketMessage,
    Trouble,
)
from responses_tap.recorder.worker_side import recovery
from responses_tap.recorder.worker_side.attempts import Attempts, fingerprint
from responses_tap.recorder.worker_side.body import described, failure
from responses_tap.recorder.worker_side.candidate import Candidate
from responses_tap.recorder.worker_side.http_columns import request_columns
from responses_tap.recorder.worker_side.recording_files import RecordingFiles
from responses_tap.recorder.worker_side.recovery import LEFT
from responses_tap.recorder.worker_side.selection import Selection
from responses_tap.recorder.worker_side.socket_recorder import SocketRecorder
from responses_tap.recorder.worker_side.stream_recorder import StreamRecorder
from responses_tap.store.writer import Writer


class Flows:
    """The flows of one session, each with the recorder of its stream or WebSocket, or a candidate for one."""

    def __init__(
        self,
        files: RecordingFiles,
        profile: str,
        session: str,
        selection: Selection,
        tell: Callable[[Notice], None],
    ) -> None:
        """Take over what a worker that died before in the same session has left open."""
        self._files = files
        self._profile = profile
        self._session = session
        self._selection = selection
        self._tell = tell
        self._recorders: dict[int, StreamRecorder | SocketRecorder | Candidate] = {}
        self._starts: dict[int, int] = {}
        self._attempts = Attempts()
        self._uploads: dict[int, RequestMessage] = {}
        self._dirty: dict[int, StreamRecorder] = {}
        for flow, start, live in recovery.flows(files.writers, session, profile):
            self._recorders[flow], self._starts[flow] = live, start

    @property
    def has_changed(self) -> bool:
        """Whether there is anything to publish."""
        return bool(self._dirty)

    @property
    def undecided(self) -> list[Message]:
        """The messages of the flows of which nobody knows yet whether they are recorded, in their order."""
        candidates = [live for live in self._recorders.values() if isinstance(live, Candidate)]
        return sorted((message for live in candidates for message in live.messages), key=lambda message: message.place)

    @property
    def writers(self) -> set[Writer]:
        """The writers of the files that something more may be written to."""
        sockets = [live for live in self._recorders.values() if isinstance(live, SocketRecorder)]
        return {live.writer for live in sockets} | {live.writer for live in (*self.open, *self._dirty.values())}

    def writer_of(self, flow: int) -> Writer | None:
        """The writer of the file that an open flow is in; None for one that isn't open, or not decided on."""
        live = self._recorders.get(flow)
        return live.writer if isinstance(live, StreamRecorder | SocketRecorder) else None

    def attempt(self, take: Callable[[Message], None], message: Message) -> None:
        """Have a message taken; where that fails, its flow is quarantined, and the others go on."""
        try:
            take(message)
        except Exception as error:  # noqa: BLE001 (one stream's fault must not stop the others)
            self.quarantine(message, described(error))

    def quarantine(self, message: Message, fault: str) -> None:
        """Keep what can be kept of a flow after a message of it that cannot be handled."""
        try:
            self._quarantine(message, fault)
        except Exception as error:  # noqa: BLE001 (as above)
            self._tell(Trouble(f"a stream is not recorded: {fault}; {described(error)}"))
            self._recorders.pop(message.flow, None)

    def take(self, message: Message) -> None:
        """Take a message that nobody has taken before."""
        if message.kind is MessageKind.REQUEST:
            request = RequestMessage.decode(message.payload)
            self._starts[message.flow] = message.at_ns
            if request.expected:
                self._begin(message.flow, request)
            else:
                self._recorders[message.flow] = Candidate(message)
            return
        if message.kind is MessageKind.SOCKET:
            self._begin_socket(message)
            return
        flow = self._recorders.get(message.flow)
        if isinstance(flow, Candidate):
            self._consider(flow, message)
        elif flow is not None:
            self._record(flow, message)

    def keep(self, message: Message) -> None:
        """Keep the bytes of a message that a worker died of."""
        live = self._recorders.get(message.flow)
        if isinstance(live, StreamRecorder) and message.kind in (MessageKind.CHUNK, MessageKind.ENDING):
            self._record(live, message)

    def abandon(self) -> None:
        """The proxy is gone: end the streams that are still open."""
        ending = EndingMessage("recorder", "recording stopped before the stream had ended", complete=False)
        for flow, live in list(self._recorders.items()):
            if not isinstance(live, Candidate):
                self.attempt(
                    partial(self._record, live), Message(MessageKind.ENDING, flow, time.monotonic_ns(), ending.encode())
                )

    @property
    def open(self) -> list[StreamRecorder]:
        """The streams to which something may still come."""
        lives = list(self._recorders.values())
        open_ = [live for live in lives if isinstance(live, StreamRecorder)]
        return open_ + [stream for live in lives if isinstance(live, SocketRecorder) for stream in live.streams]

    def publish(self) -> list[Notice]:
        """Hand the writers what has changed; the notices for the time after the commit."""
        notices: list[Notice] = []
        while self._dirty:
            stream = self._dirty.pop(next(iter(self._dirty)))
            try:
                notices += self._selection.publish(stream)
            except Exception as error:  # noqa: BLE001 (as for a message)
                if stream.is_quarantined:
                    continue
                stream.quarantine(described(error), stream.last_byte_ns)
                self._dirty[stream.id] = stream
        return notices

    def lose(self, writer: Writer) -> int:
        """Somebody has deleted a file: forget what is open in it; how many streams."""
        recorders = {flow: live for flow, live in self._recorders.items() if not isinstance(live, Candidate)}
        gone = {flow: live for flow, live in recorders.items() if live.writer is writer}
        for flow in gone:
            self._forget(flow)
        dirty = {id_ for id_, stream in self._dirty.items() if stream.writer is writer}
        for id_ in dirty:
            del self._dirty[id_]
        return len({stream.id for stream in gone.values() if isinstance(stream, StreamRecorder)} | dirty)

    def pass_sockets_on(self) -> bool:
        """Let sockets on which no response is open go over to the current file, lest they fill the former one."""
        current = self._files.current
        sockets = {flow: live for flow, live in self._recorders.items() if isinstance(live, SocketRecorder)}
        idle = {flow: live for flow, live in sockets.items() if live.writer is not current and live.is_idle}
        for flow, live in idle.items():
            live.writer.set_meta(self._meta_key(flow, "socket"), None)
            live.go_on_in(current)
            current.set_meta(self._meta_key(flow, "socket"), json.dumps([live.id, self._starts[flow]]))
        return bool(idle)

    def quarantine_streams(self, faults: Iterable[tuple[Writer, int, Exception]]) -> bool:
        """The rows of some streams could not all be written; whether there is more to write because of that."""
        has_changed = False
        for writer, stream_id, error in faults:
            fault = described(error)
            live = next((stream for stream in self.open if stream.id == stream_id), None)
            if live is None:
                writer.set_stream(stream_id, {**LEFT, "end_reason": failure(fault)})
            elif not live.is_quarantined:
                live.quarantine(fault, live.last_byte_ns)
                self._dirty[live.id] = live
            else:
                continue
            self._tell(Trouble(f"stream {stream_id} is kept as far as it can be written ({fault})"))
            has_changed = True
        return has_changed

    def _consider(self, candidate: Candidate, message: Message) -> None:
        candidate.take(message)
        if candidate.is_wanted is False:
            self._forget(message.flow)
        elif candidate.is_wanted:
            request, *rest = candidate.messages
            if (stream := self._begin(message.flow, RequestMessage.decode(request.payload))) is not None:
                for earlier in rest:
                    self._record(stream, earlier)

    def _begin(self, flow: int, request: RequestMessage) -> StreamRecorder | None:
        writer = self._files.current
        columns = request_columns(request, writer.masker)
        passes = self._selection.verdict(columns)
        if passes is False:
            self._recorders.pop(flow, None)
            del self._starts[flow]
            return None
        stream = self._recorders[flow] = StreamRecorder.begin(flow, request, writer, self._profile, columns)
        if passes:
            self._selection.keep(stream.id)
        self._dirty[stream.id] = stream
        if request.is_upload:
            self._uploads[flow] = request
        else:
            self._note_attempt(flow, stream, request, fingerprint(request.body))
        writer.set_meta(self._meta_key(flow), json.dumps([stream.id, self._starts[flow]]))
        return stream

    def _note_attempt(self, flow: int, stream: StreamRecorder, request: RequestMessage, digest: bytes) -> None:
        if columns := self._attempts.begin(stream.id, request, digest, self._starts[flow]):
            stream.writer.set_stream(stream.id, columns)

    def _begin_socket(self, message: Message) -> None:
        writer = self._files.current
        socket = SocketRecorder.begin(message.flow, RequestMessage.decode(message.payload), writer, self._profile)
        self._recorders[message.flow], self._starts[message.flow] = socket, message.at_ns
        writer.set_meta(self._meta_key(message.flow, "socket"), json.dumps([socket.id, message.at_ns]))

    def _record(self, live: StreamRecorder | SocketRecorder, message: Message) -> None:
        at_ns = max(0, message.at_ns - self._starts[message.flow])
        if isinstance(live, SocketRecorder):
            self._record_socket(live, message, at_ns)
        else:
            self._record_stream(live, message, at_ns)

    def _record_socket(self, socket: SocketRecorder, message: Message, at_ns: int) -> None:
        if message.kind is MessageKind.MESSAGE:
            changed = socket.message(SocketMessage.decode(message.payload), at_ns)
        elif message.kind is MessageKind.RESPONSE:
            socket.response(ResponseMessage.decode(message.payload))
            return
        else:
            changed = socket.end(self._ending(message), at_ns)
            socket.writer.set_meta(self._meta_key(message.flow, "socket"), None)
            self._forget(message.flow)
        self._dirty.update((stream.id, stream) for stream in changed)

    def _record_stream(self, stream: StreamRecorder, message: Message, at_ns: int) -> None:
        self._dirty[stream.id] = stream
        if message.kind is MessageKind.CHUNK:
            stream.chunk(message.payload, at_ns)
        elif message.kind is MessageKind.RESPONSE:
            stream.response(ResponseMessage.decode(message.payload))
        elif message.kind is MessageKind.BODY:
            stream.upload(message.payload)
        elif message.kind is MessageKind.SENT:
            digest, request = stream.sent(Sent.decode(message.payload)), self._uploads.pop(message.flow, None)
            if digest is not None and request is not None:
                self._note_attempt(message.flow, stream, request, digest)
        elif message.kind is MessageKind.ENDING:
            stream.end(self._ending(message), at_ns)
            self._attempts.end(stream.id, stream.state, message.at_ns)
            stream.writer.set_meta(self._meta_key(message.flow), None)
            self._forget(message.flow)

    def _ending(self, message: Message) -> EndingMessage:
        """How a flow ended; a peer may have given any text as its reason."""
        ending = EndingMessage.decode(message.payload)
        close_reason = ending.close_reason and self._files.current.masker.body(ending.close_reason)
        reason = ending.reason
        if ending.close_reason:
            reason = reason.replace(ending.close_reason, close_reason or "")
        return replace(ending, reason=self._files.current.masker.text(reason), close_reason=close_reason)

    def _quarantine(self, message: Message, fault: str) -> None:
        """Keep what is left of a flow after a message of it that cannot be handled; the others go on."""
        live = self._recorders.get(message.flow)
        at_ns = max(0, message.at_ns - self._starts.get(message.flow, message.at_ns))
        if live is None and message.kind in (MessageKind.REQUEST, MessageKind.SOCKET):
            if message.kind is MessageKind.REQUEST and not RequestMessage.decode(message.payload).expected:
                return  # nobody knows whether it's a stream of this API
            live = self._begin_plain(message)
        if isinstance(live, StreamRecorder) and not live.is_quarantined and message.kind is not MessageKind.ENDING:
            self._tell(Trouble(f"stream {live.id} is kept, but not checked: the recorder failed on it ({fault})"))
            live.quarantine(fault, at_ns)
            self._dirty[live.id] = live
        elif live is not None:
            self._tell(Trouble(f"a stream cannot be recorded further: {fault}"))
            self._leave(message.flow, live, fault, at_ns)

    def _begin_plain(self, message: Message) -> StreamRecorder:
        """A row for a request that cannot be recorded as it is: where it went, and no more."""
        asked = RequestMessage.decode(message.payload)
        request = replace(asked, headers=[], body=b"", is_upload=False)
        self._starts[message.flow] = message.at_ns
        live = StreamRecorder.begin(message.flow, request, self._files.current, self._profile)
        self._recorders[message.flow] = live
        live.writer.set_meta(self._meta_key(message.flow), json.dumps([live.id, message.at_ns]))
        return live

    def _leave(self, flow: int, live: StreamRecorder | SocketRecorder | Candidate, fault: str, at_ns: int) -> None:
        left = LEFT | {"end_reason": failure(fault)}
        if isinstance(live, StreamRecorder):
            self._dirty.pop(live.id, None)
            live.writer.set_stream(live.id, {**left, "end_ns": at_ns})
            live.writer.set_meta(self._meta_key(flow), None)
        elif isinstance(live, SocketRecorder):
            for stream in live.streams:
                self._dirty.pop(stream.id, None)
            live.writer.leave_socket(live.id, left)
            live.writer.set_meta(self._meta_key(flow, "socket"), None)
        self._recorders.pop(flow, None)
        self._starts.pop(flow, None)
        self._uploads.pop(flow, None)

    def _forget(self, flow: int) -> None:
        del self._recorders[flow], self._starts[flow]
        self._uploads.pop(flow, None)

    def _meta_key(self, flow: int | str, kind: str = "flow") -> str:
        return f"{kind}:{self._session}:{flow}"
