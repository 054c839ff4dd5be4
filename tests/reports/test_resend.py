"""The request resent by curl in a real shell, and by a test in a real run of pytest."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import RECORDINGS

from responses_tap.errors import UnusableInput
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.actions.exporting import export
from responses_tap_viewer.actions.playback import Playback, playback
from responses_tap_viewer.actions.recording.samples import record_samples
from responses_tap_viewer.actions.replay_server import ReplayServer
from responses_tap_viewer.cli import main
from responses_tap_viewer.reports.export_formats import FORMATS
from responses_tap_viewer.streams import find_stream

pytest_plugins = ["pytester"]

SEED = RECORDINGS / "broken/llamastack-before-pr5308.sse"
GOOD = RECORDINGS / "clean/text.sse"
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("again") / "demo.db"
    record_samples(db)
    return db


class Echo(BaseHTTPRequestHandler):
    """Keeps what it receives."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers.items()), body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def echo() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def asked(recording: Path, port: int, body: str | None, *headers: tuple[str, str], query: str = "") -> JudgedStream:
    """A recorded stream with another request."""
    stream = find_stream(f"{recording}#2")
    assert stream.row is not None
    url = f"http://127.0.0.1:{port}/v1/responses{query}"
    return replace(stream, row=replace(stream.row, url=url, request_headers=headers, request_body=body))


def sh(script: bytes, **variables: str) -> subprocess.CompletedProcess[bytes]:
    path = {"PATH": os.environ["PATH"]}
    return subprocess.run(["sh"], check=False, input=script, env=path | variables, capture_output=True, timeout=60)


@needs_curl
def test_curl_resends_the_request_with_the_current_secrets(recording: Path, echo: ThreadingHTTPServer) -> None:
    tool = '{"type":"mcp","authorization":"‹masked 00ff00›"}'
    body = f'{{"input":"it\'s $HOME, `x`, \\\\","tools":[{tool}],"key":"‹masked abcdef›"}}'
    headers = (
        ("Authorization", "Bearer ‹masked abcdef›"),
        ("User-Agent", "a 'b' \"c\" $d"),
        ("X-Empty", ""),
        ("Host", "elsewhere"),
        ("Content-Length", "1"),
        ("x-stainless-lang", "python"),
    )
    script = export([asked(recording, echo.server_port, body, *headers, query="?key=‹masked 00ff00›")], FORMATS["curl"])
    assert b"abcdef" not in script
    missing = sh(script, TAP_SECRET_AUTHORIZATION="sk-1")
    assert missing.returncode != 0
    assert b"TAP_SECRET_000000000000FF00" in missing.stderr
    done = sh(script, TAP_SECRET_AUTHORIZATION="sk-1", TAP_SECRET_000000000000FF00="s2")
    assert done.returncode == 0, done.stderr
    path, sent, posted = echo.seen[-1]  # type: ignore[attr-defined]
    assert path == "/v1/responses?key=s2"
    assert json.loads(posted) == {
        "input": "it's $HOME, `x`, \\",
        "tools": [{"type": "mcp", "authorization": "s2"}],
        "key": "sk-1",
    }
    assert sent["Authorization"] == "Bearer sk-1"
    assert sent["User-Agent"] == "a 'b' \"c\" $d"
    assert sent["X-Empty"] == ""
    assert sent["Content-Type"] == "application/json"
    assert sent["Host"] != "elsewhere"
    assert "x-stainless-lang" not in sent


_SAID = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30) | st.sampled_from(
    ["\nJSON\n", "$(id)", "${A}", "\\$x", "'\"`", "\\\\${TAP_SECRET_AUTHORIZATION}", "‹masked 00ff00›x", "!!"]
)


@needs_curl
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said=_SAID, value=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20))
def test_curl_sends_any_text(recording: Path, echo: ThreadingHTTPServer, said: str, value: str) -> None:
    body = json.dumps({"input": said}, ensure_ascii=False, indent=1).replace("\\n", "\n")
    stream = asked(recording, echo.server_port, body, ("User-Agent", value))
    done = sh(export([stream], FORMATS["curl"]), TAP_SECRET_000000000000FF00="s2")
    assert done.returncode == 0, done.stderr
    _, sent, posted = echo.seen[-1]  # type: ignore[attr-defined]
    assert posted.decode() == body.replace("‹masked 00ff00›", "s2")
    assert sent["User-Agent"] == value


@needs_curl
def test_several_requests_are_sent_in_sequence(recording: Path) -> None:
    plays = {"/1": playback(find_stream(str(GOOD))), "/2": playback(find_stream(str(SEED)))}
    with ReplayServer(plays, speed=0) as server:
        port = int(server.url.rpartition(":")[2])
        streams = [asked(recording, port, "{}"), asked(recording, port, "{}")]
        script = export(streams, FORMATS["curl"]).replace(b"/v1/", b"/1/", 1).replace(b"/v1/", b"/2/", 1)
        assert sh(script).stdout == GOOD.read_bytes() + SEED.read_bytes()


