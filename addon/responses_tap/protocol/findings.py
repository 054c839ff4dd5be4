"""What the checker reports: a finding names a rule, a place and the events that show it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

MOST_EVIDENCE = 50
"""How many positions a finding keeps; `count` has no limit."""


class Severity(StrEnum):
    """How bad a finding is; only errors and warnings can change an exit status."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


@dataclass(slots=True, eq=False)
class Finding:
    """One defect of one response. The checker adds evidence until the response ends."""

    code: str
    name: str
    severity: Severity
    position: int | None
    """The 0-based number of the event in its response, None where no event shows it."""
    text: str
    """The message without its notes and its count."""
    scope: dict[str, int] = field(default_factory=dict)
    """What it is about: output_index, content_index, summary_index, command_index, as far as they apply."""
    missing: str | None = None
    """The type of the event that should have stood right before `position` (at the end, where it is None)."""
    count: int = 1
    evidence: list[int] = field(default_factory=list)
    """Further positions: the first ones, and the last."""
    notes: list[str] = field(default_factory=list)
    response: int = 0
    """Which response of the body it is in, 0-based."""
    fields: tuple[str, ...] = ()
    """The fields of its events that it is about, as paths in their JSON (`item_id`, `response.output[0].id`); one that
    an event does not have is missing there. Empty where it is about events as a whole."""
    lost_at: list[int] = field(default_factory=list)
    """The positions of events that were sent and could not be read, where that is the defect: as many as `evidence`."""

    @property
    def statement(self) -> str:
        """The message without its count: the text, and what became known after the finding was made."""
        return "; ".join([self.text, *self.notes])

    @property
    def message(self) -> str:
        """The whole message."""
        if self.count == 1:
            return self.statement
        range_ = f" ({self.position}–{self.evidence[-1]})" if self.evidence and self.position is not None else ""
        return f"{self.statement}; {self.count} events affected{range_}"

    def add(self, position: int) -> None:
        """Count one more event with the same defect."""
        self.count += 1
        if len(self.evidence) < MOST_EVIDENCE:
            self.evidence.append(position)
        else:
            self.evidence[-1] = position

    def add_note(self, text: str) -> None:
        """Append to the message what a later event has shown, once."""
        if text not in self.notes:
            self.notes.append(text)

    def facts(self) -> dict[str, Any]:
        """The finding as `check --format json` prints it, without the words of its rule's page."""
        return {
            "code": self.code,
            "name": self.name,
            "severity": str(self.severity),
            "position": self.position,
            "count": self.count,
            "scope": self.scope,
            "fields": list(self.fields),
            "message": self.message,
        }


def at_event(position: int | None, message: str) -> str:
    """` at event 9`, for the head of a finding; empty where its message names the event, or there is none."""
    event = f"event {position}"
    return "" if position is None or event in message else f" at {event}"


_LISTS = {"output_index": "output", "summary_index": "summary", "content_index": "content", "command_index": "commands"}


def counted(number: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def path_of(scope: Mapping[str, int]) -> str:
    """A scope as a path in the response: `output[0].content[1]`; empty where there is none."""
    return ".".join(f"{list_}[{scope[name]}]" for name, list_ in _LISTS.items() if name in scope)


def order(finding: Finding) -> tuple[int, float, str]:
    """What findings are sorted by: response and position; those about the end come last."""
    return finding.response, float("inf") if finding.position is None else finding.position, finding.code


class Reporter(Protocol):
    """How the parts of the checker report: the rule's code, the place, and the facts for its message."""

    def __call__(
        self,
        code: str,
        position: int | None,
        scope: dict[str, int] | None = None,
        *,
        missing: str | None = None,
        severity: Severity | None = None,
        fields: Iterable[str] | None = None,
        **facts: Any,
    ) -> Finding:
        """Make a finding, keep it, and return it, so that evidence can be added; `fields` replaces the rule's own."""
        ...

    def withdraw(self, finding: Finding | None) -> None:
        """Withdraw a finding: a later event has shown the true cause."""
        ...
