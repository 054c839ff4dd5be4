"""The proxy's end of the pipe: keeps a worker fed, and another one in its place if it dies."""

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from responses_tap.privacy.masking import KEY_BYTES
from responses_tap.recorder.messages import (
    Acknowledged,
    Batch,
    FileBegun,
    MessageKind,
    Notice,
    Ready,
    Reply,
    Request,
    Trouble,
    encode_batch,
    encode_message,
)
from responses_tap.recorder.proxy_side.process import WorkerProcess
from responses_tap.recorder.proxy_side.send_queue import SendQueue
from responses_tap.recorder.proxy_side.tap import KeepingTap, LeftOut, Tap
from responses_tap.store import RecordingError

_LARGE_BODY = 4 * 2**20
"""Bytes from which a request's body goes to the worker in pieces, so that it is nowhere in memory once more."""
_MOST_SENT = 16 * 2**20
"""Bytes on their way to the file: the worker keeps them, too."""
_BATCH_SECONDS = 0.025
"""How long messages are gathered before they are sent."""
_RETRY_SECONDS = 0.005
"""The pause before another try where the worker could not take everything."""
_MOST_STARTS = 5
"""Workers that may die one after the other without having written anything."""
_RESTART_SECONDS = 0.2
_MOST_DOUBLINGS = 5
"""How often the pause before another start is doubled while the file cannot be opened."""
_CLOSE_SECONDS = 60.0

_log = logging.getLogger(__name__)

type Later = Callable[[float, Callable[[], object]], object]
"""Calls something after so many seconds, on the proxy's thread, as an event loop's `call_later`."""


