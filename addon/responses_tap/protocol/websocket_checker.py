"""The checker for a WebSocket: one message is one event, many responses follow each other, lanes run in parallel.

A client opens each turn with `response.create`; the server's events of one turn are a response. OpenAI lets
several run at once on lanes that every event names (`stream_id`); without lanes they come one after the other.

Every message of the server belongs to exactly one turn. `SocketChecker.turn` says to which, `Turn.feed` judges it
there; the recorder and `recheck` go the same way. What is kept of a finished turn is bounded.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any

from responses_tap.protocol.events import Event, error_words, parse, quoted, string, today
from responses_tap.protocol.findings import Finding, order
from responses_tap.protocol.grammar import STREAM
from responses_tap.protocol.judge import Judge
from responses_tap.protocol.profiles import DEFAULT_PROFILE, PROFILES, Profile
from responses_tap.protocol.request_facts import facts_of
from responses_tap.protocol.scopes import ResponseScope
from responses_tap.protocol.sse import Frame, RecordedMessage

_CREATED = "response.created"
_REQUESTS = ("response.create", "response.append")
"""What asks for a response; Codex's first WebSocket mode went on from the last one with `response.append`."""
_MOST_IDLE = 32
"""Lanes without a running response that are remembered."""
_MOST_FINISHED = 2000
"""Ids of finished responses and their items that are remembered."""
_MOST_STEERS = 32


class Turn:
    """One response of a socket, from the client's event that asks for it to its end: the checker of its messages."""

    def __init__(self, lane: str | None, profile: Profile, finished: "_Finished") -> None:
        self.profile = profile
        self.lane = lane
        """The `stream_id` of its events, None where they have none."""
        self.steered: bytes | None = None
        """The client's `response.steer` that this response follows by itself; None where it was asked for."""
        self.has_begun = False
        self.refusal: Event | None = None
        """The error that came instead of a response."""
        self.is_over = False
        """Whether no message can be of this turn any more."""
        self.interrupts: str | None = None
        """The id of the response that was still running on the lane when this one began."""
        self.interrupted_at: int | None = None
        """How many events there were when another one began on the lane, though this one was still running."""
        self.response = ResponseScope(required=profile.response_fields, over_websocket=True)
        self._judge = Judge(self.response, profile.over_websocket)
        self._finished = finished
        self._found: dict[str, Finding] = {}
        self._is_finished = False

    @property
    def responses(self) -> list[ResponseScope]:
        """Its response, in the form in which the checker of a body has several."""
        return [self.response]

    @property
    def findings(self) -> list[Finding]:
        """The findings so far, in order; those about the end come last."""
        return sorted(self._judge.ledger.findings, key=order)

    @property
    def is_running(self) -> bool:
        """Whether its response has begun and not ended."""
        return self.has_begun and self.response.terminal is None

    @property
    def is_waiting(self) -> bool:
        """Whether the server has not answered yet."""
        return not self.has_begun and self.refusal is None

    def knows(self, event: Event) -> bool:
        """Whether an event names this response or an item of it."""
        names_it = self.response.id is not None and self.response.id in (_response_id(event), _addressed(event))
        item = event.item_id or event.object("item").get("id")
        return names_it or (isinstance(item, str) and item in self.response.by_id)

    def feed(self, frame: Frame, at_ns: int | None = None) -> Event | None:
        """Check one message of the server and return its event, None where it isn't text.

        `at_ns` is its arrival in nanoseconds since the turn's beginning, where that is known.
        """
        if frame.data is None:
            self._report_once("WS005", None, have="binary")
            return None
        event = parse(frame.data)
        event.position = self.response.events
        self.response.events += 1
        if event.type is None:
            self._malformed(frame.data, event)
            return event
        is_note = event.row.kind is STREAM if event.row is not None else today(event.type) is None
        if self.lane is not None and event.string("stream_id") is None and not is_note:
            self._report_once("WS004", event.position, type=event.type)
        if event.type == "error":
            self._error(event)
        # A note or a vendor's event says nothing about a response that has not begun, or has ended, or is another one.
        is_mine = self.is_running and _addressed(event) in (None, self.response.id)
        if is_mine or not is_note:
            self._apply(event, at_ns)
        return event

    def finish(self, *, cut: bool = False) -> list[Finding]:
        """No more messages of it will come; with `cut`, because the reader stopped. The findings, in order."""
        if not self.has_begun:
            self.response.state = "truncated" if self.refusal is None else "http-error"
        elif not self._is_finished:
            # That another response began too early is reported there (WS001).
            self._judge.finish(cut=cut or self.interrupted_at is not None)
        self._is_finished = True
        return self.findings

    def close(self) -> None:
        """The server has gone on: no message can be of this turn any more."""
        self.finish()
        self.is_over = True

    def _apply(self, event: Event, at_ns: int | None) -> None:
        if (owner := self._owner(event)) is not None:
            self._report_once("WS002", event.position, type=event.type, finished=owner)
            return
        if self.interrupts is not None and not self.has_begun:
            self._report_once("WS001", event.position, before=self.interrupts, after=_response_id(event))
        self.has_begun = True
        # On a socket an error may lack its number (openai-python 3.54.0, ResponseWsError), and a vendor's event does.
        self._judge.apply(event, at_ns, uncounted=event.type == "error" or event.row is None)
        if event.position == self.response.terminal:
            self._finished.add(self.response)

    def _error(self, event: Event) -> None:
        missing = [] if "status" in event.data else ["status"]
        missing += [] if event.object("error").get("code") else ["error.code"]
        if missing:
            words = quoted(error_words(event.data))
            self._report_once("WS003", event.position, fields=missing, lacking=", ".join(missing), words=words)
        if self.is_waiting:
            self.refusal = event

    def _malformed(self, data: bytes, event: Event) -> None:
        start = data.lstrip()[:16]
        if start.startswith((b"data:", b"event:", b":", b"[DONE]")):
            have = "framed as server-sent events"
        else:
            have = event.flaw.detail if event.flaw else "no event"
        self._report_once("WS005", event.position, have=have)
        if self.is_running:
            self._judge.skip()

    def _owner(self, event: Event) -> str | None:
        """The finished response that an event is about instead of this one."""
        if event.type == _CREATED or self.knows(event):
            return None
        return self._finished.owner(_response_id(event)) or self._finished.owner(event.item_id)

    def _report_once(self, code: str, position: int | None, **facts: Any) -> None:
        if (known := self._found.get(code)) is None:
            self._found[code] = self._judge.ledger(code, position, **facts)
        elif position is None:
            known.count += 1
        else:
            known.add(position)


