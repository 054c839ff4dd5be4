"""A worker process as its supervisor sees it: started, written to, listened to, waited for."""

import contextlib
import fcntl
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from responses_tap.recorder.messages import Ready, Reply, Trouble, decode_reply
from responses_tap.store import RecordingError

_PIPE_BYTES = 2**20
_START_SECONDS = 60.0
_END_SECONDS = 10.0
_PACKAGE_ROOT = Path(__file__).parents[3]


class WorkerProcess:
    """A running worker that has opened its recording; RecordingError if it could not.

    `key` is what it masks credentials with.

    `on_reply` is called with what the worker says, and `on_end` after its last word, on a thread of their own. The
    other methods are for one thread at a time.
    """

    def __init__(
        self, arguments: list[str], key: bytes, on_reply: Callable[[Reply], object], on_end: Callable[[], object]
    ) -> None:
        self._on_reply = on_reply
        self._on_end = on_end
        self.ready: Ready
        """Its first reply."""
        self._first: Reply | None = None
        self._spoke = threading.Event()
        self._has_ended = threading.Event()
        self._process = _start(arguments)
        with contextlib.suppress(BrokenPipeError):
            self.write_all(key)
        self._listener = threading.Thread(target=self._listen, name="responses-tap replies", daemon=True)
        self._listener.start()
        if not self._spoke.wait(_START_SECONDS) or not isinstance(self._first, Ready):
            self.terminate()
            raise RecordingError(self._first.message if isinstance(self._first, Trouble) else "recorder: no answer")
        self.ready = self._first

    @property
    def has_ended(self) -> bool:
        """Whether the worker has said its last word; known before `on_end` is called."""
        return self._has_ended.is_set()

    def write(self, data: memoryview) -> int:
        """Send as many bytes as there is room for in the pipe, at once; how many. BrokenPipeError if it is gone."""
        assert self._process.stdin is not None
        try:
            return os.write(self._process.stdin.fileno(), data)
        except BlockingIOError:
            return 0

    def write_all(self, data: bytes) -> None:
        """Send bytes, waiting for the worker to take them; BrokenPipeError if it is gone."""
        assert self._process.stdin is not None
        rest = memoryview(data)
        while rest := rest[self.write(rest) :]:
            select.select([], [self._process.stdin], [])

    def finish(self, seconds: float) -> bool:
        """Tell the worker that nothing follows; whether it has ended well within `seconds`."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._listener.join(seconds)
        try:
            return self._process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            return False

    def terminate(self) -> None:
        """Make sure that the worker has ended, and let go of it."""
        self._process.kill()
        self.finish(_END_SECONDS)

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


def _start(arguments: list[str]) -> subprocess.Popen[bytes]:
    # PYTHONPATH, because mitmproxy may run the addon from a checkout that is not installed; -P, because the
    # current folder belongs to the person who records.
    path = os.pathsep.join(filter(None, [str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(  # noqa: S603 (our own module)
        [sys.executable, "-P", "-m", "responses_tap.recorder", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONPATH": path},
        # Unbuffered, replies would be read byte by byte, each time taking the interpreter from the proxy's thread.
        bufsize=-1,
        # A Ctrl-C in the terminal is for the proxy, which then ends the worker. Not a session of its own:
        # Linux would schedule it by itself (autogroup), and the worker's niceness would mean nothing.
        process_group=0,
    )
    assert process.stdin is not None
    os.set_blocking(process.stdin.fileno(), False)
    if set_size := getattr(fcntl, "F_SETPIPE_SZ", None):
        with contextlib.suppress(OSError):  # a limit of the system; the usual 64 KiB do, too
            fcntl.fcntl(process.stdin, set_size, _PIPE_BYTES)
    return process
