"""A command in a terminal of its own."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TAP = f"{sys.executable} -m responses_tap_viewer"
SECONDS = 60.0
LINES, COLUMNS = 45, 160


class Terminal:
    """A shell command in a terminal: its output so far, and keys for it."""

    def __init__(self, process: "subprocess.Popen[bytes]", end: int) -> None:
        self.process = process
        self.written = b""
        self._end = end

    def press(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def shows(self, *texts: str) -> None:
        """Wait until all of these have been written."""
        deadline = time.monotonic() + SECONDS
        self._read()
        while not all(text.encode() in self.written for text in texts):
            assert time.monotonic() < deadline, self.written.decode(errors="replace")
            self._read()

    def ends(self, keys: str = "") -> int:
        """Read to the end, pressing these keys again and again; return the exit status."""
        deadline = time.monotonic() + SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.written.decode(errors="replace")
            with suppress(OSError):  # it has just ended
                self.press(keys)
            self._read()
        self._read()
        return self.process.returncode

    def _read(self) -> None:
        while select.select([self._end], [], [], 0.1)[0]:
            try:
                self.written += os.read(self._end, 65536)
            except OSError:  # the other end has been closed
                return


@contextmanager
def terminal(command: str, folder: Path) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color", "LINES": str(LINES), "COLUMNS": str(COLUMNS)},
        preexec_fn=lambda: os.login_tty(theirs),  # noqa: PLW1509 - nothing else gives it a terminal of its own
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
