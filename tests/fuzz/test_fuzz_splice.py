"""Responses through the real proxy, however they arrive: the client and the recording get the body to the byte."""

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy.certs import CertStore
from tests.tls import server_context
from tests.upstream import PATIENCE, SSE_HEAD, Upstream, hang_up, reset

from responses_tap.mitm.proxy import Proxy
from responses_tap.recorder.messages import Notice
from responses_tap.store import open_recording
from responses_tap.stream.columns import StreamRow

EVENT = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"'


@dataclass
class Body:
    """What a server sends after the headers, in pieces, and how it ends."""

    pieces: list[bytes]
    payload: bytes
    """What a client can make of it at most."""
    is_whole: bool
    """Whether it ends as it should."""
    then: Callable[[socket.socket], None] | None
    """What happens to the connection; None: it is kept alive."""
    pauses: list[bool] = field(default_factory=list)
    """After which pieces the server waits a little, so that they are read one by one."""


@st.composite
def chunk(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A chunk as it is sent, and its payload."""
    data = draw(
        st.binary(min_size=1, max_size=60)
        | st.integers(1, 40).map(lambda size: EVENT + b"x" * size + b'"}\n\n')
        | st.integers(1, 90_000).map(lambda size: b": " + b"y" * size + b"\n\n")
    )
    size = b"%x" % len(data)
    size = draw(st.sampled_from([size, size.upper(), b"0" * draw(st.integers(1, 12)) + size]))
    extension = draw(st.sampled_from([b""] * 12 + [b";a=b", b';a="b"', b" "]))
    return size + extension + b"\r\n" + data + b"\r\n", data


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    """A body: mostly whole; else with trailers, with something illegal, cut anywhere, or reset."""
    chunks = draw(st.lists(chunk(), min_size=1, max_size=8))
    wire, payload = b"".join(sent for sent, _ in chunks), b"".join(data for _, data in chunks)
    end = draw(st.sampled_from(["whole"] * 4 + ["trailers", "illegal", "cut", "cut", "reset", "reset"]))
    then: Callable[[socket.socket], None] | None = None
    if end in ("whole", "trailers"):
        wire += (
            draw(st.sampled_from([b"0\r\n", b"000\r\n", b"0;a=b\r\n"])) + b"x: 1\r\n" * (end == "trailers") + b"\r\n"
        )
        then = hang_up if end == "trailers" else None
    elif end == "illegal":
        wire += draw(st.sampled_from([b"zz\r\n", b"\r\n", b"-1\r\n", b"5\r\nabcdeXX"]))
        payload += b"abcde" * wire.endswith(b"XX")
        then = hang_up
    else:
        wire, payload = cut(wire, draw(st.integers(0, len(wire))))
        then = reset if end == "reset" else hang_up
    places = sorted(draw(st.lists(st.integers(0, len(wire)) | st.integers(0, min(len(wire), 99)), max_size=6)))
    pieces = [wire[start:end] for start, end in zip([0, *places], [*places, len(wire)], strict=True)]
    pauses = draw(st.lists(st.booleans(), min_size=len(pieces), max_size=len(pieces)))
    return Body(pieces, payload, end == "whole", then, pauses)


def cut(wire: bytes, size: int) -> tuple[bytes, bytes]:
    """Chunks cut at a size, and the payload of what is left."""
    wire = rest = wire[:size]
    payload = b""
    while head := re.match(rb"([0-9A-Fa-f]+)[^\r\n]*\r\n", rest):
        end = head.end() + int(head[1], 16)
        payload += rest[head.end() : end]
        rest = rest[end + 2 :]
    return wire, payload


class Server:
    """A server that plays the bodies one after the other, and a proxy in front of it."""

    def __init__(self, folder: Path, name: str, tls: ssl.SSLContext | None, *, is_spliced: bool = True) -> None:
        self._bodies: list[Body] = []
        self._db = folder / f"{name}.db"
        self._upstream = Upstream(tls, v1=self._play)
        options = {"ssl_insecure": True, "tap_splice": is_spliced}
        self.proxy = Proxy(self._db, upstream=self._upstream.url, on_notice=_ignore, options=options)
        self._asked = 0
        self._headers_passed = threading.Semaphore(0)

    def close(self) -> None:
        self.proxy.close()
        self._upstream.__exit__()

    def ask(self, bodies: list[Body], *, slowly: bool) -> None:
        """Have all of them sent on one connection, as far as that lasts, and compare."""
        self._bodies = list(bodies)
        with socket.socket() as client:
            if slowly:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", self.proxy.port))
            with client.makefile("rb", buffering=0 if slowly else 65536) as answers:
                for body in bodies:
                    self._asked += 1
                    request = f"POST /v1/{self._asked}/responses HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{{}}"
                    client.sendall(request.encode())
                    read_headers(answers)
                    if body.then is reset:
                        self._headers_passed.release()
                    got, is_whole = received(answers, slowly=slowly)
                    self._compare(body, got, is_whole=is_whole)
                    if not is_whole:
                        break

    def _play(self, connection: socket.socket) -> None:
        body = self._bodies.pop(0)
        connection.sendall(SSE_HEAD)
        if body.then is reset:  # it may overtake what was sent before, even the headers
            assert self._headers_passed.acquire(timeout=PATIENCE)
        for piece, pause in zip(body.pieces, body.pauses, strict=True):
            if piece:
                connection.sendall(piece)
            if pause:
                time.sleep(0.002)
        if body.then is not None:
            body.then(connection)

    def _compare(self, body: Body, got: bytes, *, is_whole: bool) -> None:
        row, recorded = self._ended()
        assert is_whole == body.is_whole
        assert recorded == got
        if body.then is reset:
            assert body.payload.startswith(got)
        else:
            assert got == body.payload
        assert row.ended_by == ("network" if body.then is reset else "server")

    def _ended(self) -> tuple[StreamRow, bytes]:
        """The row of the stream asked for last, once it has ended, and its body."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with open_recording(self._db) as recording:
                for row in recording.streams(limit=9):
                    if row.url.endswith(f"/{self._asked}/responses") and row.ended_by:
                        return row, recording.body(row.id)
            time.sleep(0.005)
        raise AssertionError("no end came")


def read_headers(answers) -> None:
    assert b" 200 " in answers.readline()
    while answers.readline() not in (b"\r\n", b""):
        pass


def received(answers, *, slowly: bool) -> tuple[bytes, bool]:
    """The body of an answer, and whether it came to a proper end."""
    payload = b""
    with contextlib.suppress(ConnectionResetError):
        while size := answers.readline():
            assert re.fullmatch(rb"[0-9a-f]+\r\n", size), size
            data = b""
            while len(data) < int(size, 16) + 2 and (more := answers.read(int(size, 16) + 2 - len(data))):
                data += more
                if slowly:
                    time.sleep(0.0005)
            if not int(size, 16):
                return payload, data == b"\r\n"
            payload += data[: int(size, 16)]
            assert data[int(size, 16) :] in (b"", b"\r\n")
    return payload, False


def _ignore(notice: Notice) -> None:
    pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("splice")


@pytest.fixture(scope="module")
def plain(folder: Path) -> Iterator[Server]:
    with contextlib.closing(Server(folder, "plain", None)) as server:
        yield server
        assert server.proxy._capture._splicer.paths["spliced"]


@pytest.fixture(scope="module")
def secure(folder: Path) -> Iterator[Server]:
    context = server_context(folder, CertStore.from_store(folder, "test", 2048), "http/1.1")
    with contextlib.closing(Server(folder, "secure", context)) as server:
        yield server
        assert server.proxy._capture._splicer.paths["spliced"]


@settings(max_examples=max(settings().max_examples // 2, 1))
@given(st.lists(bodies(), min_size=1, max_size=3), st.booleans())
def test_a_plain_server(plain: Server, several: list[Body], slowly: bool) -> None:
    plain.ask(several, slowly=slowly)


@settings(max_examples=max(settings().max_examples // 2, 1))
@given(st.lists(bodies(), min_size=1, max_size=3), st.booleans())
def test_a_server_with_tls(secure: Server, several: list[Body], slowly: bool) -> None:
    secure.ask(several, slowly=slowly)
