"""The worker process: takes batches, keeps a StreamRecorder for each flow, commits, acknowledges."""

import json
import os
import select
import signal
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from responses_tap.privacy.looks import own_patterns
from responses_tap.privacy.masking import KEY_BYTES, Masker
from responses_tap.recorder.messages import (
    Acknowledged,
    Batch,
    BatchDecoder,
    EndingMessage,
    Message,
    MessageKind,
    Notice,
    Ready,
    RequestMessage,
    ResponseMessage,
    Sent,
    SocketMessage,
    Trouble,
    decode_messages,
)
from responses_tap.recorder.worker_side import recovery, trials
from responses_tap.recorder.worker_side.attempts import Attempts, fingerprint
from responses_tap.recorder.worker_side.body import described
from responses_tap.recorder.worker_side.candidate import Candidate
from responses_tap.recorder.worker_side.files import RecordingFiles
from responses_tap.recorder.worker_side.http_columns import request_columns
from responses_tap.recorder.worker_side.recovery import LEFT, Position
from responses_tap.recorder.worker_side.replies import ReplyPipe
from responses_tap.recorder.worker_side.selection import Selection
from responses_tap.recorder.worker_side.socket_recorder import SocketRecorder
from responses_tap.recorder.worker_side.stream_recorder import StreamRecorder
from responses_tap.recorder.worker_side.trials import Suspect
from responses_tap.store import RecordingError
from responses_tap.store.writer import Writer

_COMMIT_SECONDS = 0.05
_PATIENCE_SECONDS = 1.0
"""How long somebody else may write to the file before that is told."""
_RETRY_SECONDS = 0.5
_LAST_TRIES = 6
_NICENESS = 10
_IDLE_RATIO = 10.0
"""Sleep 10x as long as a batch took: the traffic goes first, and two processors are often the two halves of one core,
so that niceness alone doesn't keep this process from slowing the proxy down."""
_BULKY = 8192
"""Bytes a message from which a batch is followed by no pause."""
_OLDEST_SECONDS = 0.5
"""What came so long ago is handled without a pause before it: somebody looks on, and this process may die, too."""
_READ_BYTES = 2**20
_NOWHERE = (0, 0)
"""Before all messages."""
_KEPT = "what comes is kept in memory as far as there is room; trying again"


def run(db: Path, profile: str, session: str, only: str, max_size: int, keep: str, *, is_careful: bool) -> int:
    """Record what comes in through stdin until it ends; the exit status.

    The first bytes are the key of the masks: it is in no argument, no variable and no file. `keep` has names of headers
    and parameters whose values are kept, with commas between them. Careful is a worker after the death of another.
    """
    masker = Masker(_read_key(sys.stdin.fileno()), filter(None, keep.split(",")))
    out = ReplyPipe(sys.stdout.fileno())
    try:
        own_patterns()
        files = RecordingFiles(db, max_size, _PATIENCE_SECONDS, masker)
    except (RecordingError, sqlite3.Error, OSError) as error:
        out.send(Trouble(str(error)))
        return 1
    os.nice(_NICENESS)
    for terminal_signal in (signal.SIGINT, signal.SIGHUP):
        signal.signal(terminal_signal, signal.SIG_IGN)  # the worker ends when its pipe does
    Worker(files, profile, session, out, Selection(only), is_careful=is_careful).work(sys.stdin.fileno())
    return 0


def _read_key(source: int) -> bytes:
    key = b""
    while len(key) < KEY_BYTES and (piece := os.read(source, KEY_BYTES - len(key))):
        key += piece
    return key


