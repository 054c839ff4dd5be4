"""Files of other programs: flow files, cassettes, gzip. Their streams are found; damage is reported."""

import base64
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow, tutils
from ruamel.yaml import YAML
from tests.conftest import BROKEN, CLEAN, RECORDINGS, events_of

from responses_tap.formats import UnrecognizedFormat, cassettes, json_documents
from responses_tap.formats.recognition import recognise
from responses_tap.store import open_recording
from responses_tap.stream.model import Skipped, Stream
from responses_tap_viewer.cli import main

TEXT = RECORDINGS / "clean/text.sse"
SEED = RECORDINGS / "broken/llamastack-before-pr5308.sse"
SEED_CODES = ["NS201", "NS205", "MD301"]
KEY = "Bearer sk-verysecretkey0123456789"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def read(content: bytes) -> tuple[str, list[tuple[Stream | Skipped, bytes]]]:
    kind, streams = recognise(io.BytesIO(content))
    return kind, [
        (found, b"".join(taken.frame.raw for taken in found.frames) if isinstance(found, Stream) else b"")
        for found in streams
    ]


def codes(path: Path) -> list[str]:
    result = run("check", path, "--format", "json")
    assert result.exit_code < 2, result.stderr
    return [finding["code"] for stream in json.loads(result.stdout)["streams"] for finding in stream["findings"]]


def flow(body: bytes | None, *, path: bytes = b"/v1/responses", encoding: str = "") -> Any:
    headers = [(b"content-type", b"text/event-stream")]
    made = tflow.tflow(
        req=tutils.treq(
            scheme=b"https",
            port=443,
            host="api.x",
            authority=b"",
            method=b"POST",
            path=path,
            headers=((b"host", b"api.x"), (b"authorization", KEY.encode())),
            content=b'{"model": "m"}',
            timestamp_start=1790000000.0,
        ),
        resp=tutils.tresp(
            headers=headers,
            content=body,
            timestamp_start=1790000000.25,
            timestamp_end=1790000001.5,
            http_version=b"HTTP/2.0",
        ),
    )
    if encoding:
        made.response.encode(encoding)
    return made


def flows(*flows: Any) -> bytes:
    file = io.BytesIO()
    for one in flows:
        FlowWriter(file).add(one)
    return file.getvalue()


def test_a_flow_file_yields_its_streams_with_their_times(tmp_path: Path) -> None:
    file = tmp_path / "a.flow"
    page = flow(b"<html>", path=b"/index.html")
    page.response.headers["content-type"] = "text/html"
    file.write_bytes(flows(page, flow(SEED.read_bytes(), encoding="gzip"), tflow.ttcpflow(), flow(TEXT.read_bytes())))
    assert codes(file) == SEED_CODES
    db = tmp_path / "a.db"
    result = run("import", file, "--db", db)
    assert result.exit_code == 0
    assert result.stdout == f"{file}: a flow file of mitmproxy → {db}#1, {db}#2\n"
    assert result.stderr == f"responses-tap: {file} flow 0, flow 2: no event stream\n"
    with open_recording(db) as recording:
        stream = recording.stream(1)
        assert stream is not None
        assert recording.body(1) == SEED.read_bytes()
        assert (stream.method, stream.url, stream.http_version) == ("POST", "https://api.x/v1/responses", "HTTP/1.1")
        assert (stream.status, stream.host, stream.model) == (200, "api.x", "m")
        assert stream.started_at.startswith("2026-09-21T")
        assert (stream.first_byte_ns, stream.end_ns) == (250_000_000, 1_500_000_000)
    assert b"verysecret" not in db.read_bytes()


def test_a_flow_without_a_body_is_reported_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "a.flow"
    pending, sockets = flow(b""), tflow.twebsocketflow()
    pending.response = None
    sockets.request.path = "/v1/responses"
    file.write_bytes(flows(flow(None), pending, sockets))
    result = run("check", file)
    assert result.exit_code == 2
    first, second, third = result.stderr.splitlines()
    assert "flow 0 has no response body; mitmproxy streamed it through" in first
    assert "store_streamed_bodies" in first
    assert "flow 1 has no response (it was still open)" in second
    assert "flow 2 is a WebSocket" in third


def test_a_client_that_left_is_reported_as_in_the_flow(tmp_path: Path) -> None:
    file = tmp_path / "a.flow"
    left = flow(SEED.read_bytes()[:2000])
    left.error = tflow.terr("Client disconnected.")
    file.write_bytes(flows(left))
    assert "LC103" not in codes(file)
    left.error = None
    file.write_bytes(flows(left))
    assert "LC103" in codes(file)


type Wrap = Callable[[bytes], Any]

