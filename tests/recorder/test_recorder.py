"""The worker and its supervisor: a real process, a real file, and what becomes of them when one dies."""

import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import brotli
import pytest
from click.testing import CliRunner

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from tests.conftest import RECORDINGS, events_of
from tests.feeding import FeedLoop, LoopTap
from tests.lengthened import framed, lengthened
from tests.spooled import spooled
from tests.upstream import ended, eventually, facts_hold, rows

from responses_tap.recorder.messages import (
    EndingMessage,
    FindingMade,
    MessageKind,
    Notice,
    RequestMessage,
    ResponseMessage,
    StreamFinished,
    StreamStarted,
    Trouble,
    encode_message,
    encode_reply,
)
from responses_tap.recorder.worker_side import worker
from responses_tap.recorder.worker_side.recording_files import RecordingFiles
from responses_tap.recorder.worker_side.replies import ReplyPipe
from responses_tap.recorder.worker_side.selection import Selection
from responses_tap.recorder.worker_side.spool_reader import SpoolReader
from responses_tap.recorder.worker_side.stream_recorder import StreamRecorder
from responses_tap.store import RecordingError, open_recording
from responses_tap.store.writer import Writer
from responses_tap_viewer.cli import main

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()
SEED = (RECORDINGS / "broken/llamastack-before-pr5308.sse").read_bytes()
SSE = [("Content-Type", "text/event-stream")]
SERVER = EndingMessage("server", "the server ended the response", complete=True)
CLIENT = EndingMessage("client", "the client closed the connection", complete=False)
STOPPED = EndingMessage("recorder", "recording stopped before the stream had ended", complete=False)


def request(path: str = "/v1/responses", *, expected: bool = True, body: bytes = b'{"model":"m"}') -> RequestMessage:
    headers = [("Authorization", "Bearer sk-planted0123456789abcdef"), ("X-Stainless-Retry-Count", "2")]
    started = "2026-11-23T08:00:00.000000Z"
    return RequestMessage("POST", f"http://h{path}", "h", "HTTP/1.1", headers, started, expected, body)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@pytest.fixture
def notices() -> list[Notice]:
    return []


@pytest.fixture
def feeder(db: Path, notices: list[Notice]) -> Iterator[FeedLoop]:
    feeder = FeedLoop(db, notices.append)
    yield feeder
    feeder.close()


def play(
    feeder: FeedLoop,
    chunks: list[bytes],
    *,
    headers: list[tuple[str, str]] = SSE,
    status: int = 200,
    end: EndingMessage = SERVER,
    asked: RequestMessage | None = None,
) -> None:
    tap = feeder.open(asked or request(), time.monotonic_ns())
    tap.response(ResponseMessage(status, headers))
    for chunk in chunks:
        tap.chunk(chunk)
    tap.end(end)


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_a_stream_is_recorded_whatever_its_chunks(feeder: FeedLoop, db: Path, size: int) -> None:
    play(feeder, pieces(CLEAN, size))
    feeder.close()
    (row,) = rows(db)
    assert (row.state, row.ended_by, row.end_reason) == ("completed", "server", "response.completed")
    assert (row.event_count, row.response_id, row.model, row.attempt) == (13, "resp_1", "m", 2)
    assert (row.status, row.wire_size, row.errors, row.source) == (200, len(CLEAN), 0, "captured")
    assert row.first_byte_ns is not None
    assert row.last_byte_ns is not None
    assert 0 <= row.first_byte_ns <= row.last_byte_ns
    with open_recording(db) as recording:
        facts_hold(recording, row.id, CLEAN)
        positions = [event.position for event in recording.events(row.id) if event.type]
        assert positions == list(range(13))


