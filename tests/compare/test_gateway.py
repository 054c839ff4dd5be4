"""Both sides of a gateway, and the shapes of a recording."""

import copy
import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.conftest import RECORDINGS, body, events_of
from tests.upstream import Upstream, ended, head

from responses_tap.mitm.proxy import Proxy
from responses_tap_viewer.cli import main

TEXT = RECORDINGS / "clean/text.sse"
CALL = RECORDINGS / "clean/tool-call.sse"
SEED = RECORDINGS / "broken/llamastack-before-pr5308.sse"

CLIENT = """
import os, urllib.request
urllib.request.urlopen(os.environ["OPENAI_BASE_URL"] + "/responses", b'{"stream": true}').read()
"""

type Event = dict[str, Any]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def trace(*streams: list[Event], at_ns: Callable[[int], int] = lambda n: 0, request: str = "{}") -> str:
    """Streams whose events came at these times, each in a piece of its own, as a trace that can be imported."""
    sent = {"method": "POST", "url": "https://x/responses", "http_version": "", "headers": [], "body": request}
    return json.dumps(
        {
            "format": "responses-tap trace",
            "version": 1,
            "streams": [
                {
                    "started_at": "2026-01-01T00:00:00Z",
                    "request": sent,
                    "response": {"status": 200, "headers": [], "body": None},
                    "frames": [
                        {"raw": body(event).decode(), "at_ns": at_ns(n), "chunk": n} for n, event in enumerate(events)
                    ],
                    "chunks": [
                        {"at_ns": at_ns(n), "wire_size": 1, "offset": 0, "size": 1} for n, _ in enumerate(events)
                    ],
                }
                for events in streams
            ],
        }
    )


def taps(tmp_path: Path, before: str, behind: str) -> Any:
    for name, text in (("a", before), ("b", behind)):
        (tmp_path / f"{name}.json").write_text(text)
        assert run("import", tmp_path / f"{name}.json", "--db", tmp_path / f"{name}.db").exit_code == 0
    result = run("diff", "--gateway", tmp_path / "a.db", tmp_path / "b.db", "--format", "json")
    report = json.loads(result.stdout)
    assert result.exit_code == (0 if report["same"] else 1)
    return report


def put(events: list[Event], **values: str) -> list[Event]:
    """The same stream with other values, as a gateway may set them: `id="x"` renames the response."""
    text = json.dumps(events)
    for new, old in values.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    return json.loads(text)


def test_what_passes_unchanged_is_no_change(tmp_path: Path) -> None:
    events = events_of(TEXT)
    report = taps(tmp_path, trace(events), trace(events))
    (passage,) = report["passages"]
    assert (passage["joined_by"], passage["changed"], passage["identical"]) == ("response id", False, True)
    text = run("diff", "--gateway", tmp_path / "a.db", tmp_path / "b.db").stdout
    assert "  unchanged\n" in text
    assert "1 response matched: 0 changed" in text


def test_delays_are_relative_to_the_fastest_event(tmp_path: Path) -> None:
    """The clocks are 5 s apart; one event, and those after it, are held back for 250 ms."""
    events = events_of(TEXT)
    held = 6
    before = trace(events, at_ns=lambda n: 10_000_000 * n)
    behind = trace(events, at_ns=lambda n: 5_000_000_000 + 10_000_000 * n + (250_000_000 if n == held else 0))
    report = taps(tmp_path, before, behind)
    assert report["same"]
    delay = report["passages"][0]["delay"]
    assert delay == {
        "median_ns": 0,
        "most_ns": 250_000_000,
        "type": events[held]["type"],
        "position": held,
        "first_ns": [0, 5_000_000_000],
    }
    text = run("diff", "--gateway", tmp_path / "a.db", tmp_path / "b.db").stdout
    assert f"# delays by up to 250 ms at {events[held]['type']} (event {held})" in text


def test_what_the_gateway_did_is_reported(tmp_path: Path) -> None:
    events = events_of(TEXT)
    done = next(n for n, event in enumerate(events) if event["type"] == "response.output_text.done")
    deltas = [n for n, event in enumerate(events) if event["type"] == "response.output_text.delta"]
    behind = put(events[:done] + events[done + 1 :], gw_1="resp_1", other="sample-1")
    behind[deltas[1]]["delta"] += "!"
    del behind[deltas[2]]
    report = taps(tmp_path, trace(events, request='{"n": 1}'), trace(behind, request='{"n": 1}'))
    (passage,) = report["passages"]
    assert passage["joined_by"] == "request"
    assert [(d["kind"], d["type"]) for d in passage["differences"]] == [("missing", "response.output_text.done")]
    assert passage["rewritten"] == ["response id", "model"]
    assert passage["deltas"] == [len(deltas), len(deltas) - 1]
    assert passage["texts"][0]["type"] == "response.output_text.delta"
    assert passage["texts"][0]["at"] == len(events[deltas[0]]["delta"] + events[deltas[1]]["delta"])
    text = run("diff", "--gateway", tmp_path / "a.db", tmp_path / "b.db").stdout
    for words in (
        f"< drops response.output_text.done (event {done}; before B's event {done - 1})",
        "≠ changes the text of response.output_text.delta: ",
        "≠ rewrites response id, model",
        f"# re-splits deltas: {len(deltas)} deltas become {len(deltas) - 1}",
        f"# re-chunks: {len(events)} pieces became {len(events) - 2}",
    ):
        assert words in text


