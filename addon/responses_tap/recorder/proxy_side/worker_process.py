"""A worker process as its supervisor sees it: started, rung for, listened to, waited for."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from responses_tap.recorder.messages import Ready, Reply, Trouble, decode_reply
from responses_tap.store import RecordingError

_START_SECONDS = 60.0
_END_SECONDS = 10.0
_PACKAGE_ROOT = Path(__file__).parents[3]


class WorkerProcess:
    """A running worker that has opened its recording; RecordingError if it could not.

    `key` is what it masks credentials with; it inherits the descriptor `spool`.

    `on_reply` is called with what the worker says, and `on_end` after its last word, on a thread of their own. The
    other methods are for one thread at a time.
    """

    def __init__(
        self,
        arguments: list[str],
        key: bytes,
        spool: int,
        on_reply: Callable[[Reply], object],
        on_end: Callable[[], object],
    ) -> None:
        self._on_reply = on_reply
        self._on_end = on_end
        self.ready: Ready
        """Its first reply."""
        self._first: Reply | None = None
        self._spoke = threading.Event()
        self._has_ended = threading.Event()
        self._process = _start([*arguments, str(spool)], spool)
        self._write(key)
        self._listener = threading.Thread(target=self._listen, name="responses-tap replies", daemon=True)
        self._listener.start()
        if not self._spoke.wait(_START_SECONDS) or not isinstance(self._first, Ready):
            self.terminate()
            raise RecordingError(
                self._first.message if isinstance(self._first, Trouble) else "the recorder did not start"
            )
        self.ready = self._first

    @property
    def has_ended(self) -> bool:
        """Whether the worker has said its last word; known before `on_end` is called."""
        return self._has_ended.is_set()

    def ring(self) -> None:
        """Let the worker know that there is something to read."""
        self._write(b"!")

    def hang_up(self) -> None:
        """Let the worker know that nothing follows: it ends once it has read everything."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def wait(self, seconds: float) -> bool:
        """Whether the worker has replied for the last time and exited within `seconds`."""
        self._listener.join(seconds)
        if self._listener.is_alive():
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    @property
    def has_ended_well(self) -> bool:
        """Whether the worker has read everything and closed the recording."""
        return self._process.returncode == 0

    def terminate(self) -> None:
        """Make sure that the worker has ended, and let go of it."""
        self._process.kill()
        self.hang_up()
        self.wait(_END_SECONDS)

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        # Full: it has been rung for already. Broken: it is gone, and its successor looks by itself.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._process.stdin.fileno(), data)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                reply = decode_reply(line)
                if self._first is None:
                    self._first = reply
                    self._spoke.set()
                else:
                    self._on_reply(reply)
        self._spoke.set()
        self._has_ended.set()
        self._on_end()


def _start(arguments: list[str], spool: int) -> subprocess.Popen[bytes]:
    # PYTHONPATH, because mitmproxy may run the addon from a checkout that is not installed; -P, because the
    # current folder belongs to the user who records.
    path = os.pathsep.join(filter(None, [str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(  # noqa: S603 (our own module)
        [sys.executable, "-P", "-m", "responses_tap.recorder", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONPATH": path},
        # Unbuffered, replies would be read byte by byte, each time taking the interpreter from the proxy's thread.
        bufsize=-1,
        pass_fds=(spool,),
        # A Ctrl-C in the terminal is for the proxy, which then ends the worker. Not a session of its own:
        # Linux would schedule it by itself (autogroup), and the worker's niceness would mean nothing.
        process_group=0,
    )
    assert process.stdin is not None
    os.set_blocking(process.stdin.fileno(), False)
    return process
