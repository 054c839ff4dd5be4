"""Sends ended streams to an OpenTelemetry collector, by OTLP over HTTP: a span each, and metrics over all of them."""

import itertools
import logging
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from responses_tap.errors import UnusableInput
from responses_tap.escaping import shorten
from responses_tap.privacy.leaks import starred
from responses_tap.privacy.personal import find_personal
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.actions.forwarding.following import EndedStream
from responses_tap_viewer.reports import otlp
from responses_tap_viewer.reports.otlp_metrics import Metrics
from responses_tap_viewer.reports.text import counted

try:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult
except ModuleNotFoundError as missing:
    raise UnusableInput("--otlp", f"needs {missing.name}: pip install 'responses-tap[otel]'") from missing

_BATCH = 256
"""Spans in a request."""


class Telemetry:
    """Sends spans and metrics; UnusableInput for a URL that isn't a collector's.

    A span that the collector doesn't take is lost: the exporter has tried for ten seconds (`OTEL_EXPORTER_OTLP_…` sets
    that, headers and certificates), and the next ones wait.
    """

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise UnusableInput(url, "isn't the URL of a collector, such as http://localhost:4318")
        self._url = url
        self._said = _FirstWords()
        base = url.rstrip("/")
        self._spans = OTLPSpanExporter(f"{base}/v1/traces")
        self._metrics = Metrics(OTLPMetricExporter(f"{base}/v1/metrics"))
        self._sent = self._lost = 0
        self._is_down = False

    def take(self, ended: Iterable[EndedStream]) -> list[str]:
        """Send the spans of these streams; what has gone wrong, in words."""
        troubles = []
        for batch in itertools.batched(ended, _BATCH):
            was_down = self._is_down
            self._send([stream for found in batch if (stream := found.whole()) is not None])
            if self._is_down and not was_down:
                troubles.append(f"{self._url} takes no spans ({self._said.words}); those of this time are lost")
        return troubles

    def close(self, ended: Iterable[EndedStream]) -> list[str]:
        """Send what is left; what was done and what has gone wrong, in words."""
        troubles = []
        for batch in itertools.batched(ended, _BATCH):
            if self._is_down:
                self._lost += len(batch)  # nobody waits for a collector that is down
            else:
                troubles += self.take(batch)
        if not self._is_down:
            self._said.words = ""
            self._metrics.close()
            troubles += [f"{self._url} takes no metrics ({self._said.words})"] * bool(self._said.words)
        lost = f"; {counted(self._lost, 'span')} lost" if self._lost else ""
        return [*troubles, f"Sent {counted(self._sent, 'span')} to {self._url}{lost}"]

    def _send(self, streams: Sequence[JudgedStream]) -> None:
        spans = []
        for stream in streams:
            spans.append(otlp.span(stream, _leaving))
            self._metrics.add(stream, spans[-1])
        self._said.words = ""
        self._is_down = bool(spans) and self._spans.export(spans) is not SpanExportResult.SUCCESS
        self._sent, self._lost = self._sent + len(spans) * (not self._is_down), self._lost + len(spans) * self._is_down


def _leaving(text: str) -> str:
    return starred(starred(text), find_personal)


class _FirstWords(logging.Handler):
    """What the exporters logged first since `words` was emptied: they say nowhere else why they failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.words = ""
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(self)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        self.words = self.words or shorten(record.getMessage(), 200)
