"""Ways to spoil a stream: leave an event out, send it twice or too late, change a field of it.

A way is tried at one event. It returns the spoilt stream, or None where it doesn't fit there.
"""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from responses_tap.protocol.faults.draft import Block, Edit, Event, changed, counted_like

type Change = Callable[[Event], bool]
"""Changes a copy of an event; returns False where it doesn't fit."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to plant a defect."""

    title: str
    """What it does to a stream."""
    spoil: Callable[[Sequence[Block], int], list[Block] | None]
    """(blocks, n) → the blocks with the defect at the n-th event; None where it doesn't fit."""
    types: frozenset[str] = frozenset()
    """The event types that it is planted at; any where empty."""
    needs: str = ""
    """What must be there for it to fit."""

    def may_fit(self, event: Event) -> bool:
        """Whether it is worth a try at this event."""
        return not self.types or event.get("type") in self.types


@dataclass(frozen=True, slots=True)
class Fault:
    """How the defect that a rule is about is planted in a correct stream."""

    code: str
    ways: tuple[Way, ...]
    spread: frozenset[str] = frozenset()
    """The rules that may be broken, too, at error or warning; empty for nearly all."""

    @property
    def title(self) -> str:
        """What it does to a stream."""
        return self.ways[0].title

    @property
    def needs(self) -> str:
        """What a stream must have."""
        return " or ".join(dict.fromkeys(way.needs for way in self.ways))


def fault(code: str, *ways: Way, spread: str = "") -> Fault:
    """A row of the table; `spread` has codes with blanks between."""
    return Fault(code, ways, frozenset(spread.split()))


def names(types: str) -> list[str]:
    """The event types of which these are short: `completed incomplete`."""
    return [short if short == "error" else f"response.{short}" for short in types.split()]


def edit(title: str, types: str, apply: Edit, *, needs: str = "", renumbers: bool = True) -> Way:
    """A way that works on events as JSON objects."""
    listed = names(types)

    def spoil(blocks: Sequence[Block], n: int) -> list[Block] | None:
        return changed(blocks, apply, n, renumbers=renumbers)

    return Way(title, spoil, frozenset(listed), needs or " or ".join(listed) or "an event")


def drop(types: str, *, where: Callable[[list[Event], int], bool] | None = None, needs: str = "") -> Way:
    """Leave an event out."""

    def apply(events: list[Event], n: int) -> list[Event] | None:
        if where is not None and not where(events, n):
            return None
        return events[:n] + events[n + 1 :]

    return edit(f"leave out {_said(types)}", types, apply, needs=needs)


def double(types: str) -> Way:
    """Send an event twice."""

    def apply(events: list[Event], n: int) -> list[Event]:
        return [*events[: n + 1], dict(events[n]), *events[n + 1 :]]

    return edit(f"send {_said(types)} twice", types, apply)


def delay(types: str, behind: str, *, where: Callable[[list[Event], int], bool] | None = None, needs: str = "") -> Way:
    """Send an event after the next one of another type and the same item."""
    later = frozenset(names(behind))

    def apply(events: list[Event], n: int) -> list[Event] | None:
        if where is not None and not where(events, n):
            return None
        k = events[n].get("output_index")
        for m in range(n + 1, len(events)):
            if events[m].get("type") in later and k in (None, events[m].get("output_index")):
                return [*events[:n], *events[n + 1 : m + 1], events[n], *events[m + 1 :]]
        return None

    needs = needs or f"{_said(types)} before {_said(behind)}"
    return edit(f"send {_said(types)} after {_said(behind)}", types, apply, needs=needs)


def fresh(way: Way) -> Way:
    """The same, but not in a stream that was resumed: its first events are another capture's."""

    def spoil(blocks: Sequence[Block], n: int) -> list[Block] | None:
        first = next((block.event for block in blocks if block.event is not None), {})
        return way.spoil(blocks, n) if first.get("type") == "response.created" else None

    return dataclasses.replace(way, spoil=spoil, needs=f"{way.needs} in a stream that starts with response.created")


def insert(title: str, event: Event, types: str = "", *, needs: str = "") -> Way:
    """Send one event more, before another one that isn't the first."""

    def apply(events: list[Event], n: int) -> list[Event] | None:
        if n == 0:
            return None
        more = event | (counted_like(events[n]) if "type" in event else {})
        return [*events[:n], more, *events[n:]]

    return edit(title, types, apply, needs=needs or "a second event")


def change(title: str, types: str, change_event: Change, *, needs: str = "", renumbers: bool = True) -> Way:
    """Change an event."""

    def apply(events: list[Event], n: int) -> list[Event] | None:
        event = copy.deepcopy(events[n])
        return [*events[:n], event, *events[n + 1 :]] if change_event(event) else None

    return edit(title, types, apply, needs=needs, renumbers=renumbers)


def field(name: str, value: Callable[[Any], Any]) -> Change:
    """Give a field of the event another value."""

    def change_event(event: Event) -> bool:
        if name in event:
            event[name] = value(event[name])
        return name in event

    return change_event


def without(*path: str, only: str = "") -> Change:
    """Take a field away that isn't null; `only` names the type of the item or part that has it."""

    def change_event(event: Event) -> bool:
        holder = event
        for key in path[:-1]:
            holder = holder.get(key) or {}
        if only and holder.get("type") != only:
            return False
        return holder.pop(path[-1], None) is not None

    return change_event


def inside(holder: str, name: str, value: Callable[[Any], Any] | None, only: str = "") -> Change:
    """Give a field of the item or the part another value; with None, null, even where it is empty."""

    def change_event(event: Event) -> bool:
        inner = event.get(holder) or {}
        absent = inner.get(name) is None if value is None else not inner.get(name)
        if absent or (only and inner.get("type") != only) or inner.get("caller"):
            return False
        inner[name] = None if value is None else value(inner[name])
        return True

    return change_event


def snapshot(name: str, value: Any) -> Change:  # noqa: ANN401 - any JSON
    """Give a field of the response another value."""

    def change_event(event: Event) -> bool:
        event["response"][name] = value
        return True

    return change_event


def final(change_item: Change) -> Change:
    """Change the first item of the terminal response that the change fits."""
    return lambda event: any(change_item(item) for item in event["response"]["output"])


def replaced(value: Any, old: Any, new: Any) -> Any:  # noqa: ANN401 - any JSON
    """The same JSON with this value replaced wherever it stands, and all else the same objects."""
    if type(value) is type(old) and value == old:
        return new
    if isinstance(value, dict):
        fields = {key: replaced(inner, old, new) for key, inner in value.items()}
        return fields if any(fields[key] is not inner for key, inner in value.items()) else value
    if isinstance(value, list):
        listed = [replaced(inner, old, new) for inner in value]
        return listed if any(a is not b for a, b in zip(listed, value, strict=True)) else value
    return value


def everywhere(events: list[Event], old: Any, new: Any) -> list[Event]:  # noqa: ANN401
    """The events with this value replaced wherever it stands."""
    return [replaced(event, old, new) for event in events]


def _said(types: str) -> str:
    return " or ".join(names(types)[:1])
