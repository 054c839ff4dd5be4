"""Raw SSE: the body of a streamed response as `curl -N` writes it."""

import itertools
import json
from collections.abc import Iterator
from typing import BinaryIO

from responses_tap.formats import Foreign
from responses_tap.protocol.events import parse
from responses_tap.protocol.sse import Frame, decode

SQLITE_MAGIC = b"SQLite format 3\x00"
_PIECE = 1 << 20
"""Bytes read at once: a file of any size passes through a bounded amount of memory, but for its longest frame."""
_LOOK_AT = 64
"""Frames looked at before a file is taken for what it is not."""
_EXPECTED = "expected an event stream (`data: {…}` lines)"


def read_frames(file: BinaryIO) -> Iterator[Frame]:
    """The frames of the event stream in `file`; Foreign where it is something else."""
    pieces = iter(lambda: file.read(_PIECE), b"")
    frames = decode(_refuse_foreign(pieces))
    first = list(itertools.islice(frames, _LOOK_AT))
    _refuse_other_streams(first)
    return itertools.chain(first, frames)


def _refuse_foreign(pieces: Iterator[bytes]) -> Iterator[bytes]:
    head = next(pieces, b"")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:512]
    if not start:
        raise Foreign(f"is empty; {_EXPECTED}")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Foreign("is UTF-16; an event stream is UTF-8")
    if b"\x00" in head[:4096]:
        raise Foreign(f"is binary; {_EXPECTED}")
    if start[:1] == b"<":
        raise Foreign(f"is HTML or XML, an error page perhaps; {_EXPECTED}")
    if start[:1] in (b"{", b"["):
        raise Foreign(f"is {_json_kind(start)}; {_EXPECTED}")
    return itertools.chain([head], pieces)


def _json_kind(start: bytes) -> str:
    line, newline, _ = start.partition(b"\n")
    try:
        first = json.loads(line)
    except ValueError:
        return "JSON"
    if newline and isinstance(first, dict) and "type" in first:
        return "JSON lines of events, which `check` cannot read yet"
    return "an error answer in JSON" if isinstance(first, dict) and "error" in first else "JSON"


def _refuse_other_streams(frames: list[Frame]) -> None:
    with_data = [frame for frame in frames if frame.data]
    if not with_data:
        raise Foreign(f"has no `data:` line; {_EXPECTED}")
    events = [parse(frame.data or b"") for frame in with_data if not frame.is_done_marker]
    if any(event.type is not None for event in events):
        return
    if any(event.data.get("object") == "chat.completion.chunk" for event in events):
        raise Foreign('is a Chat Completions stream; expected events of the Responses API (`"type": "response.…"`)')
    if not any(event.data for event in events) and all(event.fault for event in events):
        return  # every event is damaged: that is for the rules to say
    raise Foreign('has events without a type; expected events of the Responses API (`"type": "response.…"`)')
