"""The addon as mitmproxy loads it: from a script, with its options, and beside other addons."""

import asyncio
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from mitmproxy.exceptions import OptionsError
from mitmproxy.test import taddons, tflow, tutils

from responses_tap.capture import Capture

from .conftest import RECORDINGS
from .upstream import SSE_HEAD, Upstream, ended, framed, rows

ROOT = Path(__file__).parents[1]
CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()


def flow(path: str = "/v1/responses", method: str = "POST"):
    made = tflow.tflow(req=tutils.treq(method=method.encode(), path=path.encode()), resp=tutils.tresp())
    made.response.headers["content-type"] = "text/event-stream"
    made.response.stream = False
    return made


@contextmanager
def capture(db: Path, **options: str) -> Iterator[tuple[Capture, taddons.context]]:
    addon = Capture(lambda notice: None)
    with taddons.context(addon) as context:
        context.configure(addon, tap_db=str(db), **options)
        yield addon, context
        addon.done()


async def test_a_recorded_stream_is_relayed_unchanged(tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    with capture(db) as (addon, _):
        recorded = flow()
        addon.request(recorded)
        addon.responseheaders(recorded)
        assert b"".join(recorded.response.stream(part) for part in (CLEAN[:99], CLEAN[99:], b"")) == CLEAN
        addon.response(recorded)
        addon.response(recorded)
        addon.error(recorded)
    assert [row.state for row in rows(db)] == ["completed"]


async def test_what_another_addon_does_to_a_stream_is_kept(tmp_path: Path) -> None:
    with capture(tmp_path / "r.db") as (addon, _):
        changed = flow()
        changed.response.stream = bytes.upper
        addon.request(changed)
        addon.responseheaders(changed)
        assert changed.response.stream(b"abc") == b"ABC"


async def test_other_flows_are_not_touched(tmp_path: Path) -> None:
    with capture(tmp_path / "r.db") as (addon, _):
        other = flow("/v1/models", "GET")
        other.response.headers["content-type"] = "application/json"
        addon.request(other)
        addon.responseheaders(other)
        assert other.response.stream is False
        addon.response(other)
    assert rows(tmp_path / "r.db") == []


async def test_the_file_can_be_changed_and_bad_options_are_refused(tmp_path: Path) -> None:
    first, second = tmp_path / "a.db", tmp_path / "b.db"
    with capture(first) as (addon, context):
        for db in (first, second):
            context.configure(addon, tap_db=str(db))
            recorded = flow()
            addon.request(recorded)
            recorded.error = tflow.terr("server closed connection")
            addon.error(recorded)
        with pytest.raises(OptionsError, match="cannot write"):
            context.configure(addon, tap_db=str(tmp_path))
        with pytest.raises(OptionsError):
            context.configure(addon, tap_profile="nobody")
    assert [len(rows(db)) for db in (first, second)] == [1, 1]


async def test_without_a_recorder_the_hooks_do_nothing() -> None:
    addon = Capture()
    passing = flow()
    addon.request(passing)
    addon.responseheaders(passing)
    addon.error(passing)
    assert passing.response.stream is False
    await asyncio.sleep(0)


def test_mitmdump_runs_the_script_where_the_project_is_not_installed(tmp_path: Path) -> None:
    def serve(connection) -> None:
        connection.sendall(SSE_HEAD + framed(CLEAN) + b"0\r\n\r\n")

    db = tmp_path / "r.db"
    dump = Path(sys.executable).with_name("mitmdump")
    with Upstream(v1=serve) as upstream:
        command = [
            str(dump), "-s", str(ROOT / "addon/tap.py"), "--mode", f"reverse:{upstream.url}@127.0.0.1:0",
            "--set", f"tap_db={db}", "--set", f"confdir={tmp_path}",
        ]  # fmt: skip
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        assert process.stdout is not None
        line = next(line for line in process.stdout if "listening at" in line)
        port = int(line.rstrip(". \n").rpartition(":")[2])
        with closing(http.client.HTTPConnection("127.0.0.1", port)) as client:
            client.request("POST", "/v1/responses", "{}")
            assert client.getresponse().read() == CLEAN
        (row,) = ended(db)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        process.stdout.close()
        process.wait()
    assert (row.state, row.event_count) == ("completed", 13)


def test_mitmdump_says_why_it_cannot_record(tmp_path: Path) -> None:
    dump = Path(sys.executable).with_name("mitmdump")
    command = [
        str(dump), "-s", str(ROOT / "addon/tap.py"), "--mode", "reverse:http://h@127.0.0.1:0",
        "--set", f"tap_db={tmp_path}", "--set", f"confdir={tmp_path}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert f"cannot write {tmp_path}" in done.stdout + done.stderr
