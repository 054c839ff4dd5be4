"""WebSocket mode: a real client and a real server, the real proxy in between, and the resulting streams."""

import json
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import openai
import pytest
from click.testing import CliRunner
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons, tflow
from tests.feeding import FeedLoop
from tests.protocol.test_sockets import asks, turn
from tests.upstream import eventually, facts_hold, rows
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from responses_tap.mitm.addon import Capture
from responses_tap.mitm.proxy import Proxy
from responses_tap.protocol.sse import message_frame
from responses_tap.recorder.messages import (
    EndingMessage,
    FindingMade,
    MessageKind,
    Notice,
    RequestMessage,
    ResponseMessage,
    SocketMessage,
    StreamFinished,
)
from responses_tap.recorder.worker_side.socket_recorder import SocketRecorder
from responses_tap.store import open_recording
from responses_tap.store.writer import Writer
from responses_tap.stream.columns import StreamRow
from responses_tap_viewer.actions.playback import playback
from responses_tap_viewer.actions.replay_server import ReplayServer
from responses_tap_viewer.cli import main
from responses_tap_viewer.streams import find_stream

SECRET = "sk-planted0123456789abcdefghijklmnop"
REFUSAL = {
    "type": "error", "status": 400,
    "error": {"type": "invalid_request_error", "code": "previous_response_not_found", "message": "gone"},
}  # fmt: skip

type Script = Callable[[ServerConnection], None]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@contextmanager
def proxied(db: Path, script: Script, *, notices: list[Notice] | None = None, **options: Any) -> Iterator[Proxy]:
    """A recording proxy in front of a WebSocket server that runs `script` for each socket."""
    told = [] if notices is None else notices
    with serve(script, "127.0.0.1", 0, **options) as server:
        port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with Proxy(db, upstream=f"http://127.0.0.1:{port}/v1", on_notice=told.append) as proxy:
                yield proxy
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def socket_to(proxy: Proxy, path: str = "/v1/responses", **options: Any) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{proxy.port}{path}", **options) as connection:
        yield connection


def answers(connection: ServerConnection) -> None:
    """Answer each request with the sample; refuse to continue a response that is gone."""
    for n, message in enumerate(connection):
        request = json.loads(message)
        if request.get("previous_response_id") == "gone":
            connection.send(json.dumps(REFUSAL))
            continue
        lane = {"stream_id": request["stream_id"]} if "stream_id" in request else {}
        for sent in turn(f"r{n}", **lane):
            event = json.loads(sent)
            if "response" in event and request.get("previous_response_id"):
                event["response"]["previous_response_id"] = request["previous_response_id"]
                connection.send(json.dumps(event))
            else:
                connection.send(sent.decode())


def sends(*messages: bytes, after: int = 1) -> Script:
    """Wait for this many requests, send these messages, and close."""

    def script(connection: ServerConnection) -> None:
        for _ in range(after):
            connection.recv()
        for message in messages:
            connection.send(message.decode())

    return script


def receive(connection: ClientConnection) -> list[bytes]:
    got = []
    try:
        while True:
            got.append(connection.recv(decode=False))
    except ConnectionClosed:
        return got


def summary(row: StreamRow) -> tuple[object, ...]:
    return row.state, row.ended_by, row.status, row.event_count


def cli(*arguments: str) -> str:
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    return done.output


