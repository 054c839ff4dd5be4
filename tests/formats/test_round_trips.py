"""What is exported in a readable format is read back: frames, times, heads and findings."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import BROKEN, CLEAN

from responses_tap.formats.recognition import recognise
from responses_tap.protocol.sse import decode
from responses_tap.store import Recording, open_recording
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.model import Entry, JudgedStream, Stream
from responses_tap_viewer.actions.exporting import export
from responses_tap_viewer.actions.recording.samples import record_samples
from responses_tap_viewer.cli import main
from responses_tap_viewer.reports.export_formats import FORMATS
from responses_tap_viewer.streams import find_stream

# A file of one response each: TR917's has two, and each is exported by itself.
SAMPLES = [sample for sample in (*CLEAN, *BROKEN) if not sample.stem.startswith("TR917")]
READABLE = ("json", "har", "sse")
WITH_TIMES = ("json", "har")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments])


def verdict(path: Path) -> list[object]:
    """What `check` reports about a file, without its name and lines."""
    report = json.loads(run("check", str(path), "--format", "json").stdout)
    return [{key: value for key, value in stream.items() if key != "source"} for stream in report["streams"]]


def frames(content: bytes) -> list[tuple[bytes, int | None, int | None]]:
    """Each frame of a file's one stream, with its time and chunk."""
    (stream,) = recognise(io.BytesIO(content)).streams
    assert isinstance(stream, Stream)
    return [(taken.frame.raw, taken.at_ns, taken.chunk) for taken in stream.frames]


def exported(stream: JudgedStream, format_: str) -> bytes:
    return export([stream], FORMATS[format_])


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_every_sample_is_read_back_with_the_same_findings(sample: Path, tmp_path: Path) -> None:
    expected = verdict(sample)
    for format_ in READABLE:
        again = tmp_path / f"a{FORMATS[format_].suffix}"
        again.write_bytes(exported(find_stream(str(sample)), format_))
        assert verdict(again) == expected, format_
        assert find_stream(str(again)).body == sample.read_bytes()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("trips") / "demo.db"
    record_samples(db)
    return db


def facts(recording: Recording, row: StreamRow) -> list[object]:
    """All that is known about a stream but its source."""
    columns = {name: getattr(row, name) for name in StreamRow.__slots__ if name not in ("id", "source")}
    events = [event[1:] for event in recording.events(row.id)]
    chunks = recording.chunks(row.id)
    return [columns, events, chunks, [finding.facts() for finding in recording.findings(row.id)]]


@pytest.mark.parametrize("format_", WITH_TIMES)
def test_a_recording_is_read_back_with_all_its_facts(recording: Path, tmp_path: Path, format_: str) -> None:
    file, back = tmp_path / "a", tmp_path / "back.db"
    names = [f"{recording}#{n}" for n in range(1, 7)]
    assert run("export", *names, "--format", format_, "-o", str(file)).exit_code == 0
    assert run("import", str(file), "--db", str(back)).exit_code == 0
    with open_recording(recording) as original, open_recording(back) as copy:
        for id_ in original.stream_ids():
            was, now = original.stream(id_), copy.stream(id_)
            assert was is not None
            assert now is not None
            assert facts(copy, now) == facts(original, was)


_LINES = st.sampled_from(
    [b"data: {", b'data: {"type":"response.created"}', b": ping", b"event: a", b"data: [DONE]", b"\xff", b"", b"id: 1"]
)
_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n"])
_NAMES = st.sampled_from(["Content-Type", "X-Request-Id", "x-request-id"])
_HEADERS = st.lists(st.tuples(_NAMES, st.text(max_size=5)), max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.tuples(_LINES, _ENDS), max_size=12),
    times=st.lists(st.integers(0, 2**62), min_size=40, max_size=40),
    body=st.none() | st.text(max_size=20) | st.sampled_from(['{"a": 1}', '{"a":1,"a":2}', "[1e999]", '"x"', "[NaN]"]),
    headers=_HEADERS,
    format_=st.sampled_from(WITH_TIMES),
)
def test_any_stream_is_read_back_from_a_trace_and_a_har(
    recording: Path,
    parts: list[tuple[bytes, bytes]],
    times: list[int],
    body: str | None,
    headers: list[tuple[str, str]],
    format_: str,
) -> None:
    whole = b'data: {"type":"response.created"}\n\n' + b"".join(line + end for line, end in parts)
    stream = find_stream(f"{recording}#1")
    assert stream.row is not None
    stream.row = replace(stream.row, request_body=body, request_headers=tuple(headers), end_ns=times[0])
    stream.entries = [
        Entry(n, frame, None, 0, at_ns, n) for n, (frame, at_ns) in enumerate(zip(decode([whole]), times, strict=False))
    ]
    content = exported(stream, format_)
    assert frames(content) == [(entry.frame.raw, entry.at_ns, entry.chunk) for entry in stream.entries]
    ((found,),) = [list(recognise(io.BytesIO(content)).streams)]
    assert isinstance(found, Stream)
    assert (found.request.body or None) == (body or None)
    assert found.request.headers == tuple(headers)
    assert found.ending.at_ns == times[0]
