"""What waits between proxy and worker: how much, how safely, and what becomes of it when either dies."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tests.conftest import RECORDINGS
from tests.feeding import FeedLoop
from tests.recorder.test_recorder import SERVER, SSE, kill_worker, play, request, workers
from tests.spooled import KEY, record
from tests.upstream import ended, eventually, facts_hold, rows

from responses_tap.recorder.messages import (
    MESSAGE_HEAD,
    Hint,
    MessageKind,
    Notice,
    ResponseMessage,
    Trouble,
    encode_message,
)
from responses_tap.recorder.proxy_side import supervisor
from responses_tap.recorder.proxy_side.memory import spool_limit
from responses_tap.recorder.proxy_side.spool_writer import SpoolWriter
from responses_tap.recorder.spool import COMMITTED, HEAD_BYTES, Spool
from responses_tap.store import open_recording

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()
PIECE = b": " + b". " * 30_000 + b"\n\n"
MIB = 2**20


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@pytest.fixture(params=["in memory", "in a file"])
def kind_of_spool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    if request.param == "in a file":
        monkeypatch.delattr(os, "memfd_create", raising=False)
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
    elif not hasattr(os, "memfd_create"):
        pytest.skip("only Linux has files in memory")
    return str(request.param)


def large(mib: int) -> list[bytes]:
    """The chunks of a stream that has so many MiB of comments."""
    return [PIECE] * (mib * MIB // len(PIECE) + 1) + [CLEAN]


def troubles(notices: list[Notice]) -> list[Notice]:
    return [notice for notice in notices if isinstance(notice, Trouble)]


def used(spool: Spool) -> int:
    return os.fstat(spool.descriptor).st_blocks * 512


def test_what_is_appended_is_read_from_any_offset(kind_of_spool: str, tmp_path: Path) -> None:
    spool, data = Spool.create(KEY), bytes(range(256)) * 100
    for size in (1, 15, 16, 17, 4096, len(data)):
        spool.append(memoryview(data)[:size])
    whole = b"".join(data[:size] for size in (1, 15, 16, 17, 4096, len(data)))
    for at in (0, 1, 16, 31, 5000):
        assert spool.read(HEAD_BYTES + at, 3000) == whole[at : at + 3000]
    assert spool.read(HEAD_BYTES + len(whole) - 5, 100) == whole[-5:]
    assert list(tmp_path.iterdir()) == []
    raw = os.pread(spool.descriptor, 2 * len(whole), HEAD_BYTES)
    assert len(raw) == len(whole)
    assert (data[:16] in raw) == (kind_of_spool == "in memory")
    spool.close()


@pytest.mark.usefixtures("kind_of_spool")
def test_what_is_given_back_takes_no_space() -> None:
    spool = Spool.create(KEY)
    spool.append(bytes(4 * MIB))
    spool.append(b"kept")
    before = used(spool)
    spool.give_back(HEAD_BYTES, HEAD_BYTES + 4 * MIB)
    assert used(spool) <= before - 3 * MIB
    assert spool.read(HEAD_BYTES + 4 * MIB, 10) == b"kept"
    assert spool.head[COMMITTED] == HEAD_BYTES
    spool.close()


@pytest.mark.usefixtures("kind_of_spool")
def test_a_dead_worker_passes_on_what_it_has_read_and_what_it_has_not(db: Path) -> None:
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append)
    tap = feeder.open(request(), time.monotonic_ns())
    tap.response(ResponseMessage(200, SSE))
    tap.chunk(CLEAN[:700])
    eventually(lambda: [row.status for row in rows(db)] == [200])
    kill_worker(db)
    tap.chunk(CLEAN[700:])
    tap.end(SERVER)
    play(feeder, [CLEAN])
    feeder.close()
    assert [row.state for row in rows(db)] == ["completed"] * 2
    with open_recording(db) as recording:
        for stream in recording.stream_ids():
            facts_hold(recording, stream, CLEAN)


def test_more_than_the_worker_can_write_waits_and_is_recorded(db: Path) -> None:
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append)
    (worker,) = workers(db)
    os.kill(worker, signal.SIGSTOP)
    for _ in range(9):
        play(feeder, large(4))
    os.kill(worker, signal.SIGCONT)
    feeder.close()
    assert troubles(notices) == []
    assert any(isinstance(notice, Hint) and "still to be recorded" in notice.message for notice in notices)
    assert [row.state for row in rows(db)] == ["completed"] * 9
    assert {row.wire_size for row in rows(db)} == {sum(map(len, large(4)))}


PROXY = """
    import asyncio, os, signal, sys, time
    from pathlib import Path
    from responses_tap.recorder.proxy_side.supervisor import WorkerSupervisor
    from responses_tap.recorder.recorder_settings import RecorderSettings
    from responses_tap.recorder.messages import EndingMessage, RequestMessage, ResponseMessage
    from tests.conftest import RECORDINGS
    from tests.recorder.test_recorder import workers

    async def feed():
        later = asyncio.get_running_loop().call_later
        feeder = WorkerSupervisor(Path(sys.argv[1]), RecorderSettings(), lambda notice: None, later)
        (worker,) = workers(Path(sys.argv[1]))
        os.kill(worker, signal.SIGSTOP)
        body = (RECORDINGS / "clean/text.sse").read_bytes()
        for n in range(20):
            request = RequestMessage("POST", "http://h/responses", "h", "1.1", [], "2026-11-23T08:00:00Z", True, b"")
            tap = feeder.open(request, time.monotonic_ns())
            tap.response(ResponseMessage(200, [("content-type", "text/event-stream")]))
            take = tap.relay()
            take(b": " + b"x" * 200_000 + b"\\n\\n")
            take(body)
            tap.end(EndingMessage("server", "the server ended the response", complete=True))
            await asyncio.sleep(0)
        await asyncio.sleep(1)
        print(worker, flush=True)
        await asyncio.sleep(600)

    asyncio.run(feed())
