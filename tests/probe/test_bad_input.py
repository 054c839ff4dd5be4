"""What can't be probed: one clear line, or one clear cell; never a traceback, never a hang."""

import importlib.util
import json
import re
import socket
import time
from pathlib import Path

import pytest
from click.testing import Result
from tests.exchanges import run
from tests.probe.test_outcomes import probed
from tests.right_server import MODEL, RightServer
from tests.tls import make_ca, server_context
from tests.upstream import SSE_HEAD, Script, Upstream, framed, head, reset

KEY = "sk-planted0123456789abcdefghijklmnop"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def ask(url: str, tmp_path: Path, *options: str) -> Result:
    return run("probe", url, "--model", MODEL, "--db", tmp_path / "p.db", *options)


def refusal(result: Result) -> str:
    """The one line on standard error of a run that came to nothing."""
    assert result.exit_code == 2, result.output
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("responses-tap: ")]
    assert "Traceback" not in result.output
    assert "internal error" not in result.output
    return line


def replies(content: bytes, kind: str = "application/json", status: str = "200 OK", *headers: str) -> Script:
    def script(connection: socket.socket) -> None:
        size = f"content-length: {len(content)}"
        connection.sendall(head(f"content-type: {kind}", size, *headers, status=status) + content)

    return script


def streams_for_ever(connection: socket.socket) -> None:
    connection.sendall(SSE_HEAD)
    while True:
        connection.sendall(framed(b": still here\n\n"))
        time.sleep(0.02)


def says_nothing(connection: socket.socket) -> None:
    connection.recv(1)


CASES: dict[str, tuple[Script, str]] = {
    "a wrong key": (
        replies(b'{"error": {"message": "Wrong key: %s"}}' % KEY.encode(), status="401 Unauthorized"),
        "refuses the key (401: Wrong key: …); give one with --api-key-env or --header",
    ),
    "a page of a gateway": (
        replies(b"<html><head><title>403 Forbidden</title></head><body><h1>No</h1></body></html>", "text/html",
                "403 Forbidden"),
        "refuses the key (403: Forbidden)",
    ),
    "a page without a title": (
        replies(b"<!DOCTYPE html><style>p {}</style><p>It&#x27;s <b>down</b></p>", "text/html", "503 No"),
        "fails at a plain request (503: It's down)",
    ),
    "HTML": (
        replies(b"<html>Welcome</html>", "text/html"),
        "returns an HTML page (200); give the API's base URL, which often ends in /v1",
    ),
    "a redirect": (
        replies(b"", "text/plain", "307 Temporary Redirect", "location: https://h/v2/responses"),
        "redirects to https://h/v2 (307); give the URL that it redirects to",
    ),
    "no such API": (
        replies(b'{"detail": "Not Found"}', status="404 Not Found"),
        "has no Responses API there: POST /responses returns 404: Not Found",
    ),
    "an unknown model, by its code": (
        replies(b'{"error": {"message": "No such thing", "code": "model_not_found"}}', status="400 Bad Request"),
        f"has no model '{MODEL}' (400: No such thing)",
    ),
    "an unknown model, by its words": (
        replies(b'{"error": "The model `nope` does not exist"}', status="404 Not Found"),
        f"has no model '{MODEL}' (404: The model `nope` does not exist)",
    ),
    "another API's JSON": (
        replies(b'{"choices": []}'),
        "responds to a plain request with application/json, without a single event",
    ),
    "a server error": (
        replies(b'{"error": {"message": "out of memory"}}', status="500 Oops"),
        "fails at a plain request (500: out of memory)",
    ),
    "a plain refusal": (
        replies(b'{"error": {"message": "no input lists"}}', status="400 Bad ProbeRequest"),
        "refuses a plain request (400: no input lists)",
    ),
    "a stream without an end": (streams_for_ever, "it hadn't ended after 20 s"),
    "silence": (says_nothing, "nothing came for 5 s"),
    "a reset connection": (reset, "doesn't respond ("),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_line_says_why_a_server_cannot_be_probed(case: str, tmp_path: Path) -> None:
    script, message = CASES[case]
    with Upstream(v1=script) as upstream:
        url = f"{upstream.url}/v1"
        line = refusal(ask(url, tmp_path, "--timeout", "5", "--header", f"Authorization: Bearer {KEY}"))
    assert line.startswith(f"responses-tap: {url} ")
    assert message in line
    assert KEY not in line


def test_no_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    assert refusal(ask(url, tmp_path)) == f"responses-tap: {url} doesn't respond (connection refused)"


def test_a_report_without_a_server_is_a_line(tmp_path: Path) -> None:
    assert ask("ftp://h/v1", tmp_path).stdout == "no scenario was run\n"
    assert "|" not in ask("ftp://h/v1", tmp_path, "--format", "md").stdout


def test_a_host_that_does_not_exist(tmp_path: Path) -> None:
    line = refusal(ask("http://no-such-host.invalid/v1", tmp_path))
    assert re.search(r"doesn't respond \([^<>\[(]+\)$", line)


def test_a_dead_proxy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    line = refusal(ask("http://models.example/v1", tmp_path))
    assert line.endswith("(connection refused; asked through the environment's proxy http://127.0.0.1:9)")


def test_no_such_model(tmp_path: Path) -> None:
    with RightServer() as server:
        done = run("probe", server.url, "--model", "other", "--db", tmp_path / "p.db")
    assert refusal(done) == f"responses-tap: {server.url} has no model 'other'; it has {MODEL}"


def test_a_certificate_that_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = server_context(tmp_path, make_ca(tmp_path), "http/1.1")
    with Upstream(context, v1=replies(b"{}")) as upstream:
        url = f"{upstream.url.replace('127.0.0.1', 'localhost')}/v1"
        advice = "its certificate isn't trusted; name the CA's file in SSL_CERT_FILE"
        assert advice in refusal(ask(url, tmp_path))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca-ca-cert.pem"))
        assert "without a single event" in refusal(ask(url, tmp_path))


def test_a_proxy_of_the_environment_is_on_the_way_to_other_machines_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with RightServer() as server:
        assert ask(server.url, tmp_path, "--scenario", "usage").exit_code == 0
    with Upstream(**{"http:": replies(b'{"detail": "Not Found"}', status="404 Not Found")}) as between:
        monkeypatch.setenv("HTTP_PROXY", between.url)
        line = refusal(ask("http://models.example/v1", tmp_path))
        assert b"POST http://models.example/v1/responses HTTP/1.1\r\n" in between.requests[0]
    assert "has no Responses API there" in line


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://h/v1", "ftp://h/v1 isn't a base URL"),
        ("localhost:8000", "localhost:8000 isn't a base URL"),
        ("http://[/v1", "http://[/v1 isn't a base URL"),
        (f"http://user:{KEY}@127.0.0.1/v1", "127.0.0.1/v1 has a user, a query or a fragment"),
        (f"http://127.0.0.1/v1?key={KEY}", "http://127.0.0.1/v1 has a user, a query or a fragment"),
    ],
)
def test_what_is_not_a_base_url(url: str, message: str, tmp_path: Path) -> None:
    line = refusal(ask(url, tmp_path))
    assert message in line
    assert KEY not in line


