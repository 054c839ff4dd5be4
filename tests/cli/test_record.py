"""`record` as a user runs it: a real client, the real proxy, a real upstream, and the resulting file."""

import json
import os
import shlex
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.conftest import RECORDINGS

from responses_tap import open_recording
from responses_tap.stream.columns import StreamRow
from responses_tap_viewer.actions.playback import BreakOff, Playback, playback
from responses_tap_viewer.actions.replay_server import ReplayServer
from responses_tap_viewer.streams import find_stream

SECRET = "sk-planted0123456789abcdefghijklmnop"
_TEXT = (RECORDINGS / "clean/text.sse").read_bytes()
_LATE = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","output_index":0}\n\n'
_SSE = (("Content-Type", "text/event-stream"),)


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """A server that plays a correct stream, broken ones, a truncated one and an error response, by path."""
    playbacks = {
        "/clean/": playback(find_stream(str(RECORDINGS / "clean/text.sse"))),
        "/seed/": playback(find_stream(str(RECORDINGS / "broken/llamastack-before-pr5308.sse"))),
        "/cut/": Playback(200, _SSE, ((0, _TEXT[: len(_TEXT) // 2]),), break_off=BreakOff.CUT),
        "/slow/": Playback(200, _SSE, ((0, _TEXT[: len(_TEXT) // 2]), (3_600_000_000_000, b"never"))),
        "/gap/": playback(find_stream(str(RECORDINGS / "broken/ID511-sequence-gap.sse"))),
        "/late/": Playback(200, _SSE, ((0, _TEXT), (0, _LATE))),
        "/busy/": Playback(429, (("Content-Type", "application/json"),), ((0, b'{"error":{"message":"busy"}}'),)),
    }
    with ReplayServer(playbacks) as server:
        yield server.url


def record(
    upstream: str, db: Path, *command: str, environment: dict[str, str] | None = None, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "responses_tap_viewer", "record", "--upstream", upstream, "--db", str(db)]
    return subprocess.run(
        [*program, "--listen", "127.0.0.1:0", *options, "--", *command],
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **(environment or {})},
    )  # fmt: skip


def client(script: str) -> list[str]:
    """A command that runs `script` with the real client."""
    head = f"import openai\nclient = openai.OpenAI(api_key={SECRET!r}, max_retries=0)\n"
    return [sys.executable, "-c", head + textwrap.dedent(script)]


def only_stream(db: Path) -> StreamRow:
    with open_recording(db) as recording:
        (id_,) = recording.stream_ids()
        row = recording.stream(id_)
    assert row is not None
    return row


PLAIN = """
    for event in client.responses.create(model="m", input="hi", stream=True):
        print(event.type)
"""


def test_a_live_client_is_recorded_and_gets_every_event(upstream: str, tmp_path: Path) -> None:
    db = tmp_path / "new" / "r.db"
    done = record(f"{upstream}/clean/v1", db, *client(PLAIN))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "response.created"
    assert done.stdout.splitlines()[-1] == "response.completed"
    assert "● stream 1: completed, 13 events: no findings" in done.stderr
    assert "Recorded 1 stream, 13 events: 0 errors, 0 warnings" in done.stderr
    row = only_stream(db)
    assert (row.state, row.ended_by, row.status, row.event_count) == ("completed", "server", 200, 13)
    assert (row.response_id, row.input_tokens, row.output_tokens) == ("resp_1", 12, 7)
    assert json.loads(row.request_body or "") == {"input": "hi", "model": "m", "stream": True}
    with open_recording(db) as recording:
        assert recording.body(row.id) == _TEXT


def test_findings_are_reported_as_they_occur_and_at_the_end(upstream: str, tmp_path: Path) -> None:
    done = record(f"{upstream}/seed/v1", tmp_path / "r.db", *client(PLAIN))
    assert done.returncode == 0
    for code in ("NS201 item-not-opened", "NS205 part-type-not-allowed", "MD301 text-done-missing"):
        assert f"✖ {code} in stream 1" in done.stderr
        assert f"(responses-tap rules {code[:5]})" in done.stderr
    assert "    fix: emit output_text.done" in done.stderr
    assert "✖ stream 1: completed, 13 events: 3 errors, first NS201" in done.stderr
    assert "Recorded 1 stream, 13 events: 3 errors" in done.stderr
    assert "NS201" not in done.stdout


def test_the_exit_status_of_the_command_is_passed_on(upstream: str, tmp_path: Path) -> None:
    assert record(upstream, tmp_path / "r.db", sys.executable, "-c", "raise SystemExit(7)").returncode == 7
    killed = record(upstream, tmp_path / "r.db", sys.executable, "-c", "import os; os.kill(os.getpid(), 15)")
    assert killed.returncode == 128 + 15


def test_a_command_that_cannot_be_run_is_one_line(upstream: str, tmp_path: Path) -> None:
    done = record(upstream, tmp_path / "r.db", "no-such-command")
    assert done.returncode == 2
    assert "no-such-command cannot be run (No such file or directory)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_hangs_up_is_recorded_with_what_arrived(upstream: str, tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    done = record(f"{upstream}/cut/v1", db, *client(PLAIN))
    assert done.returncode != 0  # the client notices, as it would without us
    row = only_stream(db)
    assert row.state == "truncated"
    assert row.ended_by in ("server", "network")
    assert row.first_code == "LC103"
    with open_recording(db) as recording:
        assert recording.body(row.id) == _TEXT[: len(_TEXT) // 2]


def test_a_client_that_hangs_up_is_distinguished(upstream: str, tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    hang_up = """
        with client.responses.create(model="m", input="hi", stream=True) as stream:
            print(next(iter(stream)).type)
    """
    assert record(f"{upstream}/slow/v1", db, *client(hang_up)).stdout == "response.created\n"
    row = only_stream(db)
    assert (row.state, row.ended_by, row.first_code) == ("truncated", "client", None)
    check = [sys.executable, "-m", "responses_tap_viewer", "check", str(db)]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0


def test_an_error_response_is_recorded(upstream: str, tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    assert "429" in record(f"{upstream}/busy/v1", db, *client(PLAIN)).stderr
    row = only_stream(db)
    assert (row.state, row.status, row.response_body) == ("http-error", 429, b'{"error":{"message":"busy"}}')


def test_an_upstream_that_is_down_is_an_honest_502(tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    done = record("http://127.0.0.1:9/v1", db, *client(PLAIN))
    assert "502" in done.stderr
    assert "LC110 no-events in stream 1: " in done.stderr
    assert "it is empty, because the server was not reached" in done.stderr
    (fix,) = [line for line in done.stderr.splitlines() if "fix: " in line]
    assert fix == "    fix: start the server, or correct the address that it is asked at. (responses-tap rules LC110)"
    row = only_stream(db)
    assert (row.state, row.ended_by) == ("http-error", "network")


def test_no_secret_reaches_the_disk_and_nobody_else_can_read_it(upstream: str, tmp_path: Path) -> None:
    db = tmp_path / "private" / "r.db"
    record(f"{upstream}/clean/v1", db, *client(PLAIN))
    for file in db.parent.iterdir():
        assert SECRET.encode() not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(db.parent.stat().st_mode) == 0o700
    headers = {name.lower(): value for name, value in only_stream(db).request_headers}
    assert "masked" in headers["authorization"]


def test_the_file_is_plain_sql_for_others(upstream: str, tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    record(f"{upstream}/seed/v1", db, *client(PLAIN))
    with closing(sqlite3.connect(db)) as connection:
        text = connection.execute(
            "SELECT group_concat(json_extract(data, '$.delta'), '') FROM event_data WHERE type LIKE '%text.delta'"
        ).fetchone()[0]
        codes = connection.execute("SELECT code FROM violations ORDER BY position").fetchall()
    assert text == "two plus two4"
    assert [code for (code,) in codes] == ["NS201", "NS205", "MD301"]


def test_without_a_command_it_prints_the_line_to_set_and_ends_cleanly(upstream: str, tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    program = [sys.executable, "-m", "responses_tap_viewer", "record", "--upstream", f"{upstream}/clean/v1"]
    process = subprocess.Popen(
        [*program, "--db", str(db), "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    line = next(line for line in process.stderr if "export OPENAI_BASE_URL=" in line)
    url = line.strip().removeprefix("export OPENAI_BASE_URL=")
    assert url.endswith("/clean/v1")
    script = client(PLAIN)
    subprocess.run(script, env={**os.environ, "OPENAI_BASE_URL": url}, check=True, capture_output=True)
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert "Recorded 1 stream, 13 events" in rest


def test_bad_upstreams_and_files_are_one_line(upstream: str, tmp_path: Path) -> None:
    foreign = tmp_path / "notes.txt"
    foreign.write_text("not a recording, but long enough to be somebody's notes " * 40)
    for url, db, words in (
        ("ftp://nowhere", tmp_path / "r.db", "is not an http(s) URL"),
        ("http://[x/v1", tmp_path / "r.db", "is not an http(s) URL"),
        ("http://h:99999/v1", tmp_path / "r.db", "is not an http(s) URL"),
        (upstream, foreign, "is not a responses-tap recording"),
        (upstream, tmp_path, str(tmp_path)),
    ):
        done = record(url, db, sys.executable, "-c", "pass")
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_the_summary_counts_what_the_file_holds(upstream: str, tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    for before in (0, 1):  # what an earlier run recorded doesn't count
        done = record(f"{upstream}/late/v1", db, *client(PLAIN))
        with open_recording(db) as recording:
            *_, row = recording.streams()
            assert recording.stream_ids() == list(range(1, before + 2))
            severities = [str(finding.severity) for finding in recording.findings(row.id)]
        assert (row.errors, row.warnings) == (severities.count("error"), severities.count("warning"))
        assert row.errors > 0
        errors = "1 error" if row.errors == 1 else f"{row.errors} errors"
        warnings = "1 warning" if row.warnings == 1 else f"{row.warnings} warnings"
        assert f"Recorded 1 stream, {row.event_count} events: {errors}, {warnings}" in done.stderr
        assert row.event_count == 14


def test_notes_are_findings_too(upstream: str, tmp_path: Path) -> None:
    done = record(f"{upstream}/gap/v1", tmp_path / "r.db", *client(PLAIN))
    assert "● stream 1: completed, 13 events: 1 note, first ID511" in done.stderr


def test_streams_that_only_does_not_match_are_counted(upstream: str, tmp_path: Path) -> None:
    script = """
    for model in ("a", "b", "c"):
        list(client.responses.create(model=model, input="hi", stream=True))
    """
    for expression in ("errors>0", "model:gpt*"):
        db = tmp_path / "r.db"
        done = record(f"{upstream}/clean/v1", db, *client(script), options=("--only", expression))
        nothing = f"Recorded 0 streams of the Responses API matching {expression}; 3 streams did not match; no other"
        assert nothing in done.stderr
    kept = record(f"{upstream}/clean/v1", db, *client(script), options=("--only", "model:b"))
    assert "Recorded 1 stream, 13 events" in kept.stderr


def test_a_run_without_a_stream_ends_with_a_warning(upstream: str, tmp_path: Path) -> None:
    script = """
        import http.client, os, urllib.parse
        at = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
        paths = ["/v1/chat/completions?key=sk-planted0123456789abcdef"] * 3
        for path in [*paths, "/get;token=planted", "/bot/sk-planted0123456789abcdef"]:
            asking = http.client.HTTPConnection(at.hostname, at.port)
            asking.request("POST", path, "{}")
            asking.getresponse().read()
            asking.close()
    """
    done = record(upstream, tmp_path / "r.db", sys.executable, "-c", textwrap.dedent(script))
    assert done.returncode == 0
    *_, last, cause, help_ = done.stderr.splitlines()
    said = "0 streams of the Responses API; 5 other requests passed (3 × POST /v1/chat/completions, 1 × POST /"
    assert said in last
    assert cause.startswith("  Likely cause: the client uses the Chat Completions API, which isn't recorded; ")
    assert help_ == "  Try: responses-tap clients"
    assert "0 errors" not in done.stderr
    assert "planted" not in done.stderr
    nothing = record(upstream, tmp_path / "r.db", sys.executable, "-c", "")
    assert "0 streams of the Responses API; no other request passed" in nothing.stderr
    options = f"--upstream {upstream} --listen 127.0.0.1:0 --db {shlex.quote(str(tmp_path / 'r.db'))}"
    again = f"  Try: responses-tap record --mode regular {options} -- {sys.executable} -c ''"
    assert nothing.stderr.splitlines()[-1] == again
    failing = record(upstream, tmp_path / "r.db", "sh", "-c", "no-such-client")
    assert failing.returncode == 127
    *_, cause, help_ = failing.stderr.splitlines()
    assert cause == "  Likely cause: the command failed (exit status 127: not found)"
    assert help_ == "  Try: sh -c no-such-client"


def test_what_to_try_repeats_the_options(tmp_path: Path) -> None:
    db = tmp_path / "my recordings" / "r.db"
    given = ["--port", "0", "--db", str(db), "--max-size=5m", "--keep", "x-a", "--keep", "x-b", "--mode", "reverse"]
    secret = ["--upstream", "http://user:pw0123456789@127.0.0.1:9/v1"]
    done = subprocess.run(
        [sys.executable, "-m", "responses_tap_viewer", "record", *given, *secret, "--", "true"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    line = done.stderr.splitlines()[-1].removeprefix("  Try: ")
    assert "pw0123456789" not in done.stderr
    words = shlex.split(line)
    assert words[:4] == ["responses-tap", "record", "--mode", "regular"]
    for pair in (["--listen", "0"], ["--db", str(db)], ["--max-size", "5m"], ["--keep", "x-a"], ["--keep", "x-b"]):
        assert words[words.index(pair[1]) - 1 :][:2] == pair
    assert words[-2:] == ["--", "true"]


def test_only_cannot_ask_for_a_text(tmp_path: Path) -> None:
    program = [
        sys.executable,
        "-m",
        "responses_tap_viewer",
        "record",
        "--only",
        "text:hello",
        "--listen",
        "127.0.0.1:0",
    ]
    command = [*program, "--db", str(tmp_path / "r.db"), "--", sys.executable, "-c", "pass"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "asks for text:, which only recorded streams can be searched for" in done.stderr
