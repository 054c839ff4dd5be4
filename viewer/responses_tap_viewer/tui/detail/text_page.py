"""What the deltas add up to: the texts and arguments of an item, beside what its done events say they are."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from responses_tap.protocol.events import Event, parse
from responses_tap.protocol.grammar import Role, Row
from responses_tap.protocol.sse import Frame
from responses_tap.store import EventRow, Recording
from responses_tap.stream.timeline import OK
from responses_tap_viewer.tui.json_lines import json_lines
from responses_tap_viewer.tui.spans import Line

_MOST_EVENTS = 20_000
"""Events of a stream that are looked at."""


@dataclass(slots=True)
class _StreamedText:
    """A text that comes in deltas, and the done event that repeats it."""

    name: str
    """What it is: `output_text`, `arguments`."""
    done_type: str
    deltas: list[str] = field(default_factory=list)
    done: str | None = None


@dataclass(slots=True)
class _Item:
    words: str = ""
    """Its type, name and id."""
    values: dict[tuple[object, ...], _StreamedText] = field(default_factory=dict)


def text_page(recording: Recording, stream_id: int, n: int | None) -> list[Line]:
    """The texts of the item that frame `n` belongs to; of all items where it belongs to none."""
    at = next(recording.events(stream_id, n, 1), None) if n is not None else None
    events = recording.events(stream_id, 0, _MOST_EVENTS)
    items: dict[int | None, _Item] = {}
    read = 0
    for read, row in enumerate(events, 1):  # noqa: B007 - the number is shown below
        if row.position is not None and (at is None or _is_beside(row, at)):
            _take(items.setdefault(row.output_index, _Item()), row)
    lines = [line for index, item in items.items() for line in _item_lines(index, item)]
    if read == _MOST_EVENTS:
        lines.append([(f"Only the first {_MOST_EVENTS} events were read.", "dim")])
    return lines or [[("No text or arguments were streamed here.", "dim")]]


def _is_beside(row: EventRow, at: EventRow) -> bool:
    """Whether an event is in the same response, and in the same item, where `at` is in one."""
    return row.response == at.response and at.output_index in (None, row.output_index)


def _take(item: _Item, recorded: EventRow) -> None:
    event = parse(Frame.whole(recorded.raw).data or b"")
    row = event.row
    if row is None or event.flaw is not None:
        return
    if opened := event.object("item"):
        words = (opened.get(name) for name in ("type", "name", "id"))
        item.words = item.words or " ".join(word for word in words if isinstance(word, str))
    if row.role is Role.DELTA and (delta := event.string(row.value or "delta")) is not None:
        _value(item, event, row).deltas.append(delta)
    elif row.role is Role.DONE and (done := event.string(row.value)) is not None:
        _value(item, event, row).done = done


def _value(item: _Item, event: Event, row: Row) -> _StreamedText:
    key = row.part, event.index(row.kind.key) if row.kind.key else None
    if key not in item.values:
        number = "" if key[1] is None else f" {key[1]}"
        item.values[key] = _StreamedText(f"{row.part}{number}", f"{row.type.rpartition('.')[0]}.done")
    return item.values[key]


def _item_lines(index: int | None, item: _Item) -> Iterator[Line]:
    if not item.values:
        return
    place = "Outside any item" if index is None else f"Item {index}"
    yield [(f"{place}  ", "label"), (item.words, "strong")]
    for value in item.values.values():
        yield from _value_lines(value)
    yield []


def _value_lines(value: _StreamedText) -> Iterator[Line]:
    text = "".join(value.deltas)
    said = value.done
    counted = f"{len(text)} characters in {len(value.deltas)} delta{'' if len(value.deltas) == 1 else 's'}"
    yield []
    yield [(f"{value.name}  ", "key"), (counted, "dim")]
    yield from _lines_of(text)
    if said is None:
        yield [(f"· no {value.done_type} received", "note")]
    elif said == text:
        yield [(f"{OK} matches {value.done_type}", "ok")]
    else:
        yield [(f"≠ {value.done_type} differs, {len(said)} characters:", "warning")]
        yield from _lines_of(said)


def _lines_of(text: str) -> Iterable[Line]:
    """A text, indented; JSON (arguments) as such."""
    try:
        value = json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        value = None
    if value is not None:
        return ([("  ", "plain"), *line] for line in json_lines(value))
    return ([("  ", "plain"), (line, "string")] for line in text.split("\n"))
