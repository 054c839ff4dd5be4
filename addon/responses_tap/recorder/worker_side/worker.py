"""The worker process: takes batches, hands their messages to the flows, commits, acknowledges."""

import os
import select
import signal
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from responses_tap.privacy.looks import own_patterns
from responses_tap.privacy.masking import KEY_BYTES, Masker
from responses_tap.recorder.messages import (
    Acknowledged,
    Batch,
    BatchDecoder,
    Message,
    Notice,
    Ready,
    Trouble,
    decode_messages,
)
from responses_tap.recorder.worker_side import recovery, trials
from responses_tap.recorder.worker_side.body import described
from responses_tap.recorder.worker_side.flows import Flows
from responses_tap.recorder.worker_side.recording_files import RecordingFiles
from responses_tap.recorder.worker_side.recovery import Position
from responses_tap.recorder.worker_side.replies import ReplyPipe
from responses_tap.recorder.worker_side.selection import Selection
from responses_tap.recorder.worker_side.trials import Suspect
from responses_tap.store import RecordingError
from responses_tap.store.writer import Writer

_COMMIT_SECONDS = 0.05
_PATIENCE_SECONDS = 1.0
"""How long somebody else may write to the file before that is reported."""
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
        self._session = session
        self._out = out
        self._selection = selection
        self._waiting: deque[Batch] = deque()
        self._idle_until = 0.0
        self._due: float | None = None
        self._notices: list[Notice] = []
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
        self._flows = Flows(files, profile, session, selection, out.send)
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
        self._flows.abandon()
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
                self._flows.attempt(self._flows.take, message)
        else:
            for n, message in enumerate(messages):
                self._flows.attempt(partial(self._take_again, (batch.number, n)), message)
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
            self._flows.recall(message)
        else:
            self._flows.take(message)

    def _is_written(self, position: Position, message: Message) -> bool:
        """Whether a former worker has written what becomes of this message.

        The file of its flow shows it; of a flow that is not open here, the one in which flows began then.
        """
        writer = self._flows.writer_of(message.flow) or self._began_in
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
                self._flows.attempt(partial(self._take_again, position), message)
                continue
            self._mark(Suspect(batch.number, n))
            if n == suspect.message:
                self._flows.quarantine(message, "a worker died of it")
                self._commit()
                self._flows.attempt(self._flows.keep, message)
            else:
                self._flows.attempt(self._flows.take, message)
        self._set_trying(None)
        if suspect is not None:
            self._suspect = None

    def _mark(self, trying: Suspect) -> None:
        self._set_trying(trying)
        self._commit()

    def _set_trying(self, trying: Suspect | None) -> None:
        for writer in self._files.writers:
            # What is in a file already must not be taken for missing after another death.
            if trying is None or trying.position >= self._missing.get(writer, _NOWHERE):
                trials.mark(writer, self._session, trying)

    def _commit(self) -> bool:
        """Write everything; where that cannot be, it is reported, kept, and tried again in a while."""
        path = self._files.current.path
        try:
            for gone in [writer for writer in self._files.writers if not writer.is_in_place]:
                self._begin_anew(gone)
            if self._fault is None or self._flows.has_changed:
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
        self._out.send(*self._notices, Acknowledged(self._handled, self._flows.decided))
        self._notices.clear()
        self._flows.decided.clear()
        try:
            faults, self._row_faults = self._row_faults, []
            if self._flows.quarantine_streams(faults):
                self._due = time.monotonic() + _COMMIT_SECONDS
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
            if self._flows.pass_sockets_on():
                self._commit()  # before anything else becomes of them: a worker may be killed between two files
            self._release_files()
        except Exception as error:  # noqa: BLE001 (as after a commit)
            notices = [Trouble(f"the recorder failed to leave a full file ({described(error)})")]
        self._out.send(*notices)

    def _release_files(self) -> None:
        self._files.release(self._flows.writers)

    def _publish(self) -> None:
        self._notices += self._flows.publish()
        for writer in self._files.writers:
            handled = max(self._handled, self._missing.get(writer, _NOWHERE)[0] - 1)
            writer.set_meta("batch", f"{self._session}:{handled}")

    def _begin_anew(self, writer: Writer) -> None:
        """Somebody has deleted a file: what was being written is gone with it, what begins now is not."""
        self._files.begin_anew(writer)
        lost = self._flows.lose(writer)
        self._fault = None
        self._out.send(
            Trouble(
                f"{writer.path} was deleted while it was recorded into; open streams lost with it: {lost};"
                " what begins now is recorded into a new file"
            )
        )

    def _save(self) -> None:
        """The last commit, with the patience of a user who waits for the recorder to end."""
        for _ in range(_LAST_TRIES):
            if self._commit() and self._due is None:
                return
            time.sleep(_RETRY_SECONDS)
        if self._fault is not None:
            path, error = self._fault
            lost = f"the last {sum(writer.unwritten for writer in self._files.writers)} frames are lost"
            self._out.send(Trouble(f"{path} could not be written to the end ({error}): {lost}"))
