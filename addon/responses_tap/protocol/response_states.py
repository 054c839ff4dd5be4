"""The states of a response: created once and first, one terminal event last, each with a status that fits it."""

from typing import Any

from responses_tap.protocol.events import Event, error_words, quoted, string
from responses_tap.protocol.findings import Finding, Reporter, Severity, counted
from responses_tap.protocol.grammar import RESPONSE, STATUS, Role, Row
from responses_tap.protocol.scopes import ResponseScope


class ResponseStates:
    """The lifecycle of one response."""

    def __init__(self, response: ResponseScope, report: Reporter) -> None:
        self._response = response
        self._report = report
        self._begun = False
        self._is_created = False
        self._latest: Row | None = None
        self._items_began = False
        self._found: dict[str, Finding] = {}
        self._has_untyped_error = False
        self._missing_created: Finding | None = None
        self._error_words = ""

    def apply(self, event: Event, row: Row | None) -> bool:
        """Move the lifecycle on; whether the event may still change the tree of scopes."""
        # OpenAI keeps a connection alive with events of its own before the response is created.
        if not self._begun and event.type != "keepalive":
            self._begin(event, row)
        if row is None:
            return False
        if row.role is Role.ERROR:
            self._response.error = event.position
            self._error_words = quoted(error_words(event.data))
        if self._response.terminal is not None:
            self._after_terminal(event, row)
            return False
        if row.kind is not RESPONSE:
            self._items_began = self._items_began or row.kind.name != "stream"
            return True
        if row.role is Role.STATE and "response" not in event.data:
            return False  # a keepalive in disguise: TR913
        self._order(event, row)
        self._snapshot(event)
        self._status(event, row)
        if row.role is Role.TERMINAL:
            self._response.terminal = event.position
            self._response.terminal_type = row.type
            self._response.state = row.type.removeprefix("response.")
        return True

    def untyped_error(self, event: Event, words: str) -> None:
        """Take an error that has no type, as an error event."""
        self._has_untyped_error = True
        self._response.error = event.position
        self._report("SC814", event.position, fields=list(event.data)[:1], message=words)

    def finish(self, *, cut: bool) -> None:
        """No more events will come; with `cut`, because the reader stopped."""
        response = self._response
        if response.terminal is not None:
            return
        response.state = "truncated"
        if cut or self._has_untyped_error:
            return
        if response.error is not None:
            if response.events == 1:
                self._report.withdraw(self._missing_created)
            # Behind other events, it was not the error that ended it; on a WebSocket, Codex reads the error itself.
            is_heard = response.over_websocket or response.error < response.events - 1
            severity = Severity.NOTE if is_heard else None
            self._report("LC104", response.error, severity=severity, words=self._error_words)
        else:
            self._report("LC103", None, missing="response.completed", events=counted(response.events, "event"))

    def _begin(self, event: Event, row: Row | None) -> None:
        self._begun = True
        if (row is not None and row.type == RESPONSE.opener) or self._response.resumed:
            return
        if event.sequence_number:
            self._response.tentative = []
        found = self._report("LC101", event.position, missing=RESPONSE.opener, type=event.type)
        self._missing_created = found
        self._response.mark_tentative(found)

    def _after_terminal(self, event: Event, row: Row) -> None:
        if row.kind.name == "stream" and event.type != "keepalive" and self._tolerated(row):
            return
        if row.role is Role.TERMINAL:
            self._count("LC105", event)
        else:
            self._count("LC106", event, terminal=self._response.terminal_type)

    def _tolerated(self, row: Row) -> bool:
        # Azure sends `error` after response.failed; steer events belong to the socket, not to the response.
        return row.role is not Role.ERROR or self._response.state == "failed"

    def _order(self, event: Event, row: Row) -> None:
        latest, self._latest = self._latest, row
        if row.role is Role.OPEN:
            is_first, self._is_created = not self._is_created, True
            if is_first and latest is not None and self._missing_created is not None:
                self._missing_created.add_note(f"it comes late (event {event.position})")
            elif latest is not None:
                self._count("LC102", event, id=self._response.id)
        elif row.role is Role.STATE:
            if latest is not None and row.order <= latest.order:
                self._count("LC107", event, later=latest.type)
            elif self._items_began:
                self._count("LC107", event, later="an item")

    def _snapshot(self, event: Event) -> None:
        response, snapshot = self._response, event.object("response")
        if snapshot.get("background") is True and response.tentative is not None:
            for finding in response.tentative:
                self._report.withdraw(finding)
            response.resumed = True
        response.tentative = None
        response.id = string(snapshot, "id") if response.id is None else response.id
        response.model = string(snapshot, "model") if response.model is None else response.model
        created_at = snapshot.get("created_at")
        if response.created_at is None and isinstance(created_at, int | float):
            response.created_at = created_at
        if snapshot:
            response.snapshot = snapshot
        usage = snapshot.get("usage")
        if isinstance(usage, dict):
            response.usage = usage

    def _status(self, event: Event, row: Row) -> None:
        status = string(event.object("response"), "status")
        allowed = STATUS[row.type]
        if status is not None and status not in allowed:
            self._report("ST701", event.position, type=event.type, have=status, want=" or ".join(allowed))

    def _count(self, code: str, event: Event, **facts: Any) -> None:
        if known := self._found.get(code):
            known.add(event.position)
        else:
            self._found[code] = self._report(code, event.position, type=event.type, **facts)
