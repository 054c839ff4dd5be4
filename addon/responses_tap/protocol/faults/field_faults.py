"""ID, ST, SC: ids, statuses, and the fields that events must have."""

from collections.abc import Callable
from typing import Any

from responses_tap.protocol.faults.draft import Event
from responses_tap.protocol.faults.ways import (
    Change,
    Fault,
    Way,
    change,
    edit,
    everywhere,
    fault,
    field,
    final,
    fresh,
    insert,
    inside,
    snapshot,
    without,
)

_INNER = "output_text.delta function_call_arguments.delta output_text.done content_part.added content_part.done"


def _every(title: str, name: str, value: Callable[[Any], Any]) -> Way:
    """Change the id of an item in all events."""

    def apply(events: list[Event], n: int) -> list[Event] | None:
        have = events[n]["item"].get(name)
        return everywhere(events, have, value(have)) if have else None

    return edit(title, "output_item.added", apply, needs=f"an item with {name}")


def _closed_before(events: list[Event], n: int) -> list[Event]:
    """The items that are closed before the n-th event, as they were closed."""
    return [event["item"] for event in events[:n] if event.get("type") == "response.output_item.done"]


def _shared(title: str, name: str) -> Way:
    """Give an item the id of one that is closed before it, in all events."""

    def apply(events: list[Event], n: int) -> list[Event] | None:
        item = events[n]["item"]
        mine = item.get(name)
        same = [each for each in _closed_before(events, n) if each.get("type") == item.get("type")]
        earlier = [each[name] for each in same if each.get(name) not in (None, "", mine)]
        return everywhere(events, mine, earlier[-1]) if mine and earlier else None

    return edit(title, "output_item.added", apply, needs=f"two items of a type with {name}")


def _moved(title: str, types: str, key: str, by: Callable[[int], int]) -> Way:
    """Shift an index in all events from this scope on."""

    def apply(events: list[Event], n: int) -> list[Event] | None:
        have, item = events[n][key], events[n]["output_index"]
        return [
            event | {key: by(event[key])}
            if event.get("output_index", -1) >= item and isinstance(event.get(key), int) and event[key] >= have
            else event
            for event in events
        ]

    return fresh(edit(title, types, apply))


def _collided(events: list[Event], n: int) -> list[Event] | None:
    """Have the last item take the output_index of the one before it, which is closed."""
    k = events[n]["output_index"]
    is_last = all(event.get("output_index", 0) <= k for event in events)
    if not is_last or k - 1 not in [
        e["output_index"] for e in events[:n] if e.get("type") == "response.output_item.done"
    ]:
        return None
    return [event | {"output_index": k - 1} if event.get("output_index") == k else event for event in events]


def _renumbered(by: int, *, start: int = 0) -> Callable[[list[Event], int], list[Event] | None]:
    """Change all numbers from the n-th event on."""

    def apply(events: list[Event], n: int) -> list[Event] | None:
        if n < start or "sequence_number" not in events[n]:
            return None
        later = [event | {"sequence_number": event["sequence_number"] + by} for event in events[n:]]
        return [*events[:n], *later]

    return apply


def _from_five(events: list[Event], n: int) -> list[Event] | None:
    return _renumbered(5)(events, n) if n == 0 else None


def _without_call_id(events: list[Event], n: int) -> list[Event] | None:
    item = events[n]["item"]
    if not item.get("call_id") or item.get("type") != "function_call":
        return None
    bare = {key: value for key, value in item.items() if key != "call_id"}
    return [*events[:n], events[n] | {"item": bare}, *events[n + 1 :]]


def _of_unknown_type(events: list[Event], n: int) -> list[Event] | None:
    """Make an item one of a type that is not in the vocabulary, without events of its own."""
    item, k = events[n]["item"], events[n]["output_index"]
    kept = [event for event in events if event.get("output_index") != k or "item" in event]
    if any(event.get("type") == "response.failed" for event in events):
        return None

    def renamed(value: Any) -> Any:  # noqa: ANN401 - any JSON
        is_mine = isinstance(value, dict) and value.get("id") == item["id"]
        return value | {"type": "thought_bubble"} if is_mine else value

    def about(event: Event) -> Event:
        if "item" in event:
            return event | {"item": renamed(event["item"])}
        if (event.get("response") or {}).get("output"):
            return event | {"response": event["response"] | {"output": [*map(renamed, event["response"]["output"])]}}
        return event

    return [about(event) for event in kept] if item.get("id") else None


def _completed_though_cut(events: list[Event], n: int) -> list[Event] | None:
    """Close the last item of an incomplete response as completed."""
    item = events[n]["item"]
    is_cut = (item.get("type"), item.get("status")) == ("message", "incomplete") and events[-1].get(
        "type"
    ) == "response.incomplete"
    return everywhere(events, item, item | {"status": "completed"}) if is_cut else None


def _usage(**values: Any) -> Change:
    def apply(event: Event) -> bool:
        has = event["response"].get("usage") is not None
        return has and event["response"].update(usage=values["usage"]) is None

    return apply


def _limit_reached(event: Event) -> bool:
    """State that as many tokens were allowed as were used."""
    usage = event["response"].get("usage")
    if not usage or not usage["output_tokens"]:
        return False
    event["response"]["max_output_tokens"] = usage["output_tokens"]
    return True


def _without_annotations(item: Event) -> bool:
    parts = item.get("content") or []
    return any(part.pop("annotations", None) is not None for part in parts if part["type"] == "output_text")


def _text_as_content(event: Event) -> bool:
    return event["item"].get("type") == "message" and event["item"].update(content="Hi") is None


def _without_cause(event: Event) -> bool:
    return bool(event["response"].get("error")) and snapshot("error", None)(event)