def test_a_final_text_that_the_gateway_cuts_is_a_change(tmp_path: Path) -> None:
    """The deltas pass; every event that states the text at the end states less of it."""
    events = events_of(TEXT)
    whole = next(event["text"] for event in events if event["type"] == "response.output_text.done")
    report = taps(tmp_path, trace(events), trace(put(events, **{whole[:-3]: whole})))
    (passage,) = report["passages"]
    assert passage["texts"] == [
        {"type": f"response.{name}", "a": len(whole), "b": len(whole) - 3, "at": len(whole) - 3}
        for name in ("output_text.done", "content_part.done", "output_item.done", "completed")
    ]
    text = run("diff", "--gateway", tmp_path / "a.db", tmp_path / "b.db").stdout
    assert (
        "≠ changes the text of response.output_text.done, response.content_part.done, response.output_item.done,"
        f" response.completed: {len(whole)} characters become {len(whole) - 3},"
    ) in text
    assert "1 response matched: 1 changed" in text


def test_values_that_the_gateway_rewrites_are_named(tmp_path: Path) -> None:
    events = events_of(CALL)
    behind = copy.deepcopy(events)
    behind[-1]["response"]["usage"]["total_tokens"] += 1
    (call,) = [event for event in behind if event["type"] == "response.function_call_arguments.done"]
    call["arguments"] += " "
    (passage,) = taps(tmp_path, trace(events), trace(behind))["passages"]
    assert passage["rewritten"] == ["response.usage.total_tokens"]
    assert [change["type"] for change in passage["texts"]] == [call["type"]]
    assert (
        "≠ rewrites response.usage.total_tokens\n"
        in run("diff", "--gateway", tmp_path / "a.db", tmp_path / "b.db").stdout
    )


def test_ids_times_and_numbers_may_be_replaced(tmp_path: Path) -> None:
    events = events_of(CALL)
    behind = [_renumbered(event) for event in events]
    (passage,) = taps(tmp_path, trace(events, request='{"n": 1}'), trace(behind, request='{"n": 1}'))["passages"]
    assert (passage["rewritten"], passage["texts"], passage["differences"]) == (["response id", "item ids"], [], [])


def test_an_item_that_the_gateway_drops_is_one_change(tmp_path: Path) -> None:
    """Also in the final response, whose output then is another."""
    events = events_of(RECORDINGS / "clean/reasoning-text.sse")
    behind = [event for event in copy.deepcopy(events) if event.get("output_index") != 0]
    del behind[-1]["response"]["output"][0]
    (passage,) = taps(tmp_path, trace(events), trace(behind))["passages"]
    assert [(change["kind"], change["what"]) for change in passage["differences"]] == [("missing", "item")]
    assert (passage["rewritten"], passage["texts"]) == ([], [])


def _renumbered(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _renumbered(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_renumbered(inner) for inner in value]
    if key == "id" or key.endswith("_id"):
        return value and f"gw_{value}"
    return value + 100 if isinstance(value, int) and key in ("created_at", "completed_at", "sequence_number") else value


def test_streams_are_joined_by_id_then_content_then_request(tmp_path: Path) -> None:
    text, call, seed = (events_of(path) for path in (TEXT, CALL, SEED))
    ids = [put(events, **{f"a{n}": "resp_1"}) for n, events in enumerate((text, call, seed))]
    renamed = [put(events, **{f"b{n}": "resp_1"}) for n, events in enumerate((call, text))]
    report = taps(tmp_path, trace(*ids), trace(*renamed, put(seed, a2="resp_1"), put(text, c="resp_1")))
    a, b = tmp_path / "a.db", tmp_path / "b.db"
    assert [(p["a"], p["b"], p["joined_by"]) for p in report["passages"]] == [
        (f"{a}#1", f"{b}#2", "content"),
        (f"{a}#2", f"{b}#1", "content"),
        (f"{a}#3", f"{b}#3", "response id"),
    ]
    assert (report["only_a"], report["only_b"]) == ([], [f"{b}#4"])
    assert f"{b}#4: only B has it" in run("diff", "--taps", a, b).stdout


def test_two_streams_can_be_compared_too_but_not_a_mixture(tmp_path: Path) -> None:
    (tmp_path / "b.sse").write_bytes(b": ping\n\n" + TEXT.read_bytes() + b"data: [DONE]\n\n")
    result = run("diff", "--gateway", TEXT, tmp_path / "b.sse")
    assert result.exit_code == 1
    assert "> adds 1 × comment" in result.stdout
    assert "> adds 1 × [DONE]" in result.stdout
    taps(tmp_path, trace(events_of(TEXT)), trace(events_of(TEXT)))
    result = run("diff", "--gateway", tmp_path / "a.db", TEXT)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)


