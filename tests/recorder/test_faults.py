"""Faults of servers, clients and the network between them: what the client gets, and what the recording says.

The client gets to the byte what it gets from a mitmproxy without the recorder.
"""

import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import RECORDINGS
from tests.upstream import SSE_HEAD, Script, Upstream, eventually, facts_hold, framed, hang_up, head, reset, rows

from responses_tap.mitm.proxy import Proxy
from responses_tap.recorder.messages import Notice
from responses_tap.store import open_recording
from responses_tap.stream.columns import StreamRow

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()
FIRST = CLEAN[: CLEAN.index(b"\n\n") + 2]
CUT = CLEAN[: CLEAN.index(b"output_text.done") + 30]  # in the middle of an event
SSE = "content-type: text/event-stream"

BARE = """
    import asyncio, sys
    from mitmproxy.addons import default_addons
    from mitmproxy.master import Master
    from mitmproxy.options import Options

    class Stream:
        def responseheaders(self, flow):
            flow.response.stream = True

        def running(self):
            print(master.addons.get("proxyserver").listen_addrs()[0][1], flush=True)

    async def main():
        global master
        master = Master(Options())
        master.addons.add(*default_addons(), Stream())
        master.options.update(
            mode=[f"reverse:{sys.argv[1]}"], listen_host="127.0.0.1", listen_port=0, connection_strategy="lazy"
        )
        await master.run()

    asyncio.run(main())
"""


def sends(*parts: bytes, then: Callable[[socket.socket], None] = hang_up) -> Script:
    def script(connection: socket.socket) -> None:
        connection.sendall(b"".join(parts))
        then(connection)

    return script


def resets_after(body: bytes) -> Script:
    """Sends, waits until the proxy has passed it on, and resets."""

    def script(connection: socket.socket) -> None:
        while passed_on.acquire(blocking=False):
            pass  # released for others, or twice for one: the reset would come before the proxy has read this answer
        connection.sendall(SSE_HEAD + framed(body))
        assert passed_on.acquire(timeout=60)
        reset(connection)

    return script


passed_on = threading.Semaphore(0)
"""Released by a client that has got what it waited for."""
stalled = threading.Event()


def stalls(connection: socket.socket) -> None:
    stalled.wait(60)


@dataclass
class Fault:
    upstream: Script
    recorded: bytes
    """The body in the recording."""
    state: str
    ended_by: str
    reason: str
    """What the reason says, among other things."""
    codes: tuple[str, ...] = ()
    leaves_after: bytes | None = None
    """What the client waits for before it hangs up; None: it stays until the end."""


LATE = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta"}\n\n'
HALF_CHARACTER = "é".encode()[:1]
GARBAGE = b"\x00\xffgarbage"

IN_AN_EVENT = "; 46 bytes into an unfinished event"

