"""The proxy's end of the pipe: takes what happens to flows without ever waiting, and keeps a worker fed."""

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from responses_tap.recorder.messages import (
    Acknowledged,
    Answer,
    End,
    Kind,
    Message,
    Notice,
    Ready,
    Report,
    Request,
    Sent,
    SocketMessage,
    Trouble,
    decode_messages,
    encode_batch,
    encode_message,
)
from responses_tap.recorder.outbox import Outbox
from responses_tap.recorder.process import WorkerProcess
from responses_tap.store import RecordingError

_LARGE_BODY = 4 * 2**20
"""Bytes from which a request's body goes to the worker in pieces, so that it is nowhere in memory once more."""
_MOST_SENT = 16 * 2**20
"""Bytes on their way to the file: the worker keeps them, too."""
_BATCH_SECONDS = 0.025
"""How long messages are gathered before they are sent: to wake this thread costs the proxy's some work, too."""
_IDLE_ROUNDS = 40
_MOST_STARTS = 5
"""Workers that may die one after the other without having written anything."""
_RESTART_SECONDS = 0.2
_MOST_DOUBLINGS = 5
"""How often the pause before another start is doubled while the file cannot be opened."""
_CLOSE_SECONDS = 60.0

_ANSWER, _CHUNK, _MESSAGE, _END = int(Kind.ANSWER), int(Kind.CHUNK), int(Kind.MESSAGE), int(Kind.END)
_SENT = int(Kind.SENT)
_now = time.monotonic_ns
_log = logging.getLogger(__name__)


class Tap:
    """What is told of one flow. All methods return at once."""

    def __init__(self, feeder: "Feeder", outbox: Outbox, flow: int) -> None:
        self._feeder = feeder
        self._outbox = outbox
        self.flow = flow
        """The number of the flow."""
        self._lost = 0
        self._sent = 0
        self._lacks_request = False

    def upload(self, data: bytes) -> None:
        """A piece of an upload's body is here."""
        self._sent += len(data)
        if not self._lacks_request:
            self._lacks_request = not self._feeder.put_body(self.flow, _now(), data)

    def sent(self) -> None:
        """The body of an upload is complete."""
        self._feeder.put(_SENT, self.flow, _now(), Sent(self._sent).encode())

    def answer(self, answer: Answer) -> None:
        """The server's headers are here."""
        self._feeder.put(_ANSWER, self.flow, _now(), answer.encode())

    def chunk(self, data: bytes) -> None:
        """A piece of the answer's body is here, still content-encoded."""
        # As few steps as can be: every event of every stream comes through here, on the proxy's own thread.
        if self._lost or self._outbox.is_full:
            self._leave_out(data)
        else:
            self._feeder.put(_CHUNK, self.flow, _now(), data)

    def message(self, message: SocketMessage) -> None:
        """A message of a WebSocket is here."""
        data = message.encode()
        if self._lost or self._outbox.is_full:
            self._leave_out(data)
        else:
            self._feeder.put(_MESSAGE, self.flow, _now(), data)

    def end(self, end: End) -> None:
        """The flow has ended; nothing may follow."""
        if self._lost:
            end = replace(end, ended_by="recorder", complete=False, lost=self._lost)
        self._feeder.put(_END, self.flow, _now(), end.encode())

    def _leave_out(self, data: bytes) -> None:
        # A stream with a hole tells nothing: after the first lost chunk the rest is left out, too.
        if not self._lost:
            self._feeder.note_gap(cut=1)
        self._lost += len(data)


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


