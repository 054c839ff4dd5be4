"""The worker process: reads messages out of the spool, hands them to the flows, commits, and gives the space back."""

import os
import select
import signal
import sqlite3
import sys
import time
from pathlib import Path

from responses_tap.privacy.looks import own_patterns
from responses_tap.privacy.masking import KEY_BYTES, Masker
from responses_tap.recorder.messages import Message, Notice, Ready, Trouble
from responses_tap.recorder.recorder_settings import RecorderSettings
from responses_tap.recorder.spool import Spool, spool_key
from responses_tap.recorder.worker_side import recovery
from responses_tap.recorder.worker_side.body import described
from responses_tap.recorder.worker_side.flows import Flows
from responses_tap.recorder.worker_side.recording_files import RecordingFiles
from responses_tap.recorder.worker_side.replies import ReplyPipe
from responses_tap.recorder.worker_side.selection import Selection
from responses_tap.recorder.worker_side.spool_reader import SpoolReader
from responses_tap.store import RecordingError
from responses_tap.store.writer import Writer
from responses_tap.stream.storable import Value

_COMMIT_SECONDS = 0.05
_PATIENCE_SECONDS = 1.0
"""How long somebody else may write to the file before that is reported."""
_RETRY_SECONDS = 0.5
_LAST_TRIES = 6
_NICENESS = 10
_IDLE_RATIO = 10.0
"""Sleep 10x as long as it took to handle what was read: the traffic goes first, and two processors are often the two
halves of one core, so that niceness alone doesn't keep this process from slowing the proxy down."""
_BULKY = 8192
"""Bytes a message from which no pause follows."""
_OLDEST_SECONDS = 0.5
"""What came so long ago is handled without a pause before it: somebody looks on, and this process may die, too."""
_MOST_RINGS = 2**16
_MOST_DEATHS = 2
"""Workers that may die of one message. One may have been killed by somebody, two of them were not."""
_MOST_UNWRITTEN = 16 * 2**20
"""Bytes that are handled at the end although the file cannot be written."""
_KEPT = "what comes is kept in memory as far as there is room; trying again"


