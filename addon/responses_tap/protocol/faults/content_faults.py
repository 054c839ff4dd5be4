"""AG, RQ: texts, arguments and items that agree with each other and with the request."""

from collections.abc import Callable
from typing import Any

from responses_tap.protocol.events import is_json
from responses_tap.protocol.faults.draft import Edit, Event
from responses_tap.protocol.faults.ways import (
    Change,
    Fault,
    Way,
    change,
    drop,
    edit,
    everywhere,
    fault,
    field,
    final,
    inside,
)

_DELTAS = "output_text.delta reasoning_summary_text.delta"
_PROSE = {"format": {"type": "text"}}
_TOOL = {"type": "function", "name": "f"}


def _place(event: Event) -> tuple[Any, Any, Any]:
    return event.get("output_index"), event.get("content_index"), event.get("summary_index")


def _is_one_of_several(events: list[Event], n: int) -> bool:
    """Whether a delta isn't empty, and not the only one of its text."""
    mine = events[n]
    same = [e for e in events if e.get("type") == mine["type"] and _place(e) == _place(mine) and e["delta"]]
    return bool(mine["delta"]) and len(same) > 1


def _twice(events: list[Event], n: int) -> list[Event] | None:
    return [*events[: n + 1], dict(events[n]), *events[n + 1 :]] if events[n]["delta"] else None


def _other_done(event: Event) -> bool:
    return bool(event["text"]) and event.update(text=event["text"] + "x") is None


def _longer(text: str) -> str:
    return f"{text}x"


def _other_text(item: Event) -> bool:
    if item.get("type") == "message" and item["content"] and "text" in item["content"][0]:
        item["content"][0]["text"] += "x"
    elif item.get("type") == "function_call":
        item["arguments"] += " "
    else:
        return False
    return True


def _output(edit_output: Callable[[list[Event]], list[Event]], least: int = 1) -> Change:
    def apply(event: Event) -> bool:
        output = event["response"]["output"]
        if len(output) < least:
            return False
        event["response"]["output"] = edit_output(output)
        return True

    return apply


def _in_text(piece: str) -> Edit:
    """Append to a delta, and change the text wherever it is stated."""

    def apply(events: list[Event], n: int) -> list[Event] | None:
        mine = events[n]["type"], _place(events[n])
        part = [m for m, event in enumerate(events) if (event.get("type"), _place(event)) == mine]
        before = "".join(events[m]["delta"] for m in part if m <= n)
        text = "".join(events[m]["delta"] for m in part)
        delta = events[n]["delta"]
        if text == delta:
            return None
        changed = everywhere(events, text, before + piece + text.removeprefix(before))
        changed[n] = changed[n] | {"delta": delta + piece}
        return changed

    return apply


def _cut_arguments(events: list[Event], n: int) -> list[Event] | None:
    """Leave the last delta of a call's arguments out, and its text wherever the arguments are stated."""
    whole, mine = events[n]["arguments"], (events[n]["type"].replace("done", "delta"), _place(events[n]))
    *others, last = [m for m, event in enumerate(events[:n]) if (event.get("type"), _place(event)) == mine] or [-1]
    cut = whole.removesuffix(events[last]["delta"]) if others else ""
    statuses = [e["item"].get("status") for e in events[n:] if "item" in e and _place(e)[0] == _place(events[n])[0]]
    if not cut or is_json(cut) or statuses[:1] != ["completed"]:
        return None
    changed = everywhere(events, whole, cut)
    return changed[:last] + changed[last + 1 :]


def _without_annotations(event: Event) -> bool:
    parts = [part for part in event["item"].get("content") or [] if part.get("annotations")]
    for part in parts:
        part["annotations"] = []
    return bool(parts)


def _tokens_counted_wrong(event: Event) -> bool:
    usage = event["response"].get("usage")
    return bool(usage) and usage.update(total_tokens=usage["total_tokens"] + 1) is None


def _limit_passed(event: Event) -> bool:
    usage = event["response"].get("usage")
    if not usage or usage["output_tokens"] <= 1:
        return False
    event["response"]["max_output_tokens"] = usage["output_tokens"] - 1
    return True


def _stated(events: list[Event], **fields: Any) -> list[Event]:
    """The events, with snapshots that repeat a request with these fields."""
    return [event | {"response": event["response"] | fields} if "response" in event else event for event in events]


