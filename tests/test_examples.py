"""The action, the hook and the examples, run as far as they can be without their services."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ruamel.yaml import YAML
from tests.conftest import RECORDINGS
from tests.right_server import MODEL, RightServer

TOP = Path(__file__).parents[1]
ACTION = TOP / ".github/actions/conformance"
EXAMPLES = TOP / "examples"
PROGRAMS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
CLEAN = RECORDINGS / "clean/text.sse"
BROKEN = RECORDINGS / "broken/MD301-text-done-missing.sse"


def document(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def execute(command: list[object], folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder, with our program on the path."""
    environment = {**os.environ, "PATH": PROGRAMS, **variables}
    environment.pop("OPENAI_API_KEY", None)
    return subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def right() -> Iterator[RightServer]:
    with RightServer() as server:
        yield server


def test_the_action_uses_the_inputs_that_it_declares() -> None:
    text = (ACTION / "action.yml").read_text()
    action = document(ACTION / "action.yml")
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(action["inputs"])
    # What a workflow's author wrote gets into no script but as a variable.
    assert not any("inputs." in step.get("run", "") for step in action["runs"]["steps"])
    for step in action["runs"]["steps"]:
        for script in re.findall(r"GITHUB_ACTION_PATH/(\w+\.sh)", step.get("run", "")):
            assert os.access(ACTION / script, os.X_OK)


def test_the_workflow_of_the_example_gives_inputs_that_the_action_has() -> None:
    (job,) = document(EXAMPLES / "github-workflow.yml")["jobs"].values()
    (use,) = [step for step in job["steps"] if ".github/actions/conformance@" in step.get("uses", "")]
    assert set(use["with"]) <= set(document(ACTION / "action.yml")["inputs"])


@pytest.mark.parametrize(("fail_on", "status"), [("error", 1), ("never", 0)])
def test_the_check_of_the_action(fail_on: str, status: int, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    paths = f"{CLEAN}\n{BROKEN}\n\n"
    done = execute([ACTION / "check.sh"], tmp_path, PATHS=paths, FAIL_ON=fail_on, GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == status
    assert "::error " in done.stdout
    assert "MD301" in (tmp_path / "responses-tap-reports/check.sarif").read_text()
    assert "MD301 text-done-missing" in summary.read_text()


def test_the_probe_of_the_action(right: RightServer, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    known = {"URL": right.url, "MODEL": MODEL, "GITHUB_STEP_SUMMARY": str(summary)}
    done = execute([ACTION / "probe.sh"], tmp_path, OPTIONS="--scenario usage --header 'a: b c'", **known)
    assert (done.returncode, done.stderr) == (0, "")
    reports = tmp_path / "responses-tap-reports"
    assert {path.name for path in reports.glob("[!.]*") if "db-" not in path.name} == {
        "probe.db", "probe.xml", "probe.html", "badge.svg", "probe.sarif",
    }  # fmt: skip
    assert "| usage | ● passed |" in summary.read_text()
    assert ET.parse(reports / "badge.svg").getroot().get("aria-label") == "Responses API: 2 of 2 passed"


def test_the_probe_of_the_action_fails_with_the_server(tmp_path: Path) -> None:
    with RightServer("usage-wrong") as wrong:
        known = {"URL": wrong.url, "MODEL": MODEL, "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
        assert execute([ACTION / "probe.sh"], tmp_path, OPTIONS="--scenario usage", **known).returncode == 1
    done = execute([ACTION / "probe.sh"], tmp_path, OPTIONS="--scenario usage", **known)
    assert (done.returncode, "doesn't respond" in done.stderr) == (2, True)


def test_the_hook_checks_fixtures(tmp_path: Path) -> None:
    (hook,) = document(TOP / ".pre-commit-hooks.yaml")
    wanted = re.compile(hook["files"])
    assert [bool(wanted.search(name)) for name in ("a.sse", "b/c.har", "d.py", "e.sse.txt")] == [
        True,
        True,
        False,
        False,
    ]
    assert execute([*hook["entry"].split(), CLEAN], tmp_path).returncode == 0
    assert execute([*hook["entry"].split(), CLEAN, BROKEN], tmp_path).returncode == 1


def test_the_tests_of_the_example_run(right: RightServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLES / "test_conformance.py"]
    known = {"SERVER_URL": right.url, "SERVER_MODEL": MODEL}
    done = execute([*command, "-c", os.devnull, "--rootdir", tmp_path], tmp_path, **known)
    assert "8 passed" in done.stdout


def test_the_job_of_gitlab_runs(right: RightServer, tmp_path: Path) -> None:
    (job,) = document(EXAMPLES / "gitlab-ci.yml").values()
    (tmp_path / "conformance.json").write_text('{"version": 1, "findings": []}')
    lines = [line for line in job["script"] if not line.startswith("pip install")]
    # The whole matrix takes long; which scenarios are run is no matter of the example.
    lines = [line.replace('"$SERVER_URL"', '"$SERVER_URL" --scenario usage') for line in lines]
    script = "\n".join(["set -e", *lines, *job["after_script"]])
    done = execute(["bash", "-c", script], tmp_path, SERVER_URL=right.url, SERVER_MODEL=MODEL)
    assert done.returncode == 0, done.stderr
    for name in (*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]):
        assert (tmp_path / name).exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_the_makefile_runs(tmp_path: Path) -> None:
    with RightServer("usage-wrong") as wrong:
        probe = "PROBE=responses-tap probe $(URL) --model $(MODEL) --baseline $(BASELINE) --scenario usage"
        make: list[object] = ["make", "-f", EXAMPLES / "Makefile", f"URL={wrong.url}", f"MODEL={MODEL}", probe]
        assert execute([*make, "known"], tmp_path).returncode == 0
        assert "usage" in (tmp_path / "conformance.json").read_text()
        assert execute([*make, "conformance"], tmp_path).returncode == 0
        (tmp_path / "conformance.json").write_text('{"version": 1, "findings": []}')
        assert execute([*make, "conformance"], tmp_path).returncode == 2  # make's own, where a command fails
