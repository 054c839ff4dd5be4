"""What a request asks for, as far as rules ask about it."""

from typing import Any, NamedTuple
from urllib.parse import parse_qs

from responses_tap.protocol.events import json_object
from responses_tap.urls import is_resumption, split


class Tool(NamedTuple):
    """A tool as it is declared; None where the declaration lacks it."""

    type: str | None
    name: str | None


class RequestFacts(NamedTuple):
    """What is known of a request; None where it is not known, or where the request doesn't say it."""

    streams: bool | None = None
    """Whether it asks for a stream."""
    resumes: bool = False
    """Whether it takes a background response up again (`starting_after`)."""
    is_warmup: bool = False
    """Whether it asks that nothing be generated (`generate: false`, `prompt_cache_options.prewarm`)."""
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    previous_response_id: str | None = None
    tools: tuple[Tool, ...] = ()


NOTHING_KNOWN = RequestFacts()


def facts_of(url: str, body: str | None) -> RequestFacts:
    """What a request to this URL with this body asks for; `body` is None or empty where it is not known."""
    document = json_object(body or "")
    if parse_qs(split(url).query).get("stream") == ["true"]:
        streams: bool | None = True
    elif "type" in document or not {"stream", "input"} & document.keys():
        streams = None  # an event of a WebSocket, which always streams; or a request that somebody has shortened
    else:
        streams = document.get("stream") is True
    options = document.get("prompt_cache_options")
    prewarms = isinstance(options, dict) and options.get("prewarm") is True
    return RequestFacts(
        streams,
        is_resumption(url),
        prewarms or document.get("generate") is False,
        _count(document, "max_output_tokens"),
        _count(document, "max_tool_calls"),
        previous if isinstance(previous := document.get("previous_response_id"), str) and previous else None,
        tools_of(document),
    )


def tools_of(holder: dict[str, Any]) -> tuple[Tool, ...]:
    """The tools that a request or a response declares."""
    tools = holder.get("tools")
    declared = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return tuple(Tool(_text(tool, "type"), _text(tool, "name")) for tool in declared)


def _text(tool: dict[str, Any], name: str) -> str | None:
    value = tool.get(name)
    return value if isinstance(value, str) else None


def _count(document: dict[str, Any], name: str) -> int | None:
    value = document.get(name)
    return value if type(value) is int and value > 0 else None
