"""What is recorded is archived and sent meanwhile: each stream once, whatever is killed, and no traffic waits."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.conftest import RECORDINGS
from tests.dying import DIES

from responses_tap import open_recording
from responses_tap_viewer.actions.playback import Playback, playback
from responses_tap_viewer.actions.replay_server import ReplayServer
from responses_tap_viewer.cli import main
from responses_tap_viewer.streams import find_stream

arrow = pytest.importorskip("pyarrow.dataset")
pytest.importorskip("fsspec")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from tests.collector import Collector, attributes, collecting  # noqa: E402 (needs what may be missing)

MAIL = "ada.lovelace@example.org"
KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
CLIENT = """if True:
    import http.client, json, os, sys
    from urllib.parse import urlsplit
    base = urlsplit(os.environ["OPENAI_BASE_URL"])
    for path in sys.argv[1:]:
        connection = http.client.HTTPConnection(base.hostname, base.port)
        body = {"model": "m", "input": path, "stream": True}
        connection.request("POST", f"/{path}/v1/responses", json.dumps(body), {"Content-Type": "application/json"})
        print(len(connection.getresponse().read()))
"""
TEXT = (RECORDINGS / "clean/text.sse").read_bytes()


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    refusal = json.dumps({"error": {"message": f"the key {KEY} of {MAIL} is wrong"}}).encode()
    playbacks = {
        "/clean/": playback(find_stream(str(RECORDINGS / "clean/text.sse"))),
        "/broken/": playback(find_stream(str(RECORDINGS / "broken/MD301-text-done-missing.sse"))),
        "/mail/": Playback(
            200, (("Content-Type", "text/event-stream"),), ((0, TEXT.replace(b"Hello", MAIL.encode())),)
        ),
        "/refused/": Playback(401, (("Content-Type", "application/json"),), ((0, refusal),)),
    }
    with ReplayServer(playbacks) as server:
        yield server.url


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


def program(upstream: str, db: Path, *options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "responses_tap_viewer", "record", "--upstream", upstream, "--listen", "127.0.0.1:0"),
        *("--db", str(db), *options),
    ]


def record(upstream: str, db: Path, *options: str, paths: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    command = [*program(upstream, db, *options), "--", sys.executable, "-c", CLIENT, *paths]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def rows(place: Path, table: str) -> list[dict[str, Any]]:
    return arrow.dataset(place / table, partitioning="hive").to_table().to_pylist()


def exported(db: Path, place: Path, *options: str) -> Path:
    arguments = ["export", "--filter", "id>0", str(db), "--format", "parquet", "-o", str(place), *options]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.stderr
    return place


def same(one: Path, other: Path) -> bool:
    tables = {folder.name for folder in other.iterdir()}
    assert {folder.name for folder in one.iterdir()} == tables
    return all(sorted(map(repr, rows(one, table))) == sorted(map(repr, rows(other, table))) for table in tables)


def test_what_is_recorded_is_archived_and_sent(upstream: str, tmp_path: Path, collector: Collector) -> None:
    db, place = tmp_path / "tap.db", tmp_path / "set"
    options = ("--archive", str(place), "--otlp", collector.url)
    done = record(upstream, db, *options, paths=("clean", "broken", "broken"))
    assert f"Archived 3 streams to {place}" in done.stderr
    assert f"Sent 3 spans to {collector.url}\n" in done.stderr
    assert same(place, exported(db, tmp_path / "other"))
    again = record(upstream, db, *options, paths=("clean",))
    assert "Archived 1 stream" in again.stderr
    assert same(place, exported(db, tmp_path / "again"))
    assert len({span.span_id for span in collector.spans}) == len(collector.spans) == 4
    found = [attributes(event)["responses_tap.finding.code"] for span in collector.spans for event in span.events]
    assert found == ["MD301", "MD301"]


def test_metrics_are_those_of_the_conventions(upstream: str, tmp_path: Path, collector: Collector) -> None:
    record(upstream, tmp_path / "tap.db", "--otlp", collector.url, paths=("clean", "broken", "refused"))
    metrics = collector.metrics
    histograms = [metric for metric in metrics.values() if metric.HasField("histogram")]
    bounds = {
        point.explicit_bounds[i] for metric in histograms for point in metric.histogram.data_points for i in (0, -1)
    }
    assert (len(histograms), bounds) == (3, {0.01, 81.92})
    duration = metrics["gen_ai.client.operation.duration"]
    points = {attributes(point).get("error.type"): point for point in duration.histogram.data_points}
    assert (duration.unit, {error: point.count for error, point in points.items()}) == ("s", {None: 2, "401": 1})
    assert attributes(points[None])["gen_ai.request.model"] == "m"
    with open_recording(tmp_path / "tap.db") as recording:
        events = sum(row.event_count for row in recording.streams())
    counts = {
        name: sum(point.count for point in metrics[f"gen_ai.client.operation.{name}"].histogram.data_points)
        for name in ("time_to_first_chunk", "time_per_output_chunk")
    }
    assert counts == {"time_to_first_chunk": 2, "time_per_output_chunk": events - 2}
    findings = metrics["responses_tap.findings"].sum.data_points
    assert {attributes(point)["responses_tap.finding.code"]: point.as_int for point in findings} == {
        "MD301": 1,
        "TR907": 1,
    }


def test_a_collector_without_metrics_gets_the_spans(upstream: str, tmp_path: Path, collector: Collector) -> None:
    collector.refused = "/v1/metrics"
    done = record(upstream, tmp_path / "tap.db", "--otlp", collector.url, paths=("clean",))
    assert f"! {collector.url} takes no metrics (" in done.stderr
    assert f"Sent 1 span to {collector.url}" in done.stderr


def test_nothing_private_leaves_unattended(upstream: str, tmp_path: Path, collector: Collector) -> None:
    db, place = tmp_path / "tap.db", tmp_path / "set"
    options = ("--archive", str(place), "--with-events", "--otlp", collector.url)
    done = record(upstream, db, *options, paths=("mail", "refused", "clean"))
    assert "Archived 3 streams" in done.stderr, done.stderr
    archived = repr([rows(place, folder.name) for folder in place.iterdir()])
    assert not [word for word in (MAIL, KEY) if word in archived or word in repr(collector.requests)]
    assert "Hello" in archived  # whose stream has nothing that looks like personal data
    refused = CliRunner().invoke(main, ["export", f"{db}#2", "--format", "parquet", "--mask-secrets", "-o", str(place)])
    assert (refused.exit_code, "personal data" in refused.stderr) == (2, True)


def test_what_the_filter_leaves_out_is_not_archived(upstream: str, tmp_path: Path) -> None:
    options = ("--archive", str(tmp_path / "set"), "--only", "errors>0")
    record(upstream, tmp_path / "tap.db", *options, paths=("clean", "broken", "clean"))
    assert [row["errors"] for row in rows(tmp_path / "set", "streams")] == [1]


ARCHIVER = f"""if True:
    import os, signal, sys
    from pathlib import Path
    from responses_tap_viewer.actions.forwarding import archiving
    from responses_tap_viewer.actions.forwarding.following import RecordingFollower
    from responses_tap_viewer.archive.dataset import Dataset
    db, place, archiving._MOST_STREAMS, left = sys.argv[1], sys.argv[2], int(sys.argv[3]), [int(sys.argv[4])]
{DIES}
    archiving.Archiver(place, with_events=True, every_s=0).close(RecordingFollower([Path(db)]).ended())
