"""`python -m responses_tap.mitm`: one of the recording proxies of a `ProxyGroup`.

A line of JSON on stdin, `ProxySettings`, says what it does; stdin ends when it is to end. Replies are lines of JSON on
stdout: `{"serving": …}` or `{"failed": "why"}`, the recorder's notices, and at last `{"passed": {…}}`.
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mitmproxy.proxy.mode_specs import ProxyMode

from responses_tap.mitm.proxy import CannotRecord, Proxy, mode_specs
from responses_tap.mitm.shared_ports import ProxySettings, SharedPortsLoop
from responses_tap.recorder.messages import Notice, encode_reply


class _Member(Proxy):
    """A proxy on ports that others accept connections on, too."""

    def __init__(self, settings: ProxySettings, on_notice: Callable[[Notice], object]) -> None:
        self._descriptors = settings.descriptors
        for spec in mode_specs(settings.modes, settings.upstream):
            # mitmproxy would bind a port for HTTP/3, too, which cannot be shared. It parses each mode once.
            ProxyMode.parse(spec).transport_protocol = "tcp"  # type: ignore[misc]
        super().__init__(
            Path(settings.db),
            upstream=settings.upstream,
            listen=(settings.host, settings.port),
            modes=settings.modes,
            on_notice=on_notice,
            options=settings.options,
        )

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        return SharedPortsLoop(self._descriptors)


class _Replies:
    """Standard output, for several threads, as long as anybody reads it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, **facts: Any) -> None:
        self._write(json.dumps(facts).encode() + b"\n")

    def report(self, notice: Notice) -> None:
        self._write(encode_reply(notice))

    def _write(self, line: bytes) -> None:
        with self._lock:
            try:
                while line:
                    line = line[os.write(1, line) :]
            except BrokenPipeError:
                pass


def main() -> None:
    """Record until stdin ends."""
    settings = ProxySettings.decode(sys.stdin.readline())
    replies = _Replies()
    try:
        with _Member(settings, replies.report) as proxy:
            replies.say(serving=proxy.listeners)
            sys.stdin.read()
    except CannotRecord as error:
        replies.say(failed=str(error))
    else:
        replies.say(passed=proxy.passed)


main()
