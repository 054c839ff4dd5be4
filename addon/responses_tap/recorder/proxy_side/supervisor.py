"""The proxy's end of the recorder: keeps the spool filled and a worker reading, another one if it dies."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from responses_tap.privacy.masking import KEY_BYTES
from responses_tap.recorder.messages import (
    FileBegun,
    Hint,
    MessageKind,
    Notice,
    Ready,
    Reply,
    RequestMessage,
    Trouble,
)
from responses_tap.recorder.proxy_side.memory import spool_limit
from responses_tap.recorder.proxy_side.reporting import Gap, NoticeThread
from responses_tap.recorder.proxy_side.spool_writer import SpoolWriter
from responses_tap.recorder.proxy_side.tap import LeftOut, Tap
from responses_tap.recorder.proxy_side.worker_process import WorkerProcess
from responses_tap.recorder.recorder_settings import RecorderSettings
from responses_tap.recorder.spool import COMMITTED, Spool, spool_key
from responses_tap.store import RecordingError

_LARGE_BODY = 4 * 2**20
"""Bytes from which a request's body goes to the worker in pieces, so that it is nowhere in memory once more."""
_FLUSH_SECONDS = 0.025
"""How long messages are gathered before they are appended to the spool."""
_RETRY_SECONDS = 0.005
_POLL_SECONDS = 0.1
_MOST_STARTS = 5
"""Workers that may die one after the other without having written anything."""
_RESTART_SECONDS = 0.2
_MOST_DOUBLINGS = 5
"""How often the pause before another start is doubled while the file cannot be opened."""
_CLOSE_SECONDS = 60.0
"""How long the end waits for a worker that does not get on."""
_MUCH_BYTES = 32 * 2**20
"""So much takes the worker some seconds."""

type Later = Callable[[float, Callable[[], object]], object]
"""Calls something after that many seconds, on the proxy's thread, as an event loop's `call_later`."""


