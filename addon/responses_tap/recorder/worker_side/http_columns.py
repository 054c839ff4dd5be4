"""Request and response headers as columns of a stream's row, secrets masked."""

import json

from responses_tap.coding import ContentDecoder
from responses_tap.privacy.body_masking import as_text
from responses_tap.privacy.masking import Masker
from responses_tap.protocol.events import json_object
from responses_tap.recorder.messages import RequestMessage, ResponseMessage
from responses_tap.stream.columns import header
from responses_tap.stream.storable import Value, count_of, short_text, storable_int

RETRY_COUNT = "x-stainless-retry-count"
"""The header in which OpenAI's SDKs say how often they have tried before."""


def request_columns(request: RequestMessage, masker: Masker) -> dict[str, Value]:
    """What a new stream's row says of the request."""
    coding = ContentDecoder(header(request.headers, "content-encoding"))
    body = masker.body(as_text(coding.decode(request.body)))
    return {
        "method": request.method,
        "url": masker.url(request.url),
        "host": request.host,
        "route": request.route,
        "http_version": request.http_version,
        "model": model_of(body),
        "request_headers": json.dumps(masker.request_headers(request.headers)),
        "request_body": body or None,
        "started_at": request.started_at,
        "state": "open",
        "attempt": count_of(header(request.headers, RETRY_COUNT)) or 0,
    }


def response_columns(response: ResponseMessage, masker: Masker) -> dict[str, Value]:
    """What the stream's row says of the response's status and headers."""
    encoding = header(response.headers, "content-encoding")
    return {
        "status": response.status,
        "response_headers": json.dumps(masker.response_headers(response.headers)),
        "content_encoding": None if encoding is None else short_text(encoding),
    }


def document_columns(document: bytes) -> dict[str, Value]:
    """What the row says of a response that isn't an event stream."""
    response = json_object(document)
    usage = response.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return {
        "event_count": 0,
        "response_id": short_text(response.get("id")) or None,
        "input_tokens": storable_int(usage.get("input_tokens")),
        "output_tokens": storable_int(usage.get("output_tokens")),
    }


def model_of(body: str) -> str | None:
    """The model that a masked request body names."""
    model = json_object(body).get("model")
    return short_text(model) if isinstance(model, str) else None
