"""`replay`, whole, with faults, and as a bench: through the program, to a real client."""

import http.client
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import openai
import pytest
from click.testing import CliRunner, Result
from tests.conftest import RECORDINGS

from responses_tap import check
from responses_tap.protocol.faults import FAULTS
from responses_tap_viewer.actions.transport_faults import TRANSPORT_FAULTS
from responses_tap_viewer.cli import main

PROGRAM = Path(sys.executable).with_name("responses-tap")
TEXT = str(RECORDINGS / "clean/text.sse")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["replay", *arguments])


@contextmanager
def replaying(*arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The base URL that the program names, and the program."""
    with subprocess.Popen(
        [PROGRAM, "replay", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout
        try:
            line = next(line for line in program.stdout if "OPENAI_BASE_URL" in line)
            yield line.strip().partition("=")[2], program
        finally:
            if program.poll() is None:
                program.send_signal(signal.SIGINT)
                assert program.wait(60) == 0


def post(base_url: str) -> bytes:
    parts = urlsplit(base_url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)) as connection:
        connection.request("POST", f"{parts.path}/responses", b'{"stream":true}')
        return connection.getresponse().read()


def test_a_stream_is_played_with_several_faults() -> None:
    with replaying(TEXT, "--speed", "0", "--fault", "MD301", "--fault", "SC804@5", "--fault", "keepalive-comments") as (
        url,
        _,
    ):
        body = post(url)
        assert post(url) == body
    assert {finding.code for finding in check(body).findings} == {"MD301", "SC804"}
    assert body.count(b": keepalive") == 12


def test_a_fault_takes_the_pieces_of_the_option() -> None:
    with replaying(TEXT, "--speed", "0", "--fault", "AG602", "--chunks", "byte") as (url, _):
        assert [finding.code for finding in check(post(url)).findings] == ["AG602"]


def test_two_signals_at_once_end_it() -> None:
    for _ in range(4):  # about every second pair was lost
        with replaying(TEXT) as (_, program):
            for number in (signal.SIGINT, signal.SIGTERM):
                program.send_signal(number)
            assert program.wait(60) in (0, -signal.SIGTERM)  # the second may find it on its way out


def test_a_seed_draws_another_place() -> None:
    bodies = set()
    for seed in ("1", "2"):
        with replaying(TEXT, "--speed", "0", "--fault", "SC807", "--seed", seed) as (url, _):
            bodies.add(post(url))
    assert len(bodies) > 1


def test_chaos_says_what_it_did_to_which_request() -> None:
    with replaying(TEXT, "--speed", "0", "--rate", "0.5", "--seed", "5", "--fault", "MD301", "--fault", "AG602") as (
        url,
        program,
    ):
        codes = [[finding.code for finding in check(post(url)).findings] for _ in range(12)]
        program.send_signal(signal.SIGINT)
        said = program.stderr.read() if program.stderr else ""
        said += program.stdout.read() if program.stdout else ""
    told = {int(number): code for number, code in re.findall(r"request (\d+): (\w+) \(", said)}
    assert told == {n: found[0] for n, found in enumerate(codes, 1) if found}
    assert 0 < len(told) < 12


def test_the_bench_is_served() -> None:
    with replaying("--bench", "--speed", "0") as (url, _):
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        assert client.responses.create(model="m", input="hi").output_text == "Hello, world."
        body = post(url.replace("/text/", "/NS201/"))
    assert [finding.code for finding in check(body).findings] == ["NS201"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((TEXT, "--fault", "MD399"), "MD399 cannot be planted: there is no fault 'MD399'; did you mean MD3"),
        ((TEXT, "--fault", "zzz"), "there is no fault 'zzz' (`responses-tap replay --list` lists all)"),
        ((TEXT, "--fault", "MD303"), "cannot be played with this fault: MD303 cannot be planted in this stream"),
        ((TEXT, "--fault", "AG601@2"), "AG601 cannot be planted at event 2 (response.output_item.added); it can at"),
        ((TEXT, "--fault", "stall=x"), "stall=x: expected a time up to an hour, like 30s or 200ms"),
        ((TEXT, "--fault", "TR906"), "TR906 is about the transport: take content-type"),
        ((TEXT, "--fault", ""), "is not NAME[=ARG][@EVENT]"),
        ((TEXT, "--fault", "MD303", "--rate", "0.5"), "it needs response.refusal.done"),
        ((TEXT, "--rate", "2"), "2.0 is not in the range 0<=x<=1"),
        ((), "Missing argument 'STREAM'. (--bench needs none.)"),
        (("--bench", TEXT), "--bench takes no STREAM"),
        (("--bench", "--fault", "MD301"), "--bench takes no STREAM"),
        (("no-such-file.sse", "--fault", "MD301"), "no-such-file.sse"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2(arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_a_hostile_name_is_shown_safely() -> None:
    result = run(TEXT, "--fault", "MD\x1b]0;x\x07\n301")
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_faults_are_listed_and_completed() -> None:
    listed = run("--list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [*FAULTS, *TRANSPORT_FAULTS]
    result = CliRunner().invoke(
        main, [], prog_name="responses-tap",
        env={"_RESPONSES_TAP_COMPLETE": "bash_complete", "COMP_CWORD": "3",
             "COMP_WORDS": "responses-tap replay --fault rech"},
    )  # fmt: skip
    assert "rechunk=byte" in result.stdout


def test_a_refused_response_can_have_faults_of_the_transport(tmp_path: Path) -> None:
    har = {"startedDateTime": "2026-01-01T00:00:00Z", "time": 5,
           "request": {"method": "POST", "url": "https://h.example/v1/responses", "headers": []},
           "response": {"status": 400, "headers": [{"name": "content-type", "value": "application/json"}],
                        "content": {"mimeType": "application/json", "text": '{"error":{"message":"no"}}'}}}  # fmt: skip
    file = tmp_path / "a.har"
    file.write_text(json.dumps({"log": {"version": "1.2", "entries": [har]}}))
    with replaying(str(file), "--speed", "0", "--fault", "retry-after=3") as (url, _):
        assert json.loads(post(url)) == {"error": {"message": "no"}}
    assert "cannot be planted in this stream" in run(str(file), "--fault", "MD301").stderr
