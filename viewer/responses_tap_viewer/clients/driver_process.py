"""A running driver: a request for each stream, and its answer to it."""

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

from pydantic import BaseModel, ValidationError

from responses_tap.escaping import shorten
from responses_tap_viewer.clients.drivers import Driver
from responses_tap_viewer.clients.environments import CannotRun, ClientEnvironment

_START_SECONDS = 180.0
"""How long a driver may take to import its client."""
_LONGEST = 64 << 20
"""Bytes of an answer."""
_LINES = 20
_MOST_ERROR = 300


class DeliveredCall(BaseModel):
    """A call of a tool as a client has it."""

    id: str | None = None
    name: str | None = None
    arguments: Any = None
    """The object, or its JSON as text."""


class DeliveredUsage(BaseModel):
    """The tokens that a client counts."""

    input_tokens: int | None = None
    output_tokens: int | None = None


class ClientAnswer(BaseModel):
    """What a client made of a stream, as its driver prints it."""

    client: str
    version: str
    outcome: Literal["ok", "raised", "hung"]
    error: str | None = None
    text: str = ""
    reasoning: str = ""
    tool_calls: list[DeliveredCall] = []
    usage: DeliveredUsage | None = None


class DriverProcess:
    """Runs a driver while it is entered, and once more after it hung or ended."""

    def __init__(self, driver: Driver, environment: ClientEnvironment, timeout: float) -> None:
        self._driver = driver
        self._environment = environment
        self._timeout = timeout
        self._running: _Running | None = None

    def ask(self, base_url: str, tools: Sequence[str]) -> ClientAnswer:
        """Have the client play the stream at this base URL. Raises CannotRun where no answer comes of it."""
        running = self._running or self._start()
        try:
            return _parsed(running.ask({"base_url": base_url, "tools": list(tools)}, self._timeout))
        except TimeoutError:
            self._stop()
            name, version = self._driver.name, self._environment.version
            return ClientAnswer(client=name, version=version, outcome="hung", error=f"no end after {self._timeout:g} s")
        except CannotRun:
            self._stop()
            raise

    def _start(self) -> "_Running":
        self._running = _Running(self._driver, self._environment)
        try:
            self._running.line(_START_SECONDS)
        except TimeoutError as error:
            self._stop()
            raise CannotRun(f"did not start in {_START_SECONDS:.0f} s") from error
        except CannotRun:
            self._stop()
            raise
        return self._running

    def _stop(self) -> None:
        if self._running is not None:
            self._running.stop()
        self._running = None

    def __enter__(self) -> Self:
        """Start it. Raises CannotRun where it doesn't."""
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()


class _Running:
    """The process, in an empty home of its own."""

    def __init__(self, driver: Driver, environment: ClientEnvironment) -> None:
        command = environment.command(driver)
        self._home = tempfile.TemporaryDirectory(prefix="responses-tap-client-", ignore_cleanup_errors=True)
        home = Path(self._home.name)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program in the client's environment
                command,
                cwd=home,
                env=environment.variables(home),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            self._home.cleanup()
            raise CannotRun(f"does not start ({error.strerror})") from error
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._complaints: deque[str] = deque(maxlen=_LINES)
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_complaints)]
        for thread in self._threads:
            thread.start()

    def ask(self, request: object, seconds: float) -> bytes:
        """The line printed for a request. Raises TimeoutError, and CannotRun where the process has ended."""
        try:
            _of(self._process.stdin).write(json.dumps(request).encode() + b"\n")
            _of(self._process.stdin).flush()
        except OSError as error:
            raise CannotRun(self._last_words()) from error
        return self.line(seconds)

    def line(self, seconds: float) -> bytes:
        """The next line printed; errors as `ask`."""
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty as error:
            raise TimeoutError from error
        if not line:
            raise CannotRun(self._last_words())
        return line

    def stop(self) -> None:
        """End it and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):  # what could not be written to a dead process
                _of(pipe).close()
        self._home.cleanup()

    def _read(self) -> None:
        while line := _of(self._process.stdout).readline(_LONGEST):
            self._answers.put(line)
        self._answers.put(b"")

    def _read_complaints(self) -> None:
        for line in iter(lambda: _of(self._process.stderr).readline(_LONGEST), b""):
            self._complaints.append(line.decode(errors="replace"))

    def _last_words(self) -> str:
        self._process.wait()
        self._threads[1].join()
        said = next((line.strip() for line in reversed(self._complaints) if line.strip()), "without a word")
        return f"its driver exited with status {self._process.returncode}: {shorten(said, _MOST_ERROR)}"


def _of(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _parsed(line: bytes) -> ClientAnswer:
    """A line as an answer; half a surrogate pair, which isn't text, becomes `?`."""
    try:
        text = json.dumps(json.loads(line), ensure_ascii=False)
        return ClientAnswer.model_validate_json(text.encode(errors="replace"))
    except (ValueError, RecursionError) as error:
        what = "no result" if isinstance(error, ValidationError) else "no JSON"
        shown = shorten(line.decode(errors="replace").strip(), 80)
        raise CannotRun(f"its driver printed something that is {what}: {shown}") from error
