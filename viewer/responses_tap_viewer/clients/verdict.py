"""What a client has made of a stream: what it delivered, held against what the stream says."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from responses_tap_viewer.clients.driver_process import ClientAnswer, DeliveredCall
from responses_tap_viewer.clients.stated import Stated, StatedCall


class Fate(StrEnum):
    """What became of a stream, or of a part of it; the worst last."""

    DELIVERED = "delivered"
    LOST = "lost"
    DOUBLED = "doubled"
    WRONG = "wrong"
    RAISED = "raised"
    HUNG = "hung"

    @property
    def rank(self) -> int:
        """0 for the best."""
        return list(Fate).index(self)


@dataclass(frozen=True, slots=True)
class ClientVerdict:
    """What a client made of a stream."""

    answer: ClientAnswer
    parts: dict[str, Fate]
    """What became of text, reasoning, tool_calls and usage, as far as there was any."""

    @property
    def fate(self) -> Fate:
        """The worst of it."""
        if self.answer.outcome != "ok":
            return Fate.HUNG if self.answer.outcome == "hung" else Fate.RAISED
        return max(self.parts.values(), key=lambda fate: fate.rank, default=Fate.DELIVERED)


def verdict(answer: ClientAnswer, says: Stated) -> ClientVerdict:
    """What this answer is to what the stream says."""
    parts = {
        "text": _of_text(answer.text, says.texts),
        "reasoning": _of_text(answer.reasoning, says.reasoning),
        "tool_calls": _of_calls(answer.tool_calls, says.calls),
        "usage": _of_usage(answer, says.usage),
    }
    return ClientVerdict(answer, {name: fate for name, fate in parts.items() if fate is not None})


def _of_text(delivered: str, right: Sequence[str]) -> Fate | None:
    text = right[0] if right else ""
    if delivered in right or not delivered + text:
        return Fate.DELIVERED if delivered else None
    if not text:
        return Fate.WRONG
    if _is_within(delivered, text):
        return Fate.LOST
    return Fate.DOUBLED if _is_within(text, delivered) and _repeats(text, delivered) else Fate.WRONG


def _is_within(part: str, whole: str) -> bool:
    """Whether all of a text is there, in order, with other text between."""
    letters = iter(whole)
    return all(letter in letters for letter in part)


def _repeats(text: str, longer: str) -> bool:
    """Whether what a text has too much is a piece of it; a single character only where it stands twice in a row."""
    alike = next((n for n, (a, b) in enumerate(zip(text, longer, strict=False)) if a != b), len(text))
    more = len(longer) - len(text)
    extra = longer[alike : alike + more]
    is_known = extra in text if more > 1 else extra == longer[alike - more : alike]
    return is_known or len(longer) >= 2 * len(text)


def _of_calls(delivered: Sequence[DeliveredCall], right: Sequence[StatedCall]) -> Fate | None:
    have = [(call.id or "", call.name or "", _arguments(call.arguments)) for call in delivered]
    want = [(call.id, call.name, _arguments(call.arguments)) for call in right]
    if sorted(have) == sorted(want):
        return Fate.DELIVERED if want else None
    more, less = Counter(have) - Counter(want), Counter(want) - Counter(have)
    if not more:
        return Fate.LOST
    return Fate.DOUBLED if more.keys() <= set(want) and not less else Fate.WRONG


def _arguments(arguments: Any) -> str:  # noqa: ANN401 - any JSON
    """The arguments in one way to write them; a client may have parsed them, or have them inside `input`."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return str(arguments)
    return json.dumps(arguments, sort_keys=True) if arguments else ""


def _of_usage(answer: ClientAnswer, right: tuple[int, int] | None) -> Fate | None:
    usage = answer.usage
    have = (usage.input_tokens or 0, usage.output_tokens or 0) if usage else (0, 0)
    if have == (right or (0, 0)):
        return Fate.DELIVERED if right else None
    if right is None or have != (0, 0):
        return Fate.DOUBLED if right and have == (2 * right[0], 2 * right[1]) else Fate.WRONG
    return Fate.LOST
