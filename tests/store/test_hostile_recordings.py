"""Files from strangers: anything but regular files, and crafted recordings."""

import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner, Result
from sqlite_utils import Database
from tests.conftest import RECORDINGS
from tests.crafting import FORMER_STEP, INVALID_TEXT, columns, lead_in_circles, put, record, unguarded
from tests.tui.conftest import opened

from responses_tap.errors import UnusableInput
from responses_tap.store import RecordingError, open_recording
from responses_tap.store.migrations import migrations
from responses_tap.store.series import following, latest
from responses_tap.store.writer import Writer
from responses_tap_viewer.actions.exporting import write_whole
from responses_tap_viewer.cli import main

TEXT = RECORDINGS / "clean/text.sse"


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("strangers") / "r.db"
    record(db)
    return db


@pytest.fixture
def db(valid: Path, tmp_path: Path) -> Path:
    return Path(copy(valid, tmp_path / "r.db"))


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert "\x1b" not in result.output
    return result


def device(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("no device may be made here")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def link_to(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def linked(path: Path) -> None:
        make(path.with_name("target"))
        path.symlink_to(path.with_name("target"))

    return linked


IRREGULAR = {
    "FIFO": os.mkfifo,
    "socket": unix_socket,
    "device": device,
    "folder": Path.mkdir,
    "link to a file": link_to(Path.touch),
    "link to nothing": link_to(lambda path: None),
    "link to a FIFO": link_to(os.mkfifo),
    "link to a device": link_to(device),
}


def state(folder: Path) -> dict[str, tuple[int, int, int]]:
    """The content of a folder, with modes, sizes and inodes."""
    return {p.name: (p.lstat().st_mode, p.lstat().st_size, p.lstat().st_ino) for p in folder.iterdir()}


@pytest.mark.parametrize("kind", IRREGULAR)
def test_only_a_regular_file_is_touched(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "made" / "r.db"
    path.parent.mkdir()
    IRREGULAR[kind](path)
    before = state(path.parent)
    with pytest.raises(RecordingError, match=kind.partition(" ")[0]):
        Writer(path)
    with pytest.raises(RecordingError, match=kind.partition(" ")[0]):
        open_recording(path)
    monkeypatch.setenv("RESPONSES_TAP_DB", str(path))
    for command in (
        ("import", TEXT),
        ("import", TEXT, "--db", path),
        ("list",),
        ("show", "1"),
        ("rm", "1"),
        ("prune", "--keep", "0"),
        ("recheck",),
        ("diff", "--by-shape"),
    ):
        assert run(*command).exit_code == 2
    assert state(path.parent) == before


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_nor_is_anything_in_place_of_sqlites_own_files(db: Path, suffix: str) -> None:
    victim = db.with_name("victim")
    victim.write_text("precious")
    victim.chmod(0o644)
    Path(f"{db}{suffix}").symlink_to(victim)
    before = state(db.parent)
    with pytest.raises(RecordingError, match=f"r.db{suffix} is a link"):
        Writer(db)
    assert run("list", db).exit_code == 2
    assert state(db.parent) == before
    assert victim.read_text() == "precious"


def test_another_program_s_file_keeps_its_mode(tmp_path: Path) -> None:
    foreign = tmp_path / "theirs.db"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    foreign.chmod(0o644)
    with pytest.raises(RecordingError, match="is not a responses-tap recording"):
        Writer(foreign)
    assert stat.S_IMODE(foreign.stat().st_mode) == 0o644


def test_a_fifo_in_place_of_the_next_file_blocks_nobody(db: Path) -> None:
    os.mkfifo(db.with_name("r-2.db"))
    assert following(db) == db.with_name("r-3.db")
    with pytest.raises(RecordingError, match="is a FIFO"):
        Writer(latest(db))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_belongs_to_another_user_is_refused_in_a_line(db: Path) -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        theirs = Path(copy(db, folder))
        theirs.chmod(0o666)
        script = (
            "import os, sys; from pathlib import Path; from responses_tap.store.writer import Writer\n"
            "Writer(Path(sys.argv[2])).close()  # with all that is imported for it\n"
            "os.setuid(65533); Writer(Path(sys.argv[1]))"
        )
        tried = subprocess.run([sys.executable, "-c", script, theirs, db], capture_output=True, text=True, check=False)
        assert "RecordingError: cannot write" in tried.stderr
        assert "Operation not permitted" in tried.stderr
        assert stat.S_IMODE(theirs.stat().st_mode) == 0o666


def test_an_export_is_written_to_a_pipe_and_never_replaces_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    before = state(tmp_path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"all of it", over=True)
    reader.join()
    assert read == [b"all of it"]
    assert state(tmp_path) == before
    unix_socket(tmp_path / "socket")
    for path in (tmp_path, tmp_path / "socket"):
        with pytest.raises(UnusableInput):
            write_whole(path, b"", over=True)


# Crafted recordings

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"


def commands(db: Path, stream: int) -> list[tuple[str | Path, ...]]:
    name = f"{db}#{stream}"
    formats = ("md", "html", "json", "sse", "har", "curl", "pytest")
    return [
        ("list", db),
        ("list", db, "--format", "json"),
        ("list", db, "--filter", "errors>0"),
        ("show", name),
        ("show", name, "--full"),
        ("show", name, "--format", "json"),
        *(("export", name, "--format", format_, "--mask-secrets", "--allow-text") for format_ in formats),
        ("diff", name, f"{db}#1"),
        ("diff", "--by-shape", db),
        ("diff", "--taps", db, db),
        ("check", db),
        ("check", db, "--join", "--format", "json"),
        ("prune", db, "--keep", "0", "--dry-run"),
        ("recheck", db),
    ]


@pytest.mark.parametrize("table", ["streams", "events", "chunks", "findings", "verdicts", "meta", "_sqlite_migrations"])
def test_a_view_in_place_of_a_table_is_not_a_recording(db: Path, table: str) -> None:
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        listed = ", ".join(f"x AS {row[1]}" for row in connection.execute(f"PRAGMA table_info({table})"))
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.execute(f"ALTER TABLE {table} RENAME TO hidden")
        connection.execute(f"CREATE VIEW {table} AS {ENDLESS} SELECT {listed} FROM c")
    before = db.read_bytes()
    for command in commands(db, 1):
        assert run(*command).exit_code == 2
    for action in (lambda: open_recording(db), lambda: Writer(db)):
        with pytest.raises(RecordingError, match="is not a responses-tap recording"):
            action()
    assert db.read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TRIGGER evil AFTER DELETE ON streams BEGIN DELETE FROM meta; END",
        "CREATE INDEX evil ON events (hex(zeroblob(n + 100000000)))",
        "ALTER TABLE findings ADD COLUMN evil TEXT AS (hex(zeroblob(100000000)))",
        "ALTER TABLE findings ADD COLUMN evil INTEGER CHECK (evil IS NULL OR length(hex(zeroblob(100000000))) > 0)",
    ],
)
def test_a_writer_accepts_no_table_that_would_run_something(db: Path, sql: str) -> None:
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("DELETE FROM events" if "INDEX" in sql else "SELECT 1")
        connection.execute(sql)
    before = db.read_bytes()
    for command in (("rm", f"{db}#1"), ("recheck", db), ("import", TEXT, "--db", db)):
        assert "cannot be written" in run(*command).stderr
    assert db.read_bytes() == before
    assert run("list", db).exit_code == 0


def test_an_endless_query_is_ended(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responses_tap.store.bounded_queries._LEAST_STEPS", 2_000_000)
    monkeypatch.setattr("responses_tap.store.bounded_queries._STEPS_PER_BYTE", 0)
    with open_recording(db) as recording:
        with pytest.raises(RecordingError, match="does not end"):
            recording._rows(f"{ENDLESS} SELECT count(*) FROM c")
        assert recording.stream_ids() == [1, 2, 3]


@pytest.mark.parametrize("table", ["streams", "events", "_sqlite_migrations", "meta", "verdicts"])
def test_pages_that_form_a_loop_are_no_endless_table(db: Path, table: str) -> None:
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("DROP INDEX IF EXISTS idx__sqlite_migrations_migration_set_name")
    lead_in_circles(db, table)
    for command in (("list", db), ("check", db), ("show", f"{db}#1")):
        result = run(*command)
        assert result.exit_code in (0, 1, 2)
        assert len(result.stderr.splitlines()) <= 1


def read_all(db: Path, stream: int) -> None:
    with open_recording(db) as recording:
        assert recording.stream(stream) is not None
        list(recording.entries(stream))
        recording.chunks(stream)
        recording.findings(stream)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("streams", "model", INVALID_TEXT),
        ("streams", "model", b"\x1b[2J"),
        ("streams", "end_ns", 1e300),
        ("streams", "first_byte_ns", 2**63 - 1),
        ("streams", "request_headers", '{"a": [1]}'),
        ("streams", "request_headers", "[" * 100_000),
        ("streams", "request_headers", '[["a"]]'),
        ("streams", "response_headers", "nothing"),
        ("streams", "request_body", b"\xff\xfe"),
        ("streams", "response_body", "text"),
        ("streams", "event_count", -1),
        ("events", "at_ns", "soon"),
        ("events", "at_ns", -(2**63)),
        ("events", "raw", 7),
        ("events", "type", INVALID_TEXT),
        ("events", "response", 2**62),
        ("events", "position", -3),
        ("events", "n", "x"),
        ("chunks", "size", -5),
        ("chunks", "offset", "x"),
        ("findings", "severity", "\x1b[2J"),
        ("findings", "scope", "[[[]]]"),
        ("findings", "scope", '{"output_index": "<b>"}'),
        ("findings", "evidence", "{}"),
        ("findings", "fields", "[7]"),
        ("findings", "fields", "item"),
        ("findings", "count", 9),
        ("findings", "position", '9"><img src=x>'),
    ],
)
def test_a_damaged_row_is_named_and_costs_its_stream_alone(db: Path, table: str, column: str, value: object) -> None:
    with unguarded(db) as connection:
        connection.execute("DELETE FROM chunks WHERE stream = 2 AND n > 0")
    put(db, table, column, value, rowid=2)
    with pytest.raises(RecordingError, match=r"r\.db#2 is damaged"):
        read_all(db, 2)
    failed = [run(*command) for command in (("show", f"{db}#2"), ("export", f"{db}#2", "--allow-text"))]
    assert [(result.exit_code, len(result.stderr.splitlines())) for result in failed] == [(2, 1)] * 2
    listed = run("list", db, "--format", "json")
    assert [stream["id"] for stream in json.loads(listed.stdout) if stream["id"] != 2] == [1, 3]
    assert listed.exit_code == (2 if table == "streams" and column not in _UNLISTED else 0), listed.output
    assert run("show", f"{db}#1").exit_code == 0
    assert run("rm", f"{db}#2").exit_code == 0
    assert run("list", db).exit_code == 0


