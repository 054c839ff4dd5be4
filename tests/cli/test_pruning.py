"""The commands about a recording as a whole: selecting streams, removing some, filling it."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copy

import pytest
from click.testing import CliRunner, Result

from responses_tap.store import open_recording
from responses_tap.store.writer import Writer
from responses_tap_viewer.actions.recording.known_clients import CLIENTS
from responses_tap_viewer.actions.recording.samples import record_samples
from responses_tap_viewer.cli import main

_TABLES = ("streams", "chunks", "events", "tails", "findings", "verdicts")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("removing") / "demo.db"
    record_samples(db)
    return db


@pytest.fixture
def recording(recorded: Path, tmp_path: Path) -> Path:
    """The demo's recording: stream 2 is the seed, 6 was cut."""
    return Path(copy(recorded, tmp_path / "demo.db"))


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def ids(db: Path) -> list[int]:
    with open_recording(db) as recording:
        return recording.stream_ids()


def owners(db: Path) -> set[int]:
    """The streams that any row of any table belongs to."""
    with closing(sqlite3.connect(db)) as connection:
        names = [("id" if table == "streams" else "stream", table) for table in _TABLES]
        return {row[0] for column, table in names for row in connection.execute(f"SELECT {column} FROM {table}")}


def test_list_shows_what_matches_the_filter(recording: Path) -> None:
    result = run("list", recording, "--filter", "code:MD301 -state:truncated", "--format", "json")
    assert result.exit_code == 0, result.stderr
    assert 2 in [stream["id"] for stream in json.loads(result.stdout)]
    assert 6 not in [stream["id"] for stream in json.loads(result.stdout)]
    listed = run("list", recording, "--filter", "id:2,6", "--format", "json")
    assert [stream["id"] for stream in json.loads(listed.stdout)] == [2, 6]
    assert run("list", recording, "--filter", "model:nobody").exit_code == 0


def test_a_filter_that_cannot_be_read_is_wrong_usage(recording: Path) -> None:
    for command in (["list", str(recording)], ["export"]):
        result = run(*command, "--filter", "errors>many")
        assert result.exit_code == 2
        assert "'errors>many': at character 8: expected a number for errors" in result.stderr


def test_export_takes_a_filter_in_place_of_streams(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("export", recording, "--filter", "id:2,6", "--format", "json")
    assert [stream["id"] for stream in json.loads(result.stdout)["streams"]] == [2, 6]
    monkeypatch.setenv("RESPONSES_TAP_DB", str(recording))
    assert run("export", "--filter", "id:2").stdout == run("export", "2").stdout
    nothing = run("export", "--filter", "model:nobody")
    assert nothing.exit_code == 2
    assert nothing.stderr == "responses-tap: no stream matches model:nobody; `responses-tap list` lists the streams\n"
    assert "name streams, or select them with --filter or --all" in run("export").stderr


def test_rm_removes_all_of_a_stream_and_gives_the_space_back(recording: Path) -> None:
    before, others = recording.stat().st_size, ids(recording)
    assert owners(recording) == set(others)
    result = run("rm", f"{recording}#2", f"{recording}#3", f"{recording}#2")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"{recording}: 2 streams removed (2, 3), ")
    others = [stream for stream in others if stream not in (2, 3)]
    assert ids(recording) == others
    assert owners(recording) == set(others)
    assert recording.stat().st_size < before
    assert run("check", recording).exit_code in (0, 1)


def test_rm_of_everything_leaves_nothing_of_it_in_the_file(recording: Path) -> None:
    last = ids(recording)[-1]
    assert b"output_text.delta" in recording.read_bytes()
    assert run("rm", *(f"{recording}#{stream}" for stream in ids(recording))).exit_code == 0
    assert b"output_text.delta" not in recording.read_bytes()
    assert not Path(f"{recording}-wal").exists()
    writer = Writer(recording)
    stream = writer.add_stream({})
    writer.close()
    assert stream == last + 1  # an id means one stream for ever


