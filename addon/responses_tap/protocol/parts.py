"""What an event does inside an item: parts are opened and closed, texts and values grow and are finished."""

from typing import Any

from responses_tap.protocol.events import Event, string
from responses_tap.protocol.findings import Finding, Reporter, Severity
from responses_tap.protocol.grammar import COMMAND, CONTENTS, PART, SUMMARY, VALUE, Role, Row
from responses_tap.protocol.items import Items
from responses_tap.protocol.routing import Router
from responses_tap.protocol.scopes import ResponseScope, Scope
from responses_tap.protocol.stated_values import accept, text_of, unstreamed_parts


class Parts:
    """Parts, summary parts, commands and values of the items of one response."""

    def __init__(self, response: ResponseScope, router: Router, items: Items, report: Reporter) -> None:
        self._response = response
        self._router = router
        self._items = items
        self._report = report

    def open(self, event: Event, row: Row) -> Scope | None:
        """content_part.added, reasoning_summary_part.added and shell_call_command.added."""
        item = self._router.item(event, row)
        if self._items.is_late(item, event):
            return item
        type_ = _part_type(event, row)
        content = CONTENTS.get(type_ or "")
        if (content is None or row.kind is not PART) and self._items.is_wrong_type(item, event, row):
            return item
        part, is_new = self._part(item, event, row)
        if part.opened is not None:
            self._once(part, row.kind.opened_twice, event, open=event.type, key=row.kind.key)
            return part
        part.opened, part.type = event.position, part.type or type_
        if part.unopened_finding is not None:
            part.unopened_finding.add_note(f"it is added late (event {event.position})")
            part.unopened_finding = None
        if content is not None and item.type is not None and item.type not in content.items and not item.is_foreign:
            if not item.misplaced and not part.misplaced:
                self._items.misplace(part, item, event.position)
        elif is_new and not item.excused:
            self._check_place(item, part, event)
        if row.kind is COMMAND and (command := event.string("command")):
            part.pieces.append(command)
        return part

    def delta(self, event: Event, row: Row) -> Scope | None:
        """A piece of a text or value."""
        scope = self._inner(event, row)
        if scope is None:
            return None
        piece = event.string(row.value)
        if scope.done is not None:
            self._once(scope, "OR401", event)
            self._came_late(scope, piece or "")
            return scope
        scope.deltas += 1
        if piece:
            scope.pieces.append(piece)
        if piece is None or event.flaw is not None:
            scope.unsure = True
        return scope

    def done(self, event: Event, row: Row) -> Scope | None:
        """The whole text or value, which must be what the deltas add up to."""
        scope = self._inner(event, row)
        if scope is None:
            return None
        if scope.done is not None:
            self._once(scope, "OR401", event)
            return scope
        scope.done = event.position
        value = event.string(row.value) if row.value else None
        if value is None or scope.misplaced:
            return scope
        self._expect_deltas(scope, value, event.position, row.value)
        if facts := accept(scope, value):
            code = _differs(scope)
            scope.findings[code] = self._report(
                code, event.position, scope.place, fields=[row.value], type=event.type, **facts
            )
        return scope

    def note(self, event: Event, row: Row) -> Scope | None:
        """An annotation."""
        scope = self._inner(event, row)
        if scope is None or (index := event.index("annotation_index")) is None:
            return scope
        if index != scope.annotations and not scope.excused and not self._response.resumed:
            self._once(scope, scope.kind.gap, event, key="annotation_index", index=index, expected=scope.annotations)
        scope.annotations = index + 1
        return scope

    def close(self, event: Event, row: Row) -> Scope | None:
        """content_part.done, reasoning_summary_part.done and shell_call_command.done."""
        item = self._router.item(event, row)
        if item.closed is not None:
            part = item.children.get((row.kind.name, self._key(item, event, row)))
            if part is not None and (found := part.findings.pop(row.kind.not_closed, None)):
                self._report.withdraw(found)
                part.closed = event.position
            self._items.is_late(item, event)
            return item
        if row.kind is not PART and self._items.is_wrong_type(item, event, row):
            return item
        part, is_new = self._part(item, event, row)
        part.type = part.type or _part_type(event, row)
        if is_new:
            self._report_unopened(part, event, row)
        elif part.closed is not None:
            self._once(part, "OR403", event, close="its close")
            return part
        part.closed = event.position
        self._finish(part, event, row)
        return part

    def expect_all(self, item: Scope, event: Event) -> None:
        """Report the first text of an item that is closed by this event which no part has brought (rule MD309)."""
        if item.closed != event.position or item.excused or item.is_foreign or self._response.partial:
            return
        severity = None if item.type == "message" else Severity.NOTE
        for path, text in unstreamed_parts(item, event.object("item")):
            self._report(
                "MD309",
                event.position,
                item.place,
                severity=severity,
                fields=[f"item.{path}"],
                chars=len(text),
                what=path,
            )
            return

    def _finish(self, part: Scope, event: Event, row: Row) -> None:
        content = CONTENTS.get(part.type or "")
        if part.misplaced:
            return
        # Of a part that was opened before this capture, the done event can only be missing if a delta was seen.
        is_seen = not part.implicit or (self._response.resumed and part.deltas > 0)
        if content is not None and part.done is None and is_seen:
            part.findings[content.missing_done] = self._report(
                content.missing_done, event.position, part.place, missing=content.done, kind=part.kind.name
            )
        text = event.string("command") if row.kind is COMMAND else text_of(event.data.get("part"))
        if text is None:
            return
        field = "command" if row.kind is COMMAND else f"part.{CONTENTS[event.object('part')['type']].field}"
        if part.done is None:
            self._expect_deltas(part, text, event.position, field)
        if facts := accept(part, text):
            self._report("AG602", event.position, part.place, fields=[field], type=event.type, **facts)

    def _inner(self, event: Event, row: Row) -> Scope | None:
        """The part or value that a delta, done or note goes into; None where it can go nowhere."""
        item = self._router.item(event, row)
        if item.closed is not None:
            self._late_in_item(item, event, row)
            return None
        if item.type is not None and row.items and item.type not in row.items and not item.is_foreign:
            return self._in_wrong_item(item, event, row)
        part, is_new = self._part(item, event, row)
        if is_new and row.kind.opener is not None:
            self._report_unopened(part, event, row)
        elif part.unopened_finding is not None:
            part.unopened_finding.add(event.position)
        if row.kind is PART and not self._fits(part, event, row):
            return None
        if part.closed is not None:
            self._late_in_part(part, event, row)
            return None
        return part

    def _in_wrong_item(self, item: Scope, event: Event, row: Row) -> Scope | None:
        part = item.children.get((row.kind.name, self._key(item, event, row)))
        if part is None or not part.misplaced:
            self._items.is_wrong_type(item, event, row)
            return None
        if row.role is Role.DONE:
            part.done = event.position
        return None

    def _fits(self, part: Scope, event: Event, row: Row) -> bool:
        if part.type is None:
            part.type = row.part
        if part.type == row.part or part.misplaced:
            return True
        self._once(part, "NS206", event, type=event.type, have=part.type)
        part.misplaced = True
        return False

    def _late_in_item(self, item: Scope, event: Event, row: Row) -> None:
        part = item.children.get((row.kind.name, self._key(item, event, row)))
        missed = (_pop_missing_done(part) if part else None) or (
            item.findings.pop("MD307", None) if row.kind is VALUE else None
        )
        if row.role is Role.DONE and missed:
            self._report.withdraw(missed)
        elif row.role is Role.DELTA and part is not None:
            self._came_late(part, event.string(row.value) or "")
        self._items.is_late(item, event)

    def _late_in_part(self, part: Scope, event: Event, row: Row) -> None:
        if row.role is Role.DONE and (missed := _pop_missing_done(part)):
            self._report.withdraw(missed)
            part.done = event.position
        code = "OR401" if part.done is not None and part.done < event.position else "OR403"
        self._once(part, code, event, done=event.type, close=part.kind.closer)

    def _came_late(self, scope: Scope, piece: str) -> None:
        """A piece of a finished text: where only it was missing, that it came late is all that is wrong."""
        scope.late += len(piece)
        known = scope.findings.get(_differs(scope))
        if known is not None and len(scope.accepted[0]) + scope.late == len(scope.accepted[1]):
            self._report.withdraw(known)
        if (known := scope.findings.get("MD309")) and scope.accepted and len(scope.accepted[0]) == scope.late:
            self._report.withdraw(known)

    def _key(self, item: Scope, event: Event, row: Row) -> int | str | None:
        """The number of the event's part; of the newest open one, where the event does not say."""
        if row.kind.key is None:
            return row.part
        key = event.index(row.kind.key)
        if key is not None:
            return key
        parts = [p for p in item.children.values() if p.kind is row.kind]
        still_open = [p for p in parts if p.closed is None]
        if row.role is Role.OPEN:
            return len(parts)
        return (still_open or parts)[-1].key if parts else 0

    def _part(self, item: Scope, event: Event, row: Row) -> tuple[Scope, bool]:
        key = self._key(item, event, row)
        part = (
            item.children.get((row.kind.name, key))
            or self._misnumbered(item, key, row)
            or self._only_open(item, key, event, row)
        )
        if part is not None:
            return part, False
        part = Scope(row.kind, key, item, first=event.position)
        # In a resumed response, the beginning of a text may have come before this capture; that of a value, with its
        # item only.
        is_opened = row.kind.opener is None or row.role is Role.OPEN
        part.unsure = self._response.partial and (item.implicit or not is_opened)
        item.children[row.kind.name, key] = part
        return part, True

    def _misnumbered(self, item: Scope, key: int | str | None, row: Row) -> Scope | None:
        """The open part that should have had this number, if it was opened with a wrong one (ID508)."""
        if row.role is Role.OPEN:
            return None
        wrong = [p for p in item.inside(row.kind) if row.kind.gap in p.findings and p.closed is None and not p.deltas]
        if not wrong:
            return None
        part = item.children.pop((row.kind.name, wrong[0].key))
        item.children[row.kind.name, key] = part
        part.key = key
        return part

    def _only_open(self, item: Scope, key: int | str | None, event: Event, row: Row) -> Scope | None:
        """The one open part that an event must be about whose number no part has; told once."""
        if row.role is Role.OPEN or row.kind.key is None or not row.kind.not_opened or not isinstance(key, int):
            return None
        parts = [part for part in item.inside(row.kind) if part.closed is None]
        if len(parts) != 1 or parts[0].excused or parts[0].type not in (None, row.part or parts[0].type):
            return None
        (part,) = parts
        if known := part.findings.get(row.kind.not_opened):
            known.add(event.position)
        else:
            found = self._report(
                row.kind.not_opened,
                event.position,
                {**item.place, row.kind.key: key},
                missing=row.kind.opener,
                type=event.type,
                kind=row.kind.name,
                key=row.kind.key,
                open=row.kind.opener,
            )
            found.add_note(f"part {part.label} is open")
            part.findings[row.kind.not_opened] = found
        return part

    def _report_unopened(self, part: Scope, event: Event, row: Row) -> None:
        item = part.parent
        if (item is not None and (item.excused or item.is_foreign)) or self._response.resumed:
            return
        found = self._report(
            row.kind.not_opened,
            event.position,
            part.place,
            missing=row.kind.opener,
            type=event.type,
            kind=row.kind.name,
            open=row.kind.opener,
            key=row.kind.key,
        )
        part.unopened_finding = found
        self._response.mark_tentative(found)

    def _check_place(self, item: Scope, part: Scope, event: Event) -> None:
        siblings = [p for p in item.inside(part.kind) if p is not part]
        expected = max((p.key for p in siblings if isinstance(p.key, int)), default=-1) + 1
        if isinstance(part.key, int) and part.key > expected:
            part.findings[part.kind.gap] = self._report(
                part.kind.gap, event.position, part.place, key=part.kind.key, index=part.key, expected=expected
            )
        beside = next((p for p in siblings if p.closed is None and not (p.implicit or p.misplaced)), None)
        if beside is not None and part.kind in (PART, SUMMARY):
            self._report("OR405", event.position, part.place, other=beside.label, key=part.kind.key)

    def _expect_deltas(self, scope: Scope, value: str, position: int, field: str) -> None:
        if not value or scope.deltas or scope.pieces or scope.excused or self._response.resumed:
            return
        severity = Severity.NOTE if scope.kind is VALUE else None
        scope.findings["MD309"] = self._report(
            "MD309",
            position,
            scope.place,
            severity=severity,
            fields=[field],
            chars=len(value),
            what=scope.type or scope.key,
        )

    def _once(self, scope: Scope, code: str, event: Event, **facts: Any) -> None:
        if known := scope.findings.get(code):
            known.add(event.position)
        else:
            scope.findings[code] = self._report(code, event.position, scope.place, **{"type": event.type, **facts})


def _differs(scope: Scope) -> str:
    """The rule for a done event that differs from the deltas of its text or value."""
    return "AG604" if scope.kind is VALUE else "AG601"


def _pop_missing_done(part: Scope) -> Finding | None:
    """The finding that a closed part had no done event, which one that comes after all disproves."""
    content = CONTENTS.get(part.type or "")
    return part.findings.pop(content.missing_done, None) if content else None


def _part_type(event: Event, row: Row) -> str | None:
    return string(event.object("part"), "type") or row.part or None