"""
"""An archiver that writes files of so many streams, and is killed after so many files; never for 0."""


def test_an_archive_is_completed_wherever_it_was_killed(tmp_path: Path) -> None:
    db = tmp_path / "tap.db"
    files = [str(path) for path in sorted((RECORDINGS / "broken").glob("MD*.sse"))[:5]]
    assert CliRunner().invoke(main, ["import", "--db", str(db), *files]).exit_code == 0
    whole = exported(db, tmp_path / "whole", "--with-events")
    for n in (1, 2, 3, 4, 5, 8):
        place = tmp_path / str(n)
        died = subprocess.run([sys.executable, "-c", ARCHIVER, db, place, "2", str(n)], check=False)
        assert died.returncode == -signal.SIGKILL
        assert subprocess.run([sys.executable, "-c", ARCHIVER, db, place, "3", "0"], check=False).returncode == 0
        assert same(place, whole)


WAITS = """if True:
    import sys
    from responses_tap_viewer.archive.dataset import Dataset
    at_once = Dataset._put
    def waits(self, path, rows):
        Dataset._put = at_once
        print("writing", flush=True)
        sys.stdin.readline()
        at_once(self, path, rows)
    Dataset._put = waits
"""
"""Makes what follows wait for a line before it writes its first file."""
EXPORT = """
    from responses_tap_viewer.cli import main
    main(["export", "--filter", "id<3", sys.argv[1], "--format", "parquet", "--with-events", "-o", sys.argv[2]])
