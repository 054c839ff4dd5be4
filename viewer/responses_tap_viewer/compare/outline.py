"""A stream as the tree of its scopes, normalised: without ids, times, numbers and texts.

Response → items → parts, each with its own events in order. A run of deltas is one step, however the text was split;
an event before the opening of its scope still creates the scope, so that it can be compared.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from responses_tap.escaping import printable
from responses_tap.protocol.events import Event, parse, today
from responses_tap.protocol.grammar import COMMAND, CONTENTS, ITEM, OUTPUT, PART, ROWS, SUMMARY, Role, Row
from responses_tap.stream.model import Entry
from responses_tap_viewer.compare.shape import FieldPath, Shape, add_shape

_INDEXES = ("content_index", "summary_index", "command_index")


@dataclass(slots=True, eq=False)
class Step:
    """An event of a scope, or a run of deltas."""

    type: str
    serial: int
    """The 0-based number of its (first) event among all events of the stream."""
    position: int
    """The number of that event in its response, as users see it."""
    depth: int
    """0 for events of the response, 1 for an item's, 2 for a part's."""
    last: int = 0
    """The serial of its last event."""
    entries: list[Entry] = field(default_factory=list)
    """The frames of all its events."""
    shape: Shape = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many events it is."""
        return len(self.entries)

    @property
    def positions(self) -> list[int]:
        """The positions of all its events."""
        return [entry.position or 0 for entry in self.entries]


@dataclass(slots=True, eq=False)
class ScopeNode:
    """A response, an item or a part."""

    kind: str
    """response, item or part."""
    type: str = ""
    """The type of item or content, empty until an event names it."""
    name: str = ""
    """The name of the tool that an item calls."""
    ordinal: int = 1
    """Its number among those of its type in its parent, from 1."""
    siblings: int = 1
    """How many of its type the parent has."""
    id: str = ""
    """An item's id and index as first given: later ones are compared with these."""
    index: int | None = None
    opened: bool = False
    closed: bool = False
    parent: "ScopeNode | None" = None
    begin: Step = field(init=False)
    """Its first step, or the first one in it."""
    end: Step = field(init=False)
    """The step of the last event in it."""
    steps: list[Step] = field(default_factory=list)
    children: "list[ScopeNode]" = field(default_factory=list)
    guess: str = ""
    """The type suggested by its inner events, for an item whose type no event names."""
    runs: dict[str, Step] = field(default_factory=dict)
    """The runs of deltas, by type, that the next delta extends."""

    @property
    def label(self) -> str:
        """What it is, in words: `output_text part of message item 2`."""
        if self.parent is None:
            return "response"
        return f"{self.short} of {self.parent.label}" if self.parent.parent else self.short

    @property
    def short(self) -> str:
        """The same without its parents."""
        number = f" {self.ordinal}" if self.siblings > 1 else ""
        return f"{self.type or 'untyped'} {self.kind}{number}"

    def gives_way(self, id_: str, type_: str) -> bool:
        """Whether an opening event with this id and type begins another scope in its place, not this one again."""
        return self.opened and (self.closed or (id_, type_) != (self.id, self.type))

    def mark(self, row: Row) -> None:
        """Note the effect of one of its own events."""
        self.opened |= row.role is Role.OPEN
        self.closed |= row.role is Role.CLOSE

    @property
    def opener(self) -> Step | None:
        """The event that opens it, None where there is none."""
        openers = (step for step in self.steps if (row := ROWS.get(step.type)) and row.role is Role.OPEN)
        return next(openers, None)

    @property
    def all_steps(self) -> list[Step]:
        """Its steps and those of its inner scopes, in the order of the stream."""
        inner = (step for child in self.children for step in child.all_steps)
        return sorted((*self.steps, *inner), key=lambda step: step.serial)


def outline(entries: Iterable[Entry]) -> ScopeNode:
    """The scopes of a stream, from its frames."""
    outliner = _Outliner()
    for serial, (entry, event) in enumerate(events_of(entries)):
        outliner.feed(serial, entry, event)
    _settle(outliner.root)
    return outliner.root


def events_of(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Event]]:
    """The events of a stream with their frames; a step's serial counts these."""
    for entry in entries:
        if entry.position is not None and entry.frame.data:
            yield entry, parse(entry.frame.data)