_UNLISTED = ("request_headers", "response_headers", "request_body", "response_body")


def test_the_rows_of_an_old_file_are_converted(tmp_path: Path) -> None:
    db = tmp_path / "old.db"
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        migrations.apply(Database(connection), stop_before="m008_strict")
        assert [m.name for m in migrations.applied(Database(connection))][-1] == FORMER_STEP
        connection.execute(
            "INSERT INTO streams (id, method, url, host, route, http_version, started_at, state, request_headers,"
            " request_body, end_ns, status) VALUES (4, 'POST', 'http://h/', 'h', 'sse', 'HTTP/1.1', '2026',"
            " 'completed', '[]', x'7b7d', 5.5, 'none')"
        )
        connection.execute(
            "INSERT INTO events (stream, n, at_ns, chunk, raw) VALUES (4, 0, 1, 0, 'data: {}'), (4, 1, 'x', 0, x'')"
        )
        connection.execute("CREATE VIEW mine AS SELECT count(*) AS n FROM events")
        connection.execute("CREATE TRIGGER evil AFTER INSERT ON events BEGIN SELECT 1; END")
    Writer(db).close()
    with open_recording(db) as recording:
        row = recording.stream(4)
        assert row is not None
        assert (row.request_body, row.end_ns, row.status) == ("{}", 5, None)
        assert [(event.at_ns, event.raw) for event in recording.events(4)] == [(1, b"data: {}"), (0, b"")]
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("SELECT n FROM mine").fetchone() == (2,)
        assert not connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
            " AND name NOT LIKE '%sqlite%' AND NOT strict"
        ).fetchall()
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("UPDATE events SET at_ns = 'x'")


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    db = tmp_path / "old.db"
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        migrations.apply(Database(connection), stop_before="m008_strict")
        connection.execute("CREATE TABLE old_meta (in_the_way)")
    with pytest.raises(RecordingError, match="cannot write"):
        Writer(db)
    with open_recording(db) as recording:
        assert recording.stream_ids() == []
    with closing(sqlite3.connect(db)) as connection:
        assert "old_streams" not in Database(connection).table_names()


