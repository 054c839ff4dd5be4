"""The worker process: takes batches, keeps a LiveStream for each flow, commits, acknowledges."""

import json
import os
import select
import signal
import sqlite3
import sys
import time
from collections import deque
from pathlib import Path

from responses_tap.recorder.candidate import Candidate
from responses_tap.recorder.livestream import LiveStream
from responses_tap.recorder.messages import (
    Acknowledged,
    Answer,
    Batch,
    BatchDecoder,
    End,
    Kind,
    Message,
    Ready,
    Report,
    Request,
    SocketMessage,
    Trouble,
    encode_report,
)
from responses_tap.recorder.sockets import LiveSocket
from responses_tap.store import RecordingError
from responses_tap.store.writer import Writer

_COMMIT_SECONDS = 0.05
_RETRY_SECONDS = 0.5
_LAST_TRIES = 20
_NICENESS = 10
_REST = 5.0
"""Pause after each batch, in times of the work that it was: the traffic goes first, and two processors are often
the two halves of one core, so that niceness alone does not keep this process from slowing the proxy down."""
_MOST_WAITING = 300
"""Batches (10 ms or 128 KiB each) that may wait in memory before there are no more pauses."""
_READ_BYTES = 2**20
_LEFT = {"state": "truncated", "ended_by": "recorder", "end_reason": "the recorder was killed"}


def run(db: Path, profile: str, session: str) -> int:
    """Record what comes in through stdin until it ends; the exit status."""
    out = Reports(sys.stdout.fileno())
    try:
        writer = Writer(db)
    except RecordingError as error:
        out.send(Trouble(str(error)))
        return 1
    os.nice(_NICENESS)
    for terminal_signal in (signal.SIGINT, signal.SIGHUP):
        signal.signal(terminal_signal, signal.SIG_IGN)  # the worker ends when its pipe does
    Worker(writer, profile, session, out).work(sys.stdin.fileno())
    return 0