class _Outliner:
    def __init__(self) -> None:
        self.root = ScopeNode("response")
        self._by_id: dict[tuple[int, str], ScopeNode] = {}
        self._by_index: dict[tuple[int, int | None], ScopeNode] = {}
        self._parts: dict[tuple[int, str, int], ScopeNode] = {}

    def feed(self, serial: int, entry: Entry, event: Event) -> None:
        """Add an event to its scope."""
        row = event.row or ROWS.get(today(event.type) or "")
        item = self._item(entry.response, event, row)
        part = self._part(item, event, row) if item is not None else None
        scope = part or item or self.root
        depth = 2 if part else 1 if item else 0
        step = _step(scope, Step(printable(event.type or "not an event"), serial, entry.position or 0, depth), row)
        step.last = serial
        step.entries.append(entry)
        for around in (self.root, item, part):
            if around is not None:
                around.end = step
                if not hasattr(around, "begin"):
                    around.begin = step
        add_shape(step.shape, event.data, _keys(item) if item else {})

    def _item(self, response: int, event: Event, row: Row | None) -> ScopeNode | None:
        """The item of an event: by its id, if an item is known by it, else by its index."""
        item = event.object("item")
        id_, index = event.item_id or _text(item, "id"), event.output_index
        if not id_ and index is None:
            return None
        own = row if row is not None and row.kind is ITEM else None
        type_ = _text(item, "type")
        scope = self._by_id.get((response, id_)) or self._by_index.get((response, index))
        if scope is None or (own is not None and own.role is Role.OPEN and scope.gives_way(id_, type_)):
            scope = _child(self.root, "item")
            self._by_index[response, index] = scope
        if own is not None:
            scope.mark(own)
        scope.index = index if scope.index is None else scope.index
        if id_ and not scope.id:
            scope.id = id_
            self._by_id[response, id_] = scope
        scope.type = scope.type or type_
        scope.name = scope.name or _text(item, "name")
        if row is not None and len(row.items) == 1:
            scope.guess = scope.guess or min(row.items)
        return scope

    def _part(self, item: ScopeNode, event: Event, row: Row | None) -> ScopeNode | None:
        index = next(((name, i) for name in _INDEXES if (i := event.index(name)) is not None), None)
        if index is None or (row is not None and row.kind not in (PART, SUMMARY, COMMAND, OUTPUT)):
            return None
        type_ = _text(event.object("part"), "type") or (row.part if row else "")
        scope = self._parts.get((id(item), *index))
        if scope is None or (row is not None and row.role is Role.OPEN and scope.gives_way("", type_)):
            scope = _child(item, "part")
        self._parts[id(item), *index] = scope
        if row is not None:
            scope.mark(row)
        scope.type = scope.type or type_
        return scope


def _child(parent: ScopeNode, kind: str) -> ScopeNode:
    scope = ScopeNode(kind, parent=parent)
    parent.children.append(scope)
    return scope


def _keys(item: ScopeNode) -> dict[FieldPath, str | int | None]:
    return {("item_id",): item.id, ("item", "id"): item.id, ("output_index",): item.index}


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return printable(value) if isinstance(value, str) else ""


def _step(scope: ScopeNode, step: Step, row: Row | None) -> Step:
    """Add a step to its scope, or to the run that it extends; annotations between deltas don't end a run."""
    is_delta = row.role is Role.DELTA if row else step.type.endswith(".delta")
    if not is_delta:
        if row is None or row.role is not Role.NOTE:
            scope.runs.clear()
    elif (run := scope.runs.get(step.type)) is not None:
        return run
    else:
        scope.runs[step.type] = step
    scope.steps.append(step)
    return step


def _settle(scope: ScopeNode) -> None:
    """Set the types that only later events name, and the ordinals."""
    counts: Counter[str] = Counter()
    for child in scope.children:
        inner = next((CONTENTS[part.type] for part in child.children if part.type in CONTENTS), None)
        child.type = child.type or child.guess or (min(inner.items) if inner else "")
        counts[child.type] += 1
        child.ordinal = counts[child.type]
        _settle(child)
    for child in scope.children:
        child.siblings = counts[child.type]
