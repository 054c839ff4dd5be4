"""The bytes of frames: as text with its line ends made visible, and in hexadecimal."""

import re
from collections.abc import Iterator
from itertools import batched

from responses_tap.store import EventRow, Recording
from responses_tap_viewer.tui.spans import Line

_MOST_FRAMES = 200
"""Frames of a run whose bytes are shown."""
_MOST_BYTES = 64 * 1024
"""Bytes shown in hexadecimal: eight of them are a line."""
_A_LINE = 8
_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE_END_GLYPHS = {"\r\n": "␍␊", "\r": "␍", "\n": "␊"}
_PRINTED = range(0x20, 0x7F)


def raw_page(recording: Recording, stream_id: int, n: int, count: int) -> list[Line]:
    """The frames as they arrived."""
    frames = _frames(recording, stream_id, n, count)
    return [line for frame in frames for line in (_head(frame), *raw_lines(frame.raw))] + _rest(count)


def raw_lines(raw: bytes) -> list[Line]:
    """Bytes as text; what isn't UTF-8 is escaped."""
    text = raw.decode(errors="backslashreplace")
    lines: list[Line] = []
    start = 0
    for end in _LINE_END.finditer(text):
        lines.append([(text[start : end.start()], "plain"), (_LINE_END_GLYPHS[end[0]], "dim")])
        start = end.end()
    return [*lines, [(text[start:], "plain")]] if start < len(text) else lines


def hex_page(recording: Recording, stream_id: int, n: int, count: int) -> list[Line]:
    """The frames in hexadecimal, with their characters beside it."""
    lines: list[Line] = []
    left = _MOST_BYTES
    for frame in _frames(recording, stream_id, n, count):
        lines += [_head(frame), *_hex_lines(frame.raw[:left])]
        left -= len(frame.raw)
        if left <= 0:
            return [*lines, [(f"Only the first {_MOST_BYTES:,} bytes are shown.", "dim")]]
    return lines + _rest(count)


def _hex_lines(raw: bytes) -> Iterator[Line]:
    for number, part in enumerate(batched(raw, _A_LINE, strict=False)):
        text = "".join(chr(byte) if byte in _PRINTED else "·" for byte in part)
        hexed = bytes(part).hex(" ").ljust(3 * _A_LINE)
        yield [(f"{number * _A_LINE:06x}  ", "dim"), (hexed, "plain"), (f" {text}", "string")]


def _frames(recording: Recording, stream_id: int, n: int, count: int) -> Iterator[EventRow]:
    return recording.events(stream_id, n, min(count, _MOST_FRAMES))


def _head(frame: EventRow) -> Line:
    return [(f"frame {frame.n}, {len(frame.raw)} bytes, chunk {frame.chunk}", "label")]


def _rest(count: int) -> list[Line]:
    more = count - _MOST_FRAMES
    return [[(f"{more} more frames in this run.", "dim")]] if more > 0 else []
