"""Planted defects: each takes the events of a correct stream, breaks one thing, and names it.

A mutation is a function (events, random) → the broken events, or None where the stream has no place for it.
"""

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from responses_tap.protocol.events import is_json

type Event = dict[str, Any]
type Mutate = Callable[[list[Event], random.Random], list[Event] | None]
type Change = Callable[[Event], bool]
"""Changes one event in place; returns False where it doesn't fit."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One kind of defect."""

    name: str
    codes: frozenset[str]
    """The rules that report it; several if it depends on the place."""
    mutate: Mutate


MUTATIONS: list[Mutation] = []


def _add(name: str, codes: str, mutate: Mutate) -> None:
    MUTATIONS.append(Mutation(name, frozenset(codes.split()), mutate))


def _at(events: list[Event], types: str) -> list[int]:
    names = {f"response.{name}" for name in types.split()}
    return [n for n, event in enumerate(events) if event["type"] in names]


def _drop(types: str, codes: str) -> None:
    def mutate(events: list[Event], rnd: random.Random) -> list[Event] | None:
        places = _at(events, types)
        if not places:
            return None
        del events[rnd.choice(places)]
        return events

    _add(f"drop {types.split(maxsplit=1)[0]}", codes, mutate)


def _double(types: str, codes: str) -> None:
    def mutate(events: list[Event], rnd: random.Random) -> list[Event] | None:
        places = _at(events, types)
        if not places:
            return None
        n = rnd.choice(places)
        events.insert(n + 1, copy.deepcopy(events[n]))
        return events

    _add(f"double {types.split(maxsplit=1)[0]}", codes, mutate)


def _delay(type_: str, behind: str, codes: str) -> None:
    """Move an event after the next one of another type and the same item."""

    def mutate(events: list[Event], rnd: random.Random) -> list[Event] | None:
        places = _at(events, type_)
        rnd.shuffle(places)
        for n in places:
            for later in range(n + 1, len(events)):
                same = events[n].get("output_index") in (None, events[later].get("output_index"))
                if events[later]["type"] == f"response.{behind}" and same:
                    events.insert(later, events.pop(n))
                    return events
        return None

    _add(f"{type_} behind {behind}", codes, mutate)


def _change(name: str, types: str, codes: str, change: Change) -> None:
    def mutate(events: list[Event], rnd: random.Random) -> list[Event] | None:
        places = _at(events, types)
        rnd.shuffle(places)
        return events if any(change(events[n]) for n in places) else None

    _add(name, codes, mutate)


def _field(field: str, value: Callable[[Any], Any]) -> Change:
    def change(event: Event) -> bool:
        if field in event:
            event[field] = value(event[field])
        return field in event

    return change


def _without(*path: str, only: str = "") -> Change:
    def change(event: Event) -> bool:
        holder = event
        for key in path[:-1]:
            holder = holder.get(key) or {}
        if only and holder.get("type") != only:
            return False
        return holder.pop(path[-1], None) is not None

    return change


def _inside(holder: str, field: str, value: Callable[[Any], Any] | None, only: str = "") -> Change:
    """Change a field of the item or the part; with None, to null, even where it is empty."""

    def change(event: Event) -> bool:
        inner = event.get(holder) or {}
        absent = inner.get(field) is None if value is None else not inner.get(field)
        if absent or (only and inner.get("type") != only) or inner.get("caller"):
            return False
        inner[field] = None if value is None else value(inner[field])
        return True

    return change


def _snapshot(field: str, value: Any) -> Change:
    def change(event: Event) -> bool:
        event["response"][field] = value
        return True

    return change


def _output(edit: Callable[[list[Event]], list[Event]], least: int = 1) -> Change:
    def change(event: Event) -> bool:
        output = event["response"]["output"]
        if len(output) < least:
            return False
        event["response"]["output"] = edit(output)
        return True

    return change


def _final(edit: Change) -> Change:
    """Change the first item of a terminal event that `edit` fits."""
    return lambda event: any(edit(item) for item in event["response"]["output"])


