"""Serves a stream again over HTTP: the same bytes in the same pieces at the same times, to any client."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from responses_tap_viewer.over_sse import over_sse
from responses_tap_viewer.streams import Stream, UnusableInput

CHUNKINGS = ("exact", "event", "byte")
_POLL = 0.02
"""Seconds until a closed server is noticed."""
_PACE_NS = 20_000_000
"""Time from event to event where a stream has no times of its own (a file)."""
_PASSED_ON = ("content-type", "openai-", "x-request-id")
"""Response headers that a replay repeats; the others belong to the first connection."""
_UNENDING = ("truncated", "open")


@dataclass(frozen=True, slots=True)
class Playback:
    """What is sent in answer to a request."""

    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[tuple[int, bytes], ...]
    """(nanoseconds since the request, bytes), in order."""
    cut: bool = False
    """Whether the connection breaks at the end instead of closing properly."""


def playback(stream: Stream, chunks: str = "exact") -> Playback:
    """How to play a stream: `chunks` is one of CHUNKINGS. UnusableInput where nothing was answered."""
    stream = over_sse(stream)
    row = stream.row
    if row is None:
        return Playback(HTTPStatus.OK, (("Content-Type", "text/event-stream"),), tuple(_pieces(stream, chunks)))
    if row.status is None and not stream.entries:
        raise UnusableInput(stream.name, "has no answer to play: the server was never reached")
    headers = tuple((name, value) for name, value in row.response_headers if name.lower().startswith(_PASSED_ON))
    if row.response_body is not None:
        return Playback(row.status or HTTPStatus.OK, headers, ((row.first_byte_ns or 0, row.response_body),))
    return Playback(row.status or HTTPStatus.OK, headers, tuple(_pieces(stream, chunks)), cut=row.state in _UNENDING)


def _pieces(stream: Stream, chunks: str) -> Iterator[tuple[int, bytes]]:
    if chunks == "exact" and stream.chunks:
        body = stream.body
        yield from ((c.at_ns, body[c.offset : c.offset + c.size]) for c in stream.chunks if c.size)
        return
    for entry in stream.entries:
        at = entry.n * _PACE_NS if entry.at_ns is None else entry.at_ns
        if chunks == "byte":
            yield from ((at, bytes([byte])) for byte in entry.frame.raw)
        else:
            yield at, entry.frame.raw


class ReplayServer:
    """An HTTP server on loopback that answers each request below a prefix with that prefix's playback.

    The prefix "" answers every path. `speed` 2 plays twice as fast, `speed` 0 without waiting. Raises OSError
    where it cannot listen.
    """

    def __init__(
        self, playbacks: Mapping[str, Playback], listen: tuple[str, int] = ("127.0.0.1", 0), speed: float = 1
    ) -> None:
        self._server = _Server(listen, _Handler)
        self._server.playbacks, self._server.speed = dict(playbacks), speed
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
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    playbacks: dict[str, Playback]
    speed: float


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer()

    def do_GET(self) -> None:
        if "Upgrade" in self.headers:
            # As a server without WebSockets does; an event stream instead would keep Codex from turning to POST.
            self._refuse(HTTPStatus.UPGRADE_REQUIRED, "only event streams are replayed, no WebSocket")
        else:
            self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing: the terminal belongs to the command."""

    def _answer(self) -> None:
        found = next((p for prefix, p in self.server.playbacks.items() if self.path.startswith(prefix)), None)
        if found is None:
            known = ", ".join(self.server.playbacks)
            self._refuse(HTTPStatus.NOT_FOUND, f"nothing to replay at {self.path}; there is {known}")
            return
        try:
            self._play(found)
        except ConnectionError:
            self.close_connection = True  # the client has hung up, as clients may

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        body = json.dumps({"error": {"message": message}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _play(self, playing: Playback) -> None:
        start = time.monotonic_ns()
        self.send_response(playing.status)
        for name, value in playing.headers:
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at_ns, piece in playing.pieces:
            if self.server.speed:
                due = start + at_ns / self.server.speed
                time.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        if playing.cut:
            self._break_off()
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _break_off(self) -> None:
        # A connection reset, as a crashed server leaves behind; a plain close would look like one, too, but later.
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
