"""Streams in record batches have the findings that they have anywhere, and engines can ask for them."""

import importlib.util
import json
import pickle
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.conftest import RECORDINGS, events_of

from responses_tap_viewer.cli import main

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
arrow = pytest.importorskip("responses_tap.arrow")

SAMPLES = sorted(RECORDINGS.rglob("*.sse"))
BROKEN = RECORDINGS / "broken/MD301-text-done-missing.sse"
CLEAN = RECORDINGS / "clean/text.sse"
README = (Path(__file__).parents[1] / "addon/README.md").read_text()
EXAMPLES = {
    re.search(r"^import (\w+)|^from (\w+)", code, re.MULTILINE)[0].split()[1]: code  # type: ignore[index]
    for code in re.findall(r"```python\n(# .*?)```", README, re.DOTALL)
}


def findings(*rows: dict[str, Any], profile: str = "openai") -> list[dict[str, Any]]:
    return arrow.check_batches([pa.RecordBatch.from_pylist(list(rows))], profile).read_all().to_pylist()


def test_the_findings_are_those_of_check() -> None:
    batches = [pa.RecordBatch.from_pylist([{"source": str(path), "body": path.read_bytes()}]) for path in SAMPLES]
    found = arrow.check_batches(batches).read_all()
    assert found.schema == arrow.FINDINGS
    result = CliRunner().invoke(main, ["check", "--format", "json", *map(str, SAMPLES)])
    expected = []
    for stream in json.loads(result.stdout)["streams"]:
        known = {name: stream[name] for name in ("source", "index", "response_id", "model", "state", "events")}
        for finding in stream["findings"] or [{}]:
            expected.append(dict.fromkeys(arrow.FINDINGS.names) | known | _of_the_schema(finding))
    rows = [row | {"scope": _known(row["scope"])} for row in found.to_pylist()]
    assert rows == expected


def _of_the_schema(finding: dict[str, Any]) -> dict[str, Any]:
    names = arrow.FINDINGS.names
    return {name: finding[name] for name in names[names.index("code") :] if finding}


def _known(scope: dict[str, int | None] | None) -> dict[str, int] | None:
    return None if scope is None else {name: n for name, n in scope.items() if n is not None}


def test_events_are_read_as_well_as_bodies() -> None:
    events = [json.dumps(event) for event in events_of(BROKEN)]
    (row,) = findings({"source": "a", "events": events})
    assert (row["code"], row["events"]) == ("MD301", len(events))


@pytest.mark.parametrize(
    "headers",
    [
        pa.array([[("Content-Type", "text/html")]], pa.map_(pa.string(), pa.string())),
        pa.array([[{"name": "Content-Type", "value": "text/html"}]]),
        pa.array(['[["Content-Type", "text/html"]]']),
        pa.array(['{"Content-Type": "text/html"}']),
    ],
    ids=["a map", "a list", "pairs in JSON", "an object in JSON"],
)
def test_what_is_known_of_the_response_counts(headers: Any) -> None:
    batch = pa.RecordBatch.from_pydict({"body": [CLEAN.read_bytes()], "status": [200], "response_headers": headers})
    codes = arrow.check_batches([batch]).read_all()["code"].to_pylist()
    assert codes == ["TR906"]


def test_what_is_known_of_the_request_counts() -> None:
    request = {"url": "http://localhost/v1/responses", "request_body": json.dumps({"input": "hi", "stream": False})}
    (row,) = findings({"body": CLEAN.read_bytes()} | request)
    assert row["code"] == "TR918"


def test_a_clean_stream_is_one_row_without_a_code() -> None:
    (row,) = findings({"source": "a", "body": CLEAN.read_bytes()})
    assert (row["source"], row["code"], row["error"], row["state"]) == ("a", None, None, "completed")


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"body": b"<html>"}, "is HTML or XML"),
        ({"body": b"\xff\x00\x01" * 99}, "is binary"),
        ({"body": b""}, "is empty"),
        ({"body": None}, "has neither"),
        ({"events": ["{", "x"], "body": None}, "has no JSON object in line 1"),
        ({"events": [], "body": None}, "is JSON without an event"),
        ({"body": b"data: {}\n\n", "response_headers": "["}, "Expecting value"),
        ({"body": b"data: {}\n\n", "response_headers": "[1]"}, "aren't pairs"),
        ({"body": b"\x1f\x8b no", "response_headers": '[["content-encoding", "gzip"]]'}, "the content-encoding broke"),
    ],
)
def test_a_row_that_cannot_be_read_says_so_and_the_next_is_checked(row: dict[str, Any], error: str) -> None:
    bad, good = findings({"source": "a"} | row, {"source": "b", "body": BROKEN.read_bytes(), "events": None})
    assert error in bad["error"]
    assert (bad["source"], bad["code"], bad["state"]) == ("a", None, None)
    assert (good["source"], good["code"], good["error"]) == ("b", "MD301", None)


def test_batches_without_a_stream_and_unknown_profiles_are_refused() -> None:
    with pytest.raises(ValueError, match="needs a column `body` or `events`; there are x"):
        findings({"x": 1})
    with pytest.raises(KeyError):
        arrow.check_batches([], "nobody")


def test_it_can_be_sent_to_another_process() -> None:
    check = pickle.loads(pickle.dumps(partial(arrow.check_batches, profile="codex")))
    batch = pa.RecordBatch.from_pylist([{"body": CLEAN.read_bytes()}])
    assert check([batch]).read_all().num_rows == 1


def test_a_batch_is_checked_when_it_is_asked_for() -> None:
    asked: list[int] = []

    def batches() -> Any:
        for n in range(3):
            asked.append(n)
            yield pa.RecordBatch.from_pylist([{"body": CLEAN.read_bytes()}])

    reader = arrow.check_batches(batches())
    reader.read_next_batch()
    assert asked == [0]


@pytest.mark.parametrize("engine", EXAMPLES)
def test_an_engine_finds_them(engine: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} isn't installed")
    rows = [{"source": path.name, "body": path.read_bytes()} for path in (CLEAN, BROKEN)]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "streams.parquet")
    (tmp_path / "example.py").write_text(EXAMPLES[engine])
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "MD301" in done.stdout, done.stderr
