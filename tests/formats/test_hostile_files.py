"""A stranger's files that cost too much, print too much, or affect others: one line each, and the others are done."""

import gzip
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow
from tests.conftest import RECORDINGS
from tests.recorder.test_recorder import ENCODINGS

from responses_tap_viewer.cli import main

GOOD = RECORDINGS / "clean/text.sse"
MB = 1 << 20


def check(*paths: Path) -> tuple[int, dict[str, Any], list[str]]:
    """Exit status, JSON and lines on stderr of a check of these paths, followed by a good stream."""
    result = CliRunner().invoke(main, ["check", "--format", "json", *map(str, paths), str(GOOD)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    told = json.loads(result.stdout)
    assert str(GOOD) in {stream["source"] for stream in told["streams"]}
    return result.exit_code, told, result.stderr.splitlines()


def refused(path: Path) -> str:
    """The one line in which a file is refused, while the good one next to it is done."""
    status, told, lines = check(path)
    assert status == 2
    assert len(told["errors"]) == 1
    assert [line for line in lines if str(path) in line[:400]]
    return str(told["errors"][0]["message"])


def har(*entries: dict[str, Any], folder: Path) -> Path:
    body = GOOD.read_text()
    whole = [
        {
            "startedDateTime": "2026-01-01T00:00:00Z",
            "request": {"method": "POST", "url": "https://h/v1/responses", "httpVersion": "HTTP/1.1", "headers": []},
            "response": {"status": 200, "headers": [], "content": {"mimeType": "text/event-stream", "text": body}},
            **entry,
        }
        for entry in entries
    ]
    file = folder / "x.har"
    file.write_text(json.dumps({"log": {"version": "1.2", "entries": whole}}))
    return file


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (None, "it is null, not an object"),
        (1, "it is a number, not an object"),
        ({"response": {}}, "it has no `request`"),
        ({"request": {"method": "GET", "url": "x"}, "response": 5}, "response is a number, not an object"),
        ({"request": {"url": "x"}, "response": {}}, "request has no `method`"),
        (
            {"request": {"method": "GET", "url": "x"}, "response": {"headers": [1]}},
            "a header is no object with `name` and `value`",
        ),
    ],
    ids=str,
)
def test_a_damaged_entry_says_what_it_lacks(entry: object, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.har").write_text(json.dumps({"log": {"entries": [entry]}}))
    status, told, _ = check(tmp_path / "a.har")
    assert (status, told["errors"][0]["message"]) == (2, f"entry 0 is damaged: {words}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("5", "has no `data:` line with an event"),
        ('{"version":99,"streams":[]}', "is a trace of version 99, this program reads 1"),
    ],
)
def test_json_that_is_no_stream_is_refused(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content)
    status, told, _ = check(tmp_path / "a.json")
    assert (status, len(told["streams"])) == (2, 1)
    assert told["errors"][0]["message"].startswith(words)


@pytest.mark.parametrize("time", [1e308, float("inf"), float("nan"), -1, "12", None, [], 10**40, True])
def test_an_invalid_time_costs_nothing(time: object, tmp_path: Path) -> None:
    status, told, _ = check(har({"time": time}, {"time": 5}, folder=tmp_path))
    assert status == 0
    assert len(told["streams"]) == 3


@pytest.mark.parametrize(
    "broken",
    [
        {"request": 1},
        {"response": []},
        {"request": {"method": [], "url": 5}},
        {"response": {"headers": 7, "status": []}},
    ],
    ids=str,
)
def test_a_broken_entry_costs_itself_alone(broken: dict[str, Any], tmp_path: Path) -> None:
    status, told, _ = check(har(broken, {}, folder=tmp_path))
    assert status == 2
    assert len(told["streams"]) == 2
    assert told["errors"][0]["message"].startswith("entry 0 is damaged")


