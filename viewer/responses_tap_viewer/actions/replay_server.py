"""A small HTTP/1.1 server that plays streams to any client. Anyone who reaches the port can send requests.

h11 parses requests and frames responses (RFC 9112); this module sets the limits and decides whom to answer.
"""

import json
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from types import TracebackType
from typing import NamedTuple, Self

import h11

from responses_tap.urls import is_loopback, split
from responses_tap_viewer.actions.playback import BreakOff, Playback

_POLL = 0.02
"""Seconds until the closing of the server is noticed."""
_REQUEST_SECONDS = 60.0
"""How long a connection may be idle, and how long a request may take to arrive."""
_SEND_SECONDS = 300.0
"""How long a client may take to read a piece."""
_MOST_SECONDS = 3600.0
"""The longest wait before a piece, whatever its time."""
_MOST_HEAD = 64 << 10
_MOST_BODY = 1 << 30
_MOST_KEPT = 16 << 20
"""How much of a body is kept for whoever answers by it."""
_PIECE = 64 << 10
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED)
_METHODS = (b"GET", b"HEAD", b"POST")
_JSON = ("Content-Type", "application/json")


class Asked(NamedTuple):
    """A request as it was received."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes = b""


type Answers = Callable[[Asked], Playback]
"""What is played to a request; raises Refused."""


class Refused(Exception):  # noqa: N818 - the error is the client's
    """A request that isn't answered with a playback."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class ReplayServer:
    """An HTTP server on loopback that answers each request below a prefix with that prefix's playback.

    The prefix "" answers every path; a function instead of playbacks answers by the request, whose body may have
    16 MiB then. `speed` 2 plays twice as fast, `speed` 0 without waiting. Raises OSError where it cannot listen. Only
    requests whose Host is a loopback name or the address listened on are answered, not those of a web page whose own
    name resolves to it (DNS rebinding).
    """

    def __init__(
        self,
        playbacks: Mapping[str, Playback] | Answers,
        listen: tuple[str, int] = ("127.0.0.1", 0),
        speed: float = 1,
    ) -> None:
        self._server = _Server(listen, playbacks, speed)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL,), name="replay", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        host, port = self._server.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, listen: tuple[str, int], playbacks: Mapping[str, Playback] | Answers, speed: float) -> None:
        self.playbacks = dict(playbacks) if isinstance(playbacks, Mapping) else {}
        self.answers = self.by_prefix if isinstance(playbacks, Mapping) else playbacks
        self.most_body = _MOST_BODY if isinstance(playbacks, Mapping) else _MOST_KEPT
        self.speed = speed
        self.stopped = threading.Event()
        self.name = listen[0].lower()
        super().__init__(listen, _Connection)

    def by_prefix(self, asked: Asked) -> Playback:
        """The playback for a path."""
        found = next((p for prefix, p in self.playbacks.items() if asked.path.startswith(prefix)), None)
        if found is None:
            known = ", ".join(self.playbacks)
            raise Refused(HTTPStatus.NOT_FOUND, f"nothing to replay at {asked.path}; there is {known}")
        return found

    def handle_error(self, request: object, client_address: object) -> None:
        """Report in one line what went wrong with a connection."""
        sys.stderr.write(f"responses-tap: a request could not be answered ({sys.exc_info()[1]!r})\n")