"""


def test_what_waits_outlives_a_killed_proxy(db: Path) -> None:
    proxy = subprocess.Popen([sys.executable, "-c", textwrap.dedent(PROXY), str(db)], stdout=subprocess.PIPE)
    assert proxy.stdout is not None
    worker = int(proxy.stdout.readline())
    proxy.kill()
    proxy.wait()
    proxy.stdout.close()
    assert rows(db) == []
    os.kill(worker, signal.SIGCONT)
    found = ended(db, 20)
    assert {(row.state, row.ended_by, row.event_count) for row in found} == {("completed", "server", 13)}


def test_space_is_given_back_around_what_is_not_decided(db: Path) -> None:
    feeder = FeedLoop(db, lambda notice: None)
    spool = feeder.supervisor._file
    waits = feeder.open(request("/proxied/stream", expected=False), time.monotonic_ns())
    waits.response(ResponseMessage(200, SSE))
    waits.chunk(CLEAN[:50])
    for _ in range(4):
        play(feeder, large(4))
    ended(db, 4)
    play(feeder, large(1))
    eventually(lambda: used(spool) < 4 * MIB)
    kill_worker(db)
    waits.chunk(CLEAN[50:])
    waits.end(SERVER)
    feeder.close()
    *others, late = rows(db)
    assert (len(others), late.state) == (5, "completed")
    with open_recording(db) as recording:
        facts_hold(recording, late.id, CLEAN)


def test_the_end_waits_as_long_as_the_worker_gets_on(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker is stopped; for an hour of a clock of our own its offset moves, then it is let go."""
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append)
    (worker,) = workers(db)
    os.kill(worker, signal.SIGSTOP)
    play(feeder, [CLEAN])
    head, start = feeder.supervisor._file.head, time.monotonic()
    now = start

    def monotonic() -> float:
        nonlocal now
        if now < start + 3600:
            now += 30
            head[COMMITTED] += 1
            if now >= start + 3600:
                os.kill(worker, signal.SIGCONT)
        return now

    monkeypatch.setattr(supervisor.time, "monotonic", monotonic)
    feeder.close()
    monkeypatch.undo()
    assert troubles(notices) == []
    assert [row.state for row in rows(db)] == ["completed"]


def test_a_worker_that_hangs_is_not_waited_for_forever(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_CLOSE_SECONDS", 0.1)
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append)
    (worker,) = workers(db)
    os.kill(worker, signal.SIGSTOP)
    play(feeder, [CLEAN])
    feeder.close()
    os.kill(worker, signal.SIGCONT)
    (said,) = eventually(lambda: troubles(notices))
    assert str(said) == "nothing more is recorded: the worker does not respond; what came last is lost"


