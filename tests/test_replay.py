"""Replay: the same bytes in the same pieces, to a real client."""

import http.client
import json
from contextlib import closing
from urllib.parse import urlsplit

import openai
import pytest

from responses_tap_viewer.replay import CHUNKINGS, Playback, ReplayServer, playback
from responses_tap_viewer.streams import find_stream

from .conftest import RECORDINGS

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
    cut = Playback(200, (("Content-Type", "text/event-stream"),), ((0, b"data: {}\n\n"),), cut=True)
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
