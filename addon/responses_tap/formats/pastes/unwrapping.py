"""What stands around a paste's events, taken off: colours, quotes of mails, log prefixes, lines within JSON or repr.

A layer comes off where nearly every line has it, so that an event over several lines becomes whole; what stands
before an event in its own line need not be taken off at all, for `finding` looks behind it.
"""

import csv
import html
import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from responses_tap.formats.pastes.diffs import received
from responses_tap.formats.pastes.literals import STRING, unquote
from responses_tap.formats.pastes.pasted_line import PastedLine

_MOST = 0.9
"""The share of lines that have a prefix which is one."""
_FIRST = 100
"""Lines looked at before all are."""
_DEEPEST = 6
_NEWLINE = re.compile(r"\r\n|\n|\r")
_COLOUR = re.compile(r"\x1b\[[0-?]*+[ -/]*+[@-~]|\x1b\][^\x07\x1b\n]{0,500}(?:\x07|\x1b\\)|\x1b[@-_]")
_BARE_COLOUR = re.compile(r"\[(?:\d{1,3}(?:;\d{1,3})*)?m")
"""A colour whose escape character was lost on the way."""
_ENTITY = re.compile(r"&(?:amp;)?(?:quot|#34|#39|#x27|apos);")
_CURLY = str.maketrans("“”„‟‘’‚‛", "\"\"\"\"''''")
_CURLY_QUOTED = re.compile(r"[“”„‘’‚](?:type|response\.[a-z_.]+)[“”‟‘’‛]")
_STAMP = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|\s?[+-]\d\d:?\d\d)?"
_SYSLOG = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?"
_PREFIXES = {
    name: re.compile(rf"\A(?:{pattern})(?:\s|\Z)")
    for name, pattern in {
        "quoted lines": r"\s{0,3}>",
        "docker compose's log": r"(?:\d+\|)?[\w.@/-]+\s*\|",
        "kubectl's log": r"\[pod/[^\]\s]+\]",
        "a container's log": rf"{_STAMP} (?:stdout|stderr) [FP]",
        "journald's log": rf"(?:{_SYSLOG}|{_STAMP}) [\w.-]+ [^\s\[:]+(?:\[\d+\])?:",
        "a log with times": rf"\[?(?:{_STAMP}|\d\d:\d\d:\d\d(?:[.,]\d+)?)\]?:?",
        "numbered lines": r"\s*\d{1,7}[:|\t]",
        "pytest's report": r"E(?=\s{3})",
    }.items()
}
_PARTIAL = re.compile(rf"{_STAMP} (?:stdout|stderr) P ")
_METER = re.compile(
    r"(?<!\S)\d[\d.kMG]{0,11}(?: {1,20}[\d.kMG]{1,12}){3,8} {1,20}[\d:-]{8}(?: {1,20}[\d:-]{8}){2} {1,20}\d{1,9}[kMG]?"
)
"""curl's progress meter; what it interrupts follows in the same line."""
_QUOTE = re.compile(r"""[bBuU]?["']""")
_LOG_FIELDS = ("log", "MESSAGE", "message", "msg", "line", "textPayload", "_raw", "raw", "chunk", "text", "body")


def lines_of(content: bytes, first: int = 1) -> list[PastedLine]:
    """The lines of a text as the program printed them; `first` is the number of the first one."""
    text = _plain(content.decode("utf-8-sig", errors="replace"))
    return [
        PastedLine(n, _METER.sub("", part))
        for n, line in enumerate(text.split("\n"), first)
        for part in line.split("\r")
    ]


def unwrap(lines: list[PastedLine]) -> tuple[list[PastedLine], str]:
    """The lines without what stands around them, and what that was (`docker's json-file`), outermost first."""
    named = ""
    for _ in range(_DEEPEST):
        for layer in (received, _prefixed, _tabled, _logged, _quoted):
            if (under := layer(lines)) is not None:
                lines, name = under
                named = named or name
                break
        else:
            break
    return lines, named


def _plain(text: str) -> str:
    """The characters that the program printed: no colours, no entities of a web page, no typographer's quotes."""
    text = _COLOUR.sub("", text)
    if "[0m" in text or "[39m" in text:
        text = _BARE_COLOUR.sub("", text)
    if '"type"' not in text and _ENTITY.search(text):
        text = html.unescape(html.unescape(text) if "&amp;quot;" in text or "&amp;#" in text else text)
    if _CURLY_QUOTED.search(text):
        text = text.translate(_CURLY)
    return text


