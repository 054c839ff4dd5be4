"""What links a stream to an earlier one: another attempt of a request, a background response that goes on."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest
from tests.conftest import RECORDINGS, events_of
from tests.mitm.test_websocket import cli
from tests.upstream import SSE_HEAD, Script, Upstream, ended, framed, head, rows

from responses_tap.mitm.proxy import Proxy
from responses_tap.recorder.messages import RequestMessage
from responses_tap.recorder.worker_side.attempts import Attempts, fingerprint
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.storable import Value

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()
EVENTS = [frame + b"\n\n" for frame in CLEAN.split(b"\n\n")[:-1]]
BACKGROUND = [event.replace(b'"background":false', b'"background":true') for event in EVENTS]
SECOND = 10**9


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


def answer(body: bytes, *, status: str = "200 OK", content_type: str = "application/json") -> bytes:
    return head(f"content-type: {content_type}", f"content-length: {len(body)}", status=status) + body


STREAMED = answer(CLEAN, content_type="text/event-stream")
BUSY = answer(b'{"error":{"message":"overloaded"}}', status="500 Internal Server Error")


def in_turn(*answers: bytes) -> Script:
    left = list(answers)
    return lambda connection: connection.sendall(left.pop(0))


@contextmanager
def client_of(db: Path, script: Script, *, max_retries: int = 2) -> Iterator[openai.OpenAI]:
    with (
        Upstream(v1=script) as upstream,
        Proxy(db, upstream=f"{upstream.url}/v1", on_notice=[].append) as proxy,
        openai.OpenAI(api_key="k", base_url=proxy.base_url, max_retries=max_retries) as client,
    ):
        yield client


def links(db: Path) -> list[tuple[object, ...]]:
    return [(row.id, row.state, row.attempt, row.retry_of) for row in rows(db)]


def test_the_attempts_of_the_real_client_are_linked(db: Path) -> None:
    with client_of(db, in_turn(BUSY, BUSY, STREAMED, STREAMED)) as client:
        for _ in range(2):
            events = list(client.responses.create(model="m", input="hi", stream=True))
            assert events[-1].type == "response.completed"
    assert links(db) == [
        (1, "http-error", 0, None),
        (2, "http-error", 1, 1),
        (3, "completed", 2, 2),
        (4, "completed", 0, None),  # the same request, but the client says that it is a new one
    ]
    assert "another attempt of stream 1" in cli("show", f"{db}#2")


def test_a_request_that_is_not_streamed_is_a_request_and_its_answer(db: Path) -> None:
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, **details}
    done = json.dumps(events_of(RECORDINGS / "clean/text.sse")[-1]["response"] | {"usage": usage}).encode()
    refused = answer(b'{"error":{"message":"no"}}', status="400 Bad RequestMessage")
    with client_of(db, in_turn(answer(done), refused, answer(done)), max_retries=0) as client:
        assert client.responses.create(model="m", input="hi").id == "resp_1"
        with pytest.raises(openai.BadRequestError):
            client.responses.create(model="m", input="hi")
        assert client.responses.retrieve("resp_1").id == "resp_1"
    first, second, third = rows(db)
    assert (first.state, first.response_body, first.event_count, first.errors) == ("completed", done, 0, 0)
    assert (first.response_id, first.input_tokens, first.output_tokens) == ("resp_1", 3, 4)
    assert (second.state, second.status, second.event_count, second.first_code) == ("http-error", 400, 0, "TR907")
    assert (third.method, third.state, third.response_id, third.continues) == ("GET", "completed", "resp_1", None)
    assert json.loads(cli("check", str(db), "--format", "json"))["summary"]["error"] == 1


def resumed(db: Path, first: list[bytes], rest: list[bytes], after: int) -> list[StreamRow]:
    """Let the client leave a background response, and take it up again behind number `after`."""
    is_first = iter((True, False))

    def script(connection: socket.socket) -> None:
        if next(is_first):
            connection.sendall(SSE_HEAD + b"".join(map(framed, first)))
            ended(db)
        else:
            connection.sendall(answer(b"".join(rest), content_type="text/event-stream"))

    with client_of(db, script, max_retries=0) as client:
        with client.responses.create(model="m", input="hi", background=True, stream=True) as stream:
            for _, _event in zip(first, stream, strict=False):
                pass
        ended(db)
        again = client.responses.retrieve("resp_1", stream=True, starting_after=after)
        assert len(list(again)) == len(rest)
    return rows(db)


def test_a_background_response_is_joined_to_its_first_part(db: Path) -> None:
    first, second = resumed(db, BACKGROUND[:7], BACKGROUND[7:], 6)
    assert (first.state, first.ended_by, first.first_code, first.response_id) == ("truncated", "client", None, "resp_1")
    assert (second.method, second.state, second.event_count, second.first_code) == ("GET", "completed", 6, None)
    assert (first.continues, second.continues) == (None, first.id)
    assert "continues stream 1" in cli("show", f"{db}#2")
    assert "0 changed" in cli("recheck", str(db))


def request(body: bytes = b"{}", *, count: int | None = None) -> RequestMessage:
    headers = [] if count is None else [("x-stainless-retry-count", str(count))]
    return RequestMessage("POST", "http://h/v1/responses", "h", "HTTP/1.1", headers, "2026-11-23T08:00:00Z", True, body)


def begun(attempts: Attempts, stream: int, request: RequestMessage, at_ns: int) -> dict[str, Value]:
    return attempts.begin(stream, request, fingerprint(request.body), at_ns)


def test_without_a_count_a_request_repeats_the_same_one_that_has_just_failed() -> None:
    attempts = Attempts()
    assert begun(attempts, 1, request(), 0) == {}
    assert begun(attempts, 2, request(), SECOND) == {}  # the first is still running
    attempts.end(1, "truncated", 2 * SECOND)
    attempts.end(2, "completed", 2 * SECOND)
    assert begun(attempts, 3, request(b"[]"), 3 * SECOND) == {}
    assert begun(attempts, 4, request(), 3 * SECOND) == {"retry_of": 1, "attempt": 1}
    assert begun(attempts, 5, request(), 3 * SECOND) == {}  # the one that failed has been tried again
    attempts.end(4, "http-error", 4 * SECOND)
    assert begun(attempts, 6, request(), 5 * SECOND) == {"retry_of": 4, "attempt": 2}
    attempts.end(6, "failed", 6 * SECOND)
    assert begun(attempts, 7, request(), 600 * SECOND) == {}


def test_the_order_of_keys_makes_no_other_request() -> None:
    """Codex 0.171 shuffles the keys of `client_metadata` each time it tries again."""
    first = b'{"input":"hi","client_metadata":{"a":1,"b":2}}'
    attempts = Attempts()
    begun(attempts, 1, request(first), 0)
    attempts.end(1, "failed", SECOND)
    assert begun(attempts, 2, request(first.replace(b"2", b"3")), 2 * SECOND) == {}
    shuffled = b'{"client_metadata":{"b":2,"a":1},"input":"hi"}'
    assert begun(attempts, 3, request(shuffled), 2 * SECOND) == {"retry_of": 1, "attempt": 1}


def test_a_count_that_was_told_is_believed() -> None:
    attempts = Attempts()
    begun(attempts, 1, request(count=0), 0)
    assert begun(attempts, 2, request(count=1), SECOND) == {"retry_of": 1, "attempt": 1}  # before its end is known
    attempts.end(1, "http-error", 2 * SECOND)
    attempts.end(2, "http-error", 2 * SECOND)
    assert begun(attempts, 3, request(count=0), 3 * SECOND) == {}
    assert begun(attempts, 4, request(count=3), 3 * SECOND) == {}
    assert begun(attempts, 5, request(count=2), 3 * SECOND) == {"retry_of": 2, "attempt": 2}


def test_few_requests_are_remembered() -> None:
    attempts = Attempts()
    for n in range(2000):
        begun(attempts, n, request(b"%d" % n), n)
    assert len(attempts._tries) <= 500


def checked(db: Path, *options: str) -> list[dict[str, object]]:
    streams = json.loads(cli("check", str(db), "--format", "json", *options))["streams"]
    return [
        {name: stream[name] for name in ("id", "state", "events")} | {"codes": [f["code"] for f in stream["findings"]]}
        for stream in streams
    ]


def test_the_parts_of_a_response_are_checked_as_one(db: Path) -> None:
    """The client had got more than it asked for again, and a text.done was lost in between."""
    broken = [*BACKGROUND[:9], *BACKGROUND[10:]]
    resumed(db, BACKGROUND[:8], broken[6:], 5)
    assert checked(db, "--join") == [{"id": 2, "state": "completed", "events": 12, "codes": ["MD301"]}]
    apart = [stream["codes"] for stream in checked(db)]
    assert apart[0] == []
    assert "MD301" in apart[1]  # it shows a delta, and the close
    one = json.loads(cli("check", f"{db}#1", "--join", "--format", "json"))["streams"]
    assert [stream["events"] for stream in one] == [8]


def test_parts_that_do_not_meet_are_checked_apart(db: Path) -> None:
    resumed(db, BACKGROUND[:6], BACKGROUND[8:], 7)
    assert [stream["id"] for stream in checked(db, "--join")] == [1, 2]
