"""Wherever streams are checked, the findings are the same, in the same order, under the same names."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.conftest import RECORDINGS

from responses_tap_viewer.checking import units
from responses_tap_viewer.cli import main

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
fsspec = pytest.importorskip("fsspec")

BROKEN = RECORDINGS / "broken/MD301-text-done-missing.sse"
CLEAN = RECORDINGS / "clean/text.sse"
SAMPLES = sorted(RECORDINGS.rglob("*.sse"))
ENGINES = [
    "local",
    pytest.param("daft", marks=pytest.mark.skipif(importlib.util.find_spec("daft") is None, reason="needs daft")),
]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A folder of Parquet files: one with many row groups, one with a row that can't be read, one that is damaged."""
    rows = [{"source": path.name, "body": path.read_bytes()} for path in SAMPLES]
    folder = tmp_path / "fleet"
    folder.mkdir()
    parquet.write_table(pa.Table.from_pylist(rows), folder / "a.parquet", row_group_size=7)
    rows[1]["body"] = b"<html>"
    parquet.write_table(pa.Table.from_pylist(rows[:3]), folder / "b.parquet")
    (folder / "c.parquet").write_bytes((folder / "a.parquet").read_bytes()[:-9])
    (folder / "d.sse").write_bytes(BROKEN.read_bytes())
    return folder


SMALL_PIECES = """if True:
    from responses_tap_viewer.checking import engines, units
    engines._MUCH_BYTES, engines._MOST_UNITS, units.PART_BYTES, units._SMALL_BYTES = 1, 2, 30_000, 0
    from responses_tap_viewer.cli import main
    main()
"""
"""The program, with so little to a process that all have something to do."""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("format_", ["json", "text", "junit", "sarif", "github"])
def test_the_findings_are_those_of_one_process(fleet: Path, engine: str, format_: str) -> None:
    if engine == "daft" and format_ != "json":
        pytest.skip("the formats don't know the engine")
    arguments = ["check", str(fleet), "--format", format_]
    alone, spread = (
        subprocess.run(command, capture_output=True, text=True, check=False)
        for command in (
            [sys.executable, "-m", "responses_tap_viewer", *arguments],
            [sys.executable, "-c", SMALL_PIECES, *arguments, "--engine", engine],
        )
    )
    assert alone.returncode == 2
    assert (spread.stdout, spread.stderr, spread.returncode) == (alone.stdout, alone.stderr, alone.returncode)


def test_the_streams_of_a_file_are_counted_through(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "PART_BYTES", 30_000)
    monkeypatch.setattr(units, "_SMALL_BYTES", 0)
    assert sum(1 for unit in units.units_below([str(fleet)]) if unit.groups) > 5
    streams = json.loads(run(fleet / "a.parquet", "--format", "json").stdout)["streams"]
    assert [stream["index"] for stream in streams] == list(range(len(streams)))
    assert len(streams) > len(SAMPLES)


def test_statistics_count_by_rule_host_model_and_day(tmp_path: Path) -> None:
    rows = [
        {"body": body.read_bytes(), "url": f"https://{host}/v1/responses", "started_at": f"2026-11-0{day}T10:00:00Z"}
        for body, host, day in ((CLEAN, "a.example", 1), (BROKEN, "a.example", 2), (BROKEN, "b.example", 2))
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    said = run(tmp_path / "a.parquet", "--statistics").stdout
    assert "     2  MD301 text-done-missing  in 2 streams\nBy host:\n" in said
    assert "     2  a.example, 1 (50.0%) with errors\n     1  b.example, 1 (100.0%) with errors\nBy model:\n" in said
    assert (
        "     3  sample-1, 2 (66.7%) with errors\nBy day:\n     1  2026-11-01\n     2  2026-11-02, 2 (100.0%)" in said
    )


def test_a_dataset_is_counted_by_its_partitions(tmp_path: Path) -> None:
    db, place = tmp_path / "tap.db", tmp_path / "set"
    CliRunner().invoke(main, ["import", "--db", str(db), str(BROKEN)])
    export = ["export", f"{db}#1", "--format", "parquet", "--allow-text", "-o", str(place)]
    assert CliRunner().invoke(main, export).exit_code == 0
    bare = run(place)
    assert (bare.exit_code, "is a dataset without events" in bare.stderr, bare.stderr.count("\n")) == (2, True, 1)
    CliRunner().invoke(main, [*export[:-1], str(tmp_path / "whole"), "--with-events"])
    said = run(tmp_path / "whole", "--statistics")
    assert "By host:\n     1  unknown, 1 (100.0%)" in said.stdout
    assert said.stderr == ""


def test_a_url_is_read_where_it_is() -> None:
    fs = fsspec.filesystem("memory")
    with fs.open("/fleet/day=2026-11-02/host=a.example/x.parquet", "wb") as file:
        parquet.write_table(pa.Table.from_pylist([{"body": BROKEN.read_bytes()}]), file)
    for url in (
        "memory://fleet",
        "memory://fleet/day=*/*/*.parquet",
        "memory://fleet/day=2026-11-02/host=a.example/x.parquet",
    ):
        done = run(url, "--statistics")
        assert (done.exit_code, "MD301" in done.stdout, "a.example, 1" in done.stdout) == (1, True, True), done.stderr
    fs.rm("/fleet", recursive=True)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("memory://nothing/*.parquet", "holds no Parquet file"),
        ("memory://nowhere/a.parquet", "cannot be read"),
        ("nosuch://bucket/a", "cannot be read"),
        ("nowhere/*.parquet", "holds no Parquet file"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_the_rest_is_checked(path: str, says: str) -> None:
    done = run(path, BROKEN, "--format", "json")
    assert (done.exit_code, says in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
    report = json.loads(done.stdout)
    assert ([error["source"] for error in report["errors"]], len(report["streams"])) == ([path], 1)


def test_an_engine_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "daft", None)
    done = run(BROKEN, "--engine", "daft")
    assert (done.exit_code, "--engine daft needs the extra: pip install 'responses-tap[daft]'" in done.stderr) == (
        2,
        True,
    )


@pytest.mark.skipif(importlib.util.find_spec("daft") is None, reason="needs daft")
@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Daft could start a cluster")
def test_a_cluster_that_cannot_be_used_is_one_line() -> None:
    command = [sys.executable, "-m", "responses_tap_viewer", "check", str(BROKEN), "--engine", "daft"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | {"DAFT_RUNNER": "ray"})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "--engine daft can't run the check (ModuleNotFoundError: No module named 'ray')" in done.stderr


def test_many_small_files_are_checked(tmp_path: Path) -> None:
    parquet.write_table(pa.Table.from_pylist([{"body": CLEAN.read_bytes()}]), tmp_path / "0.parquet")
    for n in range(1, 2000):
        os.link(tmp_path / "0.parquet", tmp_path / f"{n}.parquet")
    assert "in 2000 streams" in run(tmp_path).stdout
