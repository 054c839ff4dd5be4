"""The path of a body: past mitmproxy's layers where that is safe, and through them everywhere else."""

import asyncio
import gc
import http.client
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import ctx
from mitmproxy.http import HTTPFlow
from tests.conftest import RECORDINGS
from tests.tls import TlsUpstream, ask_by_h2, make_ca, server_context
from tests.upstream import (
    PATIENCE,
    SSE_HEAD,
    Script,
    Upstream,
    ended,
    eventually,
    facts_hold,
    framed,
    head,
    reset,
    rows,
)

from responses_tap.mitm.proxy import Proxy
from responses_tap.mitm.splice import missing
from responses_tap.recorder.messages import Notice
from responses_tap.store import open_recording

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()
EVENTS = [event + b"\n\n" for event in CLEAN.split(b"\n\n")[:-1]]
COALESCED, SPLICED = {"coalesced": 1}, {"coalesced": 1, "spliced": 1, "given back": 1}
SIZED_HEAD = head("content-type: text/event-stream", f"content-length: {len(CLEAN)}")


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


def _ignore(notice: Notice) -> None:
    pass


def paths(proxy: Proxy) -> dict[str, int]:
    """How often bodies took each path."""
    return dict(proxy._capture._splicer.paths)


@contextmanager
def recorded(db: Path, script: Script, tls: Any = None, **options: object) -> Iterator[Proxy]:
    options = {"ssl_insecure": True, **options}
    with (
        Upstream(tls, v1=script) as upstream,
        Proxy(db, upstream=upstream.url, on_notice=_ignore, options=options) as proxy,
    ):
        yield proxy


class OneByOne:
    """A server that sends an event once the client has the previous one, like a thinking model."""

    def __init__(self, frame: Callable[[bytes], bytes] = framed, response_head: bytes = SSE_HEAD) -> None:
        self._frame, self._head = frame, response_head
        self.has_arrived = threading.Semaphore(0)

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(self._head)
        for event in EVENTS:
            connection.sendall(self._frame(event))
            assert self.has_arrived.acquire(timeout=PATIENCE)
        if self._frame is not bytes:
            connection.sendall(b"0\r\n\r\n")

    def read(self, answer: http.client.HTTPResponse, at: dict[int, Callable[[], object]] | None = None) -> None:
        """All of it; `at` has actions to be run once that many events have arrived."""
        for n, event in enumerate(EVENTS):
            assert answer.read(len(event)) == event
            (at or {}).get(n, bool)()
            self.has_arrived.release()
        assert answer.read() == b""


@contextmanager
def asked(proxy: Proxy) -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as client:
        client.connect()
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)  # unread data waits in the proxy
        client.request("POST", "/v1/responses", "{}")
        with closing(client.getresponse()) as answer:
            yield answer


def is_recorded(db: Path, body: bytes = CLEAN, stream: int = 1) -> None:
    with open_recording(db) as recording:
        facts_hold(recording, stream, body)


def on_loop(proxy: Proxy, call: Callable[[], object]) -> None:
    """Run it on the proxy's loop, and wait for it."""
    done = threading.Event()
    ctx.master.event_loop.call_soon_threadsafe(lambda: (call(), done.set()))
    assert done.wait(PATIENCE)


def test_events_that_come_one_by_one(db: Path) -> None:
    """Their times are kept; a second request on the connection is spliced, too."""
    server = OneByOne()
    with recorded(db, server) as proxy, closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as client:
        for _ in range(2):
            client.request("POST", "/v1/responses", "{}")
            server.read(client.getresponse())
        assert paths(proxy) == {"coalesced": 2, "spliced": 2, "given back": 2}
    for row in rows(db):
        assert (row.state, row.ended_by, row.end_reason) == ("completed", "server", "response.completed")
        is_recorded(db, stream=row.id)
        with open_recording(db) as recording:
            chunks = recording.chunks(row.id)
        assert [chunk.size for chunk in chunks] == [len(event) for event in EVENTS]
        assert len({chunk.at_ns for chunk in chunks}) == len(EVENTS)


def test_it_can_be_turned_off(db: Path) -> None:
    server = OneByOne()
    with recorded(db, server, tap_splice=False) as proxy, asked(proxy) as answer:
        server.read(answer)
        assert paths(proxy) == {}
    is_recorded(db)


