"""The formats of streams: each is recognised by its content and read completely, with the same findings."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import BROKEN, CLEAN, RECORDINGS, events_of

from responses_tap.formats import UnrecognizedFormat
from responses_tap.formats.recognition import recognise
from responses_tap.protocol.sse import decode
from responses_tap.store import open_recording
from responses_tap.stream.model import Skipped, Stream
from responses_tap_viewer.actions.recording.samples import record_samples
from responses_tap_viewer.cli import main

TEXT = RECORDINGS / "clean/text.sse"
SEED = RECORDINGS / "broken/llamastack-before-pr5308.sse"
SEED_CODES = ["NS201", "NS205", "MD301"]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
NOT_SSE = {"TR901", "TR902", "TR903", "TR904", "TR905", "TR906", "TR907", "TR910", "TR911", "TR912", "TR914"}


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [*arguments], input=stdin)


def read(content: bytes) -> list[tuple[Stream | Skipped, list[bytes]]]:
    found: list[tuple[Stream | Skipped, list[bytes]]] = []
    for stream in recognise(io.BytesIO(content)).streams:
        frames = [taken.frame.raw for taken in stream.frames] if isinstance(stream, Stream) else []
        found.append((stream, frames))
    return found


def check(path: Path) -> list[dict[str, Any]]:
    result = run("check", str(path), "--format", "json")
    assert result.exit_code < 2, result.stderr
    return json.loads(result.stdout)["streams"]


def codes(path: Path) -> list[str]:
    return [finding["code"] for stream in check(path) for finding in stream["findings"]]


def har_entry(body: bytes, *, encoding: str | None = None, url: str = "https://api.x/v1/responses") -> dict[str, Any]:
    text = base64.b64encode(body).decode() if encoding else body.decode()
    return {
        "startedDateTime": "2026-01-02T03:04:05.678+01:00",
        "time": 1500.5,
        "request": {
            "method": "POST",
            "url": url,
            "httpVersion": "HTTP/2",
            "headers": [{"name": "Authorization", "value": "Bearer sk-verysecretkey0123456789"}],
            "postData": {"mimeType": "application/json", "text": '{"model": "m", "stream": true}'},
        },
        "response": {
            "status": 200,
            "headers": [{"name": "content-type", "value": "text/event-stream"}],
            "content": {"mimeType": "text/event-stream", "text": text} | ({"encoding": encoding} if encoding else {}),
        },
    }


def har(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()


def json_lines(sample: Path) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events_of(sample))


@pytest.mark.parametrize("sample", CLEAN, ids=lambda sample: sample.stem)
def test_bare_events_and_a_har_are_as_clean_as_the_stream(sample: Path, tmp_path: Path) -> None:
    for name, content in (("a.jsonl", json_lines(sample)), ("b.json", json.dumps(events_of(sample)).encode())):
        (tmp_path / name).write_bytes(content)
        assert codes(tmp_path / name) == []
    (tmp_path / "c.har").write_bytes(har(har_entry(sample.read_bytes(), encoding="base64")))
    assert codes(tmp_path / "c.har") == []


@pytest.mark.parametrize("sample", BROKEN, ids=lambda sample: sample.stem)
def test_each_broken_sample_is_as_broken_in_every_format(sample: Path, tmp_path: Path) -> None:
    body = sample.read_bytes()
    expected = codes(sample)
    bodies = {"c.har": har(har_entry(body, encoding="base64")), "d.txt": HEAD + body}
    if not NOT_SSE.intersection(expected) and b"[DONE]" not in body:
        bodies["a.jsonl"] = json_lines(sample)
    for name, content in bodies.items():
        (tmp_path / name).write_bytes(content)
        assert codes(tmp_path / name) == expected, name


def test_json_lines_name_a_broken_line_and_tolerate_a_truncated_one(tmp_path: Path) -> None:
    lines = json_lines(TEXT).splitlines(keepends=True)
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"".join([*lines[:3], b"oops\n", *lines[3:]]))
    result = run("check", str(file))
    assert result.exit_code == 2
    assert "has no JSON object in line 4" in result.stderr
    file.write_bytes(b"".join(lines[:-1]) + lines[-1][:40])
    assert codes(file) == ["LC103"]


def test_the_open_responses_profile_requires_no_done_marker_of_bare_events(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(json_lines(TEXT))
    db = tmp_path / "a.db"
    assert run("import", str(file), "--db", str(db)).exit_code == 0
    run("recheck", str(db), "--profile", "open-responses")
    for path in (file, db):
        assert "TR909" not in run("check", str(path), "--profile", "open-responses").stdout
    with open_recording(db) as imported:
        assert imported.findings(1) == []


CURL_V = b"""\
  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current
                                 Dload  Upload   Total   Spent    Left  Speed
  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0* Host localhost:8321 was resolved.
