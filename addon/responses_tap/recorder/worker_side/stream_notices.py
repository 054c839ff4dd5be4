"""What is reported about a stream while it is recorded."""

from collections import Counter
from collections.abc import Iterable

from responses_tap.protocol.findings import Finding
from responses_tap.recorder.messages import EndedBy, FindingMade, Hint, Notice, StreamFinished, Trouble
from responses_tap.recorder.worker_side.body import EventBody
from responses_tap.store.writer import first_code


class StreamNotices:
    """The notices of one stream that wait for the commit of what they tell."""

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._waiting: list[Notice] = []
        self._fault: str | None = None
        self._secret: str | None = None

    def add(self, notice: Notice) -> None:
        """Tell this."""
        self._waiting.append(notice)

    def found(self, findings: Iterable[Finding]) -> None:
        """Tell of new findings."""
        for found in findings:
            severity = str(found.severity)
            self.add(FindingMade(self._stream, found.code, found.name, severity, found.position, found.message))

    def noticed(self, events: EventBody) -> None:
        """Tell what is noticed about the events besides: each fault and each secret once."""
        if events.fault != self._fault:
            self._fault = events.fault
            self.add(Trouble(f"the findings of stream {self._stream} are not all: {self._fault}"))
        if events.secret != self._secret:
            self._secret = events.secret
            advice = "exports will refuse or mask it"
            self.add(Hint(f"stream {self._stream} has a possible secret: {self._secret}; {advice}"))

    def finished(self, state: str, ended_by: EndedBy, reason: str, events: int, findings: list[Finding]) -> None:
        """Tell how it ended."""
        counts = Counter(str(finding.severity) for finding in findings)
        errors, warnings, notes = (counts[severity] for severity in ("error", "warning", "note"))
        first = first_code(findings)
        self.add(StreamFinished(self._stream, state, ended_by, reason, events, errors, warnings, notes, first))

    def take(self) -> list[Notice]:
        """Those that wait; that it has finished comes last."""
        notices, self._waiting = self._waiting, []
        return sorted(notices, key=lambda notice: isinstance(notice, StreamFinished))
