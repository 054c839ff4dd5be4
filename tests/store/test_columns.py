"""The one table of columns: the file has what it says, and filters, lists, exports and redaction keep to it."""

import json
import sqlite3
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import CLEAN

from responses_tap.errors import RecordingError
from responses_tap.privacy.leaks import find_leaks, masked
from responses_tap.privacy.redaction import Content, redacted
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.store import open_recording
from responses_tap.store.narrowing import narrow
from responses_tap.store.writer import Writer
from responses_tap.stream.columns import COLUMNS, StreamRow
from responses_tap.stream.filters import FIELDS, Filter, Term
from responses_tap_viewer.actions.departure import personal_data
from responses_tap_viewer.cli import main
from responses_tap_viewer.importing import import_paths
from responses_tap_viewer.streams import find_stream

_KEY = "sk-proj-T3BlbkFJabcdefghijklmnopqrstuvwxyz0123456789ABCD"
_ADDRESS = "jane.roe@mailbox.org"
_NEEDED = {"host": "h", "route": "sse", "http_version": "", "request_headers": "[]", "started_at": "", "method": ""}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    db = tmp_path / "a.db"
    assert all(isinstance(line, str) for line in import_paths([str(CLEAN[0])], db))
    return db


def test_it_is_the_newest_schema(recording: Path) -> None:
    with closing(sqlite3.connect(recording)) as connection:
        found = connection.execute("SELECT name, type, \"notnull\" FROM pragma_table_info('streams')").fetchall()
    stored = {name: type_ + " NOT NULL" * needed for name, type_, needed in found}
    assert stored == {column.name: column.sql for column in COLUMNS.values() if column.sql}
    assert list(COLUMNS) == [field.name for field in fields(StreamRow)]


def test_the_list_has_what_is_listed(recording: Path) -> None:
    (row,) = json.loads(CliRunner().invoke(main, ["list", str(recording), "--format", "json"]).stdout)
    assert set(row) == {column.listed for column in COLUMNS.values() if column.listed}


def test_a_trace_has_what_is_traced_and_brings_back_what_is_carried(recording: Path, tmp_path: Path) -> None:
    carried = [column.name for column in COLUMNS.values() if column.carried]
    writer = Writer(recording)
    writer.set_stream(1, {name: f"my {name}" for name in carried})
    writer.commit()
    writer.close()
    for format_ in ("json", "har"):
        file, back = tmp_path / format_, tmp_path / f"{format_}.db"
        CliRunner().invoke(main, ["export", f"{recording}#1", "--format", format_, "-o", str(file)])
        if format_ == "json":
            (stream,) = json.loads(file.read_text())["streams"]
            for column in COLUMNS.values():
                *groups, name = column.trace.split(".")
                assert not column.trace or name in (stream[groups[0]] if groups else stream), column
        assert all(isinstance(line, str) for line in import_paths([str(file)], back))
        row = find_stream(str(back)).row
        assert {name: getattr(row, name) for name in carried} == {name: f"my {name}" for name in carried}


@pytest.mark.parametrize("name", [column.name for column in COLUMNS.values() if column.words])
def test_secrets_and_personal_data_are_found_wherever_anybody_may_have_written(recording: Path, name: str) -> None:
    stream = find_stream(str(recording))
    assert stream.row is not None
    for text, found in ((_KEY, lambda: [leak.place for leak in find_leaks(stream)]),
                        (_ADDRESS, lambda: [datum.place for datum in personal_data(stream)])):  # fmt: skip
        value: Any = f"it is {text} here"
        if name == "url":
            value = f"http://h/{text}"
        elif name.endswith("_headers"):
            value = (("x-trace-id", text),)
        elif name == "response_body":
            value = value.encode()
        stream.row = replace(stream.row, **{name: value})
        assert [place for place in found() if place.startswith(COLUMNS[name].words)]
        if text == _KEY:
            assert _KEY not in repr(masked(stream).row)
            assert not list(find_leaks(masked(stream)))


def test_structure_alone_has_nothing_private(recording: Path) -> None:
    stream = find_stream(str(recording))
    assert stream.row is not None
    private = [column for column in COLUMNS.values() if column.private]
    texts = {column.name: "Jane" for column in private if not (column.is_headers or column.is_body or column.is_number)}
    stream.row = replace(stream.row, **texts, input_tokens=4711, request_body='{"input":"Jane"}')  # type: ignore[arg-type]
    left = redacted(stream, Content.STRUCTURE).row
    assert "Jane" not in repr(left)
    assert "4711" not in repr(left)