def _declared(title: str, tools: Callable[[Event], list[Event] | None], **fields: Any) -> Way:
    """Have every snapshot repeat a request with these tools, for a stream with a call."""

    def apply(events: list[Event], n: int) -> list[Event] | None:
        call = events[n]["item"]
        calls = {e["item"].get("name") for e in events if (e.get("item") or {}).get("type") == "function_call"}
        is_fit = call.get("type") == "function_call" and call.get("name") and not call.get("namespace")
        if not is_fit or len(calls) > 1 or events[-1].get("type") != "response.completed":
            return None
        named = tools(call)
        return _stated(events, **fields, **({} if named is None else {"tools": named}))

    return edit(title, "output_item.added", apply, needs="a function_call in a completed response")


def _asked(title: str, apply: Edit, *, needs: str, **fields: Any) -> Way:
    """Have every snapshot repeat a request with these fields, which the answer does not fit."""

    def asked(events: list[Event], n: int) -> list[Event] | None:
        broken = apply(events, n)
        is_fit = broken is not None and events[-1].get("type") == "response.completed"
        return _stated(broken or [], **fields) if is_fit else None

    return edit(title, "output_text.delta", asked, needs=needs)


def _in_prose(events: list[Event], _n: int) -> list[Event] | None:
    """The same events, where their texts are no JSON."""
    texts = [event["text"] for event in events if event.get("type") == "response.output_text.done"]
    return None if any(map(is_json, texts)) else events


CONTENT_FAULTS: tuple[Fault, ...] = (
    fault("AG601", change("finish a text with another one", "output_text.done reasoning_summary_text.done", _other_done,
                          needs="a text that isn't empty"),
          change("send another delta", "output_text.delta", field("delta", _longer)),
          drop(_DELTAS, where=_is_one_of_several, needs="a text of several deltas"),
          edit("send a delta twice", _DELTAS, _twice, needs="a delta that isn't empty")),
    fault("AG602", change("close a part with another text", "content_part.done", inside("part", "text", _longer))),
    fault("AG603", change("close an item with another text", "output_item.done", lambda e: _other_text(e["item"]),
                          needs="a message with a text, or a function_call")),
    fault("AG604", change("finish arguments with none", "function_call_arguments.done",
                          field("arguments", lambda _: "")),
          edit("send a delta of arguments twice", "function_call_arguments.delta", _twice)),
    fault("AG605", change("end with another text", "completed", final(_other_text),
                          needs="a message with a text, or a function_call, in response.completed")),
    fault("AG606", change("complete without output", "completed", _output(lambda _: []),
                          needs="an item in response.completed")),
    fault("AG607", change("end with the items in another order", "completed", _output(lambda output: output[::-1], 2),
                          needs="two items in response.completed"),
          change("end without the first item", "completed", _output(lambda output: output[1:], 2),
                 needs="two items in response.completed")),
    fault("AG608", edit("break arguments off", "function_call_arguments.done", _cut_arguments,
                        needs="arguments in several deltas")),
    fault("AG609", change("close an item without its annotations", "output_item.done", _without_annotations,
                          needs="a text with annotations")),
    fault("AG610", change("close a call with another name", "output_item.done",
                          inside("item", "name", lambda _: "other", "function_call"), needs="a function_call")),
    fault("AG611", change("add the tokens up wrong", "completed", _tokens_counted_wrong,
                          needs="response.completed with usage")),
    fault("AG612", edit("replace a character by U+FFFD", "output_text.delta", _in_text("\ufffd"),
                        needs="a text of several deltas")),
    fault("AG613", edit("end a delta within a character", "output_text.delta", _in_text("\ud83d"),
                        needs="a text of several deltas")),
    fault("RQ001", _declared("call a custom tool as a function",
                             lambda call: [{"type": "custom", "name": call["name"]}])),
    fault("RQ002", _declared("call a tool that wasn't declared", lambda call: [_TOOL | {"name": "x" + call["name"]}])),
    fault("RQ003", _declared("call a tool though tool_choice is none", lambda _: None, tool_choice="none")),
    fault("RQ004", _asked("write a call into a text", _in_text(" <tool_call>{} "), tools=[_TOOL], text=_PROSE,
                          needs="a text of several deltas in a completed response")),
    fault("RQ005", _asked("write prose though JSON was asked for", _in_prose,
                          text={"format": {"type": "json_object"}},
                          needs="a text that isn't JSON in a completed response")),
    fault("RQ006", change("use more tokens than were allowed", "completed incomplete", _limit_passed,
                          needs="a terminal response with usage")),
)  # fmt: skip