class Reports:
    """The way back to the feeder."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_heard = True

    def send(self, *reports: Report) -> None:
        """Send reports, unless nobody listens any more."""
        data = b"".join(encode_report(report) for report in reports)
        while data and self._is_heard:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BrokenPipeError:
                self._is_heard = False


class Worker:
    """Records the flows of one session. A worker that died before in the same session is taken over from."""

    def __init__(self, writer: Writer, profile: str, session: str, out: Reports) -> None:
        self._writer = writer
        self._profile = profile
        self._session = session
        self._out = out
        self._flows: dict[int, LiveStream | LiveSocket | Candidate] = {}
        self._starts: dict[int, int] = {}
        self._dirty: dict[int, LiveStream] = {}
        self._waiting: deque[Batch] = deque()
        self._handled = 0
        self._rested = 0.0
        self._due: float | None = None
        self._take_over()
        self._out.send(Ready())

    def work(self, source: int) -> None:
        """Take batches from the pipe until it is closed; then end what is open, and close the recording."""
        batches = BatchDecoder()
        is_open = True
        while is_open or self._waiting:
            # The pipe is emptied before anything else is done: what is here outlives the proxy.
            if is_open and select.select([source], [], [], self._patience())[0]:
                data = os.read(source, _READ_BYTES)
                is_open = bool(data)
                self._waiting += batches.feed(data)
            if self._waiting and (not is_open or time.monotonic() >= self._rested):
                self._handle(self._waiting.popleft())
            if self._due is not None and time.monotonic() >= self._due:
                self._commit(None)
        self._abandon()
        self._commit(_LAST_TRIES)
        self._writer.close()

    def _patience(self) -> float | None:
        """How long to wait for the pipe, in seconds; None: until something comes."""
        wake = [self._rested] if self._waiting else []
        wake += [self._due] if self._due is not None else []
        return max(0.0, min(wake) - time.monotonic()) if wake else None

    def _handle(self, batch: Batch) -> None:
        start = time.monotonic()
        self._due = self._due or start + _COMMIT_SECONDS
        if batch.number <= self._handled:
            return  # sent again, but in the file already
        self._handled = batch.number
        for message in batch.messages:
            try:
                self._dispatch(message)
            except Exception as error:  # noqa: BLE001 (one stream's fault must not stop the others)
                self._drop(message.flow, repr(error))
        if len(self._waiting) < _MOST_WAITING:
            self._rested = time.monotonic() + _REST * (time.monotonic() - start)

    def _dispatch(self, message: Message) -> None:
        if message.kind is Kind.REQUEST:
            request = Request.decode(message.payload)
            self._starts[message.flow] = message.at_ns
            self._flows[message.flow] = self._begin(message.flow, request) if request.expected else Candidate(message)
            return
        if message.kind is Kind.SOCKET:
            self._begin_socket(message)
            return
        flow = self._flows.get(message.flow)
        if isinstance(flow, Candidate):
            self._consider(flow, message)
        elif flow is not None:
            self._record(flow, message)

    def _consider(self, candidate: Candidate, message: Message) -> None:
        candidate.take(message)
        if candidate.is_wanted is False:
            self._forget(message.flow)
        elif candidate.is_wanted:
            request, *rest = candidate.messages
            stream = self._flows[message.flow] = self._begin(message.flow, Request.decode(request.payload))
            for earlier in rest:
                self._record(stream, earlier)

    def _begin(self, flow: int, request: Request) -> LiveStream:
        stream = LiveStream.begin(flow, request, self._writer, self._profile)
        self._dirty[stream.id] = stream
        self._writer.set_meta(self._meta_key(flow), json.dumps([stream.id, self._starts[flow]]))
        return stream

    def _begin_socket(self, message: Message) -> None:
        socket = LiveSocket.begin(message.flow, Request.decode(message.payload), self._writer, self._profile)
        self._flows[message.flow], self._starts[message.flow] = socket, message.at_ns
        self._writer.set_meta(self._meta_key(message.flow, "socket"), json.dumps([socket.id, message.at_ns]))

    def _record(self, live: LiveStream | LiveSocket, message: Message) -> None:
        at_ns = max(0, message.at_ns - self._starts[message.flow])
        if isinstance(live, LiveSocket):
            self._record_socket(live, message, at_ns)
        else:
            self._record_stream(live, message, at_ns)

    def _record_socket(self, socket: LiveSocket, message: Message, at_ns: int) -> None:
        if message.kind is Kind.MESSAGE:
            changed = socket.message(SocketMessage.decode(message.payload), at_ns)
        elif message.kind is Kind.ANSWER:
            socket.answer(Answer.decode(message.payload))
            return
        else:
            changed = socket.end(End.decode(message.payload), at_ns)
            self._writer.set_meta(self._meta_key(message.flow, "socket"), None)
            self._forget(message.flow)
        self._dirty.update((stream.id, stream) for stream in changed)

    def _record_stream(self, stream: LiveStream, message: Message, at_ns: int) -> None:
        self._dirty[stream.id] = stream
        if message.kind is Kind.CHUNK:
            stream.chunk(message.payload, at_ns)
        elif message.kind is Kind.ANSWER:
            stream.answer(Answer.decode(message.payload))
        else:
            stream.end(End.decode(message.payload), at_ns)
            self._writer.set_meta(self._meta_key(message.flow), None)
            self._forget(message.flow)

    def _drop(self, flow: int, fault: str) -> None:
        self._out.send(Trouble(f"a stream cannot be recorded further: {fault}"))
        live = self._flows.pop(flow, None)
        self._starts.pop(flow, None)
        left = _LEFT | {"end_reason": f"the recorder failed: {fault}"}
        if isinstance(live, LiveStream):
            self._dirty.pop(live.id, None)
            self._writer.set_stream(live.id, left)
            self._writer.set_meta(self._meta_key(flow), None)
        elif isinstance(live, LiveSocket):
            for stream in live.streams:
                self._dirty.pop(stream.id, None)
            self._writer.leave_socket(live.id, left)
            self._writer.set_meta(self._meta_key(flow, "socket"), None)

    def _forget(self, flow: int) -> None:
        del self._flows[flow], self._starts[flow]

    def _meta_key(self, flow: int | str, kind: str = "flow") -> str:
        return f"{kind}:{self._session}:{flow}"

    def _abandon(self) -> None:
        """The proxy is gone: end the streams that are still open."""
        end = End("recorder", "recording stopped before the stream had ended", complete=False)
        for flow, live in list(self._flows.items()):
            if not isinstance(live, Candidate):
                self._record(live, Message(Kind.END, flow, time.monotonic_ns(), end.encode()))

    def _commit(self, most_tries: int | None) -> None:
        """Write everything; while the file cannot be written the pipe is not read, and its writer waits."""
        notices = [notice for stream in self._dirty.values() for notice in stream.publish()]
        self._dirty.clear()
        self._writer.set_meta("batch", f"{self._session}:{self._handled}")
        tries = 0
        while True:
            try:
                self._writer.commit()
            except sqlite3.Error as error:
                tries += 1
                if tries == 1:
                    self._out.send(Trouble(f"cannot write {self._writer.path} ({error}); trying again"))
                if tries == most_tries:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                break
        self._due = None
        self._out.send(*notices, Acknowledged(self._handled))

    def _take_over(self) -> None:
        """Go on with the streams of this session's former worker; end those of sessions that were killed."""
        session, _, number = str(self._writer.meta("batch").get("batch", "")).partition(":")
        if session == self._session:
            self._handled = int(number)
        for key, value in self._writer.meta("flow:*").items():
            _, session, flow = key.split(":")
            stream_id, start = json.loads(value)
            recording = self._writer.recording()
            row = recording.stream(stream_id)
            stream = None
            if row is not None and session == self._session:
                stream = LiveStream.restore(row, recording, self._writer, self._profile)
            if stream is not None:
                self._flows[int(flow)], self._starts[int(flow)] = stream, start
            else:
                self._writer.set_meta(key, None)
                if row is not None and row.state == "open":
                    self._writer.set_stream(stream_id, _LEFT)
        self._take_over_sockets()
        self._writer.commit()

    def _take_over_sockets(self) -> None:
        for key, value in self._writer.meta("socket:*").items():
            _, session, flow = key.split(":")
            socket_id, start = json.loads(value)
            recording = self._writer.recording()
            row = recording.socket(socket_id)
            if row is not None and session == self._session:
                self._flows[int(flow)] = LiveSocket.restore(int(flow), row, recording, self._writer, self._profile)
                self._starts[int(flow)] = start
            else:
                self._writer.set_meta(key, None)
                self._writer.leave_socket(socket_id, _LEFT)
