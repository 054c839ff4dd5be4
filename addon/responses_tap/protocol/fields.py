"""Whether each event has the fields that its type demands, with values of the right type, and a known name.

One finding for each event type, with a count: a server that leaves a field out leaves it out everywhere.
"""

from datetime import UTC, datetime
from typing import Any

from responses_tap.protocol.events import Event, Problem, json_type, today
from responses_tap.protocol.findings import Finding, Reporter, Severity
from responses_tap.protocol.grammar import RESPONSE
from responses_tap.protocol.scopes import Response

_WITH_LOGPROBS = frozenset({"response.output_text.delta", "response.output_text.done"})
_KEEPALIVE = "response.in_progress"
"""What some gateways send to keep a connection alive, without its response."""
_NO_DATE_BEFORE = datetime(2025, 3, 1, tzinfo=UTC).timestamp()
"""The API opened in March 2025; an earlier created_at is a scrubbed recording's."""
LOGPROBS_SINCE = datetime(2025, 7, 1, tzinfo=UTC).timestamp()
NUMBERS_SINCE = datetime(2025, 6, 1, tzinfo=UTC).timestamp()


def applies(response: Response, since: float) -> bool:
    """Whether a field that is required since `since` (Unix seconds) is required of this response."""
    created = response.created_at
    return created is None or created < _NO_DATE_BEFORE or created >= since


class FieldChecks:
    """The shape of the events of one response."""

    def __init__(self, response: Response, report: Reporter) -> None:
        self._response = response
        self._report = report
        self._found: dict[tuple[str, str, str], Finding] = {}

    def apply(self, event: Event) -> None:
        """Judge one event by itself."""
        type_ = event.type or ""
        if event.row is None:
            self._unknown(event)
        elif event.type == _KEEPALIVE and "response" not in event.data:
            self._count("TR913", event)
            return
        elif event.row.kind is RESPONSE:
            self._created_at(event)
        for problem in event.problems:
            self._problem(event, problem)
        if type_ in _WITH_LOGPROBS and event.data.get("logprobs") is None:
            self._logprobs(event)
        if event.data.get("error") and type_ != "error":
            self._count("SC809", event)

    def _created_at(self, event: Event) -> None:
        created_at = event.object("response").get("created_at")
        if created_at is not None and type(created_at) is not int:
            have = Problem("response.created_at", absent=False, have=json_type(created_at), want="a whole number")
            self._count("SC804", event, have)

    def _unknown(self, event: Event) -> None:
        if name := today(event.type):
            # A family of names (`….added`, `….done`) is wrong together.
            self._count("SC806", event, family=(event.type or "").rpartition(".")[0], today=name)
        else:
            # A vendor's own event, properly prefixed, is legal under every profile.
            self._count("SC807", event, severity=Severity.NOTE if ":" in (event.type or "") else None)

    def _problem(self, event: Event, problem: Problem) -> None:
        if problem.field == "item" and problem.have in ("", "null"):
            self._count("SC805", event)
        elif problem.absent:
            self._count("SC801", event, problem)
        else:
            self._count("SC804", event, problem)

    def _logprobs(self, event: Event) -> None:
        if applies(self._response, LOGPROBS_SINCE):
            self._count("SC802", event)

    def _count(self, code: str, event: Event, problem: Problem | None = None, family: str = "", **facts: Any) -> None:
        type_ = event.type or ""
        if problem is not None:
            facts |= problem._asdict() | {"fields": [problem.field]}
        # All missing fields of one type are one finding: they have one cause.
        key = (code, family or type_, problem.field if problem and not problem.absent else "")
        known = self._found.get(key)
        if known is None:
            self._found[key] = self._report(code, event.position, **{**facts, "type": type_})
            return
        if event.position not in (known.position, *known.evidence[-1:]):
            known.add(event.position)
        if problem is not None and problem.absent and problem.field not in known.text:
            known.text += f", {problem.field}"
            known.fields += (problem.field,)
