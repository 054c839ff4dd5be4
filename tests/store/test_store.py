"""The recording's file: written, read, refused."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database
from tests.upstream import facts_hold

from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.sse import Decoder, Frame
from responses_tap.store import ChunkRow, EventRow, RecordingError, open_recording
from responses_tap.store.migrations import migrations
from responses_tap.store.writer import Writer, first_code
from responses_tap.stream.model import Entry
from responses_tap.stream.timeline import Delta

COLUMNS = {
    "method": "POST",
    "url": "http://h/v1/responses",
    "host": "h",
    "route": "sse",
    "http_version": "HTTP/1.1",
    "request_headers": '[["a", "1"], ["a", "2"]]',
    "started_at": "2026-11-23T08:00:00.000000Z",
    "state": "open",
}
FRAMES = [
    b'event: a\ndata: {"type":"a","x":"1\\n2"}\n\n',
    b'data:{"type":"b"}\r\n\r\n',
    b'data: {"type":\ndata: "c"}\n\n',
    b'id: 7\rdata: {"type":"d"}\rretry: 1\r\r',
    b'event: e\ndata: {"type":"e"}\nid: 3\n\n',
    b": comment\n\n",
    b"data: [DONE]\n\n",
]
TYPES = ["a", "b", "c", "d", "e", None, None]


def fill(writer: Writer, frames: list[bytes] = FRAMES) -> int:
    stream = writer.add_stream(COLUMNS)
    offset = 0
    for n, raw in enumerate(frames):
        position = n if TYPES[n] else None
        writer.add_event(EventRow(stream, n, position, n * 10, n, TYPES[n], n, None, None, None, None, 0, raw))
        writer.add_chunk(ChunkRow(stream, n, n * 10, len(raw), offset, len(raw)))
        offset += len(raw)
    writer.commit()
    return stream


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "made" / "r.db"


def sql(db: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute(statement).fetchall()


def test_what_is_written_is_read(db: Path) -> None:
    writer = Writer(db)
    stream = fill(writer)
    with open_recording(db) as recording:
        assert recording.stream_ids() == [stream]
        facts_hold(recording, stream, b"".join(FRAMES))
        row = recording.stream(stream)
        assert row is not None
        assert (row.state, row.event_count, row.last_byte_ns) == ("open", len(FRAMES), 60)
        assert row.request_headers == (("a", "1"), ("a", "2"))
        assert recording.stream(99) is None
    writer.close()


def test_frames_are_read_back_as_the_decoder_split_them(db: Path) -> None:
    writer = Writer(db)
    stream = fill(writer)
    decoder = Decoder()
    frames = decoder.feed(b"".join(FRAMES))
    with open_recording(db) as recording:
        assert [frame for frame, _, _ in recording.frames(stream)] == frames
        assert [(at, chunk) for _, at, chunk in recording.frames(stream)] == [(n * 10, n) for n in range(7)]
    writer.close()


def test_events_are_read_page_by_page(db: Path) -> None:
    writer = Writer(db)
    stream = writer.add_stream(COLUMNS)
    for n in range(2500):
        writer.add_event(EventRow(stream, n, n, n, n, "t", n, None, None, None, None, 0, b"data: {}\n\n"))
    writer.commit()
    with open_recording(db) as recording:
        assert [row.n for row in recording.events(stream)] == list(range(2500))
        assert [row.n for row in recording.events(stream, first_n=990, limit=20)] == list(range(990, 1010))
        assert [row.n for row in recording.events(stream, first_n=5, limit=1500)] == list(range(5, 1505))
    writer.close()


def test_a_sketch_has_the_deltas_without_their_frames(db: Path) -> None:
    delta, item = "response.output_text.delta", "response.output_item.added"
    writer = Writer(db)
    stream = writer.add_stream(COLUMNS)
    for n, (position, type_) in enumerate([(0, item), (1, delta), (None, None), (2, delta)]):
        writer.add_event(EventRow(stream, n, position, 10 * n, n, type_, 7, 1, 2, None, "i", 0, b"%d\n\n" % n))
    writer.commit()
    with open_recording(db) as recording:
        assert recording.sketch(stream, 0, 3) == [
            Entry(0, Frame.whole(b"0\n\n"), 0, 0, 0, 0),
            Delta(1, 1, 10, 1, 0, delta, 1, 2, None),
            Entry(2, Frame.whole(b"2\n\n"), None, 0, 20, 2),
        ]
        assert recording.sketch(stream, 3, 9) == [Delta(3, 2, 30, 3, 0, delta, 1, 2, None)]
        assert recording.raw(stream, 1, 2) == [b"1\n\n", b"2\n\n"]
    writer.close()


def test_arrivals_and_skeleton(db: Path) -> None:
    writer = Writer(db)
    stream, silent = writer.add_stream(COLUMNS), writer.add_stream(COLUMNS)
    facts = [(50, None, None), (90, 0, "x"), (91, 1, "y"), (91, 2, "y"), (399, 3, "x"), (400, 4, "x"), (900, 5, "z")]
    for n, (at_ns, position, type_) in enumerate(facts):
        event = (position, at_ns, n, type_, None, None, None, None, None, 0, b"data: {}\n\n")
        writer.add_event(EventRow(stream, n, *event))
    writer.commit()
    with open_recording(db) as recording:
        assert recording.arrivals(stream, 400, 4) == [4, 0, 0, 3]
        assert recording.arrivals(silent, 0, 3) == [0, 0, 0]
        assert recording.skeleton(stream) == ["x", "y", "x", "z"]
        assert [row.first_event_ns for row in recording.streams()] == [90, None]
    writer.close()


def test_streams_are_paged_by_id(db: Path) -> None:
    writer = Writer(db)
    for _ in range(5):
        writer.add_stream(COLUMNS | {"request_body": "big"})
    writer.commit()
    with open_recording(db) as recording:
        ids = lambda rows: [row.id for row in rows]  # noqa: E731
        assert ids(recording.streams()) == [1, 2, 3, 4, 5]
        assert ids(recording.streams(limit=2)) == [4, 5]
        assert ids(recording.streams(limit=2, before_id=4)) == [2, 3]
        assert ids(recording.streams(limit=2, after_id=1)) == [2, 3]
        assert recording.streams()[0].request_body is None
    writer.close()


def test_findings_and_verdict(db: Path) -> None:
    writer = Writer(db)
    stream = fill(writer)
    findings = [
        Finding("TR902", "event-name-missing", Severity.NOTE, 0, "no name"),
        Finding("MD301", "text-done-missing", Severity.ERROR, 3, "missing", {"output_index": 0}, "x.done", 2, [5]),
        Finding("SC811", "item-field-missing", Severity.ERROR, 9, "lacks", fields=("item.summary", "item.id")),
        Finding("LC103", "terminal-missing", Severity.ERROR, None, "ended"),
        Finding("WS005", "framing", Severity.ERROR, None, "two binary messages", count=2),
    ]
    writer.set_findings(stream, findings[:1], rules="2026-11", profile="openai")
    writer.set_findings(stream, findings, rules="2026-11", profile="openai")
    writer.commit()
    with open_recording(db) as recording:
        assert [found.facts() for found in recording.findings(stream)] == [found.facts() for found in findings]
        assert recording.findings(stream)[1].missing == "x.done"
        (row,) = recording.streams()
        assert (row.errors, row.warnings, row.notes, row.first_code) == (4, 0, 1, "LC103")
    assert first_code([]) is None
    assert sql(db, "SELECT code, model FROM violations ORDER BY position")[-2] == ("MD301", None)
    writer.close()


def test_event_data_is_json_for_other_programs(db: Path) -> None:
    writer = Writer(db)
    fill(writer)
    writer.close()
    assert sql(db, "SELECT json_extract(data, '$.type'), type FROM event_data ORDER BY n") == [
        (kind, kind) for kind in TYPES if kind
    ]
    assert sql(db, "SELECT json_extract(data, '$.x') FROM event_data WHERE n = 0") == [("1\n2",)]
    assert sql(db, "SELECT seconds, since_previous FROM timeline WHERE n = 1") == [(1e-8, 1e-8)]
    rows = subprocess.run(
        [sys.executable, "-m", "sqlite_utils", "rows", str(db), "streams"], capture_output=True, check=True
    )
    assert b"http://h/v1/responses" in rows.stdout


def test_the_file_is_private_from_its_first_moment(db: Path) -> None:
    writer = Writer(db)
    fill(writer)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in db.parent.iterdir()}
    assert modes == {"r.db": 0o600, "r.db-wal": 0o600, "r.db-shm": 0o600}
    assert stat.S_IMODE(db.parent.stat().st_mode) == 0o700
    writer.close()
    assert [file.name for file in db.parent.iterdir()] == ["r.db"]


def test_a_reader_sees_what_is_committed_and_when(db: Path) -> None:
    writer = Writer(db)
    with open_recording(db) as recording:
        before = recording.data_version()
        stream = writer.add_stream(COLUMNS)
        assert recording.stream_ids() == []
        writer.add_tail(stream, b"data: {")
        writer.commit()
        assert recording.data_version() != before
        assert recording.body(stream) == b"data: {"
        writer.drop_tail(stream)
        writer.set_stream(stream, {"state": "completed", "ended_by": "server"})
        writer.commit()
        assert recording.body(stream) == b""
        assert [row.state for row in recording.streams()] == ["completed"]
    writer.close()


def test_ids_continue_in_an_old_file_and_the_key_stays(db: Path) -> None:
    writer = Writer(db)
    first, key = fill(writer), writer.upload_key
    writer.close()
    writer = Writer(db)
    assert fill(writer) == first + 1
    assert writer.upload_key == key
    writer.close()


def test_texts_that_are_not_unicode_do_not_stop_the_writer(db: Path) -> None:
    writer = Writer(db)
    stream = writer.add_stream(COLUMNS | {"model": "lone \ud800"})
    finding = Finding("XX000", "x", Severity.NOTE, 0, "lone \ud800", evidence=[1])
    writer.set_findings(stream, [finding], rules="r", profile="p")
    writer.commit()
    with open_recording(db) as recording:
        assert recording.streams()[0].model == "lone ?"
    writer.close()


def test_a_commit_that_fails_can_be_tried_again(db: Path) -> None:
    writer = Writer(db, patience_s=0)
    stream = fill(writer)
    writer.set_stream(stream, {"note": "not yet"})
    with closing(sqlite3.connect(db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError):
            writer.commit()
    assert sql(db, "SELECT note FROM streams") == [(None,)]
    writer.commit()
    assert sql(db, "SELECT note FROM streams") == [("not yet",)]
    writer.close()


def test_a_second_writer_is_refused(db: Path) -> None:
    writer = Writer(db)
    script = f"from pathlib import Path; from responses_tap.store.writer import Writer; Writer(Path({str(db)!r}))"
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "is being written by another recorder; stop it" in other.stderr
    writer.close()
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def message(action: object) -> str:
    with pytest.raises(RecordingError) as caught:
        action()  # type: ignore[operator]
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_what_is_not_a_recording_is_refused(tmp_path: Path) -> None:
    missing, empty, notes, foreign = (tmp_path / name for name in ("missing", "empty", "notes", "foreign"))
    empty.touch()
    notes.write_text("some notes " * 500)
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    assert "does not exist" in message(lambda: open_recording(missing))
    assert "is a folder" in message(lambda: open_recording(tmp_path))
    assert "is not a responses-tap recording (empty)" in message(lambda: open_recording(empty))
    for path in (notes, foreign):
        before = path.read_bytes()
        assert f"{path} is not a responses-tap recording" in message(lambda path=path: open_recording(path))
        assert f"{path} is not a responses-tap recording" in message(lambda path=path: Writer(path))
        assert path.read_bytes() == before
    assert "cannot write" in message(lambda: Writer(notes / "below" / "r.db"))
    assert "is a folder" in message(lambda: Writer(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "Permission denied" in message(lambda: Writer(tmp_path / "r.db"))


def test_a_newer_schema_is_refused(db: Path) -> None:
    Writer(db).close()
    with closing(sqlite3.connect(db)) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('responses-tap', 'm999_future', '')"
        )
        connection.commit()
    for attempt in (lambda: open_recording(db), lambda: Writer(db)):
        assert "written by a newer responses-tap (schema m999_future); upgrade" in message(attempt)


def test_a_damaged_file_is_named(db: Path) -> None:
    writer = Writer(db)
    stream = fill(writer)
    for n in range(7, 4000):
        writer.add_event(EventRow(stream, n, n, n, n, "t", n, None, None, None, None, 0, b"x" * 100))
    writer.commit()
    writer.close()
    with db.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xa5" * 40 * 4096)
    with open_recording(db) as recording:
        assert f"{db} cannot be read" in message(lambda: recording.body(stream))


@given(damage=st.data())
def test_whatever_is_damaged_the_file_is_named(damage: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        db = Path(folder) / "r.db"
        writer = Writer(db)
        stream = fill(writer)
        writer.commit()
        writer.close()
        start = damage.draw(st.integers(0, db.stat().st_size - 1))
        with db.open("r+b") as file:
            file.seek(start)
            file.write(damage.draw(st.binary(min_size=1, max_size=64)) * damage.draw(st.sampled_from([1, 64])))
        try:
            with open_recording(db) as recording:
                recording.streams(limit=10)
                recording.stream(stream)
                recording.events(stream)
                recording.findings(stream)
                recording.body(stream)
        except RecordingError as error:
            assert str(db) in str(error)  # noqa: PT017 (not all that is in a file is needed)


def test_the_schema_has_one_name_a_step() -> None:
    names = [migration.name for migration in migrations._migrations]
    assert names == sorted(names)
    assert names[0] == "m001_initial"


def test_a_file_of_an_older_version_is_read_as_it_is_and_migrated_by_a_writer(db: Path) -> None:
    db.parent.mkdir()
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        migrations.apply(Database(connection), stop_before="m002_sockets")
        names = ", ".join(COLUMNS)
        marks = ", ".join("?" * len(COLUMNS))
        connection.execute(f"INSERT INTO streams ({names}) VALUES ({marks})", tuple(COLUMNS.values()))
        raw = FRAMES[0]
        connection.execute(
            "INSERT INTO events (stream, n, position, at_ns, chunk, type, raw) VALUES (1, 0, 0, 0, 0, 'a', ?)", (raw,)
        )
    for _ in range(2):
        with open_recording(db) as recording:
            (row,) = recording.streams()
            assert (row.state, row.socket, row.retry_of) == ("open", None, None)
            assert recording.body(1) == raw
        Writer(db).close()
    assert sql(db, "SELECT socket, continues FROM streams") == [(None, None)]
    assert sql(db, "SELECT json_extract(data, '$.type') FROM event_data") == [("a",)]
