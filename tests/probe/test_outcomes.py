"""The scenarios against a right server, and against the same server with one defect at a time."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.exchanges import run
from tests.right_server import MODEL, RightServer

from responses_tap_viewer.probe.scenario import load

OF_STATE = (
    "retrieve-unknown", "store-default", "store-false", "store-false-not-continuable", "input-items", "delete",
    "delete-unknown",
)  # fmt: skip
OF_STORE = (*OF_STATE, "ws-reconnect", "ws-continues-http-response")
OF_CALLS = (
    "tool-forced", "parallel-tools", "parallel-tools-off", "preamble-and-tool", "tool-result-own-call", "custom-tool",
    "custom-tool-grammar", "tool-body",
)  # fmt: skip
OF_SOCKETS = tuple(s.name for s in load() if s.group == "websocket" and s.name != "ws-one")


class Expected(NamedTuple):
    """What a defect makes of the matrix: all else passes."""

    asked: str
    """The scenarios that are run, and what they build on; empty: all."""
    cells: dict[str, str]
    """The outcomes of those that don't pass."""
    server: frozenset[str] = frozenset()
    """The codes of what the server has in every answer."""


def _all(names: tuple[str, ...], outcome: str) -> dict[str, str]:
    return dict.fromkeys(names, outcome)


DEFECTS = {
    "drop:output_text.done": Expected("text", {}, frozenset({"MD301"})),
    "drop:function_call_arguments.done": Expected("tools", {"tool-required": "violated", "tool-auto": "violated"}),
    "drop:function_call_arguments.done,custom_tool_call_input.done": Expected(
        "tools", _all(("tool-required", "tool-auto", "custom-tool"), "violated")
    ),
    "drop:output_item.done": Expected("tool-required", {"tool-required": "violated"}, frozenset({"MD306"})),
    "done-text-cut": Expected("text", {}, frozenset({"AG601"})),  # what builds on a text is run all the same
    "drop:content_part.added": Expected("text", {}, frozenset({"NS202"})),
    "plain-text": Expected("format", {}, frozenset({"TR906"})),
    "unasked-left-out": Expected("text", {}, frozenset({"SC810"})),
    "index-collision": Expected("tools", {"parallel-tools": "violated", "preamble-and-tool": "violated"}),
    "same-call-id": Expected("tools", {"parallel-tools": "violated"}),
    "arguments-broken": Expected(
        "tools", {"tool-required": "violated", "tool-auto": "violated"} | _all(OF_CALLS, "skipped")
    ),
    "tool-none-ignored": Expected("tools", {"tool-none": "unexpected"}),
    "forced-ignored": Expected("tools", {"tool-forced": "unexpected"}),
    "parallel-ignored": Expected("tools", {"parallel-tools-off": "unexpected"}),
    "custom-refused-in-stream": Expected(
        "tools", {"custom-tool": "unsupported", "custom-tool-grammar": "skipped"}
    ),
    "grammar-ignored": Expected("custom-tool", {"custom-tool-grammar": "unexpected"}),
    "limit-ignored": Expected(
        "limits",
        _all(("max-output-tokens", "max-output-tokens-body"), "unexpected")
        | {"max-output-tokens-below-minimum": "skipped"},
    ),
    "limit-hidden": Expected(
        "limits",
        _all(("max-output-tokens", "max-output-tokens-body"), "violated")
        | {"max-output-tokens-below-minimum": "skipped"},
    ),
    "small-limit-ignored": Expected("limits", {"max-output-tokens-below-minimum": "unsupported"}),
    "small-limit-hidden": Expected("limits", {"max-output-tokens-below-minimum": "violated"}),
    "format-ignored": Expected("format", {"json-schema": "unexpected", "json-object": "unexpected"}),
    "schema-ignored": Expected("format", {"json-schema": "unexpected"}),
    "logprobs-lost": Expected("format", {"logprobs": "unexpected"}),
    "usage-wrong": Expected("text", {"usage": "unexpected"}),
    "lost-character": Expected("text", {"unicode": "violated"}),
    "echo-wrong": Expected("text", {"instructions-echo": "unexpected"}),
    "echo-missing": Expected("text", {"instructions-echo": "unsupported"}),
    "always-streams": Expected(
        "body",
        {"body": "unexpected", "body-same-members": "skipped", "body-same-items": "skipped"},
        frozenset({"TR918"}),
    ),
    "body-member-missing": Expected("body", {"body-same-members": "unexpected"}),
    "body-other-items": Expected("body", {"body-same-items": "unexpected"}),
    "body-reasons": Expected("body", {"body-same-items": "unexpected"}),
    "logprobs-null": Expected("state", {}, frozenset({"SC812"})),
    "no-reasoning": Expected(
        "reasoning",
        _all(("reasoning", "reasoning-and-tool", "reasoning-summary", "reasoning-back"), "skipped"),
    ),
    "drop:reasoning_text.done": Expected("reasoning", {"reasoning": "violated"}),
    "drop:reasoning_summary_text.done": Expected("reasoning-summary", {"reasoning-summary": "violated"}),
    "summaries-unfinished": Expected(
        "reasoning-summary", {"reasoning": "violated", "reasoning-summary": "unexpected"}
    ),
    "no-summary": Expected("reasoning-summary", {"reasoning-summary": "unsupported"}),
    "drop:reasoning_summary_part.added": Expected("reasoning", {"reasoning-summary": "violated"}),
    "image-crash": Expected("input", {"image-input": "failed", "image-broken": "skipped"}),
    "no-store": Expected(
        "",
        _all(("retrieve", "background-poll"), "unsupported")
        | _all(OF_STORE, "skipped")
        | _all(tuple(s.name for s in load() if s.group == "background" and s.name != "background-poll"), "skipped"),
    ),
    "retrieve-differs": Expected("state", {"retrieve": "unexpected"} | _all(OF_STATE, "skipped")),
    "always-stored": Expected("state", {"store-false": "unexpected", "store-false-not-continuable": "unexpected"}),
    "default-not-kept": Expected("store-default", {"store-default": "unexpected"}),
    "delete-ignored": Expected("state", {"delete": "unexpected", "delete-unknown": "skipped"}),
    "unknown-continued": Expected(
        "state", _all(("previous-response-unknown", "store-false-not-continuable"), "unexpected")
    ),
    "resume-early": Expected(
        "background",
        {"background-resume": "unexpected"}
        | _all(("retrieve-stream", "resume-beyond-end", "resume-twice"), "skipped"),
    ),
    "resume-late": Expected("background-resume", {}),
    "resume-crash": Expected("resume-beyond-end", {"resume-beyond-end": "failed"}),
    "cancels-anything": Expected("background", {"cancel-not-background": "unexpected"}),
    "broken-json-taken": Expected("errors", {"body-not-json": "unexpected"}),
    "input-ignored": Expected("errors", {"input-missing": "failed", "input-wrong-type": "failed"}),
    "tool-crash": Expected("errors", {"tool-without-name": "failed"}),
    "empty-crash": Expected("input-string-empty", {"input-string-empty": "failed"}),
    "overflow-crash": Expected("context-overflow", {"context-overflow": "failed"}),
    "compaction-left-open": Expected("context-management", {"context-management": "violated"}),
    "drop:mcp_call_arguments.done": Expected("mcp", {"mcp": "violated"}),
    "key-expires": Expected(
        "errors", _all(tuple(s.name for s in load() if s.group == "errors")[4:], "failed")
    ),
    "same-id": Expected("concurrency", {"ten-at-once": "unexpected"}),
    "dies-of-abort": Expected("concurrency", {"client-abort": "failed"}),
    "hang": Expected("verbosity", {"verbosity": "failed"}),
    "cut": Expected("verbosity", {"verbosity": "failed"}),
    "limited": Expected("verbosity", {"verbosity": "skipped"}),
    "flaky": Expected("verbosity", {"verbosity": "flaky"}),
    "slow-once": Expected("verbosity", {}),
    "no-websocket": Expected("websocket", {"ws-one": "unsupported"} | _all(OF_SOCKETS, "skipped")),
    "socket-numbers-on": Expected(
        "websocket",
        {"ws-two-in-sequence": "unexpected"} | _all(("ws-two-sent-at-once", "ws-two-lanes"), "skipped"),
    ),
    "code-wrong": Expected("websocket", {"ws-previous-not-found": "unexpected"}),
    "socket-wants-list": Expected("ws-input-string", {"ws-input-string": "unsupported"}),
    "closes-without-model": Expected("ws", _all(("ws-model-missing", "ws-unknown-model"), "failed")),
    "dies-of-binary": Expected("ws-binary-frame", {"ws-binary-frame": "failed"}),
    "failed-kept": Expected("ws-failed-continuation", {"ws-failed-continuation": "unexpected"}),
    "no-steering": Expected("ws-steer", {"ws-steer": "unsupported"}),
    "continuation-unnamed": Expected("ws-continuation", {"ws-continuation-echo": "unsupported"}),
    "lanes-unnamed": Expected("websocket", {"ws-two-lanes": "unsupported"}),
    "warm-up-generates": Expected("websocket", {"ws-generate-false": "unsupported"}),
}  # fmt: skip


