"""A real HTTP server whose answers a test writes byte by byte."""

import contextlib
import os
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from responses_tap.store import Recording, open_recording
from responses_tap.stream.columns import StreamRow

PATIENCE = 60.0
"""Seconds that a condition gets to come true; no test takes them unless it fails."""

type Script = Callable[[socket.socket], None]


class Upstream:
    """Answers each path with its script, which gets the connection once the request has been read."""

    def __init__(self, tls: ssl.SSLContext | None = None, **scripts: Script) -> None:
        outer = self
        self.requests: list[bytes] = []
        """The heads of the requests that came."""
        self.bodies: list[bytes] = []
        self.answered = threading.local()
        """`head`: of the request that the script in this thread answers."""

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):  # a script may have closed the connection
                    self._answer()

            def _answer(self) -> None:
                while request_line := self.rfile.readline():
                    head = [request_line]
                    while (line := self.rfile.readline()) not in (b"\r\n", b""):
                        head.append(line)
                    outer.answered.head = b"".join(head)
                    outer.requests.append(outer.answered.head)
                    sizes = [int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-length:")]
                    outer.bodies.append(self.rfile.read(sum(sizes)))
                    name = request_line.split()[1].decode().partition("?")[0].strip("/").split("/")[0]
                    scripts[name](self.connection)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 256

            def get_request(self) -> tuple[socket.socket, object]:
                connection, peer = super().get_request()
                return tls.wrap_socket(connection, server_side=True) if tls else connection, peer

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def head(*headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


SSE_HEAD = head("content-type: text/event-stream", "transfer-encoding: chunked")


def framed(chunk: bytes) -> bytes:
    """A chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(chunk), chunk)


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    """Let go of a connection as a peer does that crashed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def eventually[T](condition: Callable[[], T]) -> T:
    """What `condition` gives once it is true."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.04)
    return value


def rows(db: Path) -> list[StreamRow]:
    """The streams of a recording, bodies included; none while there is no recording."""
    with open_recording(db) as recording:
        return [row for id_ in recording.stream_ids() if (row := recording.stream(id_)) is not None]


def ended(db: Path, count: int = 1) -> list[StreamRow]:
    """The streams of a recording once `count` of them have ended."""
    return eventually(lambda: [row for row in rows(db) if row.ended_by] if _ended(db) >= count else [])


def _ended(db: Path) -> int:
    with open_recording(db) as recording:
        return sum(row.ended_by is not None for row in recording.streams())


def facts_hold(recording: Recording, stream: int, body: bytes) -> None:
    """The frames joined are the body, and chunks and frames tile it."""
    assert recording.body(stream) == body
    chunks = recording.chunks(stream)
    offset = 0
    for chunk in chunks:
        assert chunk.offset == offset
        offset += chunk.size
    assert offset == len(body)
    assert [chunk.at_ns for chunk in chunks] == sorted(chunk.at_ns for chunk in chunks)
