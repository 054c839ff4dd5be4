"""The sequence numbers of a response: all events have one, from 0 on, each one more than the last."""

from typing import Any

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Finding, Report
from responses_tap.protocol.scopes import Response
from responses_tap.protocol.shapes import NUMBERS_SINCE, applies


class Sequence:
    """The numbering of one response. After a break it goes on from the new number."""

    def __init__(self, response: Response, report: Report) -> None:
        self._response = response
        self._report = report
        self._last: int | None = None
        self._unnumbered: list[int] = []
        self._found: dict[str, Finding] = {}

    def apply(self, event: Event) -> None:
        """Take the number of one event."""
        number = event.data.get("sequence_number")
        last = self._last
        if type(number) is not int:
            self._unnumbered.append(event.position)
            return
        if last is None:
            self._response.numbered = True
            if number and not self._unnumbered and event.type == "response.created":
                self._count("ID512", event, number=number)
        elif number <= last:
            self._count("ID510", event, before=last, after=number)
        elif number != last + 1:
            self._count("ID511", event, before=last, after=number)
        self._last = number

    def finish(self) -> None:
        """Tell of the events without a number, if this stream's should have one."""
        missing = self._unnumbered
        if not missing or not (self._response.numbered or applies(self._response, NUMBERS_SINCE)):
            return
        found = self._report("SC803", missing[0])
        for position in missing[1:]:
            found.add(position)

    def _count(self, code: str, event: Event, **facts: Any) -> None:
        if known := self._found.get(code):
            known.add(event.position)
        else:
            self._found[code] = self._report(code, event.position, **facts)
