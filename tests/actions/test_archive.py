"""A Parquet dataset has each stream once, with its findings, and no more than was asked for."""

import itertools
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.conftest import RECORDINGS
from tests.dying import DIES

from responses_tap_viewer.cli import main

pa = pytest.importorskip("pyarrow")
arrow = pytest.importorskip("pyarrow.dataset")
parquet = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("fsspec")

README = (RECORDINGS.parent / "viewer/README.md").read_text()
SAMPLES = [RECORDINGS / "clean", RECORDINGS / "broken/MD301-text-done-missing.sse"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("archive") / "tap.db"
    done = CliRunner().invoke(main, ["import", "--db", str(db), *map(str, SAMPLES)])
    assert done.exit_code == 0, done.output
    return db


def export(recording: Path, place: Path | str, *options: str) -> Result:
    arguments = ["--filter", "id>0", str(recording), "--format", "parquet", "-o", str(place), *options]
    return CliRunner().invoke(main, ["export", *arguments])


def rows(place: Path, table: str) -> list[dict[str, Any]]:
    return arrow.dataset(place / table, partitioning="hive").to_table().to_pylist()


def tables(place: Path) -> set[str]:
    return {folder.name for folder in place.iterdir()}


def test_streams_and_findings_are_those_of_list_and_check(recording: Path, tmp_path: Path) -> None:
    assert export(recording, tmp_path / "set").exit_code == 0
    listed = json.loads(CliRunner().invoke(main, ["list", str(recording), "--format", "json"]).stdout)
    streams = {row["id"]: row for row in rows(tmp_path / "set", "streams")}
    assert {id_: (row["model"], row["state"], row["event_count"], row["errors"]) for id_, row in streams.items()} == {
        row["id"]: (row["model"], row["state"], row["events"], row["error"]) for row in listed
    }
    checked = json.loads(CliRunner().invoke(main, ["check", str(recording), "--format", "json"]).stdout)["streams"]
    found = sorted((row["stream"], row["code"], row["position"]) for row in rows(tmp_path / "set", "findings"))
    assert found == sorted(
        (streams[stream["id"]]["stream"], finding["code"], finding["position"])
        for stream in checked
        for finding in stream["findings"]
    )
    assert found


def test_no_stream_is_there_twice(recording: Path, tmp_path: Path) -> None:
    place = tmp_path / "set"
    export(recording, place)
    CliRunner().invoke(main, ["export", f"{recording}#1", f"{recording}#2", "--format", "parquet", "-o", str(place)])
    again = export(recording, place)
    assert "Added 0 streams" in again.stderr
    keys = [row["stream"] for row in rows(place, "streams")]
    assert len(keys) == len(set(keys)) > 2


def test_another_recording_of_the_same_streams_adds_none(recording: Path, tmp_path: Path) -> None:
    export(recording, tmp_path / "set")
    CliRunner().invoke(main, ["import", "--db", str(tmp_path / "other.db"), *map(str, SAMPLES)])
    assert "Added 0 streams" in export(tmp_path / "other.db", tmp_path / "set").stderr


KILLED = f"""if True:
    import os, sys, signal
    from responses_tap_viewer.archive.dataset import Dataset
    from responses_tap_viewer.cli import main
    left = [int(sys.argv.pop(1))]
{DIES}
    main()
"""
"""The program, killed once it has written as many files as its first argument says."""


@pytest.mark.parametrize("options", [[], ["--with-events"]], ids=["bare", "with events"])
@pytest.mark.parametrize("first", ["id>0", "id<4", "errors>0"], ids=["the same", "fewer", "others"])
def test_a_killed_export_is_completed_by_the_next(
    recording: Path, tmp_path: Path, options: list[str], first: str
) -> None:
    whole = tmp_path / "whole"
    export(recording, whole, *options)
    parts = 2 + 2 * len(options)
    arguments = ["export", "--filter", first, str(recording), "--format", "parquet", *options, "-o"]
    for n in range(1, parts + 1):
        place = tmp_path / str(n)
        done = subprocess.run([sys.executable, "-c", KILLED, str(n), *arguments, place], check=False)
        assert done.returncode == -signal.SIGKILL
        assert export(recording, place, *options).exit_code == 0
        for table in tables(whole):
            assert sorted(map(repr, rows(place, table))) == sorted(map(repr, rows(whole, table)))


def test_without_events_no_text_leaves(recording: Path, tmp_path: Path) -> None:
    export(recording, tmp_path / "bare")
    assert tables(tmp_path / "bare") == {"streams", "findings"}
    export(recording, tmp_path / "whole", "--with-events")
    export(recording, tmp_path / "structure", "--with-events", "--structure-only")
    said = {name: repr([rows(tmp_path / name, table) for table in tables(tmp_path / name)]) for name in _PLACES}
    assert {name: "Hello" in text for name, text in said.items()} == {"bare": False, "whole": True, "structure": False}


_PLACES = ("bare", "whole", "structure")


def test_the_events_are_the_body(recording: Path, tmp_path: Path) -> None:
    export(recording, tmp_path / "set", "--with-events")
    events = sorted(rows(tmp_path / "set", "events"), key=lambda row: (row["stream"], row["n"]))
    bodies = {b"".join(row["raw"] for row in body) for _, body in itertools.groupby(events, lambda row: row["stream"])}
    assert (RECORDINGS / "clean/text.sse").read_bytes() in bodies


def test_any_place_that_fsspec_knows_will_do(recording: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    assert export(recording, "memory://fleet/set").exit_code == 0
    assert fsspec.filesystem("memory").glob("/fleet/set/streams/day=*/host=*/*.parquet")


@pytest.mark.parametrize(
    ("place", "says"),
    [("nosuch://bucket/set", "can't be written to"), ("{tmp}/file/set", "can't be written to")],
)
def test_a_place_that_refuses_is_one_line(recording: Path, tmp_path: Path, place: str, says: str) -> None:
    (tmp_path / "file").write_text("")
    done = export(recording, place.format(tmp=tmp_path))
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert says in done.stderr


def test_a_part_of_something_else_is_refused_by_its_name(recording: Path, tmp_path: Path) -> None:
    export(recording, tmp_path / "set")
    (part, *_) = (tmp_path / "set/streams").rglob("*.parquet")
    parquet.write_table(pa.table({"x": [1]}), part)
    done = export(recording, tmp_path / "set")
    assert (done.exit_code, f"{part} isn't a part of this dataset" in done.stderr) == (2, True)
    part.write_bytes(b"PAR1 half")
    assert export(recording, tmp_path / "set").exit_code == 2


def test_what_it_needs_is_said(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "responses_tap_viewer.archive.dataset", None)
    done = export(recording, tmp_path / "set")
    assert (done.exit_code, "pip install 'responses-tap[archive]'" in done.stderr) == (2, True)
    nowhere = CliRunner().invoke(main, ["export", str(recording) + "#1", "--format", "parquet"])
    assert (nowhere.exit_code, "with -o" in nowhere.stderr) == (2, True)
    alone = CliRunner().invoke(main, ["export", str(recording) + "#1", "--with-events"])
    assert (alone.exit_code, "is for --format parquet" in alone.stderr) == (2, True)


@pytest.mark.parametrize("n", range(5))
def test_a_question_of_the_readme_is_answered(recording: Path, tmp_path: Path, n: int) -> None:
    duckdb = pytest.importorskip("duckdb")
    questions = re.findall(r"-- (.*?)\n(SELECT.*?);\n", README, re.DOTALL)
    assert len(questions) == 5
    export(recording, tmp_path / "set")
    answer = duckdb.connect().sql(questions[n][1].replace("DIR", str(tmp_path / "set"))).fetchall()
    expected = {0: "MD301", 1: "unknown", 2: "datetime.date", 3: "sample-1", 4: "tap.db"}
    assert expected[n] in repr(answer)


def test_a_clock_that_is_wrong_moves_a_stream_to_another_day_alone(tmp_path: Path) -> None:
    days = ("1970-01-01", "2026-11-02", "2106-02-07")
    for day in days:
        entry = {
            "startedDateTime": f"{day}T10:00:00Z",
            "time": 1,
            "request": {"method": "POST", "url": "https://a.example/v1/responses", "headers": [], "httpVersion": "1.1"},
            "response": {
                "status": 200,
                "headers": [{"name": "content-type", "value": "text/event-stream"}],
                "content": {"text": (RECORDINGS / "clean/text.sse").read_text()},
            },
        }
        (tmp_path / f"{day}.har").write_text(json.dumps({"log": {"version": "1.2", "entries": [entry]}}))
    hars = [str(tmp_path / f"{day}.har") for day in days]
    assert CliRunner().invoke(main, ["import", "--db", str(tmp_path / "tap.db"), *hars]).exit_code == 0
    for _ in range(2):
        assert export(tmp_path / "tap.db", tmp_path / "set").exit_code == 0
    assert sorted(
        row["day"]
        for row in arrow.dataset(tmp_path / "set/streams", partitioning=arrow.partitioning(flavor="hive"))
        .to_table()
        .to_pylist()
    ) == list(days)
