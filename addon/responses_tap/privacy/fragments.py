"""Masks the credentials in text that isn't a clean document: finds them by what precedes them, in any syntax.

`api_key: x`, `"api_key": "x"`, the same with quotes escaped, `api_key=x&…`, `<api_key>x</api_key>`, a part of a form.
The end of a value is a generous guess: better to mask too much than too little.
"""

import itertools
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from responses_tap.privacy.secret_names import holds_headers, is_secret

if TYPE_CHECKING:
    from responses_tap.privacy.masking import Masker

_NAME = r"(?:[\w.$-]|\\{1,8}u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2})++"
_START = r"(?<![\w.$%-])(?!(?<=\\)u[0-9a-fA-F]{4})"
"""A name begins only at the first of its characters, so that a long run of them is scanned once."""
_ASSIGNMENT = re.compile(
    rf"""{_START}((?:{_NAME}\x20){{0,2}}{_NAME})\\*["'`”’]?(?:\s|/\*[^*]{{0,100}}\*/)*+(?:=>|[:=])[\s\0-\x08\ufeff]*"""
)
_QUOTED = re.compile(r"""[bBrRuUfF]{0,2}(\\*)(\"{3}|'{3}|["'`“‘])""")
_AFTER_QUOTE = r"""(?=\\*[\s,;:&}\])<>]|\\+[nrt]|\Z)"""
"""A quote followed by anything else is an unescaped one inside the value."""
_BARE = re.compile(r"""[^\n\r&"'<]*""")
_BARE_NUMBER = re.compile(r"""-?\d[\d.eE+-]*+(?=\s*(?:[}\]]|,\s*["'\\]))""")
_BLOCK = re.compile(r"[|>][-+0-9]{0,3}[ \t]*\r?\n(?:[ \t]+[^\n]*+\n?|\r?\n)*+")
"""A block scalar of YAML."""
_SEQUENCE = re.compile(r"-[ \t][^\n]*+(?:\n[ \t]*-[ \t][^\n]*+)*+")
"""A block sequence of YAML, one entry a line."""
_BEHIND = " \t,;:}])>\\"
"""What may follow an unquoted value on its line."""
_ENDED = re.compile(r"[,;{}\[\]()]\s*\\*$")
_FORM = re.compile(r"""[^\s{}\[\]"'<>=]++=[^\s{}\[\]"'<>]*+""")
_URL = re.compile(r"""(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]{0,20}:(?:\\{0,8}/){2}[^\s<>"']++""")
_LABEL = re.compile(r"""\\*["'`]?([^"'`\\\n,;&<>]{1,200})""")
_NUMBER = re.compile(r"""\\*["']?-?\d{1,9}\\*["']?\s*(?=[,;&}\]\n]|\Z)""")
_LITERAL = re.compile(
    r"""(?:null|None|true|True|false|False)(?=\s*(?:[,;&}\]"'\\\n]|\Z))|(?=[,;&}\]]|\Z)""",
)
_PART = re.compile(
    r"""name(?:\*=[^']{0,20}'[^']{0,20}'|=\\*["']?)([^"'\\;\r\n]{1,100})\\*["']?[^\r\n]{0,50}(?:\r?\n[^\r\n]{1,300}){0,8}\r?\n\r?\n(.*?)(?=\r?\n--|\Z)""",
    re.DOTALL,
)
_ELEMENT = re.compile(r"<([\w.:-]++)(?:\s[^<>]{0,300})?>\s*(?:<!\[CDATA\[)?([^<]+)")
_PAIR = re.compile(r"""\[\s*\\*["']([^"'\\]{1,100})\\*["']\s*,\s*\\*["']([^"']+)""")
"""A name and its value in an array, as headers are written."""
_ESCAPE = re.compile(r"\\{1,8}u([0-9a-fA-F]{4})")
_CLOSING = {"“": "”", "‘": "’"}
_PAIRS = {"{": "}", "[": "]"}
_LABELS = frozenset(("name", "key", "header"))
_MOST = 10_000
"""Credentials in a text. Each takes time that other streams wait for, and no client sends more."""
_NEAR = 300
"""Characters between a label (`"name": "…"`) and the `value` that belongs to it."""

type _Span = tuple[int, int]


