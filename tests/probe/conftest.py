"""Every test here starts recorders: most of the time would go into what their workers import."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from mitmproxy import certs

from responses_tap.recorder.proxy_side import worker_process

_load_key = cache(certs.load_pem_private_key)


class ForkedWorker:
    """A worker as `subprocess.Popen` would have it, as far as the recorder looks."""

    def __init__(self, server: socket.socket, arguments: list[str]) -> None:
        (stdin, ours_in), (ours_out, stdout), (ours_status, status) = os.pipe(), os.pipe(), os.pipe()
        socket.send_fds(server, [json.dumps(arguments[:-1]).encode()], [stdin, stdout, status, int(arguments[-1])])
        self.pid = int(server.recv(32))
        for descriptor in (stdin, stdout, status):
            os.close(descriptor)
        os.set_blocking(ours_in, False)
        self.stdin = os.fdopen(ours_in, "wb")
        self.stdout = os.fdopen(ours_out, "rb")
        self.returncode: int | None = None
        self._status = ours_status

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("worker", timeout or 0)
            with os.fdopen(self._status, "rb") as status:
                self.returncode = int(status.read() or -signal.SIGKILL)
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)

    def __del__(self) -> None:
        """Or Python warns of its pipes, in whatever test runs when it finds them."""
        self.stdin.close()
        self.stdout.close()


@pytest.fixture(scope="session")
def worker_server() -> Iterator[socket.socket]:
    """A process that forks workers."""
    ours, theirs = socket.socketpair()
    script = Path(__file__).parents[1] / "worker_server.py"
    command = [sys.executable, "-P", script, str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()]), ours:
        theirs.close()
        yield ours


@pytest.fixture(autouse=True)
def _known_ca(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the key of mitmproxy's CA once, not for every proxy: that takes a tenth of a second."""
    monkeypatch.setattr(certs, "load_pem_private_key", _load_key)


@pytest.fixture(autouse=True)
def _forked_workers(worker_server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the workers instead of starting each as a program; tests/recorder/ and tests/mitm/ hold that."""
    monkeypatch.setattr(worker_process, "_start", lambda arguments, _spool: ForkedWorker(worker_server, arguments))
