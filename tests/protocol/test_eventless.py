"""Whoever's client saw no event, an error or garbage gets one finding, wherever it was seen."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import CLEAN, RECORDINGS, events_of
from tests.exchanges import har, play, run
from tests.feeding import FeedLoop
from tests.upstream import Upstream, head, rows

from responses_tap import check, open_recording

JSON, SSE = "application/json", "text/event-stream"
RESPONSE = events_of(CLEAN[0])[-1]["response"]
WHOLE = json.dumps(RESPONSE).encode()
HTML = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n"
GARBAGE = [
    (b"", "empty"),
    (b"\r\n\n", "empty"),
    (b"hello", "plain text (hello)"),
    (HTML, "HTML ("),
    (b'<?xml version="1.0"?><Error/>', "XML ("),
    (b'{"error": {"message": "no key"}}', "an error in JSON ("),
    (WHOLE, "a whole response in JSON ("),
    (b"null", "JSON (null)"),
    (b'{"id": "resp_1", "obj', "JSON that is damaged or cut ("),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "binary data ("),
    (b": ping\n\n: ping\n\n", "an event stream without data ("),
    (b"event: ping\n\n", "an event stream without data ("),
    (b"data: [DONE]\n\n", "an event stream with nothing but [DONE] ("),
    (b'data: {"type":"respon', "an event stream without a whole event ("),
    (b'\xef\xbb\xbf{"detail": "Not Found"}', "an error in JSON (Not Found)"),
]


@pytest.mark.parametrize(("data", "what"), GARBAGE, ids=lambda value: repr(value)[:30])
def test_a_body_without_an_event_is_one_finding_that_says_what_it_is(data: bytes, what: str) -> None:
    for form in (data, bytearray(data), *([data.decode()] if data.isascii() else [])):
        report = check(form)
        assert not report.ok
        (finding,) = report.findings
        assert (finding.code, finding.severity, finding.position) == ("LC110", "error", None)
        assert f"it is {what}" in finding.message


def test_no_events_at_all_are_one_finding_too() -> None:
    assert [finding.code for finding in check([]).findings] == ["LC110"]
    assert [finding.code for finding in check(RESPONSE).findings] == ["LC110"]


def test_a_long_body_is_quoted_in_part() -> None:
    assert len(check(b"x" * 100_000).findings[0].message) < 200


@pytest.mark.parametrize(
    ("status", "kind", "content", "words"),
    [
        (
            404,
            JSON,
            b'{"error": {"message": "The model `m` does not exist"}}',
            "HTTP 404: The model `m` does not exist",
        ),
        (422, JSON, b'{"detail": [{"msg": "Field required"}]}', "HTTP 422: Field required"),
        (502, "text/html", HTML, "HTTP 502: 502 Bad Gateway"),
        (503, JSON, b"", "HTTP 503 with an empty body"),
        (500, "text/plain", b"Internal Server Error", "HTTP 500: Internal Server Error"),
        (429, SSE, b": ping\n\n", "HTTP 429: : ping"),
        (200, JSON, WHOLE, "a whole response in JSON"),
        (200, "text/html", HTML, "it is HTML"),
        (200, SSE, b"", "it is empty"),
    ],
)
def test_the_fixture_fails_on_what_is_no_stream(
    responses_tap: Any, status: int, kind: str, content: bytes, words: str
) -> None:
    answer = head(f"content-type: {kind}", f"content-length: {len(content)}", status=f"{status} So")
    with Upstream(v1=lambda connection: connection.sendall(answer + content)) as upstream:
        client = http.client.HTTPConnection(upstream.url.removeprefix("http://"))
        client.request("POST", "/v1/responses")
        with pytest.raises(pytest.fail.Exception) as failure:
            responses_tap.check(client.getresponse())
        client.close()
    assert str(failure.value).count("✖") == 1
    assert ("LC110" if status == 200 else "TR907") in str(failure.value)
    assert words in " ".join(str(failure.value).split())


@pytest.mark.parametrize("data", [b": ping\n\n", b"data: [DONE]\n\n", b'data: {"type":"respon', b"event: x\r\n\r\n"])
def test_an_event_stream_without_events_is_a_finding_and_exit_1(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "stream.sse"
    file.write_bytes(data)
    for done in (run("check", file, "--format", "json"), run("check", "-", "--format", "json", stdin=data)):
        assert (done.exit_code, done.stderr) == (1, "")
        (stream,) = json.loads(done.stdout)["streams"]
        assert (stream["events"], stream["state"]) == (0, "truncated")
        assert [(found["code"], found["position"]) for found in stream["findings"]] == [("LC110", None)]
    shown = run("show", file)
    assert shown.exit_code == 0
    assert "LC110" in shown.stdout


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n\x00",
        b"import os\n",
        b"# Title\n\ntext\n",
        b":orphan:\n\nTitle\n=====\n",
        b"id: 1\nname: x\n",
    ],
)
def test_another_kind_of_file_is_unusable_input(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "file.txt"
    file.write_bytes(data)
    done = run("check", file)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1


STREAMED = {"model": "m", "stream": True}
ENTRIES = [
    (("/v1/responses", 200, SSE, b"hello", STREAMED), ["LC110"]),
    (("/v1/responses", 200, SSE, b": ping\n\n", STREAMED), ["LC110"]),
    (("/v1/responses", 200, "text/html", HTML, {"model": "m"}), ["LC110"]),
    (("/v1/responses", 200, JSON, b"null", {"model": "m"}), ["LC110"]),
    (("/v1/responses", 200, JSON, WHOLE, STREAMED), ["TR916"]),
    (("/v1/responses", 200, SSE, WHOLE, {"model": "m"}), ["LC110"]),
    (("/v1/responses", 200, JSON, WHOLE, {"model": "m"}), []),
    (("/v1/responses", 200, JSON, WHOLE, None), []),
    (("/v1/responses", 429, JSON, b'{"error":{"message":"slow down"}}', STREAMED), ["TR907"]),
]


@pytest.mark.parametrize(("entry", "codes"), ENTRIES, ids=lambda value: str(value)[:50])
def test_a_har_entry_that_is_garbage_is_a_finding_in_every_report(
    tmp_path: Path, entry: tuple[str, int, str, bytes, Any], codes: list[str]
) -> None:
    file, db = tmp_path / "a.har", tmp_path / "r.db"
    file.write_text(json.dumps(har(entry)))
    assert run("import", file, "--db", db).exit_code == 0
    for path in (file, db):
        done = run("check", path, "--format", "json")
        assert done.exit_code == (1 if codes else 0), done.output
        (stream,) = json.loads(done.stdout)["streams"]
        assert [found["code"] for found in stream["findings"]] == codes
        for format_ in ("text", "junit", "sarif", "github"):
            assert all(code in run("check", path, "--format", format_).stdout for code in codes)
        for format_ in ("md", "html", "json"):
            done = run("export", path, "--format", format_)
            assert done.exit_code == 0, done.output
            assert all(code in done.stdout for code in codes)
    for option in ("--redact-text", "--structure-only"):
        redacted = json.loads(run("export", db, "--format", "json", option).stdout)
        assert [found["code"] for found in redacted["streams"][0]["findings"]] == codes
    assert "0 changed" in run("recheck", db).stdout


def test_streams_of_others_in_a_har_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "a.har"
    entries = [("/events", 200, SSE, b": ping\n\n", None), ENTRIES[-3][0]]
    file.write_text(json.dumps(har(*entries)))
    done = run("check", file, "--format", "json")
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)["streams"]) == 1


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nhello", ["LC110"]),
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n" + HTML, ["LC110"]),
        (
            b"HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\n\r\n" + b'{"error":{"message":"no"}}',
            ["TR907"],
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + WHOLE, []),
    ],
)
def test_what_curl_printed_is_judged(answer: bytes, codes: list[str]) -> None:
    done = run("check", "-", "--format", "json", stdin=answer)
    assert [found["code"] for s in json.loads(done.stdout)["streams"] for found in s["findings"]] == codes
    assert done.exit_code == (1 if codes else 0)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@pytest.fixture
def feeder(db: Path) -> Iterator[FeedLoop]:
    feeder = FeedLoop(db, lambda notice: None)
    yield feeder
    feeder.close()


def test_the_recorder_judges_them_as_recheck_does(feeder: FeedLoop, db: Path) -> None:
    for (_, status, kind, data, asked), _ in ENTRIES:
        play(feeder, status, kind, data, asked)
    play(feeder, 200, SSE, b"", STREAMED)
    play(feeder, None, "", b"", STREAMED, ended_by="network")
    feeder.close()
    expected = [*(codes[0] if codes else None for _, codes in ENTRIES), "LC110", "LC110"]
    assert [row.first_code for row in rows(db)] == expected
    assert [row.errors for row in rows(db)] == [int(code is not None) for code in expected]
    with open_recording(db) as recording:
        live = [[finding.facts() for finding in recording.findings(row.id)] for row in rows(db)]
    assert f"Rechecked {len(expected)} streams with rules 2026-12: 0 changed" in run("recheck", db).stdout
    with open_recording(db) as recording:
        assert [[finding.facts() for finding in recording.findings(row.id)] for row in rows(db)] == live
    assert "slow down" in live[8][0]["message"]
    done = run("check", db, "--format", "json")
    assert done.exit_code == 1
    assert [s["findings"][0]["code"] if s["findings"] else None for s in json.loads(done.stdout)["streams"]] == expected


def test_nobody_is_accused_where_the_client_left_first(feeder: FeedLoop, db: Path) -> None:
    for data in (b"", b": ping\n\n", b'{"id"', b"<html"):
        play(feeder, 200, SSE, data, STREAMED, ended_by="client")
    play(feeder, 200, JSON, b"{", {"model": "m"}, ended_by="client")
    feeder.close()
    assert [row.first_code for row in rows(db)] == [None] * 5
    assert run("check", db).exit_code == 0


def test_garbage_is_not_listed_as_completed(feeder: FeedLoop, db: Path) -> None:
    play(feeder, 200, "text/html", HTML, STREAMED)
    play(feeder, 200, JSON, b"null", {"model": "m"})
    feeder.close()
    assert [row.state for row in rows(db)] == ["truncated", "truncated"]


def test_the_samples_have_one_of_them() -> None:
    done = run("check", RECORDINGS / "broken/LC110-no-events.sse")
    assert done.exit_code == 1
    assert "LC110 no-events" in done.stdout


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"error": {"message": "Model `m` does not exist", "code": 404}}', "an error in JSON (Model `m` does"),
        (b'{"error": "no key"}\n', "an error in JSON (no key)"),
        (b'{"detail": "Model \'nope\' not found."}', "an error in JSON (Model 'nope' not found.)"),
        (b'{"message": "Forbidden"}', "an error in JSON (Forbidden)"),
        (b'{\n  "error": {\n    "message": "no key"\n  }\n}\n', "an error in JSON (no key)"),
        (b'[{"error": {"code": 400, "message": "API key not valid."}}]', "an error in JSON (API key not valid.)"),
        (b"null\n", "JSON (null)"),
        (b'data: {"error": {"message": "no key"}}\n\n', "an error was sent without a type: no key"),
        (b"event: error\ndata: no key\n\n", "an error was sent without a type: no key"),
    ],
    ids=repr,
)
def test_a_file_with_an_error_is_a_finding_with_its_words(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "answer.json"
    file.write_bytes(data)
    done = run("check", file, "--format", "json")
    assert (done.exit_code, done.stderr) == (1, "")
    (stream,) = json.loads(done.stdout)["streams"]
    (found,) = stream["findings"]
    assert message in found["message"]
    assert message in " ".join(run("show", file).stdout.split())


@pytest.mark.parametrize("data", [b'{"name": "left-pad", "message": "x"}', b'{"detail": {"a": 1}}', b"[1, 2]", b"{}"])
def test_other_json_is_another_kind_of_file(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "package.json"
    file.write_bytes(data)
    done = run("check", file)
    assert (done.exit_code, done.stdout.count("✖")) == (2, 0)
    assert "JSON" in done.stderr
