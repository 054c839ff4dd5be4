"""Who ended a stream, where mitmproxy's message doesn't say: HTTP/2, time-outs, and the end of the recorder."""

import http.client
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import h2.events
import pytest
from h2.errors import ErrorCodes
from mitmproxy import ctx
from tests.conftest import RECORDINGS
from tests.http2 import Answer, Http2Upstream, Peer, connect
from tests.upstream import SSE_HEAD, Upstream, ended, framed, rows

from responses_tap.mitm.proxy import Proxy
from responses_tap.recorder.messages import Notice
from responses_tap.store import open_recording

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()
CUT = CLEAN[: len(CLEAN) // 2]
DELTA = b'data: {"type": "response.output_text.delta", "delta": "%s"}\n\n' % (b"x" * 1000)
ASK = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", "/v1/responses")]
HEAD = [(":status", "200"), ("content-type", "text/event-stream")]


def _ignore(notice: Notice) -> None:
    pass


def answers(then: Callable[[Peer, int], None], body: bytes = CUT) -> Answer:
    def answer(peer: Peer, stream: int) -> None:
        peer.h2.send_headers(stream, HEAD)
        peer.send(stream, body)
        then(peer, stream)
        peer.flush()

    return answer


def waits(peer: Peer, stream: int) -> None:
    pass


def resets(peer: Peer, stream: int) -> None:
    passed_on.acquire(timeout=60)
    peer.h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)


def ends(peer: Peer, stream: int) -> None:
    peer.h2.end_stream(stream)


def goes_away(peer: Peer, stream: int) -> None:
    passed_on.acquire(timeout=60)
    peer.h2.close_connection(ErrorCodes.NO_ERROR)


def disconnects(peer: Peer, stream: int) -> None:
    passed_on.acquire(timeout=60)
    peer.socket.shutdown(socket.SHUT_WR)
    while peer.socket.recv(2**16):  # closing with unread bytes would be a reset
        pass


passed_on = threading.Semaphore(0)
"""Released by the client once it has the body."""


def cancel(peer: Peer, stream: int) -> None:
    peer.h2.reset_stream(stream, ErrorCodes.CANCEL)
    peer.flush()


def close(peer: Peer, stream: int) -> None:
    peer.socket.close()


def stay(peer: Peer, stream: int) -> None:
    while events := peer.receive():
        if any(isinstance(event, h2.events.StreamReset | h2.events.StreamEnded) for event in events):
            return


@pytest.mark.parametrize("mode", ["reverse", "regular"])
@pytest.mark.parametrize(
    ("server", "client", "ended_by", "reason"),
    [
        (resets, stay, "network", "the server's side reset the HTTP/2 stream (INTERNAL_ERROR)"),
        (ends, stay, "server", "the server ended the response"),
        (goes_away, stay, "server", "HTTP/2 connection closed: <ConnectionTerminated"),
        (disconnects, stay, "server", "the server closed the connection (peer closed connection)"),
        (waits, cancel, "client", "the client reset the HTTP/2 stream (CANCEL)"),
        (waits, close, "client", "the client closed the connection (peer closed connection)"),
    ],
)
def test_http2_on_both_sides(
    tmp_path: Path, mode: str, server: Answer, client: Callable[[Peer, int], None], ended_by: str, reason: str
) -> None:
    db = tmp_path / "r.db"
    with (
        Http2Upstream(tmp_path, answers(server)) as upstream,
        Proxy(db, upstream=upstream.url, modes=[mode], on_notice=_ignore) as proxy,
    ):
        ctx.options.update(ssl_insecure=True)
        peer = connect(proxy.port, "" if mode == "reverse" else upstream.url.removeprefix("https://"))
        with peer.socket:
            peer.h2.send_headers(1, ASK, end_stream=True)
            peer.flush()
            got = b""
            while len(got) < len(CUT):
                got += b"".join(event.data for event in peer.receive() if isinstance(event, h2.events.DataReceived))
            passed_on.release()
            client(peer, 1)
            (row,) = ended(db)
    assert got == CUT
    assert row.http_version == "HTTP/2.0"
    assert (row.state, row.ended_by) == ("truncated", ended_by)
    assert reason in str(row.end_reason)


def silent(connection) -> None:
    connection.sendall(SSE_HEAD + framed(CUT))
    connection.recv(1)


def asked(proxy: Proxy) -> http.client.HTTPConnection:
    """A client that has received everything the server sends."""
    client = http.client.HTTPConnection("127.0.0.1", proxy.port)
    client.request("POST", "/v1/responses", "{}")
    assert client.getresponse().read(len(CUT)) == CUT
    return client


@pytest.mark.parametrize("is_spliced", [True, False])
def test_a_connection_that_idled_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_spliced: bool) -> None:
    monkeypatch.setattr("responses_tap.mitm.proxy._IDLE_SECONDS", 3)
    db = tmp_path / "r.db"
    options = {"tap_splice": is_spliced}
    with (
        Upstream(v1=silent) as upstream,
        Proxy(db, upstream=upstream.url, on_notice=_ignore, options=options) as proxy,
    ):
        client = asked(proxy)
        (row,) = ended(db)
        client.close()
    assert (row.state, row.ended_by) == ("truncated", "network")
    assert "idle for its tcp_timeout of 3 s; " in str(row.end_reason)
    assert "silent for " in str(row.end_reason)


@pytest.mark.parametrize("is_spliced", [True, False])
def test_a_recorder_that_stops_before_the_stream(tmp_path: Path, is_spliced: bool) -> None:
    db = tmp_path / "r.db"
    options = {"tap_splice": is_spliced}
    with (
        Upstream(v1=silent) as upstream,
        Proxy(db, upstream=upstream.url, on_notice=_ignore, options=options) as proxy,
    ):
        client = asked(proxy)
        proxy.close()
        client.close()
    (row,) = rows(db)
    assert (row.state, row.ended_by, row.first_code) == ("truncated", "recorder", None)
    assert "recording stopped before the stream had ended" in str(row.end_reason)


@pytest.mark.parametrize("is_spliced", [True, False])
def test_what_clients_have_got_when_the_recorder_stops_is_recorded(tmp_path: Path, is_spliced: bool) -> None:
    db = tmp_path / "r.db"
    got: list[bytes] = []
    has_begun = threading.Event()

    def pours(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD)
        while True:
            connection.sendall(framed(DELTA))
            time.sleep(0.0001)

    def reads(client: http.client.HTTPConnection) -> None:
        answer = client.getresponse()
        body = bytearray()
        with suppress(http.client.HTTPException, OSError):
            while part := answer.read1(65536):
                body += part
                has_begun.set()
        got.append(bytes(body))

    with (
        Upstream(v1=pours) as upstream,
        Proxy(db, upstream=upstream.url, on_notice=_ignore, options={"tap_splice": is_spliced}) as proxy,
    ):
        client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
        client.request("POST", "/v1/responses", b"{}")
        reading = threading.Thread(target=reads, args=[client])
        reading.start()
        has_begun.wait()
        proxy.close()
        reading.join()
        client.close()
    (row,) = rows(db)
    with open_recording(db) as recording:
        assert recording.body(row.id).startswith(got[0])