def _settled(item: Event, status: str) -> bool:
    is_known = item.get("type") == "message" and item["status"] != status
    return is_known and item.update(status=status) is None


def _without_annotations(item: Event) -> bool:
    parts = item.get("content") or []
    return any(part.pop("annotations", None) is not None for part in parts if part["type"] == "output_text")


def _limited(less: int) -> Change:
    """State that as many tokens were allowed as were used, or fewer."""

    def change(event: Event) -> bool:
        usage = event["response"].get("usage")
        if not usage or usage["output_tokens"] <= less:
            return False
        event["response"]["max_output_tokens"] = usage["output_tokens"] - less
        return True

    return change


def _replaced(value: Any, old: Any, new: Any) -> Any:
    """The same JSON with this text replaced everywhere."""
    if isinstance(value, dict):
        return {key: _replaced(inner, old, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, old, new) for inner in value]
    return new if value == old and type(value) is type(old) else value


def _every(field: str, value: Callable[[Any], Any]) -> Mutate:
    """Change a field of an item in all events."""

    def mutate(events: list[Event], rnd: random.Random) -> list[Event] | None:
        found = [event["item"][field] for event in events if (event.get("item") or {}).get(field)]
        return _replaced(events, found[0], value(found[0])) if found else None

    return mutate


def _in_text(piece: str) -> Mutate:
    """Append to a delta, and change the text wherever it is stated."""

    def mutate(events: list[Event], rnd: random.Random) -> list[Event] | None:
        places = _at(events, "output_text.delta")
        if not places:
            return None
        n = rnd.choice(places)
        part = [m for m in places if _place(events[m]) == _place(events[n])]
        before = "".join(events[m]["delta"] for m in part if m <= n)
        text = "".join(events[m]["delta"] for m in part)
        delta = events[n]["delta"]
        if text == delta:
            return None
        events = _replaced(events, text, before + piece + text.removeprefix(before))
        events[n]["delta"] = delta + piece
        return events

    return mutate


def _place(event: Event) -> tuple[Any, Any]:
    return event.get("output_index"), event.get("content_index")


def _untyped_error(events: list[Event], rnd: random.Random) -> list[Event] | None:
    events.insert(rnd.randrange(1, len(events)), {"error": {"message": "gone"}})
    return events


def _another_response(events: list[Event], rnd: random.Random) -> list[Event] | None:
    if events[0]["type"] != "response.created":
        return None
    id_ = events[0]["response"]["id"]
    return [*events[: rnd.randrange(1, len(events))], *_replaced(copy.deepcopy(events), id_, f"{id_}x")]


def _declared(tools: Callable[[Event], list[Event] | None], **fields: Any) -> Mutate:
    """Make every snapshot repeat a request with these tools, for a stream with a call."""

    def mutate(events: list[Event], rnd: random.Random) -> list[Event] | None:
        calls = [event["item"] for event in events if (event.get("item") or {}).get("type") == "function_call"]
        if not calls or not calls[0].get("name") or calls[0].get("namespace") or not _at(events, "completed"):
            return None
        for event in events:
            if "response" in event:
                named = tools(calls[0])
                event["response"] |= fields | ({} if named is None else {"tools": named})
        return events

    return mutate


def _asked(mutate: Mutate, **fields: Any) -> Mutate:
    """Have every snapshot repeat a request with these fields, which the answer does not fit."""

    def asked(events: list[Event], rnd: random.Random) -> list[Event] | None:
        if (
            (broken := mutate(events, rnd)) is None
            or not _at(events, "output_text.delta")
            or not _at(events, "completed")
        ):
            return None
        for event in broken:
            if "response" in event:
                event["response"] |= fields
        return broken

    return asked


def _in_prose(events: list[Event], rnd: random.Random) -> list[Event] | None:
    """The same events, where their texts are no JSON."""
    texts = [event["text"] for event in events if event["type"] == "response.output_text.done"]
    return None if any(map(is_json, texts)) else events


