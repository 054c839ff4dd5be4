"""A stream as a span says what the stream says, in the names of OpenTelemetry's conventions."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.conftest import RECORDINGS

from responses_tap_viewer.cli import main

pytest.importorskip("opentelemetry.sdk")

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def har(body: bytes, status: int = 200, **headers: str) -> dict[str, Any]:
    """A HAR with one request, sent at a known time."""
    kind = "text/event-stream" if status == 200 else "application/json"
    entry = {
        "startedDateTime": "2026-11-02T10:00:00.250Z",
        "time": 1500,
        "request": {
            "method": "POST",
            "url": "https://api.openai.com/v1/responses",
            "httpVersion": "HTTP/1.1",
            "headers": [{"name": name, "value": value} for name, value in headers.items()],
            "postData": {"mimeType": "application/json", "text": '{"model": "gpt-5.1", "input": "hi", "stream": true}'},
        },
        "response": {
            "status": status,
            "headers": [{"name": "content-type", "value": kind}],
            "content": {"mimeType": kind, "text": body.decode()},
        },
    }
    return {"log": {"version": "1.2", "creator": {"name": "t", "version": "1"}, "entries": [entry]}}


def spans(tmp_path: Path, document: dict[str, Any], *options: str) -> list[dict[str, Any]]:
    file = tmp_path / "one.har"
    file.write_text(json.dumps(document))
    done = CliRunner().invoke(main, ["export", str(file), "--format", "otlp", "--allow-text", *options])
    assert done.exit_code == 0, done.stderr
    (resource,) = json.loads(done.stdout)["resourceSpans"]
    assert values(resource["resource"])["service.name"] == "responses-tap"
    (scope,) = resource["scopeSpans"]
    return list(scope["spans"])


def values(holder: dict[str, Any]) -> dict[str, Any]:
    return {attribute["key"]: _value(attribute["value"]) for attribute in holder["attributes"]}


def _value(value: dict[str, Any]) -> Any:
    ((kind, inner),) = value.items()
    if kind == "arrayValue":
        return [_value(element) for element in inner["values"]]
    return int(inner) if kind == "intValue" else inner


def test_a_stream_is_a_client_span(tmp_path: Path) -> None:
    (span,) = spans(tmp_path, har((RECORDINGS / "clean/text.sse").read_bytes()))
    assert (span["name"], span["kind"], "status" in span and span["status"].get("code")) == ("chat gpt-5.1", 3, None)
    begin, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    assert (begin, end - begin) == (1_793_613_600_250_000_000, 1_500_000_000)
    assert values(span) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5.1",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "sample-1",
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.finish_reasons": ["completed"],
        "server.address": "api.openai.com",
        "http.response.status_code": 200,
        **_usage(RECORDINGS / "clean/text.sse"),
    }


def _usage(path: Path) -> dict[str, int]:
    last = json.loads(path.read_bytes().rsplit(b"data: ", 1)[1])["response"]["usage"]
    return {
        "gen_ai.usage.cache_read.input_tokens": last["input_tokens_details"]["cached_tokens"],
        "gen_ai.usage.reasoning.output_tokens": last["output_tokens_details"]["reasoning_tokens"],
    }


def test_each_finding_is_an_event_of_the_span(tmp_path: Path) -> None:
    (span,) = spans(tmp_path, har((RECORDINGS / "broken/MD301-text-done-missing.sse").read_bytes()))
    (event,) = span["events"]
    found = values(event)
    assert event["name"] == "responses_tap.finding"
    assert (found["responses_tap.finding.code"], found["responses_tap.finding.severity"]) == ("MD301", "error")
    assert (found["responses_tap.finding.position"], found["responses_tap.finding.output_index"]) == (9, 0)


def test_the_parent_is_that_of_the_request(tmp_path: Path) -> None:
    body = (RECORDINGS / "clean/text.sse").read_bytes()
    (child,) = spans(tmp_path, har(body, traceparent=PARENT))
    assert (child["traceId"], child["parentSpanId"]) == (PARENT[3:35], PARENT[36:52])
    (orphan,) = spans(tmp_path, har(body, traceparent="00-0-0-0"))
    assert "parentSpanId" not in orphan
    assert (len(orphan["traceId"]), len(orphan["spanId"])) == (32, 16)


def test_a_stream_is_the_same_span_each_time(tmp_path: Path) -> None:
    body = (RECORDINGS / "clean/text.sse").read_bytes()
    (one,), (again,) = spans(tmp_path, har(body)), spans(tmp_path, har(body))
    (other,) = spans(tmp_path, har(body.replace(b"resp_1", b"resp_2")))
    assert (one["traceId"], one["spanId"]) == (again["traceId"], again["spanId"])
    assert one["traceId"] != other["traceId"]


def test_what_went_wrong_is_the_spans_status(tmp_path: Path) -> None:
    refused = b'{"error": {"message": "Slow down", "code": "rate_limit_exceeded", "type": "requests"}}'
    (span,) = spans(tmp_path, har(refused, 429))
    assert values(span)["error.type"] == "429"
    assert span["status"] == {"code": 2, "message": "Slow down"}
    text = (RECORDINGS / "clean/text.sse").read_bytes()
    (cut,) = spans(tmp_path, har(text[: len(text) // 2]))
    assert (values(cut)["error.type"], cut["status"]["code"]) == ("truncated", 2)


def test_structure_only_keeps_no_name(tmp_path: Path) -> None:
    text = (RECORDINGS / "clean/text.sse").read_bytes()
    (span,) = spans(tmp_path, har(text, **{"x-who": "me"}), "--structure-only")
    assert not {"gpt-5.1", "sample-1", "api.openai.com"} & set(map(str, values(span).values()))


def test_a_stream_without_times_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["export", str(RECORDINGS / "clean/text.sse"), "--format", "otlp"])
    assert (done.exit_code, "has no times" in done.stderr) == (2, True)