def test_a_long_stream_is_recorded_whatever_its_chunks(feeder: FeedLoop, db: Path) -> None:
    rng = random.Random(1)
    frames = framed(lengthened(events_of(RECORDINGS / "clean/two-parts.sse"), rng, 600, odd=0.1), rng)
    body = b"".join(frames)
    for chunks in (frames, pieces(body, 7000), [body]):
        play(feeder, chunks)
    feeder.close()
    first, *others = rows(db)
    with open_recording(db) as recording:
        facts_hold(recording, first.id, body)
        frame_rows = [event._replace(stream=0, at_ns=0, chunk=0) for event in recording.events(first.id)]
        assert [row.raw for row in frame_rows] == frames
        for row in others:
            facts_hold(recording, row.id, body)
            assert [event._replace(stream=0, at_ns=0, chunk=0) for event in recording.events(row.id)] == frame_rows
            assert (row.shape, row.event_count, row.state) == (first.shape, first.event_count, first.state)
            found = [finding.facts() for finding in recording.findings(row.id)]
            assert found == [finding.facts() for finding in recording.findings(first.id)]


def test_blank_lines_before_the_first_event_hide_no_stream(feeder: FeedLoop, db: Path) -> None:
    """A blank line is a valid event stream (WHATWG HTML, 9.2.5), so it says nothing against one."""
    play(feeder, [b"\n\n" + CLEAN], headers=[("Content-Type", "text/plain")])
    feeder.close()
    (row,) = rows(db)
    assert (row.state, row.event_count, row.response_body) == ("completed", 13, None)
    with open_recording(db) as recording:
        facts_hold(recording, row.id, b"\n\n" + CLEAN)
        assert [finding.code for finding in recording.findings(row.id)] == ["TR906"]


def test_notices_tell_the_story_in_order(feeder: FeedLoop, db: Path, notices: list[Notice]) -> None:
    play(feeder, [SEED])
    feeder.close()
    started, *found, finished = notices
    assert started == StreamStarted(1, 1, str(db), "POST", "http://h/v1/responses", "m")
    assert [n.code for n in found if isinstance(n, FindingMade)] == ["NS201", "NS205", "MD301"]
    assert isinstance(finished, StreamFinished)
    assert (finished.state, finished.events, finished.errors, finished.first_code) == ("completed", 13, 3, "NS201")


def test_a_stream_is_finished_at_its_terminal_event(feeder: FeedLoop, db: Path, notices: list[Notice]) -> None:
    tap = feeder.open(request(), time.monotonic_ns())
    tap.response(ResponseMessage(200, SSE))
    tap.chunk(CLEAN)
    eventually(lambda: any(isinstance(notice, StreamFinished) for notice in notices))
    (row,) = ended(db)
    assert (row.state, row.end_reason) == ("completed", "response.completed")
    # What still comes is recorded and judged, and who hangs up after the end has not cut anything.
    late = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","output_index":0}\n\n'
    tap.chunk(late)
    tap.end(CLIENT)
    feeder.close()
    (row,) = rows(db)
    assert (row.state, row.ended_by, row.first_code, row.event_count) == ("completed", "server", "LC106", 14)
    assert sum(isinstance(notice, StreamFinished) for notice in notices) == 1
    with open_recording(db) as recording:
        facts_hold(recording, row.id, CLEAN + late)


