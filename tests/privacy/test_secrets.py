"""No secret of a request reaches the disk; one in a response stays unchanged, and is flagged."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.conftest import RECORDINGS
from tests.planted_credentials import BROKEN_DOCUMENTS, CLEAN_DOCUMENTS, ENCODINGS, FORMS, QUERIES, forms_of
from tests.planted_credentials import HEADERS as CANARY_HEADERS
from tests.upstream import SSE_HEAD, Upstream, eventually, framed, rows
from websockets.sync.client import connect
from websockets.sync.server import serve

from responses_tap.mitm.proxy import CannotRecord, Proxy
from responses_tap.privacy.looks import OWN_PATTERNS
from responses_tap.recorder.messages import Hint, Notice
from responses_tap.store import open_recording
from responses_tap_viewer.cli import main

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()
MIDDLE = CLEAN.index(b"event: response.output_text.done")

HEADERS = {
    "Authorization": "Bearer planted-authorization",
    "Proxy-Authorization": "Basic planted-proxy",
    "api-key": "planted-api-key",
    "x-api-key": "planted-x-api-key",
    "Cookie": "session=planted-cookie",
    "OpenAI-Organization": "planted-organization",
    "OpenAI-Project": "planted-project",
    "x-debug": "sk-planted0debug0123456789",
}
QUERY = "api-version=v1&api-key=planted-query-1&token=planted-query-2&sig=planted%2Dquery-3"
BODY = {
    "model": "m",
    "stream": True,
    "input": "use sk-planted0123456789abcdefgh and Bearer planted.token.0123456, not https://me:planted-pass@host/",
    "metadata": {"api_key": "planted-member", "note": "customer planted-4711"},
    "tools": [
        {
            "type": "mcp",
            "server_url": "https://mcp.example/sse?key=planted-mcp-1",
            "authorization": "planted-mcp-2",
            "headers": {"X-Any": "planted-mcp-3", "Authorization": "Bearer planted-mcp-4"},
        }
    ],
}


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(OWN_PATTERNS, r"customer (\S+)")
    return tmp_path / "r.db"


def planted_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files that contain something planted, and what."""
    for file in folder.iterdir():
        content = file.read_bytes()
        if b"planted" in content:
            at = content.index(b"planted")
            yield file.name, content[at : at + 40]


def test_no_secret_of_a_request_reaches_the_disk(db: Path) -> None:
    end = threading.Event()

    def waits(connection: socket.socket) -> None:
        cookie = b"set-cookie: id=planted-set-cookie\r\n"
        connection.sendall(SSE_HEAD.removesuffix(b"\r\n") + cookie + b"\r\n" + framed(CLEAN[:MIDDLE]))
        end.wait(60)
        connection.sendall(framed(CLEAN[MIDDLE:]) + b"0\r\n\r\n")

    with Upstream(v1=waits) as upstream, Proxy(db, upstream=upstream.url, on_notice=lambda _: None) as proxy:
        with closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as client:
            client.request("POST", f"/v1/responses?{QUERY}", json.dumps(BODY), HEADERS)
            answer = client.getresponse()
            assert "planted-set-cookie" in answer.headers["set-cookie"]
            eventually(lambda: rows(db) and rows(db)[0].status)
            assert {"r.db", "r.db-wal"} <= {file.name for file in db.parent.iterdir()}
            assert list(planted_in(db.parent)) == []
            end.set()
            assert answer.read() == CLEAN
        assert b"planted-authorization" in upstream.requests[0]  # the server gets what the client sent
    assert list(planted_in(db.parent)) == []
    (row,) = rows(db)
    assert "api-version=v1" in row.url
    body = json.loads(row.request_body or "")
    assert body["input"].startswith("use masked-")
    assert body["metadata"]["note"].startswith("customer masked-")
    assert set(body["tools"][0]["headers"]) == {"X-Any", "Authorization"}
    assert dict(row.request_headers)["Authorization"].startswith("Bearer masked-")