class SocketChecker:
    """Assigns each message of a socket to its turn."""

    def __init__(self, profile: str = DEFAULT_PROFILE) -> None:
        self.profile = PROFILES[profile]
        self._lanes: dict[str | None, _Lane] = {}
        self._finished = _Finished()
        self._steers: dict[str, bytes] = {}

    def asked(self, message: bytes) -> Turn | None:
        """Note a message of the client; returns the turn that it asks for, if it does."""
        event = parse(message)
        previous = event.string("previous_response_id")
        if event.type in _REQUESTS:
            lane = self._lane(event.string("stream_id"))
            turn = self._new_turn(lane)
            turn.response.request = facts_of("", message.decode(errors="replace"))
            lane.waiting.append(turn)
            return turn
        if event.type == "response.steer" and previous is not None:
            self._steers[previous] = message
            if len(self._steers) > _MOST_STEERS:
                del self._steers[next(iter(self._steers))]
        return None

    def turn(self, frame: Frame) -> Turn:
        """The turn that a message of the server belongs to. It may be a new one that nobody asked for."""
        event = parse(frame.data or b"null")
        lane = self._lane_of(event)
        if event.type == _CREATED:
            return self._begun(lane, event)
        return lane.holder(event) or self._next(lane)

    def feed(self, frame: Frame, at_ns: int | None = None) -> Turn:
        """Judge a message of the server in its turn."""
        turn = self.turn(frame)
        turn.feed(frame, at_ns)
        return turn

    def about(self, message: bytes) -> Turn | None:
        """The turn that a message of the client which asks for none is about: the one it names, else the last."""
        event = parse(message)
        named = event.string("previous_response_id") or event.string("response_id")
        turns = [lane.current for lane in self._lanes.values() if lane.current is not None]
        known = [turn for turn in turns if named is not None and turn.response.id == named]
        return next(reversed(known or turns), None)

    def _begun(self, lane: "_Lane", created: Event) -> Turn:
        current = lane.current
        if current is not None and current.is_waiting:
            return current
        if current is not None and current.is_running and current.response.id == _response_id(created):
            return current  # created twice: LC102
        previous = created.object("response").get("previous_response_id")
        if lane.waiting and lane.waiting[0].response.request.previous_response_id == previous:
            return self._next(lane)
        steer = self._steers.pop(previous, None) if isinstance(previous, str) else None
        if steer is None:
            return self._next(lane)
        lane.advance(turn := self._new_turn(lane))
        turn.steered = steer
        return turn

    def _next(self, lane: "_Lane") -> Turn:
        """The lane's next turn: the one that was asked for first, or a new one."""
        turn = lane.waiting.popleft() if lane.waiting else self._new_turn(lane)
        lane.advance(turn)
        return turn

    def _new_turn(self, lane: "_Lane") -> Turn:
        return Turn(lane.name, self.profile, self._finished)

    def _lane_of(self, event: Event) -> "_Lane":
        name = event.string("stream_id")
        own = self._lanes.get(name)
        if name is None and not (own and own.is_busy) and (stray := self._strayed(event)):
            return stray
        return self._lane(name)

    def _strayed(self, event: Event) -> "_Lane | None":
        """The lane that an event without a name must belong to: one with a response that is running or awaited."""
        is_new = event.type == _CREATED
        busy = [lane for lane in self._lanes.values() if (lane.is_awaited if is_new else lane.is_busy)]
        known = [lane for lane in busy if lane.current is not None and lane.current.knows(event)]
        return next(reversed(known or busy), None)

    def _lane(self, name: str | None) -> "_Lane":
        lane = self._lanes.pop(name, None) or _Lane(name)
        self._lanes[name] = lane  # the one used last stands last
        if len(self._lanes) > _MOST_IDLE and (idle := self._oldest_idle(lane)):
            del self._lanes[idle.name]
            idle.close()
        return lane

    def _oldest_idle(self, used: "_Lane") -> "_Lane | None":
        return next((lane for lane in self._lanes.values() if not lane.is_busy and lane is not used), None)


