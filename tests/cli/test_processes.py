"""`record --processes`: several proxies behind one port, and their files read as one recording."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.conftest import RECORDINGS
from tests.feeding import FeedLoop
from tests.recorder.test_recorder import play, workers
from tests.upstream import PATIENCE, SSE_HEAD, Upstream, eventually, facts_hold, framed, rows

from responses_tap import open_recording
from responses_tap.errors import RecordingError
from responses_tap.recorder.messages import FileBegun, Notice, Trouble
from responses_tap.store.merging import merge
from responses_tap.store.shares import Share, file_of, shares
from responses_tap.store.writer import Writer
from responses_tap_viewer.actions.gathering import gathered

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()
SEED = (RECORDINGS / "broken/llamastack-before-pr5308.sse").read_bytes()

UNTIL_ALL_HAVE_STREAMS = """
    import contextlib, glob, http.client, os, sqlite3, sys, urllib.parse
    at = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
    folder, files = sys.argv[1], int(sys.argv[2])

    def has_streams(path):
        with contextlib.closing(sqlite3.connect(path)) as db, contextlib.suppress(sqlite3.OperationalError):
            return db.execute("SELECT count(*) FROM streams").fetchone()[0]

    sent = 0
    while sum(bool(has_streams(path)) for path in glob.glob(folder + "/tap.?.db")) < files:
        clients = [http.client.HTTPConnection(at.hostname, at.port) for _ in range(4)]
        for n, client in enumerate(clients):
            client.request("POST", at.path + ("/seed" if n == 0 else "") + "/responses", '{"model": "m"}')
        for client in clients:
            assert client.getresponse().read()
        client.request("POST", at.path + "/models", "{}")
        client.getresponse().read()
        sent += 4
    print(sent)
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """A server that plays a correct stream under /v1, a broken one under /v1/seed, and one that waits under /slow."""
    go_on = threading.Event()

    def v1(connection: socket.socket) -> None:
        asked = server.answered.head.split()[1]
        if b"models" in asked:
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            return
        connection.sendall(SSE_HEAD + framed(SEED if b"seed" in asked else CLEAN) + b"0\r\n\r\n")

    def slow(connection: socket.socket) -> None:
        connection.sendall(SSE_HEAD + framed(CLEAN[:100]))
        assert go_on.wait(PATIENCE)
        connection.sendall(framed(CLEAN[100:]) + b"0\r\n\r\n")

    with Upstream(v1=v1, slow=slow) as server:
        server.go_on = go_on
        yield server


def tap(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "responses_tap_viewer", *map(str, arguments)]
    return subprocess.run(program, capture_output=True, text=True, check=False, timeout=4 * PATIENCE)