def _prefixed(lines: list[PastedLine]) -> tuple[list[PastedLine], str] | None:
    written = [line for line in lines if line.text.strip()]
    for name, prefix in _PREFIXES.items():
        if len(written) < 2 or not (_has(prefix, written[:_FIRST]) and _has(prefix, written)):  # noqa: PLR2004
            continue
        bare = [line._replace(text=prefix.sub("", line.text, count=1)) for line in lines]
        return _joined(lines, bare), name
    return None


def _has(prefix: re.Pattern[str], lines: list[PastedLine]) -> bool:
    return sum(prefix.match(line.text) is not None for line in lines) >= _MOST * len(lines)


def _joined(lines: list[PastedLine], bare: list[PastedLine]) -> list[PastedLine]:
    """The bare lines, those that a container's runtime cut into parts as one."""
    whole: list[PastedLine] = []
    parts: list[str] = []
    number = 0
    for line, rest in zip(lines, bare, strict=True):
        number = number if parts else rest.number
        parts.append(rest.text)
        if not _PARTIAL.match(line.text):
            whole.append(PastedLine(number, "".join(parts)))
            parts = []
    return whole + ([PastedLine(number, "".join(parts))] if parts else [])


def _logged(lines: list[PastedLine]) -> tuple[list[PastedLine], str] | None:
    """The lines of a log whose every line is a JSON object with a text in it, as docker's json-file has them."""
    return _rewritten(lines, _message, "a log in JSON lines")


def _quoted(lines: list[PastedLine]) -> tuple[list[PastedLine], str] | None:
    """The lines, or chunks, that a program printed as string or bytes literals."""
    under = _rewritten(lines, _literal, "Python's repr of lines")
    if under is None:
        return None
    with suppress(UnicodeEncodeError):  # a chunk may end within a character
        return [
            line._replace(text=line.text.encode(errors="surrogateescape").decode(errors="replace")) for line in under[0]
        ], under[1]
    return under


def _tabled(lines: list[PastedLine]) -> tuple[list[PastedLine], str] | None:
    """The cells of a table in CSV that hold events, or lines of an event stream."""
    if not any('{""' in line.text for line in lines):
        return None
    rows = csv.reader(line.text for line in lines)
    cells: list[PastedLine] = []
    try:
        for row in rows:
            number = lines[rows.line_num - 1].number
            cells += [PastedLine(number, cell) for cell in row if "{" in cell or cell.startswith(("event:", "data:"))]
    except csv.Error:
        return None
    return cells, "a table in CSV"


def _rewritten(
    lines: list[PastedLine], read: Callable[[str], str | None], name: str
) -> tuple[list[PastedLine], str] | None:
    written = [line for line in lines if line.text.strip()]
    found: list[tuple[int, str]] = []
    others = 0
    for line in written:
        if (text := read(line.text)) is None:
            others += 1
            text = f"\n{line.text}\n"
        if others > (1 - _MOST) * len(written):
            return None
        found.append((line.number, text))
    return (_split(found), name) if any("response." in text for _, text in found) else None


def _split(pieces: list[tuple[int, str]]) -> list[PastedLine]:
    """The lines in these pieces, which end where they say, or each its line where none says."""
    end = "" if any("\n" in text for _, text in pieces) else "\n"
    lines: list[PastedLine] = []
    begun: list[str] = []
    begun_at = 0
    for number, text in pieces:
        first, *others = _NEWLINE.split(text + end)
        begun_at = begun_at if begun else number
        begun.append(first)
        if others:
            lines += [PastedLine(begun_at, "".join(begun)), *(PastedLine(number, line) for line in others[:-1])]
            begun, begun_at = [others[-1]] if others[-1] else [], number
    return [*lines, PastedLine(begun_at, "".join(begun))]


def _message(line: str) -> str | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or str(value.get("type", "")).startswith("response."):
        return None
    fields = value.get("fields")
    for holder in (value, fields if isinstance(fields, dict) else {}):
        for key in _LOG_FIELDS:
            if (text := _text(holder.get(key))) is not None:
                return text
    return None


def _text(value: Any) -> str | None:  # noqa: ANN401 (JSON)
    if isinstance(value, list):  # journald shows so what is not plain text
        try:
            return _plain(bytes(value).decode(errors="replace"))
        except (TypeError, ValueError):
            return None
    return _plain(value) if isinstance(value, str) else None


def _literal(line: str) -> str | None:
    opening = _QUOTE.search(line, 0, 200)
    at, parts = opening.start() if opening else 0, list[str]()
    while opening and (found := STRING.match(line, at)) is not None:
        text = unquote(found.group(), errors="surrogateescape")
        if text is None:
            return None
        parts.append(text)
        at = found.end()
    return "".join(parts) if parts and line[at:].strip() in ("", ",", ")", "],", "]") else None