class _Lane:
    """Responses that come one after the other."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.current: Turn | None = None
        self.waiting: deque[Turn] = deque()
        self._interrupted: list[Turn] = []

    @property
    def is_busy(self) -> bool:
        """Whether a response is running or asked for."""
        return self.is_awaited or (self.current is not None and self.current.is_running)

    @property
    def is_awaited(self) -> bool:
        """Whether a response has been asked for that has not begun."""
        return bool(self.waiting) or (self.current is not None and self.current.is_waiting)

    def holder(self, event: Event) -> Turn | None:
        """The turn that an event other than a first one belongs to; None for the next one."""
        current = self.current
        # Where a server multiplexes, its events can still be distinguished by the items that they name.
        if self._interrupted and (known := next((turn for turn in self._interrupted if turn.knows(event)), None)):
            return known
        if current is None or current.is_waiting or current.is_running:
            return current
        return None if self.waiting and not current.knows(event) else current

    def advance(self, turn: Turn) -> None:
        """Go on with this turn."""
        for given_up in [t for t in self._interrupted if t.interrupted_at == t.response.events or not t.is_running]:
            self._interrupted.remove(given_up)
            given_up.close()
        before, self.current = self.current, turn
        if before is not None and before.is_running and before.response.error is None:
            turn.interrupts, before.interrupted_at = before.response.id, before.response.events
            self._interrupted.append(before)
        elif before is not None:
            before.close()

    def close(self) -> None:
        """Nothing more comes over this lane."""
        for turn in (self.current, *self._interrupted):
            if turn is not None:
                turn.close()


class _Finished:
    """Who the items and ids of finished responses belong to."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}

    def add(self, response: ResponseScope) -> None:
        """Remember a response that has ended."""
        if response.id is None:
            return
        for id_ in (response.id, *response.by_id):
            self._owners.pop(id_, None)
            self._owners[id_] = response.id
        while len(self._owners) > _MOST_FINISHED:
            del self._owners[next(iter(self._owners))]

    def owner(self, id_: str | None) -> str | None:
        """The response that an id belongs to, None where it is none of a finished one."""
        return None if id_ is None else self._owners.get(id_)


def judge_again(checker: SocketChecker, messages: Iterable[RecordedMessage]) -> dict[int, Turn]:
    """The turns of a recorded socket by their streams, unfinished, after all its messages in their order."""
    turns: dict[int, Turn] = {}
    for stream, at_ns, frame, request in messages:
        if frame is None:
            turn = checker.asked(request)
            if turn is not None:
                turns.setdefault(stream, turn)
        else:
            # To which stream a message went is a fact, whatever is thought of it today.
            turns.setdefault(stream, checker.turn(frame)).feed(frame, at_ns)
    return turns


def _addressed(event: Event) -> str | None:
    """The response that an answer to the client's steering or injecting is about."""
    return event.string("response_id") or string(event.object("steer"), "previous_response_id")


def _response_id(event: Event) -> str | None:
    return string(event.object("response"), "id")