def test_no_secret_reaches_the_disk_through_a_websocket(db: Path) -> None:
    steering = {"type": "response.steer", "input": BODY["input"]}
    with serve(lambda connection: connection.recv() and connection.recv(), "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            upstream = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
            with Proxy(db, upstream=upstream, on_notice=lambda _: None) as proxy:
                url = f"ws://127.0.0.1:{proxy.port}/v1/responses?{QUERY}"
                with connect(url, additional_headers={"Authorization": "Bearer planted-authorization"}) as client:
                    client.send(json.dumps({"type": "response.create", **BODY}))
                    client.send(json.dumps(steering))
                    eventually(lambda: rows(db))
                    assert list(planted_in(db.parent)) == []
                    client.close(1000, "api_key=planted-reason")
        finally:
            server.shutdown()
            thread.join()
    assert list(planted_in(db.parent)) == []
    (row,) = rows(db)
    assert json.loads(row.request_body or "")["input"].startswith("use masked-")


def test_a_secret_in_a_response_stays_and_is_flagged(db: Path) -> None:
    told: list[Notice] = []
    body = CLEAN.replace(b"Hello, world.", b"Your key is sk-abcdefghijklmn0123456789.")

    def serve_it(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + framed(body) + b"0\r\n\r\n")

    with (
        Upstream(v1=serve_it) as upstream,
        Proxy(db, upstream=upstream.url, on_notice=told.append) as proxy,
        closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as client,
    ):
        client.request("POST", "/v1/responses", "{}")
        assert client.getresponse().read() == body
    with open_recording(db) as recording:
        assert recording.body(1) == body
    (hint,) = [notice.message for notice in told if isinstance(notice, Hint)]
    assert hint.startswith("stream 1 has a possible secret: API key in event ")
    shown = CliRunner().invoke(main, ["show", f"{db}#1"]).stdout
    assert "⚑ possible secret: API key in event " in shown
    assert "⚑" not in CliRunner().invoke(main, ["show", str(RECORDINGS / "clean/text.sse")]).stdout


def test_a_pattern_that_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWN_PATTERNS, "(")
    with pytest.raises(CannotRecord, match="invalid regular expression"):
        Proxy(tmp_path / "r.db", upstream="http://h")


def test_no_canary_is_in_the_bytes_of_the_files(tmp_path: Path) -> None:
    requests: list[tuple[str, dict[str, str], bytes]] = [
        *(("", {name: value}, b"{}") for name, _, value in (header.partition(": ") for header in CANARY_HEADERS)),
        *((f"?{query}", {}, b"{}") for query in QUERIES),
        *(("", {}, document.encode()) for document in (*CLEAN_DOCUMENTS, *BROKEN_DOCUMENTS, *FORMS)),
        *(("", {}, CLEAN_DOCUMENTS[0].encode(encoding)) for encoding in ENCODINGS),
    ]
    canaries = [f"Canary-{n:03}-Qz" for n in range(len(requests))]
    db = tmp_path / "r.db"

    def serve_it(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + framed(CLEAN) + b"0\r\n\r\n")

    with (
        Upstream(v1=serve_it) as upstream,
        Proxy(db, upstream=upstream.url, on_notice=lambda _: None) as proxy,
        closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as client,
    ):
        for canary, (query, headers, body) in zip(canaries, requests, strict=True):
            planted = {name: value.replace("CANARY", canary) for name, value in headers.items()}
            client.request("POST", f"/v1/responses{query.replace('CANARY', canary)}", _planted(body, canary), planted)
            assert client.getresponse().read() == CLEAN
        eventually(lambda: len(rows(db)) == len(requests))
        during = [file.read_bytes() for file in tmp_path.iterdir()]
        assert all(canary.encode() in _sent(upstream) for canary in canaries[: len(CANARY_HEADERS)])
    found = [
        (canary, requests[n])
        for n, canary in enumerate(canaries)
        for content in (*during, *(file.read_bytes() for file in tmp_path.iterdir()))
        for form in forms_of(canary)
        if form in content
    ]
    assert found == []


def _planted(body: bytes, canary: str) -> bytes:
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
        body = body.replace("CANARY".encode(encoding), canary.encode(encoding))
    return body


def _sent(upstream: Upstream) -> bytes:
    return b"".join(upstream.requests)


def test_a_key_that_is_given_as_the_model_is_masked(tmp_path: Path) -> None:
    key = "sk-proj-" + "a1B2" * 10
    body = (RECORDINGS / "clean/text.sse").read_text()
    request = {"method": "POST", "url": "http://h/v1/responses", "httpVersion": "HTTP/1.1", "headers": [],
               "postData": {"text": json.dumps({"model": key, "input": "hi", "stream": True})}}  # fmt: skip
    kind = "text/event-stream"
    response = {"status": 200, "httpVersion": "HTTP/1.1", "headers": [{"name": "content-type", "value": kind}],
                "content": {"mimeType": kind, "text": body}}  # fmt: skip
    entry = {"startedDateTime": "2026-11-28T00:00:00Z", "request": request, "response": response}
    (tmp_path / "a.har").write_text(json.dumps({"log": {"version": "1.2", "entries": [entry]}}))
    db = tmp_path / "r.db"
    assert CliRunner().invoke(main, ["import", str(tmp_path / "a.har"), "--db", str(db)]).exit_code == 0
    with open_recording(db) as recording:
        (row,) = recording.streams()
    assert row.model is not None
    assert key not in row.model
    assert key.encode() not in db.read_bytes()
