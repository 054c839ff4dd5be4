"""JSON as indented lines, each token with its role."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from responses_tap_viewer.tui.spans import Line, Role

type JsonPath = tuple[str | int, ...]
"""Where a value is: keys and indexes from the outside in."""

_TOKEN = re.compile(r'(?P<text>"[^"\\]*(?:\\.[^"\\]*)*")(?P<colon>:)?|(?P<number>-?\d[\d.eE+-]*)|(?P<word>[a-zA-Z]+)')
_KEY = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*"):')
_INDENT = 2
_NO_MARKS: Mapping[JsonPath, str] = {}


def json_lines(value: object, marks: Mapping[JsonPath, str] = _NO_MARKS) -> list[Line]:
    """`value` as JSON; the values at the paths in `marks` are pointed at with what is said of them there."""
    texts = json.dumps(value, indent=_INDENT, ensure_ascii=False).split("\n")
    lines = [_tokens(text) for text in texts]
    if marks:
        for line, path in zip(lines, _paths(texts), strict=True):
            if path is not None and path in marks:
                line.append((f"  ◂ {marks[path]}", "error"))
    return lines


def _paths(texts: Iterable[str]) -> Iterator[JsonPath | None]:
    """Which value begins in each of the lines; None where one ends."""
    path: list[str | int] = []
    counts = [0]
    """How many values there have been so far at each depth."""
    for text in texts:
        inner = text.lstrip(" ")
        depth = (len(text) - len(inner)) // _INDENT
        del path[max(0, depth - 1) :], counts[depth + 1 :]
        if inner[0] in "}]":
            yield None
            continue
        if depth:
            key = _KEY.match(inner)
            path.append(json.loads(key[1]) if key else counts[depth])
            counts[depth] += 1
        counts.append(0)
        yield tuple(path)


def _tokens(text: str) -> Line:
    line: Line = []
    end = 0
    for match in _TOKEN.finditer(text):
        if match.start() > end:
            line.append((text[end : match.start()], "dim"))
        role: Role = "key" if match["colon"] else _ROLES[match.lastgroup or "text"]
        line.append((match[0], role))
        end = match.end()
    if end < len(text):
        line.append((text[end:], "dim"))
    return line


_ROLES: dict[str, Role] = {"text": "string", "number": "number", "word": "word"}
