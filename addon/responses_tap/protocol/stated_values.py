"""The chain of values: deltas = done event = closed part = closed item, each compared with its neighbour.

After a mismatch both values may still be right, so a later one that equals either is silent and only a third
value is a new finding: one wrong `output_text.done` is one finding, not three.
"""

import itertools
import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from responses_tap.protocol.events import Event, string
from responses_tap.protocol.findings import Reporter
from responses_tap.protocol.grammar import CONTENTS, FINAL_STATUS, PART, SUMMARY, VALUE, VALUE_PATHS, Kind
from responses_tap.protocol.objects import ITEM_FIELDS
from responses_tap.protocol.scopes import ResponseScope, Scope

_HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def accept(scope: Scope, value: str) -> dict[str, Any] | None:
    """Add `value` to the stated values of `scope`; returns the facts of the mismatch if it is a new one."""
    if scope.unsure:
        scope.pieces.clear()
    if scope.pieces:
        joined = _whole("".join(scope.pieces))
        scope.pieces.clear()
        if joined not in scope.accepted:
            scope.accepted.append(joined)
    value = _whole(value)
    known = scope.accepted
    if not known:
        known.append(value)
        return None
    if value in known:
        return None
    latest = known[-1]
    known.append(value)
    where = common_length(latest, value)
    return {"difference": f"{len(latest)} characters before, {len(value)} here, first difference at character {where}"}


def _whole(text: str) -> str:
    """The text with the halves of characters joined that two deltas brought: rule AG613 tells of the cut."""
    if text.isascii() or not _HALVES.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def common_length(a: str, b: str) -> int:
    """How many leading characters `a` and `b` share."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle - 1)
    return low


def text_of(content: object) -> str | None:
    """The text of a part or of an entry of an item's content, None where its type has none."""
    if not isinstance(content, dict):
        return None
    known = CONTENTS.get(string(content, "type") or "")
    text = content.get(known.field) if known else None
    return text if isinstance(text, str) else None


def value_of(item: dict[str, Any]) -> str | None:
    """The value that an item's deltas add up to, such as a function call's arguments."""
    value: object = item
    for key in VALUE_PATHS.get(string(item, "type") or "", ("",)):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def compare_item(scope: Scope, item: dict[str, Any], position: int, report: Reporter) -> None:
    """Compare the closed item with its parts and its value (rule AG603)."""
    for path, child, text in _stated(scope, item):
        if child.excused or text is None:
            continue
        if facts := accept(child, text):
            report("AG603", position, scope.place, fields=[".".join(filter(None, ("item", path)))], path=path, **facts)


