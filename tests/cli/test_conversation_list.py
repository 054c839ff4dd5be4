"""`list --by-conversation`, the filters for it, the view, and what reports say of a turn."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RECORDINGS
from tests.exchanges import har, run

TEXT = (RECORDINGS / "clean/text.sse").read_bytes()
BROKEN = (RECORDINGS / "broken/MD301-text-done-missing.sse").read_bytes()
CALLS = (RECORDINGS / "clean/tool-call.sse").read_bytes()


def request(*items: Any, **members: Any) -> dict[str, Any]:
    return {"model": "m", "stream": True, "input": list(items), **members}


def call_of(body: bytes) -> dict[str, Any]:
    events = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]
    return next(event["item"] for event in events if event["type"].endswith("item.done") and "call_id" in event["item"])


ASKED = {"role": "user", "content": "What is the weather?"}
CALL = call_of(CALLS)
RESULT = {"type": "function_call_output", "call_id": CALL["call_id"], "output": "18 °C"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files: three turns, the last of which is wrong, and a request on its own."""
    files = tmp_path / "files"
    files.mkdir()
    sse = "text/event-stream"
    turns = (
        ("/v1/responses", 200, sse, CALLS, request(ASKED)),
        ("/v1/responses", 200, sse, TEXT, request(ASKED, CALL, RESULT)),
        ("/v1/responses", 200, sse, BROKEN, request(previous_response_id="resp_1")),
    )
    (files / "a.har").write_text(json.dumps(har(*turns)))
    alone = ("/other/responses", 200, sse, TEXT, request({"role": "user", "content": "Alone"}))
    (files / "b.har").write_text(json.dumps(har(alone)))
    return files


def test_files_are_listed_by_conversation(folder: Path) -> None:
    lines = run("list", folder, "--by-conversation").stdout.splitlines()
    assert lines[0].startswith("✖ conversation 1 · 3 turns · ")
    assert lines[0].endswith(" · 1 error · 1 warning")
    assert [line.split()[:2] for line in lines[1:4]] == [["1", "1"], ["2", "2"], ["3", "3"]]
    assert "What is the weather?" in lines[1]
    assert f"● calls {CALL['name']} · a.har" in lines[1]
    assert f"{CALL['name']} → 18 °C" in lines[2]
    assert "✖ 1 error, 1 warning, first MD301" in lines[3]
    assert lines[4].startswith("● conversation 4 · 1 turn · ")
    assert "Alone" in lines[5]
    assert lines[7].startswith("MD301 text-done-missing: fix:")


def test_conversations_as_json(folder: Path) -> None:
    first, second = json.loads(run("list", folder, "--by-conversation", "--format", "json").stdout)
    assert (first["conversation"], first["turns"], first["error"], first["warning"]) == ("1", 3, 1, 1)
    assert [(row["id"], row["turn"], row["turns"], row["follows"]) for row in first["streams"]] == [
        (1, 1, 3, None), (2, 2, 3, 1), (3, 3, 3, 2)
    ]  # fmt: skip
    assert first["input_tokens"] == sum(row["input_tokens"] or 0 for row in first["streams"])
    assert (second["turns"], [row["prompt"] for row in second["streams"]]) == (1, ["Alone"])
    assert [row["tools"] for row in first["streams"]] == [CALL["name"], None, None]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("conversation:1", [1, 2, 3]),
        ("conversation:1 -errors>0", [1, 2]),
        (f"tool:{CALL['name']}", [1]),
        ("prompt:what*weather?", [1]),
        ('prompt:"18 °C"', [2]),
        ("alone", [4]),
        ("path:/other/*", [4]),
        ("after:2026-11-02T09:59Z before:2026-11-02T10:01Z", [1, 2, 3, 4]),
        ("before:2026-11-02T09:59Z", []),
    ],
)
def test_the_filters(folder: Path, asked: str, found: list[int]) -> None:
    rows = json.loads(run("list", folder, "--format", "json", "--filter", asked).stdout)
    assert [row["id"] for row in rows] == found


def test_the_view_has_a_row_for_each(folder: Path, tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    run("import", folder, "--db", db)
    with closing(sqlite3.connect(db)) as connection:
        rows = connection.execute("SELECT conversation, first_stream, turns, streams, error FROM conversations")
        assert rows.fetchall() == [("1", 1, 3, 3, 1), ("4", 4, 1, 1, 0)]


def test_reports_say_which_turn_it_is(folder: Path, tmp_path: Path) -> None:
    db = tmp_path / "r.db"
    run("import", folder, "--db", db)
    for format_ in ("md", "html"):
        assert "turn 3 of 3" in run("export", f"{db}#3", "--format", format_).stdout
        assert "turn 1 of 1" not in run("export", f"{db}#4", "--format", format_).stdout
    shown = run("show", f"{db}#2").stdout
    assert "turn 2 of 3, after stream 1" in shown
    assert f"brings the result of {CALL['name']}, called in stream 1" in shown
    assert f"calls {CALL['name']}, whose result came with stream 2" in run("show", f"{db}#1").stdout


def test_redaction_leaves_no_prompt(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow.dataset

    db = tmp_path / "r.db"
    run("import", folder, "--db", db)
    for option in ("--redact-text", "--structure-only"):
        target = tmp_path / option
        run("export", f"{db}#1", "--format", "parquet", option, "-o", target)
        (row,) = pyarrow.dataset.dataset(target / "streams", partitioning="hive").to_table().to_pylist()
        assert "weather" not in repr(row["prompt"])
        assert (row["turn"], row["turns"]) == (1, 3)