def run(db: Path, session: str, settings: RecorderSettings, spool: int) -> int:
    """Record what is in the spool with this descriptor until stdin ends; the exit status.

    The first bytes of stdin are the key of the masks: it is in no argument, no variable and no file.
    """
    key = _read_key(sys.stdin.fileno())
    masker = Masker(key, settings.keep)
    out = ReplyPipe(sys.stdout.fileno())
    try:
        own_patterns()
        files = RecordingFiles(db, settings.max_size, _PATIENCE_SECONDS, masker, settings.share)
    except (RecordingError, sqlite3.Error, OSError) as error:
        out.send(Trouble(str(error)))
        return 1
    os.nice(_NICENESS)
    for terminal_signal in (signal.SIGINT, signal.SIGHUP):
        signal.signal(terminal_signal, signal.SIG_IGN)  # the worker ends when its pipe does
    reader = SpoolReader(Spool(spool, spool_key(key)))
    Worker(files, reader, settings.profile, session, out, Selection(settings.only)).work(sys.stdin.fileno())
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
        spool: SpoolReader,
        profile: str,
        session: str,
        out: ReplyPipe,
        selection: Selection,
    ) -> None:
        self._files = files
        self._spool = spool
        self._session = session
        self._out = out
        self._selection = selection
        self._waiting: list[Message] = []
        self._idle_until = 0.0
        self._due: float | None = None
        self._notices: list[Notice] = []
        self._fault: tuple[Path, str] | None = None
        self._row_faults: list[tuple[Writer, int, Exception]] = []
        # A worker may have been killed between the commits of two files: each has its own first message to be taken.
        self._missing = {writer: recovery.place(writer, session, spool.committed) for writer in files.writers}
        self._began_in = files.current
        self._first_new = max(self._missing.values())
        self._handled = spool.at = min(self._missing.values())
        self._gives_back = True
        self._flows = Flows(files, profile, session, selection, out.send)
        for message in spool.again(recovery.undecided(files.current, session)):
            self._flows.attempt(self._flows.take, message)
        for writer in files.writers:
            writer.commit()
        self._release_files()
        self._out.send(Ready(str(files.current.path)))

    def work(self, bell: int) -> None:
        """Read on whenever the pipe `bell` is rung; once it is closed, end what is open, and close the recording."""
        is_open = True
        self._begin_next_file()  # the worker before may have died on its way to it
        self._waiting = self._spool.read()
        while is_open:
            if select.select([bell], [], [], self._patience())[0]:
                is_open = bool(os.read(bell, _MOST_RINGS))
                self._waiting = self._waiting or self._spool.read()
            # While the file cannot be written what comes just waits.
            if self._waiting and self._fault is None and time.monotonic() >= self._resumes_at:
                self._handle(self._waiting)
                self._waiting = self._spool.read()
            self._commit_when_due()
        while self._waiting and (self._handled - self._spool.committed < _MOST_UNWRITTEN or self._is_written):
            self._handle(self._waiting)
            self._commit_when_due()
            self._waiting = self._spool.read()
        self._flows.abandon()
        self._save()
        self._files.close()

    @property
    def _resumes_at(self) -> float:
        return min(self._idle_until, self._waiting[0].at_ns / 1e9 + _OLDEST_SECONDS)

    def _patience(self) -> float | None:
        """How long to wait for the bell, in seconds; None: until it is rung."""
        wake = [self._resumes_at] if self._waiting and self._fault is None else []
        wake += [self._due] if self._due is not None else []
        return max(0.0, min(wake) - time.monotonic()) if wake else None

    def _commit_when_due(self) -> None:
        if self._due is not None and time.monotonic() >= self._due and self._commit():
            self._begin_next_file()

    def _handle(self, messages: list[Message]) -> None:
        start = time.monotonic()
        if messages[0].place <= self._spool.careful_until:
            self._handle_alone(messages[0])
        else:
            take = self._flows.take if messages[0].place >= self._first_new else self._take_again
            for message in messages:
                self._spool.take_in_hand(message)
                self._flows.attempt(take, message)
        self._handled = messages[-1].end
        self._due = self._due or start + _COMMIT_SECONDS
        now = time.monotonic()
        # Large pieces are little work for the proxy, too, and would soon fill what may wait there.
        is_bulk = self._handled - messages[0].place > _BULKY * len(messages)
        self._idle_until = now if is_bulk else now + _IDLE_RATIO * (now - start)

    def _take_again(self, message: Message) -> None:
        """Take a message that a former worker may have handled, too.

        The file of its flow shows it; of a flow that is not open here, the one in which flows began then.
        """
        writer = self._flows.writer_of(message.flow) or self._began_in
        if message.place >= self._missing.get(writer, 0):
            self._flows.take(message)

    def _handle_alone(self, message: Message) -> None:
        """Handle a message that a worker may have died of, and write what becomes of it before the next is handled.

        If workers died of it, its stream is quarantined; and if one dies of keeping its bytes, it is skipped.
        """
        self._spool.take_in_hand(message)
        deaths = self._spool.suspect(message)
        if deaths < _MOST_DEATHS:
            self._flows.attempt(self._take_again, message)
        else:
            self._flows.quarantine(message, "a worker died of it")
            self._commit()
            if deaths == _MOST_DEATHS:
                self._flows.attempt(self._flows.keep, message)
        self._handled = message.end
        if self._commit():
            self._spool.acquit()

    def _commit(self) -> bool:
        """Write everything; where that cannot be, it is reported, kept, and tried again in a while."""
        path = self._files.current.path
        try:
            for gone in [writer for writer in self._files.writers if not writer.is_in_place]:
                self._start_over(gone)
            if self._fault is None or self._flows.has_changed:
                self._publish()
            for writer in self._files.writers:
                path = writer.path
                self._row_faults += [(writer, stream_id, error) for stream_id, error in writer.commit().items()]
        except Exception as error:  # noqa: BLE001 (what has been collected is kept, whatever it was)
            self._due = time.monotonic() + _RETRY_SECONDS
            if self._fault is None:
                self._out.send(Trouble(f"cannot write {path} ({error}): traffic still passes, {_KEPT}"))
            self._fault = path, str(error)
            return False
        if self._fault is not None:
            self._out.send(Trouble(f"{self._fault[0]} is written again"))
        self._due = self._fault = None
        self._out.send(*self._notices)
        self._notices.clear()
        self._give_back()
        try:
            faults, self._row_faults = self._row_faults, []
            if self._flows.quarantine_streams(faults):
                self._due = time.monotonic() + _COMMIT_SECONDS
            self._discard_refused()
        except Exception as error:  # noqa: BLE001 (what was to be recorded is in the file)
            self._out.send(Trouble(f"the recorder failed after it had written ({described(error)})"))
        return True

    def _give_back(self) -> None:
        """Let go of what is in the file, but for what a next worker would need."""
        try:
            self._spool.commit(self._handled, self._flows.undecided)
        except OSError as error:
            if self._gives_back:
                self._out.send(Trouble(f"the space of what has been recorded is not given back ({error})"))
            self._gives_back = False

    def _discard_refused(self) -> None:
        """Take out the streams that do not pass the filter."""
        notices, refused = self._selection.decide()
        self._out.send(*notices)
        for stream in refused:
            stream.writer.discard_stream(stream.id)
            self._due = time.monotonic() + _COMMIT_SECONDS

    def _begin_next_file(self) -> None:
        """Leave a full file: what is open ends in it, what begins is in the next. All has been committed."""
        if self._handled < self._first_new:
            return  # before everything has been read again, what isn't in one file may be in another
        try:
            notices = list(self._files.begin_next(self._marks(self._handled)))
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
        self._files.note_last_ids()
        for writer in self._files.writers:
            for key, value in self._marks(max(self._handled, self._missing.get(writer, 0))).items():
                writer.set_meta(key, value)

    def _marks(self, handled: int) -> dict[str, Value]:
        return recovery.marks(self._session, handled, self._flows.undecided)

    def _start_over(self, writer: Writer) -> None:
        """Somebody has deleted a file: what was being written is gone with it, what begins now is not."""
        self._files.start_over(writer)
        lost = self._flows.lose(writer)
        self._fault = None
        self._out.send(
            Trouble(
                f"{writer.path} was deleted while it was recorded into; open streams lost with it: {lost};"
                " what begins now is recorded into a new file"
            )
        )

    @property
    def _is_written(self) -> bool:
        """Whether all that has been handled can be written, with the patience of a user who waits for the end."""
        for _ in range(_LAST_TRIES):
            if self._fault is None or self._commit():
                return True
            time.sleep(_RETRY_SECONDS)
        return False

    def _save(self) -> None:
        """The last commit, with the same patience."""
        for _ in range(_LAST_TRIES):
            if self._commit() and self._due is None:
                return
            time.sleep(_RETRY_SECONDS)
        if self._fault is not None:
            path, error = self._fault
            lost = f"the last {sum(writer.unwritten for writer in self._files.writers)} frames are lost"
            if self._waiting:
                lost += f", and {self._spool.unread} bytes that still waited"
            self._out.send(Trouble(f"{path} could not be written to the end ({error}): {lost}"))
