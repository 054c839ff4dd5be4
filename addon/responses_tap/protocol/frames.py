"""The checks of an event stream's frames: names that match, data that is JSON, a proper end."""

from typing import Any

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import MOST_EVIDENCE, Finding, Reporter, Severity
from responses_tap.protocol.scopes import ResponseScope
from responses_tap.protocol.sse import Frame

_FLAWS = {"not-json": "TR903", "not-object": "TR904", "not-utf8": "TR905", "too-long": "TR903"}


class FrameChecks:
    """Checks the frames of one body, without regard to what their events mean."""

    def __init__(self, report: Reporter, *, live: bool, framed: bool) -> None:
        self._report = report
        self._live = live
        self._framed = framed
        self._found: dict[str, Finding] = {}
        self.marked = False
        """Whether `[DONE]` has come."""
        self.garbled: set[tuple[int, int | None]] = set()
        """Events without a value that could not be read, by response and position: TR903 is all that they show."""
        self._marked_early = False
        self._tail = False

    def event(self, frame: Frame, event: Event) -> None:
        """A frame that carries data."""
        position = event.position
        if event.flaw is not None:
            found = self._count(_FLAWS[event.flaw.kind], position, detail=event.flaw.detail)
            if event.flaw.kind == "too-long":
                self.garbled.add((event.response, position))
            elif event.flaw.kind != "not-utf8":
                self._lose(found, position)
        if frame.event is None:
            self._count("TR902", position)
        elif event.type is not None and frame.event != event.type:
            self._count("TR901", position, event=frame.event, type=event.type)
        if frame.run_together and position:
            self._count("TR914", position, before=position - 1)
        if self.marked and not self._marked_early:  # else that is the same defect: TR908
            self._count("TR910", position)

    def nothing(self, frame: Frame, response: ResponseScope | None) -> None:
        """A frame without data: a comment, or an `event:` line alone."""
        if frame.event is not None and frame.complete:
            after = response.events - 1 if response else -1
            found = self._found.get("TR912")
            if found is None:
                what = f"SSE event {frame.event}" if frame.event else "an SSE event without a name"
                place = f"after event {after}" if after >= 0 else "before event 0"
                found = self._found["TR912"] = self._report("TR912", None, what=what, place=place)
                found.response = response.index if response else 0
            else:
                found.add(after)
            if frame.event.startswith("response."):  # `ping` and the like stand for nothing that could be missed
                self._lose(found, after + 1)

    def marker(self, response: ResponseScope | None) -> None:
        """`data: [DONE]`, after the events of `response` so far; None where none has come."""
        self.marked = True
        if response is None or (response.terminal is None and response.error is None):
            after = response.events - 1 if response else -1
            self._found["TR908"] = self._report("TR908", None, after=after)
            self._marked_early = True

    def tail(self) -> None:
        """The body ends without a blank line."""
        self._tail = True

    def finish(self, response: ResponseScope) -> None:
        """The body has ended; `response` is its last."""
        if response.terminal is None:
            self._report.withdraw(self._found.get("TR908"))
            return  # reported by LC103
        if self._tail:
            # Editors trim the end of files; on the wire it makes clients lose the last event.
            self._report("TR911", response.events - 1, severity=None if self._live else Severity.NOTE)
        if not self.marked and self._framed:
            self._report("TR909", None)

    def _count(self, code: str, position: int, **facts: Any) -> Finding:
        found = self._found.get(code)
        if found is None:
            found = self._found[code] = self._report(code, position, **facts)
        else:
            found.add(position)
        return found

    def _lose(self, found: Finding, position: int) -> None:
        if len(found.lost_at) < MOST_EVIDENCE:
            found.lost_at.append(position)
