"""Large request bodies come to the recorder in pieces; the recording has them whole, with their secrets masked."""

import base64
import contextlib
import gzip
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RECORDINGS
from tests.upstream import SSE_HEAD, Upstream, ended, eventually, framed, head, rows

from responses_tap.mitm.proxy import Proxy
from responses_tap.recorder.messages import Notice, Trouble
from responses_tap.store.uploads import mark
from responses_tap.store.writer import Writer

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()
IMAGES = [base64.b64encode(random.Random(n).randbytes(size)).decode() for n, size in enumerate((3_000_000, 500_000))]
SECRET = "sk-planted0123456789abcdefgh"


def body(**members: Any) -> bytes:
    """A request with two images, and a secret before, between and behind them."""
    parts = [
        {"type": "input_text", "text": f"ein Blick: «{SECRET}»"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{IMAGES[0]}"},
        {"type": "input_text", "text": "and ‹part 0 0123456789abcdef› of " + SECRET},
        {"type": "input_file", "file_data": IMAGES[1]},
    ]
    asked = {"model": "m", "stream": True, "input": [{"role": "user", "content": parts}], **members}
    return json.dumps(asked | {"metadata": {"api_key": "planted-member"}}, ensure_ascii=False).encode()


BODY = body()
PLANTED = b"planted"


def masked(text: str | None) -> Any:
    """A recorded body with what was masked in it as it was sent."""
    assert text is not None
    assert "planted" not in text
    asked = json.loads(text)
    for part in asked["input"][0]["content"]:
        if "text" in part:
            mask = part["text"].partition("masked-")[2][:16]
            part["text"] = part["text"].replace(f"masked-{mask}", SECRET)
    asked["metadata"]["api_key"] = "planted-member"
    return asked


def answers(connection: socket.socket) -> None:
    connection.sendall(SSE_HEAD + framed(CLEAN) + b"0\r\n\r\n")


@pytest.fixture
def notices() -> list[Notice]:
    return []


@pytest.fixture
def recorded(tmp_path: Path, notices: list[Notice]) -> Iterator[Callable[..., Any]]:
    with contextlib.ExitStack() as stack:

        def start(script: Callable[[socket.socket], None] = answers, **options: object) -> tuple[Upstream, Proxy, Path]:
            upstream = stack.enter_context(Upstream(v1=script))
            db = tmp_path / "recordings/r.db"
            proxy = Proxy(db, upstream=upstream.url, on_notice=notices.append, options=options)
            return upstream, stack.enter_context(proxy), db

        yield start


def ask(proxy: Proxy, sent: bytes, **headers: str) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as client:
        client.request("POST", "/v1/responses", sent, headers)
        return client.getresponse().read()


PASSED_ON = {"stream_large_bodies": "1m"}
"""mitmproxy passes large bodies on as they come, instead of waiting for their end."""


@pytest.mark.parametrize("options", [{}, PASSED_ON], ids=["whole", "passed on"])
def test_a_large_request_arrives_unchanged_and_is_recorded_whole(
    recorded: Callable[..., Any], options: dict[str, str]
) -> None:
    upstream, proxy, db = recorded(**options)
    assert ask(proxy, BODY) == CLEAN
    assert upstream.bodies == [BODY]
    proxy.close()
    (row,) = ended(db)
    assert masked(row.request_body) == json.loads(BODY)
    assert (row.model, row.state, row.event_count) == ("m", "completed", 13)
    assert PLANTED not in db.read_bytes()
    with closing(sqlite3.connect(db)) as file:
        assert file.execute("SELECT count(*) FROM uploads").fetchone() == (0,)


def test_its_content_encoding_is_undone(recorded: Callable[..., Any]) -> None:
    upstream, proxy, db = recorded()
    sent = gzip.compress(body(padding=[random.Random(7).randbytes(2_000_000).hex()] * 2), compresslevel=1)
    ask(proxy, sent, **{"content-encoding": "gzip"})
    assert upstream.bodies == [sent]
    proxy.close()
    (row,) = ended(db)
    assert masked(row.request_body)["input"] == json.loads(BODY)["input"]


def test_while_the_stream_is_open_the_images_are_not_in_its_row(recorded: Callable[..., Any]) -> None:
    end = threading.Event()

    def waits(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + framed(CLEAN[:200]))
        end.wait(60)
        connection.sendall(framed(CLEAN[200:]) + b"0\r\n\r\n")

    _, proxy, db = recorded(waits)
    client = threading.Thread(target=ask, args=(proxy, BODY))
    client.start()
    try:
        (row,) = eventually(lambda: [row for row in rows(db) if row.first_byte_ns and row.request_body])
        assert len(row.request_body) < len(BODY) / 2
        assert "planted" not in row.request_body
        assert all(PLANTED not in file.read_bytes() for file in db.parent.iterdir())
    finally:
        end.set()
        client.join()
    proxy.close()
    assert masked(ended(db)[0].request_body) == json.loads(BODY)


def test_a_recorder_that_was_killed_leaves_it_whole(recorded: Callable[..., Any], tmp_path: Path) -> None:
    """Both are killed before the stream ends: the next that opens the file joins the body."""
    end = threading.Event()

    def waits(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + framed(CLEAN[:200]))
        end.wait(60)
        connection.sendall(framed(CLEAN[200:]) + b"0\r\n\r\n")

    _, proxy, db = recorded(waits)
    client = threading.Thread(target=ask, args=(proxy, BODY))
    client.start()
    eventually(lambda: [row for row in rows(db) if row.first_byte_ns and row.request_body])
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(db)) as file, closing(sqlite3.connect(copy)) as other:
        file.backup(other)
    end.set()
    client.join()
    proxy.close()
    with Proxy(copy, upstream="http://127.0.0.1:9", on_notice=lambda _: None):
        pass
    (row,) = ended(copy)
    assert (row.state, row.ended_by) == ("truncated", "recorder")
    assert masked(row.request_body) == json.loads(BODY)