def test_no_room_for_what_waits_costs_no_client_and_nothing_that_came_before(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append)
    play(feeder, [CLEAN])
    tap = feeder.open(request(), time.monotonic_ns())
    tap.response(ResponseMessage(200, SSE))
    eventually(lambda: [row.status for row in rows(db)] == [200, 200])

    def fail(*_: object) -> int:
        raise OSError(27, "File too large")

    with monkeypatch.context() as patched:
        patched.setattr("responses_tap.recorder.spool.os.pwrite", fail)
        tap.chunk(CLEAN)
        eventually(lambda: troubles(notices))
    tap.end(SERVER)
    play(feeder, [CLEAN])
    feeder.close()
    assert [str(notice) for notice in troubles(notices)] == [
        "nothing more is recorded: there is no room for what waits ([Errno 27] File too large)"
    ]
    assert [(row.state, row.ended_by) for row in rows(db)] == [("completed", "server"), ("truncated", "recorder")]


def test_a_message_that_was_cut_by_a_kill_is_not_taken(db: Path) -> None:
    chunk = encode_message(MessageKind.CHUNK, 1, 5, CLEAN)
    started = [
        encode_message(MessageKind.REQUEST, 1, 1, request().encode()),
        encode_message(MessageKind.RESPONSE, 1, 2, ResponseMessage(200, SSE).encode()),
    ]
    for n, cut in enumerate((chunk[:5], chunk[: MESSAGE_HEAD.size], chunk[:-1], chunk)):
        path = db.with_stem(str(n))
        record(path, [*started, cut])
        (row,) = rows(path)
        assert (row.wire_size or 0) == (len(CLEAN) if cut == chunk else 0)
        assert row.state == ("completed" if cut == chunk else "truncated")


def test_of_a_full_spool_the_flow_that_fills_it_is_cut() -> None:
    spool = Spool.create(KEY)
    writer = SpoolWriter(spool, 10 * MIB, lambda: None)
    for _ in range(11):
        writer.put(int(MessageKind.CHUNK), 1, 0, bytes(MIB))
    writer.put(int(MessageKind.CHUNK), 2, 0, b"little")
    writer.flush()
    assert (writer.is_full, writer.has_room(1), writer.has_room(2)) == (True, False, True)
    for flow in range(3, 14):
        writer.put(int(MessageKind.CHUNK), flow, 0, bytes(MIB))
    writer.flush()
    assert not writer.has_room(2)
    spool.head[COMMITTED] = spool.end
    writer.flush()
    assert (writer.is_full, writer.has_room(1), writer.has_room(2)) == (False, True, True)
    spool.close()


def test_a_huge_request_is_counted_while_it_comes() -> None:
    spool = Spool.create(KEY)
    writer = SpoolWriter(spool, 2 * MIB, lambda: None)
    assert not writer.put_body(1, 0, bytes(20 * MIB))
    assert spool.end < 4 * MIB
    spool.close()


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


PLENTY = {"proc/meminfo": "MemTotal: 99999999 kB\nMemAvailable:   90000000 kB\n"}
GROUPED = PLENTY | {"proc/self/cgroup": "0::/a/b\n"}
OLD = PLENTY | {"proc/self/cgroup": "5:cpu,memory:/d\n1:name=systemd:/d\n"}


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        (PLENTY, 2**32),
        ({"proc/meminfo": "MemAvailable: 1024 kB\n"}, 2**18),
        (GROUPED | {"sys/fs/cgroup/a/b/memory.max": "max\n"}, 2**32),
        (GROUPED | {"sys/fs/cgroup/a/b/memory.max": "4194304\n"}, 2**20),
        (GROUPED | {"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "8388608\n"}, 2**21),
        (GROUPED | {"sys/fs/cgroup/memory.max": "8388608\n"}, 2**21),
        (OLD | {"sys/fs/cgroup/memory/d/memory.limit_in_bytes": "4194304\n"}, 2**20),
        (OLD | {"sys/fs/cgroup/memory/d/memory.limit_in_bytes": "9223372036854771712\n"}, 2**32),
    ],
)
def test_the_limit_goes_by_the_memory_that_is_allowed(tmp_path: Path, files: dict[str, str], limit: int) -> None:
    assert spool_limit(tree(tmp_path, files)) == limit


def test_there_is_a_limit_where_nothing_tells_of_memory(tmp_path: Path) -> None:
    assert 0 < spool_limit(tmp_path) <= 2**32
