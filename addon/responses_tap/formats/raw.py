"""Raw SSE: the body of a streamed response as `curl -N` writes it."""

import itertools
import re
from collections.abc import Iterator, Sequence

from responses_tap.errors import UnusableInput
from responses_tap.formats import UnrecognizedFormat
from responses_tap.protocol.events import parse, untyped_error
from responses_tap.protocol.other_apis import api_of
from responses_tap.protocol.sse import Frame, decode, looks_like_events
from responses_tap.stream.model import JudgedStream, SseBody, Stream, TimedFrame
from responses_tap.stream.over_sse import over_sse

SQLITE_MAGIC = b"SQLite format 3\x00"
_LOOK_AT = 64
"""Frames examined before a file is rejected."""
_FEW = 8
_FIELDS = frozenset((b"", b"event", b"data", b"id", b"retry"))
"""What a line of an event stream begins with, before its colon; empty in a comment."""
_LISTED = re.compile(rb"^event: ?(?:response\.|\{)", re.MULTILINE)
_TITLE = re.compile(rb"<title[^>]{0,99}>([^<\n]{1,99})</title", re.IGNORECASE)
_EXPECTED = "expected an event stream (`data: {…}` lines)"


def read(pieces: Iterator[bytes]) -> Stream:
    """The stream whose body these pieces form; UnrecognizedFormat where it is something else."""
    first = next(pieces, b"")
    _refuse_other_streams(list(itertools.islice(decode([first]), _LOOK_AT)), is_ours=_has_fields_alone(first))
    return Stream(SseBody(itertools.chain([first], pieces)))


def write(streams: Sequence[JudgedStream]) -> bytes:
    """The body of the only stream, byte for byte; UnusableInput where it isn't an event stream."""
    (stream,) = streams
    if not stream.entries:
        raise UnusableInput(stream.name, "has no event stream; use --format md or json for its response")
    return over_sse(stream).body


def _has_fields_alone(text: bytes) -> bool:
    """Whether each line is one of an event stream, unlike other text that begins with a colon (`:orphan:`).

    `event:` lines with our names or with whole events, but without any `data:`, are a list that somebody printed.
    """
    fields = {line.partition(b":")[0] for line in text.removeprefix(b"\xef\xbb\xbf").splitlines()}
    return fields <= _FIELDS and (b"data" in fields or _LISTED.search(text) is None)


def sifted(frames: Iterator[TimedFrame], *, is_ours: bool) -> Iterator[TimedFrame]:
    """The same frames; UnrecognizedFormat where the first ones show that they aren't a stream of this API.

    `is_ours` says that they are meant to be one: then a lack of events is for the rules to report (LC110).
    """
    first = list(itertools.islice(frames, _LOOK_AT))
    _refuse_other_streams([taken.frame for taken in first], is_ours=is_ours)
    return itertools.chain(first, frames)


def utf_16(head: bytes) -> str | None:
    """The encoding of a text in UTF-16 with this start, else None: about half of its bytes are NUL."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    start = head[:256]
    for encoding, high, low in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if len(high) > _FEW and high.count(0) > 0.9 * len(high) and not low.count(0):
            return encoding
    return None


def refuse_foreign(head: bytes) -> None:
    """Raise UnrecognizedFormat unless a file with this start is text that could contain events."""
    if not head.removeprefix(b"\xef\xbb\xbf").strip():
        raise UnrecognizedFormat(f"is empty; {_EXPECTED}")
    # A NUL doesn't make a text binary: a model may output one.
    if b"\x00" in head[:4096] and not looks_like_events(head) and head.lstrip()[:1] not in (b"{", b"["):
        raise UnrecognizedFormat(f"is binary; {_EXPECTED}")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<" and not head.startswith(b"< "):
        title = _TITLE.search(head)
        named = f" ({title[1].decode(errors='replace').strip()})" if title else ""
        raise UnrecognizedFormat(f"is HTML or XML{named}, an error page perhaps; {_EXPECTED}")


def _refuse_other_streams(frames: list[Frame], *, is_ours: bool) -> None:
    with_data = [frame for frame in frames if frame.data and not frame.is_done_marker]
    if not with_data:
        # Keepalives, after which events may still follow.
        if is_ours or (len(frames) == _LOOK_AT and all(_has_fields_alone(frame.raw) for frame in frames)):
            return
        raise UnrecognizedFormat(f"has no `data:` line with an event; {_EXPECTED}")
    events = [parse(frame.data or b"") for frame in with_data]
    if any(event.type is not None for event in events):
        return
    if any(api_of(event.data, frame.event) for event, frame in zip(events, with_data, strict=True)):
        return  # for the rules to report, too: the client expected another API
    if any(untyped_error(event, frame.event, frame.data) for event, frame in zip(events, with_data, strict=True)):
        return
    if not any(event.data for event in events) and all(event.flaw for event in events):
        return  # every event is damaged: that is for the rules to report
    raise UnrecognizedFormat('has events without a type; expected events of the Responses API (`"type": "response.…"`)')