class _Patience:
    """Waits for a worker as long as it gets on."""

    def __init__(self, spool: Spool) -> None:
        self._head = spool.head
        self._committed, self._since = self._head[COMMITTED], time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether nothing has been committed for so long that nothing more is to be expected."""
        if (committed := self._head[COMMITTED]) != self._committed:
            self._committed, self._since = committed, time.monotonic()
        return time.monotonic() - self._since > _CLOSE_SECONDS


class WorkerSupervisor:
    """Starts a worker for the recording `db` and feeds it; RecordingError if the worker cannot open the file.

    It lives on the proxy's thread, on which `later` calls back: a thread of its own would take the interpreter from
    the proxy again and again. Only what waits has one: a worker's replies, the listener for notices, and the start of
    a worker's successor. `on_notice` is called with each notice, on a thread of the supervisor, and may block.
    """

    def __init__(
        self, db: Path, settings: RecorderSettings, on_notice: Callable[[Notice], object], later: Later
    ) -> None:
        # The session's name lets a worker that takes over see what its predecessor has already written.
        self._arguments = [str(db.absolute()), secrets.token_hex(8), settings.encode()]
        self._key = secrets.token_bytes(KEY_BYTES)
        self._file = Spool.create(spool_key(self._key))
        self._reporter = NoticeThread(on_notice)
        self._later = later
        self._spool = SpoolWriter(self._file, spool_limit() // settings.share.processes, self._wake)
        self._flows = 0
        self._starts = self._committed_before = 0
        self._is_closing = self._has_stopped = self._has_failed = False
        self._gap = Gap(self.report)
        # To ring for the worker, hold the gate, or make sure that nobody else does because it isn't ready.
        self._gate = threading.Lock()
        self._is_ready = False
        try:
            self._worker = self._start_worker()
        except BaseException:
            self._file.close()
            raise
        self._path = self._worker.ready.path
        self._reporter.start()
        if not self._is_taken_up():
            self._replace_worker()

    def open(self, request: RequestMessage, at_ns: int, kind: MessageKind = MessageKind.REQUEST) -> Tap:
        """A tap for a new flow, whose request was complete at `at_ns` of the monotonic clock; or for a SOCKET."""
        self._flows += 1
        if self._spool.is_half_full:
            self._note_left_out()
            return LeftOut(self._spool, self._flows, request, at_ns)
        tap = Tap(self._spool, self._flows, self._note_cut)
        if len(request.body) <= _LARGE_BODY:
            self._spool.put(int(kind), self._flows, at_ns, request.encode())
        else:
            self._spool.put(int(kind), self._flows, at_ns, replace(request, body=b"", is_upload=True).encode())
            tap.upload(request.body)
            tap.sent()
        return tap

    def report(self, notice: Notice) -> None:
        """Report a notice at once, on a thread of its own: a terminal may wait, the recording must not."""
        self._reporter.report(notice)

    def close(self) -> None:
        """Wait until everything is in the file, however long that takes, as long as the worker gets on."""
        self._is_closing = True
        had_stopped = self._has_stopped
        self._flush()
        if self._spool.waiting > _MUCH_BYTES and not had_stopped:
            self.report(Hint(f"{self._spool.waiting / 2**20:.0f} MiB of what came are still to be recorded"))
        has_ended = self._has_ended()
        if has_ended and not had_stopped:
            self._gap.close()
        self._spool.close()
        self._reporter.close(_CLOSE_SECONDS)
        if has_ended:  # otherwise somebody may still be at it
            self._file.close()

    # --- feeding ---------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._later(_FLUSH_SECONDS, self._feed)

    def _feed(self) -> None:
        if self._has_stopped:
            self._spool.close()
            return
        self._flush()
        if self._has_failed:
            return
        with self._gate:
            if self._is_ready:
                self._worker.ring()
        if self._spool.is_nearly_empty:
            self._gap.end()
            self._spool.arm()
        else:
            self._wake()  # what is left out does not

    def _flush(self) -> None:
        self._spool.flush()
        if self._spool.failure is not None and not self._has_failed:
            self._has_failed = True
            self.report(Trouble(f"nothing more is recorded: there is no room for what waits ({self._spool.failure})"))

    # --- the worker ------------------------------------------------------------------------------------------

    def _start_worker(self) -> WorkerProcess:
        spool = self._file.descriptor
        return WorkerProcess(self._arguments, self._key, spool, self._take_reply, self._note_death)

    def _has_ended(self) -> bool:
        """Wait for the recording's end; whether it came, and not only the end of the patience."""
        patience = _Patience(self._file)
        while not self._has_stopped:
            if self._is_ready and self._finish(patience):
                self._has_stopped = True
            elif patience.is_over:
                self._stop("the worker does not respond")
                return False
            else:
                time.sleep(_RETRY_SECONDS)
        return True

    def _finish(self, patience: _Patience) -> bool:
        """Let the worker end; whether it did well. If not, another one is there, or none is to be had."""
        with self._gate:
            self._is_ready = False
        self._worker.hang_up()
        while not self._worker.wait(_POLL_SECONDS) and not patience.is_over:
            pass
        if self._worker.has_ended and not self._worker.has_ended_well:
            self._replace_worker()
        return self._worker.has_ended_well

    def _note_death(self) -> None:
        with self._gate:
            was_ready, self._is_ready = self._is_ready, False
        if was_ready:
            threading.Thread(target=self._replace_worker, name="responses-tap rescue", daemon=True).start()

    def _replace_worker(self) -> None:
        """Start another worker, which reads on where the dead one got to."""
        self.report(Trouble("the recorder's worker has died; starting another one"))
        self._worker.terminate()
        failures = 0
        while self._may_start and not (self._is_closing and failures > _MOST_STARTS):
            time.sleep(_RESTART_SECONDS * 2 ** min(failures, _MOST_DOUBLINGS))
            try:
                self._worker = self._start_worker()
                self._starts += 1
                if (path := self._worker.ready.path) != self._path:  # the former one died on its way to it
                    self._take_reply(FileBegun(path))
            except RecordingError as failure:
                failures += 1
                if failures == 1:
                    self.report(Trouble(f"nothing is recorded at the moment: {failure}; trying again"))
            else:
                if failures:
                    self.report(Trouble("recording again"))
                    failures = 0
                if self._is_taken_up():
                    return
                self._worker.terminate()
        self._stop("the file cannot be opened" if failures else "the worker dies again and again")

    @property
    def _may_start(self) -> bool:
        """Whether another worker may be started: not, if too many have died without getting on."""
        if (committed := self._file.head[COMMITTED]) != self._committed_before:
            self._committed_before, self._starts = committed, 0
        return self._starts < _MOST_STARTS

    def _is_taken_up(self) -> bool:
        """Whether the new worker is there for what follows."""
        with self._gate:
            self._is_ready = not self._worker.has_ended
            if self._is_ready:
                self._worker.ring()  # for what came before it was ready
            return self._is_ready

    def _stop(self, reason: str) -> None:
        has_lost = self._file.head[COMMITTED] < self._file.end
        self._has_stopped = True
        self.report(Trouble(f"nothing more is recorded: {reason}" + ("; what came last is lost" if has_lost else "")))

    # --- replies ---------------------------------------------------------------------------------------------

    def _take_reply(self, reply: Reply) -> None:
        if not isinstance(reply, Ready):
            if isinstance(reply, FileBegun):
                self._path = reply.path
            self.report(reply)

    def _note_left_out(self) -> None:
        if not self._has_stopped and not self._has_failed:
            self._gap.note(left_out=1)

    def _note_cut(self) -> None:
        if not self._has_stopped and not self._has_failed:
            self._gap.note(cut=1)
