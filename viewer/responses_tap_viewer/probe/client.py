"""Sends the requests of scenarios, each over a connection of its own, and takes what comes within a time."""

import json
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2

from responses_tap.protocol.sse import Decoder
from responses_tap_viewer.probe.answer import Answer

MARKER = "x-responses-tap-probe"
"""The header that names the scenario and the step: the recording shows by it which stream is whose."""
_MOST_BYTES = 64 * 2**20
_FIRST_USE = 60.0
"""Seconds that the first use of a feature may take: engines compile what they haven't needed before."""


@dataclass
class Patience:
    """How long to wait, in seconds: as long as the user says, or as the server's own speed suggests."""

    idle: float = _FIRST_USE
    """For the next byte."""
    total: float = 120.0
    is_fixed: bool = False

    @classmethod
    def of(cls, idle: float | None) -> "Patience":
        """The user's, or one that learns."""
        return cls() if idle is None else cls(idle, 4 * idle, is_fixed=True)

    def learn(self, answer: Answer) -> None:
        """Take a good answer for a measure."""
        if not self.is_fixed and not answer.failure:
            self.idle = max(10.0, 20 * max(answer.first_s, answer.gap_s))
            self.total = max(30.0, 10 * answer.took_s)

    def within(self, seconds: float | None) -> "Patience":
        """The same, or less."""
        return self if seconds is None else replace(self, idle=min(self.idle, seconds), total=min(self.total, seconds))

    @property
    def again(self) -> "Patience":
        """That of a second try, after a timeout."""
        return self if self.is_fixed else Patience(max(self.idle, _FIRST_USE), max(self.total, 2 * _FIRST_USE))


@dataclass(frozen=True)
class ProbeRequest:
    """One request as it is sent."""

    method: str
    path: str
    """Below the API's base URL."""
    content: bytes | None
    mark: str
    leave_after: int | None = None
    """After how many events the client leaves."""


@dataclass
class ProbeClient:
    """Asks one server, through the recorder."""

    base: str
    """The URL of the recorder, with the path of the API's base URL."""
    headers: Mapping[str, str] = field(default_factory=dict)
    proxy: str | None = None
    """The URL of the recorder where it is a proxy, and `base` the server's own."""
    ca: str | None = None
    """The recorder's certificate, PEM, where it is a proxy."""
    between: str = ""
    """The URL of the environment's proxy, which the recorder asks the server through."""
    patience: Patience = field(default_factory=Patience)
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set when the user doesn't want to know more: no further request is sent."""

    def send(self, request: ProbeRequest, patience: Patience | None = None) -> Answer:
        """The answer to one request; never raises, whatever the server does."""
        waits = patience or self.patience
        headers = {**self.headers, MARKER: request.mark}
        if request.content is not None:
            headers["content-type"] = "application/json"
        received = _Received(time.monotonic())
        timed_out = False
        try:
            with self._client(waits) as client:
                ask = client.stream(request.method, self.base + request.path, content=request.content, headers=headers)
                with ask as response:
                    received.begin(response)
                    trouble = self._receive(response, received, request.leave_after, waits.total)
            timed_out = trouble.startswith("it hadn't ended")
        except httpx2.TimeoutException:
            trouble, timed_out = f"nothing came for {waits.idle:g} s", True
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            trouble = f"the connection broke: {str(error) or type(error).__name__}"
        return received.answer(trouble, timed_out=timed_out)

    def _client(self, waits: Patience) -> httpx2.Client:
        # Nothing of the environment: the recorder is the way, and it is on this machine.
        # A reverse proxy is asked by plain HTTP: the roots of the system, which take long to load, aren't needed.
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusted = plain if self.ca is None else ssl.create_default_context(cadata=self.ca)
        return httpx2.Client(timeout=waits.idle, trust_env=False, proxy=self.proxy, verify=trusted)

    def _receive(self, response: httpx2.Response, received: "_Received", leave_after: int | None, total: float) -> str:
        """Take the body; why it isn't whole, empty where it is, or where the client leaves as the scenario says."""
        for data in response.iter_bytes():
            received.add(data)
            if leave_after is not None and received.events >= leave_after:
                return ""
            if time.monotonic() - received.began > total:
                return f"it hadn't ended after {total:g} s"
            if len(received.body) > _MOST_BYTES:
                return f"more than {_MOST_BYTES >> 20} MiB came"
        return ""


@dataclass
class _Received:
    began: float
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    first_s: float = 0.0
    gap_s: float = 0.0
    events: int = 0
    _last: float = 0.0
    _decoder: Decoder = field(default_factory=Decoder)

    def begin(self, response: httpx2.Response) -> None:
        """Take the status and the headers."""
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}

    def add(self, data: bytes) -> None:
        """Take a piece of the body."""
        at_s = time.monotonic() - self.began
        self.first_s = self.first_s or at_s
        self.gap_s = max(self.gap_s, at_s - (self._last or at_s))
        self._last = at_s
        self.body += data
        self.events += sum(frame.data is not None for frame in self._decoder.feed(data))

    def answer(self, trouble: str, *, timed_out: bool) -> Answer:
        """What came, as an answer."""
        took = time.monotonic() - self.began
        times = (self.first_s, took, self.gap_s)
        return Answer(self.status, self.headers, bytes(self.body), *times, trouble, timed_out)


def encoded(body: Mapping[str, Any]) -> bytes:
    """The body of a request, as JSON."""
    return json.dumps(body, ensure_ascii=False).encode()