BODIES: dict[str, Wrap] = {
    "vcrpy": lambda body: {"string": body.decode()},
    "vcrpy, binary": lambda body: {"string": body},
    "vcrpy, as it came": lambda body: {"string": gzip.compress(body)},
    "betamax": lambda body: {"encoding": None, "base64_string": base64.encodebytes(body).decode()},
    "ruby": lambda body: {"encoding": "UTF-8", "string": body.decode()},
    "go": lambda body: body.decode(),
}


def made_cassette(layout: str, *bodies: bytes, content_type: str = "text/event-stream") -> dict[str, Any]:
    """A cassette in the layout of this program."""
    lists = layout != "go"
    headers = {"Content-Type": content_type} | ({"Content-Encoding": "gzip"} if "came" in layout else {})
    found = [
        {
            "request": {
                "method": "post" if layout == "ruby" else "POST",
                "url" if layout == "go" else "uri": "https://api.x/v1/responses",
                "body": '{"model": "m"}' if layout in ("vcrpy", "go") else {"string": '{"model": "m"}'},
                "headers": {"Authorization": [KEY] if lists else KEY},
            },
            "response": {
                "status": "200 OK" if layout == "go" else {"code": 200, "message": "OK"},
                "headers": {name: [value] if lists else value for name, value in headers.items()},
                "body": BODIES[layout](body),
            }
            | ({"code": 200, "duration": "1m2.5s"} if layout == "go" else {}),
        }
        | ({"recorded_at": "Thu, 01 Jan 2026 02:03:04 GMT"} if layout in ("ruby", "betamax") else {})
        for body in bodies
    ]
    return {"http_interactions" if layout in ("ruby", "betamax") else "interactions": found, "version": 1}


def yaml(document: Any) -> bytes:
    file = io.BytesIO()
    YAML(typ="safe", pure=True).dump(document, file)
    return file.getvalue()


def shapes(layout: str, *bodies: bytes) -> dict[str, bytes]:
    made = made_cassette(layout, *bodies)
    found = {"a.yaml": yaml(made), "b.yaml.gz": gzip.compress(yaml(made))}
    if "binary" not in layout and "came" not in layout:
        found["c.json"] = json.dumps(made).encode()
    return found


@pytest.mark.parametrize("layout", BODIES)
def test_a_cassette_of_every_layout_gives_facts_and_findings_of_the_stream(layout: str, tmp_path: Path) -> None:
    for name, content in shapes(layout, TEXT.read_bytes(), SEED.read_bytes()).items():
        file, db = tmp_path / name, tmp_path / f"{name}.db"
        file.write_bytes(content)
        assert codes(file) == SEED_CODES
        result = run("import", file, "--db", db)
        assert result.exit_code == 0, result.stderr
        assert f"{file}: a VCR cassette in {'JSON' if 'json' in name else 'YAML'}" in result.stdout
        with open_recording(db) as recording:
            row = recording.stream(2)
            assert row is not None
            assert recording.body(2) == SEED.read_bytes()
            assert (row.method, row.url, row.status) == ("POST", "https://api.x/v1/responses", 200)
            assert (row.model, row.state, row.event_count) == ("m", "completed", 13)
            assert [finding.code for finding in recording.findings(2)] == SEED_CODES
            if layout in ("ruby", "betamax"):
                assert row.started_at == "2026-01-01T02:03:04.000000Z"
            if layout == "go":
                assert row.end_ns == 62_500_000_000
        assert b"verysecret" not in db.read_bytes()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(CLEAN + BROKEN), st.sampled_from(["vcrpy", "vcrpy, binary", "betamax"]))
def test_a_stream_from_a_cassette_has_the_facts_and_findings_of_the_original(
    tmp_path_factory: pytest.TempPathFactory, sample: Path, layout: str
) -> None:
    body = sample.read_bytes()
    if layout == "vcrpy" and _undecodable(body):
        return
    folder = tmp_path_factory.mktemp("cassette")
    (folder / "a.yaml").write_bytes(yaml(made_cassette(layout, body)))
    assert run("import", sample, folder / "a.yaml", "--db", folder / "a.db").exit_code == 0
    with open_recording(folder / "a.db") as recording:
        direct, played = recording.streams()
        for name in ("state", "ended_by", "end_reason", "event_count", "response_id", "shape", "first_code"):
            assert getattr(played, name) == getattr(direct, name), name
        assert (played.input_tokens, played.output_tokens) == (direct.input_tokens, direct.output_tokens)
        assert recording.body(played.id) == body
        found = [
            [(finding.code, finding.severity, finding.position, finding.message, finding.count) for finding in findings]
            for findings in (recording.findings(played.id), recording.findings(direct.id))
        ]
        assert found[0] == found[1]