class Feeder:
    """Starts a worker for the recording `db` and feeds it; RecordingError if the worker cannot open the file.

    `on_notice` is called with each notice, on a thread of the feeder. `only` is a filter for the streams that are
    kept, `max_size` the bytes after which another file is begun, 0 for never.
    """

    def __init__(
        self, db: Path, profile: str, on_notice: Callable[[Notice], object], *, only: str = "", max_size: int = 0
    ) -> None:
        # The session's name lets a worker that takes over see what its predecessor has already written.
        self._arguments = [str(db.absolute()), profile, secrets.token_hex(8), only, str(max_size)]
        self._on_notice = on_notice
        self._outbox = Outbox()
        self._unacknowledged: deque[tuple[int, bytes, list[Message]]] = deque()
        # The worker keeps in memory alone what it has of flows that it has not decided about yet; so do we.
        self._undecided: dict[int, list[Message]] = {}
        self._acknowledged = 0
        # Each counter has one thread that raises it, so that none of them needs a lock.
        self._sent_bytes = self._acknowledged_bytes = 0
        self._flows = 0
        self._batches = 0
        self._starts = 0
        self._stirred = threading.Event()
        self._sleeps = True
        self._closing = threading.Event()
        self._left_out = self._cut = 0
        self._told = (0, 0)
        self._has_stopped = self._has_gap = False
        self._worker = self._start_worker()
        self._sender = threading.Thread(target=self._run, name="responses-tap feeder", daemon=True)
        self._sender.start()

    def open(self, request: Request, at_ns: int, kind: Kind = Kind.REQUEST) -> Tap:
        """A tap for a new flow, whose request was complete at `at_ns` of the monotonic clock; or for a SOCKET."""
        if self._outbox.is_half_full:
            self.note_gap(left_out=1)
            return LeftOut(self, self._outbox, 0)
        self._flows += 1
        if kind is Kind.REQUEST and not request.expected:
            self._undecided[self._flows] = []
        tap = Tap(self, self._outbox, self._flows)
        if len(request.body) <= _LARGE_BODY:
            self.put(int(kind), self._flows, at_ns, request.encode())
        else:
            self.put(int(kind), self._flows, at_ns, replace(request, body=b"", is_upload=True).encode())
            tap.upload(request.body)
            tap.sent()
        return tap

    def note_gap(self, *, left_out: int = 0, cut: int = 0) -> None:
        """Count streams that are left out or lose their rest. For one thread only: the proxy's."""
        self._left_out += left_out
        self._cut += cut
        if not self._has_gap and not self._has_stopped:
            self._has_gap = True
            told = Trouble("the recorder is too far behind: until it has caught up, streams are cut or left out")
            threading.Thread(target=self._tell, args=(told,), daemon=True).start()

    def put(self, kind: int, flow: int, at_ns: int, payload: bytes) -> None:
        """Queue a message. For one thread only: the proxy's."""
        self._outbox.put(kind, flow, at_ns, payload)
        if self._sleeps:
            self._wake()

    def put_body(self, flow: int, at_ns: int, data: bytes) -> bool:
        """Queue a piece of a request's body; whether there was room for it. For one thread only: the proxy's."""
        has_room = self._outbox.put_body(flow, at_ns, data)
        if self._sleeps:
            self._wake()
        return has_room

    def close(self) -> None:
        """Send everything and wait until it is in the file."""
        self._closing.set()
        self._stirred.set()
        self._sender.join(_CLOSE_SECONDS)
        if self._sender.is_alive():
            self._stop("the worker does not answer")
        elif self._told != (self._left_out, self._cut):
            self._tell_gap("not all was recorded")

    def _wake(self) -> None:
        self._sleeps = False
        self._stirred.set()

    def _start_worker(self) -> WorkerProcess:
        return WorkerProcess(self._arguments, self._take_report, self._stirred.set)

    def _take_report(self, report: Report) -> None:
        if isinstance(report, Acknowledged):
            self._starts = 0
            for flow in report.decided:
                self._undecided.pop(flow, None)
            while self._unacknowledged and self._unacknowledged[0][0] <= report.number:
                self._acknowledged, batch, undecided = self._unacknowledged.popleft()
                self._acknowledged_bytes += len(batch)
                for message in undecided:
                    if (kept := self._undecided.get(message[1])) is not None:
                        kept.append(message)
            self._stirred.set()
        elif not isinstance(report, Ready):
            self._tell(report)

    def _tell(self, notice: Notice) -> None:
        try:
            self._on_notice(notice)
        except Exception:  # noqa: BLE001 (the listener's fault must not end the recording)
            _log.exception("a notice could not be shown: %s", notice)

    def _run(self) -> None:
        idle = 0
        while not self._has_stopped:
            self._stirred.wait()
            self._closing.wait(_BATCH_SECONDS)
            # Going to sleep for good only after a while: to be woken costs the proxy more than to be asked again.
            idle = 0 if not self._outbox.is_empty else idle + 1
            if idle > _IDLE_ROUNDS:
                self._sleeps = True
                self._stirred.clear()
            try:
                self._send()
                self._tell_end_of_gap()
                if self._closing.is_set() and self._outbox.is_empty and self._worker.finish(_CLOSE_SECONDS):
                    return
            except BrokenPipeError:
                self._stirred.set()
            if not self._worker.is_alive:
                self._replace_worker()

    def _send(self) -> None:
        while self._sent_bytes - self._acknowledged_bytes < _MOST_SENT and (content := self._outbox.take()):
            self._batches += 1
            batch = encode_batch(self._batches, content)
            messages = decode_messages(content) if self._undecided else []
            undecided = [message for message in messages if message.flow in self._undecided]
            self._unacknowledged.append((self._batches, batch, undecided))
            self._sent_bytes += len(batch)
            self._worker.write(batch)

    def _tell_end_of_gap(self) -> None:
        if self._has_gap and self._outbox.is_nearly_empty:
            self._has_gap = False
            self._tell_gap("recording again")

    def _tell_gap(self, head: str) -> None:
        before, self._told = self._told, (self._left_out, self._cut)
        left_out, cut = (now - then for now, then in zip(self._told, before, strict=True))
        self._tell(Trouble(f"{head}; streams left out: {left_out}, cut: {cut}"))

    def _replace_worker(self) -> None:
        """Start another worker and send it what the dead one has not acknowledged."""
        self._tell(Trouble("the recorder's worker has died; starting another one"))
        self._worker.bury()
        failures = 0
        while self._starts < _MOST_STARTS and not (self._closing.is_set() and failures > _MOST_STARTS):
            time.sleep(_RESTART_SECONDS * 2 ** min(failures, _MOST_DOUBLINGS))
            try:
                self._worker = self._start_worker()
                self._starts += 1
                self._send_again()
            except RecordingError as failure:
                failures += 1
                if failures == 1:
                    self._tell(Trouble(f"nothing is recorded at the moment: {failure}; trying again"))
            except BrokenPipeError:
                self._worker.bury()
            else:
                if failures:
                    self._tell(Trouble("recording again"))
                self._stirred.set()
                return
        self._stop("the file cannot be opened" if failures else "the worker dies again and again")

    def _send_again(self) -> None:
        # The head of a flow that is not decided stands in no file; under the number of the last batch that was
        # acknowledged it comes before all that the new worker does not know either.
        if undecided := [message for messages in list(self._undecided.values()) for message in messages]:
            content = b"".join(encode_message(*message) for message in undecided)
            self._worker.write(encode_batch(self._acknowledged, content))
        for _, batch, _ in list(self._unacknowledged):
            self._worker.write(batch)

    def _stop(self, reason: str) -> None:
        self._has_stopped = True
        has_lost = self._unacknowledged or not self._outbox.is_empty
        self._outbox.shut()
        self._tell(Trouble(f"nothing more is recorded: {reason}" + ("; what came last is lost" if has_lost else "")))