*   Trying 127.0.0.1:8321...
> POST /v1/responses HTTP/1.1\r
> Host: localhost:8321\r
> Authorization: Bearer sk-verysecretkey0123456789\r
> \r
} [52 bytes data]
< HTTP/1.1 100 Continue\r
< \r
< HTTP/1.1 200 OK\r
< content-type: text/event-stream\r
<\x20\r
{ [1234 bytes data]
"""


def test_curls_own_lines_are_distinguished_from_the_body(tmp_path: Path) -> None:
    body = SEED.read_bytes()
    cut = body.index(b"\n\n") + 2
    noisy = (
        CURL_V + body[:cut] + b"{ [99 bytes data]\n" + body[cut:] + b"* Connection #0 to host localhost left intact\n"
    )
    ((stream, frames),) = read(noisy)
    assert isinstance(stream, Stream)
    assert b"".join(frames) == body
    assert (stream.request.method, stream.request.url) == ("POST", "http://localhost:8321/v1/responses")
    assert stream.response.status == 200
    file = tmp_path / "curl.txt"
    file.write_bytes(noisy)
    assert codes(file) == SEED_CODES
    assert codes(file) == codes(SEED)


def test_several_responses_of_curl_are_several_streams_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "twice.txt"
    file.write_bytes(HEAD + TEXT.read_bytes() + HEAD + SEED.read_bytes())
    first, second = check(file)
    assert (first["index"], second["index"]) == (0, 1)
    assert [finding["code"] for finding in second["findings"]] == SEED_CODES
    shown = run("show", f"{file}#1")
    assert "MD301" in shown.stdout
    annotation = run("check", str(file), "--format", "github").stdout
    lines = (HEAD + TEXT.read_bytes() + HEAD + SEED.read_bytes()).splitlines()
    line = int(annotation.partition("line=")[2].partition(",")[0])
    assert b"content_part.added" in lines[line - 1]


def test_an_error_response_of_curl_is_reported_as_one(tmp_path: Path) -> None:
    file = tmp_path / "error.txt"
    file.write_bytes(b'HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\n\r\n{"error": {}}\n')
    assert check(file)[0]["state"] == "http-error"


def test_a_har_names_what_it_could_not_read(tmp_path: Path) -> None:
    bare = har_entry(TEXT.read_bytes())
    del bare["response"]["content"]["text"]
    garbled = har_entry(TEXT.read_bytes(), encoding="base64")
    garbled["response"]["content"]["text"] = "%%%"
    page = har_entry(b"<html>")
    page["request"]["url"] = "https://x/index.html"
    page["response"] |= {"headers": [], "content": {"mimeType": "text/html", "text": "<html>"}}
    file = tmp_path / "a.har"
    file.write_bytes(har(page, bare, garbled, har_entry(SEED.read_bytes()), {"request": 1}))
    result = run("check", str(file), "--format", "json")
    assert result.exit_code == 2
    assert "entry 0: no event stream" in result.stderr
    assert "entry 1 has no response body" in result.stderr
    assert "entry 2 has content that is not base64" in result.stderr
    assert "entry 4 is damaged" in result.stderr
    report = json.loads(result.stdout)
    assert [finding["code"] for finding in report["streams"][0]["findings"]] == SEED_CODES
    assert len(report["errors"]) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"log": {"entries": []}}', "HAR without entries"),
        (b'{"format": "responses-tap trace", "version": 9}', "trace of version 9"),
        (b'{"a":\n 1,,}', "breaks in line 2"),
        (b"[1, 2]", "element 0 is not an object"),
        (b'{"type": "user"}\n{"type": "assistant"}\n', "without an event of the Responses API"),
        (b"* Trying\n> POST /x HTTP/1.1\n> \n", "no response"),
        (b'["\xff"]', "not UTF-8"),
    ],
)
def test_other_formats_are_named(content: bytes, words: str) -> None:
    with pytest.raises(UnrecognizedFormat, match=words):
        read(content)


def test_a_folder_is_read_entirely_and_other_files_in_it_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(json_lines(TEXT))
    (tmp_path / "b.json").write_text('{"name": "package"}')
    (tmp_path / "c.txt").write_text("notes")
    result = run("check", str(tmp_path))
    assert result.exit_code == 0
    assert len(result.stderr.splitlines()) == 2
    assert "b.json is passed over: it is JSON" in result.stderr
    (tmp_path / "a.jsonl").unlink()
    assert run("check", str(tmp_path)).exit_code == 2


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("import") / "demo.db"
    record_samples(db)
    return db


def test_a_trace_is_read_back_without_loss(recording: Path, tmp_path: Path) -> None:
    with open_recording(recording) as demo:
        ids = demo.stream_ids()
    names = [f"{recording}#{id_}" for id_ in ids]
    trace = tmp_path / "trace.json"
    assert run("export", *names, "--format", "json", "-o", str(trace)).exit_code == 0
    back = tmp_path / "back.db"
    result = run("import", str(trace), "--db", str(back))
    assert result.exit_code == 0, result.stderr
    assert f"{trace}: a trace of responses-tap → {back}#1, " in result.stdout
    again = run("export", *(f"{back}#{n}" for n in range(1, len(ids) + 1)), "--format", "json").stdout
    own = {"source", "id"}
    streams = [
        [{key: value for key, value in stream.items() if key not in own} for stream in json.loads(text)["streams"]]
        for text in (trace.read_text(), again)
    ]
    assert streams[0] == streams[1]
    with open_recording(recording) as demo, open_recording(back) as copy:
        for id_, stream in zip(ids, copy.streams(), strict=True):
            original = demo.stream(id_)
            assert original is not None
            for name in (
                "shape",
                "event_count",
                "input_tokens",
                "wire_size",
                "first_byte_ns",
                "errors",
                "host",
                "model",
            ):
                assert getattr(stream, name) == getattr(original, name), name
            assert stream.source.startswith("imported from ")
    assert "0 changed" in run("recheck", str(back)).stdout


def test_an_import_masks_secrets_keeps_times_and_continues_with_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.har").write_bytes(har(har_entry(SEED.read_bytes())))
    (tmp_path / "bad.sse").write_bytes(b"hello\n")
    db = tmp_path / "a.db"
    result = run("import", str(tmp_path / "bad.sse"), str(tmp_path / "a.har"), str(TEXT), "--db", str(db))
    assert result.exit_code == 2
    assert "bad.sse has no `data:` line" in result.stderr
    assert len(result.stdout.splitlines()) == 2
    with open_recording(db) as imported:
        stream = imported.stream(1)
        assert stream is not None
        assert stream.started_at == "2026-01-02T02:04:05.678000Z"
        assert stream.end_ns == 1_500_500_000
        assert (stream.model, stream.host, stream.state) == ("m", "api.x", "completed")
        assert [finding.code for finding in imported.findings(1)] == SEED_CODES
        assert imported.body(1) == SEED.read_bytes()
        assert imported.body(2) == TEXT.read_bytes()
    assert b"verysecret" not in db.read_bytes()
    assert "0.000" not in run("show", f"{db}#1").stdout  # a foreign HAR does not tell when its events came


def test_a_file_without_a_stream_creates_no_recording(tmp_path: Path) -> None:
    (tmp_path / "bad.sse").write_bytes(b"hello\n")
    assert run("import", str(tmp_path / "bad.sse"), "--db", str(tmp_path / "a.db")).exit_code == 2
    assert not (tmp_path / "a.db").exists()


def test_an_import_that_breaks_off_keeps_what_preceded(tmp_path: Path) -> None:
    lines = [b'{"type": "response.output_text.delta"}\n'] * 100
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines) + b"oops\n")
    db = tmp_path / "a.db"
    result = run("import", str(tmp_path / "a.jsonl"), "--db", str(db))
    assert result.exit_code == 2
    assert "line 101" in result.stderr
    with open_recording(db) as imported:
        (stream,) = imported.streams()
        assert (stream.event_count, stream.state) == (100, "truncated")
        assert "line 101" in str(stream.end_reason)


_LINES = st.sampled_from(
    [b"data: {", b'data: {"type":"response.created"}', b": ping", b"event: a", b"data: [DONE]", b"\xff", b"", b"id: 1"]
)
_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_LINES, _ENDS), max_size=12))
def test_any_body_is_read_back_from_a_trace_frame_by_frame(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[bytes, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    body = b'data: {"type":"response.created"}\n\n' + b"".join(line + end for line, end in parts)
    file = folder / "a.sse"
    file.write_bytes(body)
    trace = run("export", str(file), "--format", "json")
    if trace.exit_code == 2:  # several responses
        return
    ((_, frames),) = read(trace.stdout.encode())
    assert frames == [frame.raw for frame in decode([body])]
    (folder / "t.json").write_text(trace.stdout)
    assert codes(folder / "t.json") == codes(file)


def test_a_response_in_json_is_checked_as_an_object(tmp_path: Path) -> None:
    whole = events_of(TEXT)[-1]["response"]
    (right := tmp_path / "right.json").write_text(json.dumps(whole, indent=2))
    (thin := tmp_path / "thin.json").write_text(json.dumps({k: v for k, v in whole.items() if k != "id"}))
    done = run("check", str(right), str(thin), "--format", "json")
    streams = json.loads(done.stdout)["streams"]
    assert done.exit_code == 1
    assert [stream["state"] for stream in streams] == ["completed", "completed"]
    assert [[finding["code"] for finding in stream["findings"]] for stream in streams] == [[], ["SC810"]]