def test_the_real_client_uses_a_socket_for_several_responses(db: Path) -> None:
    notices: list[Notice] = []
    with proxied(db, answers, notices=notices) as proxy:
        client = openai.OpenAI(api_key=SECRET, base_url=proxy.base_url, max_retries=0)
        with client.responses.connect() as connection:
            got = []
            for previous in (None, "gone", "r0"):
                chained = {"previous_response_id": previous} if previous else {}
                connection.response.create(model="m", input=f"my key is {SECRET}", **chained)
                for event in connection:
                    got.append(event.type)
                    if event.type in ("response.completed", "error"):
                        break
    first, refused, last = rows(db)
    assert got.count("response.completed") == 2
    assert summary(first) == ("completed", "server", 101, 13)
    assert summary(refused) == ("http-error", "server", 400, 1)
    assert summary(last) == ("completed", "server", 101, 13)
    assert refused.end_reason == "error previous_response_not_found"
    assert [row.route for row in (first, refused, last)] == ["websocket"] * 3
    assert [row.response_id for row in (first, refused, last)] == ["r0", None, "r2"]
    assert (last.model, last.input_tokens, last.socket) == ("m", 12, first.socket)
    assert json.loads(last.request_body or "")["previous_response_id"] == "r0"
    assert first.started_at < refused.started_at < last.started_at
    for file in db.parent.iterdir():
        assert SECRET.encode() not in file.read_bytes()
    with open_recording(db) as recording:
        facts_hold(recording, first.id, b"".join(turn("r0")))
        assert [frame.raw for frame, _, _ in recording.frames(first.id)] == turn("r0")
        used = recording.socket(first.socket or 0)
        assert used is not None
        assert (used.status, used.ended_by, used.close_code) == (101, "client", 1000)
    finished = [notice for notice in notices if isinstance(notice, StreamFinished)]
    assert [notice.state for notice in finished] == ["completed", "http-error", "completed"]


def test_lanes_in_parallel_become_streams(db: Path) -> None:
    def script(connection: ServerConnection) -> None:
        lanes = [json.loads(connection.recv())["stream_id"] for _ in range(3)]
        turns = [turn(f"r{lane}", stream_id=lane) for lane in lanes]
        for messages in zip(*turns, strict=True):
            for message in messages:
                connection.send(message.decode())

    with proxied(db, script) as proxy, socket_to(proxy) as connection:
        for lane in "abc":
            connection.send(asks(stream_id=lane).decode())
        assert len(receive(connection)) == 39
    assert [(row.response_id, *summary(row), row.first_code) for row in rows(db)] == [
        (f"r{lane}", "completed", "server", 101, 13, None) for lane in "abc"
    ]
    with open_recording(db) as recording:
        for stream, lane in enumerate("abc", start=1):
            facts_hold(recording, stream, b"".join(turn(f"r{lane}", stream_id=lane)))


@pytest.mark.parametrize("compression", ["deflate", None])
def test_messages_pass_unchanged_and_at_once(db: Path, compression: str | None) -> None:
    """The server sends a message only after the client has received the previous one."""
    got = threading.Semaphore(0)
    large = json.dumps({"type": "response.output_text.delta", "delta": "ü" * 100_000}, ensure_ascii=False)
    messages: list[str | bytes] = [message.decode() for message in turn("a")[:6]]
    messages += [large, b"\x00\xffbinary", "[DONE]", "no JSON"]

    def script(connection: ServerConnection) -> None:
        extensions = connection.request.headers.get("Sec-WebSocket-Extensions", "") if connection.request else ""
        assert ("permessage-deflate" in extensions) is (compression is not None)
        connection.recv()
        for message in messages:
            connection.send(message)
            assert got.acquire(timeout=60)
        connection.send(iter(["frag", "men", "ted"]))

    with proxied(db, script, compression=compression) as proxy, socket_to(proxy, compression=compression) as connection:
        connection.send(asks().decode())
        for message in messages:
            assert connection.recv(timeout=60) == message
            got.release()
        assert connection.recv(timeout=60) == "fragmented"
        receive(connection)
    (row,) = rows(db)
    with open_recording(db) as recording:
        frames = [frame for frame, _, _ in recording.frames(row.id)]
        texts = [message.encode() if isinstance(message, str) else message for message in [*messages, "fragmented"]]
        assert [frame.raw for frame in frames] == texts
        assert [frame.data is None for frame in frames] == [isinstance(message, bytes) for message in messages] + [
            False
        ]
        facts_hold(recording, row.id, b"".join(texts))
        codes = [finding.code for finding in recording.findings(row.id)]
    assert "WS005" in codes


