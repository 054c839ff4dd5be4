"""Recognises the events of other streaming APIs, whose names and members are not those of the Responses API."""

from typing import Any

_REALTIME = "the Realtime API"
_BY_TYPE = {
    "Anthropic Messages": frozenset(
        ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
         "message_stop")
    ),
    "AG-UI": frozenset(
        ("RUN_STARTED", "RUN_FINISHED", "RUN_ERROR", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END",
         "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "STATE_SNAPSHOT", "STATE_DELTA")
    ),
    "the AI SDK's UI": frozenset(("text-start", "text-delta", "text-end", "start-step", "finish-step")),
    "Cohere": frozenset(("content-start", "content-delta", "content-end", "message-start", "message-end")),
    _REALTIME: frozenset(("session.created", "session.updated", "conversation.item.created")),
}  # fmt: skip
_BY_LEAD = {"thread.": "Assistants", "agent.session.": "Managed Agents"}
OBJECTS = {"chat.completion.chunk": "Chat Completions", "text_completion": "Completions"}
"""The `object` of a chunk, and the API that sends it."""


def api_of(data: dict[str, Any], name: str | None) -> str | None:
    """The API that an event is of, by its members and by the name in its `event:` line; None for any other."""
    kind = data.get("type")
    if _is_realtime(data):
        return _REALTIME
    names = [given for given in (kind, name) if isinstance(given, str)]
    for api, types in _BY_TYPE.items():
        if not types.isdisjoint(names):
            return api
    for lead, api in _BY_LEAD.items():
        if any(given.startswith(lead) for given in names):
            return api
    known = data.get("object")
    if isinstance(known, str) and known in OBJECTS:
        return OBJECTS[known]
    return _by_members(data) if kind is None else None


def _is_realtime(data: dict[str, Any]) -> bool:
    """Whether an event has the members of the Realtime API, whose names for events are partly the same."""
    objects = (data.get(name) for name in ("response", "item"))
    if any(isinstance(inner, dict) and str(inner.get("object")).startswith("realtime.") for inner in objects):
        return True
    return {"event_id", "response_id"} <= data.keys() and "sequence_number" not in data


_MEMBERS = {
    "candidates": (list, "Gemini"),
    "choices": (list, "Chat Completions"),
    "done": (bool, "Ollama"),
    "messageStart": (dict, "Bedrock Converse"),
    "contentBlockDelta": (dict, "Bedrock Converse"),
    "messageStop": (dict, "Bedrock Converse"),
}


def _by_members(data: dict[str, Any]) -> str | None:
    return next((api for name, (type_, api) in _MEMBERS.items() if isinstance(data.get(name), type_)), None)
