"""Streams as OpenTelemetry spans, by the GenAI conventions: one CLIENT span for each, its findings as span events.

Names are those of `opentelemetry-semantic-conventions` (https://opentelemetry.io/docs/specs/semconv/gen-ai/). Trace and
span have ids made of the stream itself, unless its request carried a `traceparent` (W3C Trace Context): exported twice,
it is the same span.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from responses_tap.errors import UnusableInput
from responses_tap.protocol.events import json_object, parse
from responses_tap.stream.columns import header
from responses_tap.stream.model import JudgedStream
from responses_tap.urls import split

try:
    from google.protobuf.json_format import MessageToDict
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
    from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
except ModuleNotFoundError as missing:
    raise UnusableInput("OpenTelemetry", f"needs {missing.name}: pip install 'responses-tap[otel]'") from missing

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
"""https://www.w3.org/TR/trace-context/#traceparent-header, version 00."""
_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_IDS = ("traceId", "spanId", "parentSpanId")
NS = 1_000_000_000
RESOURCE = Resource.create({"service.name": "responses-tap"})


def write(streams: Sequence[JudgedStream]) -> bytes:
    """OTLP in JSON, as a collector's file receiver reads it; UnusableInput where a stream's time isn't known."""
    message = MessageToDict(encode_spans(list(map(span, streams))), use_integers_for_enums=True)
    _write_ids_in_hex(message)
    return json.dumps(message).encode() + b"\n"


def span(stream: JudgedStream, leaving: Callable[[str], str] = str) -> ReadableSpan:
    """The span of a stream, its texts as they are `leaving`; UnusableInput where it isn't known when it was sent."""
    begun = stream.started_at
    if stream.row is None or begun is None:
        raise UnusableInput(stream.name, "has no times; a span needs a stream that was recorded")
    start_ns = int(begun.timestamp()) * NS + begun.microsecond * 1000
    last_ns = max((entry.at_ns or 0 for entry in stream.entries), default=0)
    fingerprint = stream.fingerprint
    operation, response = "chat", _response(stream)
    model = stream.row.model or response.get("model")
    error = _error(stream, response)
    parent = _parent(stream)
    return ReadableSpan(
        leaving(f"{operation} {model}") if isinstance(model, str) else operation,
        SpanContext(
            parent.trace_id if parent else int(fingerprint, 16),
            int(fingerprint[:16], 16),
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        ),
        parent,
        RESOURCE,
        _known({gen_ai.GEN_AI_OPERATION_NAME: operation} | _attributes(stream, response, error), leaving),
        list(_events(stream, start_ns, last_ns, leaving)),
        kind=SpanKind.CLIENT,
        status=Status(StatusCode.ERROR, leaving(error[1]) or None) if error else Status(StatusCode.UNSET),
        start_time=start_ns,
        end_time=start_ns + (stream.row.end_ns or last_ns),
        instrumentation_scope=InstrumentationScope("responses_tap"),
    )


def _attributes(
    stream: JudgedStream, response: dict[str, Any], error: tuple[str, str] | None
) -> dict[str, "AttributeValue | None"]:
    assert stream.row is not None
    row, url = stream.row, split(stream.row.url)
    host = url.hostname or row.host
    usage = response.get("usage")
    cached, reasoning = (_count(usage, *path) for path in (_CACHED, _REASONING))
    return {
        gen_ai.GEN_AI_PROVIDER_NAME: "azure.ai.openai" if host.endswith(_AZURE) else "openai",
        gen_ai.GEN_AI_REQUEST_MODEL: row.model,
        gen_ai.GEN_AI_REQUEST_STREAM: True if stream.entries else None,
        gen_ai.GEN_AI_RESPONSE_MODEL: _text(response.get("model")),
        gen_ai.GEN_AI_RESPONSE_ID: row.response_id,
        gen_ai.GEN_AI_RESPONSE_FINISH_REASONS: [row.state] if row.state != "open" else None,
        gen_ai.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: None if row.first_event_ns is None else row.first_event_ns / NS,
        gen_ai.GEN_AI_CONVERSATION_ID: _conversation(response),
        gen_ai.GEN_AI_USAGE_INPUT_TOKENS: row.input_tokens,
        gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS: row.output_tokens,
        gen_ai.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: cached,
        gen_ai.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: reasoning,
        server_attributes.SERVER_ADDRESS: host,
        server_attributes.SERVER_PORT: url.port,
        http_attributes.HTTP_RESPONSE_STATUS_CODE: row.status,
        error_attributes.ERROR_TYPE: error and error[0],
    }


_CACHED = ("input_tokens_details", "cached_tokens")
_REASONING = ("output_tokens_details", "reasoning_tokens")


def _known(
    attributes: dict[str, "AttributeValue | None"], leaving: Callable[[str], str]
) -> dict[str, "AttributeValue"]:
    return {
        name: leaving(value) if isinstance(value, str) else value
        for name, value in attributes.items()
        if value is not None
    }


def _events(stream: JudgedStream, start_ns: int, last_ns: int, leaving: Callable[[str], str]) -> Iterator[Event]:
    """The findings, each at the time of its event, those about the end at the last one."""
    times = {(entry.response, entry.position): entry.at_ns or 0 for entry in stream.entries}
    for finding in stream.findings:
        places: dict[str, AttributeValue | None] = {
            f"responses_tap.finding.{name}": value
            for name, value in (finding.facts() | finding.scope).items()
            if name not in {"scope", "fields"}
        }
        at_ns = times.get((finding.response, finding.position), last_ns)
        yield Event("responses_tap.finding", _known(places, leaving), start_ns + at_ns)


def _response(stream: JudgedStream) -> dict[str, Any]:
    """The response object that was sent last, {} where there was none."""
    for entry in reversed(stream.entries):
        if entry.frame.data and (found := parse(entry.frame.data).object("response")):
            return found
    body = stream.row.response_body if stream.row else None
    return json_object(body) if body else {}


def _error(stream: JudgedStream, response: dict[str, Any]) -> tuple[str, str] | None:
    """The type and the words of what went wrong with the request, None where nothing did."""
    assert stream.row is not None
    row, stated = stream.row, response.get("error")
    details = stated if isinstance(stated, dict) else {}
    if row.state == "http-error":
        return str(row.status), str(details.get("message") or "")
    if row.state in ("failed", "truncated"):
        return str(details.get("code") or row.state), str(details.get("message") or row.end_reason or "")
    return None


def _parent(stream: JudgedStream) -> SpanContext | None:
    stated = header(stream.row.request_headers, "traceparent") if stream.row else None
    found = _TRACEPARENT.fullmatch(stated or "")
    if not found:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))


def _conversation(response: dict[str, Any]) -> str | None:
    conversation = response.get("conversation")
    return _text(conversation.get("id")) if isinstance(conversation, dict) else None


def _count(value: object, *path: str) -> int | None:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if type(value) is int else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _write_ids_in_hex(value: Any) -> None:  # noqa: ANN401 (JSON)
    """OTLP has ids in hex, where the JSON of protobuf has base64 (OTLP specification, "JSON Protobuf Encoding")."""
    for inner in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        _write_ids_in_hex(inner)
    if isinstance(value, dict):
        value.update({name: base64.b64decode(value[name]).hex() for name in _IDS if name in value})
