"""What of the traffic is kept: `--only`, `--max-size`, and what outlives a kill -9."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from tests.conftest import RECORDINGS
from tests.feeding import FeedLoop, LoopTap
from tests.recorder.test_containment import BODIES
from tests.recorder.test_containment import socket as socket_flow
from tests.recorder.test_recorder import CLIENT, SERVER, SSE, kill_worker, play, request, workers
from tests.upstream import SSE_HEAD, Upstream, ended, eventually, facts_hold, framed, rows

from responses_tap.mitm.proxy import CannotRecord, Proxy
from responses_tap.recorder.messages import (
    EndingMessage,
    FileBegun,
    FindingMade,
    MessageKind,
    Notice,
    ResponseMessage,
    SocketMessage,
    StreamFinished,
    StreamStarted,
)
from responses_tap.store import open_recording
from responses_tap.store.writer import Writer

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()
SEED = (RECORDINGS / "broken/llamastack-before-pr5308.sse").read_bytes()
HALF = CLEAN[: len(CLEAN) // 2]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@pytest.mark.parametrize(
    ("only", "kept"),
    [
        ("model:gpt*", ["gpt-5"]),
        ("-model:gpt*", ["other", "none named"]),
        ("errors>0", ["gpt-5"]),
        ("model:gpt* errors:0", []),
        ("state:completed", ["gpt-5", "other"]),
        ("code:MD301,LC103", ["gpt-5"]),
        ("url:*/responses events>5", ["gpt-5", "other", "none named"]),
    ],
)
def test_only_what_passes_is_kept(db: Path, only: str, kept: list[str]) -> None:
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append, only=only)
    play(feeder, [SEED], asked=request(body=b'{"model":"gpt-5"}'))
    play(feeder, [CLEAN], asked=request(body=b'{"model":"other"}'))
    play(feeder, [CLEAN[: len(CLEAN) // 2]], end=CLIENT, asked=request(body=b"{}"))
    feeder.close()
    names = {"sample-1": "none named"}
    assert [names.get(row.model or "", row.model) for row in rows(db)] == kept
    ids = {row.id for row in rows(db)}
    told = (StreamStarted, FindingMade, StreamFinished)
    assert {notice.stream for notice in notices if isinstance(notice, told)} == ids
    with closing(sqlite3.connect(db)) as connection:
        for table in ("chunks", "events", "findings", "verdicts"):
            owners = {stream for (stream,) in connection.execute(f"SELECT DISTINCT stream FROM {table}")}
            assert owners <= ids


def test_what_the_request_shows_decides_before_the_stream_has_ended(db: Path) -> None:
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append, only="model:gpt*")
    other = feeder.open(request(body=b'{"model":"other"}'), time.monotonic_ns())
    tap = feeder.open(request(body=b'{"model":"gpt-5"}'), time.monotonic_ns())
    for each in (other, tap):
        each.response(ResponseMessage(200, SSE))
        each.chunk(SEED[: len(SEED) // 2])
    eventually(lambda: any(isinstance(notice, FindingMade) for notice in notices))
    assert [row.model for row in rows(db)] == ["gpt-5"]
    for each in (other, tap):
        each.end(SERVER)
    feeder.close()
    assert len(rows(db)) == 1


def test_the_space_of_what_is_not_kept_is_used_again(db: Path) -> None:
    feeder = FeedLoop(db, lambda notice: None, only="errors>0")
    body = CLEAN + b": " + bytes(500_000).replace(b"\0", b"x") + b"\n\n"
    for _ in range(20):
        play(feeder, [body])
        time.sleep(0.1)  # one after the other, as they would come
    feeder.close()
    assert rows(db) == []
    assert db.stat().st_size < 10 * len(body)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"tap_only": "errors>many"},
            "the filter 'errors>many' cannot be read at character 8: expected a number for errors",
        ),
        ({"tap_max_size": "much"}, "invalid size 'much': expected a size such as 100m or 2g, at least 1m"),
        ({"tap_max_size": "10k"}, "invalid size '10k'"),
    ],
)
def test_bad_options_are_one_line(db: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(CannotRecord, match=re.escape(message)) as refused:
        Proxy(db, upstream="http://h", options=options)
    assert "\n" not in str(refused.value)


def big(n: int) -> bytes:
    return CLEAN + b": %d " % n + bytes(300_000).replace(b"\0", b"x") + b"\n\n"


def test_a_full_file_is_left_for_the_next_and_open_streams_end_where_they_began(db: Path) -> None:
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append, max_size=2**20)
    tap = feeder.open(request(), time.monotonic_ns())
    tap.response(ResponseMessage(200, SSE))
    parts = [SEED[at : at + 250] for at in range(0, len(SEED), 250)]
    for n, part in enumerate(parts):
        tap.chunk(part)
        play(feeder, [big(n)])
        eventually(lambda n=n: StreamFinished in {type(notice) for notice in notices if about(notice) == n + 2})
        if n == len(parts) // 2:
            kill_worker(db)
    tap.end(SERVER)
    feeder.close()
    begun = files(notices)
    assert begun == [db.with_stem(f"r-{2 + n}") for n in range(len(begun))]
    assert len(begun) >= 2
    found = [(path, row) for path in (db, *begun) for row in rows(path)]
    assert sorted(row.id for _, row in found) == list(range(1, len(parts) + 2))
    for path, row in found:
        assert path.stat().st_mode & 0o777 == 0o600
        with open_recording(path) as recording:
            facts_hold(recording, row.id, SEED if row.id == 1 else big(row.id - 2))
    for path, following in zip((db, *begun), (*begun, None), strict=True):
        with open_recording(path) as recording:
            assert recording.next_file() == (following and following.name)
    ((path, long),) = [(path, row) for path, row in found if row.id == 1]
    assert path == db
    assert (long.state, long.errors, long.event_count) == ("completed", 3, 13)
    keys = {row.request_headers for _, row in found}
    assert len(keys) == 1  # the masks' key is the same, so that a secret has one fingerprint in all of them


def test_no_id_is_given_twice_while_sockets_hold_on_to_full_files(db: Path) -> None:
    """Responses begin on a socket in the very read in which the one before ends, or while another is running."""
    notices: list[Notice] = []
    begins, *events = socket_flow("socket")[2:-1]

    def send(tap: LoopTap, messages: list[tuple[MessageKind, bytes]]) -> None:
        for _, payload in messages:
            tap.message(SocketMessage.decode(payload))

    for _ in range(2):  # the second recorder begins where the first has left
        feeder = FeedLoop(db, notices.append, max_size=2**20)
        sockets = [feeder.open(request(), time.monotonic_ns(), MessageKind.SOCKET) for _ in range(2)]
        for tap in sockets:
            tap.response(ResponseMessage(101, []))
            send(tap, [begins, *events[:3]])
        before = len(files(notices))
        n = 0
        while len(files(notices)) == before:
            play(feeder, [big(n := n + 1)])
            time.sleep(0.1)
        (worker,) = workers(db)
        os.kill(worker, signal.SIGSTOP)  # all of the following is one read
        play(feeder, [CLEAN])
        for tap in sockets:
            send(tap, [*events[3:], begins, *events])
            tap.end(EndingMessage("server", "closed", complete=True, close_code=1000))
        play(feeder, [CLEAN])
        os.kill(worker, signal.SIGCONT)
        feeder.close()
    found = [row.id for path in (db, *files(notices)) for row in rows(path)]
    assert len(found) == len(set(found))
    started = {notice.stream for notice in notices if isinstance(notice, StreamStarted)}
    assert set(found) == started
    for path in (db, *files(notices)):
        with open_recording(path) as recording:
            for row in rows(path):
                if row.route == "websocket":
                    assert (row.state, row.event_count) == ("completed", len(events))
                    assert recording.body(row.id) == BODIES["socket"]


def about(notice: Notice) -> int | None:
    return getattr(notice, "stream", None)


def files(notices: list[Notice]) -> list[Path]:
    return [Path(notice.path) for notice in notices if isinstance(notice, FileBegun)]


KILLS = """
    import itertools, os, sys
    from pathlib import Path
    from tests.recorder.test_containment import TEXT, TOOL, plain, socket, sse
    from tests.spooled import spooled, work as work_off
    from responses_tap.recorder.messages import encode_message
    from responses_tap.recorder.worker_side import spool_reader, worker
    from responses_tap.recorder.worker_side.recording_files import RecordingFiles
    from responses_tap.store.writer import Writer

    worker._COMMIT_SECONDS = worker._IDLE_RATIO = 0.0
    twice = socket("socket")[:-1] + socket("socket")[2:]
    flows = [twice, sse("text", TEXT), plain("json"), sse("later", TOOL)]  # each begins some messages after the former
    turns = sorted((5 * n + place, n, message) for n, flow in enumerate(flows) for place, message in enumerate(flow))
    messages = [encode_message(kind, n, at, payload) for at, (_, n, (kind, payload)) in enumerate(turns)]
    spool_reader._READ_BYTES = 1200  # so that there are several commits
    write = Writer._transact

    def work(db, spool, kill_at):
        calls = itertools.count()
        def guarded(self, write_rows):
            if next(calls) == kill_at: os._exit(9)
            write(self, write_rows)
        Writer._transact = guarded
        work_off(RecordingFiles(db, int(sys.argv[2])), spool)

    def life(*arguments):
        if not (child := os.fork()):
            work(*arguments)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    folder = Path(sys.argv[1])
    for kill_at in itertools.count():
        db, spool = folder / str(kill_at) / "r.db", spooled(messages)
        if life(db, spool, kill_at) == 0:
            break
        again = 6 + 7 * kill_at % 25 if kill_at % 2 else -1  # not while rows are read, which would be suspected
        if life(db, spool, again) != 0 and life(db, spool, -1) != 0:
            sys.exit(f"killed at {kill_at}, it does not end")