class Worker:
    """Records the flows of one session. A worker that died before in the same session is taken over from."""

    def __init__(
        self,
        files: RecordingFiles,
        profile: str,
        session: str,
        out: ReplyPipe,
        selection: Selection,
        *,
        is_careful: bool = False,
    ) -> None:
        self._files = files
        self._profile = profile
        self._session = session
        self._out = out
        self._selection = selection
        self._flows: dict[int, StreamRecorder | SocketRecorder | Candidate] = {}
        self._starts: dict[int, int] = {}
        self._attempts = Attempts()
        self._uploads: dict[int, RequestMessage] = {}
        self._dirty: dict[int, StreamRecorder] = {}
        self._waiting: deque[Batch] = deque()
        self._idle_until = 0.0
        self._due: float | None = None
        self._notices: list[Notice] = []
        self._decided: list[int] = []
        self._fault: tuple[Path, str] | None = None
        self._row_faults: list[tuple[Writer, int, Exception]] = []
        # A worker may have been killed between the commits of two files: each has its own first message to be taken.
        self._missing = {writer: recovery.missing(writer, session) for writer in files.writers}
        self._began_in = files.current
        self._first_new = max(batch + (message > 0) for batch, message in self._missing.values())
        self._handled = min(self._missing.values())[0] - 1
        # What has happened since then can't be what the worker before died of.
        self._careful_until_ns = time.monotonic_ns() if is_careful else 0
        self._suspect = max(filter(None, (trials.suspect(writer, session) for writer in files.writers)), default=None)
        for flow, start, live in recovery.flows(files.writers, session, profile):
            self._flows[flow], self._starts[flow] = live, start
        for writer in files.writers:
            writer.commit()
        self._release_files()
        self._out.send(Ready(str(files.current.path)))

    def work(self, source: int) -> None:
        """Take batches from the pipe until it is closed; then end what is open, and close the recording."""
        batches = BatchDecoder()
        is_open = True
        while is_open:
            # The pipe is emptied before anything else is done: what is here outlives the proxy.
            if select.select([source], [], [], self._patience())[0]:
                data = os.read(source, _READ_BYTES)
                is_open = bool(data)
                self._waiting += batches.feed(data)
            # While the file cannot be written what comes just waits; the supervisor sends no more than it may keep.
            if self._waiting and self._fault is None and time.monotonic() >= self._resumes_at:
                self._handle(self._waiting.popleft())
            self._commit_when_due()
        while self._waiting:
            self._handle(self._waiting.popleft())
            self._commit_when_due()
        self._abandon()
        self._save()
        self._files.close()

    @property
    def _resumes_at(self) -> float:
        return min(self._idle_until, self._waiting[0].since_ns / 1e9 + _OLDEST_SECONDS)

    def _patience(self) -> float | None:
        """How long to wait for the pipe, in seconds; None: until something comes."""
        wake = [self._resumes_at] if self._waiting and self._fault is None else []
        wake += [self._due] if self._due is not None else []
        return max(0.0, min(wake) - time.monotonic()) if wake else None

    def _commit_when_due(self) -> None:
        # No other file before everything has been sent again: until then, what isn't in it may be in another.
        is_due = self._due is not None and time.monotonic() >= self._due
        if is_due and self._commit() and self._handled + 1 >= self._first_new:
            self._begin_next_file()

    def _handle(self, batch: Batch) -> None:
        start = time.monotonic()
        messages = decode_messages(batch.content)
        if batch.since_ns < self._careful_until_ns:
            self._handle_carefully(batch, messages)
        elif batch.number >= self._first_new:
            for message in messages:
                self._try(self._dispatch, message)
        else:
            for n, message in enumerate(messages):
                self._try(partial(self._take_again, (batch.number, n)), message)
        self._handled = max(self._handled, batch.number)
        # Not before: where a batch is handled carefully, its marks are committed on the way.
        self._due = self._due or start + _COMMIT_SECONDS
        now = time.monotonic()
        # Large pieces are little work for the proxy, too, and would soon fill what may wait there.
        is_bulk = len(batch.content) > _BULKY * len(messages)
        self._idle_until = now if is_bulk else now + _IDLE_RATIO * (now - start)

    def _take_again(self, position: Position, message: Message) -> None:
        """Take a message that was sent to a former worker, too."""
        if self._is_written(position, message):
            self._recall(message)
        else:
            self._dispatch(message)

    def _is_written(self, position: Position, message: Message) -> bool:
        """Whether a former worker has written what becomes of this message.

        The file of its flow shows it; of a flow that is not open here, the one in which flows began then.
        """
        live = self._flows.get(message.flow)
        writer = live.writer if isinstance(live, StreamRecorder | SocketRecorder) else self._began_in
        return position < self._missing.get(writer, _NOWHERE)

    def _handle_carefully(self, batch: Batch, messages: Sequence[Message]) -> None:
        """Handle a batch that may be what a worker died of.

        The first time it is marked as a whole. If a worker dies of it, its successor marks each message; and if it
        dies again, the next one quarantines the stream of that message instead of handling it.
        """
        suspect = self._suspect if self._suspect is not None and self._suspect.batch == batch.number else None
        if suspect is None:
            self._mark(Suspect(batch.number))
        for n, message in enumerate(messages):
            position = (batch.number, n)
            if suspect is None or self._is_written(position, message):
                self._try(partial(self._take_again, position), message)
                continue
            self._mark(Suspect(batch.number, n))
            if n == suspect.message:
                self._try_to_quarantine(message, "a worker died of it")
                self._commit()
                self._try(self._keep, message)
            else:
                self._try(self._dispatch, message)
        self._set_trying(None)
        if suspect is not None:
            self._suspect = None

    def _keep(self, message: Message) -> None:
        """Keep the bytes of a message that a worker died of."""
        live = self._flows.get(message.flow)
        if isinstance(live, StreamRecorder) and message.kind in (MessageKind.CHUNK, MessageKind.ENDING):
            self._record(live, message)

    def _mark(self, trying: Suspect) -> None:
        self._set_trying(trying)
        self._commit()

    def _set_trying(self, trying: Suspect | None) -> None:
        for writer in self._files.writers:
            # What is in a file already must not be taken for missing after another death.
            if trying is None or trying.position >= self._missing.get(writer, _NOWHERE):
                trials.mark(writer, self._session, trying)

    def _try(self, take: Callable[[Message], None], message: Message) -> None:
        try:
            take(message)
        except Exception as error:  # noqa: BLE001 (one stream's fault must not stop the others)
            self._try_to_quarantine(message, described(error))

    def _try_to_quarantine(self, message: Message, fault: str) -> None:
        try:
            self._quarantine(message, fault)
        except Exception as error:  # noqa: BLE001 (as above)
            self._out.send(Trouble(f"a stream is not recorded: {fault}; {described(error)}"))
            self._flows.pop(message.flow, None)

    def _dispatch(self, message: Message) -> None:
        if message.kind is MessageKind.REQUEST:
            request = RequestMessage.decode(message.payload)
            self._starts[message.flow] = message.at_ns
            if request.expected:
                self._begin(message.flow, request)
            else:
                self._flows[message.flow] = Candidate(message)
            return
        if message.kind is MessageKind.SOCKET:
            self._begin_socket(message)
            return
        flow = self._flows.get(message.flow)
        if isinstance(flow, Candidate):
            self._consider(flow, message)
        elif flow is not None:
            self._record(flow, message)

    def _recall(self, message: Message) -> None:
        """Take a message again that a former worker has handled: only the undecided was in its memory alone."""
        flow = self._flows.get(message.flow)
        if message.kind is MessageKind.REQUEST and flow is None and not RequestMessage.decode(message.payload).expected:
            self._starts[message.flow] = message.at_ns
            self._flows[message.flow] = Candidate(message)
        elif isinstance(flow, Candidate):
            flow.take(message)
            if flow.is_wanted is not None:
                self._decide(message.flow)

    def _decide(self, flow: int) -> None:
        self._decided.append(flow)
        self._forget(flow)

    def _consider(self, candidate: Candidate, message: Message) -> None:
        candidate.take(message)
        if candidate.is_wanted is False:
            self._decide(message.flow)
        elif candidate.is_wanted:
            self._decided.append(message.flow)
            request, *rest = candidate.messages
            if (stream := self._begin(message.flow, RequestMessage.decode(request.payload))) is not None:
                for earlier in rest:
                    self._record(stream, earlier)

    def _begin(self, flow: int, request: RequestMessage) -> StreamRecorder | None:
        writer = self._files.current
        columns = request_columns(request, writer.masker)
        passes = self._selection.verdict(columns)
        if passes is False:
            self._flows.pop(flow, None)
            del self._starts[flow]
            return None
        stream = self._flows[flow] = StreamRecorder.begin(flow, request, writer, self._profile, columns)
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
        self._flows[message.flow], self._starts[message.flow] = socket, message.at_ns
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
        live = self._flows.get(message.flow)
        at_ns = max(0, message.at_ns - self._starts.get(message.flow, message.at_ns))
        if live is None and message.kind in (MessageKind.REQUEST, MessageKind.SOCKET):
            if message.kind is MessageKind.REQUEST and not RequestMessage.decode(message.payload).expected:
                self._decided.append(message.flow)  # nobody knows whether it's a stream of this API
                return
            live = self._begin_plain(message)
        if isinstance(live, StreamRecorder) and not live.is_quarantined and message.kind is not MessageKind.ENDING:
            self._out.send(Trouble(f"stream {live.id} is kept, but not checked: the recorder failed on it ({fault})"))
            live.quarantine(fault, at_ns)
            self._dirty[live.id] = live
        elif live is not None:
            self._out.send(Trouble(f"a stream cannot be recorded further: {fault}"))
            self._leave(message.flow, live, fault, at_ns)

    def _begin_plain(self, message: Message) -> StreamRecorder:
        """A row for a request that cannot be recorded as it is: where it went, and no more."""
        asked = RequestMessage.decode(message.payload)
        request = replace(asked, headers=[], body=b"", is_upload=False)
        self._starts[message.flow] = message.at_ns
        live = StreamRecorder.begin(message.flow, request, self._files.current, self._profile)
        self._flows[message.flow] = live
        live.writer.set_meta(self._meta_key(message.flow), json.dumps([live.id, message.at_ns]))
        return live

    def _leave(self, flow: int, live: StreamRecorder | SocketRecorder | Candidate, fault: str, at_ns: int) -> None:
        left = LEFT | {"end_reason": f"the recorder failed on this stream: {fault}"}
        if isinstance(live, StreamRecorder):
            self._dirty.pop(live.id, None)
            live.writer.set_stream(live.id, {**left, "end_ns": at_ns})
            live.writer.set_meta(self._meta_key(flow), None)
        elif isinstance(live, SocketRecorder):
            for stream in live.streams:
                self._dirty.pop(stream.id, None)
            live.writer.leave_socket(live.id, left)
            live.writer.set_meta(self._meta_key(flow, "socket"), None)
        else:
            self._decided.append(flow)
        self._flows.pop(flow, None)
        self._starts.pop(flow, None)
        self._uploads.pop(flow, None)

    def _quarantine_streams(self) -> None:
        """The rows of some streams could not all be written."""
        faults, self._row_faults = self._row_faults, []
        for writer, stream_id, error in faults:
            fault = described(error)
            live = next((stream for stream in self._open if stream.id == stream_id), None)
            if live is None:
                reason = f"the recorder failed on this stream: {fault}"
                writer.set_stream(stream_id, {**LEFT, "end_reason": reason})
            elif not live.is_quarantined:
                live.quarantine(fault, live.last_byte_ns)
                self._dirty[live.id] = live
            else:
                continue
            self._out.send(Trouble(f"stream {stream_id} is kept as far as it can be written ({fault})"))
            self._due = time.monotonic() + _COMMIT_SECONDS

    def _forget(self, flow: int) -> None:
        del self._flows[flow], self._starts[flow]
        self._uploads.pop(flow, None)

    def _meta_key(self, flow: int | str, kind: str = "flow") -> str:
        return f"{kind}:{self._session}:{flow}"

    def _abandon(self) -> None:
        """The proxy is gone: end the streams that are still open."""
        ending = EndingMessage("recorder", "recording stopped before the stream had ended", complete=False)
        for flow, live in list(self._flows.items()):
            if not isinstance(live, Candidate):
                self._try(
                    partial(self._record, live), Message(MessageKind.ENDING, flow, time.monotonic_ns(), ending.encode())
                )

    def _commit(self) -> bool:
        """Write everything; where that cannot be, it is told, kept, and tried again in a while."""
        path = self._files.current.path
        try:
            for gone in [writer for writer in self._files.writers if not writer.is_in_place]:
                self._begin_anew(gone)
            if self._fault is None or self._dirty:
                self._publish()
            for writer in self._files.writers:
                path = writer.path
                self._row_faults += [(writer, stream_id, error) for stream_id, error in writer.commit().items()]
        except Exception as error:  # noqa: BLE001 (what has been collected is kept, whatever it was)
            self._due = time.monotonic() + _RETRY_SECONDS
            if self._fault is None:
                self._out.send(Trouble(f"cannot write {path} ({error}): the traffic goes on, {_KEPT}"))
            self._fault = path, str(error)
            return False
        if self._fault is not None:
            self._out.send(Trouble(f"{self._fault[0]} is written again"))
        self._due = self._fault = None
        self._out.send(*self._notices, Acknowledged(self._handled, self._decided))
        self._notices.clear()
        self._decided.clear()
        try:
            self._quarantine_streams()
            self._discard_refused()
        except Exception as error:  # noqa: BLE001 (what was to be recorded is in the file)
            self._out.send(Trouble(f"the recorder failed after it had written ({described(error)})"))
        return True

    def _discard_refused(self) -> None:
        """Take out the streams that do not pass the filter."""
        notices, refused = self._selection.decide()
        self._out.send(*notices)
        for stream in refused:
            stream.writer.discard_stream(stream.id)
            self._due = time.monotonic() + _COMMIT_SECONDS

    def _begin_next_file(self) -> None:
        """Leave a full file: what is open ends in it, what begins is in the next. All has been committed."""
        try:
            notices = list(self._files.begin_next({"batch": f"{self._session}:{self._handled}"}))
            if self._pass_sockets_on():
                self._commit()  # before anything else becomes of them: a worker may be killed between two files
            self._release_files()
        except Exception as error:  # noqa: BLE001 (as after a commit)
            notices = [Trouble(f"the recorder failed to leave a full file ({described(error)})")]
        self._out.send(*notices)

    def _pass_sockets_on(self) -> bool:
        """Let sockets on which no response is open go over to the current file, lest they fill the former one."""
        current = self._files.current
        sockets = {flow: live for flow, live in self._flows.items() if isinstance(live, SocketRecorder)}
        idle = {flow: live for flow, live in sockets.items() if live.writer is not current and live.is_idle}
        for flow, live in idle.items():
            live.writer.set_meta(self._meta_key(flow, "socket"), None)
            live.go_on_in(current)
            current.set_meta(self._meta_key(flow, "socket"), json.dumps([live.id, self._starts[flow]]))
        return bool(idle)

    def _release_files(self) -> None:
        sockets = [live for live in self._flows.values() if isinstance(live, SocketRecorder)]
        streams = [*self._open, *self._dirty.values()]
        self._files.release({live.writer for live in sockets} | {stream.writer for stream in streams})

    @property
    def _open(self) -> list[StreamRecorder]:
        lives = list(self._flows.values())
        open_ = [live for live in lives if isinstance(live, StreamRecorder)]
        return open_ + [stream for live in lives if isinstance(live, SocketRecorder) for stream in live.streams]

    def _publish(self) -> None:
        while self._dirty:
            stream = self._dirty.pop(next(iter(self._dirty)))
            try:
                self._notices += self._selection.publish(stream)
            except Exception as error:  # noqa: BLE001 (as for a message)
                if stream.is_quarantined:
                    continue
                stream.quarantine(described(error), stream.last_byte_ns)
                self._dirty[stream.id] = stream
        for writer in self._files.writers:
            handled = max(self._handled, self._missing.get(writer, _NOWHERE)[0] - 1)
            writer.set_meta("batch", f"{self._session}:{handled}")

    def _begin_anew(self, writer: Writer) -> None:
        """Somebody has deleted a file: what was being written is gone with it, what begins now is not."""
        self._files.begin_anew(writer)
        recorders = {flow: live for flow, live in self._flows.items() if not isinstance(live, Candidate)}
        gone = {flow: live for flow, live in recorders.items() if live.writer is writer}
        for flow in gone:
            self._forget(flow)
        dirty = {id_ for id_, stream in self._dirty.items() if stream.writer is writer}
        lost = {stream.id for stream in gone.values() if isinstance(stream, StreamRecorder)} | dirty
        for id_ in dirty:
            del self._dirty[id_]
        self._fault = None
        self._out.send(
            Trouble(
                f"{writer.path} was deleted while it was recorded into; open streams lost with it: {len(lost)};"
                " what begins now is recorded into a new file"
            )
        )

    def _save(self) -> None:
        """The last commit, with the patience that a person has who waits for the recorder to end."""
        for _ in range(_LAST_TRIES):
            if self._commit() and self._due is None:
                return
            time.sleep(_RETRY_SECONDS)
        if self._fault is not None:
            path, error = self._fault
            lost = f"the last {sum(writer.unwritten for writer in self._files.writers)} frames are lost"
            self._out.send(Trouble(f"{path} could not be written to the end ({error}): {lost}"))
