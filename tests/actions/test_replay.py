"""Replay: the same bytes in the same pieces, to a real client."""

import http.client
import json
import socket
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import openai
import pytest
from tests.conftest import RECORDINGS

from responses_tap.errors import UnusableInput
from responses_tap_viewer.actions.playback import CHUNKINGS, BreakOff, Playback, playback
from responses_tap_viewer.actions.replay_server import ReplayServer
from responses_tap_viewer.streams import find_stream

TEXT = RECORDINGS / "clean/text.sse"


def get(url: str, path: str = "/v1/responses") -> tuple[http.client.HTTPResponse, bytes]:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port)) as connection:
        connection.request("POST", path, b"{}")
        with connection.getresponse() as answer:
            return answer, answer.read()


@pytest.mark.parametrize("chunks", CHUNKINGS)
def test_the_body_is_played_byte_for_byte(chunks: str) -> None:
    with ReplayServer({"": playback(find_stream(str(TEXT)), chunks)}, speed=0) as server:
        answer, body = get(server.url)
    assert answer.getheader("Content-Type") == "text/event-stream"
    assert body == TEXT.read_bytes()


def test_a_byte_each_is_a_byte_each() -> None:
    pieces = playback(find_stream(str(TEXT)), "byte").pieces
    assert {len(piece) for _, piece in pieces} == {1}


def test_the_real_client_reads_it() -> None:
    with ReplayServer({"": playback(find_stream(str(TEXT)))}, speed=0) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
        with client.responses.stream(model="sample-1", input="hi") as stream:
            assert stream.get_final_response().output_text == "Hello, world."


def test_each_prefix_has_its_own_stream_and_others_are_refused() -> None:
    playbacks = {
        "/a/": Playback(200, (), ((0, b"one"),)),
        "/b/": Playback(429, (("Content-Type", "application/json"),), ((0, b"{}"),)),
    }
    with ReplayServer(playbacks, speed=0) as server:
        assert get(server.url, "/a/v1/responses")[1] == b"one"
        assert get(server.url, "/b/v1/responses")[0].status == 429
        answer, body = get(server.url, "/c")
    assert answer.status == 404
    assert "/a/, /b/" in json.loads(body)["error"]["message"]


