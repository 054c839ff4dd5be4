"""The loop of the forwarding process: from a recording to a destination, until the recorder has ended."""

import os
import select
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from responses_tap.errors import UnusableInput
from responses_tap_viewer.actions.file_locks import locked
from responses_tap_viewer.actions.forwarding.following import EndedStream, RecordingFollower
from responses_tap_viewer.actions.forwarding.forwarding_process import ForwardingReport, ForwardingSettings

_POLL_S = 1.0
_QUIET_S = 5.0
"""Seconds without the end of a stream, after which nothing more is expected of a recorder that was killed."""


class Destination(Protocol):
    """Where streams go. Both methods return what the user should know."""

    def take(self, ended: Iterable[EndedStream]) -> list[str]:
        """Take as many of these streams as there is room for."""

    def close(self, ended: Iterable[EndedStream]) -> list[str]:
        """Take these, and be done; the last line says what has been done in all."""


class Forwarder:
    """Forwards the streams of a recording; UnusableInput where the destination can't be used."""

    def __init__(self, settings: ForwardingSettings, report: Callable[[ForwardingReport], object]) -> None:
        self._settings = settings
        self._report = report
        self._follower = RecordingFollower(map(Path, settings.files), settings.only)
        self._destination = _destination(settings)
        if settings.kind == "otlp":
            self._follower.skip()  # a collector can't be asked which spans it has

    def run(self, lifeline: int) -> None:
        """Forward until this pipe is closed, and then what is left."""
        try:
            with self._alone(), closing(self._follower):
                self._forward(lifeline)
        except UnusableInput as error:
            self._report(ForwardingReport("done", str(error)))

    def _alone(self) -> AbstractContextManager[None]:
        """Wait for the process of a killed recorder, which may still send spans. What archives may run beside it."""
        if self._settings.kind == "archive":
            return nullcontext()
        path = Path(f"{self._settings.files[0]}-{self._settings.kind}")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return locked(path)

    def _forward(self, lifeline: int) -> None:
        while (heard := _heard(lifeline)) is None:
            self._tell(self._destination.take(self._follower.ended()))
        # A recorder that wasn't killed says so.
        *troubles, done = self._destination.close(self._follower.ended() if heard else self._left_by_killed())
        self._tell(troubles)
        self._report(ForwardingReport("done", done))

    def _left_by_killed(self) -> Iterator[EndedStream]:
        """What the worker of a killed recorder still writes. What the next recorder writes isn't ours."""
        killed_at, quiet_since = datetime.now(UTC), time.monotonic()
        while time.monotonic() - quiet_since < _QUIET_S:
            for found in self._follower.ended(until=killed_at):
                quiet_since = time.monotonic()
                yield found
            time.sleep(_POLL_S)

    def _tell(self, troubles: Iterable[str]) -> None:
        for words in troubles:
            self._report(ForwardingReport("trouble", words))


def _destination(settings: ForwardingSettings) -> Destination:
    if settings.kind == "otlp":
        from responses_tap_viewer.actions.forwarding.telemetry import Telemetry

        return Telemetry(settings.url)
    from responses_tap_viewer.actions.forwarding.archiving import Archiver

    return Archiver(settings.url, with_events=settings.with_events, every_s=settings.every_s)


def _heard(lifeline: int) -> bytes | None:
    """What the pipe says within a while: None for nothing, empty where it has been closed."""
    return os.read(lifeline, 1) if select.select([lifeline], [], [], _POLL_S)[0] else None
