"""The state of a stream whose response isn't an event stream."""

from typing import Any

from responses_tap.protocol.bodies import is_response
from responses_tap.protocol.events import json_object

_STATUSES = ("queued", "in_progress", "completed", "incomplete", "failed", "cancelled")
"""What a response can be (OpenAI's API reference, `status` of the response object)."""


def response_state(response: dict[str, Any]) -> str:
    """The state of a stream whose response is a JSON document: that of a background response may be `queued`."""
    if not is_response(response):
        return "truncated"
    status = response.get("status")
    return status if isinstance(status, str) and status in _STATUSES else "completed"


def state_of(status: int | None, document: bytes | None, otherwise: str = "truncated") -> str:
    """The state of a stream by its HTTP status, if that is known, and its body; `otherwise` for an event stream."""
    if status is not None and not 200 <= status < 300:  # noqa: PLR2004 (HTTP's successes)
        return "http-error"
    return otherwise if document is None else response_state(json_object(document))
