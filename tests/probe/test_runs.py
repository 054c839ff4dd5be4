"""Runs: repeated, parallel, interrupted, side by side, from recordings, and against a baseline."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RECORDINGS
from tests.exchanges import run
from tests.probe.test_outcomes import outcomes, probed
from tests.right_server import MODEL, RightServer
from tests.upstream import eventually

from responses_tap_viewer.streams import find_stream

FORMATS = ("text", "json", "junit", "md", "html")


def cell(report: dict[str, Any], name: str, target: int = 0) -> dict[str, Any]:
    (scenario,) = [scenario for scenario in report["scenarios"] if scenario["name"] == name]
    return dict(scenario["results"][target])


def test_repeated_runs_say_how_many_passed(tmp_path: Path) -> None:
    with RightServer("flaky") as server:  # it fails the first and the third time
        _, report = probed(server, tmp_path, "--scenario", "verbosity", "--repeat", "4")
    found = cell(report, "verbosity")
    assert (found["outcome"], found["runs"], len(found["streams"])) == ("flaky", 4, 4)
    assert found["message"] == "2 of 4 runs passed; failed: 503: overloaded"
    assert cell(report, "text")["runs"] == 4


def test_a_run_that_the_server_limits_says_so(tmp_path: Path) -> None:
    def asked(defect: str) -> tuple[int, str]:
        with RightServer(defect) as server:
            options = ("--model", MODEL, "--db", tmp_path / f"{defect}.db", "--scenario", "errors")
            done = run("probe", server.url, *options)
        assert len(done.stderr.splitlines()) == 1
        return done.exit_code, done.stderr.partition("/v1 ")[2].rstrip()

    left = "of 15 scenarios were not judged; run it again later"
    assert asked("limits-soon") == (0, f"limits requests (429): 10 {left}")
    assert asked("limits-all") == (1, f"limits requests (429): 15 {left}")


def test_a_server_that_dies_fails_one_scenario_and_the_rest_is_skipped(tmp_path: Path) -> None:
    # Answered are the first question, text and text-long.
    asked = ("--scenario", "text-long", "--scenario", "unknown-model", "--scenario", "ws-one", "--scenario", "delete")
    with RightServer("dies") as server:
        status, report = probed(server, tmp_path, *asked)
    assert status == 1
    assert report["targets"][0]["findings"] == []
    answered, rest = ("text", "text-long"), ("delete", "delete-unknown", "unknown-model", "ws-one")
    expected = dict.fromkeys(answered, "passed") | {"retrieve": "failed"} | dict.fromkeys(rest, "skipped")
    assert outcomes(report) == expected
    failed, skipped = cell(report, "retrieve"), cell(report, "ws-one")
    assert failed["message"] == "the server was not reached (connection refused)"
    assert (skipped["message"], skipped["findings"]) == ("the server stopped responding in retrieve", [])
    again = run("probe", "--from", tmp_path / "p.db", "--format", "json")
    assert (again.exit_code, json.loads(again.stdout)) == (1, report)
    assert (
        again.stderr == f"responses-tap: {server.url} stopped responding in retrieve: 4 of 7 scenarios were skipped\n"
    )


def test_a_baseline_does_not_tolerate_that_the_server_stops_responding(tmp_path: Path) -> None:
    baseline = tmp_path / "known.json"
    known = [{"source": "retrieve", "code": code, "scope": {}} for code in ("failed", "LC110")]
    baseline.write_text(json.dumps({"version": 1, "findings": known}))
    asked = ("--scenario", "text-long", "--scenario", "unknown-model", "--scenario", "retrieve")
    with RightServer("dies") as server:
        status, report = probed(server, tmp_path, *asked, "--baseline", str(baseline))
    assert (status, cell(report, "retrieve")["baseline"]) == (1, True)


def test_parallel_runs_come_to_the_same(tmp_path: Path) -> None:
    with RightServer("tool-none-ignored") as server:
        status, report = probed(server, tmp_path, "--parallel", "8", "--skip", "state")
    assert {name for name, outcome in outcomes(report).items() if outcome == "unexpected"} == {"tool-none"}
    assert set(outcomes(report).values()) == {"passed", "unexpected"}
    assert status == 1


def test_each_cell_leads_to_its_streams_and_its_request(tmp_path: Path) -> None:
    with RightServer("index-collision") as server:
        _, report = probed(server, tmp_path, "--scenario", "parallel-tools")
        found = cell(report, "parallel-tools")
        (place,) = found["streams"]
        stream = find_stream(place)
        assert stream.row is not None
        assert "Call both tools" in (stream.row.request_body or "")
        assert {finding["code"] for finding in found["findings"]} <= {finding.code for finding in stream.findings}
        shell = subprocess.run(["sh", "-c", found["curl"]], capture_output=True, text=True, check=True)
    assert '"response.completed"' in shell.stdout
    assert shell.stdout.count('"get_time"') > 1


def test_the_mark_of_a_request_is_no_secret(tmp_path: Path) -> None:
    with RightServer() as server:
        _, report = probed(server, tmp_path, "--scenario", "tool-required")
    (place,) = cell(report, "tool-required")["streams"]
    shown = run("show", place)
    assert "tool-required/0/answer/0" in run("export", place, "--format", "html").stdout
    assert (shown.exit_code, "⚑" in shown.stdout) == (0, False)
    assert run("export", place, "--format", "sse").exit_code == 0
    assert "masked-" not in run("probe", "--from", tmp_path / "p.db", "--format", "html").stdout


def test_what_is_not_recorded_stands_in_its_cell(tmp_path: Path) -> None:
    with RightServer("cancels-anything") as server:
        asked = ("--scenario", "cancel-not-background", "--scenario", "delete", "--scenario", "input-tokens")
        _, report = probed(server, tmp_path, *asked)
    (deleted,) = cell(report, "delete")["unrecorded"]
    id_ = deleted["request"].removeprefix("DELETE /responses/")
    assert (deleted["content"], deleted["status"]) == ("", 200)
    assert json.loads(deleted["answer"]) == {"id": id_, "object": "response.deleted", "deleted": True}
    (counted,) = cell(report, "input-tokens")["unrecorded"]
    assert counted["request"] == "POST /responses/input_tokens"
    assert json.loads(counted["content"])["input"] == "Hello"
    again = {name: run("probe", "--from", tmp_path / "p.db", "--format", name).stdout for name in FORMATS}
    assert json.loads(again["json"]) == report
    assert all(
        re.search(r'POST /responses/resp_\w+/cancel: 200 \{"id', again[name]) for name in ("text", "junit", "md")
    )
    assert re.search(r"(?s)The response to DELETE /responses/resp_\w+: 200<.*response\.deleted", again["html"])


def test_servers_stand_side_by_side_in_recordings_of_their_own(tmp_path: Path) -> None:
    with RightServer() as right, RightServer("drop:output_text.done") as wrong:
        status, report = probed(right, tmp_path, wrong.url, "--scenario", "usage")
    assert status == 1
    assert [target["url"] for target in report["targets"]] == [right.url, wrong.url]
    assert [[f["code"] for f in target["findings"]] for target in report["targets"]] == [[], ["MD301"]]
    assert [cell(report, "usage", n)["streams"][0].rpartition("/")[2] for n in (0, 1)] == ["p.db#3", "p-2.db#3"]

    recordings = tmp_path / "p.db", tmp_path / "p-2.db"
    again = run("probe", "--from", *recordings, "--format", "json")
    assert json.loads(again.stdout) == report
    assert again.exit_code == 1


def test_a_second_run_into_the_same_file_is_the_one_that_counts(tmp_path: Path) -> None:
    with RightServer("index-collision") as wrong:
        assert probed(wrong, tmp_path, "--scenario", "parallel-tools")[0] == 1
    with RightServer() as right:
        status, report = probed(right, tmp_path, "--scenario", "parallel-tools")
    assert status == 0
    again = run("probe", "--from", tmp_path / "p.db", "--format", "json")
    assert json.loads(again.stdout) == report


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_with_its_report_and_a_whole_recording(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    with RightServer("hang") as server:
        command = [sys.executable, "-m", "responses_tap_viewer", "probe", server.url, "--model", MODEL]
        options = ["--scenario", "format", "--format", "json"]
        with subprocess.Popen(
            [*command, *options], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            eventually(lambda: server.hung)
            process.send_signal(number)
            output, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors
    assert process.returncode == status
    found = outcomes(json.loads(output))
    passed, skipped = ("text", "json-schema", "json-object"), ("verbosity", "logprobs")
    assert found == dict.fromkeys(passed, "passed") | dict.fromkeys(skipped, "skipped")
    assert run("check", tmp_path / "probe.db").exit_code == 0
    again = run("probe", "--from", tmp_path / "probe.db", "--format", "json")
    assert outcomes(json.loads(again.stdout)) == found


def test_a_baseline_tolerates_what_it_knows_and_reports_what_is_gone(tmp_path: Path) -> None:
    baseline = tmp_path / "known.json"
    options = ("--scenario", "text", "--scenario", "body", "--scenario", "tool-none", "--baseline", str(baseline))
    with RightServer("tool-none-ignored") as server:
        assert probed(server, tmp_path, *options, "--update-baseline")[0] == 0
        written = json.loads(baseline.read_text())
        entry = {"source": "tool-none", "code": "unexpected", "scope": {}, "reason": ""}
        assert written == {"version": 1, "findings": [entry]}

        written["findings"][0]["reason"] = "the engine can't"
        baseline.write_text(json.dumps(written))
        status, report = probed(server, tmp_path, *options)
        assert (status, cell(report, "tool-none")["baseline"], report["summary"]["stale"]) == (0, True, 0)
        # What wasn't run may still occur.
        assert probed(server, tmp_path, "--scenario", "usage", "--baseline", str(baseline))[0] == 0
    with RightServer("drop:output_text.done") as server:
        done = run("probe", server.url, "--model", MODEL, "--db", tmp_path / "q.db", *options)
        assert done.exit_code == 1
        stale = f"unexpected in tool-none is in the baseline and no longer occurs; take it out of {baseline}\n"
        assert stale in done.stderr
        assert probed(server, tmp_path, *options, "--update-baseline")[0] == 0
        assert [(e["source"], e["code"]) for e in json.loads(baseline.read_text())["findings"]] == [("server", "MD301")]
        assert probed(server, tmp_path, *options)[0] == 0


@pytest.mark.parametrize("update", [(), ("--update-baseline",)])
def test_a_baseline_of_check_is_not_one_of_probe(update: tuple[str, ...], tmp_path: Path) -> None:
    baseline = tmp_path / "known.json"
    sample = RECORDINGS / "broken/MD301-text-done-missing.sse"
    run("check", sample, "--baseline", baseline, "--update-baseline")
    before = baseline.read_text()
    done = run("probe", "http://127.0.0.1:9/v1", "--model", MODEL, "--baseline", baseline, *update)
    assert (done.exit_code, done.stdout) == (2, "")
    expected = f"responses-tap: {baseline} is a baseline of `check` ({sample}), not of `probe`; name another file\n"
    assert (done.stderr, baseline.read_text()) == (expected, before)


def test_what_fails_beside_the_baseline_counts(tmp_path: Path) -> None:
    baseline = tmp_path / "known.json"
    baseline.write_text('{"version": 1, "findings": [{"source": "tool-none", "code": "MD301", "scope": {}}]}')
    with RightServer("tool-none-ignored") as server:
        status, report = probed(server, tmp_path, "--scenario", "tool-none", "--baseline", str(baseline))
    assert (status, cell(report, "tool-none")["baseline"], report["summary"]["stale"]) == (1, False, 1)


def test_progress_is_for_terminals(tmp_path: Path) -> None:
    with RightServer() as server:
        done = run("probe", server.url, "--model", MODEL, "--db", tmp_path / "p.db", "--scenario", "usage")
    assert done.stderr == ""
    assert os.linesep.join(["text", "  ● text: passed", "  ● usage: passed"]) in done.stdout
