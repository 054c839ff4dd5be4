"""Parquet files are read like any other: a row a stream, or the events of our own archive."""

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.conftest import RECORDINGS, events_of

from responses_tap.formats import parquet as our_parquet
from responses_tap_viewer.cli import main

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

BROKEN = RECORDINGS / "broken/MD301-text-done-missing.sse"
CLEAN = RECORDINGS / "clean/text.sse"
SAMPLES = sorted(RECORDINGS.rglob("*.sse"))


def written(path: Path, *rows: dict[str, Any]) -> Path:
    parquet.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def codes(done: Result) -> list[list[str]]:
    return [[finding["code"] for finding in stream["findings"]] for stream in json.loads(done.stdout)["streams"]]


def test_a_row_is_a_stream(tmp_path: Path) -> None:
    file = written(tmp_path / "a.parquet", *({"source": path.name, "body": path.read_bytes()} for path in SAMPLES))
    done = run("check", "--format", "json", file)
    assert codes(done) == codes(run("check", "--format", "json", *SAMPLES))
    assert run("show", f"{file}#0").exit_code == 0


def test_events_are_a_stream_too(tmp_path: Path) -> None:
    events = [json.dumps(event) for event in events_of(BROKEN)]
    assert codes(run("check", "--format", "json", written(tmp_path / "a.parquet", {"events": events}))) == [["MD301"]]


def test_an_archive_is_checked_as_its_recording(tmp_path: Path) -> None:
    db, place = tmp_path / "tap.db", tmp_path / "set"
    run("import", "--db", db, RECORDINGS / "clean", BROKEN)
    export = ("export", "--filter", "id>0", db, "--format", "parquet", "--with-events", "--allow-text", "-o", place)
    assert run(*export).exit_code == 0
    archived = codes(run("check", "--format", "json", place))
    assert sorted(archived) == sorted(codes(run("check", "--format", "json", db)))


def test_a_row_that_cannot_be_read_is_named_and_the_others_are_checked(tmp_path: Path) -> None:
    rows = [
        {"source": "a", "body": b"<html>"},
        {"source": None, "body": None},
        {"source": "c", "body": BROKEN.read_bytes()},
    ]
    done = run("check", "--format", "json", written(tmp_path / "a.parquet", *rows))
    assert (done.exit_code, codes(done)) == (2, [["MD301"]])
    assert [error["message"] for error in json.loads(done.stdout)["errors"]] == [
        "a is HTML or XML, an error page perhaps; expected an event stream (`data: {…}` lines)",
        "row 1 has neither `body` nor `events`",
    ]


def test_what_is_no_table_of_streams_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = written(tmp_path / "a.parquet", {"body": CLEAN.read_bytes()})
    cases = {
        "without a column `body` or `events`; it has x": written(tmp_path / "b.parquet", {"x": 1}),
        "is Parquet that is damaged": tmp_path / "c.parquet",
    }
    (tmp_path / "c.parquet").write_bytes(whole.read_bytes()[:-9])
    for says, file in cases.items():
        done = run("check", file)
        assert (done.exit_code, says in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
    monkeypatch.setattr(our_parquet, "_MOST_ROWS", 0)
    assert "is Parquet with 1 rows" in run("check", whole).stderr
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'responses-tap-core[arrow]'" in run("check", whole).stderr


def test_whatever_is_damaged_gives_no_traceback(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.parquet", *({"source": "s", "body": path.read_bytes()} for path in SAMPLES[:9]))
    content, rnd = whole.read_bytes(), random.Random(1)
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(rnd.choice((1, 2, 30))):
            damaged[rnd.randrange(4, len(damaged))] = rnd.randrange(256)
        (tmp_path / "b.parquet").write_bytes(damaged)
        done = run("check", tmp_path / "b.parquet")
        assert done.exit_code in (0, 1, 2)
        assert "internal error" not in done.stderr, done.stderr