def test_rm_removes_nothing_if_a_name_is_wrong(recording: Path, tmp_path: Path) -> None:
    before = ids(recording)
    for name, words in (
        (f"{recording}#99", "has no stream 99; nothing was removed"),
        (f"{tmp_path}/no.db#1", "does not exist"),
        (str(recording), "is not a stream of a recording"),
        ("#3", "is not a stream of a recording"),
    ):
        result = run("rm", f"{recording}#2", name)
        assert result.exit_code == 2
        assert words in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert ids(recording) == before
    assert not (tmp_path / "no.db").exists()


def test_rm_and_prune_refuse_while_a_recorder_writes(recording: Path, tmp_path: Path) -> None:
    hold = (
        "import sys, pathlib; from responses_tap.store.writer import Writer;"
        "w = Writer(pathlib.Path(sys.argv[1])); print('ready', flush=True); sys.stdin.read()"
    )
    before = ids(recording)
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(recording)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as recorder:
        assert recorder.stdout.readline() == b"ready\n"
        for arguments in (["rm", f"{recording}#2"], ["prune", str(recording), "--keep", "1"]):
            result = run(*arguments)
            assert result.exit_code == 2
            assert "is being written by another recorder" in result.stderr
        assert run("prune", recording, "--keep", "1", "--dry-run").exit_code == 0
        recorder.stdin.close()
    assert ids(recording) == before


def age(db: Path, ages: dict[int, timedelta]) -> None:
    with closing(sqlite3.connect(db)) as connection:
        for stream, old in ages.items():
            began = (datetime.now(UTC) - old).isoformat(timespec="microseconds")
            connection.execute("UPDATE streams SET started_at = ? WHERE id = ?", (began, stream))
        connection.commit()


def test_prune_removes_what_is_older_and_keeps_the_newest(recording: Path) -> None:
    everything = ids(recording)
    age(recording, {1: timedelta(days=8), 2: timedelta(days=6), everything[-1]: timedelta(days=9)})
    result = run("prune", recording, "--older", "7d", "--keep", "1", "--dry-run")
    assert result.stdout == f"{recording}: 1 stream would be removed (1)\n"
    assert ids(recording) == everything
    assert run("prune", recording, "--older", "7d", "--keep", "1").stdout.startswith(
        f"{recording}: 1 stream removed (1)"
    )
    assert ids(recording) == everything[1:]
    run("prune", recording, "--older", "30m")
    assert ids(recording) == everything[2:-1]
    run("prune", recording, "--keep", "2")
    assert ids(recording) == everything[-3:-1]
    assert run("prune", recording, "--keep", "2").stdout == f"{recording}: no streams are that old\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "specify --older AGE, --keep N, or both"),
        (["--older", "soon"], "invalid duration 'soon' (use 7d, 12h, 30m)"),
        (["--older", "7"], "invalid duration '7'"),
        (["--keep", "-1"], "--keep"),
    ],
)
def test_prune_says_which_option_it_needs(recording: Path, arguments: list[str], words: str) -> None:
    result = run("prune", recording, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_very_great_age_is_fine(recording: Path) -> None:
    assert run("prune", recording, "--older", "9" * 30 + "d").exit_code == 0


def test_clients_are_listed_and_each_has_a_page() -> None:
    listed = run("clients").stdout
    for name, client in CLIENTS.items():
        assert f"\n{listed}".count(f"\n{name} ") == 1
        page = run("clients", name).stdout
        assert page.startswith(f"{client.title}\n")
        assert "http://127.0.0.1:8090/v1" in page
        assert "{url}" not in page
        assert "{{" not in page
    assert 'wire_api = "responses"' in run("clients", "Codex CLI").stdout
    assert run("clients", "vercel").stdout.startswith("Vercel AI SDK")


def test_an_unknown_or_ambiguous_client_is_wrong_usage() -> None:
    for name in ("nobody", "openai"):
        result = run("clients", name)
        assert result.exit_code == 2
        assert f"unknown client {name!r}" in result.stderr
