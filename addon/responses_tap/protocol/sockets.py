"""The checker for a WebSocket: one message is one event, many responses follow each other, lanes run in parallel.

A client opens each turn with `response.create`; the server's events of one turn are a response. OpenAI lets
several run at once on lanes that every event names (`stream_id`); without lanes they come one after the other.
"""

from responses_tap.protocol.events import Event, parse
from responses_tap.protocol.findings import Finding, order
from responses_tap.protocol.grammar import STREAM
from responses_tap.protocol.judge import Judge, Ledger
from responses_tap.protocol.profiles import DEFAULT_PROFILE, PROFILES
from responses_tap.protocol.scopes import Response


class SocketChecker:
    """Checks what a server sends over one socket, message by message."""

    def __init__(self, profile: str = DEFAULT_PROFILE) -> None:
        self.profile = PROFILES[profile]
        self._judges: list[Judge] = []
        self._lanes: dict[str | None, Judge] = {}
        self._socket = Ledger(self.profile, 0)
        self._messages = 0

    @property
    def responses(self) -> list[Response]:
        """The responses of the socket so far, in order of their beginning."""
        return [judge.response for judge in self._judges]

    @property
    def findings(self) -> list[Finding]:
        """The findings so far, in order of response and position."""
        found = [*self._socket.findings]
        for judge in self._judges:
            found += judge.ledger.findings
        return sorted(found, key=order)

    def feed(self, message: bytes, *, text: bool = True, at_ns: int | None = None) -> Event | None:
        """Take one message of the server; its event, None where it is none or belongs to the socket itself."""
        number, self._messages = self._messages, self._messages + 1
        event = parse(message)
        if not text or event.type is None:
            self._malformed(number, message, event, text=text)
            return None
        lane = event.string("stream_id")
        if lane is None and any(key is not None for key in self._lanes):
            self._socket("WS004", number, type=event.type)
        if event.row is not None and event.row.kind is STREAM:
            return self._note(event, lane, number)
        judge = self._judge(event, lane, number)
        if judge is None:
            return None
        event.response, event.position = judge.response.index, judge.response.events
        judge.response.events += 1
        judge.apply(event, at_ns)
        return event

    def finish(self, *, cut: bool = False) -> list[Finding]:
        """The socket has closed; with `cut`, because the reader stopped. The findings, in order."""
        for judge in self._lanes.values():
            judge.finish(cut=cut)
        self._lanes = {}
        return self.findings

    def _malformed(self, number: int, message: bytes, event: Event, *, text: bool) -> None:
        start = message.lstrip()[:16]
        if not text:
            have = "binary"
        elif start.startswith((b"data:", b"event:", b":", b"[DONE]")):
            have = "framed as server-sent events"
        else:
            have = event.fault.detail if event.fault else "no event"
        self._socket("WS005", None, message=number, have=have)

    def _note(self, event: Event, lane: str | None, number: int) -> Event | None:
        """An error, a keepalive or a steer event: of the running response, or of the socket."""
        judge = self._lanes.get(lane)
        if event.type == "error":
            missing = [] if "status" in event.data else ["status"]
            missing += [] if event.object("error").get("code") else ["error.code"]
            if missing:
                self._socket("WS003", number, fields=", ".join(missing))
        if judge is None or judge.response.terminal is not None:
            return None
        event.response, event.position = judge.response.index, judge.response.events
        judge.response.events += 1
        judge.apply(event, None)
        return event

    def _judge(self, event: Event, lane: str | None, number: int) -> Judge | None:
        """The response of an event: a new one at response.created; None for an event of a finished one."""
        current = self._lanes.get(lane)
        if event.type == "response.created":
            id_ = event.object("response").get("id")
            if current is not None and current.response.terminal is None and id_ == current.response.id:
                return current  # created twice: LC102
            if current is not None:
                if current.response.terminal is None:
                    self._socket("WS001", number, before=current.response.id, after=id_)
                current.finish(cut=current.response.terminal is None)
            return self._begin(lane)
        if current is None:
            return self._begin(lane)
        if (finished := self._finished_owner(event, current)) is not None:
            self._socket("WS002", number, type=event.type, finished=finished.id)
            return None
        return current

    def _begin(self, lane: str | None) -> Judge:
        response = Response(len(self._judges), required=self.profile.response_fields)
        judge = Judge(response, self.profile)
        self._judges.append(judge)
        self._lanes[lane] = judge
        return judge

    def _finished_owner(self, event: Event, current: Judge) -> Response | None:
        """The earlier response whose item, or whose id, the event names."""
        id_ = event.object("response").get("id")
        item = event.item_id
        for judge in self._judges:
            other = judge.response
            if judge is not current and other.terminal is not None:
                if id_ is not None and id_ == other.id != current.response.id:
                    return other
                if item is not None and item in other.by_id and item not in current.response.by_id:
                    return other
        return None
