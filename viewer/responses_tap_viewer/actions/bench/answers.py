"""The stream of a sample as the answer to a request: its tools called, its fields repeated."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from responses_tap.protocol.faults import Block, Event, changed, events_of, everywhere
from responses_tap_viewer.actions.bench.invented import invented

type Asked = dict[str, Any]
"""The JSON of a request."""

_REPEATED = (
    "instructions", "metadata", "model", "parallel_tool_calls", "previous_response_id", "reasoning", "store",
    "temperature", "text", "tool_choice", "tools", "top_p", "truncation", "user",
)  # fmt: skip
"""What a response repeats of its request."""
_CALLS = {"function_call": "function", "custom_tool_call": "custom"}
"""The calls that the client runs, and the type of their tool."""
_JSON_FORMATS = ("json_object", "json_schema")
_ADDED = "response.output_item.added"


def answer(blocks: Sequence[Block], asked: Asked, response_id: str) -> list[Block]:
    """The blocks of a sample, as the answer to this request under this id."""

    def edit(events: list[Event], _n: int) -> list[Event]:
        events = _identified(events, response_id)
        for adapt in (_calling_its_tools, _in_its_format, _repeating_it):
            events = adapt(events, asked)
        return events

    return changed(blocks, edit, 0, renumbers=False) or list(blocks)


def has_calls(blocks: Sequence[Block]) -> bool:
    """Whether the client is to run a tool."""
    return any(_item(event).get("type") == kind for event in events_of(blocks) for kind in _CALLS)


def wants_no_call(asked: Asked) -> bool:
    """Whether the request brings the result of a call, or forbids calls."""
    items = asked.get("input")
    return asked.get("tool_choice") == "none" or (
        isinstance(items, list)
        and any(
            isinstance(item, dict) and item.get("type") in ("function_call_output", "custom_tool_call_output")
            for item in items
        )
    )


def _item(event: Event) -> dict[str, Any]:
    item = event.get("item")
    return item if isinstance(item, dict) else {}


def _identified(events: list[Event], response_id: str) -> list[Event]:
    """Under an id of its own, so that no two answers have the same."""
    ids = [event["response"].get("id") for event in events if isinstance(event.get("response"), dict)]
    return everywhere(events, ids[0], response_id) if ids and ids[0] else events


def _repeating_it(events: list[Event], asked: Asked) -> list[Event]:
    """Repeat the request's fields, but where a broken sample differs from its own first snapshot."""
    first: dict[str, Any] = next((event["response"] for event in events if isinstance(event.get("response"), dict)), {})
    fields = {name: asked[name] for name in _REPEATED if asked.get(name) is not None}

    def repeated(response: dict[str, Any]) -> dict[str, Any]:
        return response | {name: value for name, value in fields.items() if response.get(name) == first.get(name)}

    return [
        event | {"response": repeated(event["response"])} if isinstance(event.get("response"), dict) else event
        for event in events
    ]


def _calling_its_tools(events: list[Event], asked: Asked) -> list[Event]:
    """Each call names a tool of the request, in turn, with arguments that fit its schema."""
    for kind, type_ in _CALLS.items():
        tools = list(_tools(asked, type_))
        calls = [event for event in events if event.get("type") == _ADDED and _item(event).get("type") == kind]
        for n, call in enumerate(calls if tools else ()):
            tool = tools[n % len(tools)]
            events = _named(events, call, str(tool.get("name")))
            if kind == "function_call":
                arguments = json.dumps(invented(tool.get("parameters")))
                events = _restated(events, call.get("output_index"), "function_call_arguments", "arguments", arguments)
    return events


def _tools(asked: Asked, type_: str) -> Iterator[dict[str, Any]]:
    """The tools of a type, the one that must be called first."""
    listed = asked.get("tools")
    tools = [tool for tool in listed if isinstance(tool, dict)] if isinstance(listed, list) else []
    tools = [tool for tool in tools if tool.get("type") == type_ and tool.get("name")]
    choice = asked.get("tool_choice")
    wanted = choice.get("name") if isinstance(choice, dict) else None
    yield from [tool for tool in tools if tool["name"] == wanted] or tools


def _named(events: list[Event], call: Event, name: str) -> list[Event]:
    """Name the tool of a call, in its events and in the terminal response."""
    id_, old = _item(call).get("id"), _item(call).get("name")

    def named(item: object) -> Any:  # noqa: ANN401 - any JSON
        is_mine = isinstance(item, dict) and item.get("id") == id_ and item.get("name") == old
        return {**item, "name": name} if is_mine and isinstance(item, dict) else item

    return [_with_items(event, named) for event in events]


def _with_items(event: Event, change: Callable[[object], Any]) -> Event:
    if "item" in event:
        return event | {"item": change(event["item"])}
    response = event.get("response")
    if isinstance(response, dict) and isinstance(response.get("output"), list) and response["output"]:
        return event | {"response": response | {"output": [change(item) for item in response["output"]]}}
    return event


def _in_its_format(events: list[Event], asked: Asked) -> list[Event]:
    """A text is JSON where the request asks for it."""
    text = asked.get("text")
    format_ = text.get("format") if isinstance(text, dict) else None
    if not isinstance(format_, dict) or format_.get("type") not in _JSON_FORMATS:
        return events
    said = json.dumps(invented(format_.get("schema")))
    for k in {event.get("output_index") for event in events if event.get("type") == "response.output_text.done"}:
        events = _restated(events, k, "output_text", "text", said)
    return events


def _restated(events: list[Event], k: object, base: str, field: str, new: str) -> list[Event]:
    """State another text or other arguments in item `k`: in its deltas, and wherever the whole is repeated."""
    done = [e for e in events if e.get("type") == f"response.{base}.done" and e.get("output_index") == k]
    deltas = [e for e in events if e.get("type") == f"response.{base}.delta" and e.get("output_index") == k]
    if len(done) != 1 or not deltas or not done[0].get(field):
        return events
    size = -(-len(new) // len(deltas))
    pieces = {id(delta): new[n * size : (n + 1) * size] for n, delta in enumerate(deltas)}
    said = [event | {"delta": pieces[id(event)]} if id(event) in pieces else event for event in events]
    return everywhere(said, done[0][field], new)