@pytest.mark.parametrize("option", [{"tap_splice": False}, {"store_streamed_bodies": True}])
def test_it_can_be_turned_off_within_a_body(db: Path, option: dict[str, bool]) -> None:
    server = OneByOne()
    with recorded(db, server) as proxy, asked(proxy) as answer:
        server.read(answer, {3: lambda: on_loop(proxy, lambda: ctx.options.update(**option))})
        assert paths(proxy) == SPLICED
    is_recorded(db)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_with_tls(db: Path, tmp_path: Path, version: ssl.TLSVersion) -> None:
    context = server_context(tmp_path, make_ca(tmp_path), "http/1.1")
    context.maximum_version = version
    server = OneByOne()
    with recorded(db, server, context) as proxy, asked(proxy) as answer:
        server.read(answer)
        assert paths(proxy) == SPLICED
    is_recorded(db)
    assert rows(db)[0].state == "completed"


def test_a_client_with_tls_has_its_chunks_coalesced(tmp_path: Path, db: Path) -> None:
    ca = make_ca(tmp_path)
    with TlsUpstream(tmp_path, ca, EVENTS, "http/1.1") as upstream:
        options = {"ssl_insecure": True}
        with Proxy(db, modes=["regular"], on_notice=_ignore, options=options) as proxy:
            assert ask_by_h2(proxy.port, upstream.port, proxy.ca) == (200, CLEAN)
            assert paths(proxy) == COALESCED
    is_recorded(db)


@pytest.mark.parametrize(
    ("frame", "response_head", "expected"),
    [
        pytest.param(lambda event: b"%x;a=b\r\n%s\r\n" % (len(event), event), SSE_HEAD, COALESCED, id="extensions"),
        pytest.param(lambda event: b"%032x\r\n%s\r\n" % (len(event), event), SSE_HEAD, None, id="long sizes"),
        pytest.param(bytes, SIZED_HEAD, COALESCED, id="sized"),
        pytest.param(lambda event: b"%04X\r\n%s\r\n" % (len(event), event), SSE_HEAD, SPLICED, id="odd hex"),
    ],
)  # fmt: skip
def test_what_a_server_sends(
    db: Path, frame: Callable[[bytes], bytes], response_head: bytes, expected: dict[str, int] | None
) -> None:
    server = OneByOne(frame, response_head)
    with recorded(db, server) as proxy:
        if expected is None:  # for h11 it is an error
            with pytest.raises(http.client.IncompleteRead), asked(proxy) as answer:
                answer.read()
            server.has_arrived.release()
            return
        with asked(proxy) as answer:
            server.read(answer)
        assert paths(proxy) == expected
    is_recorded(db)


def test_another_addon_that_has_the_body_keeps_it(db: Path) -> None:
    """One before us: its bytes pass as it changes them, through mitmproxy."""

    class Upper:
        def responseheaders(self, flow: HTTPFlow) -> None:
            flow.response.stream = bytes.upper

    server = OneByOne()
    with recorded(db, server) as proxy:
        on_loop(proxy, lambda: ctx.master.addons.chain.insert(0, upper := Upper()) or ctx.master.addons.register(upper))
        with asked(proxy) as answer:
            for event in EVENTS:
                assert answer.read(len(event)) == event.upper()
                server.has_arrived.release()
        assert paths(proxy) == {}
    is_recorded(db)


def test_another_addon_that_takes_the_body_gets_it(db: Path) -> None:
    """One after us, within a body that was spliced until then: it sees every piece from then on."""
    flows: list[HTTPFlow] = []
    seen: list[bytes] = []

    class Later:
        def responseheaders(self, flow: HTTPFlow) -> None:
            flows.append(flow)

        def take(self) -> None:
            ours = flows[0].response.stream
            flows[0].response.stream = lambda data: seen.append(data) or ours(data)

    server, later = OneByOne(), Later()
    with recorded(db, server) as proxy:
        on_loop(proxy, lambda: ctx.master.addons.add(later))
        with asked(proxy) as answer:
            server.read(answer, {3: lambda: on_loop(proxy, later.take)})
        assert paths(proxy) == SPLICED
    assert seen == [*EVENTS[4:], b""]
    is_recorded(db)


def test_an_interception_holds_the_end_back(db: Path) -> None:
    """The `response` hook runs before the client gets the last chunk."""
    held = threading.Event()
    flows: list[HTTPFlow] = []

    class Intercepting:
        def response(self, flow: HTTPFlow) -> None:
            flow.intercept()
            flows.append(flow)
            held.set()

    server = OneByOne()
    with recorded(db, server) as proxy:
        on_loop(proxy, lambda: ctx.master.addons.add(Intercepting()))
        with asked(proxy) as answer:
            for event in EVENTS:
                assert answer.read(len(event)) == event
                server.has_arrived.release()
            assert held.wait(PATIENCE)
            answer.fp.raw._sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                answer.read1()
            on_loop(proxy, flows[0].resume)
        assert paths(proxy) == SPLICED
        assert flows[0].response.raw_content is None
        assert flows[0].response.timestamp_end
    is_recorded(db)


