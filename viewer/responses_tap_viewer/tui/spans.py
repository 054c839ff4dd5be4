"""Lines as runs of text, each with a role: what is drawn, before colours and before the terminal.

Text from a stream reaches the screen only through `clip`, `fit` or `wrap`, and they make it printable: nothing in
it is taken for markup, nor by the terminal for a command, and a line is as wide as it was counted.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Literal, get_args

from rich.cells import cell_len

from responses_tap.escaping import printable
from responses_tap.protocol.findings import Severity

type Span = tuple[str, Role]
type Line = list[Span]
Role = Literal[
    "plain",
    "dim",
    "label",
    "error",
    "warning",
    "note",
    "ok",
    "key",
    "string",
    "number",
    "word",
    "strong",
]
"""What a run of text is; app.tcss gives each a colour."""
ROLES: tuple[str, ...] = get_args(Role)

SEVERITY_ROLES: dict[Severity, Role] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "note",
}

_CUT = "…"
_MOST_CHARS_A_CELL = 4
"""Characters looked at for a cell: it may hold several (combining ones), but not any number."""
_HANG = 2


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text`, printable, in exactly `width` cells."""
    text = _shortened(text, width)
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks


def clip(line: Iterable[Span], width: int) -> Line:
    """`line`, printable, in at most `width` cells."""
    clipped: Line = []
    for text, role in line:
        shown = _shortened(text, width)
        clipped.append((shown, role))
        width -= cell_len(shown)
        if width <= 0:
            break
    return clipped


def padded(line: Iterable[Span], width: int) -> Line:
    """`line`, printable, in exactly `width` cells."""
    clipped = clip(line, width)
    return [*clipped, (" " * (width - sum(cell_len(text) for text, _ in clipped)), "plain")]


def wrap(line: Line, width: int) -> Iterator[Line]:
    """`line`, printable, over as many lines of `width` cells as it takes.

    What follows the first one hangs below its beginning: behind the label, or a little deeper than that.
    """
    spans = [(printable(text), role) for text, role in line]
    hang = min(_hang(spans), width // 2)
    current: Line = []
    left = width
    for text, role in spans:
        start = 0
        while start < len(text):
            # A window of the text, so that a megabyte is not measured again for each of its lines.
            window = text[start : start + left + 1]
            cells = cell_len(window)
            head = window if cells <= left else _head(window, left, cells, fresh=left == width - hang)
            if head:
                current.append((head, role))
                start += len(head)
                left = max(0, left - cell_len(head))
            if len(head) < len(window):
                yield current
                current, left = [(" " * hang, "plain")], width - hang
    yield current


def inline(text: str, role: Role) -> Line:
    """A text in which back-ticks stand around code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return [(text, role)]  # one of them is no quote
    return [(piece, "key" if number % 2 else role) for number, piece in enumerate(pieces) if piece]


def _hang(line: Line) -> int:
    if not line:
        return 0
    text, role = line[0]
    return cell_len(text) if role == "label" else len(text) - len(text.lstrip(" ")) + _HANG


def _head(text: str, width: int, cells: int, *, fresh: bool) -> str:
    """As much of `text` as fits `width`, up to a blank, where there is one not too far back.

    On a `fresh` line it is one character at least: a wide one may not fit, and must come out all the same.
    """
    head = text[:width] if cells == len(text) else _cut(text, width)
    blank = head.rfind(" ", len(head) // 3)
    return head[: blank + 1] if blank > 0 else head or text[:fresh]


def _shortened(text: str, width: int) -> str:
    text = printable(text[: width * _MOST_CHARS_A_CELL])
    if cell_len(text) <= width:
        return text
    return _cut(text, width - 1) + _CUT if width > 0 else ""


def _cut(text: str, width: int) -> str:
    """As many characters of `text` as have no more cells than `width`."""
    return text[: bisect_right(range(1, len(text) + 1), width, key=lambda end: cell_len(text[:end]))]
