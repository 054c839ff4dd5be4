"""LC, NS, MD, OR: which events there are, and in which order."""

from collections.abc import Callable
from typing import Any

from responses_tap.protocol.faults.draft import Edit, Event, counted_like
from responses_tap.protocol.faults.ways import Change, Fault, Way, change, delay, double, drop, edit, fault, fresh

type Where = Callable[[list[Event], int], bool]

_TERMINAL = "completed incomplete failed"
_VALUE_DONE = (
    "function_call_arguments.done custom_tool_call_input.done mcp_call_arguments.done code_interpreter_call_code.done"
)
_LAST_STAGES = (
    "web_search_call.completed file_search_call.completed code_interpreter_call.completed "
    "image_generation_call.completed mcp_list_tools.completed"
)
_WRONG_TYPE = {"type": "response.function_call_arguments.delta", "delta": "{}"}
_ERROR = {"type": "error", "code": "server_error", "message": "The server had an error.", "param": None}


def _index(event: Event) -> Any:  # noqa: ANN401 - any JSON
    return event.get("output_index")


def _between(events: list[Event], n: int) -> list[Event]:
    """The events of an item between its opening, the n-th event, and its end."""
    inner = []
    for event in events[n + 1 :]:
        if _index(event) == _index(events[n]):
            if "item" in event:
                break
            inner.append(event)
    return inner


def _part(event: Event) -> tuple[Any, ...]:
    return tuple(event.get(key) for key in ("output_index", "content_index", "summary_index", "command_index"))


def _is_used(events: list[Event], n: int) -> bool:
    return bool(_between(events, n))


def _is_unused(events: list[Event], n: int) -> bool:
    return not _between(events, n)


def _is_last_part(events: list[Event], n: int) -> bool:
    """Whether no other part is opened in the item of this one's end."""
    return not any(event.get("type", "").endswith("_part.added") for event in _between(events, n))


def _after_error(events: list[Event], n: int) -> bool:
    return events[n - 1].get("type") == "error"


def _not_after_error(events: list[Event], n: int) -> bool:
    return not _after_error(events, n)


def _ends(type_: str) -> Where:
    return lambda events, _n: events[-1].get("type") == f"response.{type_}"


def _repeated_later(behind: str) -> Edit:
    """Send an event again behind a later one of its item."""

    def apply(events: list[Event], n: int) -> list[Event] | None:
        for m in range(n + 1, len(events)):
            if events[m].get("type") == f"response.{behind}" and _index(events[m]) == _index(events[n]):
                return [*events[: m + 1], dict(events[n]), *events[m + 1 :]]
        return None

    return apply


def _again_at_end(events: list[Event], n: int) -> list[Event] | None:
    return [*events, dict(events[n])] if "response" in events[-1] else None


def _emptied(events: list[Event], n: int) -> list[Event] | None:
    if not events[n]["response"]["output"] or events[0]["response"].get("background"):
        return None
    last = events[n] | {"response": events[n]["response"] | {"output": []}}
    return [last if event is events[n] else event for event in events if "response" in event]


def _cut_by_error(events: list[Event], n: int) -> list[Event] | None:
    return [*events[:n], _ERROR | counted_like(events[0])] if n else None


def _of_wrong_type(events: list[Event], n: int) -> list[Event] | None:
    place = {"item_id": events[n]["item_id"], "output_index": events[n]["output_index"]}
    return [*events[: n + 1], _WRONG_TYPE | place | counted_like(events[n]), *events[n + 1 :]]


def _announced_as(type_: str, field: str) -> Change:
    def apply(event: Event) -> bool:
        if event["part"].get("type") != "output_text":
            return False
        event["part"] = {"type": type_, field: ""}
        return True

    return apply


def _prefilled(events: list[Event], n: int) -> list[Event] | None:
    for event in _between(events, n):
        if event.get("type") == "response.content_part.added" and events[n]["item"].get("content") == []:
            item = events[n]["item"] | {"content": [event["part"]]}
            return [*events[:n], events[n] | {"item": item}, *events[n + 1 :]]
    return None


def _without_deltas(events: list[Event], n: int) -> list[Event] | None:
    """Leave out the deltas of the text that the n-th event finishes."""
    delta = events[n]["type"].removesuffix("done") + "delta"
    if not events[n]["text"]:
        return None
    return [event for event in events if event.get("type") != delta or _part(event) != _part(events[n])]


def _in_item_alone(events: list[Event], n: int) -> list[Event] | None:
    """Leave out all between an item's opening and its end; its text is in the item alone."""
    inner = {id(event) for event in _between(events, n)}
    has_text = any(event.get("text") for event in _between(events, n))
    return [event for event in events if id(event) not in inner] if has_text else None


def _without_annotations(events: list[Event], n: int) -> list[Event]:
    type_ = events[n]["type"]
    return [event for event in events if event.get("type") != type_ or _part(event) != _part(events[n])]


def _another_item(event: Event) -> bool:
    more = {"type": "message", "id": "msg_more", "role": "assistant", "status": "completed", "content": []}
    event["response"]["output"] = [*event["response"]["output"], more]
    return True