def ends_with(code: int, reason: str) -> Script:
    def script(connection: ServerConnection) -> None:
        connection.recv()
        for message in turn("a")[:5]:
            connection.send(message.decode())
        connection.close(code, reason)

    return script


def drops(connection: ServerConnection) -> None:
    sends(*turn("a")[:5])(connection)
    connection.socket.shutdown(socket.SHUT_RDWR)


def waits(connection: ServerConnection) -> None:
    sends(*turn("a")[:5])(connection)
    receive(connection)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("script", "ended_by", "reason", "code"),
    [
        (ends_with(1011, "overloaded"), "server", "the server closed the WebSocket (1011 overloaded)", "LC103"),
        (drops, "server", "the server dropped the WebSocket without closing it", "LC103"),
    ],
)
def test_a_server_that_leaves_in_a_response(db: Path, script: Script, ended_by: str, reason: str, code: str) -> None:
    with proxied(db, script) as proxy, socket_to(proxy) as connection:
        connection.send(asks().decode())
        assert receive(connection) == turn("a")[:5]
    (row,) = rows(db)
    assert (*summary(row), row.end_reason, row.first_code) == ("truncated", ended_by, 101, 5, reason, code)
    with open_recording(db) as recording:
        used = recording.socket(row.socket or 0)
        assert used is not None
        assert (used.ended_by, used.close_code in (1006, 1011)) == (ended_by, True)


@pytest.mark.parametrize("politely", [True, False])
def test_a_client_that_leaves_in_a_response(db: Path, politely: bool) -> None:
    with proxied(db, waits) as proxy, socket_to(proxy) as connection:
        connection.send(asks().decode())
        assert [connection.recv(decode=False, timeout=60) for _ in range(5)] == turn("a")[:5]
        if politely:
            connection.close(1001, "bye")
        else:
            connection.socket.shutdown(socket.SHUT_RDWR)
        eventually(lambda: rows(db) and rows(db)[0].ended_by)
    (row,) = rows(db)
    how = "closed the WebSocket (1001 bye)" if politely else "dropped the WebSocket without closing it"
    assert (*summary(row), row.end_reason, row.first_code) == ("truncated", "client", 101, 5, f"the client {how}", None)


