"""The one table of columns: the file agrees with it, as do filters, lists, exports and redaction."""

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
from sqlite_utils import Database
from tests.conftest import CLEAN
from tests.crafting import put

from responses_tap.errors import RecordingError
from responses_tap.privacy.leaks import find_leaks, masked
from responses_tap.privacy.redaction import Redaction, redacted
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.store import open_recording
from responses_tap.store.migrations import migrations
from responses_tap.store.narrowing import narrow
from responses_tap.store.writer import Writer
from responses_tap.stream.columns import COLUMNS, StreamRow
from responses_tap.stream.filters import FIELDS, Filter, Term, parse
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


def test_a_trace_has_what_is_traced_and_restores_what_is_carried(recording: Path, tmp_path: Path) -> None:
    carried = [column.name for column in COLUMNS.values() if column.carried]
    assert carried == ["mark", "note"]
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


_WRITABLE = {
    "url", "request_headers", "request_body", "response_headers", "response_body", "end_reason", "mark", "note"
}  # fmt: skip
"""The columns with content from outside."""


@pytest.mark.parametrize("name", sorted(_WRITABLE | {column.name for column in COLUMNS.values() if column.words}))
def test_secrets_and_personal_data_are_found_in_all_outside_content(recording: Path, name: str) -> None:
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


def test_structure_only_has_nothing_private(recording: Path) -> None:
    stream = find_stream(str(recording))
    assert stream.row is not None
    texts = [column.name for column in COLUMNS.values() if column.sql.startswith("TEXT")]
    texts = [name for name in texts if name != "started_at" and not COLUMNS[name].is_headers]
    told = dict.fromkeys(texts, "Jane") | {"input_tokens": 4711, "request_body": '{"input":"Jane"}'}
    stream.row = replace(stream.row, **told)  # type: ignore[arg-type]
    left = redacted(stream, Redaction.STRUCTURE).row
    assert "Jane" not in repr(left)
    assert "4711" not in repr(left)


_STEPS = [migration.name for migration in migrations._migrations]


@pytest.mark.parametrize("step", _STEPS[1:])
def test_a_file_from_before_a_column_is_read_without_it(tmp_path: Path, step: str) -> None:
    file = tmp_path / "a.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        migrations.apply(Database(connection), stop_before=step)
        there = {row[0] for row in connection.execute("SELECT name FROM pragma_table_info('streams')")}
        columns = _NEEDED | {"url": "u", "state": "completed"}
        marks = ", ".join("?" * len(columns))
        connection.execute(f"INSERT INTO streams ({', '.join(columns)}) VALUES ({marks})", tuple(columns.values()))
    with open_recording(file) as old:
        (row,) = old.streams()
        assert row.state == "completed"
        lacking = [column.name for column in COLUMNS.values() if column.sql and column.name not in there]
        assert [getattr(row, name) for name in lacking] == [None] * len(lacking)
        later = [column for column in COLUMNS.values() if column.since in _STEPS[_STEPS.index(step) :]]
        assert lacking == [column.name for column in later if column.sql]
        assert [getattr(row, column.name) for column in later] == [None] * len(later)
        assert old.facts(["id", *(column.name for column in later)], 2, 1) == [(1, *[None] * len(later))]
        assert old.matching(parse("-prompt:a -tool:a")) == [row]
        assert old.calls(1) == []


_TEXTS = st.sampled_from(
    ["", "a", "A", "k", "K", "\u212a", "aK", "a_", "ab", "a%", "ä", "Ä", "[a]", "a\0b", "\\", "a\nb", "ı"]
)
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
        "conversation": _STORED,
        "prompt": _STORED,
        "tools": st.none() | st.lists(_TEXTS, min_size=1, max_size=3).map(", ".join),
        "codes": st.lists(st.sampled_from(["MD301", "md", "NS201", "LC103"]), max_size=3),
    }
)
_GLOBS = st.sampled_from(["*", "md*", "*S", "a?", "?", "a*b", "_", "a_", "%", "a%", "[a]", "\\", "ß", "*\u212a"])
_FILTER_TEXTS = st.lists(_TEXTS.filter(bool) | _GLOBS, min_size=1, max_size=2)
_FILTER_NUMBERS = st.lists(st.sampled_from(["0", "1", "1.5", "2", "3", "9007199254740992", "9" * 400]), min_size=1)
_OPERATORS = st.sampled_from([":", "=", ">", "<", ">=", "<="])
_TERMS = st.one_of(
    st.builds(Term, st.just(""), st.just(""), _FILTER_TEXTS.map(tuple), st.booleans()),
    st.builds(
        Term,
        st.sampled_from([name for name, field in FIELDS.items() if field.is_stored and not field.is_number]),
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
_FILTERS = st.lists(_TERMS, min_size=1, max_size=3).map(lambda terms: Filter(tuple(terms)))


def _record(db: Path, rows: list[dict[str, Any]]) -> None:
    writer = Writer(db)
    for row in rows:
        columns = {name: value for name, value in row.items() if name != "codes"}
        stream = writer.add_stream(_NEEDED | columns)
        findings = [Finding(code, "a-rule", Severity.ERROR, None, "wrong") for code in row["codes"]]
        writer.set_findings(stream, findings, rules="1", profile="openai")
    writer.commit()
    writer.close()


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(_ROWS, min_size=1, max_size=12), filters=st.lists(_FILTERS, min_size=4, max_size=10))
def test_sql_and_python_agree_on_any_filter_over_any_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], filters: list[Filter]
) -> None:
    db = tmp_path_factory.mktemp("rows") / "a.db"
    _record(db, rows)
    with open_recording(db) as recording, closing(sqlite3.connect(db)) as connection:
        read, codes = recording.streams(), recording.codes(1, len(rows))
        for wanted in filters:
            expected = {row.id for row in read if wanted.matches(row, codes.get(row.id, ()))}
            assert [row.id for row in recording.matching(wanted)] == sorted(expected)
            from_ = "FROM streams s LEFT JOIN verdicts v ON v.stream = s.id"
            condition, values = narrow(wanted)
            found = {id_ for (id_,) in connection.execute(f"SELECT s.id {from_} WHERE {condition}", values)}
            assert found >= expected
            plain = {n for n, row in enumerate(rows, 1) if all(map(_is_plain, row.values()))}
            few = all(len(term.values) <= 16 for term in wanted.terms)
            if few and all(_is_plain(value) for term in wanted.terms for value in term.values):
                assert found & plain == expected & plain, "SQL alone decides where all is ASCII"


def _is_plain(value: object) -> bool:
    return not isinstance(value, str) or (value.isascii() and "\0" not in value)


def test_a_filter_reports_a_damaged_stream_that_it_tests(recording: Path) -> None:
    with closing(sqlite3.connect(recording, isolation_level=None)) as connection:
        connection.execute("UPDATE streams SET event_count = -1")
    with open_recording(recording) as found:
        assert found.matching(Filter((Term("state", ":", ("completed",)),))) == []
        with pytest.raises(RecordingError, match="event_count"):
            found.require_whole()


def test_a_value_of_another_type_is_reported_by_every_filter(recording: Path) -> None:
    for column, value, asked in (("status", "many", "status>500"), ("model", b"\xff", "model:x")):
        put(recording, "streams", column, value)
        with open_recording(recording) as found:
            found.matching(parse(asked))
            with pytest.raises(RecordingError, match=column):
                found.require_whole()
        put(recording, "streams", column, None)