def test_a_number_of_many_digits(tmp_path: Path) -> None:
    file = tmp_path / "x.har"
    file.write_text('{"log": {"entries": [' + "9" * 10_000 + "]}}")
    assert "number too long" in refused(file)


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    refused(tmp_path / ("x" * 300))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux's /proc")
def test_a_file_that_cannot_be_read_is_refused() -> None:
    assert "cannot be read" in refused(Path("/proc/self/mem"))


def test_a_nul_does_not_make_a_text_binary(tmp_path: Path) -> None:
    file = tmp_path / "nul.sse"
    file.write_bytes(b": \x00\n\n" + GOOD.read_bytes())
    status, told, _ = check(file)
    assert status == 0
    assert len(told["streams"]) == 2
    (tmp_path / "x.sse").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00")
    assert "is a picture (PNG)" in refused(tmp_path / "x.sse")


def test_warnings_of_yaml_are_silenced(tmp_path: Path) -> None:
    file = tmp_path / "anchors.yaml"
    file.write_text("interactions:\n- request: {method: &a P, uri: &a SECRET-WORD}\n  response: {body: {string: x}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "responses_tap_viewer", "check", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Warning" not in done.stderr
    assert "SECRET-WORD" not in done.stderr


def test_aliases_that_multiply_are_bounded(tmp_path: Path) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    file = tmp_path / "laughs.yaml"
    file.write_text(f"l0: &l0 [x, x]\n{levels}interactions:\n- request: *l11\n  response: {{}}\n")
    assert "1,000,000 values (the limit)" in refused(file)


def test_circular_links_end(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.sse")
    (tmp_path / "a.sse").write_bytes(GOOD.read_bytes())
    status, told, _ = check(tmp_path)
    assert status == 0
    assert len(told["streams"]) == 2


def _peak(file: Path) -> tuple[int, str]:
    """The peak memory of a check of this file, in bytes beyond that of a small one, and its output."""
    code = (
        "import resource, sys; from responses_tap_viewer.cli import main\n"
        "def used(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"main(['check', {str(GOOD)!r}], standalone_mode=False)\n"
        "before = used()\n"
        f"main(['check', {str(file)!r}], standalone_mode=False)\n"
        "print('peak', used() - before)\n"
    )
    limit = 4096 * MB
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert "peak" in done.stdout, done.stderr[-500:]
    kilobytes = int(done.stdout.rpartition("peak ")[2])
    return kilobytes * 1024, done.stdout + done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux alone")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"log": {"entries": [' + b"[]," * 12_000_000 + b"[]]}}", "values, too many"),
        (b'{"log": {"entries": [' + b"{}," * 12_000_000 + b"{}]}}", "values, too many"),
        (b" " * (100 * MB) + b"{}", "is empty"),
        (b"data: " + b"x" * (100 * MB), "times its size (the limit)"),
    ],
    ids=["arrays", "objects", "blanks", "a line"],
)
def test_a_small_file_takes_little_memory(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "x.har.gz"
    file.write_bytes(gzip.compress(content, 9))
    peak, output = _peak(file)
    assert said in output or "times its size" in output
    assert peak < 500 * MB


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux alone")
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate"])
@pytest.mark.parametrize("side", ["request", "response"])
def test_a_decompression_bomb_is_bounded(side: str, coding: str, tmp_path: Path) -> None:
    flow = tflow.tflow(resp=True)
    flow.request.path = "/v1/responses"
    flow.response.headers["content-type"] = "text/event-stream"
    flow.response.raw_content = GOOD.read_bytes()
    bomb = getattr(flow, side)
    bomb.headers["content-encoding"] = coding
    bomb.raw_content = ENCODINGS[coding](b"data: " + b"x" * (300 * MB))
    file = tmp_path / "x.flow"
    with file.open("wb") as written:
        FlowWriter(written).add(flow)
    peak, output = _peak(file)
    assert peak < 150 * MB
    assert side == "request" or "times its size, the limit" in output