def _unstreamed(events: list[Event], rnd: random.Random) -> list[Event] | None:
    places = {event["output_index"] for event in events if event["type"] == "response.output_text.delta"}
    if not places:
        return None
    place = rnd.choice(sorted(places))
    inner = [n for n, e in enumerate(events) if e.get("output_index") == place and "item" not in e]
    return [event for n, event in enumerate(events) if n not in inner]


def _one_index(events: list[Event], rnd: random.Random) -> list[Event] | None:
    seconds = [event for event in events if event.get("output_index") == 1]
    if not seconds or any(event.get("output_index", 0) > 1 for event in events):
        return None
    for event in seconds:
        event["output_index"] = 0
    return events


def _emptied(events: list[Event], rnd: random.Random) -> list[Event] | None:
    if not _at(events, "completed") or not events[-1]["response"].get("output"):
        return None
    events[-1]["response"]["output"] = []
    return [event for event in events if "response" in event]


def _usage(change: Callable[[Event], Any]) -> Change:
    def in_usage(event: Event) -> bool:
        usage = event["response"].get("usage")
        return bool(usage) and change(usage) is None

    return in_usage


def _other_text(item: Event) -> bool:
    if item.get("type") == "message" and item["content"] and "text" in item["content"][0]:
        item["content"][0]["text"] += "x"
    elif item.get("type") == "function_call":
        item["arguments"] += " "
    else:
        return False
    return True


def _part_of_type(type_: str, field: str) -> Change:
    def change(event: Event) -> bool:
        if event["part"].get("type") != "output_text":
            return False
        event["part"] = {"type": type_, field: ""}
        return True

    return change


_CHUNK = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hi"}}]}
_INNER = "output_text.delta function_call_arguments.delta output_text.done content_part.added content_part.done"
_VALUE_DONE = (
    "function_call_arguments.done custom_tool_call_input.done mcp_call_arguments.done code_interpreter_call_code.done"
)
_TERMINAL = "completed incomplete failed"
_PART_ADDED = "content_part.added reasoning_summary_part.added"
_PART_DONE = "content_part.done reasoning_summary_part.done"

_add("no event", "LC110", lambda events, rnd: [])
_drop("created", "LC101")
_drop(_TERMINAL, "LC103 LC104")
_drop("output_item.added", "NS201 NS203")
_drop("output_item.done", "MD306 LC109")
_drop(_PART_ADDED, "NS202")
_drop(_PART_DONE, "MD305")
_drop("output_text.done", "MD301")
_drop("refusal.done", "MD303")
_drop("reasoning_text.done", "MD302")
_drop("reasoning_summary_text.done", "MD304")
_drop(_VALUE_DONE, "MD307")
_drop("output_text.delta reasoning_summary_text.delta", "AG601 MD309")
_drop("function_call_arguments.delta mcp_call_arguments.delta", "AG604 MD309")

_double("created", "LC102")
_double("in_progress", "LC107")
_double(_TERMINAL, "LC105")
_double("output_item.added", "NS207")
_double("output_item.done", "NS210")
_double(_PART_ADDED, "NS208")
_double(_PART_DONE, "OR403")
_double(f"output_text.done reasoning_summary_text.done {_VALUE_DONE}", "OR401")
_double("output_text.delta function_call_arguments.delta", "AG601 AG604")

_delay("output_text.done", "content_part.done", "OR403")
_delay("output_text.done", "output_item.done", "OR402")
_delay("content_part.done", "output_item.done", "OR402")
_delay("output_text.delta", "output_text.done", "OR401")
_delay("output_text.delta", "output_item.done", "OR402")
_delay("content_part.added", "output_text.delta", "NS202")
_delay("output_item.added", "content_part.added", "NS201")
_delay("output_item.added", "function_call_arguments.delta", "NS201")
_delay("in_progress", "output_item.added", "LC107")

_change("another done text", "output_text.done reasoning_summary_text.done", "AG601 MD309 AG602",
        _field("text", lambda text: f"{text}x"))  # fmt: skip
