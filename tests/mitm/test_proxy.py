"""A recording proxy between a real client and a real server."""

import gzip
import http.client
import json
import logging
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.conftest import RECORDINGS
from tests.recorder.test_recorder import workers
from tests.upstream import SSE_HEAD, Script, Upstream, ended, eventually, facts_hold, framed, hang_up, head, rows

from responses_tap.mitm.proxy import CannotRecord, Proxy
from responses_tap.protocol.rules import advice
from responses_tap.recorder.messages import FindingMade, Hint, Notice, StreamFinished, Trouble
from responses_tap.store import open_recording

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()
SEED = (RECORDINGS / "broken/llamastack-before-pr5308.sse").read_bytes()
HALF = CLEAN[: len(CLEAN) // 2]
EVENTS = [frame + b"\n\n" for frame in CLEAN.split(b"\n\n")[:-1]]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@contextmanager
def recording_proxy(db: Path, *, splice: bool = False, **scripts: Script) -> Iterator[Proxy]:
    options = {"tap_splice": splice}
    with (
        Upstream(**scripts) as upstream,
        Proxy(db, upstream=f"{upstream.url}/v1", on_notice=_ignore, options=options) as proxy,
    ):
        yield proxy


def _ignore(notice: Notice) -> None:
    pass


@contextmanager
def ask(proxy: Proxy, path: str, *, method: str = "POST", **headers: str) -> Iterator[http.client.HTTPResponse]:
    body = json.dumps({"model": "m", "stream": True}) if method == "POST" else None
    with closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as connection:
        connection.request(method, path, body, headers)
        with closing(connection.getresponse()) as answer:
            yield answer


def receive(proxy: Proxy, path: str, **headers: str) -> bytes:
    with ask(proxy, path, **headers) as answer:
        return answer.read()


def says(*parts: bytes) -> Script:
    return lambda connection: connection.sendall(b"".join(parts))


def streamed(*chunks: bytes) -> Script:
    return says(SSE_HEAD, *map(framed, chunks), b"0\r\n\r\n")


def test_setting_the_clock_disturbs_neither_order_nor_times(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back by a day in the middle of a stream, and forward by two before the next."""
    real, off_s = time.time, [0]
    monkeypatch.setattr(time, "time", lambda: real() + off_s[0])

    def set_in_the_middle(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + framed(EVENTS[0]))
        off_s[0] -= 86_400
        connection.sendall(b"".join(map(framed, EVENTS[1:])) + b"0\r\n\r\n")

    with recording_proxy(db, v1=set_in_the_middle) as proxy:
        for _ in range(2):
            receive(proxy, "/v1/responses")
            off_s[0] += 2 * 86_400
        receive(proxy, "/v1/responses")
    first, second, third = rows(db)
    assert second.started_at > first.started_at  # the wall clock as before
    assert second.started_at[:10] < third.started_at[:10]
    for row in (first, second, third):
        times_ns = [at_ns for at_ns in (row.first_byte_ns, row.last_byte_ns, row.end_ns) if at_ns is not None]
        assert 0 <= times_ns[0] <= times_ns[1] <= times_ns[2] < 3600 * 10**9
        with open_recording(db) as recording:
            times = [entry.at_ns for entry in recording.entries(row.id)]
        assert times == sorted(times)


def test_the_client_and_the_recording_get_every_byte(db: Path) -> None:
    with recording_proxy(db, v1=streamed(*EVENTS)) as proxy:
        assert proxy.base_url == f"http://127.0.0.1:{proxy.port}/v1"
        assert receive(proxy, "/v1/responses?stream=true", Authorization="Bearer planted") == CLEAN
    (row,) = rows(db)
    assert (row.state, row.ended_by, row.model, row.event_count) == ("completed", "server", "m", 13)
    assert row.url.endswith("/v1/responses?stream=true")
    assert row.http_version == "HTTP/1.1"
    assert dict(row.request_headers)["Authorization"].startswith("Bearer masked-")
    with open_recording(db) as recording:
        facts_hold(recording, row.id, CLEAN)


def test_each_chunk_is_relayed_when_it_arrives(db: Path) -> None:
    """The server sends an event only after the client has received the previous one."""
    got = threading.Semaphore(0)

    def lockstep(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD)
        for event in EVENTS:
            connection.sendall(framed(event))
            assert got.acquire(timeout=60)
        connection.sendall(b"0\r\n\r\n")

    with recording_proxy(db, v1=lockstep, azure=lockstep) as proxy:
        for path in ("/v1/responses", "/azure/some/other/prefix"):
            with ask(proxy, path) as answer:
                for event in EVENTS:
                    assert answer.read(len(event)) == event
                    got.release()
                assert answer.read() == b""
    with open_recording(db) as recording:
        for row in recording.streams():
            assert row.state == "completed"
            chunks = recording.chunks(row.id)
            assert [chunk.size for chunk in chunks] == [len(event) for event in EVENTS]
            assert len({chunk.at_ns for chunk in chunks}) == len(EVENTS)
    assert len(rows(db)) == 2


def test_chunks_that_arrive_together_pass_as_one(db: Path) -> None:
    together = says(SSE_HEAD + b"".join(map(framed, EVENTS)) + b"0\r\n\r\n")
    with recording_proxy(db, splice=True, v1=together) as proxy:
        assert receive(proxy, "/v1/responses") == CLEAN
    with open_recording(db) as recording:
        assert [chunk.size for chunk in recording.chunks(1)] == [len(CLEAN)]


def test_an_encoded_body_passes_encoded_and_is_recorded_decoded(db: Path) -> None:
    wire = gzip.compress(CLEAN)
    answer_head = head("content-type: text/event-stream", "content-encoding: gzip", f"content-length: {len(wire)}")
    with recording_proxy(db, v1=says(answer_head, wire)) as proxy:
        assert receive(proxy, "/v1/responses") == wire
    (row,) = rows(db)
    assert (row.content_encoding, row.wire_size, row.state) == ("gzip", len(wire), "completed")
    with open_recording(db) as recording:
        facts_hold(recording, row.id, CLEAN)


def cut_after(answer_head: bytes, body: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        connection.sendall(answer_head + body)
        hang_up(connection)

    return script


SIZED_HEAD = head("content-type: text/event-stream", f"content-length: {len(CLEAN)}")
CLOSING_HEAD = head("content-type: text/event-stream", "connection: close")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(cut_after(SSE_HEAD, framed(HALF)), id="chunked, cut between chunks"),
        pytest.param(cut_after(SSE_HEAD, framed(HALF + b"x" * 9)[:-11]), id="chunked, cut in a chunk"),
        pytest.param(cut_after(SIZED_HEAD, HALF), id="content-length"),
        pytest.param(cut_after(CLOSING_HEAD, HALF), id="until close"),
        pytest.param(streamed(HALF), id="a body that ends well, too early"),
    ],
)
def test_a_server_that_hangs_up(db: Path, script: Script) -> None:
    with recording_proxy(db, v1=script) as proxy:
        try:
            received = receive(proxy, "/v1/responses")
        except http.client.IncompleteRead as cut:
            received = cut.partial
        (row,) = ended(db)
    assert received == HALF
    assert (row.state, row.ended_by, row.first_code) == ("truncated", "server", "LC103")
    assert row.end_reason
    with open_recording(db) as recording:
        facts_hold(recording, row.id, HALF)


@pytest.mark.parametrize("abruptly", [False, True])
def test_a_client_that_hangs_up(db: Path, abruptly: bool) -> None:
    left = threading.Event()

    def endless(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + framed(HALF))
        left.wait(60)

    with recording_proxy(db, v1=endless) as proxy:
        client = socket.create_connection(("127.0.0.1", proxy.port))
        client.sendall(b"POST /v1/responses HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}")
        received = b""
        while HALF[-40:] not in received:
            received += client.recv(4096)
        if abruptly:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        client.close()
        (row,) = ended(db)
        left.set()
    assert (row.state, row.ended_by, row.first_code) == ("truncated", "client", None)
    assert "the client closed the connection" in (row.end_reason or "")
    with open_recording(db) as recording:
        facts_hold(recording, row.id, HALF)


def test_a_client_that_hangs_up_at_the_terminal_event_has_all_it_wants(db: Path) -> None:
    left = threading.Event()

    def lingering(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + framed(CLEAN))
        left.wait(60)

    with recording_proxy(db, v1=lingering) as proxy:
        with ask(proxy, "/v1/responses") as answer:
            assert answer.read(len(CLEAN)) == CLEAN
        (row,) = ended(db)
        left.set()
    assert (row.state, row.ended_by, row.end_reason) == ("completed", "server", "response.completed")
    assert rows(db)[0].errors == 0


def test_a_server_that_never_answers(db: Path) -> None:
    with recording_proxy(db, v1=hang_up) as proxy, ask(proxy, "/v1/responses") as answer:
        assert answer.status == 502
    (row,) = rows(db)
    assert (row.state, row.ended_by, row.status) == ("http-error", "server", None)


def test_a_server_that_cannot_be_reached(db: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with Proxy(db, upstream=f"http://127.0.0.1:{port}", on_notice=_ignore) as proxy:
        assert proxy.base_url == f"http://127.0.0.1:{proxy.port}"
        with ask(proxy, "/v1/responses") as answer:
            assert answer.status == 502
    (row,) = rows(db)
    assert (row.state, row.ended_by) == ("http-error", "network")
    assert "the server was not reached" in (row.end_reason or "")
    with open_recording(db) as recording:
        (finding,) = recording.findings(row.id)
    assert finding.message == "the body has no Responses API event: it is empty, because the server was not reached"
    assert "events" not in advice(finding.code, finding.severity, finding)
    checked = subprocess.run(
        [sys.executable, "-m", "responses_tap_viewer", "check", str(db)], capture_output=True, text=True, check=False
    )
    assert finding.message in checked.stdout
    assert "events (responses-tap" not in checked.stdout
    assert "fix: start the server" in checked.stdout


def json_answer(body: bytes, status: str = "200 OK") -> Script:
    return says(head("content-type: application/json", f"content-length: {len(body)}", status=status), body)


def test_responses_that_are_not_streams(db: Path) -> None:
    error, answer = b'{"error":{"message":"busy"}}', b'{"id":"resp_1","status":"completed"}'
    busy = json_answer(error, "429 Too Many Requests")
    nothing = says(head("content-length: 0", status="503 Service Unavailable"))
    with recording_proxy(db, busy=busy, plain=json_answer(answer), nothing=nothing) as proxy:
        assert receive(proxy, "/busy/responses") == error
        assert receive(proxy, "/plain/v1/responses/") == answer
        assert receive(proxy, "/nothing/responses") == b""
    assert [(row.state, row.status, row.response_body) for row in rows(db)] == [
        ("http-error", 429, error),
        ("completed", 200, answer),
        ("http-error", 503, None),
    ]


def test_other_traffic_passes_unrecorded(db: Path) -> None:
    chat = b'data: {"object":"chat.completion.chunk"}\n\ndata: [DONE]\n\n'
    with recording_proxy(db, models=json_answer(b"{}"), v1=streamed(chat)) as proxy:
        with ask(proxy, "/models", method="GET") as answer:
            assert answer.read() == b"{}"
        assert receive(proxy, "/v1/chat/completions") == chat
        with ask(proxy, "/v1/responses/resp_1", method="GET") as answer:
            assert answer.read() == chat  # an event stream under a path of this API counts, however wrong
    (row,) = rows(db)
    assert (row.method, row.event_count) == ("GET", 1)


def test_many_streams_at_once(db: Path) -> None:
    start = threading.Barrier(20)

    def client(proxy: Proxy) -> None:
        start.wait(60)
        assert receive(proxy, "/v1/responses") == SEED

    with recording_proxy(db, v1=streamed(*(SEED[at : at + 50] for at in range(0, len(SEED), 50)))) as proxy:
        threads = [threading.Thread(target=client, args=(proxy,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {(row.state, row.errors) for row in rows(db)} == {("completed", 3)}
    with open_recording(db) as recording:
        assert len(recording.stream_ids()) == 20
        for stream in recording.stream_ids():
            facts_hold(recording, stream, SEED)


def test_findings_are_reported_while_the_stream_is_open(db: Path) -> None:
    notices: list[Notice] = []
    told = threading.Event()

    def waits(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + framed(SEED[: len(SEED) // 2]))
        assert told.wait(60)
        connection.sendall(framed(SEED[len(SEED) // 2 :]) + b"0\r\n\r\n")

    with Upstream(v1=waits) as upstream, Proxy(db, upstream=upstream.url, on_notice=notices.append) as proxy:
        with ask(proxy, "/v1/responses") as answer:
            eventually(lambda: [n for n in notices if isinstance(n, FindingMade) and n.code == "NS201"])
            assert not any(isinstance(notice, StreamFinished) for notice in notices)
            told.set()
            assert answer.read() == SEED
        eventually(lambda: any(isinstance(notice, StreamFinished) for notice in notices))


def test_a_recorder_that_fails_never_breaks_the_flow(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("planted")

    with recording_proxy(db, v1=streamed(*EVENTS)) as proxy:
        for broken in ("Tap.relay", "Tap.response", "Tap.end", "WorkerSupervisor.open"):
            with monkeypatch.context() as patch:
                patch.setattr(f"responses_tap.recorder.proxy_side.supervisor.{broken}", fail)
                assert receive(proxy, "/v1/responses") == CLEAN
        with monkeypatch.context() as patch:
            # The head of the response is still taken, its pieces aren't.
            patch.setattr("responses_tap.recorder.proxy_side.tap._now", iter([0]).__next__)
            assert receive(proxy, "/v1/responses") == CLEAN
        assert receive(proxy, "/v1/responses") == CLEAN
    assert rows(db)[-1].state == "completed"


def test_a_mitmproxy_that_fails_to_start_is_reported(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("mitmproxy.master.Master.run", fail)
    with pytest.raises(CannotRecord, match=r"^mitmproxy cannot be started \(planted\)$"):
        Proxy(db, upstream="http://127.0.0.1:9")
    assert workers(db) == []


def test_errors_that_mitmproxy_logs_are_reported(db: Path) -> None:
    notices: list[Notice] = []
    log = logging.getLogger("mitmproxy.packet_sources")
    with Proxy(db, upstream="http://127.0.0.1:9", on_notice=notices.append):
        log.error("the redirector\nhas ended")
        log.warning("it is late")
        eventually(lambda: notices)
    log.error("nobody asks any more")
    assert notices == [Trouble("mitmproxy: the redirector")]


def test_an_unread_hint_holds_up_no_client(db: Path) -> None:
    """As if Ctrl-S had stopped the terminal."""
    is_told, goes_on = threading.Event(), threading.Event()

    def wait(notice: Notice) -> None:
        if isinstance(notice, Hint):
            is_told.set()
            goes_on.wait(60)

    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with Proxy(db, upstream=f"http://127.0.0.1:{port}", on_notice=wait) as proxy:
        for _ in range(2):
            client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
            client.request("POST", "/v1/responses", "{}")
            assert client.getresponse().status == 502
            client.close()
        assert is_told.wait(30)
        goes_on.set()


def test_a_killed_proxy_leaves_a_complete_recording(db: Path) -> None:
    sent = threading.Event()
    left = threading.Event()

    def stuck(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + framed(HALF))
        sent.set()
        left.wait(60)

    script = """
        import sys, time
        from pathlib import Path
        from responses_tap.mitm.proxy import Proxy
        proxy = Proxy(Path(sys.argv[1]), upstream=sys.argv[2], on_notice=lambda notice: None)
        print(proxy.port, flush=True)
        time.sleep(600)
    """
    with Upstream(v1=stuck) as upstream:
        command = [sys.executable, "-c", textwrap.dedent(script), str(db), upstream.url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        client = http.client.HTTPConnection("127.0.0.1", int(process.stdout.readline()))
        client.request("POST", "/v1/responses", "{}")
        assert client.getresponse().read(len(HALF)) == HALF
        time.sleep(1)  # what arrived longer ago than this must not be lost
        process.kill()
        process.wait()
        process.stdout.close()
        client.close()
        (row,) = ended(db)
        left.set()
    assert (row.state, row.ended_by, row.first_code) == ("truncated", "recorder", None)
    with open_recording(db) as recording:
        facts_hold(recording, row.id, HALF)


def refusal(make: Callable[[], object]) -> str:
    with pytest.raises(CannotRecord) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_started_is_reported_in_a_line(db: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("not a recording, but somebody's notes " * 100)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        listen = taken.getsockname()
        notices: list[Notice] = []
        message = refusal(lambda: Proxy(db, upstream="http://h", listen=listen, on_notice=notices.append))
        assert notices == []  # the line is the only one
        assert message.startswith(f"cannot listen on 127.0.0.1:{listen[1]} (Address already in use)")
    assert "is not a responses-tap recording" in refusal(lambda: Proxy(notes, upstream="http://h"))
    assert "is not an http(s) URL" in refusal(lambda: Proxy(db, upstream="h:80"))
    assert "nonsense" in refusal(lambda: Proxy(db, modes=["nonsense"]))
    with Proxy(db, upstream="http://h") as proxy:  # none of them has left anything behind
        assert proxy.port


def test_a_closed_proxy_no_longer_listens_and_may_be_closed_again(db: Path) -> None:
    proxy = Proxy(db, upstream="http://127.0.0.1:9")
    proxy.close()
    proxy.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port))
