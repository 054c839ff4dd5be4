"""The proxy's end of the pipe: keeps a worker fed, and another one in its place if it dies."""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from responses_tap.privacy.masking import KEY_BYTES
from responses_tap.recorder.messages import (
    Acknowledged,
    Batch,
    FileBegun,
    MessageKind,
    Notice,
    Ready,
    Reply,
    RequestMessage,
    Trouble,
    encode_batch,
    encode_message,
)
from responses_tap.recorder.proxy_side.process import WorkerProcess
from responses_tap.recorder.proxy_side.reporting import Gap, NoticeThread
from responses_tap.recorder.proxy_side.send_queue import SendQueue
from responses_tap.recorder.proxy_side.sent_batches import SentBatches
from responses_tap.recorder.proxy_side.tap import KeepingTap, LeftOut, Tap
from responses_tap.store import RecordingError

_LARGE_BODY = 4 * 2**20
"""Bytes from which a request's body goes to the worker in pieces, so that it is nowhere in memory once more."""
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
        self._reporter = NoticeThread(on_notice)
        self._later = later
        self._queue = SendQueue(self._wake)
        self._sent = SentBatches()
        self._undecided: dict[int, KeepingTap] = {}
        self._rest = memoryview(b"")
        self._flows = 0
        self._starts = self._deaths = 0
        self._is_closing = self._has_stopped = False
        self._gap = Gap(self.report)
        # Whoever writes to the worker holds the gate, or has made sure that nobody else does: it is not ready.
        self._gate = threading.Lock()
        self._is_ready = False
        self._worker = self._start_worker()
        self._path = self._worker.ready.path
        self._reporter.start()
        if not self._is_taken_up():
            self._replace_worker()

    def open(self, request: RequestMessage, at_ns: int, kind: MessageKind = MessageKind.REQUEST) -> Tap:
        """A tap for a new flow, whose request was complete at `at_ns` of the monotonic clock; or for a SOCKET."""
        if self._queue.is_half_full:
            self._note_left_out()
            return LeftOut(self._queue, 0, self._note_cut)
        self._flows += 1
        if kind is MessageKind.REQUEST and not request.expected:
            tap = self._undecided[self._flows] = KeepingTap(self._queue, self._flows, self._note_cut)
            tap.put(int(kind), self._flows, at_ns, request.encode())
            return tap
        return self._open(request, at_ns, kind)

    def report(self, notice: Notice) -> None:
        """Report a notice at once, on a thread of its own: a terminal may wait, the recording must not."""
        self._reporter.report(notice)

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
        if not had_stopped:
            self._gap.close()
        self._queue.close()
        self._reporter.close(_CLOSE_SECONDS)

    def _open(self, request: RequestMessage, at_ns: int, kind: MessageKind) -> Tap:
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
        if self._queue.is_nearly_empty:
            self._gap.end()
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
        if self._sent.is_full or (batch := self._queue.take()) is None:
            return False
        self._rest = self._sent.add(batch)
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
        acknowledged, unacknowledged = self._sent.acknowledged, self._sent.all
        undecided = [message for tap in list(self._undecided.values()) for message in tap.kept(acknowledged)]
        if undecided:
            content = b"".join(encode_message(*message) for message in undecided)
            self._worker.write_all(encode_batch(Batch(acknowledged, content)))
        for batch in unacknowledged:
            self._worker.write_all(batch)

    def _stop(self, reason: str) -> None:
        has_lost = not self._sent.is_empty or not self._is_all_sent
        self._has_stopped = True
        self.report(Trouble(f"nothing more is recorded: {reason}" + ("; what came last is lost" if has_lost else "")))

    # --- replies ---------------------------------------------------------------------------------------------

    def _take_reply(self, reply: Reply) -> None:
        if isinstance(reply, Acknowledged):
            self._starts = 0
            for flow in reply.decided:
                if (tap := self._undecided.pop(flow, None)) is not None:
                    tap.let_go()
            self._sent.acknowledge(reply.number)
        elif not isinstance(reply, Ready):
            if isinstance(reply, FileBegun):
                self._path = reply.path
            self.report(reply)

    def _note_left_out(self) -> None:
        if not self._has_stopped:
            self._gap.note(left_out=1)

    def _note_cut(self) -> None:
        if not self._has_stopped:
            self._gap.note(cut=1)
