"""What a stream says to its client: texts, reasoning, calls, usage; where events disagree, what most say."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

type Event = Mapping[str, Any]

_TERMINAL = ("response.completed", "response.incomplete", "response.failed")
_FAILED = ("response.failed", "error")
_TEXTS = ("response.output_text.delta",)
_SUMMARIES = ("response.reasoning_summary_text.delta",)
_THOUGHTS = ("response.reasoning_text.delta",)
_ARGUMENTS = ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta")
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}


@dataclass(frozen=True, slots=True)
class StatedCall:
    """A call that the client is to make."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Stated:
    """What a stream says. For texts there may be several right ones, the first of which is the text."""

    texts: tuple[str, ...]
    reasoning: tuple[str, ...]
    """The summary and the reasoning's own text, or one of them: clients show what they choose."""
    calls: tuple[StatedCall, ...]
    usage: tuple[int, int] | None
    """Input and output tokens."""
    failure: str | None = None
    """The error that the stream reports instead of an answer."""

    @property
    def tools(self) -> list[str]:
        """The names of the tools that are called."""
        return list(dict.fromkeys(call.name for call in self.calls if call.name))


def stated(events: Iterable[Event]) -> Stated:
    """What these events say."""
    events = [event for event in events if isinstance(event.get("type"), str)]
    ended = next((event for event in events if event["type"] in _TERMINAL), {})
    response = _object(ended.get("response"))
    done = [_object(event.get("item")) for event in events if event["type"] == "response.output_item.done"]
    final = [_object(item) for item in _list(response.get("output"))]
    texts = _agreed(_deltas(events, _TEXTS), _texts(done), _texts(final))
    summary = _agreed(_deltas(events, _SUMMARIES), _reasoning(done, "summary"), _reasoning(final, "summary"))
    thoughts = _agreed(_deltas(events, _THOUGHTS), _reasoning(done, "content"), _reasoning(final, "content"))
    spoken = tuple(text for text in dict.fromkeys((summary + thoughts, summary, thoughts, thoughts + summary)) if text)
    in_order = "".join(_strings(event.get("delta") for event in events if event["type"] in _TEXTS))
    return Stated(
        tuple(dict.fromkeys((texts, in_order))) if len(in_order) == len(texts) else (texts,),
        spoken,
        _agreed_calls(_called(_streamed(events)), _called(done), _called(final)),
        _usage(response),
        _failure(events),
    )


def _agreed(deltas: Mapping[Any, str], *others: str) -> str:
    """The text that most state; the end of the stream's, then the deltas', where they are of several minds."""
    stating = [text for text in (*reversed(others), "".join(deltas.values())) if text]
    return max(stating, key=Counter(stating).__getitem__, default="")


def _agreed_calls(*stating: tuple[StatedCall, ...]) -> tuple[StatedCall, ...]:
    voices = [calls for calls in reversed(stating) if calls]
    return max(voices, key=Counter(voices).__getitem__, default=())


def _deltas(events: Sequence[Event], types: Sequence[str]) -> dict[Any, str]:
    """The deltas' texts by item and part, in the order of the items."""
    places: defaultdict[tuple[float, float], list[str]] = defaultdict(list)
    for event in events:
        if event["type"] in types:
            part = _number(event.get("summary_index", event.get("content_index")))
            places[_number(event.get("output_index")), part] += _strings([event.get("delta")])
    return {place: "".join(places[place]) for place in sorted(places)}


def _texts(items: Iterable[Event]) -> str:
    parts = (_object(part) for item in items if item.get("type") == "message" for part in _list(item.get("content")))
    return "".join(_strings(part.get("text") for part in parts))


def _reasoning(items: Iterable[Event], member: str) -> str:
    parts = (_object(part) for item in items if item.get("type") == "reasoning" for part in _list(item.get(member)))
    return "".join(_strings(part.get("text") for part in parts))


def _streamed(events: Sequence[Event]) -> Iterator[Event]:
    """The items that were opened, with the arguments that were streamed for them."""
    arguments = {place: text for (place, _), text in _deltas(events, _ARGUMENTS).items()}
    for event in events:
        if event["type"] == "response.output_item.added":
            item = _object(event.get("item"))
            member = _CALLS.get(str(item.get("type")))
            text = arguments.get(_number(event.get("output_index")))
            if member and text is not None:
                yield {**item, member: text}


def _called(items: Iterable[Event]) -> tuple[StatedCall, ...]:
    return tuple(
        StatedCall(str(item.get("call_id") or ""), str(item.get("name") or ""), str(item.get(member) or ""))
        for item in items
        if (member := _CALLS.get(str(item.get("type"))))
    )


def _usage(response: Event) -> tuple[int, int] | None:
    usage = _object(response.get("usage"))
    counts = usage.get("input_tokens"), usage.get("output_tokens")
    if isinstance(counts[0], int) and isinstance(counts[1], int):
        return counts[0], counts[1]
    return None


def _failure(events: Sequence[Event]) -> str | None:
    for event in events:
        if event["type"] in _FAILED:
            error = _object(_object(event.get("response", event)).get("error", event))
            return f"{error.get('code') or event['type']}: {error.get('message') or 'no message'}"
    return None


def events_in(datas: Iterable[bytes | None]) -> list[Event]:
    """The events in the data of frames; clients ignore anything that isn't a JSON object.

    Half a surrogate pair becomes `?`, as in a client's answer.
    """
    parsed: list[Event] = []
    for data in datas:
        try:
            event = json.loads(data or b"")
            event = json.loads(json.dumps(event, ensure_ascii=False).encode(errors="replace"))
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            parsed.append(event)
    return parsed


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: object) -> float:
    return value if isinstance(value, int) else -1


def _strings(values: Iterable[object]) -> list[str]:
    return [value for value in values if isinstance(value, str)]
