"""The addon as mitmproxy loads it: from a script, with its options, and along with other addons."""

import asyncio
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import contentviews
from mitmproxy.exceptions import OptionsError
from mitmproxy.http import HTTPFlow
from mitmproxy.test import taddons, tflow, tutils
from tests.conftest import RECORDINGS
from tests.upstream import PATIENCE, SSE_HEAD, Upstream, ended, eventually, framed, rows

from responses_tap.mitm.addon import Capture
from responses_tap.store import open_recording
from responses_tap.stream.timeline import render, timeline

ROOT = Path(__file__).parents[2]
CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()


def flow(path: str = "/v1/responses", method: str = "POST"):
    made = tflow.tflow(req=tutils.treq(method=method.encode(), path=path.encode()), resp=tutils.tresp())
    made.response.headers["content-type"] = "text/event-stream"
    made.response.stream = False
    made.request.timestamp_start = made.request.timestamp_end = time.time()  # not in the year 2000
    return made


@contextmanager
def capture(db: Path, *others: object, **options: str) -> Iterator[tuple[Capture, taddons.context]]:
    addon = Capture(lambda notice: None)
    with taddons.context(addon, *others) as context:
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
        with pytest.raises(OptionsError, match="is a folder"):
            context.configure(addon, tap_db=str(tmp_path))
        with pytest.raises(OptionsError, match="unknown profile 'nobody'"):
            context.configure(addon, tap_profile="nobody")
    assert [len(rows(db)) for db in (first, second)] == [1, 1]


SEED = (RECORDINGS / "broken/llamastack-before-pr5308.sse").read_bytes()


class Screens:
    """An addon of mitmproxy and mitmweb, not of mitmdump, that is notified of changed flows."""

    name = "view"

    def __init__(self) -> None:
        self.updated: list[object] = []

    def update(self, flows: Sequence[object]) -> None:
        self.updated += flows


async def recorded(addon: Capture, body: bytes, *, content_encoding: str = "") -> HTTPFlow:
    """A flow with this body, with all of its findings reported."""
    seen = flow()
    if content_encoding:
        seen.response.headers["content-encoding"] = content_encoding
    seen.response.raw_content = None
    addon.request(seen)
    addon.responseheaders(seen)
    for part in (body[:99], body[99:], b""):
        assert seen.response.stream(part) == part
    addon.response(seen)
    return seen


