"""The sequence numbers of a response: all events have one, from 0 on, each one more than the last."""

from functools import partial
from typing import Any

from responses_tap.protocol.events import Event
from responses_tap.protocol.fields import NUMBERS_SINCE, applies
from responses_tap.protocol.findings import Finding, Reporter
from responses_tap.protocol.scopes import ResponseScope

_DOUBLED = ("AG601", "AG604")
"""Says that a text, or a value, is not the sum of its deltas."""
_MOST_EXPECTED = 8
"""How many numbers may be possible at once, after as many events without a readable one."""


class Sequence:
    """The numbering of one response."""

    def __init__(self, response: ResponseScope, report: Reporter) -> None:
        self._response = response
        self._report = report
        self._last: int | None = None
        self._expected: set[int] = set()
        self._skipped: set[int] = set()
        self._unnumbered: list[int] = []
        self._found: dict[str, Finding] = {}
        self._is_replayed = False
        """Whether the numbers went back over several events, as where a proxy reconnects and gets them again."""

    def apply(self, event: Event) -> None:
        """Check the number of one event."""
        number = event.data.get("sequence_number")
        last = self._last
        if type(number) is not int:
            self.skip()
            if number is None:  # of another type it is SC804's
                self._unnumbered.append(event.position)
            return
        if last is None:
            self._response.numbered = True
            if number and not self._unnumbered and event.type == "response.created":
                self._count("ID512", event, number=number)
        elif number not in self._expected:
            self._break(event, last, number)
            return
        self._expected = {number + 1}
        self._last = number

    def _break(self, event: Event, last: int, number: int) -> None:
        self._count("ID510" if number <= last else "ID511", event, before=last, after=number)
        if number in self._skipped:
            # Not lost but late: the numbers continue from where they were.
            self._skipped.discard(number)
            if not self._skipped:
                self._report.withdraw(self._found.pop("ID511", None))
            return
        self._is_replayed = self._is_replayed or number < last
        self._skipped.update(range(last + 1, min(number, last + _MOST_EXPECTED)))
        # One wrong number is one break: the next may continue from it, or as if it had been right.
        self._expected = {number + 1, last + 2}
        self._last = number

    @property
    def next(self) -> int | None:
        """The one number that the next event must have; None where it is not certain."""
        return next(iter(self._expected)) if len(self._expected) == 1 else None

    def advance(self, count: int) -> None:
        """So many more events came, each with the next number."""
        if self._last is not None:
            self._last += count
            self._expected = {self._last + 1}

    def skip(self) -> None:
        """An event that has no number, or none that could be read, may have used one up."""
        self._expected |= {number + 1 for number in self._expected if len(self._expected) < _MOST_EXPECTED}

    def finish(self, structural: list[Finding]) -> None:
        """No more events will come: report those without a number, if this stream's should have one.

        `structural` are the findings that may say why a number is out of order.
        """
        self._explain(structural)
        missing = self._unnumbered
        if not missing or not (self._response.numbered or applies(self._response, NUMBERS_SINCE)):
            return
        found = self._report("SC803", missing[0])
        for position in missing[1:]:
            found.add(position)

    def _explain(self, others: list[Finding]) -> None:
        """A single break next to a structural defect is the same defect: an event was lost, repeated or moved."""
        for code in ("ID510", "ID511"):
            known = self._found.get(code)
            if known is None or known.position is None or known.count > 1 or not others:
                continue

            nearest = min(others, key=partial(_distance, known.position))
            if self._is_replayed and nearest.code in _DOUBLED:
                continue  # that is the cause, and the text the effect
            nearest.add_note(known.text)
            self._report.withdraw(known)

    def _count(self, code: str, event: Event, **facts: Any) -> None:
        if known := self._found.get(code):
            known.add(event.position)
        else:
            self._found[code] = self._report(code, event.position, **facts)


def _distance(position: int, finding: Finding) -> int:
    return abs((position if finding.position is None else finding.position) - position)
