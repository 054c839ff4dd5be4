"""A fault costs at most the stream that it is of: at every statement, file and pipe call of the worker in turn."""

import http.client
import itertools
import json
import os
import select
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RECORDINGS, events_of
from tests.feeding import FeedLoop
from tests.spooled import spooled
from tests.spooled import work as work_off
from tests.upstream import SSE_HEAD, Upstream, framed, head, rows

from responses_tap.mitm.proxy import Proxy
from responses_tap.recorder.messages import (
    EndingMessage,
    MessageKind,
    RequestMessage,
    ResponseMessage,
    SocketMessage,
    encode_message,
)
from responses_tap.recorder.spool import Spool
from responses_tap.recorder.worker_side import worker as worker_module
from responses_tap.recorder.worker_side.recording_files import RecordingFiles
from responses_tap.recorder.worker_side.stream_recorder import StreamRecorder
from responses_tap.store import RecordingError, files, open_recording
from responses_tap.store.writer import Writer
from responses_tap.stream.columns import StreamRow

TEXT = (RECORDINGS / "clean/text.sse").read_bytes()
TOOL = (RECORDINGS / "clean/tool-call.sse").read_bytes()
MESSAGES = [json.dumps(event).encode() for event in events_of(RECORDINGS / "clean/text.sse")]
JSON_ANSWER = json.dumps(events_of(RECORDINGS / "clean/text.sse")[-1]["response"] | {"id": "resp_json"}).encode()
SSE = [("Content-Type", "text/event-stream")]
JSON = [("Content-Type", "application/json")]
SERVER = EndingMessage("server", "the server ended the response", complete=True).encode()
CLOSED = EndingMessage("server", "the server closed the WebSocket (1000)", complete=True, close_code=1000).encode()

type Flow = list[tuple[MessageKind, bytes]]
type Spooled = Callable[[list[bytes]], Spool]


def asked(path: str, **changes: Any) -> bytes:
    headers = changes.get("headers", [("Content-Type", "application/json")])
    started = "2026-11-23T08:00:00.000000Z"
    route = changes.get("route", "sse")
    return RequestMessage(
        "POST", f"http://h/{path}/responses", "h", "HTTP/1.1", headers, started, True, b'{"model":"m"}', route
    ).encode()


def sse(path: str, body: bytes, pieces: int = 5) -> Flow:
    size = -(-len(body) // pieces)
    chunks = [(MessageKind.CHUNK, body[at : at + size]) for at in range(0, len(body), size)]
    return [
        (MessageKind.REQUEST, asked(path)),
        (MessageKind.RESPONSE, ResponseMessage(200, SSE).encode()),
        *chunks,
        (MessageKind.ENDING, SERVER),
    ]


def plain(path: str) -> Flow:
    pieces = [(MessageKind.CHUNK, JSON_ANSWER[:40]), (MessageKind.CHUNK, JSON_ANSWER[40:])]
    return [
        (MessageKind.REQUEST, asked(path)),
        (MessageKind.RESPONSE, ResponseMessage(200, JSON).encode()),
        *pieces,
        (MessageKind.ENDING, SERVER),
    ]


def socket(path: str) -> Flow:
    create = SocketMessage(True, True, b'{"type":"response.create","model":"m"}').encode()
    messages = [(MessageKind.MESSAGE, SocketMessage(False, True, message).encode()) for message in MESSAGES]
    start = [
        (MessageKind.SOCKET, asked(path, route="websocket")),
        (MessageKind.RESPONSE, ResponseMessage(101, []).encode()),
    ]
    return [*start, (MessageKind.MESSAGE, create), *messages, (MessageKind.ENDING, CLOSED)]


BODIES = {"text": TEXT, "json": JSON_ANSWER, "socket": b"".join(MESSAGES), "later": TOOL}
ENDS = {"text": "completed", "json": "completed", "socket": "completed", "later": "completed"}


def messages(*flows: Flow) -> list[bytes]:
    """The messages of flows, taken in turns."""
    numbered = [[(kind, n, payload) for kind, payload in flow] for n, flow in enumerate(flows, 1)]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*numbered))
    return [encode_message(int(kind), n, at, payload) for at, (kind, n, payload) in enumerate(filter(None, turns))]


