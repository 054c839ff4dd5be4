"""Marks that people put where they leave something out of an event, as JSON still: `"response": "..."`, `"…": "…"`."""

import re
from typing import Any

WORDS = r"(?:snip|truncated|omitted|elided|shortened|redacted|skipped|repeated|cut)\b"
_COUNT = r"\+?\d{1,9} (?:more|char|byte|token|line|event)\w*"
MARK = rf"(?:\.{{3,}}|…|⋮|\. \. \.|[\[<(](?:!--\s?)?(?:{WORDS}|\.{{3}}|…|{_COUNT})[^\n\])>]{{0,40}}[\])>])"
"""A pattern of one mark; `…[+20 chars]` is two."""
OWN_LINE = (
    rf"[ \t]{{0,40}}(?:(?:#|//|:)?[ \t]{{0,9}}{MARK}|[-*=]{{1,9}}[ \t]?{WORDS}|etc\.|\(?and so on\b[^\n]{{0,40}})"
    r"[ \t]{0,9}(?:[(\[+\d][^\n]{0,40}|[-*=]{1,9}|(?:and so on|more|truncated|snip)\W{0,9})?[ \t\r]{0,40}"
)
"""A pattern of a line that is one, in place of events."""
_MARKS = rf"(?:{MARK}\s?){{1,3}}"
_WHOLE = re.compile(_MARKS, re.IGNORECASE)
_HOLDERS = ("response", "item", "part", "output", "content", "tools", "summary", "usage", "annotations", "logprobs")
"""What holds no text of a model: a text may be `...` all by itself."""
_HELD = rf'"(?:{"|".join(_HOLDERS)})"\s*:\s*(?:"{_MARKS}"|\[\s*"{_MARKS}"\s*\])'
_IN_JSON = re.compile(rf'{_HELD}|[{{,]\s*"{_MARKS}"\s*[:}}]', re.IGNORECASE)
_DEEPEST = 20


def has_marks(text: str) -> bool:
    """Whether something was left out of the JSON objects in a text."""
    return _IN_JSON.search(text.replace("\\u2026", "…")) is not None


def without_marks(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 (JSON)
    """The same JSON without what stands for something that was left out."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, list):
        return [without_marks(inner, depth + 1) for inner in value if not (isinstance(inner, str) and _is_mark(inner))]
    if not isinstance(value, dict):
        return value
    return {
        name: without_marks(inner, depth + 1)
        for name, inner in value.items()
        if not _is_mark(name) and not _is_left_out(name, inner)
    } | {name: {} for name in ("response", "item", "part") if _is_left_out(name, value.get(name))}


def _is_left_out(name: str, value: Any) -> bool:  # noqa: ANN401 (JSON)
    return name in _HOLDERS and isinstance(value, str) and _is_mark(value)


def _is_mark(text: str) -> bool:
    return _WHOLE.fullmatch(text) is not None
