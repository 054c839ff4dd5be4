"""Moves the tree of scopes on, event by event, as the table of grammar.py says.

What an event may do depends on its row (kind, role) and on the state of its scope. Repairs follow at once: a scope
that is used but never opened becomes implicit, one in the wrong place misplaced, so that the events after the defect
find a scope and are counted rather than reported one by one.
"""

from collections.abc import Callable

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Reporter, counted
from responses_tap.protocol.grammar import COMMAND, ITEM, OUTPUT, PART, SUMMARY, VALUE, Kind, Role, Row
from responses_tap.protocol.items import Items
from responses_tap.protocol.parts import Parts
from responses_tap.protocol.routing import Router
from responses_tap.protocol.scopes import ResponseScope, Scope


class ScopeTree:
    """The scopes of one response, moved on event by event."""

    def __init__(self, response: ResponseScope, report: Reporter) -> None:
        self._response = response
        self._report = report
        router = Router(response, report)
        self._items = items = Items(response, router, report)
        self._parts = parts = Parts(response, router, items, report)
        self._moves: dict[tuple[Kind, Role], Callable[[Event, Row], Scope | None]] = {
            (ITEM, Role.OPEN): items.open,
            (ITEM, Role.CLOSE): self._close_item,
            (ITEM, Role.PROGRESS): items.progress,
            (ITEM, Role.NOTE): items.progress,
        }
        for kind in (PART, SUMMARY, COMMAND, VALUE, OUTPUT):
            self._moves |= {
                (kind, Role.OPEN): parts.open,
                (kind, Role.DELTA): parts.delta,
                (kind, Role.DONE): parts.done,
                (kind, Role.NOTE): parts.note,
                (kind, Role.CLOSE): parts.close,
            }

    def apply(self, event: Event, row: Row) -> Scope | None:
        """Move the tree on by one event; the scope it belongs to, None where it has none."""
        move = self._moves.get((row.kind, row.role))
        return move(event, row) if move else None

    def _close_item(self, event: Event, row: Row) -> Scope | None:
        item = self._items.close(event, row)
        if item is not None:
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