@pytest.mark.parametrize(("end", "code"), [(SERVER, "LC103"), (CLIENT, None)])
def test_a_cut_stream_keeps_its_tail(feeder: FeedLoop, db: Path, end: EndingMessage, code: str | None) -> None:
    cut = CLEAN[: len(CLEAN) // 2]
    play(feeder, pieces(cut, 100), end=end)
    feeder.close()
    (row,) = rows(db)
    assert (row.state, row.ended_by) == ("truncated", end.ended_by)
    assert row.end_reason == f"{end.reason}; 85 bytes into an unfinished event"
    assert row.first_code == code
    with open_recording(db) as recording:
        facts_hold(recording, row.id, cut)
        *_, last = recording.events(row.id)
        assert (last.type, last.position) == (None, None)
        assert recording.tail(row.id) == b""


@pytest.mark.parametrize(("end", "silence"), [(CLIENT, "; silent for 12.3 s"), (STOPPED, "")])
def test_a_silence_before_the_end_is_told_by_those_who_listened(db: Path, end: EndingMessage, silence: str) -> None:
    writer = Writer(db)
    stream = StreamRecorder.begin(1, request(), writer, "openai")
    stream.response(ResponseMessage(200, SSE))
    stream.chunk(CLEAN[:99], 5)
    stream.end(end, 12_345_000_000)
    stream.publish()
    writer.commit()
    writer.close()
    (row,) = rows(db)
    assert row.end_reason == f"{end.reason}; 99 bytes into an unfinished event{silence}"


@pytest.mark.parametrize("end", [CLIENT, STOPPED])
def test_without_an_answer_nothing_has_failed_where_nobody_waited_for_it(db: Path, end: EndingMessage) -> None:
    writer = Writer(db)
    stream = StreamRecorder.begin(1, request(), writer, "openai")
    stream.end(end, 5)
    stream.publish()
    writer.commit()
    writer.close()
    (row,) = rows(db)
    assert (row.state, row.status, row.ended_by) == ("truncated", None, end.ended_by)


def test_what_has_come_is_in_the_file_while_the_stream_runs(feeder: FeedLoop, db: Path) -> None:
    tap = feeder.open(request(), time.monotonic_ns())
    tap.response(ResponseMessage(200, SSE))
    tap.chunk(CLEAN[:777])
    eventually(lambda: _body(db) == CLEAN[:777])
    tap.chunk(CLEAN[777:778])
    eventually(lambda: _body(db) == CLEAN[:778])
    assert rows(db)[0].state == "open"
    tap.end(CLIENT)


def _body(db: Path) -> bytes:
    with open_recording(db) as recording:
        return recording.body(1)


def deflated(body: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(body) + deflate.flush()


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": deflated,
    "br": brotli.compress,
    "zstd": zstd.compress,
    "Zstd": lambda body: zstd.compress(body[:900]) + zstd.compress(body[900:]),
    "gzip, br": lambda body: brotli.compress(gzip.compress(body)),
    "identity": bytes,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encoded_bodies_are_decoded_for_the_record(feeder: FeedLoop, db: Path, encoding: str) -> None:
    wire = ENCODINGS[encoding](CLEAN)
    for size in (1, 50, 10**6):
        play(feeder, pieces(wire, size), headers=[*SSE, ("Content-Encoding", encoding)])
    feeder.close()
    with open_recording(db) as recording:
        for row in recording.streams():
            assert (row.state, row.event_count, row.wire_size) == ("completed", 13, len(wire))
            assert row.content_encoding == encoding
            facts_hold(recording, row.id, CLEAN)
            assert sum(chunk.wire_size for chunk in recording.chunks(row.id)) == len(wire)


def test_gzip_members_and_flushes_come_through_at_once(feeder: FeedLoop, db: Path) -> None:
    first, second = CLEAN[:900], CLEAN[900:]
    play(
        feeder,
        [gzip.compress(first) + gzip.compress(second) + bytes(8)],
        headers=[*SSE, ("Content-Encoding", "gzip")],
    )
    feeder.close()
    assert _body(db) == CLEAN


def test_a_damaged_encoding_keeps_what_could_be_decoded(feeder: FeedLoop, db: Path) -> None:
    deflate = zlib.compressobj(wbits=31)
    half = deflate.compress(CLEAN[:1000]) + deflate.flush(zlib.Z_SYNC_FLUSH)
    play(feeder, [half + b"\xff" * 50, b"more"], headers=[*SSE, ("Content-Encoding", "gzip")])
    feeder.close()
    (row,) = rows(db)
    assert row.state == "truncated"
    assert f"the content-encoding broke within {len(half) + 50} bytes" in (row.end_reason or "")
    with open_recording(db) as recording:
        facts_hold(recording, row.id, CLEAN[:1000])


@pytest.mark.parametrize("intact", [0, 1000], ids=["plain", "broken off"])
@pytest.mark.parametrize("end", [SERVER, CLIENT], ids=["server", "client"])
def test_a_damaged_encoding_is_the_one_finding_live_and_later(
    feeder: FeedLoop, db: Path, intact: int, end: EndingMessage
) -> None:
    deflate = zlib.compressobj(wbits=31)
    wire = deflate.compress(CLEAN[:intact]) + deflate.flush(zlib.Z_SYNC_FLUSH) if intact else b""
    play(feeder, [wire + CLEAN[intact:]], headers=[*SSE, ("Content-Encoding", "gzip")], end=end)
    feeder.close()
    with open_recording(db) as recording:
        (live,) = recording.findings(1)
    assert (live.code, live.message.split(", the")[1]) == ("TR915", " Content-Encoding header says gzip")
    report = json.loads(CliRunner().invoke(main, ["check", str(db), "--format", "json"]).stdout)
    assert [found["code"] for found in report["streams"][0]["findings"]] == ["TR915"]


def test_an_unknown_encoding_is_said(feeder: FeedLoop, db: Path) -> None:
    play(feeder, [b"?" * 10], headers=[*SSE, ("Content-Encoding", "rot13")])
    feeder.close()
    assert "'rot13' is unknown" in (rows(db)[0].end_reason or "")


def test_error_answers_are_kept(feeder: FeedLoop, db: Path) -> None:
    play(feeder, [b'{"error":', b"{}}"], headers=[("Content-Type", "application/json")], status=429)
    feeder.close()
    (row,) = rows(db)
    assert (row.state, row.ended_by, row.status, row.event_count) == ("http-error", "server", 429, 0)
    assert row.response_body == b'{"error":{}}'
    assert row.first_code == "TR907"


@pytest.mark.parametrize(
    ("status", "state"), [("completed", "completed"), ("incomplete", "incomplete"), ("?", "completed")]
)
def test_an_answer_without_stream_is_kept(feeder: FeedLoop, db: Path, status: str, state: str) -> None:
    answer = json.dumps({"id": "resp_9", "status": status, "usage": {"input_tokens": 3, "output_tokens": 4}}).encode()
    play(
        feeder,
        [gzip.compress(answer)],
        headers=[("Content-Type", "application/json"), ("Content-Encoding", "gzip")],
    )
    feeder.close()
    (row,) = rows(db)
    assert (row.state, row.response_id, row.input_tokens, row.output_tokens) == (state, "resp_9", 3, 4)
    assert row.response_body == answer


def test_a_request_that_was_never_answered(feeder: FeedLoop, db: Path) -> None:
    tap = feeder.open(request(), time.monotonic_ns())
    tap.end(EndingMessage("network", "the server was not reached", complete=False))
    feeder.close()
    (row,) = rows(db)
    assert (row.state, row.ended_by, row.status) == ("http-error", "network", None)


def test_an_event_stream_under_a_wrong_type_is_recognised(feeder: FeedLoop, db: Path) -> None:
    play(feeder, [CLEAN], headers=[("Content-Type", "text/plain")])
    feeder.close()
    assert rows(db)[0].event_count == 13


@pytest.mark.parametrize(
    ("body", "recorded"),
    [
        (CLEAN, True),
        (b": ping\n\n" * 3 + CLEAN, True),
        (b'data: {"object":"chat.completion.chunk"}\n\ndata: [DONE]\n\n', False),
        (b'event: message_start\ndata: {"type":"message_start"}\n\n', False),
        (b": nothing but comments\n\n", False),
        (b": x\n\n" * 300_000, False),
    ],
)
def test_the_first_event_decides_where_the_path_does_not(
    feeder: FeedLoop, db: Path, notices: list[Notice], body: bytes, recorded: bool
) -> None:
    play(feeder, pieces(body, 10_000), asked=request("/backend-api/codex/whatever", expected=False))
    feeder.close()
    assert [row.event_count for row in rows(db)] == ([13] if recorded else [])
    assert bool(notices) == recorded
    if recorded:
        assert _body(db) == body


def test_secrets_stay_out_of_the_file(feeder: FeedLoop, db: Path) -> None:
    body = b'{"input":"sk-planted0123456789abcdef","tools":[{"type":"mcp","authorization":"planted"}]}'
    play(feeder, [CLEAN], asked=request("/v1/responses?key=planted", body=gzip.compress(body)))
    play(
        feeder,
        [CLEAN],
        asked=request("/v1/responses?key=planted", body=body),
        headers=[*SSE, ("Set-Cookie", "planted")],
    )
    feeder.close()
    for file in db.parent.iterdir():
        assert b"planted" not in file.read_bytes()
    first, second = (dict(row.request_headers) for row in rows(db))
    assert first["Authorization"] == second["Authorization"]


def test_odd_json_does_not_stop_the_recorder(feeder: FeedLoop, db: Path, notices: list[Notice]) -> None:
    odd = (
        b'data: {"type":"response.created","sequence_number":1e999}\n\n'
        b'data: {"type":"\\ud800","item_id":"\\ud800","output_index":99999999999999999999999}\n\n'
        b"data: [[[\n\ndata: \xff\xfe\n\n" + b"data: " + b"[" * 5000 + b"\n\n"
    )
    play(feeder, [odd])
    play(feeder, [CLEAN])
    feeder.close()
    assert [row.state for row in rows(db)] == ["truncated", "completed"]
    assert _body(db) == odd
    assert not any(isinstance(notice, Trouble) for notice in notices)


def test_a_rule_that_fails_costs_findings_but_no_facts(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, event: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("responses_tap.protocol.sequence.Sequence.apply", fail)
    writer = Writer(db)
    stream = StreamRecorder.begin(1, request(), writer, "openai")
    stream.response(ResponseMessage(200, SSE))
    for part in pieces(CLEAN, 100):
        stream.chunk(part, 5)
    stream.end(SERVER, 6)
    notices = stream.publish()
    writer.commit()
    assert [notice.message for notice in notices if isinstance(notice, Trouble)] == [
        "the findings of stream 1 are not all: RuntimeError: planted"
    ]
    with open_recording(db) as recording:
        facts_hold(recording, 1, CLEAN)
        assert [event.position for event in recording.events(1)] == list(range(13))
    writer.close()


def test_a_listener_that_fails_does_not_stop_the_recorder(db: Path) -> None:
    def fail(notice: Notice) -> None:
        raise ValueError(notice)

    feeder = FeedLoop(db, fail)
    play(feeder, [SEED])
    feeder.close()
    assert rows(db)[0].state == "completed"


def test_a_listener_that_waits_does_not_stop_the_recorder(db: Path) -> None:
    """As where Ctrl-S has stopped a terminal. The worker's reports are more than a pipe takes."""
    goes_on = threading.Event()
    notices: list[Notice] = []

    def wait(notice: Notice) -> None:
        goes_on.wait(60)
        notices.append(notice)

    feeder = FeedLoop(db, wait)
    for _ in range(200):
        play(feeder, [SEED])
    assert len(ended(db, 200)) == 200
    assert notices == []
    goes_on.set()
    feeder.close()
    assert sum(isinstance(notice, StreamFinished) for notice in notices) == 200


@pytest.mark.skipif(sys.platform != "linux", reason="counts system calls as Linux tells them")
def test_reports_are_not_read_byte_by_byte(feeder: FeedLoop, notices: list[Notice]) -> None:
    # They were, and each byte took the interpreter from the proxy's thread: 100 streams a second were too many.
    def reads() -> int:
        return int(re.search(r"syscr: (\d+)", Path("/proc/self/io").read_text())[1])

    before = reads()
    for _ in range(20):
        play(feeder, [SEED])
    eventually(lambda: sum(isinstance(notice, StreamFinished) for notice in notices) == 20)
    assert reads() - before < sum(len(encode_reply(notice)) for notice in notices) / 10


def test_a_recorder_that_falls_behind_says_what_is_missing(
    db: Path, notices: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("responses_tap.recorder.proxy_side.supervisor.spool_limit", lambda: 2000)
    feeder = FeedLoop(db, notices.append)
    tap = feeder.open(request(), time.monotonic_ns())
    tap.response(ResponseMessage(200, SSE))
    (worker,) = workers(db)
    os.kill(worker, signal.SIGSTOP)
    sent = 0

    def is_told() -> bool:
        nonlocal sent
        tap.chunk(b": " + b"x" * 1000 + b"\n\n")
        sent += 1004
        return any(isinstance(notice, Trouble) for notice in notices)

    eventually(is_told)
    os.kill(worker, signal.SIGCONT)
    tap.end(SERVER)
    feeder.close()
    (row,) = rows(db)
    assert (row.state, row.ended_by) == ("truncated", "recorder")
    kept = row.wire_size or 0
    assert 2000 < kept < sent
    assert f"{sent - kept} bytes were not recorded" in (row.end_reason or "")
    assert row.first_code is None


def test_the_worker_takes_what_is_old_however_long_it_would_rest(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ten seconds of full load once cut every stream: the worker paused although nothing more came.
    monkeypatch.setattr(worker, "_IDLE_RATIO", 1e9)
    Writer(db).close()
    (source, sink), (heard, told) = os.pipe(), os.pipe()
    spool = spooled([])

    def work() -> None:
        reader = SpoolReader(spool)
        worker.Worker(RecordingFiles(db), reader, "openai", "s", ReplyPipe(told), Selection("")).work(source)

    working = threading.Thread(target=work, daemon=True)
    working.start()
    frames = CLEAN.split(b"\n\n")[:-1]
    sent = [(MessageKind.REQUEST, request().encode()), (MessageKind.RESPONSE, ResponseMessage(200, SSE).encode())]
    sent += [(MessageKind.CHUNK, frame + b"\n\n") for frame in frames]
    for kind, payload in sent:
        spool.append(encode_message(kind, 1, time.monotonic_ns(), payload))
        os.write(sink, b"!")
    eventually(lambda: [row.event_count for row in rows(db)] == [len(frames)])
    os.close(sink)
    working.join()
    spool.close()
    for descriptor in (source, heard, told):
        os.close(descriptor)


def test_a_file_that_cannot_be_written_is_said_before_anything_is_recorded(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("not a recording, but somebody's notes " * 100)
    with pytest.raises(RecordingError, match="is not a responses-tap recording"):
        FeedLoop(notes, print)


def test_a_second_recorder_on_one_file_is_refused(feeder: FeedLoop, db: Path) -> None:
    with pytest.raises(RecordingError, match="another recorder; stop it"):
        FeedLoop(db, print)


def workers(db: Path) -> list[int]:
    """The worker processes that this process has started for a recording."""
    lines = subprocess.run(["ps", "-wwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    fields = [line.split(None, 2) for line in lines.splitlines()]
    mine = f"responses_tap.recorder {db} "
    return [int(pid) for pid, parent, args in fields if int(parent) == os.getpid() and mine in args]


def kill_worker(db: Path) -> None:
    (pid,) = workers(db)
    os.kill(pid, signal.SIGKILL)


def test_a_dead_worker_is_replaced_and_nothing_is_missing(feeder: FeedLoop, db: Path, notices: list[Notice]) -> None:
    taps: list[LoopTap] = []
    for _ in range(3):
        taps.append(feeder.open(request(), time.monotonic_ns()))
        taps[-1].response(ResponseMessage(200, SSE))
    parts = pieces(SEED, 97)
    for n, part in enumerate(parts):
        for tap in taps:
            tap.chunk(part)
        if n == len(parts) // 2:
            eventually(lambda: _body(db) == b"".join(parts[: len(parts) // 2 + 1]))
            kill_worker(db)
    for tap in taps:
        tap.end(SERVER)
    feeder.close()
    assert [type(notice) for notice in notices].count(Trouble) == 1
    assert [(row.state, row.event_count, row.errors) for row in rows(db)] == [("completed", 13, 3)] * 3
    with open_recording(db) as recording:
        for stream in recording.stream_ids():
            facts_hold(recording, stream, SEED)
            assert [found.code for found in recording.findings(stream)] == ["NS201", "NS205", "MD301"]


def test_a_worker_killed_with_everything_unwritten(feeder: FeedLoop, db: Path) -> None:
    play(feeder, pieces(CLEAN, 10))
    kill_worker(db)
    feeder.close()
    assert [row.state for row in rows(db)] == ["completed"]
    assert _body(db) == CLEAN


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_a_dead_worker_passes_on_an_encoded_stream(feeder: FeedLoop, db: Path, encoding: str) -> None:
    tap = feeder.open(request(), time.monotonic_ns())
    tap.response(ResponseMessage(200, [*SSE, ("Content-Encoding", encoding)]))
    wire = ENCODINGS[encoding](CLEAN)
    for part in pieces(wire, 100):
        tap.chunk(part)
        if len(part) == 100:
            eventually(lambda: rows(db) and open_chunks(db))
    kill_worker(db)
    tap.end(SERVER)
    feeder.close()
    (row,) = rows(db)
    assert (row.state, row.wire_size, row.errors) == ("completed", len(wire), 0)
    with open_recording(db) as recording:
        facts_hold(recording, row.id, CLEAN)
        assert list(recording.wire(row.id)) == []


def test_a_dead_worker_passes_on_an_answer_that_is_no_stream(feeder: FeedLoop, db: Path) -> None:
    tap = feeder.open(request(), time.monotonic_ns())
    tap.response(ResponseMessage(429, [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]))
    wire = gzip.compress(b'{"error":{}}')
    tap.chunk(wire[:20])
    eventually(lambda: open_chunks(db) == 1)
    kill_worker(db)
    tap.chunk(wire[20:])
    tap.end(SERVER)
    feeder.close()
    (row,) = rows(db)
    assert (row.state, row.response_body) == ("http-error", b'{"error":{}}')


def open_chunks(db: Path) -> int:
    with open_recording(db) as recording:
        return len(recording.chunks(1)) if recording.stream_ids() else 0


@pytest.mark.parametrize("decided", [False, True])
def test_a_dead_worker_passes_on_what_was_not_decided(feeder: FeedLoop, db: Path, decided: bool) -> None:
    before = feeder.open(request(), time.monotonic_ns())
    waits = feeder.open(request("/proxied/stream", expected=False), time.monotonic_ns())
    other = feeder.open(request("/v1/chat/completions", expected=False), time.monotonic_ns())
    for tap in (waits, other):
        tap.response(ResponseMessage(200, SSE))
    waits.chunk(CLEAN if decided else CLEAN[:50])
    other.chunk(b'data: {"object":"chat.completion.chunk"}\n\n')
    before.end(CLIENT)
    eventually(lambda: [row for row in rows(db) if row.ended_by])  # so what came before is acknowledged
    kill_worker(db)
    waits.chunk(CLEAN[50:] if not decided else b"")
    for tap in (waits, other):
        tap.end(SERVER)
    feeder.close()
    first, second = rows(db)
    assert (first.state, second.state, second.event_count) == ("truncated", "completed", 13)
    with open_recording(db) as recording:
        facts_hold(recording, second.id, CLEAN)


PROXY = """
    import asyncio, sys, time
    from pathlib import Path
    from responses_tap.recorder.proxy_side.supervisor import WorkerSupervisor
    from responses_tap.recorder.recorder_settings import RecorderSettings
    from responses_tap.recorder.messages import ResponseMessage, RequestMessage

    async def feed():
        later = asyncio.get_running_loop().call_later
        feeder = WorkerSupervisor(Path(sys.argv[1]), RecorderSettings(), lambda notice: None, later)
        for n in range(200):
            request = RequestMessage("POST", "http://h/responses", "h", "1.1", [], "2026-11-23T08:00:00Z", True, b"")
            tap = feeder.open(request, time.monotonic_ns())
            tap.response(ResponseMessage(200, [("content-type", "text/event-stream")]))
            take = tap.relay()
            for _ in range(10):
                take(b'data: {"type":"response.in_progress"}\\n\\n')
            take(b"data: cut")
        await asyncio.sleep(1)
        print("fed", flush=True)
        await asyncio.sleep(600)

    asyncio.run(feed())
"""


def test_a_killed_proxy_loses_nothing(db: Path) -> None:
    proxy = subprocess.Popen([sys.executable, "-c", textwrap.dedent(PROXY), str(db)], stdout=subprocess.PIPE)
    assert proxy.stdout is not None
    assert proxy.stdout.readline() == b"fed\n"
    proxy.kill()
    proxy.wait()
    proxy.stdout.close()
    found = ended(db, 200)
    assert {(row.state, row.ended_by, row.event_count) for row in found} == {("truncated", "recorder", 10)}
    assert {row.first_code for row in found} <= {"LC101", "TR902", "SC802"}  # not LC103: the server did not stop
    with open_recording(db) as recording:
        for row in found:
            assert recording.body(row.id).endswith(b"\n\ndata: cut")


def test_streams_of_a_killed_machine_are_closed_by_the_next_recorder(db: Path) -> None:
    proxy = subprocess.Popen([sys.executable, "-c", textwrap.dedent(PROXY), str(db)], stdout=subprocess.PIPE)
    assert proxy.stdout is not None
    assert proxy.stdout.readline() == b"fed\n"
    eventually(lambda: len(rows(db)) == 200 and all(row.status and row.event_count == 10 for row in rows(db)))
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(proxy.pid)], capture_output=True, check=True).stdout
    proxy.send_signal(signal.SIGSTOP)  # or it would replace its worker
    os.kill(int(children), signal.SIGKILL)
    proxy.kill()
    proxy.wait()
    proxy.stdout.close()
    assert {row.state for row in rows(db)} == {"open"}
    FeedLoop(db, print).close()
    assert {(row.state, row.ended_by) for row in rows(db)} == {("truncated", "recorder")}


def test_the_worker_needs_neither_mitmproxy_nor_textual() -> None:
    module = "responses_tap.recorder.worker_side.worker"
    script = f"import sys, {module}; print({{'mitmproxy', 'textual', 'click'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "mitmproxy" not in done.stdout
    assert "textual" not in done.stdout


def test_the_file_stays_small(feeder: FeedLoop, db: Path) -> None:
    """Less than 1.5 times the bytes received, and 200 bytes an event."""
    taps = [feeder.open(request(), time.monotonic_ns()) for _ in range(20)]
    event = (
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"msg_%048d",'
        b'"output_index":0,"content_index":0,"sequence_number":%d,"delta":"word ","logprobs":[]}\n\n'
    )
    for tap in taps:
        tap.response(ResponseMessage(200, SSE))
    sizes = 0
    for n in range(500):
        for tap in taps:
            data = event % (n, n)
            sizes += len(data)
            tap.chunk(data)
    for tap in taps:
        tap.end(SERVER)
    feeder.close()
    assert db.stat().st_size < 1.5 * sizes + 200 * 500 * len(taps)
