"""The request is consulted where it is known: what it asked for decides what a correct answer is."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RECORDINGS, body, events_of

from responses_tap.protocol.findings import Finding
from responses_tap.protocol.sse import decode
from responses_tap.stream.judging import checker_for, judged
from responses_tap.stream.model import Request, Response, Stream, TimedFrame

TEXT = RECORDINGS / "clean/text.sse"
URL = "http://127.0.0.1/v1/responses"
RESPONSE = events_of(TEXT)[-1]["response"]


def found(request: Request, data: bytes) -> list[Finding]:
    """What is found in the answer to a request, a stream or a document."""
    is_stream = data.startswith(b"event:")
    kind = (("content-type", "text/event-stream" if is_stream else "application/json"),)
    frames = map(TimedFrame, decode([data])) if is_stream else ()
    stream = Stream(frames, "", request, Response(200, kind, None if is_stream else data), live=True)
    checker = checker_for(stream)
    for _ in judged(stream, checker):
        pass
    return checker.findings


def codes(asked: dict[str, Any] | None, data: bytes, url: str = URL) -> list[str]:
    text = None if asked is None else json.dumps(asked)
    return [finding.code for finding in found(Request("POST", url, body=text), data)]


def changed(path: Path = TEXT, **members: Any) -> bytes:
    """A stream whose responses say something else."""
    events = events_of(path)
    for event in events:
        if "response" in event:
            event["response"] |= members
    return body(*events)


@pytest.mark.parametrize(
    ("asked", "data", "expected"),
    [
        ({"stream": True}, TEXT.read_bytes(), []),
        ({"stream": True}, json.dumps(RESPONSE).encode(), ["TR916"]),
        ({"stream": False}, json.dumps(RESPONSE).encode(), []),
        ({}, json.dumps(RESPONSE).encode(), []),
        ({"input": "hi"}, TEXT.read_bytes(), ["TR918"]),
        ({"model": "m"}, TEXT.read_bytes(), []),
        ({"stream": False}, TEXT.read_bytes(), ["TR918"]),
        (None, TEXT.read_bytes(), []),
        (None, json.dumps(RESPONSE).encode(), []),
        ({"stream": True, "max_output_tokens": 2}, TEXT.read_bytes(), ["RQ006"]),
        ({"stream": True, "max_output_tokens": RESPONSE["usage"]["output_tokens"]}, TEXT.read_bytes(), ["ST702"]),
        ({"stream": True, "max_output_tokens": 10**6}, TEXT.read_bytes(), []),
        ({"stream": True, "previous_response_id": "resp_0"}, TEXT.read_bytes(), ["RQ007"]),
        ({"stream": True, "previous_response_id": "resp_0"}, changed(previous_response_id="resp_0"), []),
        ({"stream": True, "previous_response_id": "resp_0"}, changed(previous_response_id="resp_9"), ["RQ007"]),
        ({"stream": False, "previous_response_id": "resp_0"}, json.dumps(RESPONSE).encode(), ["RQ007"]),
    ],
)
def test_what_was_asked_decides(asked: dict[str, Any] | None, data: bytes, expected: list[str]) -> None:
    assert codes(asked, data) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((("content-type", "text/event-stream"),), []),
        ((("date", "today"),), ["TR906"]),
        ((("content-type", ""),), ["TR906"]),
        ((), []),
    ],
)
def test_headers_without_a_type_are_a_finding(headers: tuple[tuple[str, str], ...], expected: list[str]) -> None:
    stream = Stream(map(TimedFrame, decode([TEXT.read_bytes()])), response=Response(200, headers), live=True)
    checker = checker_for(stream)
    for _ in judged(stream, checker):
        pass
    assert [finding.code for finding in checker.findings] == expected


def test_a_url_may_ask_for_a_stream() -> None:
    assert codes(None, TEXT.read_bytes(), f"{URL}/resp_1?stream=true") == []


def empty(**members: Any) -> bytes:
    events = [event for event in events_of(TEXT) if "response" in event]
    for n, event in enumerate(events):
        event["sequence_number"] = n
        event["response"] |= {"output": [], **members}
    return body(*events)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"stream": True}, ["LC108"]),
        ({"stream": True, "generate": True}, ["LC108"]),
        ({"stream": True, "generate": False}, []),
        ({"stream": True, "prompt_cache_options": {"prewarm": True}}, []),
    ],
)
def test_a_warm_up_may_be_empty(asked: dict[str, Any], expected: list[str]) -> None:
    assert codes(asked, empty()) == expected


def without(member: str, item: str = "") -> bytes:
    response = json.loads(json.dumps(RESPONSE))
    holder = response["output"][0] if item else response
    del holder[member]
    return json.dumps(response).encode()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (without("usage"), ["ST709"]),
        (without("content", "item"), ["SC811"]),
        (without("id"), ["SC810"]),
        (json.dumps(RESPONSE | {"status": "queued", "output": [], "usage": None}).encode(), []),
        (json.dumps(RESPONSE | {"status": "cancelled"}).encode(), []),
        (json.dumps(RESPONSE | {"status": "incomplete"}).encode(), ["ST703"]),
        (json.dumps(RESPONSE | {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode(), ["ST710"]),
        (b"null", ["LC110"]),
        (b"<html><title>Bad gateway</title></html>", ["LC110"]),
    ],
)
def test_a_response_in_json_is_checked_as_an_object(document: bytes, expected: list[str]) -> None:
    findings = found(Request("POST", URL, body='{"stream": false}'), document)
    assert sorted({finding.code for finding in findings}) == expected
    assert all(finding.position is None for finding in findings)
