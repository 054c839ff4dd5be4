"""What a defect does to a client: what it makes of the broken stream against what it makes of the correct one."""

import re

from responses_tap.escaping import shorten
from responses_tap.protocol.rules.measured import UNHARMED
from responses_tap_viewer.clients.verdict import ClientVerdict, Fate

_MOST_MESSAGE = 90
_VERBS = {Fate.LOST: "loses", Fate.DOUBLED: "doubles", Fate.WRONG: "garbles"}
_BEFORE_DATA = re.compile(r"[\[{\n].*", re.DOTALL)
"""Where an error's message continues with its data."""


def effect(correct: ClientVerdict, broken: ClientVerdict, *, is_failure: bool = False) -> str | None:
    """The effect in words, empty for none; None where the client can't handle the correct stream either.

    Where that reports a failure, to raise it is right.
    """
    if correct.fate is Fate.HUNG or (correct.fate is Fate.RAISED and not is_failure):
        return None
    if correct.fate is Fate.RAISED and broken.answer.outcome != "hung":
        return UNHARMED if broken.fate is Fate.RAISED else "loses the error"
    if broken.fate is Fate.HUNG:
        return "hangs"
    if broken.fate is Fate.RAISED:
        return f"raises {_error(broken.answer.error or 'an error')}"
    harmed: dict[str, list[str]] = {}
    for part, fate in broken.parts.items():
        if fate is not Fate.DELIVERED and correct.parts.get(part) is not fate:
            harmed.setdefault(_VERBS[fate], []).append(part.replace("_", " "))
    worst_first = sorted(harmed.items(), key=lambda each: -list(_VERBS.values()).index(each[0]))
    return ", ".join(f"{verb} {' and '.join(parts)}" for verb, parts in worst_first) or UNHARMED


def _error(error: str) -> str:
    """`RuntimeError ("…")`."""
    name, colon, message = error.partition(": ")
    if not colon or not name.isidentifier():
        name, message = "an error", error.strip('"')  # the AI SDK's may be a bare string, which is printed as JSON
    words = _BEFORE_DATA.sub("…", message).strip().strip('"')
    return f'{name} ("{shorten(words, _MOST_MESSAGE)}")' if words else name