def unstreamed_parts(scope: Scope, item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The texts of a closed item that it has beyond its parts: (the path in the item, the text)."""
    for kind, field in _LISTS.items():
        entries = item.get(field)
        if isinstance(entries, list) and not any(part.misplaced for part in scope.inside(kind)):
            for index in range(len(scope.inside(kind)), len(entries)):
                if text := text_of(entries[index]):
                    yield f"{field}[{index}]", text


_LISTS = {PART: "content", SUMMARY: "summary"}
"""The field of an item that lists its parts, by their kind."""


def _parts(scope: Scope, kind: Kind) -> list[Scope]:
    # By order, not by number: wrong numbers have their own rule (ID508).
    parts = [part for part in scope.inside(kind) if not part.misplaced]
    return sorted(parts, key=lambda part: part.key if isinstance(part.key, int) else 0)


def _stated(scope: Scope, item: dict[str, Any]) -> Iterator[tuple[str, Scope, str | None]]:
    for kind, field in _LISTS.items():
        entries = item.get(field)
        if not isinstance(entries, list):
            continue
        for index, part in enumerate(_parts(scope, kind)):
            text = text_of(entries[index]) if index < len(entries) else ""
            yield f"{field}[{index}]", part, text
    for child in scope.inside(VALUE):
        yield ".".join(VALUE_PATHS.get(scope.type or "", ())), child, value_of(item)


def matched_output(response: ResponseScope, snapshot: dict[str, Any]) -> list[tuple[int, dict[str, Any], Scope | None]]:
    """The items of a terminal event's output, each with the streamed item that it is: (index, entry, item).

    By id, else the first item of the same type that no id claims: a server that mints new ids at the end then gets
    findings about its ids, not about every text. None where no streamed item is left for it.
    """
    if response.matched is None or response.matched[0] is not snapshot:  # several rules ask
        response.matched = snapshot, _matched(response, snapshot)
    return response.matched[1]


def _matched(response: ResponseScope, snapshot: dict[str, Any]) -> list[tuple[int, dict[str, Any], Scope | None]]:
    output = snapshot.get("output")
    entries = [entry for entry in output if isinstance(entry, dict)] if isinstance(output, list) else []
    free = _Free(response.every_item)
    named = [free.take("id", string(entry, "id")) for entry in entries]
    return [
        (index, entry, known or free.take("type", string(entry, "type"), None))
        for index, (entry, known) in enumerate(zip(entries, named, strict=True))
    ]


def final_items(response: ResponseScope, event: Event) -> Iterator[tuple[str, dict[str, Any], Scope]]:
    """The items of a terminal event that were streamed: (its path in the event, the item, its scope)."""
    for index, item, streamed in matched_output(response, event.object("response")):
        if streamed is not None:
            yield f"response.output[{index}]", item, streamed


class _Free:
    """The streamed items that no item of a terminal event has claimed yet, by what they can be found by."""

    def __init__(self, items: list[Scope]) -> None:
        self._items = items
        self._taken: set[int] = set()
        self._places: dict[tuple[str, str | None], deque[int]] = {}
        for n, item in enumerate(items):
            self._places.setdefault(("type", item.type), deque()).append(n)
            for id_ in {item.id, string(item.final or {}, "id")} - {None}:
                self._places.setdefault(("id", id_), deque()).append(n)

    def take(self, field: str, *values: str | None) -> Scope | None:
        """The first item left with one of these values in `field`, which is then taken."""
        queues = [queue for value in values if (queue := self._places.get((field, value)))]
        for queue in queues:
            while queue and queue[0] in self._taken:
                queue.popleft()
        first = min((queue[0] for queue in queues if queue), default=None)
        if first is None:
            return None
        self._taken.add(first)
        return self._items[first]


_FIXED = ("type", "call_id", "name", "role")
_FIELDS = (*_FIXED, "status", "arguments", "input", "code", "content", "summary")
"""What must stay the same from an item's done event to the terminal event. Not encrypted_content, nor
fingerprint: OpenAI encrypts them again for each event."""


def differing_field(item: Scope, entry: dict[str, Any]) -> str | None:
    """The first field in which a terminal event's item differs from its done event, None where they agree."""
    final = item.final or {}
    required = ITEM_FIELDS[item.type].done if item.type in ITEM_FIELDS else ()
    for field in _FIELDS:
        before, after = final.get(field), entry.get(field)
        if before == after:
            continue
        is_told = field in required and (before is None or field in entry)  # by SC811
        if (after is None and is_told) or _is_equal(item, field, before, after, is_told=is_told):
            continue
        return field
    return None


def _is_equal(item: Scope, field: str, before: object, after: object, *, is_told: bool) -> bool:
    """Whether a terminal item's field is what its done event said, or what was streamed before that."""
    if after is None or (before is None and not is_told):
        return False
    for kind, name in _LISTS.items():
        if field == name:
            return isinstance(after, list) and _same_texts(item, kind, before, after)
    return _is_accepted(item, field, before, after)


def _same_texts(item: Scope, kind: Kind, before: object, after: list[Any]) -> bool:
    done = [[text_of(entry)] for entry in before] if isinstance(before, list) else []
    streamed = [part.accepted for part in _parts(item, kind)]
    if len(after) not in (len(done), len(streamed)):
        return False
    either = itertools.zip_longest(done, streamed, fillvalue=())
    return all(text_of(entry) in (*one, *other) for entry, (one, other) in zip(after, either, strict=False))


def _is_accepted(item: Scope, field: str, before: object, after: object) -> bool:
    if field in _FIXED:
        return after == item.added.get(field)  # then the done event was the odd one: ID514, AG610
    if field == "status":
        return before not in FINAL_STATUS  # reported by ST706
    scope = item.children.get((VALUE.name, field))
    return scope is not None and after in scope.accepted
