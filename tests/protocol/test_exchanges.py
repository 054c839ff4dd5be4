"""A request with its response is judged alike in a HAR, live, checked again, and without its texts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import CLEAN, RECORDINGS, body, events_of
from tests.exchanges import har, play, run
from tests.feeding import FeedLoop
from tests.upstream import rows

from responses_tap import open_recording

JSON, SSE = "application/json", "text/event-stream"
ASKED = {"model": "m", "stream": False}
STREAM = {"model": "m", "stream": True}
type Document = dict[str, Any]


def text() -> list[Document]:
    return events_of(RECORDINGS / "clean/text.sse")


def with_response(events: list[Document], **fields: Any) -> bytes:
    for event in events:
        if "response" in event:
            event["response"] |= fields
    return body(*events)


def called(name: str = "tool-call", **fields: Any) -> bytes:
    return with_response(events_of(RECORDINGS / f"clean/{name}.sse"), **fields)


def empty() -> bytes:
    events = [event for event in text() if "response" in event]
    for number, event in enumerate(events):
        event["sequence_number"] = number
    return with_response(events, output=[])


def whole(name: str = "text", **fields: Any) -> bytes:
    """The response of a sample as JSON."""
    return json.dumps(events_of(RECORDINGS / f"clean/{name}.sse")[-1]["response"] | fields).encode()


def without(document: bytes, *path: str | int) -> bytes:
    response = json.loads(document)
    holder = response
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return json.dumps(response).encode()


PART = ("output", 0, "content", 0)
WEATHER = [{"type": "function", "name": "get_weather"}]
EXCHANGES = {
    "a stream that was asked for": (STREAM, SSE, body(*text()), []),
    "one that was not": (ASKED, SSE, body(*text()), ["TR918"]),
    "one that was refused": (ASKED, SSE, body(*text()), ["TR918"]),
    "JSON instead": (STREAM, JSON, whole(), ["TR916"]),
    "JSON that was asked for": (ASKED, JSON, whole(), []),
    "another response continued": (STREAM | {"previous_response_id": "resp_0"}, SSE, body(*text()), ["RQ007"]),
    "the right one": (
        STREAM | {"previous_response_id": "resp_0"},
        SSE,
        with_response(text(), previous_response_id="resp_0"),
        [],
    ),
    "the limit reached": (STREAM | {"max_output_tokens": 7}, SSE, body(*text()), ["ST702"]),
    "the limit passed": (STREAM | {"max_output_tokens": 3}, SSE, body(*text()), ["RQ006"]),
    "the limit not reached": (STREAM | {"max_output_tokens": 8}, SSE, body(*text()), []),
    "calls of the client's": (STREAM | {"max_tool_calls": 0}, SSE, called(), []),
    "a tool of the request's": (STREAM | {"tools": WEATHER}, SSE, called(tools=[]), []),
    "a tool of another type": (
        STREAM | {"tools": [{"type": "custom", "name": "get_weather"}]},
        SSE,
        called(tools=[]),
        ["RQ001"],
    ),
    "an unknown tool": (STREAM | {"tools": [WEATHER[0] | {"name": "b"}]}, SSE, called(tools=[]), ["RQ002"]),
    "nothing": (STREAM, SSE, empty(), ["LC108"]),
    "nothing, as asked": (STREAM | {"generate": False}, SSE, empty(), []),
    "a prompt kept warm": (STREAM | {"prompt_cache_options": {"prewarm": True}}, SSE, empty(), []),
    "JSON without an id": (ASKED, JSON, without(whole(), "id"), ["SC810"]),
    "an item without content": (ASKED, JSON, without(whole(), "output", 0, "content"), ["SC811"]),
    "a part without annotations": (
        ASKED,
        JSON,
        without(whole(), "output", 0, "content", 0, "annotations"),
        ["SC812"],
    ),
    "a part without logprobs": (ASKED, JSON, without(whole(), *PART, "logprobs"), ["SC812"]),
    "one from before there were any": (
        ASKED,
        JSON,
        without(whole(created_at=1745000000), *PART, "logprobs"),
        [],
    ),
    "a call without call_id": (ASKED, JSON, without(whole("tool-call"), "output", 0, "call_id"), ["ID513"]),
    "a status nobody knows": (
        ASKED,
        JSON,
        whole().replace(b'"status": "completed", "con', b'"status": "done", "con'),
        ["ST708"],
    ),
    "no usage": (ASKED, JSON, whole(usage=None), ["ST709"]),
    "half a usage": (ASKED, JSON, whole(usage={"total_tokens": 3}), ["ST710"]),
    "a wrong sum": (ASKED, JSON, whole().replace(b'"total_tokens": 19', b'"total_tokens": 20'), ["AG611"]),
    "an error in a completed one": (ASKED, JSON, whole(error={"message": "x"}), ["ST705"]),
    "a failed one that says nothing": (ASKED, JSON, whole(status="failed"), ["ST704"]),
    "a failed one": (ASKED, JSON, whole("failed"), []),
    "an incomplete one": (ASKED, JSON, whole("incomplete"), []),
    "one without a reason": (ASKED, JSON, whole("incomplete", incomplete_details=None), ["ST703"]),
    "one that is queued": (ASKED, JSON, whole(status="queued", output=[], usage=None), []),
    "the limit reached in JSON": (ASKED | {"max_output_tokens": 7}, JSON, whole(), ["ST702"]),
    "another one continued in JSON": (ASKED | {"previous_response_id": "r"}, JSON, whole(), ["RQ007"]),
    "no JSON, as asked": (
        ASKED,
        JSON,
        whole(text={"format": {"type": "json_object"}}),
        ["RQ005"],
    ),
    "two calls with one id": (
        ASKED,
        JSON,
        whole("parallel-tool-calls").replace(b"call_2", b"call_1"),
        ["ID515"],
    ),
}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_response_is_what_the_request_asked_for(name: str, tmp_path: Path, db: Path) -> None:
    asked, kind, data, codes = EXCHANGES[name]
    file = tmp_path / "a.har"
    file.write_text(json.dumps(har(("/v1/responses", 200, kind, data, asked))))
    feeder = FeedLoop(db, lambda notice: None)
    play(feeder, 200, kind, data, asked)
    feeder.close()
    with open_recording(db) as recording:
        assert [finding.code for finding in recording.findings(rows(db)[0].id)] == codes
    assert "0 changed" in run("recheck", db).stdout
    for path in (file, db):
        (stream,) = json.loads(run("check", path, "--format", "json").stdout)["streams"]
        assert [found["code"] for found in stream["findings"]] == codes
        assert kind == SSE or all(found["position"] is None for found in stream["findings"])
    for option in ("--redact-text", "--structure-only"):
        (stream,) = json.loads(run("export", db, "--format", "json", option).stdout)["streams"]
        assert [found["code"] for found in stream["findings"]] == codes


@pytest.mark.parametrize("sample", CLEAN, ids=lambda path: path.stem)
def test_the_response_of_a_correct_stream_is_right_as_an_object(sample: Path, tmp_path: Path) -> None:
    response = events_of(sample)[-1]["response"]
    file = tmp_path / "response.json"
    for text in (json.dumps(response), json.dumps(response, indent=2)):
        file.write_text(text)
        done = run("check", file, "--format", "json")
        assert (done.exit_code, done.stderr) == (0, "")
        (stream,) = json.loads(done.stdout)["streams"]
        assert (stream["state"], stream["findings"]) == (response["status"], [])


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (lambda r: r["output"][0]["content"][0].update(text=5), "SC804", "output[0].content[0].text is a number"),
        (lambda r: r["output"][0].update(content="hi"), "SC804", "output[0].content is a string, expected an array"),
        (lambda r: r["output"].append({**r["output"][0], "id": 7}), "SC804", "output[1].id is a number"),
        (lambda r: r["output"].append(r["output"][0]), "ID509", ""),
        (lambda r: r["output"][0].update(type="thought"), "SC808", "unknown item type thought"),
        (lambda r: r.pop("created_at"), "SC810", "the response lacks created_at"),
        (lambda r: r.update(output=None), "SC810", "the response lacks output"),
        (lambda r: r.update(output="hi"), "SC804", "output is a string, expected an array"),
    ],
)
def test_what_is_wrong_with_a_response_is_told_without_a_word_of_events(
    change: Callable[[Any], object], code: str, message: str, tmp_path: Path
) -> None:
    response = events_of(RECORDINGS / "clean/text.sse")[-1]["response"]
    change(response)
    (tmp_path / "response.json").write_text(json.dumps(response))
    (stream,) = json.loads(run("check", tmp_path / "response.json", "--format", "json").stdout)["streams"]
    found = {finding["code"]: finding["message"] for finding in stream["findings"]}
    assert message in found[code]
    assert not any("event" in words or "response." in words for words in found.values())


def test_the_fields_of_a_finding_are_paths_in_the_document(tmp_path: Path) -> None:
    file = tmp_path / "response.json"
    file.write_bytes(without(whole(), "output", 0, "content", 0, "annotations"))
    done = run("check", file, "--format", "json")
    (found,) = json.loads(done.stdout)["streams"][0]["findings"]
    assert (found["code"], found["fields"], found["count"]) == ("SC812", ["output[0].content[0].annotations"], 1)
    assert found["message"] == "output_text part output[0] lacks annotations"
    assert done.exit_code == 0  # a warning
    file.write_bytes(without(whole("tool-call"), "output", 0, "call_id"))
    done = run("check", file, "--format", "json")
    (found,) = json.loads(done.stdout)["streams"][0]["findings"]
    assert (found["fields"], done.exit_code) == (["output[0].call_id"], 1)
