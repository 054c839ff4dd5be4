"""Streams as OpenTelemetry metrics, by the GenAI conventions, and findings by rule."""

from itertools import pairwise

from opentelemetry.metrics import Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes, server_attributes

from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.reports.otlp import NS, RESOURCE

_BOUNDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Those of every bucket, in seconds, as the conventions give them for all three histograms.

docs/gen-ai/gen-ai-metrics.md in https://github.com/open-telemetry/semantic-conventions-genai (commit 004902b).
"""
_DIMENSIONS = (
    gen_ai.GEN_AI_OPERATION_NAME,
    gen_ai.GEN_AI_PROVIDER_NAME,
    gen_ai.GEN_AI_REQUEST_MODEL,
    gen_ai.GEN_AI_RESPONSE_MODEL,
    server_attributes.SERVER_ADDRESS,
    server_attributes.SERVER_PORT,
)


class Metrics:
    """What the conventions measure of a client's operations, sent every minute (`OTEL_METRIC_EXPORT_INTERVAL`)."""

    def __init__(self, exporter: MetricExporter) -> None:
        self._provider = MeterProvider([PeriodicExportingMetricReader(exporter)], RESOURCE, shutdown_on_exit=False)
        meter = self._provider.get_meter("responses_tap")

        def seconds(name: str, about: str) -> Histogram:
            return meter.create_histogram(name, "s", about, explicit_bucket_boundaries_advisory=_BOUNDS)

        self._duration = seconds(gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION, "GenAI operation duration")
        self._first_chunk = seconds(
            gen_ai_metrics.GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK, "Time to receive the first chunk"
        )
        self._chunk = seconds(gen_ai_metrics.GEN_AI_CLIENT_OPERATION_TIME_PER_OUTPUT_CHUNK, "Time per output chunk")
        self._findings = meter.create_counter("responses_tap.findings", "{finding}", "Violations of the protocol")

    def add(self, stream: JudgedStream, span: ReadableSpan) -> None:
        """Count a stream; `span` is its span."""
        known = span.attributes or {}
        where = {name: known[name] for name in _DIMENSIONS if name in known}
        failed = {name: known[name] for name in (error_attributes.ERROR_TYPE,) if name in known}
        assert span.start_time is not None
        assert span.end_time is not None
        self._duration.record((span.end_time - span.start_time) / NS, where | failed)
        arrivals = [entry.at_ns for entry in stream.entries if entry.position is not None and entry.at_ns is not None]
        for first in arrivals[:1]:
            self._first_chunk.record(first / NS, where)
        for earlier, later in pairwise(arrivals):
            self._chunk.record((later - earlier) / NS, where)
        for finding in stream.findings:
            rule = {"responses_tap.finding.code": finding.code, "responses_tap.finding.severity": str(finding.severity)}
            self._findings.add(1, where | rule)

    def close(self) -> None:
        """Send what has been counted."""
        self._provider.shutdown()