def test_a_worker_that_dies_during_the_upload_loses_the_body_and_says_so(
    recorded: Callable[..., Any], notices: list[Notice]
) -> None:
    upstream, proxy, db = recorded(**PASSED_ON)
    half = len(BODY) // 2
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(b"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(BODY))
        client.sendall(BODY[:half])
        eventually(lambda: rows(db))
        (worker,) = subprocess.run(
            ["pgrep", "-f", f"responses_tap.recorder {db.absolute()}"], capture_output=True, text=True, check=True
        ).stdout.split()
        os.kill(int(worker), signal.SIGKILL)
        eventually(lambda: any("died" in str(notice) for notice in notices))
        client.sendall(BODY[half:])
        eventually(lambda: upstream.bodies)
        answer = b""
        while not answer.endswith(b"0\r\n\r\n"):
            answer += client.recv(2**16)
    assert upstream.bodies == [BODY]
    proxy.close()
    (row,) = ended(db)
    assert (row.state, row.event_count, row.request_body) == ("completed", 13, None)
    assert any(isinstance(notice, Trouble) and "its body is not kept" in str(notice) for notice in notices)
    with closing(sqlite3.connect(db)) as file:
        assert file.execute("SELECT count(*) FROM uploads").fetchone() == (0,)


def test_a_client_that_leaves_in_the_middle_of_its_request_is_recorded(recorded: Callable[..., Any]) -> None:
    _, proxy, db = recorded(**PASSED_ON)
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(b"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(BODY))
        client.sendall(BODY[: len(BODY) // 2])
        eventually(lambda: rows(db))
    (row,) = ended(db)
    assert row.ended_by == "client"
    assert row.request_body is not None
    assert "planted" not in row.request_body


def test_a_server_that_refuses_it_early_is_heard(recorded: Callable[..., Any]) -> None:
    refusal = head("content-length: 2", "content-type: application/json", status="413 Content Too Large") + b"{}"
    _, proxy, db = recorded(lambda connection: connection.sendall(refusal))
    assert ask(proxy, BODY) == b"{}"
    (row,) = ended(db)
    assert (row.status, row.state) == (413, "http-error")


def test_without_an_upstream_the_client_gets_a_502(tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    with (
        Proxy(db, upstream="http://127.0.0.1:9", on_notice=lambda _: None) as proxy,
        closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as client,
    ):
        client.request("POST", "/v1/responses", BODY)
        assert client.getresponse().status == 502
    (row,) = ended(db)
    assert (row.state, row.ended_by) == ("http-error", "network")


def test_a_mark_counts_only_where_the_recorder_set_it(tmp_path: Path) -> None:
    """Somebody writes marks into a body: of another stream, of another recording, of a part that there is not."""
    writer = Writer(tmp_path / "r.db")
    columns = {"method": "POST", "url": "u", "host": "h", "route": "sse", "http_version": "1", "request_headers": "[]"}
    stream = writer.add_stream({**columns, "started_at": "2026-01-01", "state": "open"})
    foreign = [mark(writer.upload_key, stream + 1, 0), mark(bytes(32), stream, 0), mark(writer.upload_key, stream, 5)]
    writer.set_stream(stream, {"request_body": " ".join([*foreign, mark(writer.upload_key, stream, 0), "é"])})
    writer.add_upload(stream, 0, b"AAAA")
    writer.add_upload(stream, 0, b"BBBB")
    writer.join_upload(stream)
    writer.commit()
    writer.close()
    (row,) = rows(tmp_path / "r.db")
    assert row.request_body == " ".join([*foreign, "AAAABBBB", "é"])