class _Connection(socketserver.BaseRequestHandler):
    """A client's connection: requests in sequence, until one is refused or either side closes it."""

    server: _Server
    request: socket.socket

    def setup(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEAD)
        self._is_head = False
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a piece is a segment

    def handle(self) -> None:
        try:
            while self._serve():
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            self._refuse(HTTPStatus(error.error_status_hint), "that isn't an HTTP request")
        except Refused as error:
            self._refuse(error.status, str(error))
        except OSError:
            pass  # the client has hung up or gone silent, which is fine

    def _serve(self) -> bool:
        """Answer a request; return whether another one may follow."""
        self._deadline = time.monotonic() + _REQUEST_SECONDS
        request = self._next()
        if not isinstance(request, h11.Request):
            return False
        self._is_head = request.method == b"HEAD"
        asked, most, body = self._admitted(request), self.server.most_body, bytearray()
        size = 0
        while isinstance(data := self._next(), h11.Data):
            size += len(data.data)
            if size > most:
                raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request may have {most} bytes")
            if not self.server.playbacks:
                body += data.data
        if not isinstance(data, h11.EndOfMessage):
            return False
        self._play(self.server.answers(asked._replace(body=bytes(body))))
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event from the client; TimeoutError where it takes too long."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[]))
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.request.settimeout(left)
            self._http.receive_data(self.request.recv(_PIECE))
        return event

    def _admitted(self, request: h11.Request) -> Asked:
        """A request that may be answered, of which only the head has been read."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        path = request.target.decode("latin-1")
        if not self._is_ours(headers.get("host", "")):
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "expected a loopback name or the address listened on as Host")
        if "origin" in headers and not self._is_ours(split(headers["origin"]).netloc):
            raise Refused(HTTPStatus.FORBIDDEN, "requests from other origins are refused")
        if not path.startswith("/"):
            raise Refused(HTTPStatus.BAD_REQUEST, "expected a path")
        if request.method not in _METHODS:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "expected GET, HEAD or POST")
        if int(headers.get("content-length", 0)) > self.server.most_body:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request may have {self.server.most_body} bytes")
        if request.method == b"GET" and headers.get("upgrade", "").lower() == "websocket":
            # Like a server without WebSockets: with an event stream, Codex wouldn't fall back to POST.
            raise Refused(HTTPStatus.UPGRADE_REQUIRED, "only event streams are replayed, no WebSocket")
        return Asked(request.method.decode(), path, headers)

    def _is_ours(self, authority: str) -> bool:
        """Whether HOST or HOST:PORT is a loopback name, the name given to listen on, or the address reached."""
        name = split(f"//{authority}").netloc.lower()
        host = name.rpartition(":")[0] if name.rpartition(":")[2].isdecimal() else name
        host = host.removeprefix("[").removesuffix("]")
        return is_loopback(host) or host in (self.server.name, self.request.getsockname()[0])

    def _send(self, *events: h11.Event) -> None:
        self.request.settimeout(_SEND_SECONDS)
        self.request.sendall(b"".join(self._http.send(event) or b"" for event in events))

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Send a refusal, if still possible, and have the connection closed: the rest of the request isn't read."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = b"" if self._is_head else json.dumps({"error": {"message": message}}).encode()
        headers = [_JSON, ("Content-Length", str(len(body))), ("Connection", "close")]
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Allow", b", ".join(_METHODS).decode()))
        try:
            self._send(h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage())
            self._drain()
        except OSError:
            pass

    def _drain(self) -> None:
        """Let the client read the response: closing with unread bytes resets the connection, which would discard it."""
        self.request.shutdown(socket.SHUT_WR)
        self.request.settimeout(1.0)
        until = time.monotonic() + 1.0
        while time.monotonic() < until and self.request.recv(_PIECE):
            pass

    def _play(self, playing: Playback) -> None:
        start = time.monotonic_ns()
        has_body = not self._is_head and playing.status not in _BODILESS
        headers = [*playing.headers, ("Date", formatdate(usegmt=True))]
        if playing.status == HTTPStatus.RESET_CONTENT:
            headers.append(("Content-Length", "0"))
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        self._send(h11.Response(status_code=playing.status, headers=encoded))
        for at_ns, piece in playing.pieces if has_body else ():
            self._wait(start, at_ns)
            self._send(h11.Data(data=piece))
        if playing.break_off is None or not has_body:
            self._send(h11.EndOfMessage())
        elif playing.break_off is BreakOff.RESET:
            self._reset()
        elif playing.break_off is BreakOff.STALL:
            self._stall(playing.stall_ns)

    def _wait(self, start: int, at_ns: int) -> None:
        if self.server.speed:
            seconds = (start + at_ns / self.server.speed - time.monotonic_ns()) / 1e9
            if seconds > 0 and self.server.stopped.wait(min(seconds, _MOST_SECONDS)):
                raise ConnectionAbortedError

    def _stall(self, stall_ns: int | None) -> None:
        """Send nothing until the client hangs up, the time is over or the server ends."""
        until = None if stall_ns is None else time.monotonic_ns() + stall_ns
        self.request.settimeout(_POLL)
        while not self.server.stopped.is_set() and (until is None or time.monotonic_ns() < until):
            try:
                if not self.request.recv(_PIECE):
                    return
            except TimeoutError:
                continue

    def _reset(self) -> None:
        # Like a crashed server; a plain close would look the same, but later.
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()