FAULTS = {
    "the server resets within an event": Fault(
        resets_after(CUT), CUT, "truncated", "network",
        f"the connection to the server broke (Connection reset by peer){IN_AN_EVENT}", ("LC103",),
    ),
    "the server closes within an event": Fault(
        sends(SSE_HEAD, framed(CUT)), CUT, "truncated", "server", "the server closed the connection (", ("LC103",)
    ),
    "half a character, and a proper end": Fault(
        sends(SSE_HEAD, framed(CUT + HALF_CHARACTER), b"0\r\n\r\n"), CUT + HALF_CHARACTER, "truncated", "server",
        "the server ended the response; 47 bytes into an unfinished event", ("LC103",),
    ),
    "the server stalls, the client gives up": Fault(
        sends(SSE_HEAD, framed(CUT), then=stalls), CUT, "truncated", "client",
        f"the client closed the connection (Client disconnected.){IN_AN_EVENT}", leaves_after=CUT,
    ),
    "events after the terminal event": Fault(
        sends(SSE_HEAD, framed(CLEAN + LATE), b"0\r\n\r\n"), CLEAN + LATE, "completed", "server",
        "response.completed", ("LC106", "SC801", "SC802", "SC803"),
    ),
    "garbage after the terminal event": Fault(
        sends(SSE_HEAD, framed(CLEAN + GARBAGE), b"0\r\n\r\n"), CLEAN + GARBAGE, "completed", "server",
        "response.completed",
    ),
    "garbage for a chunk": Fault(
        sends(SSE_HEAD, framed(CUT), b"no chunk at all\r\n"), CUT, "truncated", "server",
        "HTTP/1 protocol error: illegal chunk header", ("LC103",),
    ),
    "content-length too long": Fault(
        sends(head(SSE, f"content-length: {len(CLEAN) + 9}"), CLEAN), CLEAN, "completed", "server",
        "response.completed; but then the server closed the connection",
    ),
    "content-length too short": Fault(
        sends(head(SSE, f"content-length: {len(CUT)}"), CLEAN), CUT, "truncated", "server",
        f"the server ended the response{IN_AN_EVENT}", ("LC103",),
    ),
    # mitmproxy cannot read trailers: to the client it looks as if the connection had been cut.
    "trailers": Fault(
        sends(SSE_HEAD, framed(CLEAN), b"0\r\nx-checksum: 1\r\n\r\n"), CLEAN, "completed", "server",
        "response.completed; but then",
    ),
    "500 with an event stream": Fault(
        sends(head(SSE, "transfer-encoding: chunked", status="500 Oops"), framed(CUT), b"0\r\n\r\n"), CUT,
        "http-error", "server", f"the server ended the response{IN_AN_EVENT}", ("LC103", "TR907"),
    ),
    "the client leaves at the first event": Fault(
        sends(SSE_HEAD, framed(FIRST), then=stalls), FIRST, "truncated", "client",
        "the client closed the connection", leaves_after=FIRST,
    ),
    "the client leaves within an event": Fault(
        sends(SSE_HEAD, framed(CUT), then=stalls), CUT, "truncated", "client",
        f"the client closed the connection (Client disconnected.){IN_AN_EVENT}", leaves_after=CUT,
    ),
    "the client leaves at response.completed": Fault(
        sends(SSE_HEAD, framed(CLEAN), then=stalls), CLEAN, "completed", "server", "response.completed",
        leaves_after=CLEAN,
    ),
}  # fmt: skip


def _ignore(notice: Notice) -> None:
    pass


def received(port: int, path: str, enough: bytes | None) -> tuple[bytes, str]:
    """All that comes over the socket, and how it ended; the client leaves once it has `enough`."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(
            f"POST /{path}/responses HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}".encode()
        )
        while enough is None or enough not in got:
            try:
                data = client.recv(2**16)
            except ConnectionResetError:
                return got, "reset"
            if not data:
                return got, "closed"
            got += data
            if CUT in got:
                passed_on.release()
    return got, "left"


@pytest.fixture(scope="module")
def bare() -> Iterator[Callable[[str], int]]:
    """Starts a mitmproxy that relays and does not record, in front of an upstream; gives its port."""
    running: list[subprocess.Popen[str]] = []

    def start(upstream: str) -> int:
        command = [sys.executable, "-c", textwrap.dedent(BARE), upstream]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert running[-1].stdout is not None
        return int(running[-1].stdout.readline())

    yield start
    for process in running:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(**{str(n): fault.upstream for n, fault in enumerate(FAULTS.values())}) as upstream:
        yield upstream
        stalled.set()


@pytest.fixture(scope="module")
def bare_port(bare: Callable[[str], int], upstream: Upstream) -> int:
    return bare(upstream.url)


@pytest.fixture(scope="module", params=[True, False], ids=["spliced", "not spliced"])
def recorder(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Proxy, Path]]:
    db = tmp_path_factory.mktemp("faults") / "r.db"
    with Proxy(db, upstream=upstream.url, on_notice=_ignore, options={"tap_splice": request.param}) as proxy:
        yield proxy, db


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str, recorder: tuple[Proxy, Path], bare_port: int) -> None:
    (proxy, db), fault, path = recorder, FAULTS[name], str(list(FAULTS).index(name))
    got = received(proxy.port, path, fault.leaves_after)
    assert got == received(bare_port, path, fault.leaves_after)

    def as_it_should_be() -> StreamRow | None:
        return next(
            (row for row in rows(db) if row.url.endswith(f"/{path}/responses") and fault.reason in str(row.end_reason)),
            None,
        )

    row = eventually(as_it_should_be)
    assert row is not None
    assert (row.state, row.ended_by) == (fault.state, fault.ended_by)
    with open_recording(db) as recording:
        facts_hold(recording, row.id, fault.recorded)
        assert tuple(finding.code for finding in recording.findings(row.id)) == fault.codes