def record(upstream: str, db: Path, *options: str, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    listen = "--listen=127.0.0.1:0"
    return tap("record", f"--upstream={upstream}/v1", f"--db={db}", listen, *options, "--", *command)


@contextmanager
def recording(upstream: str, db: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running recorder, and the base URL that it prints."""
    program = [sys.executable, "-m", "responses_tap_viewer", "record", f"--upstream={upstream}", f"--db={db}"]
    process = subprocess.Popen([*program, "--listen=127.0.0.1:0", *options], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        line = next(line for line in process.stderr if "export OPENAI_BASE_URL=" in line)
        yield process, line.strip().removeprefix("export OPENAI_BASE_URL=")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def members(recorder: int) -> dict[str, int]:
    """The processes of a recorder, each by the file that its worker writes."""
    lines = subprocess.run(["ps", "-wwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    fields = [
        (int(pid), int(parent), args) for pid, parent, args in (line.split(None, 2) for line in lines.splitlines())
    ]
    proxies = {pid for pid, parent, _ in fields if parent == recorder}
    return {
        Path(args.partition(" responses_tap.recorder ")[2].split()[0]).name: parent
        for _, parent, args in fields
        if parent in proxies and " responses_tap.recorder " in args
    }


def receive(url: str) -> bytes:
    with urllib.request.urlopen(f"{url}/responses", b'{"model": "m"}', timeout=PATIENCE) as answer:
        return answer.read()


def test_the_files_of_a_run_are_one_recording(upstream: Upstream, tmp_path: Path) -> None:
    db = tmp_path / "tap.db"
    client = [sys.executable, "-c", textwrap.dedent(UNTIL_ALL_HAVE_STREAMS), str(tmp_path), "3"]
    done = record(upstream.url, db, "--processes=3", command=(*client,))
    assert done.returncode == 0, done.stderr
    sent = int(done.stdout)
    files = shares(db)
    assert files == [tmp_path / f"tap.{n}.db" for n in (1, 2, 3)]
    found = {row.id: file for file in files for row in rows(file)}
    assert len(found) == sum(len(rows(file)) for file in files) == sent
    assert all(file_of(db, id_) == file for id_, file in found.items())
    for id_, file in found.items():
        with open_recording(file) as recording:
            row = recording.stream(id_)
            facts_hold(recording, id_, SEED if "seed" in row.url else CLEAN)
    # One set of notices, one summary.
    assert f"Recorded {sent} streams, {13 * sent} events: {3 * sent // 4} errors" in done.stderr
    assert sorted(line.split()[2] for line in done.stderr.splitlines() if ": completed, 13 events" in line) == sorted(
        f"{id_}:" for id_ in found
    )
    assert f"View: responses-tap view {db}" in done.stderr
    # The commands that read.
    listed = json.loads(tap("list", db, "--format=json").stdout)
    assert [stream["id"] for stream in listed] == sorted(found)
    checked = json.loads(tap("check", db, "--format=json").stdout)
    assert {(entry["source"], entry["id"]) for entry in checked["streams"]} == {(str(f), i) for i, f in found.items()}
    assert checked["summary"]["error"] == 3 * sent // 4
    last = max(found)
    assert "resp_" in tap("show", f"{db}#{last}").stdout
    one = json.loads(tap("check", f"{db}#{last}", "--format=json").stdout)["streams"]
    assert [stream["id"] for stream in one] == [last]
    assert tap("export", f"{db}#{last}", "--format=sse").stdout.encode() in (CLEAN, SEED)
    every = json.loads(tap("export", db, "--filter=model:m", "--format=json").stdout)
    assert len(every["streams"]) == sent
    with gathered([str(db)]) as source, open_recording(source.db) as recording:  # as `view` does
        assert recording.stream_ids() == sorted(found)
        assert {recording.body(id_) for id_ in found} == {CLEAN, SEED}
    # Those that write.
    assert "removed" in tap("rm", f"{db}#{last}").stdout
    assert last not in {row.id for row in rows(found[last])}
    for refused in (["prune", db, "--keep=1"], ["recheck", db], ["import", RECORDINGS / "clean/text.sse", "--db", db]):
        done = tap(*refused)
        assert done.returncode == 2
        assert str(files[0]) in done.stderr
    assert not db.exists()


def test_a_process_that_is_killed_leaves_the_others(upstream: Upstream, tmp_path: Path) -> None:
    db = tmp_path / "tap.db"
    with recording(f"{upstream.url}/slow", db, "--processes=2") as (process, url):
        parts = members(process.pid)
        assert sorted(parts) == ["tap.1.db", "tap.2.db"]
        results: list[bytes] = []

        def ask() -> None:
            try:
                results.append(receive(url))
            except (OSError, http.client.HTTPException):
                results.append(b"")

        clients: list[threading.Thread] = []
        while not all((tmp_path / name).exists() and rows(tmp_path / name) for name in parts):
            clients.append(threading.Thread(target=ask))
            clients[-1].start()
            time.sleep(0.3)
        open_streams = eventually(
            lambda: (
                found if len(found := rows(tmp_path / "tap.1.db") + rows(tmp_path / "tap.2.db")) == len(clients) else []
            )
        )
        assert {row.state for row in open_streams} <= {"open", "in_progress"}
        os.kill(parts["tap.1.db"], signal.SIGKILL)
        said = next(line for line in process.stderr if "tap.1.db" in line)
        assert "ended (killed by signal 9); the other one continues" in said
        upstream.go_on.set()
        for client in clients:
            client.join()
        for _ in range(4):
            assert receive(url) == CLEAN
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(PATIENCE) == 0
        assert "View: responses-tap view" in rest
    eventually(lambda: not any(is_running(pid) for pid in parts.values()))
    cut, whole = rows(tmp_path / "tap.1.db"), rows(tmp_path / "tap.2.db")
    assert {(row.state, row.ended_by) for row in cut} == {("truncated", "recorder")}
    assert {row.state for row in whole} == {"completed"}
    assert len(cut) + len(whole) == len(clients) + 4
    assert results.count(CLEAN) == len(whole) - 4


def test_it_ends_once_none_is_left(upstream: Upstream, tmp_path: Path) -> None:
    with recording(f"{upstream.url}/v1", tmp_path / "tap.db", "--processes=2") as (process, url):
        assert receive(url) == CLEAN
        for pid in members(process.pid).values():
            os.kill(pid, signal.SIGKILL)
        said = process.stderr.read()
        assert process.wait(PATIENCE) == 2
    assert "ended (killed by signal 9); it was the last" in said


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_recorder_that_is_killed_leaves_no_process_behind(upstream: Upstream, tmp_path: Path) -> None:
    with recording(f"{upstream.url}/v1", tmp_path / "tap.db", "--processes=2") as (process, url):
        parts = members(process.pid)
        assert receive(url) == CLEAN
        process.kill()
        eventually(lambda: not any(is_running(pid) for pid in parts.values()))
    (row,) = rows(tmp_path / "tap.1.db") + rows(tmp_path / "tap.2.db")
    assert row.state == "completed"


def test_what_cannot_be_is_one_line(upstream: Upstream, tmp_path: Path) -> None:
    db, used = tmp_path / "tap.db", tmp_path / "used.db"
    Writer(used).close()
    Writer(tmp_path / "several.1.db").close()
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        for options, words in (
            ([f"--listen=127.0.0.1:{port}"], f"cannot listen on 127.0.0.1:{port} (Address already in use)"),
            (["--mode=wireguard"], "several processes cannot share the mode wireguard, which has no TCP port"),
            (["--mode=nonsense"], "invalid mode 'nonsense': expected reverse, regular, upstream:URL, "),
            (["--max-size=1"], "invalid size '1': expected a size such as 100m or 2g, at least 1m"),
            ([f"--db={used}"], f"{used} is a recording by one process; give another file with --db"),
            (["--ui"], "--ui shows one file"),
            (["--processes=1", f"--db={tmp_path}/several.db"], f"in {tmp_path}/several.1.db and others"),
        ):
            done = record(upstream.url, db, "--processes=2", *options, command=("true",))
            assert done.returncode == 2, done.stderr
            assert words in done.stderr
            assert "Traceback" not in done.stderr


def test_one_share_is_numbered_apart_over_files_and_workers(tmp_path: Path) -> None:
    db = tmp_path / "tap.3.db"
    notices: list[Notice] = []
    for _ in range(2):
        feeder = FeedLoop(db, notices.append, max_size=2**20, share=Share(3, 4))
        for _ in range(3):
            play(feeder, [CLEAN, b": " + b"x" * 600_000 + b"\n\n"])
            time.sleep(0.2)
        feeder.close()
    files = [db, *(Path(notice.path) for notice in notices if isinstance(notice, FileBegun))]
    assert files[1] == tmp_path / "tap.3-2.db"
    assert [row.id for file in files for row in rows(file)] == [3, 103, 203, 303, 403, 503]


def test_processes_share_the_memory_for_what_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responses_tap.recorder.proxy_side.supervisor.spool_limit", lambda: 4_000_000)
    for share, is_told in ((Share(1, 1), False), (Share(1, 8), True)):
        db = tmp_path / f"of-{share.processes}.db"
        notices: list[Notice] = []
        feeder = FeedLoop(db, notices.append, share=share)
        (worker,) = workers(db)
        os.kill(worker, signal.SIGSTOP)
        large = CLEAN + b": " + b"x" * 10_000 + b"\n\n"
        for _ in range(60):
            play(feeder, [large])
        # What comes within one flush is appended, however much it is: more has to come.
        if is_told:
            eventually(lambda: play(feeder, [large]) or any(isinstance(n, Trouble) for n in notices))  # noqa: B023
        os.kill(worker, signal.SIGCONT)
        feeder.close()
        assert any(isinstance(notice, Trouble) for notice in notices) is is_told


def test_files_that_are_not_of_one_run_are_not_put_together(tmp_path: Path) -> None:
    for name in ("a.db", "b.db"):
        feeder = FeedLoop(tmp_path / name, lambda notice: None)
        play(feeder, [CLEAN])
        feeder.close()
    with pytest.raises(RecordingError, match=r"b\.db has a stream whose id another of these files has, too"):
        merge([tmp_path / "a.db", tmp_path / "b.db"], tmp_path / "all.db")