def test_other_sockets_pass_unrecorded(db: Path) -> None:
    def script(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    with proxied(db, script) as proxy, socket_to(proxy, "/v1/realtime?model=m") as connection:
        connection.send(asks().decode())
        assert connection.recv(timeout=60) == asks().decode()
    assert rows(db) == []
    with open_recording(db) as recording:
        assert recording.socket(1) is None


def test_a_refused_handshake_is_recorded_as_a_response(db: Path) -> None:
    def refuse(connection: ServerConnection, request: object) -> Any:
        return connection.respond(HTTPStatus.UNAUTHORIZED, "no such key\n")

    with proxied(db, answers, process_request=refuse) as proxy, pytest.raises(InvalidStatus), socket_to(proxy):
        pass
    (row,) = rows(db)
    assert (row.route, row.method, *summary(row)) == ("websocket", "GET", "http-error", "server", 401, 0)
    assert row.response_body == b"no such key\n"


def test_an_upstream_that_is_down_is_recorded(db: Path) -> None:
    with (
        Proxy(db, upstream="http://127.0.0.1:9/v1", on_notice=[].append) as proxy,
        pytest.raises(InvalidStatus, match="502"),
        socket_to(proxy),
    ):
        pass
    (row,) = rows(db)
    assert (row.route, row.state, row.ended_by) == ("websocket", "http-error", "network")


def test_findings_are_reported_live_and_again_by_recheck(db: Path) -> None:
    first, second = turn("a"), turn("b")
    del first[9]  # output_text.done
    broken = [*first[:5], *second, second[6], b"data: {}\n\n", *turn("c")]
    notices: list[Notice] = []
    with proxied(db, sends(*broken, after=3), notices=notices) as proxy, socket_to(proxy) as connection:
        for _ in range(3):
            connection.send(asks().decode())
        assert len(receive(connection)) == len(broken)
    told = [(notice.stream, notice.code) for notice in notices if isinstance(notice, FindingMade)]
    # What a commit finds between two messages may be explained by the second: a break in the numbers by LC106.
    assert [one for one in told if one != (2, "ID510")] == [(2, "WS001"), (2, "LC106"), (3, "WS005")]
    assert [row.state for row in rows(db)] == ["truncated", "completed", "completed"]
    live = [row.first_code for row in rows(db)]
    assert "Rechecked 3 streams with rules 2026-12: 0 changed" in cli("recheck", str(db))
    assert [row.first_code for row in rows(db)] == live == [None, "WS001", "WS005"]
    report = json.loads(cli("check", str(db), "--format", "json"))
    assert [[finding["code"] for finding in stream["findings"]] for stream in report["streams"]] == [
        [], ["WS001", "LC106"], ["WS005"],
    ]  # fmt: skip
    assert report["summary"]["events"] == len(broken)
    alone = json.loads(cli("check", f"{db}#2", "--format", "json"))
    assert alone["streams"][0]["findings"] == report["streams"][1]["findings"]


def test_a_stream_of_a_socket_is_shown_exported_and_replayed(db: Path, tmp_path: Path) -> None:
    with proxied(db, answers) as proxy, socket_to(proxy) as connection:
        for previous in ("none", "gone"):
            connection.send(asks(previous_response_id=previous).decode())
        assert len([connection.recv(timeout=60) for _ in range(14)]) == 14
    assert "output_text.delta  [0.0] × 5, 13 characters" in cli("show", f"{db}#1")
    assert "over WebSocket 1" in cli("show", f"{db}#1")
    for format_ in ("sse", "json", "har"):
        out = tmp_path / f"out.{format_}"
        cli("export", f"{db}#1", "--format", format_, "-o", str(out))
        (stream,) = json.loads(cli("check", str(out), "--format", "json"))["streams"]
        assert (stream["response_id"], stream["events"], stream["state"]) == ("r0", 13, "completed")
        assert stream["findings"] == []
    for format_ in ("md", "html"):
        for how in ("--structure-only", "--redact-text", "--mask-secrets"):
            assert "13 events" in cli("export", f"{db}#1", f"{db}#2", "--format", format_, how)
    refused = CliRunner().invoke(main, ["export", f"{db}#1", "--format", "curl"])
    assert "was asked for through a WebSocket" in refused.stderr
    playbacks = {"/one": playback(find_stream(f"{db}#1")), "/two": playback(find_stream(f"{db}#2"))}
    with ReplayServer(playbacks, speed=0) as server:
        client = openai.OpenAI(api_key="x", base_url=f"{server.url}/one", max_retries=0)
        events = list(client.responses.create(model="m", input="hi", stream=True))
        assert [event.type for event in events] == [json.loads(message)["type"] for message in turn("r0")]
        with pytest.raises(openai.BadRequestError, match="gone"):
            client.with_options(base_url=f"{server.url}/two").responses.create(model="m", input="hi", stream=True)


def test_a_trace_keeps_what_is_wrong_with_a_socket(db: Path, tmp_path: Path) -> None:
    """WS003 and WS005 are about messages: an event stream made from them would show neither."""
    broken = json.dumps({"type": "error", "error": {"message": "no"}}).encode()
    with proxied(db, sends(*turn("a"), b"data: {}\n\n", broken, after=2)) as proxy, socket_to(proxy) as connection:
        for _ in range(2):
            connection.send(asks().decode())
        assert len(receive(connection)) == 15
    trace, old, again = (tmp_path / name for name in ("trace.json", "old.json", "again.db"))
    cli("export", f"{db}#1", f"{db}#2", "--format", "json", "-o", str(trace))
    document = json.loads(trace.read_text())
    for stream in document["streams"]:
        del stream["socket"]
    old.write_text(json.dumps(document))
    cli("import", str(trace), "--db", str(again))
    (first, second) = verdicts(db)
    assert {code for _, codes in (first, second) for code, *_ in codes} == {"WS003", "WS005"}
    assert verdicts(trace) == verdicts(old) == verdicts(again) == [first, second]
    assert [row.state for row in rows(again)] == [row.state for row in rows(db)]
    assert "0 changed" in cli("recheck", str(again))
    cli("export", f"{again}#1", f"{again}#2", "--format", "json", "-o", str(trace), "--force")
    assert verdicts(trace) == [first, second]
    assert playback(find_stream(f"{again}#1")) == playback(find_stream(f"{db}#1"))


def verdicts(path: Path) -> list[tuple[str, list[tuple[str, int | None, int]]]]:
    """The state and the findings of each stream."""
    streams = json.loads(cli("check", str(path), "--format", "json"))["streams"]
    return [(s["state"], [(f["code"], f["position"], f["count"]) for f in s["findings"]]) for s in streams]


async def test_mitmproxy_keeps_no_messages_unless_configured_to(db: Path) -> None:
    for keeps in (False, True):
        addon = Capture([].append)
        with taddons.context(addon, Proxyserver()) as context:
            context.configure(addon, tap_db=str(db), store_streamed_bodies=keeps)
            flow = tflow.twebsocketflow()
            flow.request.path = "/v1/responses"
            first, *_, last = flow.websocket.messages
            addon.websocket_start(flow)
            addon.websocket_message(flow)
            assert flow.websocket.messages[-1] is last
            assert (first in flow.websocket.messages) is keeps
            addon.websocket_end(flow)
            addon.done()


def test_a_long_socket_keeps_few_streams_in_memory(db: Path) -> None:
    writer = Writer(db)
    request = RequestMessage(
        "GET", "http://h/v1/responses", "h", "HTTP/1.1", [], "2026-11-23T08:00:00.000000Z", True, b""
    )
    live = SocketRecorder.begin(1, request, writer, "openai")
    for n in range(100):
        lane = {"stream_id": f"{n}"} if n % 2 else {}
        for message in (asks(**lane), *turn(f"r{n}", **lane)):
            for changed in live.message(SocketMessage(message == asks(**lane), True, message), n):
                changed.publish()
    assert len(live.streams) <= 33
    live.end(EndingMessage("client", "gone", complete=True, close_code=1000), 10**9)
    writer.commit()
    writer.close()
    assert [row.state for row in rows(db)] == ["completed"] * 100


def test_a_new_worker_continues_a_socket(db: Path) -> None:
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append)
    request = RequestMessage(
        "GET", "http://h/v1/responses", "h", "HTTP/1.1", [], "2026-11-23T08:00:00.000000Z", True, b""
    )
    tap = feeder.open(request, time.monotonic_ns(), MessageKind.SOCKET)
    tap.response(ResponseMessage(101, []))
    messages = turn("b")
    tap.message(SocketMessage(True, True, asks()))
    for message in turn("a"):
        tap.message(SocketMessage(False, True, message))
    tap.message(SocketMessage(True, True, asks()))
    for message in messages[:5]:
        tap.message(SocketMessage(False, True, message))
    eventually(lambda: len(rows(db)) == 2 and rows(db)[1].event_count == 5)
    feeder.supervisor._worker._process.kill()
    for message in messages[5:] * 2:
        tap.message(SocketMessage(False, True, message))
    tap.end(EndingMessage("server", "closed", complete=True, close_code=1000))
    feeder.close()
    first, second = rows(db)
    assert (first.state, second.state, second.event_count, second.first_code) == ("completed", "completed", 21, "LC106")
    with open_recording(db) as recording:
        facts_hold(recording, second.id, b"".join([*messages, *messages[5:]]))
        assert [row.n for row in recording.events(second.id)] == list(range(21))