def probed(server: RightServer, tmp_path: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit status and the report of a probe."""
    done = run("probe", server.url, "--model", MODEL, "--db", tmp_path / "p.db", "--format", "json", *options)
    return done.exit_code, json.loads(done.stdout)


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {scenario["name"]: scenario["results"][0]["outcome"] for scenario in report["scenarios"]}


def test_a_right_server_passes_every_scenario(tmp_path: Path) -> None:
    with RightServer() as server:
        status, report = probed(server, tmp_path)
    wrong = {
        scenario["name"]: scenario["results"][0] for scenario in report["scenarios"]
        if scenario["results"][0]["outcome"] != "passed"
    }  # fmt: skip
    assert (wrong, report["targets"][0]["findings"], status) == ({}, [], 0)
    assert list(outcomes(report)) == [scenario.name for scenario in load() if not scenario.hosted]
    cells = {scenario["name"]: scenario["results"][0] for scenario in report["scenarios"]}
    assert all(cell["streams"] or cell["unrecorded"] for cell in cells.values())
    assert not any(cell["unrecorded"] for name, cell in cells.items() if name.startswith(("text", "tool", "ws-")))


def test_a_text_that_was_cut_need_not_be_json(tmp_path: Path) -> None:
    with RightServer("json-cut") as server:  # its terminal event says completed, and the response incomplete
        _, report = probed(server, tmp_path, "--scenario", "json-schema")
    cell = report["scenarios"][-1]["results"][0]
    assert (cell["outcome"], cell["message"][:5], "JSON" in cell["message"]) == ("violated", "ST701", False)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_fails_the_scenarios_that_it_is_about_and_no_other(defect: str, tmp_path: Path) -> None:
    expected = DEFECTS[defect]
    options = ["--scenario", expected.asked] if expected.asked else []
    if defect in ("hang", "slow-once"):
        options += ["--timeout", "5"]
    with RightServer(defect) as server:
        status, report = probed(server, tmp_path, *options)
    assert {name: outcome for name, outcome in outcomes(report).items() if outcome != "passed"} == expected.cells
    assert {finding["code"] for finding in report["targets"][0]["findings"]} == expected.server
    bad = {"violated", "unexpected", "failed", "flaky"}
    assert status == int(bool(expected.server or bad & set(expected.cells.values())))
