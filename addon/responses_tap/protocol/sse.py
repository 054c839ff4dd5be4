"""Bytes → frames: server-sent events, incremental and without loss.

Lines end with CR, LF or CRLF; a blank line ends a frame (WHATWG HTML, section 9.2.6, "Interpreting an
event stream"). Unlike a browser, the decoder drops nothing: comments, unknown fields and stray blank lines
stay in `Frame.raw`, so that the frames of a body, joined, are that body byte for byte.
"""

import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

DONE_MARKER = b"[DONE]"
"""The data of the marker that Chat Completions ends with. OpenAI's Responses API never sends it."""

_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"event:", b"data:", b"id:", b"retry:", b":")
_LINES = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_FIELD = re.compile(rb"([^:\r\n]*)(?:: ?)?([^\r\n]*)(?:\r\n|\r|\n|\Z)")
"""A line's name and value; both may be empty."""
# The first group is atomic: without that, the two halves of one CRLF would pass for two line ends.
_FRAME_END = re.compile(rb"(?>\r\n|\r|\n)(?:\r\n|\r|\n)")
_LONGEST_FRAME_END = 4


class Frame(NamedTuple):
    """One block of an event stream, or one message of a WebSocket."""

    before: bytes
    """What precedes the data; the whole block where the data isn't one piece of it."""
    event: str | None
    """The value of the `event:` field, None where there is none."""
    data: bytes | None
    """The `data:` lines joined with LF, None where there is none (a comment, a lone `event:`)."""
    complete: bool = True
    """False for a tail that no blank line ended."""
    run_together: bool = False
    """Whether the blank line between the frame before and this one is missing."""
    after: bytes | None = None
    """What follows the data; None where `before` is the whole block."""

    @property
    def raw(self) -> bytes:
        """The block as it arrived, with the blank line that ends it."""
        return b"".join(self.pieces)

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """The same in pieces: a huge block isn't in memory twice, as itself and as its data."""
        return (self.before,) if self.after is None or self.data is None else (self.before, self.data, self.after)

    @property
    def is_done_marker(self) -> bool:
        """Whether this frame is `data: [DONE]`."""
        return self.data == DONE_MARKER

    @classmethod
    def whole(cls, raw: bytes) -> "Frame":
        """The frame that was cut out of a body as `raw`, or the message of a WebSocket.

        To be a message it must begin like a JSON object, which in an event stream would be a line without a meaning.
        """
        if raw.lstrip().startswith(b"{"):
            return message_frame(raw)
        complete = raw.endswith(b"\n\n") or _FRAME_END.search(raw) is not None
        return _parse(raw, _after_bom(raw), complete=complete)


def enframe(message: Frame, event: str | None) -> Frame:
    """The frame that would carry a WebSocket message of this type in an event stream; a binary one is a comment."""
    if message.data is None:
        return Frame(b": %d bytes of a binary message\n\n" % len(message.raw), None, None)
    name = (event or "").encode(errors="replace")
    lines = [b"event: " + name] if name and not _LINE_END.search(name) else []
    lines += [b"data: " + line for line in _LINE_END.split(message.data)]
    raw = b"\n".join(lines) + b"\n\n"
    return _parse_fields(raw, 0, complete=True)


class RecordedMessage(NamedTuple):
    """What a recording knows of one message of a socket."""

    stream: int
    at_ns: int
    """When, since the beginning of its stream."""
    frame: Frame | None
    """A message of the server, None for one of the client."""
    request: bytes = b""
    """A message of the client, secrets masked."""


class Decoder:
    """Cuts a body into frames; any split of the same bytes gives the same frames."""

    def __init__(self) -> None:
        self._buffer: bytes | bytearray = b""
        self.at = 0
        """How many bytes of `held` have been cut."""
        self._searched = 0
        self._has_cr = False
        self._first = True

    @property
    def held(self) -> bytes | bytearray:
        """The beginning of a frame that has not ended, once all of a chunk was cut; not to be changed."""
        return self._buffer

    @property
    def has_more(self) -> bool:
        """Whether there is anything behind the block that was cut last."""
        return self.at < len(self._buffer)

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that `chunk` completes, in order."""
        return [frame for block in self.blocks(chunk) for frame in block]

    def blocks(self, chunk: bytes) -> Iterator[list[Frame]]:
        """The same, block by block: one frame each, or those that lack the blank lines between them."""
        self._has_cr = self._has_cr or b"\r" in chunk
        if not self._buffer:
            self._buffer = chunk  # as it is: nearly every chunk ends with a frame
        elif isinstance(self._buffer, bytearray):
            self._buffer += chunk
        else:
            self._buffer = bytearray().join((self._buffer, chunk))
        while (end := self._frame_end(max(self.at, self._searched))) != -1:
            yield self._cut(self._taken(end), complete=True)
        if isinstance(self._buffer, bytearray):
            del self._buffer[: self.at]
        else:
            self._buffer = self._buffer[self.at :]
        self.at = 0
        self._searched = max(0, len(self._buffer) - _LONGEST_FRAME_END + 1)

    def take(self, ends: list[int]) -> list[bytes]:
        """Take the next frames as they are, by where each ends in `held`."""
        with memoryview(self._buffer) as view:
            raws = [bytes(view[start:end]) for start, end in itertools.pairwise([self.at, *ends])]
        self.at = ends[-1]
        return raws

    def finish(self) -> list[Frame]:
        """The unfinished tail of the body, nothing where the body ends with a blank line."""
        # A frame whose last line end is a lone CR was held back for the LF that might have followed.
        is_complete = _FRAME_END.search(self._buffer, self._searched) is not None
        return self._cut(self._taken(len(self._buffer)), complete=is_complete) if self._buffer else []

    def _taken(self, end: int) -> bytes:
        """What is held up to there, which leaves the decoder at once where it is all that there is."""
        if isinstance(self._buffer, bytes):
            raw = self._buffer[self.at : end]
        else:
            with memoryview(self._buffer) as view:  # a slice of the buffer itself would be one copy more
                raw = bytes(view[self.at : end])
        self.at = end
        if end == len(self._buffer):
            self._buffer, self.at = b"", 0
        return raw

    def _frame_end(self, start: int) -> int:
        """Where the first frame end at or after `start` stops, -1 if none is certain yet."""
        buffer = self._buffer
        if not self._has_cr:
            found = buffer.find(b"\n\n", start)
            return found + 2 if found != -1 else -1
        match = _FRAME_END.search(buffer, start)
        if match is None or (match.end() == len(buffer) and buffer.endswith(b"\r")):
            return -1
        return match.end()

    def _cut(self, raw: bytes, *, complete: bool) -> list[Frame]:
        frame = _parse(raw, _after_bom(raw) if self._first else 0, complete=complete)
        self._first = False
        return [frame] if frame.data is None or b"\n" not in frame.data else list(_apart(raw, frame))


def looks_like_events(start: bytes) -> bool:
    """Whether a body that begins so is an event stream, whatever the server calls it. Blank lines may come first."""
    return start.removeprefix(_BOM).lstrip(b"\r\n").startswith(_FIELDS)


def message_frame(raw: bytes, *, is_text: bool = True) -> Frame:
    """A WebSocket message as a frame: all of it is data; a binary one isn't an event and has none."""
    return Frame(raw, None, raw if is_text else None)


