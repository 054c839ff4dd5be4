"""The frames of an event stream: names that match, data that is JSON, a proper end."""

from typing import Any, NamedTuple

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Finding, Reporter, Severity
from responses_tap.protocol.scopes import Response
from responses_tap.protocol.sse import Frame

_FAULTS = {"not-json": "TR903", "not-object": "TR904", "not-utf8": "TR905"}


class Head(NamedTuple):
    """What the head of the HTTP answer says; None where it is not known."""

    status: int | None = None
    content_type: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether the status is known, and neither a success nor a switch to a WebSocket (101)."""
        return self.status is not None and self.status >= 300  # noqa: PLR2004

    @property
    def is_event_stream(self) -> bool:
        """Whether the response is declared as an event stream."""
        return (self.content_type or "").partition(";")[0].strip().lower() == "text/event-stream"


class FrameChecks:
    """The frames of one body, beside the events in them."""

    def __init__(self, report: Reporter, head: Head, *, live: bool, framed: bool) -> None:
        self._report = report
        self._head = head
        self._live = live
        self._framed = framed
        self._found: dict[str, Finding] = {}
        self.marked = False
        """Whether `[DONE]` has come."""
        self._tail = False

    def event(self, frame: Frame, event: Event) -> None:
        """A frame that carries data."""
        position = event.position
        if position == event.response == 0:
            self._judge_head()
        if event.fault is not None:
            self._report(_FAULTS[event.fault.kind], position, detail=event.fault.detail)
        if frame.event is None:
            self._count("TR902", position)
        elif event.type is not None and frame.event != event.type:
            self._count("TR901", position, event=frame.event, type=event.type)
        if self.marked:
            self._count("TR910", position)

    def _judge_head(self) -> None:
        head = self._head
        if head.is_error:
            self._report("TR907", None, status=head.status, what=" with an event stream")
        if head.content_type is not None and not head.is_event_stream:
            self._report("TR906", None, have=head.content_type)

    def nothing(self, frame: Frame, response: Response | None) -> None:
        """A frame without data: a comment, or an `event:` line alone."""
        if frame.event is not None and frame.complete:
            after = response.events - 1 if response else -1
            found = self._report("TR912", None, event=frame.event, after=after)
            found.response = response.index if response else 0
            found.evidence.append(after)

    def marker(self, response: Response | None) -> None:
        """`data: [DONE]`, after the events of `response` so far; None where none has come."""
        self.marked = True
        if response is None or (response.terminal is None and response.error is None):
            after = response.events - 1 if response else -1
            self._found["TR908"] = self._report("TR908", None, after=after)
            self._found["TR910"] = self._found["TR908"]  # what follows is the same defect

    def tail(self) -> None:
        """The body ends without a blank line."""
        self._tail = True

    def finish(self, response: Response) -> None:
        """The body has ended; `response` is its last."""
        if response.terminal is None:
            return  # LC103 tells it
        if self._tail:
            # Editors trim the end of files; on the wire it makes clients lose the last event.
            self._report("TR911", response.events - 1, severity=None if self._live else Severity.NOTE)
        if not self.marked and self._framed:
            self._report("TR909", None)

    def _count(self, code: str, position: int, **facts: Any) -> None:
        known = self._found.get(code)
        if known is None:
            self._found[code] = self._report(code, position, **facts)
        elif known.code == code:
            known.add(position)
