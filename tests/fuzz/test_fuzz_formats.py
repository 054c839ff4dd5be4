"""Files by a stranger: whatever is in them, streams come out or one line that says what is wrong."""

import copy
import gzip
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from responses_tap.formats import UnrecognizedFormat
from responses_tap.formats.recognition import recognise
from responses_tap.stream.model import ENDED_BY, STATES, Stream
from responses_tap_viewer.actions.exporting import export
from responses_tap_viewer.cli import main
from responses_tap_viewer.reports.export_formats import FORMATS
from responses_tap_viewer.streams import find_stream

RECORDINGS = Path(__file__).parents[2] / "recordings"
SAMPLE = RECORDINGS / "broken/MD301-text-done-missing.sse"
MOST = 2**63

_stream = find_stream(str(SAMPLE))
_trace = json.loads(export([_stream], FORMATS["json"]))
_har = json.loads(export([_stream], FORMATS["har"]))
_foreign_har = copy.deepcopy(_har)
for _entry in _foreign_har["log"]["entries"]:
    _entry.pop("_responses_tap", None)
    _entry |= {"time": 12.5, "startedDateTime": "2026-01-01T00:00:00Z"}
    _entry["request"]["url"] = "https://host/v1/responses"
_cassette = {
    "interactions": [
        {
            "request": {"method": "POST", "uri": "https://host/v1/responses", "body": "{}", "headers": {"A": ["b"]}},
            "response": {
                "status": {"code": 200, "message": "OK"},
                "headers": {"content-type": ["text/event-stream"]},
                "body": {"string": SAMPLE.read_text()},
                "duration": "1.5s",
            },
            "recorded_at": "2026-01-01T00:00:00",
        }
    ]
}
DOCUMENTS = {"trace": _trace, "har": _har, "foreign har": _foreign_har, "cassette": _cassette}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([10**30, 1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to each value in a document."""
    found = [path]
    if isinstance(value, dict):
        found += [place for key, entry in value.items() for place in places(entry, (*path, key))]
    elif isinstance(value, list):
        found += [place for n, entry in enumerate(value[:4]) for place in places(entry, (*path, n))]
    return found


PLACES = {name: places(document)[1:] for name, document in DOCUMENTS.items()}


@st.composite
def mutants(draw: st.DrawFn) -> Any:
    """A document with some values replaced or dropped."""
    name = draw(st.sampled_from(sorted(DOCUMENTS)))
    document = copy.deepcopy(DOCUMENTS[name])
    for *path, last in draw(st.lists(st.sampled_from(PLACES[name]), min_size=1, max_size=3)):
        parent = document
        try:
            for key in path:
                parent = parent[key]
            if draw(st.booleans()):
                parent[last] = draw(anything)
            else:
                del parent[last]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier mutation took it away
    return document


def read(content: bytes) -> None:
    """Read all of a file; UnrecognizedFormat is the one error that it may end in."""
    message = ""
    try:
        for found in recognise(BytesIO(content)).streams:
            if not isinstance(found, Stream):
                assert "\n" not in str(found)
                continue
            for taken in found.frames:
                assert taken.at_ns is None or 0 <= taken.at_ns < MOST
            assert found.response.status is None or 100 <= found.response.status <= 999
            assert found.ending.at_ns is None or 0 <= found.ending.at_ns < MOST
            assert found.ending.state in (None, *STATES)
            assert found.ending.ended_by in (None, *ENDED_BY)
            for name, value in (*found.request.headers, *found.response.headers):
                (name + value).encode()
            f"{found.request.url}{found.request.method}{found.request.body}{found.carried}".encode()
    except UnrecognizedFormat as error:
        message = str(error)
    assert "\n" not in message


@given(mutants())
def test_a_json_document_with_anything_anywhere(document: Any) -> None:
    read(json.dumps(document).encode())


@settings(max_examples=40)
@given(st.data())
def test_a_yaml_cassette_with_anything_anywhere(data: st.DataObject) -> None:
    document = copy.deepcopy(_cassette)
    *path, last = data.draw(st.sampled_from(PLACES["cassette"][1:]))
    parent: Any = document
    for key in path:
        parent = parent[key]
    parent[last] = data.draw(anything)
    written = BytesIO()
    try:
        YAML(typ="safe", pure=True).dump(document, written)
    except Exception:  # noqa: BLE001 - ruamel cannot write every text
        return
    read(written.getvalue())


WHOLE = {
    "sse": SAMPLE.read_bytes(),
    "lines": b"\n".join(json.dumps({"type": "response.created", "n": n}).encode() for n in range(5)),
    "curl": b"> POST /v1/responses HTTP/1.1\r\n> Host: h\r\n> \r\n< HTTP/1.1 200 OK\r\n< \r\n" + SAMPLE.read_bytes(),
    "gzip": gzip.compress(SAMPLE.read_bytes()),
    "flow": b"20:4:type;4:http,0:~}" + SAMPLE.read_bytes()[:50],
    "yaml": b"interactions:\n- &a\n  request: *a\n  response: {body: {string: 'data: {}'}}\n",
}


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4)), max_size=4))
def test_a_file_with_bytes_replaced(name: str, edits: list[tuple[float, bytes]]) -> None:
    content = bytearray(WHOLE[name])
    for place, piece in edits:
        at = int(place * len(content))
        content[at : at + len(piece) + 1] = piece
    read(bytes(content))


@given(st.binary(max_size=400))
def test_any_bytes(content: bytes) -> None:
    read(content)
    read(gzip.compress(content))


@settings(max_examples=25)
@given(mutants())
def test_the_commands_end_with_a_status_and_valid_json(tmp_path_factory: pytest.TempPathFactory, document: Any) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    file = folder / "x.json"
    file.write_text(json.dumps(document))
    for command in (
        ["check", "--format", "json", str(file), str(SAMPLE)],
        ["import", "--db", str(folder / "r.db"), str(file)],
    ):
        result = CliRunner().invoke(main, command)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code in (0, 1, 2)
        if command[0] == "check":
            assert str(SAMPLE) in {stream["source"] for stream in json.loads(result.stdout)["streams"]}