"""


def test_a_worker_that_is_killed_before_any_commit_leaves_each_stream_whole_in_one_file(tmp_path: Path) -> None:
    """With a limit that a few frames reach, so that streams are open in several files; and killed once more."""
    blank = Writer(tmp_path / "blank.db")
    limit = blank.size
    blank.close()
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", textwrap.dedent(KILLS), str(folder), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    folders = sorted(folder.iterdir())
    assert len(folders) > 20
    for folder in folders:
        paths = [folder / "r.db", *(folder / f"r-{n}.db" for n in range(2, len(list(folder.glob("*.db"))) + 1))]
        recorded = [(path, row) for path in paths for row in rows(path)]
        assert sorted(row.id for _, row in recorded) == [1, 2, 3, 4, 5], folder
        bodies = []
        for path, row in recorded:
            assert row.state == "completed", (path, row)
            with open_recording(path) as recording:
                whole = recording.stream(row.id)
                assert whole is not None
                bodies.append((row.url.split("/")[3], whole.response_body or recording.body(row.id)))
        assert sorted(bodies) == sorted([*BODIES.items(), ("socket", BODIES["socket"])])
        for path, after in pairwise(paths):
            with open_recording(path) as recording:
                assert recording.next_file() == after.name, path


def test_what_is_recorded_stays_where_a_recorder_with_a_size_starts_again(db: Path) -> None:
    """After `rm`, and beside a copy that is named like the next file."""
    feeder = FeedLoop(db, lambda notice: None)
    for _ in range(3):
        play(feeder, [CLEAN])
    feeder.close()
    writer = Writer(db)
    writer.remove_streams([1])
    writer.close()
    for copied in (False, True):
        if copied:
            shutil.copy(db, db.with_stem("r-2"))
        FeedLoop(db, lambda notice: None, max_size=2**20).close()
        assert [row.id for row in rows(db)] == [2, 3]


def test_the_next_recorder_goes_on_in_the_last_file(db: Path) -> None:
    notices: list[Notice] = []
    for _ in range(2):
        feeder = FeedLoop(db, notices.append, max_size=2**20)
        for n in range(5):
            play(feeder, [big(n)])
        feeder.close()
    begun = files(notices)
    assert begun == [db.with_stem(f"r-{2 + n}") for n in range(len(begun))]
    assert [row.id for path in (db, *begun) for row in rows(path)] == list(range(1, 11))


PROXY = """
    import sys, time
    from pathlib import Path
    from responses_tap.mitm.proxy import Proxy
    proxy = Proxy(Path(sys.argv[1]), upstream=sys.argv[2], on_notice=lambda notice: None)
    print(proxy.port, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def left() -> Iterator[threading.Event]:
    left = threading.Event()
    yield left
    left.set()


def test_kill_9_of_the_proxy_amid_200_streams_loses_nothing(db: Path, left: threading.Event) -> None:
    """Through the real proxy; what came over a second before is in the file, which opens clean."""

    def stuck(connection: socket.socket) -> None:
        for at in range(0, len(HALF), 500):
            connection.sendall((b"" if at else SSE_HEAD) + framed(HALF[at : at + 500]))
        left.wait(120)

    with Upstream(v1=stuck) as upstream:
        command = [sys.executable, "-c", textwrap.dedent(PROXY), str(db), upstream.url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        port = int(process.stdout.readline())
        clients = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(200)]
        for client in clients:
            client.sendall(b"POST /v1/responses HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}")
        for client in clients:
            got = b""
            while HALF[-40:] not in got:
                got += client.recv(2**16)
        time.sleep(1)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for client in clients:
            client.close()
        found = ended(db, 200)
    assert {(row.state, row.ended_by, row.first_code) for row in found} == {("truncated", "recorder", None)}
    with open_recording(db) as recording:
        for row in found:
            facts_hold(recording, row.id, HALF)
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