@pytest.mark.parametrize("table", ["streams", "events", "chunks", "findings", "verdicts"])
@pytest.mark.parametrize("value", [5, "\x1b[2J\x00", 2**53, -1])
def test_no_command_fails_whatever_a_row_holds(db: Path, table: str, value: object) -> None:
    for name, column in columns(db):
        if name == table and column not in ("id", "stream"):
            put(db, table, column, value, rowid=2)
    for command in commands(db, 2):
        assert run(*command).exit_code in (0, 1, 2)


@pytest.mark.parametrize("column", ["continues", "retry_of", "socket"])
def test_links_in_a_cycle_end(db: Path, column: str) -> None:
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute(
            f"UPDATE streams SET {column} = 1 + id % 3, url = 'http://h/v1/responses/r?starting_after=1'"
        )
    for command in commands(db, 2):
        assert run(*command).exit_code in (0, 1, 2)


async def test_the_screen_shows_the_others(db: Path) -> None:
    put(db, "streams", "model", b"\x1b[2J", rowid=2)
    put(db, "events", "at_ns", "soon", rowid=3)
    async with opened(db) as screen:
        await screen.shows("r.db#2 is damaged")
        await screen.press("home")
        await screen.is_at(1)
        await screen.press("end")
        await screen.press("enter", "escape", "home")
        await screen.is_at(1)
