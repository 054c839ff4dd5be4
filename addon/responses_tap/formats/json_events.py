"""Events without the event stream around them: JSON lines, one event each, or a JSON array of events."""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from responses_tap.formats import Damaged, UnrecognizedFormat
from responses_tap.formats.shortening import has_marks
from responses_tap.protocol.events import Event, parse
from responses_tap.protocol.grammar import ROWS
from responses_tap.protocol.sse import DONE_MARKER, Frame
from responses_tap.stream.model import Stream, TimedFrame

_LOOK_AT = 64
"""Lines examined before a file is rejected."""
_OBJECTS = ("response", "item", "part")
"""What events are about: who prints none of it has chosen some fields of each event, such as its type."""
_TIMES = ("created_at", "completed_at")
"""The fields of a response that the Python SDK's models hold as floats, whatever came."""


def read_lines(lines: Iterable[bytes], *, dumped: bool = False) -> Stream:
    """The stream of these lines; UnrecognizedFormat, here or while they are read, where one isn't a JSON object.

    `dumped` says that a program may have written them from the SDK's models.
    """
    frames = _of_lines(lines, dumped=dumped)
    first = list(itertools.islice(frames, _LOOK_AT))
    _refuse_other_lines([taken.frame.data for taken in first])
    return Stream(itertools.chain(first, frames), framed=False)


def read_array(document: list[Any]) -> Stream:
    """The stream of these events; UnrecognizedFormat where they aren't events."""
    for n, value in enumerate(document):
        if not isinstance(value, dict):
            raise UnrecognizedFormat(f"is a JSON array whose element {n} is not an object; expected events")
    data = [json.dumps(as_sent(value) if is_dumped(value) else value).encode() for value in document]
    _refuse_other_lines(data[:_LOOK_AT])
    return Stream((TimedFrame(framed(entry, parse(entry)), line=1) for entry in data), framed=False)


def is_names(events: Iterable[dict[str, Any]]) -> bool:
    """Whether these are the names of events, with some of their fields perhaps, and not the events."""
    known = [(event, row) for event in events if (row := ROWS.get(str(event.get("type")))) is not None]
    bare = [row for _, row in known if not set(_OBJECTS).isdisjoint(row.required)]
    return len(bare) > 1 and not any(isinstance(event.get(name), dict) for event, _ in known for name in _OBJECTS)


def is_dumped(event: dict[str, Any]) -> bool:
    """Whether the Python SDK may have written this: its models have the type last, OpenAI's servers send it first."""
    return next(iter(event), "type") != "type"


def as_sent(event: dict[str, Any]) -> dict[str, Any]:
    """The event with the times of its response as a server sends them; one with a fraction is none of the SDK's."""
    response = event.get("response")
    if not isinstance(response, dict):
        return event
    times = {key: int(value) for key in _TIMES if isinstance(value := response.get(key), float) and value.is_integer()}
    return {**event, "response": {**response, **times}} if times else event


def _of_lines(lines: Iterable[bytes], *, dumped: bool) -> Iterator[TimedFrame]:
    for number, line in enumerate(lines, 1):
        data = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
        if not data:
            continue
        if data == DONE_MARKER:
            yield TimedFrame(Frame(b"data: [DONE]\n\n", None, data), line=number)
            continue
        event = parse(data)
        broken = event.flaw is not None and event.flaw.kind == "not-json"
        if broken and data.startswith(b"{") and not line.endswith(b"\n"):
            yield TimedFrame(Frame(b"data: " + data, None, data, complete=False), line=number)
        elif broken or not data.startswith(b"{"):
            raise Damaged(f"has no JSON object in line {number}; expected one event a line")
        else:
            if dumped and is_dumped(event.data) and (sent := as_sent(event.data)) is not event.data:
                data = json.dumps(sent).encode()
                event = parse(data)
            yield TimedFrame(framed(data, event), line=number)


def framed(data: bytes, event: Event) -> Frame:
    """The frame in which OpenAI would have sent this data; an event without a type gets SSE's default name."""
    name = event.type if event.type is not None and event.type.isprintable() else "message"
    return Frame(b"event: " + name.encode(errors="replace") + b"\ndata: " + data + b"\n\n", name, data)


def _refuse_other_lines(data: Sequence[bytes | None]) -> None:
    events = [parse(entry) for entry in data if entry]
    types = [event.type or "" for event in events]
    if is_names(event.data for event in events):
        raise UnrecognizedFormat("has the names of events alone")  # a paste, as is the next
    if any(has_marks(entry.decode(errors="replace")) for entry in data if entry):
        raise UnrecognizedFormat("is shortened")
    if not any(type_ == "error" or type_.startswith("response.") for type_ in types):
        raise UnrecognizedFormat(
            'is JSON without an event of the Responses API; expected objects with `"type": "response.…"`'
        )