def decode(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """The frames of a whole body, its unfinished tail included."""
    decoder = Decoder()
    for chunk in chunks:
        for block in decoder.blocks(chunk):
            yield from block
    yield from decoder.finish()


def framed[Origin](kept: Iterable[tuple[bytes, Origin]]) -> Iterator[tuple[Frame, Origin]]:
    """The frames of a body that was kept frame by frame, each with what was kept of its origin.

    A frame that ends in a lone CR, or without its blank line, comes out later: they are paired by their order.
    """
    decoder = Decoder()
    waiting: deque[tuple[bytes, Origin]] = deque()
    for raw, origin in kept:
        waiting.append((raw, origin))
        yield from _paired(decoder.feed(raw), waiting)
    yield from _paired(decoder.finish(), waiting)


def _paired[Origin](frames: list[Frame], waiting: deque[tuple[bytes, Origin]]) -> Iterator[tuple[Frame, Origin]]:
    if len(frames) > len(waiting):  # events without blank lines, which 0.1.0 kept as one frame
        frames = [Frame.whole(raw) for raw, _ in waiting]
    for frame in frames:
        yield frame, waiting.popleft()[1]


def _apart(raw: bytes, frame: Frame) -> Iterator[Frame]:
    """The frame, or the events in it where the blank lines between them are missing.

    Data that is a whole JSON object ends an event, as does the marker that Chat Completions ends with: behind it,
    another one begins with its `event:` line or its data.
    """
    begins = [0]
    data: list[bytes] = []
    for line in _LINES.finditer(raw):
        field, _, value = line[0].strip().partition(b":")
        is_whole = data == [DONE_MARKER] or (bool(data) and data[0][:1] == b"{" and data[-1][-1:] == b"}")
        begins_data = field == b"data" and (value.lstrip()[:1] == b"{" or value.strip() == DONE_MARKER)
        if is_whole and (field == b"event" or begins_data):
            begins.append(line.start())
            data = []
        if field == b"data":
            data.append(value.strip())
    if len(begins) == 1:
        yield frame
        return
    for n, (begin, end) in enumerate(itertools.pairwise([*begins, len(raw)])):
        part = raw[begin:end]
        is_last = end == len(raw)
        cut = _parse_fields(part, _after_bom(part), complete=frame.complete or not is_last)
        yield cut._replace(run_together=n > 0)


def _after_bom(raw: bytes) -> int:
    return len(_BOM) if raw.startswith(_BOM) else 0


def _parse(raw: bytes, at: int, *, complete: bool) -> Frame:
    """The frame in a block whose first field is at this offset."""
    # Nearly every frame is `event: NAME\ndata: JSON\n\n` or the data line alone.
    begin, name = at, None
    if raw.startswith(b"event: ", at):
        begin = raw.find(b"\n", at) + 1
        name = raw[at + 7 : begin - 1]
    if complete and raw.startswith(b"data: ", begin) and raw.find(b"\n", begin) == len(raw) - 2 and b"\r" not in raw:
        begin += 6
        event = None if name is None else name.decode(errors="replace")
        return Frame(raw[:begin], event, raw[begin:-2], True, False, b"\n\n")
    return _parse_fields(raw, at, complete=complete)


def _parse_fields(raw: bytes, at: int, *, complete: bool) -> Frame:
    event: str | None = None
    data: list[slice] = []
    for line in _FIELD.finditer(raw, at):
        if line[1] == b"data":
            data.append(slice(*line.span(2)))
        elif line[1] == b"event":
            event = line[2].decode(errors="replace")
    if len(data) == 1:
        (place,) = data
        return Frame(raw[: place.start], event, raw[place], complete, after=raw[place.stop :])
    return Frame(raw, event, b"\n".join(raw[place] for place in data) if data else None, complete)