@pytest.mark.parametrize(
    ("sample", "code"),
    [
        (SEED, "MD301"),
        (RECORDINGS / "broken/LC103-terminal-missing.sse", "LC103"),
    ],
)
def test_the_test_fails_on_the_bad_server_and_passes_on_the_fixed_one(
    recording: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, sample: Path, code: str
) -> None:
    body = '{"model":"m","input":"it\'s \\u00fc","stream":true,"store":null,"user":"‹masked 00ff00›"}'
    stream = asked(recording, 1, body, ("Authorization", "Bearer ‹masked abcdef›"))
    stream = replace(stream, findings=find_stream(str(sample)).findings)
    pytester.path.joinpath("wire_test.py").write_bytes(export([stream], FORMATS["pytest"]))
    for name in ("TAP_SECRET_AUTHORIZATION", "TAP_SECRET_000000000000FF00"):
        monkeypatch.setenv(name, "none")
    for answer, failed in ((sample, 1), (GOOD, 0)):
        with ReplayServer({"/v1/responses": playback(find_stream(str(answer)))}, speed=0) as server:
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1/")
            result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
        result.assert_outcomes(failed=failed, passed=1 - failed)
        if failed:
            result.stdout.fnmatch_lines([f"*{code} *"])


def test_the_test_sends_what_was_sent(
    recording: Path, echo: ThreadingHTTPServer, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = [{"authorization": "‹masked 00ff00›"}]
    said = {"model": "m", "input": "it's \u00fc\U0001f600 'x' \\", "tools": tools, "n": None}
    bodies = [json.dumps(said, ensure_ascii=False), "no JSON: ‹masked 00ff00›"]
    headers = (("Authorization", "Bearer ‹masked abcdef›"), ("User-Agent", "a 'b' \"c\""))
    streams = [asked(recording, echo.server_port, body, *headers, query="?a=‹masked 00ff00›") for body in bodies]
    pytester.path.joinpath("wire_test.py").write_bytes(export(streams, FORMATS["pytest"]))
    monkeypatch.setenv("TAP_SECRET_AUTHORIZATION", "sk-1")
    monkeypatch.setenv("TAP_SECRET_000000000000FF00", "s2")
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(failed=2)
    for body, (path, sent, posted) in zip(bodies, echo.seen[-2:], strict=True):  # type: ignore[attr-defined]
        assert path == "/v1/responses?a=s2"
        assert (sent["Authorization"], sent["User-Agent"]) == ("Bearer sk-1", "a 'b' \"c\"")
        if body.startswith("{"):
            assert json.loads(posted) == said | {"tools": [{"authorization": "s2"}]}
        else:
            assert posted == b"no JSON: s2"


def test_the_test_checks_the_head_of_the_response_too(
    recording: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.path.joinpath("wire_test.py").write_bytes(export([asked(recording, 1, "{}")], FORMATS["pytest"]))
    wrong = Playback(200, (("Content-Type", "application/json"),), ((0, GOOD.read_bytes()),))
    with ReplayServer({"": wrong}, speed=0) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TR906 content-type*"])


def test_the_test_shows_what_a_server_says_with_an_http_error(
    recording: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.path.joinpath("wire_test.py").write_bytes(export([asked(recording, 1, "{}")], FORMATS["pytest"]))
    refusal = b'{"error": {"message": "Incorrect API key provided", "type": "invalid_request_error"}}'
    refused = Playback(401, (("Content-Type", "application/json"),), ((0, refusal),))
    with ReplayServer({"": refused}, speed=0) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TR907 http-status*HTTP 401: Incorrect API key provided*"])
    result.stdout.no_fnmatch_line("*HTTPError*")


@pytest.mark.parametrize("format_", ["curl", "pytest"])
def test_what_cannot_be_resent_is_refused(recording: Path, format_: str) -> None:
    result = CliRunner().invoke(main, ["export", str(SEED), "--format", format_])
    assert result.exit_code == 2
    assert result.stderr.endswith("cannot be sent again: the source has no request\n")
    stream = asked(recording, 1, None)
    with pytest.raises(UnusableInput, match="cannot be sent again: the source has no request"):
        export([stream], FORMATS[format_])
    result = CliRunner().invoke(main, ["export", f"{recording}#2", "--format", format_, "--structure-only"])
    assert f"{recording}#2 cannot be sent again: --structure-only removes the request" in result.stderr


def test_a_stream_with_only_timing_findings_makes_no_test(recording: Path) -> None:
    stream = asked(recording, 1, "{}")
    late = replace(stream.findings[0], code="TM001", name="stream-buffered")
    with pytest.raises(UnusableInput, match=r"only in its arrival times \(TM001\)"):
        export([replace(stream, findings=[late])], FORMATS["pytest"])