def test_a_flow_that_is_kept_keeps_nothing_of_its_connection(db: Path) -> None:
    """Like mitmproxy's own screens, which keep all flows."""
    flows: list[HTTPFlow] = []
    handlers: list[weakref.ref[object]] = []

    class Keeps:
        def responseheaders(self, flow: HTTPFlow) -> None:
            flows.append(flow)
            handlers.append(weakref.ref(ctx.master.addons.get("proxyserver").connections[flow.client_conn.id]))

    server = OneByOne()
    with recorded(db, server) as proxy:
        on_loop(proxy, lambda: ctx.master.addons.add(Keeps()))
        with asked(proxy) as answer:
            server.read(answer)
        eventually(lambda: gc.collect() >= 0 and handlers[0]() is None)
    assert flows[0].response.status_code == 200


class Pours:
    """A server that sends more than any buffer holds, as fast as it is read; `stopped` once nobody reads it."""

    def __init__(self, then: Callable[[socket.socket], bool] = lambda _: False) -> None:
        self._then = then
        self.begins, self.stopped = threading.Semaphore(0), threading.Event()
        self.sent = 0
        self.body = EVENTS[0] + (b": " + b"x" * 99_996 + b"\n\n") * 80

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + framed(EVENTS[0]))
        assert self.begins.acquire(timeout=PATIENCE)
        rest = memoryview(self.body)[len(EVENTS[0]) :]
        wire = b"".join(framed(bytes(rest[at : at + 20_000])) for at in range(0, len(rest), 20_000)) + b"0\r\n\r\n"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
        connection.settimeout(2)
        while self.sent < len(wire):
            try:
                self.sent += connection.send(wire[self.sent : self.sent + 2**20])
            except TimeoutError:
                self.stopped.set()
                if self._then(connection):
                    return
        self.stopped.set()


def bound_buffers(proxy: Proxy) -> None:
    """Keep the kernel from growing what waits for the proxy, on a slow machine beyond any body."""

    def bound() -> None:
        for handler in ctx.master.addons.get("proxyserver").connections.values():
            for transport in handler.transports.values():
                assert transport.writer is not None
                sock = transport.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**18)

    on_loop(proxy, bound)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("is_spliced", [True, False])
def test_a_client_that_does_not_read_stops_the_server(db: Path, tmp_path: Path, tls: bool, is_spliced: bool) -> None:
    """The proxy's buffer for it is bounded, and it gets everything once it reads."""
    server = Pours()
    context = server_context(tmp_path, make_ca(tmp_path), "http/1.1") if tls else None
    with recorded(db, server, context, tap_splice=is_spliced) as proxy, asked(proxy) as answer:
        assert answer.read(len(EVENTS[0])) == EVENTS[0]
        bound_buffers(proxy)
        server.begins.release()
        assert server.stopped.wait(PATIENCE)
        assert server.sent < len(server.body) - 2**20
        assert EVENTS[0] + answer.read() == server.body
    is_recorded(db, server.body)


def test_a_reset_while_the_client_does_not_read(db: Path) -> None:
    """It is noticed once the client has caught up, and the flow ends."""

    def resets(connection: socket.socket) -> bool:
        reset(connection)
        return True

    server = Pours(resets)
    with recorded(db, server) as proxy, asked(proxy) as answer:
        assert answer.read(len(EVENTS[0])) == EVENTS[0]
        bound_buffers(proxy)
        server.begins.release()
        assert server.stopped.wait(PATIENCE)
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        (row,) = ended(db)
    assert (row.state, row.ended_by) == ("truncated", "network")
    assert "Connection reset by peer" in str(row.end_reason)


def test_where_something_is_missing_mitmproxy_passes_everything(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("OpenSSL.SSL.Connection.bio_read")  # which this server doesn't need
    server = OneByOne()
    with recorded(db, server) as proxy, asked(proxy) as answer:
        server.read(answer)
        assert paths(proxy) == {}
    is_recorded(db)


async def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    assert missing(loop) == ""
    for name, cause in {
        "mitmproxy.proxy.layers.http.HttpStream.state_done": "HttpStream.state_done",
        "mitmproxy.proxy.server.TimeoutWatchdog.register_activity": "TimeoutWatchdog.register_activity",
        "mitmproxy.proxy.layers.http._http1.Http1Connection.read_body": "Http1Client.read_body",
        "h11._readers.ChunkedReader.__call__": "h11",
        "asyncio.StreamReaderProtocol.data_received": "StreamReader",
    }.items():
        with monkeypatch.context() as patch:
            if cause in ("h11", "StreamReader"):
                patch.setattr(name, lambda self, data: None)
            else:
                patch.delattr(name)
            assert missing(loop) == cause