async def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def test_what_is_kept_can_be_changed_while_it_records(tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    with capture(db) as (addon, context):
        await recorded(addon, CLEAN)
        with pytest.raises(OptionsError, match="cannot be read"):
            context.configure(addon, tap_only="errors>")
        await recorded(addon, CLEAN)
        context.configure(addon, tap_only="errors>0")
        await recorded(addon, CLEAN)
        await recorded(addon, SEED)
    assert [row.errors for row in rows(db)] == [0, 0, 3]


async def test_a_flow_with_findings_is_marked_and_commented(tmp_path: Path) -> None:
    screens = Screens()
    with capture(tmp_path / "r.db", screens) as (addon, _):
        clean, seed = await recorded(addon, CLEAN), await recorded(addon, SEED)
        await until(lambda: "MD301" in seed.comment)
        assert seed.marked == ":red_circle:"
        assert set(seed.comment.split(", ")) == {
            "NS201 item-not-opened", "NS205 part-type-not-allowed", "MD301 text-done-missing",
        }  # fmt: skip
        assert (clean.marked, clean.comment) == ("", "")
        assert set(map(id, screens.updated)) == {id(seed)}
        assert seed.metadata["responses_tap"] == [f"{tmp_path / 'r.db'}#2"]


async def test_a_flow_says_where_its_stream_is_even_if_the_recording_continues_in_another_file(tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    with capture(db, tap_max_size="1m") as (addon, _):
        seen = flow()
        addon.request(seen)
        addon.responseheaders(seen)
        assert isinstance(seen.response.stream(SEED[:99]), bytes)
        other = await recorded(addon, CLEAN + b": " + b"x" * 2**21 + b"\n\n")
        await until((tmp_path / "r-2.db").exists)
        later = await recorded(addon, CLEAN)
        await until(lambda: "responses_tap" in later.metadata)
        assert later.metadata["responses_tap"] == [f"{tmp_path / 'r-2.db'}#3"]
        assert other.metadata["responses_tap"] == [f"{db}#2"]
        assert seen.metadata["responses_tap"] == [f"{db}#1"]
        addon.response(seen)


async def test_the_user_s_mark_and_comment_stay(tmp_path: Path) -> None:
    with capture(tmp_path / "r.db") as (addon, _):
        seen = await recorded(addon, SEED)
        seen.marked, seen.comment = ":star:", "look at this"
        await until(lambda: "MD301" in seen.comment)
        assert seen.marked == ":star:"
        assert seen.comment.startswith("look at this, ")


@pytest.mark.parametrize("encode", [bytes, gzip.compress])
async def test_mitmproxy_shows_a_stream_as_its_timeline(tmp_path: Path, encode: Callable[[bytes], bytes]) -> None:
    db = tmp_path / "r.db"
    with capture(db, Screens()) as (addon, _):
        seen = await recorded(addon, encode(SEED), content_encoding="gzip" if encode is gzip.compress else "")
        assert seen.response.raw_content == encode(SEED)
        await until(lambda: "MD301" in seen.comment)
        by_body = contentviews.prettify_message(seen.response, tflow.tflow())
        await until(lambda: rows(db)[0].state == "completed")
        by_recording = contentviews.prettify_message(seen.response, seen)
        for shown in (by_body, by_recording):
            assert shown.view_name == "Responses"
            assert "✖ MD301 text-done-missing" in shown.text
        with open_recording(db) as recording:
            expected = render(timeline(recording.entries(1), recording.findings(1)))
            assert by_recording.text == "\n".join(expected)
        seen.metadata["responses_tap"] = [f"{tmp_path / 'gone.db'}#1"]
        assert contentviews.prettify_message(seen.response, seen).text == by_body.text


async def test_without_screens_no_body_is_kept_and_other_bodies_are_shown_as_usual(tmp_path: Path) -> None:
    with capture(tmp_path / "r.db") as (addon, _):
        seen = await recorded(addon, CLEAN)
        assert seen.response.raw_content is None
        other = tutils.tresp(content=b'data: {"object":"chat.completion.chunk"}\n\n')
        other.headers["content-type"] = "text/event-stream"
        assert contentviews.prettify_message(other, tflow.tflow()).view_name != "Responses"


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
    assert f"{tmp_path} is a folder" in done.stdout + done.stderr


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    return port


@contextmanager
def mitmweb(upstream: str, folder: Path) -> Iterator[tuple[int, Callable[[str], Any]]]:
    """A running mitmweb with the addon: its proxy's port, and a function that gets JSON from its web server."""
    proxy, web = free_port(), free_port()
    command = [
        str(Path(sys.executable).with_name("mitmweb")), "-s", str(ROOT / "addon/tap.py"),
        "--mode", f"reverse:{upstream}@127.0.0.1:{proxy}", "--web-port", str(web), "--no-web-open-browser",
        "--set", "web_password=planted", "--set", f"tap_db={folder / 'r.db'}", "--set", f"confdir={folder}",
    ]  # fmt: skip

    def get(path: str) -> Any:
        with closing(http.client.HTTPConnection("127.0.0.1", web, timeout=PATIENCE)) as client:
            client.request("GET", f"{path}?token=planted")
            return json.loads(client.getresponse().read())

    def is_up() -> bool:
        try:
            return get("/flows") == []
        except ConnectionError:
            return False

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder) as process:
        try:
            eventually(is_up)
            yield proxy, get
        finally:
            process.terminate()


def test_mitmweb_shows_marks_comments_and_the_timeline(tmp_path: Path) -> None:
    def serve(connection) -> None:
        connection.sendall(SSE_HEAD + framed(SEED) + b"0\r\n\r\n")

    with Upstream(v1=serve) as upstream, mitmweb(upstream.url, tmp_path) as (port, get):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as client:
            client.request("POST", "/v1/responses", "{}")
            assert client.getresponse().read() == SEED
        (shown,) = eventually(lambda: [flow for flow in get("/flows") if "MD301" in flow["comment"]])
        content = get(f"/flows/{shown['id']}/response/content/Auto.json")
    assert shown["marked"] == "🔴"
    assert content["view_name"] == "Responses"
    assert "✖ MD301 text-done-missing" in content["text"]