def _incomplete_early(events: list[Event], n: int) -> list[Event] | None:
    """End an item incomplete in a response that continues with another item."""
    item, last = events[n]["item"], events[-1]
    later = [event for event in events[n + 1 :] if event.get("type") == "response.output_item.added"]
    if not later or item.get("status") != "completed" or last.get("type") != "response.completed":
        return None
    cut = item | {"status": "incomplete"}
    output = [cut if given == item else given for given in last["response"]["output"]]
    why = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": output}
    ended = last | {"type": "response.incomplete", "response": last["response"] | why}
    return [*events[:n], events[n] | {"item": cut}, *events[n + 1 : -1], ended]


def _drop_item_added(where: Where, needs: str) -> Way:
    return fresh(drop("output_item.added", where=where, needs=needs))


EVENT_FAULTS: tuple[Fault, ...] = (
    fault("LC101", drop("created")),
    fault("LC102", double("created")),
    fault("LC103", drop(_TERMINAL, where=_not_after_error, needs="a terminal event that no error precedes")),
    fault(
        "LC104",
        edit("end the stream with an error event instead of the rest", "", _cut_by_error, needs="a second event"),
        drop("failed", where=_after_error, needs="response.failed after an error event"),
    ),
    fault("LC105", double(_TERMINAL)),
    fault(
        "LC106",
        edit(
            "send a delta again after the terminal event",
            "output_text.delta function_call_arguments.delta reasoning_summary_text.delta output_item.done",
            _again_at_end,
        ),
    ),
    fault("LC107", double("in_progress"), delay("in_progress", "output_item.added")),
    fault("LC108", edit("complete the response without any item", "completed", _emptied,
                        needs="response.completed with items")),
    fault("LC109", drop("output_item.done", where=_ends("incomplete"),
                        needs="a closed item in an incomplete response")),
    fault(
        "NS201",
        _drop_item_added(_is_used, "response.output_item.added of an item with events between it and its end"),
        fresh(delay("output_item.added", "content_part.added")),
        fresh(delay("output_item.added", "function_call_arguments.delta")),
    ),
    fault("NS202", fresh(drop("content_part.added reasoning_summary_part.added")),
          fresh(delay("content_part.added", "output_text.delta"))),
    fault("NS203", _drop_item_added(_is_unused, "response.output_item.added right before its output_item.done")),
    fault("NS204", edit("send response.function_call_arguments.delta for a message", "output_text.delta",
                        _of_wrong_type)),
    fault("NS205", change("announce the text of a message as reasoning_text", "content_part.added",
                          _announced_as("reasoning_text", "text"), needs="an output_text part"), spread="AG603"),
    fault("NS206", change("announce a text as a refusal", "content_part.added",
                          _announced_as("refusal", "refusal"), needs="an output_text part"), spread="AG603"),
    fault("NS207", double("output_item.added")),
    fault("NS208", double("content_part.added reasoning_summary_part.added")),
    fault("NS209", edit("announce an item with its part inside", "output_item.added", _prefilled,
                        needs="an item with a content part")),
    fault("NS210", double("output_item.done")),
    fault("MD301", drop("output_text.done")),
    fault("MD302", drop("reasoning_text.done")),
    fault("MD303", drop("refusal.done")),
    fault("MD304", drop("reasoning_summary_text.done")),
    fault("MD305", drop("content_part.done reasoning_summary_part.done", where=_is_last_part)),
    fault("MD306", drop("output_item.done", where=_ends("completed"), needs="a closed item in a completed response")),
    fault("MD307", drop(_VALUE_DONE)),
    fault("MD308", drop(_LAST_STAGES)),
    fault(
        "MD309",
        fresh(edit("leave out the deltas of a text", "output_text.done reasoning_summary_text.done", _without_deltas,
                   needs="a text that is not empty")),
        fresh(edit("leave out all of a message but its item", "output_item.added", _in_item_alone,
                   needs="a message with text")),
    ),
    fault("MD310", edit("leave out the annotations of a text", "output_text.annotation.added", _without_annotations)),
    fault("MD311", fresh(change("end with an item that was never streamed", "completed", _another_item))),
    fault("OR401", double(f"output_text.done reasoning_summary_text.done {_VALUE_DONE}"),
          delay("output_text.delta", "output_text.done")),
    fault("OR402", delay("content_part.done", "output_item.done", where=_is_last_part),
          delay("output_text.done", "output_item.done"),
          delay("output_text.delta", "output_item.done")),
    fault("OR403", delay("output_text.done", "content_part.done"),
          double("content_part.done reasoning_summary_part.done")),
    fault("OR404", edit("repeat an early stage of a tool call after its last",
                        "web_search_call.searching file_search_call.searching",
                        _repeated_later("web_search_call.completed"))),
    fault("OR405", delay("content_part.done", "content_part.added")),
    fault("OR406", edit("end an item incomplete before another one", "output_item.done", _incomplete_early,
                        needs="a completed item with another one after it")),
)  # fmt: skip
