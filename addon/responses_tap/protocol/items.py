"""What an event does to an item: it is added, it makes progress, it is done."""

from typing import Any

from responses_tap.protocol.events import Event, string
from responses_tap.protocol.findings import Reporter, Severity
from responses_tap.protocol.grammar import (
    COMMAND,
    CONTENTS,
    ITEM,
    PART,
    ROWS,
    SUMMARY,
    VALUE,
    Role,
    Row,
)
from responses_tap.protocol.routing import Router
from responses_tap.protocol.scopes import ResponseScope, Scope
from responses_tap.protocol.stated_values import compare_item, value_of

_VALUE_DONE = {next(iter(row.items)): row for row in ROWS.values() if row.kind is VALUE and row.role is Role.DONE}
"""The event that finishes the value of each item type."""


class Items:
    """The items of one response."""

    def __init__(self, response: ResponseScope, router: Router, report: Reporter) -> None:
        self._response = response
        self._router = router
        self._report = report

    def open(self, event: Event, _row: Row) -> Scope | None:
        """output_item.added: a new item, or a conflict at its output_index."""
        added = event.object("item")
        type_, id_ = string(added, "type"), string(added, "id")
        key = event.output_index
        known = self._response.items.get(key) if key is not None else None
        if known is None and key is None and id_ is not None:
            known = self._response.by_id.get(id_)
        if known is None:
            item = self._new(key, type_, id_, event)
        elif known.implicit and (known.id is None or id_ is None or known.id == id_):
            item = self._adopt(known, type_, id_, event)
        elif not known.implicit and (known.id == id_ if known.id and id_ else known.type == type_):
            self._once(known, ITEM.opened_twice, event.position)
            return known
        else:
            item = self._collide(known, key, type_, id_, event)
        item.added = added
        return item

    def close(self, event: Event, _row: Row) -> Scope | None:
        """output_item.done: the item, its parts and its value must be complete and agree."""
        final = event.object("item")
        type_, id_ = string(final, "type"), string(final, "id")
        item = self._router.closing(event.output_index, id_, event.position)
        if item is None:
            item = self._response.new_item(event.output_index, type_, id_)
            if not self._response.resumed:
                found = self._report("NS203", event.position, item.place, missing=ITEM.opener, have=type_)
                item.findings["NS203"] = found
                self._response.mark_tentative(found)
        elif item.closed is not None:
            self._once(item, "NS210", event.position)
            return item
        elif item.unopened_finding is not None:
            item.unopened_finding.add(event.position)
        item.type = item.type or type_
        item.closed, item.final = event.position, final
        self._close_children(item, final, event.position)
        if final:
            compare_item(item, final, event.position, self._report)
        return item

    def progress(self, event: Event, row: Row) -> Scope | None:
        """A progress or note event of the item itself."""
        item = self._router.item(event, row)
        if self.is_late(item, event) or self.is_wrong_type(item, event, row):
            return item
        if row.role is Role.PROGRESS:
            if row.order < item.progress:
                self._once(item, "OR404", event.position, type=event.type)
            item.progress = max(item.progress, row.order)
        return item

    def is_late(self, item: Scope, event: Event) -> bool:
        """Whether the item is closed already (rule OR402)."""
        if item.closed is None:
            return False
        if item.unopened_finding is None:
            self._once(item, "OR402", event.position, type=event.type)
        return True

    def is_wrong_type(self, item: Scope, event: Event, row: Row) -> bool:
        """Whether the event belongs in an item of another type (rule NS204)."""
        if not row.items or item.type is None or item.type in row.items or item.is_foreign:
            return False
        if not item.misplaced:
            want = " or ".join(sorted(row.items))
            self._once(item, "NS204", event.position, type=event.type, want=want, have=item.type)
        return True

    def _once(self, item: Scope, code: str, position: int, **facts: Any) -> None:
        """Report `code` for this item, or count one more event of it."""
        if known := item.findings.get(code):
            known.add(position)
        else:
            item.findings[code] = self._report(code, position, item.place, **facts)

    def _new(self, key: int | None, type_: str | None, id_: str | None, event: Event) -> Scope:
        expected = self._response.next_index()
        item = self._response.new_item(key, type_, id_)
        item.opened = event.position
        if key is not None and key > expected and not self._response.resumed:
            found = self._report(ITEM.gap, event.position, item.place, key=key, expected=expected)
            item.findings[ITEM.gap] = found
            self._response.mark_tentative(found)
        return item

    def _adopt(self, item: Scope, type_: str | None, id_: str | None, event: Event) -> Scope:
        item.opened, item.type, item.id = event.position, type_, item.id or id_
        if id_:
            self._response.by_id.setdefault(id_, item)
        if known := item.unopened_finding or item.findings.get("NS203"):
            known.add_note(f"it is added late (event {event.position})")
            item.unopened_finding = None
        for part in item.inside(PART):
            content = CONTENTS.get(part.type or "")
            if content and type_ not in content.items and not item.is_foreign:
                self.misplace(part, item, part.first)
        return item

    def misplace(self, part: Scope, item: Scope, position: int | None) -> None:
        """Report a part whose content belongs in an item of another type (rule NS205)."""
        want = " or ".join(sorted(CONTENTS[part.type or ""].items))
        part.misplaced = True
        fields = ["part.type"] if position == part.opened else []
        self._report("NS205", position, part.place, fields=fields, part=part.type, have=item.type, want=want)

    def _collide(self, known: Scope, key: int | None, type_: str | None, id_: str | None, event: Event) -> Scope:
        item = self._response.new_item(key, type_, id_)
        item.opened = event.position
        if known.unopened_finding is not None:
            # That the other one was never opened has been reported: the index was free.
            known.unopened_finding.add_note(f"{_name(item)} took output_index {key} (event {event.position})")
        else:
            item.findings["ID505"] = self._report(
                "ID505", event.position, item.place, key=key, a=_name(known), b=_name(item)
            )
        return item

    def _close_children(self, item: Scope, final: dict[str, Any], position: int) -> None:
        for part in (*item.inside(PART), *item.inside(SUMMARY), *item.inside(COMMAND)):
            if part.closed is None and not part.implicit and not part.misplaced:
                found = self._report(
                    part.kind.not_closed, position, part.place, missing=part.kind.closer, kind=part.kind.name
                )
                content = CONTENTS.get(part.type or "")
                if content and part.done is None:
                    found.add_note(f"{content.done} is missing too")
                part.findings[found.code] = found
        done = _VALUE_DONE.get(item.type or "")
        if done is None or item.excused or not done.known:
            return
        value = item.children.get((VALUE.name, done.part))
        if value is not None and value.done is not None:
            return
        # A call that has neither deltas nor a done event, only its item, is how some servers send all of them.
        streamed = value is not None and bool(value.pieces)
        if streamed or value_of(final):
            item.findings["MD307"] = self._report(
                "MD307",
                position,
                item.place,
                missing=done.type,
                severity=None if streamed else Severity.NOTE,
                have=item.type,
            )


def _name(item: Scope) -> str:
    return f"{item.type or 'item'} {item.id or item.label}"
