"""A supervisor as in a proxy: everything of it is called on the thread of an event loop."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from responses_tap.recorder.messages import (
    EndingMessage,
    MessageKind,
    Notice,
    RequestMessage,
    ResponseMessage,
    SocketMessage,
)
from responses_tap.recorder.proxy_side.supervisor import WorkerSupervisor
from responses_tap.recorder.proxy_side.tap import Tap
from responses_tap.recorder.recorder_settings import RecorderSettings


class FeedLoop:
    """The event loop, and what the proxy does on it."""

    def __init__(self, db: Path, on_notice: Callable[[Notice], object], **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._is_closed = False
        try:
            self.supervisor = self.call(
                lambda: WorkerSupervisor(db, RecorderSettings(**options), on_notice, self._loop.call_later)
            )
        except BaseException:
            self._stop()
            raise

    def call[Result](self, function: Callable[[], Result]) -> Result:
        """Call it there; return its result."""
        done: Future[Result] = Future()

        def run() -> None:
            try:
                done.set_result(function())
            except BaseException as error:  # noqa: BLE001 (it is raised where it was called)
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result()

    def open(self, request: RequestMessage, at_ns: int, kind: MessageKind = MessageKind.REQUEST) -> "LoopTap":
        return LoopTap(self, self.call(lambda: self.supervisor.open(request, at_ns, kind)))

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self.call(self.supervisor.close)
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class LoopTap:
    """One of its taps."""

    def __init__(self, loop: FeedLoop, tap: Tap) -> None:
        self._call, self._tap, self._relay = loop.call, tap, loop.call(tap.relay)

    def response(self, response: ResponseMessage) -> None:
        self._call(lambda: self._tap.response(response))

    def chunk(self, data: bytes) -> None:
        assert self._call(lambda: self._relay(data)) is data

    def message(self, message: SocketMessage) -> None:
        self._call(lambda: self._tap.message(message))

    def end(self, ending: EndingMessage) -> None:
        self._call(lambda: self._tap.end(ending))