def test_the_other_servers_are_probed_and_the_report_is_whole(tmp_path: Path) -> None:
    with RightServer() as server:
        status, report = probed(server, tmp_path, "ftp://h/v1", "--scenario", "usage")
    assert status == 2
    assert [error["source"] for error in report["errors"]] == ["ftp://h/v1"]
    assert [target["url"] for target in report["targets"]] == [server.url]
    assert all(len(scenario["results"]) == 1 for scenario in report["scenarios"])


def test_a_file_that_is_not_a_recording(tmp_path: Path) -> None:
    (tmp_path / "p.db").write_text("something else")
    assert "p.db" in refusal(ask("http://127.0.0.1:9/v1", tmp_path))
    assert (tmp_path / "p.db").read_text() == "something else"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("http://h/v1",), "give a URL and --model"),
        (("http://h/v1", "--model", "m", "--scenario", "nope"), "nope is not a scenario or group"),
        (("http://h/v1", "--model", "m", "--header", "no colon"), "is not the name of a header"),
        (("http://h/v1", "--model", "m", "--header", "a b: c"), "is not the name of a header"),
        (("http://h/v1", "--model", "m", "--header", "a: b\nc: d"), "characters that no header can have"),
        (("http://h/v1", "--model", "m", "--api-key-env", "NO_SUCH_KEY"), "$NO_SUCH_KEY is not set"),
        (("http://h/v1", "--model", "m", "--update-baseline"), "writes the file that --baseline names"),
        (("http://h/v1", "http://i/v1", "--model", "m", "--baseline", "b.json"), "a baseline is of one server"),
        (("http://h/v1", "--model", "m", "--baseline", "missing.json"), "missing.json doesn't exist"),
        (("http://h/v1", "--model", "m", "--scenario", "text", "--skip", "text"), "--skip leaves no scenario to run"),
        (("--from", "missing.db"), "missing.db does not exist"),
        (("--from", "p.db", "--model", "m", "--repeat", "2"), "--from sends no requests: without --model and --repeat"),
        (("--from", "p.db", "--timeout", "2"), "--from sends no requests: without --timeout"),
        (("--from", "p.db", "--scenario", "nope"), "nope is not a scenario or group"),
        (("--list", "--format", "json"), "--list prints all scenarios as text: without --format"),
    ],
)  # fmt: skip
def test_wrong_usage(options: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("probe", *options)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_recording_of_something_else_has_no_outcomes(tmp_path: Path) -> None:
    db = tmp_path / "other.db"
    assert run("import", Path(__file__).parents[2] / "recordings/clean/text.sse", "--db", db).exit_code == 0
    assert "isn't a recording of `responses-tap probe`" in refusal(run("probe", "--from", db))


def test_no_key_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with RightServer("key-repeated") as server:
        asked = ("--scenario", "ws-one", "--scenario", "delete")
        status, report = probed(server, tmp_path, *asked, "--api-key-env", "MY_KEY")
        assert (status, server.keys) == (0, {f"Bearer {KEY}"})
    deleted = next(scenario for scenario in report["scenarios"] if scenario["name"] == "delete")
    assert '"you"' in deleted["results"][0]["unrecorded"][0]["answer"]
    assert KEY not in json.dumps(report)
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.iterdir())
    assert '"Authorization: Bearer $MY_KEY"' in report["scenarios"][0]["results"][0]["curl"]


def test_without_its_extra_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "httpx2" else found(name))
    done = run("probe", "http://h/v1", "--model", "m")
    assert done.exit_code == 2
    assert "probe needs httpx2: pip install 'responses-tap[probe]'" in done.stderr
