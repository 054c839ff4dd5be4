"""A fleet in small: four recorders by two processes each, one dataset, one collector; nothing is missing or doubled."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.conftest import RECORDINGS

from responses_tap_viewer.actions.playback import playback
from responses_tap_viewer.actions.replay_server import ReplayServer
from responses_tap_viewer.streams import find_stream

duckdb = pytest.importorskip("duckdb")
pytest.importorskip("fsspec")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from tests.collector import Collector, attributes, collecting  # noqa: E402 (needs what may be missing)

CHILDREN = Path("/proc/self/task").exists()
_RECORDER = "regexp_replace(recording, '[.][12][.]db$', '')"
_COUNTS = "count(*), count(DISTINCT stream), count(DISTINCT id)"
_JOINED = "'DIR/findings/**/*.parquet' JOIN 'DIR/streams/**/*.parquet' USING (stream)"
_TRIES = 600


class Recorder:
    """A running `record`, and a client of it."""

    def __init__(self, db: Path, upstream: str, place: Path, collector: Collector) -> None:
        self.db = db
        options = ("--listen", "127.0.0.1:0", "--processes", "2", "--archive", str(place), "--otlp", collector.url)
        command = [sys.executable, "-m", "responses_tap_viewer", "record", "--upstream", upstream, "--db", str(db)]
        self.process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        lines = iter(self.process.stderr.readline, "")
        found = (re.search(r"OPENAI_BASE_URL=(\S+)", line) for line in lines)
        self.base = urlsplit(next((url[1] for url in found if url), ""))

    def ask(self, *names: str) -> None:
        for name in names:
            connection = http.client.HTTPConnection(self.base.hostname or "", self.base.port)
            body = json.dumps({"model": "m", "input": name, "stream": True})
            connection.request("POST", f"/{name}/v1/responses", body, {"Content-Type": "application/json"})
            connection.getresponse().read()
            connection.close()

    def kill(self) -> None:
        """Kill it, with the processes that forward for it; its worker writes what it has been handed."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        pids = [int(pid) for file in children for pid in file.read_text().split()]
        forwarding = [pid for pid in pids if b"forwarding" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert len(forwarding) == 2
        for pid in (self.process.pid, *forwarding):
            os.kill(pid, signal.SIGKILL)
        self.process.communicate()

    def end(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=300)[1]


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    samples = {"clean": "clean/text.sse", "broken": "broken/MD301-text-done-missing.sse"}
    with ReplayServer(
        {f"/{n}/": playback(find_stream(str(RECORDINGS / file))) for n, file in samples.items()}
    ) as server:
        yield server.url


@pytest.mark.skipif(not CHILDREN, reason="finds the processes to kill in /proc")
def test_four_recorders_one_of_which_is_killed(upstream: str, tmp_path: Path) -> None:
    place, names = tmp_path / "set", ["a", "b", "c", "d"]
    with collecting() as collector, ThreadPoolExecutor() as pool:

        def start(name: str) -> Recorder:
            return Recorder(tmp_path / f"{name}.db", upstream, place, collector)

        recorders = list(pool.map(start, names))
        list(pool.map(lambda recorder: recorder.ask("clean", "broken", "clean"), recorders))
        recorders[0].kill()
        for _ in range(_TRIES):  # until the worker has written what it was handed, and lets go of the file
            recorders[0] = start("a")
            if recorders[0].base.hostname:
                break
            time.sleep(0.1)
        list(pool.map(lambda recorder: recorder.ask("broken", "clean"), recorders))
        said = list(pool.map(lambda recorder: recorder.end(), recorders))
    assert all("Archived 5 streams" in words for words in said), said

    def ask(question: str) -> list[Any]:
        return duckdb.connect().sql(question.replace("DIR", str(place))).fetchall()

    streams = ask(f"SELECT {_RECORDER}, {_COUNTS} FROM 'DIR/streams/**/*.parquet' GROUP BY 1")
    assert sorted(streams) == [(name, 5, 5, 5) for name in names]
    findings = ask(f"SELECT {_RECORDER}, code, count(*) FROM {_JOINED} GROUP BY ALL")
    assert sorted(findings) == [(name, "MD301", 2) for name in names]
    assert ask("SELECT count(*) FROM 'DIR/findings/**/*.parquet'") == [(8,)]
    spans = Counter(span.span_id for span in collector.spans)
    assert max(spans.values()) == 1
    assert 17 <= len(spans) <= 20  # those of the killed process may be lost
    counted = collector.metrics["responses_tap.findings"].sum.data_points
    assert {attributes(point)["responses_tap.finding.code"] for point in counted} == {"MD301"}