def test_what_a_client_steers_is_kept(db: Path) -> None:
    def script(connection: ServerConnection) -> None:
        connection.recv()
        for message in turn("a")[:5]:
            connection.send(message.decode())
        connection.recv()
        connection.send('{"type":"response.steer.accepted","sequence_number":5}')

    steer = {"type": "response.steer", "previous_response_id": "a", "input": f"shorter, with {SECRET}"}
    with proxied(db, script) as proxy, socket_to(proxy) as connection:
        connection.send(asks().decode())
        assert len([connection.recv(timeout=60) for _ in range(5)]) == 5
        connection.send(json.dumps(steer))
        receive(connection)
    with open_recording(db) as recording:
        sent = [passed for passed in recording.socket_messages(1) if passed.frame is None]
        assert [(passed.stream, json.loads(passed.request)["type"]) for passed in sent] == [
            (1, "response.create"), (1, "response.steer"),
        ]  # fmt: skip
        assert SECRET.encode() not in sent[1].request
        assert [frame.raw for frame, _, _ in recording.frames(1)][:5] == [message_frame(m).raw for m in turn("a")[:5]]


def record_socket(feeder: FeedLoop, *messages: bytes) -> None:
    """Record a socket whose first message is a request, and leave it open."""
    request = RequestMessage(
        "GET", "http://h/v1/responses", "h", "HTTP/1.1", [], "2026-11-23T08:00:00.000000Z", True, b""
    )
    tap = feeder.open(request, time.monotonic_ns(), MessageKind.SOCKET)
    tap.response(ResponseMessage(101, []))
    for n, message in enumerate(messages):
        tap.message(SocketMessage(n == 0, True, message))


