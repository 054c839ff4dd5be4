"""Which item an event belongs to, also where its output_index or its item_id is wrong or missing.

By output_index, as the specification says. Where that leads nowhere the item_id decides, and where there is
neither, the newest open item of the event's type: so a server that leaves out one field gets one
finding, and its other events are still checked by what they say.
"""

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Finding, Reporter
from responses_tap.protocol.grammar import ITEM, Row
from responses_tap.protocol.scopes import ResponseScope, Scope


class Router:
    """Finds, or makes, the item of an inner event."""

    def __init__(self, response: ResponseScope, report: Reporter) -> None:
        self._response = response
        self._report = report

    def item(self, event: Event, row: Row) -> Scope:
        """The item that `event` belongs to: an implicit one, reported by NS201, if none was opened for it."""
        key, id_ = event.output_index, event.item_id
        item = self._response.items.get(key) if key is not None else None
        if item is None or (id_ is not None and item.id != id_):
            item = self._by_id(event, row, item)
        if item.unopened_finding is not None and item.unopened_finding.position != event.position:
            item.unopened_finding.add(event.position)
        return item

    def closing(self, key: int | None, id_: str | None, position: int) -> Scope | None:
        """The item that an output_item.done closes, None where none was ever announced."""
        response = self._response
        item = response.items.get(key) if key is not None else None
        named = response.by_id.get(id_) if id_ is not None else None
        if named is not None and named is not item and named.closed is None:
            if key is not None and named.key != key:
                self._moved(named, key, position)
            return named
        if item is None and key is None:
            return next(iter(reversed(response.open_items())), None)
        return item

    def _by_id(self, event: Event, row: Row, item: Scope | None) -> Scope:
        key, id_ = event.output_index, event.item_id
        named = self._response.by_id.get(id_) if id_ is not None else None
        if item is None:
            if named is not None:
                if key is not None:
                    self._moved(named, key, event.position)
                return named
            return (self._newest_open(row) if key is None else None) or self._implicit(event, row)
        if named is not None and named.key == key:
            return named  # an older item of the same output_index, reported by ID505
        self._other_id(item, event)
        return item

    def _newest_open(self, row: Row) -> Scope | None:
        items = self._response.open_items()
        fitting = [item for item in items if not row.items or item.type is None or item.type in row.items]
        return next(iter(reversed(fitting or items)), None)

    def _implicit(self, event: Event, row: Row) -> Scope:
        type_ = next(iter(row.items)) if len(row.items) == 1 else None
        item = self._response.new_item(event.output_index, None, event.item_id)
        if not self._response.resumed:
            item.unopened_finding = self._report(
                ITEM.not_opened,
                event.position,
                item.place,
                missing=ITEM.opener,
                type=event.type,
                what=f" ({type_})" if type_ else "",
            )
            self._response.mark_tentative(item.unopened_finding)
        return item

    def _moved(self, item: Scope, key: int, position: int) -> None:
        # An output_index that collides or leaves a gap has been reported: that it changes is part of that defect.
        known = next((f for code in ("ID505", ITEM.gap, "ID506") if (f := item.findings.get(code))), None)
        if known:
            known.add_note(f"it has output_index {key} (event {position})")
            if known.code != "ID506" and key not in self._response.items:
                item.key = key
                self._response.items[key] = item
            return
        item.findings["ID506"] = self._report("ID506", position, item.place, id=item.id, before=item.key, after=key)

    def _other_id(self, item: Scope, event: Event) -> None:
        if item.id is None:
            if item.implicit:
                item.id = event.item_id
            return
        known: Finding | None = item.findings.get("ID503")
        if known:
            known.add(event.position)
        else:
            item.findings["ID503"] = self._report("ID503", event.position, item.place, id=item.id, other=event.item_id)
        item.other_ids.add(event.item_id or "")