"""


@pytest.mark.parametrize("first", [ARCHIVER.removeprefix("if True:"), EXPORT], ids=["archiver", "export"])
@pytest.mark.parametrize("second", ["archiver", "export"])
def test_two_processes_at_once_add_no_stream_twice(
    tmp_path: Path, first: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_locks = pytest.importorskip("responses_tap_viewer.actions.file_locks")
    db, place = tmp_path / "tap.db", tmp_path / "set"
    files = [str(path) for path in sorted((RECORDINGS / "broken").glob("MD*.sse"))[:5]]
    assert CliRunner().invoke(main, ["import", "--db", str(db), *files]).exit_code == 0
    command = [sys.executable, "-c", WAITS + first, str(db), str(place), "2", "0"]
    sleep = file_locks.time.sleep
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"

        def let_it_go_on(seconds: float) -> None:
            monkeypatch.undo()
            print(file=process.stdin, flush=True)
            sleep(seconds)

        monkeypatch.setattr(file_locks.time, "sleep", let_it_go_on)
        if second == "export":
            exported(db, place, "--with-events")
        else:
            archived(db, place)
        assert file_locks.time.sleep is sleep, "the second one hasn't waited for the first"
    assert process.returncode == 0
    assert same(place, exported(db, tmp_path / "whole", "--with-events"))
    assert not list(tmp_path.glob("*-archive"))


def test_a_lock_that_another_process_keeps_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file_locks = pytest.importorskip("responses_tap_viewer.actions.file_locks")
    monkeypatch.setattr(file_locks, "_PATIENCE_S", 0)
    db, place = tmp_path / "tap.db", tmp_path / "set"
    assert CliRunner().invoke(main, ["import", "--db", str(db), str(RECORDINGS / "clean/text.sse")]).exit_code == 0
    with file_locks.archiving([db]):
        done = CliRunner().invoke(main, ["export", f"{db}#1", "--format", "parquet", "-o", str(place)])
        assert (done.exit_code, done.stderr.count("\n"), place.exists()) == (2, 1, False)
        assert f"{db}-archive is a lock that another process still holds" in done.stderr
        assert "is a lock that another process still holds" in archived(db, place)[0]
    assert "Archived 1 stream" in archived(db, place)[-1]


def archived(db: Path, place: Path) -> list[str]:
    """What an archiver of the whole recording says."""
    from responses_tap_viewer.actions.forwarding import archiving, following

    with closing(following.RecordingFollower([db])) as follower:
        return archiving.Archiver(str(place), with_events=True, every_s=0).close(follower.ended())


def test_a_collector_that_is_down_costs_spans_which_are_counted(upstream: str, tmp_path: Path) -> None:
    with collecting() as gone:
        pass
    os.environ["OTEL_EXPORTER_OTLP_TIMEOUT"] = "1"
    try:
        done = record(upstream, tmp_path / "tap.db", "--otlp", gone.url, paths=("clean", "broken"))
    finally:
        del os.environ["OTEL_EXPORTER_OTLP_TIMEOUT"]
    assert done.returncode == 0
    assert f"! {gone.url} takes no spans" in done.stderr
    assert f"Sent 0 spans to {gone.url}; 2 spans lost" in done.stderr
    assert "Recorded 2 streams" in done.stderr


def test_a_collector_that_hangs_holds_nothing_up(upstream: str, tmp_path: Path, collector: Collector) -> None:
    collector.answers.clear()
    command = [*program(upstream, tmp_path / "tap.db", "--otlp", collector.url), "--"]
    done = subprocess.Popen(
        [*command, sys.executable, "-c", CLIENT, *["clean"] * 40],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.stdout is not None
    assert [int(done.stdout.readline()) for _ in range(40)] == [len(TEXT)] * 40  # while the collector says nothing
    collector.answers.set()
    said = done.communicate(timeout=300)[1]
    assert f"Sent 40 spans to {collector.url}" in said
    assert len(collector.spans) == 40


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--archive", "{tmp}/file/set"), "can't be written to"),
        (("--archive", "nosuch://bucket"), "can't be written to"),
        (("--otlp", "collector:4317"), "isn't the URL of a collector"),
        (("--with-events",), "--with-events is for --archive"),
    ],
)
def test_a_place_that_cannot_be_used_is_told_before_anything_is_recorded(
    upstream: str, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    (tmp_path / "file").write_text("")
    done = record(upstream, tmp_path / "tap.db", *(word.format(tmp=tmp_path) for word in options), paths=("clean",))
    assert (done.returncode, done.stdout, (tmp_path / "tap.db").exists()) == (2, "", False)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_archive_that_refuses_for_a_while_misses_nothing(tmp_path: Path) -> None:
    db, place = tmp_path / "tap.db", tmp_path / "set"
    arguments = ["import", "--db", str(db), str(RECORDINGS / "clean")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    archiving = pytest.importorskip("responses_tap_viewer.actions.forwarding.archiving")
    following = pytest.importorskip("responses_tap_viewer.actions.forwarding.following")
    archiver, follower = archiving.Archiver(str(place), with_events=False, every_s=0), following.RecordingFollower([db])
    (place / "findings").write_text("in the way")
    (trouble,) = archiver.take(follower.ended())
    assert "the recording keeps what isn't archived, trying again" in trouble
    assert archiver.take(follower.ended()) == []  # told once
    (place / "findings").unlink()
    (done,) = archiver.close(follower.ended())
    follower.close()
    assert "Archived" in done
    assert same(place, exported(db, tmp_path / "whole"))
