"""Processes that forward, as the recorder sees them: started, listened to, waited for."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal, NamedTuple

import click

from responses_tap.errors import UnusableInput
from responses_tap.escaping import printable
from responses_tap_viewer.actions.recording.notices import NoticePipe, Warning  # noqa: A004 (its name there)
from responses_tap_viewer.printing import print_lines, say
from responses_tap_viewer.reports.text import WARNING

EVERY_S = 300.0
"""Seconds that a stream waits for others that go into the same file of an archive, at most."""
_START_S = 30.0
"""Seconds after which recording begins although the destination hasn't said whether it can be used."""
_BYE = b"."


class ForwardingSettings(NamedTuple):
    """What to forward, and where."""

    files: list[str]
    """The recording's files; each may be continued in others."""
    kind: Literal["archive", "otlp"]
    url: str
    only: str = ""
    with_events: bool = False
    every_s: float = EVERY_S


class ForwardingReport(NamedTuple):
    """What a process says, each in a line of JSON."""

    kind: Literal["ready", "refused", "trouble", "done"]
    words: str


@contextmanager
def forwarded(wanted: Sequence[ForwardingSettings], notices: int) -> Iterator[None]:
    """Forward what is recorded meanwhile, print what goes wrong, and at the end what was done.

    UnusableInput where a destination can't be used. `notices` is that of `recording.run.record`.
    """
    pipe = NoticePipe(notices)

    def warn(words: str) -> None:
        pipe.send(Warning(words))
        say(click.style(f"{WARNING}{printable(words)}", fg="yellow"))

    processes: list[ForwardingProcess] = []
    try:
        for settings in wanted:
            processes.append(ForwardingProcess(settings, warn))
        yield
    finally:
        for process in processes:
            process.hang_up()
        for process in processes:
            print_lines([process.wait()], err=True)


class ForwardingProcess:
    """A running process; UnusableInput where its destination can't be used."""

    def __init__(self, settings: ForwardingSettings, on_trouble: Callable[[str], object]) -> None:
        self._on_trouble = on_trouble
        self._spoke = threading.Event()
        self._refusal: str | None = None
        self._done = f"{settings.url}: the process that forwards to it has died; the recording has everything"
        self._process = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-P", "-m", "responses_tap_viewer.actions.forwarding", json.dumps(settings._asdict())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._listener = threading.Thread(target=self._listen, name=f"responses-tap {settings.kind}", daemon=True)
        self._listener.start()
        self._spoke.wait(_START_S)
        if self._refusal is not None:
            self.hang_up()
            self._process.wait()
            raise UnusableInput("", self._refusal)

    def hang_up(self) -> None:
        """Say that the recorder has ended, and wasn't killed."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(_BYE)
            self._process.stdin.close()

    def wait(self) -> str:
        """Wait until everything has been forwarded; what was done, in words. Ctrl-C ends it."""
        try:
            self._process.wait()
        except KeyboardInterrupt:
            self._process.kill()
        self._listener.join()
        return self._done

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._take(ForwardingReport(*json.loads(line)))
        self._spoke.set()

    def _take(self, report: ForwardingReport) -> None:
        match report.kind:
            case "refused":
                self._refusal = report.words
            case "trouble":
                self._on_trouble(report.words)
            case "done":
                self._done = report.words
        self._spoke.set()
