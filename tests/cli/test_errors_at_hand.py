"""What a stream says went wrong stands wherever the stream is listed or reported."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.conftest import RECORDINGS, body

from responses_tap_viewer.cli import main

FAILED = RECORDINGS / "clean/failed.sse"
MESSAGE = "server_error The server had an error."


def run(*arguments: str) -> str:
    return CliRunner().invoke(main, arguments).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Streams with an error event, a failed response, and one that was not streamed."""
    created = {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}
    error = {"type": "error", "code": "rate_limited", "message": "Slow down, please"}
    (tmp_path / "error.sse").write_bytes(body(created, error))
    (tmp_path / "failed.sse").write_bytes(FAILED.read_bytes())
    response = {"id": "resp_2", "object": "response", "status": "completed", "model": "m", "output": []}
    (tmp_path / "whole.json").write_text(json.dumps(response))
    return tmp_path


def test_in_the_list(folder: Path) -> None:
    error, failed, whole = run("list", str(folder)).splitlines()[1:4]
    assert " · rate_limited Slow down, please · error.sse" in error
    assert f"● {MESSAGE} · failed.sse" in failed
    assert "not streamed · whole.json" in whole


def test_also_of_a_stream_that_completes_after_its_error_event(tmp_path: Path) -> None:
    created = {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}
    error = {"type": "error", "code": "rate_limited", "message": "Slow down, please"}
    completed = {"type": "response.completed", "response": {"id": "resp_1", "status": "completed"}}
    (tmp_path / "error.sse").write_bytes(body(created, error, completed))
    (line,) = run("list", str(tmp_path / "error.sse")).splitlines()[1:2]
    assert " completed " in line
    assert " · rate_limited Slow down, please · error.sse" in line


def test_in_the_timeline_and_the_reports() -> None:
    assert f'response.failed  resp_1 failed "{MESSAGE}"' in run("show", str(FAILED))
    for format_ in ("md", "html"):
        report = run("export", str(FAILED), "--format", format_)
        assert "The server had an error." in report
    assert f"- Error: `{MESSAGE}`" in run("export", str(FAILED))
