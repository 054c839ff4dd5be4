"""Sends the requests of scenarios, each over a connection of its own, and takes what comes within a time."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from responses_tap.protocol.sse import Decoder
from responses_tap_viewer.probe.answer import Answer

MARKER = "x-responses-tap-probe"
"""The header that names the scenario and the step: the recording shows by it which stream is whose."""
_MOST_BYTES = 64 * 2**20


@dataclass
class Patience:
    """How long to wait, in seconds; it grows with what the server needs for a text."""

    idle: float = 30.0
    total: float = 120.0

    def learn(self, answer: Answer) -> None:
        """Take the time of a good answer for a measure."""
        self.idle = max(self.idle, 20 * answer.first_s)
        self.total = max(self.total, 10 * answer.took_s)


@dataclass
class Client:
    """Asks one server, through the recorder."""

    base: str
    """The URL of the recorder, with the path of the API's base URL."""
    headers: Mapping[str, str]
    patience: Patience = field(default_factory=Patience)

    def send(self, method: str, path: str, content: bytes | None, mark: str, leave_after: int | None = None) -> Answer:
        """The answer to one request; never raises, whatever the server does."""
        headers = {**self.headers, MARKER: mark}
        if content is not None:
            headers["content-type"] = "application/json"
        began = time.monotonic()
        received = _Received()
        trouble = ""
        try:
            # No proxy of the environment: the recorder is the way, and it is on this machine.
            with (
                httpx2.Client(timeout=self.patience.idle, trust_env=False) as client,
                client.stream(method, self.base + path, content=content, headers=headers) as response,
            ):
                received.status = response.status_code
                received.content_type = response.headers.get("content-type", "")
                for data in response.iter_bytes():
                    received.add(data, time.monotonic() - began)
                    if leave_after is not None and received.events >= leave_after:
                        break
                    trouble = self._too_much(received, time.monotonic() - began)
                    if trouble:
                        break
        except httpx2.TimeoutException:
            trouble = f"nothing came for {self.patience.idle:.0f} s"
        except httpx2.HTTPError as error:
            trouble = f"the connection broke: {str(error) or type(error).__name__}"
        return Answer(
            received.status,
            received.content_type,
            bytes(received.body),
            received.first_s,
            time.monotonic() - began,
            trouble,
            left=leave_after is not None and not trouble,
        )

    def _too_much(self, received: "_Received", seconds: float) -> str:
        if seconds > self.patience.total:
            return f"it hadn't ended after {self.patience.total:.0f} s"
        return f"more than {_MOST_BYTES >> 20} MiB came" if len(received.body) > _MOST_BYTES else ""


@dataclass
class _Received:
    status: int = 0
    content_type: str = ""
    body: bytearray = field(default_factory=bytearray)
    first_s: float = 0.0
    events: int = 0
    _decoder: Decoder = field(default_factory=Decoder)

    def add(self, data: bytes, at_s: float) -> None:
        """Take a piece of the body."""
        self.first_s = self.first_s or at_s
        self.body += data
        self.events += sum(frame.data is not None for frame in self._decoder.feed(data))


def encoded(body: Mapping[str, Any] | None) -> bytes | None:
    """The body of a request, as JSON."""
    return None if body is None else json.dumps(body, ensure_ascii=False).encode()