def _undecodable(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return True
    return False


def test_what_a_cassette_lacks_is_named_with_its_line(tmp_path: Path) -> None:
    made = made_cassette("vcrpy", SEED.read_bytes(), b"", SEED.read_bytes(), SEED.read_bytes())
    made["interactions"][2]["response"]["body"] = {"base64_string": "%%%"}
    del made["interactions"][3]["response"]
    file = tmp_path / "a.yaml"
    file.write_bytes(yaml(made))
    result = run("check", file, "--format", "json")
    assert result.exit_code == 2
    report = json.loads(result.stdout)
    assert [finding["code"] for finding in report["streams"][0]["findings"]] == SEED_CODES
    lines = file.read_text().splitlines()
    for n, (error, words) in enumerate(
        zip(report["errors"], ["has no response body", "is not base64", "KeyError: 'response'"], strict=True), 1
    ):
        place, _, line = error["message"].partition(" (line ")
        assert place == f"interaction {n}"
        assert lines[int(line.partition(")")[0]) - 1].startswith("- request")
        assert words in error["message"]
    annotation = run("check", file, "--format", "github").stdout
    assert "line=2" in annotation  # where the interaction begins: inside a YAML text, the body's lines aren't known


@pytest.mark.parametrize("value", ["!!float x", "!!timestamp 2020-99-99", "!!python/object:os.system x"])
def test_a_value_that_yaml_cannot_build_only_costs_its_interaction(value: str, tmp_path: Path) -> None:
    made = yaml(made_cassette("vcrpy", SEED.read_bytes(), SEED.read_bytes()))
    file = tmp_path / "a.yaml"
    file.write_bytes(made.replace(b"code: 200", b"code: " + value.encode(), 1))
    result = run("check", file)
    assert result.exit_code == 2
    assert "interaction 0 (line 2) is damaged" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "3 errors, 0 warnings, 0 notes in 1 stream" in result.stdout


def test_chunk_files_of_the_ai_sdk_are_read(tmp_path: Path) -> None:
    """One event a line, without a line end after the last."""
    file = tmp_path / "openai-text.1.chunks.txt"
    file.write_text("\n".join(json.dumps(event) for event in events_of(SEED)))
    assert codes(file) == SEED_CODES
    assert len(codes(file)) == len(codes(tmp_path))


@pytest.mark.parametrize("name", ["a.sse", "a.jsonl", "a.har"])
def test_gzipped_files_are_read_and_truncated_ones_reported(name: str, tmp_path: Path) -> None:
    body = SEED.read_bytes()
    content = {
        "a.sse": body,
        "a.jsonl": b"".join(json.dumps(event).encode() + b"\n" for event in events_of(SEED)),
        "a.har": json.dumps({"log": {"entries": [_har_entry(body)]}}).encode(),
    }[name]
    file = tmp_path / f"{name}.gz"
    file.write_bytes(gzip.compress(content))
    assert codes(file) == SEED_CODES
    assert codes(tmp_path) == SEED_CODES
    file.write_bytes(gzip.compress(content)[:-40])
    result = run("check", file)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "is gzip that is damaged or cut" in result.stderr
    file.write_bytes(gzip.compress(gzip.compress(content)))
    assert run("check", file).exit_code == 2


def _har_entry(body: bytes) -> dict[str, Any]:
    return {
        "request": {"method": "POST", "url": "https://x/responses"},
        "response": {"status": 200, "content": {"mimeType": "text/event-stream", "text": body.decode()}},
    }


@pytest.mark.parametrize(
    "url", ["https://[x/v1/responses", "http://a]b/responses?api-key=verysecret", "https://℀/responses"]
)
def test_a_malformed_url_is_kept_and_breaks_nothing(url: str, tmp_path: Path) -> None:
    entry = _har_entry(SEED.read_bytes())
    entry["request"]["url"] = url
    host = url.partition("://")[2].partition("/")[0]
    curl = (
        f"> POST /v1/responses HTTP/1.1\n> Host: {host}\n> \n< HTTP/1.1 200 OK\n< content-type: text/event-stream\n< \n"
    )
    (tmp_path / "a.har").write_text(json.dumps({"log": {"entries": [entry]}}))
    (tmp_path / "b.txt").write_bytes(curl.encode() + SEED.read_bytes())
    db = tmp_path / "a.db"
    for file in (tmp_path / "a.har", tmp_path / "b.txt"):
        assert codes(file) == SEED_CODES
        assert run("import", file, "--db", db).exit_code == 0
    assert run("list", db).exit_code == 0
    with open_recording(db) as recording:
        row = recording.stream(1)
        assert row is not None
        assert row.url.startswith(url.partition("?")[0])
    assert b"verysecret" not in db.read_bytes()


@pytest.mark.parametrize(
    ("note", "scheme"),
    [
        ("*   Trying 127.0.0.1:8321...\n* Connected to h (127.0.0.1) port 8321 (#0)\n", "http"),
        ("*   Trying 127.0.0.1:443...\n* SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384\n", "https"),
        ("*   Trying 127.0.0.1:443...\n* [HTTP/2] [1] OPENED stream for https://h/v1/responses\n", "https"),
        ("", "https"),
    ],
)
def test_curl_shows_whether_the_connection_was_encrypted(note: str, scheme: str) -> None:
    head = f"{note}> POST /v1/responses HTTP/1.1\n> Host: h\n> \n< HTTP/1.1 200 OK\n< \n"
    _, ((found, _),) = read(head.encode() + TEXT.read_bytes())
    assert isinstance(found, Stream)
    assert found.request.url == f"{scheme}://h/v1/responses"


@pytest.mark.parametrize("name", ["a.har", "b.json", "c.yaml", "d.flow"])
def test_what_must_be_read_whole_has_a_limit_that_is_reported(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    har = {"log": {"entries": [_har_entry(SEED.read_bytes())]}}
    (tmp_path / name).write_bytes(
        {
            "a.har": json.dumps(har).encode(),
            "b.json": json.dumps(har, indent=1).encode(),
            "c.yaml": yaml(made_cassette("vcrpy", SEED.read_bytes())),
            "d.flow": flows(flow(SEED.read_bytes())),
        }[name]
    )
    monkeypatch.setattr(json_documents, "LARGEST", 3000)
    monkeypatch.setattr(cassettes, "LARGEST_YAML", 3000)
    result = run("check", tmp_path / name)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "too large to read" in result.stderr


SOURCES = [
    SEED.read_bytes(),
    b"".join(json.dumps(event).encode() + b"\n" for event in events_of(SEED)),
    json.dumps(events_of(SEED)).encode(),
    json.dumps({"log": {"entries": [_har_entry(SEED.read_bytes())]}}).encode(),
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + SEED.read_bytes(),
    flows(flow(SEED.read_bytes(), encoding="gzip")),
    yaml(made_cassette("vcrpy, as it came", TEXT.read_bytes())),
    json.dumps(made_cassette("betamax", TEXT.read_bytes())).encode(),
    gzip.compress(SEED.read_bytes()),
    gzip.compress(yaml(made_cassette("go", TEXT.read_bytes()))),
]


def bears(content: bytes) -> None:
    """Whatever it is: streams, or one line of text."""
    words = "fine"
    try:
        for found in recognise(io.BytesIO(content)).streams:
            for _ in found.frames if isinstance(found, Stream) else ():
                pass
    except UnrecognizedFormat as error:
        words = str(error)
    assert len(words.splitlines()) == 1


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=200).map(gzip.compress) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    bears(content)


STARTS = [
    b"{",
    b"[",
    b"12:3:abc;",
    b"HTTP/1.1 200 OK\n",
    b"> ",
    b"* ",
    b"interactions:\n- ",
    b"data: ",
    b"\x1f\x8b\x08\x00",
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(STARTS), st.binary(max_size=120) | st.text(max_size=120).map(str.encode))
def test_what_begins_like_a_format_is_read_or_refused(start: bytes, rest: bytes) -> None:
    bears(start + rest)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SOURCES)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        piece = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"null", b"\n", b"9" * 12, b"!!int ", b"&a *a", b"[", b"{"])
        )
        content[at : at + data.draw(st.sampled_from([0, 1, 4, 400]))] = piece
    bears(bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2]))]))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


DOCUMENTS = [
    json.loads(CliRunner().invoke(main, ["export", str(SEED), "--format", "json"]).stdout),
    json.loads(CliRunner().invoke(main, ["export", str(SEED), "--format", "har"]).stdout),
    made_cassette("vcrpy", SEED.read_bytes()),
    made_cassette("go", SEED.read_bytes()),
    {"log": {"entries": [_har_entry(SEED.read_bytes())]}},
]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_document_with_another_value_is_imported_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    made = json.loads(json.dumps(data.draw(st.sampled_from(DOCUMENTS))))
    holder: Any = made
    while True:  # down to some value
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        if not isinstance(holder[key], dict | list) or not holder[key] or data.draw(st.booleans()):
            break
        holder = holder[key]
    holder[key] = data.draw(_JSON)
    file = tmp_path_factory.mktemp("any") / "a.json"
    file.write_text(json.dumps(made))
    result = run("import", file, "--db", file.with_suffix(".db"))
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert result.exit_code in (0, 2)
    assert result.stdout or result.stderr
