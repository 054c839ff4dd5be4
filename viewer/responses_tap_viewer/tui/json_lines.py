"""JSON as indented lines, each token with its role."""

import json
import re
from collections.abc import Mapping

from responses_tap_viewer.tui.spans import Line, Role

_TOKEN = re.compile(r'(?P<text>"[^"\\]*(?:\\.[^"\\]*)*")(?P<colon>:)?|(?P<number>-?\d[\d.eE+-]*)|(?P<word>[a-zA-Z]+)')
_TOP_KEY = re.compile(r'  "([^"\\]+)":')
_NO_MARKS: Mapping[str, str] = {}


def json_lines(value: object, marks: Mapping[str, str] = _NO_MARKS) -> list[Line]:
    """`value` as JSON; the top-level keys in `marks` are pointed at with what is said of them there."""
    lines = []
    for text in json.dumps(value, indent=2, ensure_ascii=False).split("\n"):
        line = _tokens(text)
        if marks and (key := _TOP_KEY.match(text)) and key[1] in marks:
            line.append((f"  ◂ {marks[key[1]]}", "error"))
        lines.append(line)
    return lines


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