def test_a_real_gateway_between_two_recorders(tmp_path: Path) -> None:
    """It waits for the complete response, drops the closing text event and sends the rest in one piece."""

    def server(connection: socket.socket) -> None:
        sample = TEXT.read_bytes()
        connection.sendall(head("content-type: text/event-stream", f"content-length: {len(sample)}"))
        for frame in sample.split(b"\n\n")[:-1]:
            connection.sendall(frame + b"\n\n")

    def gateway(connection: socket.socket) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", before.port)) as upstream:
            upstream.request("POST", "/v1/responses", '{"stream": true}')
            frames = upstream.getresponse().read().split(b"\n\n")
        kept = b"\n\n".join(frame for frame in frames if not frame.startswith(b"event: response.output_text.done"))
        connection.sendall(head("content-type: text/event-stream", f"content-length: {len(kept)}") + kept)

    dbs = tmp_path / "a.db", tmp_path / "b.db"
    with (
        Upstream(v1=server) as api,
        Proxy(dbs[0], upstream=f"{api.url}/v1", on_notice=lambda _: None) as before,
        Upstream(v1=gateway) as middle,
    ):
        tap = [sys.executable, "-m", "responses_tap_viewer", "record", "--db", str(dbs[1]), "--listen", "127.0.0.1:0"]
        client = [sys.executable, "-c", CLIENT]
        subprocess.run([*tap, "--upstream", f"{middle.url}/v1", "--", *client], check=True, capture_output=True)
        ended(dbs[0])
    result = run("diff", "--gateway", *dbs)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == f"{dbs[0]}#1 → {dbs[1]}#1 (joined by response id)"
    assert lines[1].startswith("  < drops response.output_text.done (event ")
    assert lines[-1] == "1 response matched: 1 changed, 0 unmatched"


def test_a_recording_is_grouped_by_shape(tmp_path: Path) -> None:
    text = events_of(TEXT)
    db = tmp_path / "a.db"
    (tmp_path / "a.json").write_text(trace(text, text[:-1], text, events_of(CALL), [*text, text[6]], text))
    run("import", tmp_path / "a.json", "--db", db)
    run("import", tmp_path / "a.json", "--db", db)
    report = json.loads(run("diff", "--by-shape", db, "--format", "json").stdout)
    assert [(group["count"], group["ids"][0], group["like"], group["at"]) for group in report["groups"]] == [
        (6, 1, None, None),
        (2, 2, 1, len(text) - 1),
        (2, 4, 1, 2 if events_of(CALL)[2]["type"] != text[2]["type"] else 3),
        (2, 5, 1, len(text)),
    ]
    assert (report["groups"][1]["has"], report["groups"][1]["there"]) == (None, "response.completed")
    result = run("diff", "--by-shape", db)
    assert result.exit_code == 1
    assert f"     2 ×  #2      2 truncated: as #1 up to event {len(text) - 1}: the end where that has" in result.stdout
    assert result.stdout.endswith("12 streams of 4 shapes\n")


@pytest.mark.parametrize(
    "arguments",
    [["a"], ["a", "b", "c"], ["--by-shape", "a", "b"], ["--gateway", "a"], ["--taps", "--by-shape", "a"],
     ["--ground-truth", "a", "b", "--format", "json"], []],
)  # fmt: skip
def test_wrong_usage_is_reported(arguments: list[str]) -> None:
    result = run("diff", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_the_help_documents_all_json(tmp_path: Path) -> None:
    report = taps(tmp_path, trace(events_of(TEXT), at_ns=lambda n: n), trace(events_of(SEED), at_ns=lambda n: n))
    shapes = json.loads(run("diff", "--by-shape", tmp_path / "a.db", "--format", "json").stdout)
    help_ = run("diff", "--help").stdout
    passage = report["passages"][0]
    for key in {*report, *passage, *passage["delay"], *passage["texts"][0], *shapes, *shapes["groups"][0]}:
        assert key in help_