def workload() -> list[bytes]:
    return messages(sse("text", TEXT), plain("json"), socket("socket")) + messages([], [], [], sse("later", TOOL))


def work(db: Path, spool: Spool, meanwhile: str = "") -> None:
    """A worker's life, after the proxy has gone. `meanwhile` is what somebody else does to the file once it is open."""
    files = None
    try:
        files = RecordingFiles(db)
        if meanwhile:
            with closing(sqlite3.connect(db)) as other:
                other.executescript(meanwhile)
        work_off(files, spool)
    except BaseException:
        if files is not None:
            files.current._let_go()
        raise


@pytest.fixture
def spool() -> Iterator[Spooled]:
    """Makes a spool in which messages wait."""
    with ExitStack() as stack:

        def make(waiting: list[bytes]) -> Spool:
            made = spooled(waiting)
            stack.callback(made.close)
            return made

        yield make


class Faults:
    """Raises `error` at call number `at` of all that it guards."""

    def __init__(self) -> None:
        self.calls = 0
        self.at = 0
        self.error: type[Exception] | Callable[[], Exception] = RuntimeError

    def guard(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise self.error()


FAULTS = Faults()


class FaultyConnection(sqlite3.Connection):
    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        if arguments[0] != "ROLLBACK":
            FAULTS.guard()
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        FAULTS.guard()
        return super().executemany(*arguments)


def guarded[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        FAULTS.guard()
        return function(*arguments, **options)

    return call


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(worker_module, "_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(worker_module, "_IDLE_RATIO", 0.0)


@contextmanager
def statements_fail(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    connect = sqlite3.connect
    with monkeypatch.context() as patched:
        patched.setattr(
            files.sqlite3, "connect", lambda *args, **options: connect(*args, **options, factory=FaultyConnection)
        )
        yield


@contextmanager
def calls_fail(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        for module, name in (
            (os, "read"),
            (os, "pread"),
            (os, "write"),
            (os, "fstat"),
            (select, "select"),
            (Path, "stat"),
        ):
            patched.setattr(module, name, guarded(getattr(module, name)))
        yield


def facts(db: Path) -> dict[str, tuple[StreamRow, bytes]]:
    with open_recording(db) as recording:
        found = [recording.stream(id_) for id_ in recording.stream_ids()]
        return {
            row.url.split("/")[3]: (row, recording.body(row.id) or row.response_body or b"") for row in found if row
        }


def is_whole(name: str, row: StreamRow, body: bytes) -> bool:
    return body == BODIES[name] and row.state == ENDS[name] and row.errors == 0 and row.first_code in (None, "TR909")


def coded(kind: type[sqlite3.Error], code: int) -> sqlite3.Error:
    error = kind("planted")
    error.sqlite_errorcode = code
    return error


KINDS = {
    "an overflow at a statement": (statements_fail, lambda: OverflowError("int too large")),
    "a constraint at a statement": (
        statements_fail,
        lambda: coded(sqlite3.IntegrityError, sqlite3.SQLITE_CONSTRAINT),
    ),
    "an I/O error at a statement": (
        statements_fail,
        lambda: coded(sqlite3.OperationalError, sqlite3.SQLITE_IOERR),
    ),
    "an I/O error at a file or the pipe": (calls_fail, lambda: OSError(5, "Input/output error")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a worker that dies closes nothing
@pytest.mark.usefixtures("fast")
def test_a_fault_anywhere_costs_no_other_stream(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Spooled
) -> None:
    failing, error = KINDS[kind]
    for n in itertools.count(1):
        db = tmp_path / f"{n}.db"
        Writer(db).close()
        FAULTS.calls, FAULTS.at, FAULTS.error = 0, n, error
        waiting = spool(workload())
        for _ in range(3):  # as the supervisor does: a worker that dies has a successor, which reads on
            try:
                with failing(monkeypatch):
                    work(db, waiting)
                break
            except (OSError, sqlite3.Error, RecordingError, OverflowError, MemoryError):
                assert FAULTS.calls >= n
        was_hit = FAULTS.calls >= n
        FAULTS.at = 0
        found = facts(db)
        assert set(found) == set(BODIES), (kind, n)
        hurt = {name for name, (row, body) in found.items() if not is_whole(name, row, body)}
        told = (kind, n, [(name, found[name][0]) for name in hurt])
        assert len(hurt) <= 1, told
        assert all(found[name][0].ended_by == "recorder" for name in hurt), told
        assert all(found[name][1] == BODIES[name] for name in hurt), told
        db.unlink()
        if not was_hit:
            assert n > 20
            return


@pytest.mark.usefixtures("fast")
def test_what_cannot_be_handled_is_quarantined_and_its_bytes_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Spooled
) -> None:
    db, taken = tmp_path / "r.db", StreamRecorder.response

    def fail(self: StreamRecorder, answer: ResponseMessage) -> None:
        taken(self, answer)
        if answer.status == 299:
            raise RuntimeError("planted")

    monkeypatch.setattr(StreamRecorder, "response", fail)
    bad = [
        (kind, ResponseMessage(299, SSE).encode() if kind is MessageKind.RESPONSE else payload)
        for kind, payload in sse("bad", TEXT)
    ]
    work(db, spool(messages(sse("text", TEXT), bad, plain("json"))))
    found = facts(db)
    row, body = found.pop("bad")
    assert (row.state, row.ended_by) == ("truncated", "recorder")
    assert row.end_reason == "the recorder failed on this stream: RuntimeError: planted"
    assert body == TEXT
    assert set(found) == {"text", "json"}
    assert all(is_whole(name, *facts_) for name, facts_ in found.items())


@pytest.mark.usefixtures("fast")
def test_a_row_that_cannot_be_written_costs_no_other(tmp_path: Path, spool: Spooled) -> None:
    db = tmp_path / "r.db"
    index = (
        "INSERT INTO streams (id, method, url, host, route, http_version, request_headers, started_at, state, status)"
        " VALUES (1000, 'POST', 'bad', '', 'sse', '', '[]', '', 'completed', 200);"
        "CREATE UNIQUE INDEX refuses ON streams (method) WHERE instr(url, 'bad') AND status IS NOT NULL"
    )
    work(db, spool(messages(sse("text", TEXT), sse("bad", TEXT), plain("json"))), index)
    with sqlite3.connect(db) as other:
        other.execute("DROP INDEX refuses")
        other.execute("DELETE FROM streams WHERE id = 1000")
    other.close()
    found = facts(db)
    row, body = found.pop("bad")
    assert (row.state, row.ended_by, body) == ("truncated", "recorder", TEXT)
    assert (
        row.end_reason == "the recorder failed on this stream: IntegrityError: UNIQUE constraint failed: streams.method"
    )
    assert all(is_whole(name, *facts_) for name, facts_ in found.items())


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_message_that_kills_workers_is_found_and_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    """The worker itself is made to die of one answer, as of a fault in a C library; or even of keeping its bytes."""
    dies = "not self._is_quarantined" if is_kept else "True"
    killer = tmp_path / "sitecustomize.py"
    killer.write_text(
        "import os, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'responses_tap.recorder.worker_side.worker':\n"
        "            from responses_tap.recorder.worker_side.stream_recorder import StreamRecorder\n"
        "            taken = StreamRecorder.chunk\n"
        "            def chunk(self, data, at_ns):\n"
        f"                if b'KILL' in data and {dies}:\n"
        "                    os._exit(11)\n"
        "                taken(self, data, at_ns)\n"
        "            StreamRecorder.chunk = chunk\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    db = tmp_path / "r.db"
    said: list[str] = []
    feeder = FeedLoop(db, lambda notice: said.append(str(notice)))
    taps = {}
    for n, name in enumerate(("text", "bad", "other")):
        taps[name] = feeder.open(RequestMessage.decode(asked(name)), n)
        taps[name].response(ResponseMessage(200, SSE))
    half = len(TEXT) // 2
    poison = b": KILL\n\n"
    taps["text"].chunk(TEXT[:half])
    taps["bad"].chunk(poison)
    taps["other"].chunk(TEXT[:half])
    for name, body in (("text", TEXT[half:]), ("bad", TEXT), ("other", TEXT[half:])):
        taps[name].chunk(body)
        taps[name].end(EndingMessage("server", "the server ended the response", complete=True))
    feeder.close()
    found = facts(db)
    row, body = found["bad"]
    assert (row.state, row.ended_by, body) == ("truncated", "recorder", poison + TEXT if is_kept else b"")
    assert row.end_reason == "the recorder failed on this stream: a worker died of it"
    for name in ("text", "other"):
        row, body = found[name]
        assert (row.state, body) == ("completed", TEXT)
    assert sum("has died" in line for line in said) <= 4


def test_a_count_of_retries_beyond_all_numbers_costs_nobody(tmp_path: Path) -> None:
    answers = iter([head("content-type: application/json", "content-length: 2", status="500 Oops") + b"{}"])

    def again(connection: Any) -> None:
        connection.sendall(next(answers, None) or SSE_HEAD + framed(TEXT) + b"0\r\n\r\n")

    def slow(connection: Any) -> None:
        connection.sendall(SSE_HEAD + framed(TEXT[:300]))
        go.wait(60)
        connection.sendall(framed(TEXT[300:]) + b"0\r\n\r\n")

    go = threading.Event()
    db = tmp_path / "r.db"
    said: list[str] = []
    with (
        Upstream(slow=slow, again=again) as upstream,
        Proxy(db, upstream=upstream.url, on_notice=lambda notice: said.append(str(notice))) as proxy,
    ):
        beside = http.client.HTTPConnection("127.0.0.1", proxy.port)
        beside.request("POST", "/slow/responses", "{}")
        first = beside.getresponse()
        for headers in ({"x-stainless-retry-count": "9" * 25}, {}):
            client = http.client.HTTPConnection("127.0.0.1", proxy.port)
            client.request("POST", "/again/responses", '{"model":"m"}', headers)
            client.getresponse().read()
            client.close()
        go.set()
        assert first.read() == TEXT
        beside.close()
    assert not any("died" in line for line in said)
    states = sorted((row.url.split("/")[3], row.state) for row in rows(db))
    assert states == [("again", "completed"), ("again", "http-error"), ("slow", "completed")]


UNENDED = TEXT[: TEXT.rindex(b"\n\n") + 1]  # without the blank line that ends the terminal event
LOST = EndingMessage("recorder", "the server ended the response", complete=False, lost=1)
GONE = EndingMessage("client", "the client closed the connection", complete=False)


@pytest.mark.parametrize(
    ("body", "end", "state"),
    [
        (UNENDED, LOST, "truncated"),
        (TEXT + b"data: [DO", LOST, "completed"),
        (TEXT, LOST, "completed"),
        (TEXT + b"data: [DO", GONE, "completed"),
    ],
)
@pytest.mark.usefixtures("fast")
def test_nobody_is_blamed_for_what_was_left_out(
    body: bytes, end: EndingMessage, state: str, tmp_path: Path, spool: Spooled
) -> None:
    db, exported = tmp_path / "r.db", tmp_path / "s.json"
    work(db, spool(messages([*sse("cut", body)[:-1], (MessageKind.ENDING, end.encode())])))
    row, kept = facts(db)["cut"]
    assert (row.state, row.ended_by, kept) == (state, end.ended_by, body)
    if state == "completed":
        assert row.end_reason is not None
        assert row.end_reason.startswith(f"response.completed; but then {end.reason}")
    with open_recording(db) as recording:
        assert [finding.code for finding in recording.findings(row.id)] == []
    command = [sys.executable, "-m", "responses_tap_viewer"]
    subprocess.run([*command, "export", f"{db}#1", "--format", "json", "-o", exported], check=True, capture_output=True)
    for path in (db, exported):
        checked = subprocess.run([*command, "check", path, "--format", "json"], capture_output=True, check=False)
        (stream,) = json.loads(checked.stdout)["streams"]
        assert [finding["code"] for finding in stream["findings"]] == []
    subprocess.run([*command, "recheck", db], check=True, capture_output=True)
    with open_recording(db) as recording:
        assert recording.findings(row.id) == []


@pytest.mark.parametrize("state", ["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"])
@pytest.mark.usefixtures("fast")
def test_a_background_response_has_the_state_that_it_states(state: str, tmp_path: Path, spool: Spooled) -> None:
    db = tmp_path / "r.db"
    answer = (MessageKind.CHUNK, json.dumps({"id": "resp_1", "status": state}).encode())
    request, head_, *_, end = plain("background")
    work(db, spool(messages([request, head_, answer, end])))
    assert facts(db)["background"][0].state == state


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ('"response.output_text.done","text":"', '"}\n\n'),
        ('"response.output_text.done","text":"', ""),
        ('"response.output_item.done","item":{"role":"assistant","content":"', '"}}\n\n'),
    ],
    ids=["text", "cut", "item"],
)
@pytest.mark.usefixtures("fast")
def test_a_huge_event_takes_few_times_its_size(begin: str, end: str, tmp_path: Path) -> None:
    """In a process of its own, whose peak it is: some 2.5 times the event, and more where memory is moved."""
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux tells the peak of a program")
    command = [sys.executable, "-c", textwrap.dedent(HUGE), tmp_path / "r.db", begin, end]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    growth, size = map(int, done.stdout.split())
    assert growth < 4 * size
    (row,) = rows(tmp_path / "r.db")
    assert row.state == "truncated"
    with open_recording(tmp_path / "r.db") as recording:
        assert len(recording.body(row.id)) > size


HUGE = """
    import sys
    from pathlib import Path
    from responses_tap.recorder.messages import EndingMessage, RequestMessage, ResponseMessage, encode_message
    from responses_tap.recorder.worker_side.recording_files import RecordingFiles
    from tests.spooled import spooled, work

    SIZE = 40 * 2**20

    def waiting():
        request = RequestMessage("POST", "http://h/responses", "h", "1.1", [], "2026-11-23T08:00:00Z", True, b"{}")
        event = b'data: {"type":' + sys.argv[2].encode()
        piece = b"some words and more " * 3000
        answer = ResponseMessage(200, [("content-type", "text/event-stream")])
        messages = [(1, request.encode()), (2, answer.encode()), (3, event)]
        messages += [(3, piece)] * (SIZE // len(piece) + 1)
        messages += [(3, sys.argv[3].encode())] if sys.argv[3] else []
        messages += [(4, EndingMessage("server", "over", complete=True).encode())]
        return [encode_message(kind, 1, n, payload) for n, (kind, payload) in enumerate(messages)]

    def now(name):  # getrusage would count what the process was before it became this program
        (line,) = [line for line in open("/proc/self/status") if line.startswith(name)]
        return int(line.split()[1]) * 1024

    spool = spooled(waiting())
    files = RecordingFiles(Path(sys.argv[1]))
    open("/proc/self/clear_refs", "w").write("5")  # VmHWM begins anew
    before = now("VmRSS")
    work(files, spool)
    print(now("VmHWM") - before, SIZE)
"""
