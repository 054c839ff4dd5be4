"""What befalls the file while it is recorded into: the traffic flows on, the person is told, recording resumes."""

import contextlib
import http.client
import os
import re
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
from tests.conftest import RECORDINGS
from tests.feeding import FeedLoop
from tests.recorder.test_recorder import CLIENT, SERVER, SSE, kill_worker, play, request, workers
from tests.upstream import SSE_HEAD, Upstream, ended, eventually, facts_hold, framed, rows

from responses_tap.mitm.proxy import Proxy
from responses_tap.recorder.messages import Notice, ResponseMessage, Trouble
from responses_tap.store import RecordingError, open_recording
from responses_tap.store.writer import Writer

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()


@contextmanager
def locked(db: Path) -> Iterator[None]:
    with closing(sqlite3.connect(db, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def size_limited(db: Path) -> Iterator[None]:
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux limits the files of another process")
    (worker,) = workers(db)
    _, hard = resource.prlimit(worker, resource.RLIMIT_FSIZE, (4096, -1))
    yield
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))


@contextmanager
def full(db: Path) -> Iterator[None]:
    filler = db.with_name("filler")
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    yield
    filler.unlink()


@contextmanager
def foreign(db: Path) -> Iterator[None]:
    db.unlink()
    db.write_text("somebody's notes " * 1000)
    yield
    db.unlink()


type Mishap = Callable[[Path], AbstractContextManager[None]]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root mounts a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def streamed(connection) -> None:
    connection.sendall(SSE_HEAD + framed(CLEAN) + b"0\r\n\r\n")


def receive(proxy: Proxy) -> bytes:
    with closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as client:
        client.request("POST", "/v1/responses", "{}")
        return client.getresponse().read()


def troubles(notices: list[Notice]) -> list[str]:
    return [notice.message for notice in notices if isinstance(notice, Trouble)]


def goes_on(db: Path, mishap: Mishap, said: str) -> None:
    notices: list[Notice] = []
    with Upstream(v1=streamed) as upstream, Proxy(db, upstream=upstream.url, on_notice=notices.append) as proxy:
        assert receive(proxy) == CLEAN
        ended(db)
        with mishap(db):
            for n in range(3):
                assert receive(proxy) == CLEAN
                if n == 0:
                    assert said in eventually(lambda: troubles(notices))[0]
        eventually(lambda: len(troubles(notices)) > 1)
        assert receive(proxy) == CLEAN
    first, second = troubles(notices)
    assert first.startswith(f"cannot write {db} (")
    assert "\n" not in first
    assert second == f"{db} is written again"
    assert [row.state for row in rows(db)] == ["completed"] * 5
    with open_recording(db) as recording:
        for stream in recording.stream_ids():
            facts_hold(recording, stream, CLEAN)


def test_a_locked_file(tmp_path: Path) -> None:
    goes_on(tmp_path / "r.db", locked, "database is locked")


def test_a_limited_file(tmp_path: Path) -> None:
    goes_on(tmp_path / "r.db", size_limited, "disk")


def test_a_full_disk(small_disk: Path) -> None:
    goes_on(small_disk / "r.db", full, "database or disk is full")


def test_a_deleted_file_is_begun_anew(tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append)
    play(feeder, [CLEAN])
    cut = feeder.open(request(), time.monotonic_ns())
    cut.response(ResponseMessage(200, SSE))
    eventually(lambda: len(rows(db)) == 2)
    db.unlink()
    cut.chunk(CLEAN)
    (said,) = eventually(lambda: troubles(notices))
    assert said.startswith(f"{db} was deleted while it was recorded into; open streams lost with it: 1; ")
    cut.end(SERVER)
    play(feeder, [CLEAN])
    feeder.close()
    (row,) = rows(db)
    assert row.state == "completed"
    assert (db.stat().st_mode & 0o777) == 0o600
    assert len(troubles(notices)) == 1


def test_a_file_that_somebody_replaced(tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append)
    play(feeder, [CLEAN])
    ended(db)
    with foreign(db):
        play(feeder, [CLEAN])
        eventually(lambda: troubles(notices))
    eventually(lambda: len(troubles(notices)) > 1)
    play(feeder, [CLEAN])
    feeder.close()
    refused, anew = troubles(notices)
    assert refused.startswith("cannot write ")
    assert "is not a responses-tap recording" in refused
    assert "a new file" in anew
    assert [row.state for row in rows(db)] == ["completed"]


def test_a_file_made_read_only_is_written_to_the_end(tmp_path: Path) -> None:
    db = tmp_path / "private" / "r.db"
    feeder = FeedLoop(db, lambda notice: None)
    play(feeder, [CLEAN])
    ended(db)
    for path in (*db.parent.iterdir(), db.parent):
        path.chmod(0o500)
    play(feeder, [CLEAN])
    feeder.close()
    for path in (db.parent, *db.parent.iterdir()):
        path.chmod(0o700)
    assert [row.state for row in rows(db)] == ["completed"] * 2


def test_a_file_that_the_next_worker_cannot_open(tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append)
    kill_worker(db)
    other = eventually(lambda: writer_of(db))  # before the next worker is there
    play(feeder, [CLEAN])
    eventually(lambda: len(troubles(notices)) == 2)
    other.close()
    eventually(lambda: len(troubles(notices)) == 3)
    feeder.close()
    _died, refused, again = troubles(notices)
    assert "another recorder; stop it" in refused
    assert again == "recording again"
    assert [row.state for row in rows(db)] == ["completed"]


def writer_of(db: Path) -> Writer | None:
    try:
        return Writer(db)
    except RecordingError:
        return None


def test_a_file_that_stays_locked_is_told_in_the_end(tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append)
    with locked(db):
        play(feeder, [CLEAN], end=CLIENT)
        feeder.close()
    first, last = troubles(notices)
    assert "database is locked" in first
    assert last == f"{db} could not be written to the end (database is locked): the last 13 frames are lost"
    assert rows(db) == []


@pytest.mark.parametrize(("limit", "has_rows"), [(400_000, True), (20_000, False)])
def test_what_a_hung_worker_leaves_out_is_counted_and_has_rows_while_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, has_rows: bool
) -> None:
    monkeypatch.setattr("responses_tap.recorder.proxy_side.supervisor.spool_limit", lambda: limit)
    db = tmp_path / "r.db"
    notices: list[Notice] = []
    feeder = FeedLoop(db, notices.append)
    play(feeder, [CLEAN])
    ended(db)
    (worker,) = workers(db)
    os.kill(worker, signal.SIGSTOP)
    for _ in range(200):
        play(feeder, [CLEAN])
        time.sleep(0.001)
    assert "too far behind" in eventually(lambda: troubles(notices))[0]
    os.kill(worker, signal.SIGCONT)
    eventually(lambda: troubles(notices)[1:])
    play(feeder, [CLEAN])
    feeder.close()
    counts = [int(word) for said in troubles(notices) for word in re.findall("[0-9]+", said.partition("left out")[2])]
    left_out, cut = sum(counts[::2]), sum(counts[1::2])
    assert left_out > 50
    reason = f"left out, because the recorder was too far behind; {len(CLEAN)} bytes were not recorded"
    without = [row for row in rows(db) if (row.end_reason or "").startswith(reason)]
    assert len(rows(db)) - len(without) == 202 - left_out
    assert (len(without) == left_out) is has_rows
    assert {(row.state, row.ended_by, row.status, row.event_count, row.first_code) for row in without} <= {
        ("truncated", "recorder", 200, 0, None)
    }
    assert sum(row.ended_by == "recorder" for row in rows(db)) == cut + len(without)