class WorkerSupervisor:
    """Starts a worker for the recording `db` and feeds it; RecordingError if the worker cannot open the file.

    It lives on the proxy's thread, on which `later` calls back: a thread of its own would take the interpreter from
    the proxy again and again. Only what waits has one: a worker's replies, whoever is told, and the search for a
    worker's successor. `on_notice` is called with each notice, on a thread of the supervisor, and may wait as it likes.
    `only` is a filter for the streams that are kept, `max_size` the bytes after which another file is begun, 0 for
    never, `keep` has names of headers and query parameters whose values need no mask.
    """

    def __init__(
        self,
        db: Path,
        profile: str,
        on_notice: Callable[[Notice], object],
        later: Later,
        *,
        only: str = "",
        max_size: int = 0,
        keep: Sequence[str] = (),
    ) -> None:
        # The session's name lets a worker that takes over see what its predecessor has already written.
        self._arguments = [str(db.absolute()), profile, secrets.token_hex(8), only, str(max_size), ",".join(keep)]
        self._key = secrets.token_bytes(KEY_BYTES)
        self._on_notice = on_notice
        self._later = later
        self._queue = SendQueue(self._wake)
        self._unacknowledged: deque[tuple[int, bytes]] = deque()
        self._undecided: dict[int, KeepingTap] = {}
        self._acknowledged = 0
        # Each counter has one thread that raises it, so that none of them needs a lock.
        self._sent_bytes = self._acknowledged_bytes = 0
        self._rest = memoryview(b"")
        self._flows = 0
        self._starts = self._deaths = 0
        self._is_closing = self._has_stopped = False
        self._left_out = self._cut = 0
        self._reported = (0, 0)
        self._has_gap = False
        # Whoever writes to the worker holds the gate, or has made sure that nobody else does: it is not ready.
        self._gate = threading.Lock()
        self._is_ready = False
        self._notices: SimpleQueue[Notice | None] = SimpleQueue()
        self._reporter = threading.Thread(target=self._report_all, name="responses-tap notices", daemon=True)
        self._worker = self._start_worker()
        self._path = self._worker.ready.path
        self._reporter.start()
        if not self._is_taken_up():
            self._replace_worker()

    def open(self, request: Request, at_ns: int, kind: MessageKind = MessageKind.REQUEST) -> Tap:
        """A tap for a new flow, whose request was complete at `at_ns` of the monotonic clock; or for a SOCKET."""
        if self._queue.is_half_full:
            self._note_gap(left_out=1)
            return LeftOut(self._queue, 0, self._note_cut)
        self._flows += 1
        if kind is MessageKind.REQUEST and not request.expected:
            tap = self._undecided[self._flows] = KeepingTap(self._queue, self._flows, self._note_cut)
            tap.put(int(kind), self._flows, at_ns, request.encode())
            return tap
        return self._open(request, at_ns, kind)

    def report(self, notice: Notice) -> None:
        """Report a notice at once, on a thread of its own: a terminal may wait, the recording must not."""
        self._notices.put(notice)

    def close(self) -> None:
        """Send everything and wait until it is in the file."""
        self._is_closing = True
        until = time.monotonic() + _CLOSE_SECONDS
        had_stopped = self._has_stopped
        while not self._has_stopped:
            self._send()
            if self._is_ready and self._is_all_sent and self._finish(until):
                self._has_stopped = True
            elif time.monotonic() > until:
                self._stop("the worker does not answer")
                had_stopped = True
            else:
                time.sleep(_RETRY_SECONDS)
        if not had_stopped and self._reported != (self._left_out, self._cut):
            self.report(self._gap("not all was recorded"))
        self._queue.close()
        self._notices.put(None)
        self._reporter.join(_CLOSE_SECONDS)

    def _open(self, request: Request, at_ns: int, kind: MessageKind) -> Tap:
        tap = Tap(self._queue, self._flows, self._note_cut)
        if len(request.body) <= _LARGE_BODY:
            self._queue.put(int(kind), self._flows, at_ns, request.encode())
        else:
            self._queue.put(int(kind), self._flows, at_ns, replace(request, body=b"", is_upload=True).encode())
            tap.upload(request.body)
            tap.sent()
        return tap

    # --- sending ---------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._later(_BATCH_SECONDS, self._feed)

    def _feed(self) -> None:
        if self._has_stopped:
            self._queue.close()
            return
        self._queue.pack()
        self._send()
        self._report_end_of_gap()
        if self._is_all_sent:
            self._queue.arm()
        else:
            self._later(_RETRY_SECONDS, self._feed)

    @property
    def _is_all_sent(self) -> bool:
        return not self._rest and self._queue.is_empty

    def _send(self) -> None:
        """Send what the worker takes at once."""
        with self._gate:
            while self._is_ready and (self._rest or self._take()):
                try:
                    sent = self._worker.write(self._rest)
                except BrokenPipeError:
                    return  # its last word will be heard
                self._rest = self._rest[sent:]
                if not sent:
                    return

    def _take(self) -> bool:
        """Take the next batch out of the queue; whether there is one that may be on its way."""
        if self._sent_bytes - self._acknowledged_bytes >= _MOST_SENT or (batch := self._queue.take()) is None:
            return False
        encoded = encode_batch(batch)
        self._unacknowledged.append((batch.number, encoded))
        self._sent_bytes += len(encoded)
        self._rest = memoryview(encoded)
        return True

    # --- the worker ------------------------------------------------------------------------------------------

    def _start_worker(self) -> WorkerProcess:
        arguments = [*self._arguments, str(self._deaths)]
        return WorkerProcess(arguments, self._key, self._take_reply, self._note_death)

    def _finish(self, until: float) -> bool:
        """Let the worker end; whether it did well. If not, another one is there, or none is to be had."""
        with self._gate:
            self._is_ready = False
        if self._worker.finish(until - time.monotonic()):
            return True
        if self._worker.has_ended:
            self._replace_worker()
        return False

    def _note_death(self) -> None:
        with self._gate:
            was_ready, self._is_ready = self._is_ready, False
        if was_ready:
            threading.Thread(target=self._replace_worker, name="responses-tap rescue", daemon=True).start()

    def _replace_worker(self) -> None:
        """Start another worker and send it what the dead one has not acknowledged."""
        self.report(Trouble("the recorder's worker has died; starting another one"))
        self._worker.terminate()
        self._deaths += 1
        failures = 0
        while self._starts < _MOST_STARTS and not (self._is_closing and failures > _MOST_STARTS):
            time.sleep(_RESTART_SECONDS * 2 ** min(failures, _MOST_DOUBLINGS))
            try:
                self._worker = self._start_worker()
                self._starts += 1
                if (path := self._worker.ready.path) != self._path:  # the former one died on its way to it
                    self._take_reply(FileBegun(path))
                self._send_again()
            except RecordingError as failure:
                failures += 1
                if failures == 1:
                    self.report(Trouble(f"nothing is recorded at the moment: {failure}; trying again"))
            except BrokenPipeError:
                self._worker.terminate()
            else:
                if failures:
                    self.report(Trouble("recording again"))
                    failures = 0
                if self._is_taken_up():
                    return
                self._worker.terminate()
        self._stop("the file cannot be opened" if failures else "the worker dies again and again")

    def _is_taken_up(self) -> bool:
        """Whether the new worker, which knows everything that was sent, is there for what follows."""
        with self._gate:
            self._rest = memoryview(b"")
            self._is_ready = not self._worker.has_ended
            return self._is_ready

    def _send_again(self) -> None:
        # The head of a flow that is not decided stands in no file; under the number of the last batch that was
        # acknowledged it comes before all that the new worker does not know either.
        acknowledged, unacknowledged = self._acknowledged, list(self._unacknowledged)
        undecided = [message for tap in list(self._undecided.values()) for message in tap.kept(acknowledged)]
        if undecided:
            content = b"".join(encode_message(*message) for message in undecided)
            self._worker.write_all(encode_batch(Batch(acknowledged, content)))
        for _, batch in unacknowledged:
            self._worker.write_all(batch)

    def _stop(self, reason: str) -> None:
        has_lost = self._unacknowledged or not self._is_all_sent
        self._has_stopped = True
        self.report(Trouble(f"nothing more is recorded: {reason}" + ("; what came last is lost" if has_lost else "")))

    # --- replies ---------------------------------------------------------------------------------------------

    def _take_reply(self, reply: Reply) -> None:
        if isinstance(reply, Acknowledged):
            self._starts = 0
            for flow in reply.decided:
                if (tap := self._undecided.pop(flow, None)) is not None:
                    tap.let_go()
            while self._unacknowledged and self._unacknowledged[0][0] <= reply.number:
                self._acknowledged, batch = self._unacknowledged.popleft()
                self._acknowledged_bytes += len(batch)
        elif not isinstance(reply, Ready):
            if isinstance(reply, FileBegun):
                self._path = reply.path
            self.report(reply)

    def _report_all(self) -> None:
        while (notice := self._notices.get()) is not None:
            try:
                self._on_notice(notice)
            except Exception:  # noqa: BLE001 (the listener's fault must not end the recording)
                _log.exception("a notice could not be shown: %s", notice)

    def _note_cut(self) -> None:
        self._note_gap(cut=1)

    def _note_gap(self, *, left_out: int = 0, cut: int = 0) -> None:
        """Count streams that are left out or lose their rest."""
        self._left_out += left_out
        self._cut += cut
        if not self._has_gap and not self._has_stopped:
            self._has_gap = True
            self.report(Trouble("the recorder is too far behind: until it has caught up, streams are cut or left out"))

    def _report_end_of_gap(self) -> None:
        if self._has_gap and self._queue.is_nearly_empty:
            self._has_gap = False
            self.report(self._gap("recording again"))

    def _gap(self, head: str) -> Trouble:
        """What was missed since the last report."""
        before, self._reported = self._reported, (self._left_out, self._cut)
        left_out, cut = (now - then for now, then in zip(self._reported, before, strict=True))
        return Trouble(f"{head}; streams left out: {left_out}, cut: {cut}")