def test_a_socket_that_is_open_when_recording_stops(db: Path) -> None:
    feeder = FeedLoop(db, [].append)
    record_socket(feeder, asks(), *turn("a"), *turn("b")[:3])
    feeder.close()
    assert [(row.state, row.ended_by) for row in rows(db)] == [("completed", "server"), ("truncated", "recorder")]
    with open_recording(db) as recording:
        used = recording.socket(1)
        assert used is not None
        assert used.ended_by == "recorder"


def test_a_socket_that_was_open_when_the_recorder_was_killed(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feeder = FeedLoop(db, [].append)
    record_socket(feeder, asks(), *turn("a")[:3])
    eventually(lambda: [row.event_count for row in rows(db)] == [3])
    monkeypatch.setattr("responses_tap.recorder.proxy_side.supervisor._MOST_STARTS", 0)  # no other worker takes over
    feeder.supervisor._worker._process.kill()
    feeder.close()
    FeedLoop(db, [].append).close()
    (row,) = rows(db)
    assert (row.state, row.ended_by, row.end_reason) == ("truncated", "recorder", "the recorder was killed")
    with open_recording(db) as recording:
        facts_hold(recording, row.id, b"".join(turn("a")[:3]))


def test_streams_of_a_socket_can_be_removed(db: Path) -> None:
    feeder = FeedLoop(db, [].append)
    record_socket(feeder, asks(), *turn("a"), *turn("b"))
    feeder.close()
    writer = Writer(db)
    for stream, is_left in ((1, True), (2, False)):
        writer.remove_streams([stream])
        assert (writer.recording().socket(1) is not None) is is_left
    writer.close()
    assert rows(db) == []


def test_the_messages_are_plain_sql_for_others(db: Path) -> None:
    feeder = FeedLoop(db, [].append)
    record_socket(feeder, asks(), *turn("a"))
    feeder.close()
    with closing(sqlite3.connect(db)) as connection:
        statement = (
            "SELECT group_concat(json_extract(data, '$.delta'), '') FROM event_data WHERE type LIKE '%text.delta'"
        )
        assert connection.execute(statement).fetchone() == ("Hello, world.",)


def test_a_refusal_without_a_status(db: Path) -> None:
    feeder = FeedLoop(db, [].append)
    record_socket(feeder, asks(), b'{"type":"error","error":{"code":"no","message":"no"}}')
    feeder.close()
    (row,) = rows(db)
    assert (row.state, row.status, row.end_reason, row.first_code) == ("http-error", 101, "error no", "WS003")
    assert playback(find_stream(str(db))).status == 400