_ERROR = {"type": "error", "code": None, "message": None, "param": None}
_CHAT_USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}

FIELD_FAULTS: tuple[Fault, ...] = (
    fault("ID501", change("end with another response id", "completed", snapshot("id", "resp_other"))),
    fault("ID502", change("close an item with another id", "output_item.done",
                          inside("item", "id", lambda _: "other"))),
    fault("ID503", change("send another item_id", _INNER, field("item_id", lambda _: "other"))),
    fault("ID504", change("end with another item id", "completed",
                          final(lambda item: item.get("type") == "message" and item.update(id="other") is None),
                          needs="a message in response.completed")),
    fault("ID505", edit("give two items the same output_index", "output_item.added", _collided,
                        needs="an item after one that is closed")),
    fault("ID506", change("close an item at another output_index", "output_item.done",
                          field("output_index", lambda k: k + 1))),
    fault("ID507", _moved("leave out an output_index", "output_item.added", "output_index", lambda k: k + 1)),
    fault("ID508", _moved("leave out a content_index", "content_part.added", "content_index", lambda i: i + 1)),
    fault("ID509", _shared("give two items the same id", "id")),
    fault("ID510", edit("use a sequence_number twice", "", _renumbered(-1, start=1), renumbers=False,
                        needs="a second event with a sequence_number")),
    fault("ID511", edit("leave out sequence_numbers", "", _renumbered(5, start=1), renumbers=False,
                        needs="a second event with a sequence_number")),
    fault("ID512", edit("start with sequence_number 5", "created", _from_five, renumbers=False)),
    fault("ID513", edit("announce a call without call_id", "output_item.added", _without_call_id,
                        needs="a function_call")),
    fault("ID514", change("close a call with another call_id", "output_item.done",
                          inside("item", "call_id", lambda _: "other", "function_call"), needs="a function_call")),
    fault("ID515", _shared("give two calls the same call_id", "call_id")),
    fault("ID516", change("end with another model", "completed", snapshot("model", "other"))),
    fault("ID517", _every("make an item's id empty", "id", lambda _: "")),
    fault("ID518", _every("make a call_id longer than 64 characters", "call_id", lambda id_: id_ + "c" * 64)),
    fault("ST701", change("complete with the status incomplete", "completed", snapshot("status", "incomplete")),
          change("create with the status completed", "created", snapshot("status", "completed"))),
    fault("ST702", change("complete with as many tokens as were allowed", "completed", _limit_reached,
                          needs="response.completed with usage")),
    fault("ST703", change("leave out why the response is incomplete", "incomplete",
                          snapshot("incomplete_details", None))),
    fault("ST704", change("fail without an error", "failed", _without_cause)),
    fault("ST705", change("complete with an error", "completed", snapshot("error", {"code": "x", "message": "y"}))),
    fault("ST706", change("close an item with the status in_progress", "output_item.done",
                          inside("item", "status", lambda _: "in_progress", "message"), needs="a message")),
    fault("ST707", change("announce an item with the status completed", "output_item.added",
                          inside("item", "status", lambda _: "completed", "message"), needs="a message")),
    fault("ST708", change("close an item with the status ready", "output_item.done",
                          inside("item", "status", lambda _: "ready", "message"), needs="a message")),
    fault("ST709", change("complete without usage", "completed", snapshot("usage", None))),
    fault("ST710", change("name the usage as Chat Completions does", "completed incomplete", _usage(usage=_CHAT_USAGE),
                          needs="a terminal response with usage"),
          change("state the usage in words", "completed incomplete", _usage(usage="19 tokens"),
                 needs="a terminal response with usage")),
    fault("ST711", edit("complete the message that an incomplete response ends in", "output_item.done",
                        _completed_though_cut, needs="an incomplete message in an incomplete response")),
    fault("SC801", change("leave out output_index", _INNER, without("output_index")),
          change("leave out item_id", _INNER, without("item_id")),
          change("leave out content_index", "output_text.delta content_part.added", without("content_index"))),
    fault("SC802", change("leave out logprobs", "output_text.done output_text.delta", without("logprobs"))),
    fault("SC803", change("leave out sequence_number", _INNER, without("sequence_number"), renumbers=False)),
    fault("SC804", change("send null as delta", "output_text.delta function_call_arguments.delta",
                          field("delta", lambda _: None)),
          change("send output_index as a string", _INNER, field("output_index", str)),
          change("send a string as an item's content", "output_item.done", _text_as_content, needs="a message")),
    fault("SC805", change("announce an item that is null", "output_item.added", field("item", lambda _: None))),
    fault("SC806", change("use an old name for response.content_part.added", "content_part.added",
                          field("type", lambda _: "response.reasoning_part.added"))),
    fault("SC807", insert("send an event of an unknown type", {"type": "weather.update", "celsius": 21})),
    fault("SC808", edit("make an item one of an unknown type", "output_item.added", _of_unknown_type,
                        needs="an item with an id in a response that didn't fail")),
    fault("SC809", change("put an error beside the response", "completed",
                          lambda event: event.setdefault("error", {"message": "x"}) is not None)),
    fault("SC810", change("create the response without its model", "created", without("response", "model"))),
    fault("SC811", change("announce a message without content", "output_item.added",
                          without("item", "content", only="message"), needs="a message"),
          change("announce reasoning with null as summary", "output_item.added",
                 inside("item", "summary", None, "reasoning"), needs="reasoning")),
    fault("SC812", change("announce a part with null as annotations", "content_part.added content_part.done",
                          inside("part", "annotations", None), needs="an output_text part"),
          change("end with a text without annotations", "completed", final(_without_annotations),
                 needs="a text in response.completed")),
    fault("SC813", insert("send an error without a message", _ERROR, "failed", needs="response.failed")),
)  # fmt: skip
