"""Takes back what an SDK's models make of an event."""

import re
from typing import Any

from responses_tap.formats.json_events import as_sent, is_dumped
from responses_tap.formats.pastes.finding import Found
from responses_tap.formats.pastes.reading import Text

_CAMEL = re.compile(r"(?<=[a-z0-9])[A-Z]")
_SSE = re.compile(r"data:\s*\{")
"""The bytes of a server, in which each float is its own."""


def event_as_sent(found: Found, text: Text) -> dict[str, Any]:
    """The event without what the SDK's models add: None for what did not come, floats for the times of a response."""
    event, shown = found.event, text.all[found.start : found.end]
    if found.syntax & {"call", "python"}:
        event = {key: _without_none(value, keep=key == "response") for key, value in event.items() if value is not None}
        return as_sent(event)
    if "js" in found.syntax and not {"itemId", "outputIndex", "sequenceNumber"}.isdisjoint(event):
        event = _snake(event)
    is_line = _SSE.search(text.before(found.start) + shown[:200]) is not None
    return as_sent(event) if "\n" in shown or (is_dumped(event) and not is_line) else event


def _snake(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """The same with the names as they are sent, where an SDK has renamed them: `outputIndex`."""
    if isinstance(value, list):
        return [_snake(inner) for inner in value]
    if isinstance(value, dict):
        return {_CAMEL.sub(lambda found: f"_{found[0].lower()}", key): _snake(inner) for key, inner in value.items()}
    return value


def _without_none(value: Any, *, keep: bool = False) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, list):
        return [_without_none(inner) for inner in value]
    if isinstance(value, dict):  # a response must have some fields even where they are null
        return {key: _without_none(inner) for key, inner in value.items() if keep or inner is not None}
    return value
