"""A server's conformance as tests of its own suite: SERVER_URL=http://127.0.0.1:8000/v1 SERVER_MODEL=m pytest."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

MUST_PASS = ["text", "text-long", "body", "usage", "tool-required", "tool-result", "body-not-json", "client-abort"]


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The result of each scenario by its name."""
    db: Path = tmp_path_factory.mktemp("probe") / "probe.db"
    chosen = [word for name in MUST_PASS for word in ("--scenario", name)]
    command = ["responses-tap", "probe", os.environ["SERVER_URL"], "--model", os.environ["SERVER_MODEL"]]
    done = subprocess.run([*command, *chosen, "--db", db, "--format", "json"], stdout=subprocess.PIPE, check=False)
    assert done.returncode in (0, 1), "the server can't be probed"
    return {scenario["name"]: scenario["results"][0] for scenario in json.loads(done.stdout)["scenarios"]}


@pytest.mark.parametrize("name", MUST_PASS)
def test_scenario(results: dict[str, dict[str, Any]], name: str) -> None:
    result = results[name]
    assert result["outcome"] == "passed", f"{result['message']}\n{result['curl']}"