def test_a_file_of_before_a_column_is_read_without_it(recording: Path) -> None:
    later = [column for column in COLUMNS.values() if column.since]
    with closing(sqlite3.connect(recording, isolation_level=None)) as connection:
        steps = [row[0] for row in connection.execute("SELECT name FROM _sqlite_migrations ORDER BY rowid")]
        first = min(steps.index(column.since) for column in later)
        for step in steps[first:]:
            connection.execute("DELETE FROM _sqlite_migrations WHERE name = ?", (step,))
        connection.execute("DROP INDEX streams_socket")
        for view in ("violations", "event_data", "timeline"):
            connection.execute(f"DROP VIEW IF EXISTS {view}")
        for column in later:
            connection.execute(f"ALTER TABLE streams DROP COLUMN {column.name}")
    with open_recording(recording) as old:
        (row,) = old.streams()
        assert row.state == "completed"
        assert [getattr(row, column.name) for column in later] == [None] * len(later)


_TEXTS = st.text(alphabet="aAkKsS-_%*?\\.[]{} 0İıſKäß\0\n", max_size=6)
_STORED = st.none() | _TEXTS
_NUMBERS = st.none() | st.integers(0, 3) | st.sampled_from([10**9, 1_500_000_000, 2**53, 2**53 - 1, -1, 10**18])
_ROWS = st.fixed_dictionaries(
    {
        "model": _STORED,
        "url": _TEXTS,
        "host": _TEXTS,
        "route": st.sampled_from(["sse", "websocket"]),
        "status": _NUMBERS,
        "state": _TEXTS,
        "ended_by": _STORED,
        "response_id": _STORED,
        "first_byte_ns": _NUMBERS,
        "end_ns": _NUMBERS,
        "event_count": st.none() | st.integers(0, 3),
        "codes": st.lists(st.sampled_from(["MD301", "md", "NS201", "LC103"]), max_size=3),
    }
)
_FILTER_TEXTS = st.lists(_TEXTS.filter(bool) | st.sampled_from(["*", "md*", "*S", "a?"]), min_size=1, max_size=3)
_FILTER_NUMBERS = st.lists(st.sampled_from(["0", "1", "1.5", "2", "3", "9007199254740992", "9" * 400]), min_size=1)
_OPERATORS = st.sampled_from([":", "=", ">", "<", ">=", "<="])
_TERMS = st.one_of(
    st.builds(Term, st.just(""), st.just(""), _FILTER_TEXTS.map(tuple), st.booleans()),
    st.builds(
        Term,
        st.sampled_from([name for name, field in FIELDS.items() if not field.is_number]),
        st.just(":"),
        _FILTER_TEXTS.map(tuple),
        st.booleans(),
    ),
    st.builds(
        Term,
        st.sampled_from([name for name, field in FIELDS.items() if field.is_number]),
        _OPERATORS,
        _FILTER_NUMBERS.map(tuple),
        st.booleans(),
    ),
)
_FILTERS = st.lists(_TERMS, min_size=1, max_size=4).map(lambda terms: Filter(tuple(terms)))


def _record(db: Path, rows: list[dict[str, Any]]) -> None:
    writer = Writer(db)
    for row in rows:
        columns = {name: value for name, value in row.items() if name != "codes"}
        stream = writer.add_stream(_NEEDED | columns)
        findings = [Finding(code, "a-rule", Severity.ERROR, None, "wrong") for code in row["codes"]]
        writer.set_findings(stream, findings, rules="1", profile="openai")
    writer.commit()
    writer.close()


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(_ROWS, max_size=6), wanted=_FILTERS)
def test_sql_and_python_agree_on_any_filter_over_any_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], wanted: Filter
) -> None:
    db = tmp_path_factory.mktemp("rows") / "a.db"
    _record(db, rows)
    with open_recording(db) as recording:
        all_ = recording.streams()
        codes = recording.codes(1, len(rows)) if rows else {}
        expected = [row.id for row in all_ if wanted.matches(row, codes.get(row.id, ()))]
        assert [row.id for row in recording.matching(wanted)] == expected
        texts = [value for row in rows for value in row.values() if isinstance(value, str)]
        if all(text.isascii() and "\0" not in text for text in (*texts, *(v for t in wanted.terms for v in t.values))):
            condition, values = narrow(wanted)
            with closing(sqlite3.connect(db)) as connection:
                from_ = "FROM streams s LEFT JOIN verdicts v ON v.stream = s.id"
                found = connection.execute(f"SELECT s.id {from_} WHERE {condition} ORDER BY s.id", values).fetchall()
            assert [id_ for (id_,) in found] == expected, "SQL alone decides where all is ASCII"


def test_a_filter_reads_a_damaged_stream_that_it_asks_about(recording: Path) -> None:
    with closing(sqlite3.connect(recording, isolation_level=None)) as connection:
        connection.execute("UPDATE streams SET event_count = -1")
    with open_recording(recording) as found:
        assert found.matching(Filter((Term("state", ":", ("completed",)),))) == []
        with pytest.raises(RecordingError, match="event_count"):
            found.require_whole()