def test_a_websocket_is_refused_as_by_a_server_that_has_none() -> None:
    with ReplayServer({"": playback(find_stream(str(TEXT)))}, speed=0) as server:
        parts = urlsplit(server.url)
        with closing(http.client.HTTPConnection(parts.hostname or "", parts.port)) as connection:
            connection.request("GET", "/v1/responses", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
            answer = connection.getresponse()
            assert answer.status == http.HTTPStatus.UPGRADE_REQUIRED
            assert "no WebSocket" in json.loads(answer.read())["error"]["message"]


def test_a_cut_stream_is_cut_again() -> None:
    cut = Playback(200, (("Content-Type", "text/event-stream"),), ((0, b"data: {}\n\n"),), break_off=BreakOff.RESET)
    with ReplayServer({"": cut}, speed=0) as server, pytest.raises((http.client.IncompleteRead, ConnectionError)):
        get(server.url)


def test_pieces_come_at_their_times() -> None:
    slow = Playback(200, (), ((0, b"a"), (200_000_000, b"b")))
    with ReplayServer({"": slow}, speed=1) as server:
        parts = urlsplit(server.url)
        with closing(http.client.HTTPConnection(parts.hostname or "", parts.port)) as connection:
            connection.request("GET", "/")
            with connection.getresponse() as answer:
                assert answer.read1() == b"a"  # it does not wait for the rest
                assert answer.read() == b"b"


HEAD = b"POST /v1/responses HTTP/1.1\r\nHost: localhost\r\n"
ONE = Playback(200, (("Content-Type", "text/plain"),), ((0, b"one"),))


def exchange(server: ReplayServer, sent: bytes, *, then_close: bool = False) -> bytes:
    """What is received until the server closes the connection or stays silent."""
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(sent)
        if then_close:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"Content-Length: many\r\n\r\n{}",
        HEAD + b"Content-Length: -1\r\n\r\n{}",
        HEAD + b"Content-Length: +2\r\n\r\n{}",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        HEAD + b"Content-Length: 99999999999999\r\n\r\n{}",
        HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 100 + b"\r\n",
        HEAD + b"A: " + b"a" * 200_000 + b"\r\n\r\n",
        HEAD + b"A : b\r\n\r\n",
        HEAD + b"A: b\x00c\r\n\r\n",
        HEAD + b"Origin: https://evil.example\r\nContent-Length: 0\r\n\r\n",
        HEAD + b"Origin: null\r\nContent-Length: 0\r\n\r\n",
        HEAD + b"Host: evil.example\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example@localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 600 + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_a_bad_request_is_refused_and_the_next_client_served(sent: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with ReplayServer({"": ONE}) as server:
        answer = exchange(server, sent)
        assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501")), answer
        assert answer.count(b"HTTP/1.1") == 1
        assert get(server.url)[1] == b"one"
    assert capfd.readouterr().err == ""


def test_a_request_that_breaks_off_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    with ReplayServer({"": ONE}) as server:
        exchange(server, HEAD + b"Content-Length: 10\r\n\r\n{}", then_close=True)
        exchange(server, HEAD[:30], then_close=True)
        assert get(server.url)[1] == b"one"
    assert capfd.readouterr().err == ""


def test_a_silent_client_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responses_tap_viewer.actions.replay_server._REQUEST_SECONDS", 0.2)
    with ReplayServer({"": ONE}) as server:
        assert exchange(server, HEAD) == b""
        assert exchange(server, HEAD + b"Content-Length: 10\r\n\r\n{") == b""


def test_each_request_of_a_connection_is_answered_once_whatever_its_body() -> None:
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n16\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n0\r\n\r\n"
    last = HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
    with ReplayServer({"": ONE}) as server:
        answer = exchange(server, chunked + HEAD + b"Content-Length: 2\r\n\r\n{}" + last)
    assert answer.count(b"HTTP/1.1 200") == answer.count(b"HTTP/1.1") == 3


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:9", "127.1.2.3", "[::1]:80"])
def test_loopback_names_are_answered(host: str) -> None:
    with ReplayServer({"": ONE}) as server:
        answer = exchange(server, b"GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host.encode())
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_response_without_a_body_gets_none(status: int) -> None:
    with ReplayServer({"": Playback(status, (), ONE.pieces)}) as server:
        answer = exchange(server, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 %d" % status)
    assert answer.endswith(b"\r\n\r\n")
    assert b"chunked" not in answer.lower()


def test_head_gets_only_the_headers() -> None:
    with ReplayServer({"": ONE}) as server:
        answer = exchange(server, b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")


def har(path: Path, status: int, *headers: tuple[str, str]) -> str:
    """A HAR with one response."""
    listed = [{"name": name, "value": value} for name, value in (("content-type", "text/event-stream"), *headers)]
    response = {
        "status": status,
        "headers": listed,
        "content": {"mimeType": "text/event-stream", "text": TEXT.read_text()},
    }
    request = {"method": "POST", "url": "https://h.example/v1/responses", "headers": []}
    entry = {"startedDateTime": "2026-01-01T00:00:00Z", "time": 5, "request": request, "response": response}
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": [entry]}}))
    return str(path)


@pytest.mark.parametrize("status", [100, 101, 103, 199, 600, 999])
def test_a_status_that_is_not_final_is_not_played(tmp_path: Path, status: int) -> None:
    with pytest.raises(UnusableInput, match=f"has the status {status}"):
        playback(find_stream(har(tmp_path / "a.har", status)))


def test_recorded_headers_cannot_split_a_response_and_any_text_is_sent(tmp_path: Path) -> None:
    evil = har(
        tmp_path / "a.har",
        200,
        ("openai-version", "‹masked 3f9a12›"),
        ("openai-x\r\nY-Evil: 2", "v"),
        ("openai-y", "a\r\nX-Evil: 1\r\n\r\nHTTP/1.1 200 OK"),
        ("openai-z", "\x00 lone \ud800 "),
    )
    with ReplayServer({"": playback(find_stream(evil))}, speed=0) as server:
        answer, body = get(server.url)
    names = [name.lower() for name, _ in answer.getheaders()]
    assert not [name for name in names if "evil" in name]
    assert body == TEXT.read_bytes()
    assert answer.getheader("openai-version", "").encode("latin-1").decode() == "‹masked 3f9a12›"


@pytest.mark.parametrize("at_ns", [-(10**18), 10**18])
def test_a_wait_ends_with_the_server(at_ns: int) -> None:
    with ReplayServer({"": Playback(200, (), ((0, b"a"), (at_ns, b"b")))}) as server:
        parts = urlsplit(server.url)
        with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)) as connection:
            connection.request("GET", "/")
            assert connection.getresponse().read(1) == b"a"


@pytest.mark.parametrize("name", ["replay-org.har", "replay-split.har"])
def test_hostile_files_are_replayed(shared: Path, name: str) -> None:
    with ReplayServer({"": playback(find_stream(str(shared / "hostile" / name)))}, speed=0) as server:
        answer, body = get(server.url)
    assert body.startswith(b"event: response.created")
    assert not [key for key, _ in answer.getheaders() if "evil" in key.lower()]
