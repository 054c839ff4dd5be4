"""Moves the tree of scopes on, event by event, as the table of grammar.py says.

What an event may do depends on its row (kind, role) and on the state of its scope. Repairs follow at once: a scope
that is used but never opened becomes implicit, one in the wrong place misplaced, so that the events after the defect
find a scope and are counted rather than reported one by one.
"""

from collections.abc import Callable

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Reporter, counted
from responses_tap.protocol.grammar import COMMAND, ITEM, OUTPUT, PART, SUMMARY, VALUE, Role, Row
from responses_tap.protocol.items import Items
from responses_tap.protocol.parts import Parts
from responses_tap.protocol.routing import Router
from responses_tap.protocol.scopes import ResponseScope, Scope

_ITEM_MOVES: dict[Role, Callable[[Items, Event, Row], Scope | None]] = {
    Role.OPEN: Items.open,
    Role.CLOSE: Items.close,
    Role.PROGRESS: Items.progress,
    Role.NOTE: Items.progress,
}
_INNER_MOVES: dict[Role, Callable[[Parts, Event, Row], Scope | None]] = {
    Role.OPEN: Parts.open,
    Role.DELTA: Parts.delta,
    Role.DONE: Parts.done,
    Role.NOTE: Parts.note,
    Role.CLOSE: Parts.close,
}
_INNER = frozenset((PART, SUMMARY, COMMAND, VALUE, OUTPUT))


class ScopeTree:
    """The scopes of one response, moved on event by event."""

    def __init__(self, response: ResponseScope, report: Reporter) -> None:
        self._response = response
        self._report = report
        router = Router(response, report)
        self._items = Items(response, router, report)
        self._parts = Parts(response, router, self._items, report)

    def apply(self, event: Event, row: Row) -> Scope | None:
        """Move the tree on by one event; the scope it belongs to, None where it has none."""
        if row.kind is ITEM:
            return self._move_item(event, row)
        move = _INNER_MOVES.get(row.role) if row.kind in _INNER else None
        return move(self._parts, event, row) if move else None

    def _move_item(self, event: Event, row: Row) -> Scope | None:
        move = _ITEM_MOVES.get(row.role)
        item = move(self._items, event, row) if move else None
        if item is not None and row.role is Role.CLOSE:
            self._parts.expect_all(item, event)
        return item

    def finish(self, state: str, position: int | None) -> None:
        """The response has ended in `state` at `position`: what is open now stays open."""
        unclosed = [item for item in self._response.open_items() if item.opened is not None]
        if state == "completed":
            for item in unclosed:
                self._report(ITEM.not_closed, position, item.place, missing=ITEM.closer, have=item.type or "item")
        elif state == "incomplete" and unclosed:
            self._report(
                "LC109",
                position,
                unclosed[0].place,
                open=counted(len(unclosed), "item") + (" is" if len(unclosed) == 1 else " are") + " still open",
            )
        for item in self._response.every_item:
            if item.unopened_finding is not None:
                item.unopened_finding.add_note(
                    "it is never added" if item.closed is not None else "it is never added or closed"
                )