_change("usage of Chat Completions", "completed incomplete", "ST710",
        lambda event: event["response"].get("usage") is not None
        and event["response"].update(usage={"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}) is None,
        )  # fmt: skip
_change("another delta", "output_text.delta", "AG601", _field("delta", lambda text: f"{text}x"))
_change("empty arguments", "function_call_arguments.done", "AG604", _field("arguments", lambda _: ""))
_change("another part text", "content_part.done", "AG602", _inside("part", "text", lambda text: f"{text}x"))
_change("another item text", "output_item.done", "AG603", lambda event: _other_text(event["item"]))
_change("another final text", "completed", "AG605",
        lambda event: any(_other_text(item) for item in event["response"]["output"]))  # fmt: skip
_change("empty output", "completed", "AG606", _output(lambda _: []))
_change("other order", "completed", "AG607", _output(lambda output: output[::-1], least=2))
_change("an item lost at the end", "completed", "AG607", _output(lambda output: output[1:], least=2))
_change(
    "an item more at the end",
    "completed",
    "MD311",
    _output(lambda output: [*output, {"type": "message", "id": "more", "role": "assistant", "content": []}]),
)

_change("another response id", "completed", "ID501", _snapshot("id", "resp_other"))
_change("another status", "completed", "ST701", _snapshot("status", "incomplete"))
_change("a wrong first status", "created", "ST701", _snapshot("status", "completed"))
_change("no usage", "completed", "ST709", _snapshot("usage", None))
_change("an error in completed", "completed", "ST705", _snapshot("error", {"code": "x", "message": "y"}))
_change("another model", "completed", "ID516", _snapshot("model", "other"))
_change("a stray error", "completed", "SC809", lambda event: event.setdefault("error", {"message": "x"}) is not None)

_change("another item id", "output_item.done", "ID502", _inside("item", "id", lambda _: "other"))
_change("another call_id", "output_item.done", "ID514", _inside("item", "call_id", lambda _: "other", "function_call"))
_change("no call_id", "output_item.added", "ID513", _inside("item", "call_id", lambda _: "", "function_call"))
_change("another name", "output_item.done", "AG610", _inside("item", "name", lambda _: "other", "function_call"))
_change("an open status", "output_item.done", "ST706", _inside("item", "status", lambda _: "in_progress", "message"))
_change("an unknown status", "output_item.done", "ST708", _inside("item", "status", lambda _: "ready", "message"))
_change("another item_id", _INNER, "ID503", _field("item_id", lambda _: "other"))

_change("no output_index", _INNER, "SC801", _without("output_index"))
_change("no content_index", "output_text.delta content_part.added", "SC801", _without("content_index"))
_change("no item_id", _INNER, "SC801", _without("item_id"))
_change("no item", "output_item.added", "SC805", _field("item", lambda _: None))
_change("a null delta", "output_text.delta function_call_arguments.delta", "SC804", _field("delta", lambda _: None))
_change("an index as text", _INNER, "SC804", _field("output_index", str))
_change("no logprobs", "output_text.done", "SC802", _without("logprobs"))
_change("no response id", "created", "SC810 SC801", _without("response", "id"))
_change("no content", "output_item.added", "SC811", _without("item", "content", only="message"))
_change("an old name", "content_part.added", "SC806", _field("type", lambda _: "response.reasoning_part.added"))
_change("no number", _INNER, "SC803", _without("sequence_number"))
_change("a number back", _INNER, "ID510", _field("sequence_number", lambda number: max(0, number - 2)))
_change("a number ahead", _INNER, "ID511", _field("sequence_number", lambda number: number + 5))

_change("another index inside", "output_text.delta", "ID506 ID503 NS204", _field("output_index", lambda k: k + 1))
_change("a gap of items", "output_item.added", "ID507", _field("output_index", lambda k: k + 3))
_change("another index at the end", "output_item.done", "ID506", _field("output_index", lambda k: k + 1))
_change("a gap of parts", "content_part.added", "ID508", _field("content_index", lambda k: k + 1))
_change("a refusal with text", "content_part.added", "NS206", _part_of_type("refusal", "refusal"))
_change("reasoning in a message", "content_part.added", "NS205", _part_of_type("reasoning_text", "text"))


_change("fewer tokens allowed", "completed incomplete", "RQ006", _limited(1))
_change("the limit reached", "completed", "ST702", _limited(0))
_change("a cut item completed", "incomplete", "AG605 ST711", _final(lambda item: _settled(item, "completed")))
_change("no summary at the end", "completed", "AG605", _final(lambda item: item.pop("summary", None) is not None))
_change("no content at the end", "completed", "AG605",
        _final(lambda item: item.get("type") == "message" and item.pop("content", None) is not None))  # fmt: skip
_change("no annotations at the end", "completed", "SC812", _final(_without_annotations))
_change("a status nobody knows at the end", "completed", "ST708 AG605", _final(lambda item: _settled(item, "ready")))
_change("null annotations", "content_part.added content_part.done", "SC812", _inside("part", "annotations", None))
_change("a null summary", "output_item.added", "SC811", _inside("item", "summary", None, "reasoning"))
_add("an empty id", "ID517", _every("id", lambda _: ""))
_change("a long call_id", "output_item.done", "ID514", _inside("item", "call_id", lambda _: "c" * 80, "function_call"))
_add("long call_ids", "ID518", _every("call_id", lambda id_: id_ + "c" * 64))
_add("a character replaced", "AG612", _in_text("\ufffd"))
_add("half a character", "AG613", _in_text("\ud83d"))
_add("an error without a type", "SC814", _untyped_error)
_add("another response with numbers of its own", "TR917", _another_response)
_add("the chunks of another API", "SC815", lambda events, rnd: [_CHUNK.copy() for _ in events])
_add("a tool of another type", "RQ001", _declared(lambda call: [{"type": "custom", "name": call["name"]}]))
_add("an unknown tool", "RQ002", _declared(lambda call: [{"type": "function", "name": "x" + call["name"]}]))
_add("a call that was forbidden", "RQ003", _declared(lambda call: None, tool_choice="none"))
_add("a call as text", "RQ004", _asked(_in_text(" <tool_call>{} "), tools=[{"type": "function", "name": "f"}]))
_add("no JSON, as asked", "RQ005", _asked(_in_prose, text={"format": {"type": "json_object"}}))
_add("a text in its item alone", "MD309", _unstreamed)
_change("a text for content", "output_item.done", "SC804",
        lambda e: e["item"].get("type") == "message" and e["item"].update(content="Hi") is None)  # fmt: skip
_change("a negative index", _INNER, "ID508", _field("output_index", lambda _: -1))
_add("an empty answer", "LC108", _emptied)
_change("another sum", "completed", "AG611", _usage(lambda usage: usage.update(total_tokens=usage["total_tokens"] + 1)))
_change("a usage in words", "completed incomplete", "ST710", _snapshot("usage", "19 tokens"))
_change("no reason", "incomplete", "ST703", _snapshot("incomplete_details", None))
_change("no cause", "failed", "ST704", _snapshot("error", None))
_change("another id at the end", "completed", "ID504",
        _final(lambda item: item.get("type") == "message" and item.update(id="other") is None))  # fmt: skip
_add("one index for two items", "ID505", _one_index)


def plant(events: list[Event], mutation: Mutation, rnd: random.Random, *, renumber: bool) -> list[Event] | None:
    """The stream with one defect; with `renumber`, with correct sequence numbers."""
    broken = mutation.mutate(copy.deepcopy(events), rnd)
    if broken is None or broken == events:
        return None
    if renumber and "number" not in mutation.name and "sequence_number" in events[0]:
        for n, event in enumerate(broken):
            event["sequence_number"] = n
    return broken


def planted(streams: list[list[Event]], each: int, seed: int) -> Iterator[tuple[Mutation, list[Event], list[Event]]]:
    """Up to `each` defects of every kind in randomly chosen streams: (mutation, correct, broken)."""
    rnd = random.Random(seed)
    for mutation in MUTATIONS:
        found = 0
        for events in rnd.sample(streams, len(streams)):
            broken = plant(events, mutation, rnd, renumber=rnd.random() < 0.5)
            if broken is not None:
                yield mutation, events, broken
                found += 1
            if found == each:
                break