def mask_fragments(text: str, masker: "Masker") -> str:
    """The text with every value masked that is named like a credential or looks like one."""
    if _FORM.fullmatch(text.strip()):
        return masker.query(text)
    spans = list(itertools.islice(_separate(sorted([*_assigned(text), *_enclosed(text)])), _MOST + 1))
    if len(spans) > _MOST:
        return masker.secret(text)
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += (_looked_at(text[at:start], masker), _masked(text[start:end], masker))
        at = end
    return "".join((*parts, _looked_at(text[at:], masker)))


def _looked_at(text: str, masker: "Masker") -> str:
    parts: list[str] = []
    at = 0
    for found in _URL.finditer(text):
        parts += (masker.text(text[at : found.start()]), masker.url(found[0].replace("\\", "")))
        at = found.end()
    return "".join((*parts, masker.text(text[at:])))


def _masked(value: str, masker: "Masker") -> str:
    if masker.keeps(value.rstrip(_BEHIND)):
        return value
    mask = masker.secret(value)
    return json.dumps(mask) if value[:1] in _PAIRS else mask


def _separate(spans: list[_Span]) -> Iterator[_Span]:
    at = 0
    for start, end in spans:
        if end > max(start, at):
            yield max(start, at), end
            at = end


def _assigned(text: str) -> Iterator[_Span]:
    """The values after a name and a colon or an equals sign."""
    at = labelled = 0
    while (found := _ASSIGNMENT.search(text, at)) is not None:
        name, at = _decoded(found[1]), found.end()
        if _is_credential(name, text, at) or (name.lower() == "value" and 0 < found.start() - labelled < _NEAR):
            if not _LITERAL.match(text, at):
                start, end = _value(text, at)
                # A quote at the end of an unquoted value may open whatever follows it.
                bare = _BARE.match(text, at)
                at = max(at, min(end, bare.end()) if bare and bare[0] and text[at] not in _PAIRS else end)
                yield start, end
        elif name.lower() in _LABELS and (label := _LABEL.match(text, at)) and is_secret(_decoded(label[1])):
            labelled = label.end()


def _is_credential(name: str, text: str, at: int) -> bool:
    if holds_headers(name) and text[at : at + 1] in _PAIRS:
        return True
    return is_secret(name) and not (name.lower().endswith("tokens") and _NUMBER.match(text, at))


def _value(text: str, at: int) -> _Span:
    """The span of the value that begins at `at`, without its quotes."""
    if quoted := _QUOTED.match(text, at):
        return quoted.end(), _quote_end(text, quoted)[0]
    if text[at : at + 1] in _PAIRS:
        return at, max(_balanced(text, at, quotes=True), _balanced(text, at, quotes=False))
    if found := _BLOCK.match(text, at) or _SEQUENCE.match(text, at) or _BARE_NUMBER.match(text, at):
        return at, at + len(found[0].rstrip())
    found = _BARE.match(text, at)
    assert found is not None
    end = at + len(found[0].rstrip())
    if not _ENDED.search(found[0]) and (quoted := _QUOTED.match(text, found.end())):
        end = _quote_end(text, quoted)[1]
    return at, end


def _quote_end(text: str, quoted: re.Match[str]) -> _Span:
    """The span of the quote that closes this one; quotes after a backslash are skipped."""
    quote = re.escape(quoted[1]) + _CLOSING.get(quoted[2], quoted[2])
    closing = re.compile(rf"(?<!\\){quote}{_AFTER_QUOTE}").search(text, quoted.end())
    return closing.span() if closing else (len(text), len(text))


def _balanced(text: str, at: int, *, quotes: bool) -> int:
    """The end of the object or array at `at`, or of the text; `quotes` skips brackets within quotes."""
    depth = 0
    pieces = r'"(?:[^"\\]|\\.)*+"?|[{}\[\]]' if quotes else r"[{}\[\]]"
    for found in re.compile(pieces, re.DOTALL).finditer(text, at):
        if found[0] in "{[":
            depth += 1
        elif found[0] in "}]":
            depth -= 1
            if depth == 0:
                return found.end()
    return len(text)


def _enclosed(text: str) -> Iterator[_Span]:
    """The values in an XML element, in a part of a multipart form, or in a pair."""
    for pattern in (_PART, _ELEMENT, _PAIR):
        for found in pattern.finditer(text):
            if is_secret(_decoded(found[1])):
                yield found.span(2)


def _decoded(name: str) -> str:
    return unquote(_ESCAPE.sub(lambda found: chr(int(found[1], 16)), name)).strip("\\\"'")
