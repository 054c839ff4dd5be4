"""What was received, of a comparison with what was expected: of a diff by git, jest or node, and of pytest's `==`."""

import re

from responses_tap.formats.pastes.pasted_line import PastedLine

_SIDE = re.compile(r"([-+])\s?(expected|received|actual)\b", re.IGNORECASE)
_LEGEND = re.compile(rf"\s*(?:{_SIDE.pattern}[\s\d+-]{{0,20}}){{1,2}}", re.IGNORECASE)
"""`- Expected  - 1`, or `+ actual - expected` in one line."""
_HUNK = re.compile(r"@@ -(\d+)[\d,]* \+\d+[\d,]* @@")
_HEAD = re.compile(r"(?:---|\+\+\+|diff|index) \S")
_ASSERTED = re.compile(r"\bassert (\[[^\[\]]{1,20000}\]) == \[")


def received(lines: list[PastedLine]) -> tuple[list[PastedLine], str] | None:
    """The lines of what was received, and what they stood in; None where nothing is compared."""
    if asserted := [line._replace(text=found[1]) for line in lines if (found := _ASSERTED.search(line.text))]:
        return asserted[:1], ""
    legends = [line.text for line in lines if _LEGEND.fullmatch(line.text)]
    hunks = [line for line in lines if _HUNK.match(line.text)]
    if not legends and not hunks:
        return None
    sides = {what.lower(): sign for text in legends for sign, what in _SIDE.findall(text)}
    lost, kept = ("+", "-") if sides.get("expected") == "+" else ("-", "+")
    indent = min((len(text) - len(text.lstrip()) for text in legends), default=0)
    shown = (_shown(line, indent, lost, kept) for line in lines if not _LEGEND.fullmatch(line.text))
    return [line for line in shown if line is not None], ""


def _shown(line: PastedLine, indent: int, lost: str, kept: str) -> PastedLine | None:
    """A line of a diff as it was before, None for one that is only the other side's."""
    if hunk := _HUNK.match(line.text):
        return None if int(hunk[1]) <= 1 else line._replace(text="...")  # what precedes it is the same on both sides
    text = line.text[indent:]
    if text.startswith(lost) or _HEAD.match(text):
        return None
    return line._replace(text=f" {text[1:]}") if text.startswith(kept) else line
