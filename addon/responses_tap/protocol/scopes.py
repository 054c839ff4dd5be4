"""The tree of a response: its items, their parts and values, and the state each is in.

A scope is *absent* until its opening event, then *open*, *valued* once its done event came, and *closed*. Two
states repair a broken stream, so that one defect is not reported at every later event: an *implicit* scope was used
without having been opened, a *misplaced* one stands in the wrong place; what happens in them is counted, not
reported again.
"""

from dataclasses import dataclass, field
from typing import Any

from responses_tap.protocol.findings import Finding, path_of
from responses_tap.protocol.grammar import ITEM, Kind
from responses_tap.protocol.objects import KNOWN_ITEMS
from responses_tap.protocol.request_facts import NOTHING_KNOWN, RequestFacts


@dataclass(slots=True, eq=False)
class Scope:
    """An item, a part or a value: positions are event numbers, None for what has not happened."""

    kind: Kind
    key: int | str | None
    """Its number within the parent (output_index, content_index, …); a value's field name."""
    parent: "Scope | None" = None
    type: str | None = None
    """The item's or the part's type, None until an event has named it."""
    id: str | None = None
    opened: int | None = None
    done: int | None = None
    closed: int | None = None
    unopened_finding: Finding | None = None
    """The finding that says it was never opened, for as long as that holds."""
    misplaced: bool = False
    first: int = 0
    """The position of the first event about it."""
    deltas: int = 0
    late: int = 0
    """Characters of deltas that came after the done event."""
    unsure: bool = False
    """Whether a part of its text was unreadable: what follows cannot then be compared with its deltas."""
    other_ids: set[str] = field(default_factory=set)
    """Ids that its inner events carry instead of its own."""
    progress: int = 0
    """The order of the last progress event."""
    annotations: int = 0
    pieces: list[str] = field(default_factory=list)
    """Its deltas."""
    accepted: list[str] = field(default_factory=list)
    """The values stated so far that may still be right: after a mismatch both are (stated_values.py)."""
    added: dict[str, Any] = field(default_factory=dict)
    """The object of the opening event."""
    final: dict[str, Any] | None = None
    """The object of the closing event."""
    children: "dict[tuple[str, int | str | None], Scope]" = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    """What was found about this scope, by code: most rules report a scope once and then count."""

    @property
    def is_foreign(self) -> bool:
        """Whether it is an item of a type that no specification names: nobody knows what belongs in it."""
        return self.kind is ITEM and self.type is not None and self.type not in KNOWN_ITEMS

    @property
    def implicit(self) -> bool:
        """Whether it is used though no event opened it."""
        return self.kind.opener is not None and self.opened is None

    @property
    def excused(self) -> bool:
        """Whether it or a parent is implicit or misplaced: what is wrong inside has been reported."""
        scope: Scope | None = self
        while scope is not None:
            if scope.misplaced or scope.implicit:
                return True
            scope = scope.parent
        return False

    @property
    def place(self) -> dict[str, int]:
        """Where it is, as a finding's `scope`."""
        place = self.parent.place if self.parent else {}
        if self.kind.key and isinstance(self.key, int):
            place[self.kind.key] = self.key
        return place

    @property
    def label(self) -> str:
        """Where it is, in a message: `output[0]`, `output[0].content[1]`."""
        return path_of(self.place)

    def inside(self, kind: Kind) -> "list[Scope]":
        """Its children of one kind, in order of their opening."""
        return [child for child in self.children.values() if child.kind is kind]


@dataclass(slots=True, eq=False)
class ResponseScope:
    """One response of a body: what its lifecycle events say, and its items."""

    index: int = 0
    """Which response of the body it is, 0-based."""
    id: str | None = None
    model: str | None = None
    created_at: float | None = None
    """Unix seconds, as the server states them."""
    required: tuple[str, ...] = ()
    """The fields that its profile asks of it."""
    state: str = "open"
    """open, completed, incomplete, failed, truncated."""
    events: int = 0
    """How many events it has so far; the next one's position."""
    terminal: int | None = None
    terminal_type: str | None = None
    error: int | None = None
    """The position of its `error` event."""
    usage: dict[str, Any] | None = None
    snapshot: dict[str, Any] = field(default_factory=dict)
    """The response object of the last lifecycle event that had one."""
    matched: "tuple[dict[str, Any], list[tuple[int, dict[str, Any], Scope | None]]] | None" = None
    """A terminal event's response, and its items with the streamed ones that they are (stated_values.py)."""
    numbered: bool = False
    """Whether any event carries a sequence_number."""
    resumed: bool = False
    """Whether this is the rest of a background response that a client attached itself to again."""
    request: RequestFacts = NOTHING_KNOWN
    """What it was asked for."""
    over_websocket: bool = False
    """Whether it comes over a WebSocket, where its `output` may be left out."""
    items: dict[int, Scope] = field(default_factory=dict)
    """The item at each output_index, the newest where several claim one."""
    every_item: list[Scope] = field(default_factory=list)
    by_id: dict[str, Scope] = field(default_factory=dict)
    values: dict[str, Scope] = field(default_factory=dict)
    """Scopes that hang on the response itself (audio)."""
    tentative: list[Finding] | None = None
    """Findings that fall if the first snapshot shows this to be a resumed response; None where that is settled."""

    def add_item(self, scope: Scope) -> None:
        """Make `scope` the item at its output_index."""
        if isinstance(scope.key, int):
            self.items[scope.key] = scope
        self.every_item.append(scope)
        if scope.id:
            self.by_id.setdefault(scope.id, scope)

    @property
    def partial(self) -> bool:
        """Whether this is, or may yet turn out to be, a resumed response."""
        return self.resumed or self.tentative is not None

    def mark_unreadable(self) -> None:
        """An event could not be read, and may have been about any open scope: mark their texts as incomplete."""
        for item in self.open_items():
            for child in item.children.values():
                child.unsure = True

    def mark_tentative(self, finding: Finding) -> None:
        """Mark a finding as one that falls if this is a resumed response."""
        if self.tentative is not None:
            self.tentative.append(finding)

    def next_index(self) -> int:
        """The output_index that the next new item should have."""
        return max(self.items, default=-1) + 1

    def open_items(self) -> list[Scope]:
        """The items that were opened and not closed."""
        return [item for item in self.every_item if item.closed is None]

    def new_item(self, key: int | None, type_: str | None, id_: str | None) -> Scope:
        """Add another item, not opened yet."""
        scope = Scope(ITEM, self.next_index() if key is None else key, type=type_, id=id_)
        self.add_item(scope)
        return scope
