"""One recorded request and its response, from its first message to its last."""

from collections.abc import Iterator

from responses_tap.coding import broken_within
from responses_tap.protocol.bodies import is_unreached
from responses_tap.recorder.messages import (
    EndedBy,
    EndingMessage,
    Notice,
    RequestMessage,
    ResponseMessage,
    Sent,
    StreamStarted,
    Trouble,
)
from responses_tap.recorder.worker_side.body import EventBody, failure
from responses_tap.recorder.worker_side.http_columns import request_columns, response_columns
from responses_tap.recorder.worker_side.recorded_request import RecordedRequest
from responses_tap.recorder.worker_side.recorded_response import RecordedResponse
from responses_tap.recorder.worker_side.stream_notices import StreamNotices
from responses_tap.store import Recording
from responses_tap.store.writer import Writer
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.storable import Value

_SILENCE_SECONDS = 1.0
"""A shorter silence before the end says nothing."""


class StreamRecorder:
    """A stream that is being recorded. Times are given in nanoseconds since its request.

    Its rows go to the writer, what changes again and again only at `publish`, which precedes each commit.
    """

    def __init__(self, stream: int, request: RecordedRequest, writer: Writer, profile: str) -> None:
        self.id = stream
        self.writer = writer
        """Whose file it is in."""
        self._request = request
        self._response = RecordedResponse(stream, writer, profile, request)
        self._verdict: EventBody | None = None
        """What has judged the body, at the end."""
        self._notices = StreamNotices(stream)
        self._changed: dict[str, Value] = {}
        self._state = "open"
        self._terminal: str | None = None
        """The type of the terminal event that settled the state."""
        self._is_settled = False
        self._is_quarantined = False
        self.is_over = False
        """Whether nothing more will come."""

    @classmethod
    def begin(
        cls,
        flow: int,
        request: RequestMessage,
        writer: Writer,
        profile: str,
        columns: dict[str, Value] | None = None,
    ) -> "StreamRecorder":
        """A new stream, with a row of its own, of the flow that the supervisor gave this number.

        `columns` is what the row says of the request, where that is known already.
        """
        columns = columns or request_columns(request, writer.masker)
        live = cls(writer.add_stream(columns), RecordedRequest.of(columns), writer, profile)
        live._request.begin(live.id, request, writer)
        writer.link_turn(live.id, live._request.clues)
        live.begin_notice(flow, request.method, columns["model"])
        return live

    @classmethod
    def restore(cls, row: StreamRow, recording: Recording, writer: Writer, profile: str) -> "StreamRecorder":
        """The stream as a worker had it that died."""
        request = RecordedRequest.restored(row)
        request.is_upload = recording.has_upload(row.id)
        live = cls(row.id, request, writer, profile)
        live._state = row.state
        live._is_quarantined = row.state == "truncated"  # of a stream that goes on nothing else says so
        response = live._response
        if row.status is not None:
            response.head(ResponseMessage(row.status, list(row.response_headers)))
        response.restore(recording)
        if response.events is not None and response.received.count:
            if live._is_quarantined:
                response.events.stop_checking()
            live._terminal = response.events.terminal_type
        return live

    def begin_notice(self, flow: int, method: str, model: Value) -> None:
        """Tell that it is being recorded."""
        named = None if model is None else str(model)
        self._notices.add(StreamStarted(self.id, flow, str(self.writer.path), method, self._request.url, named))

    @property
    def state(self) -> str:
        """As its row has it."""
        return self._state

    @property
    def last_byte_ns(self) -> int:
        """When the last piece of the body came."""
        return self._response.received.last_byte_ns

    @property
    def is_quarantined(self) -> bool:
        """Whether the recorder has failed on it."""
        return self._is_quarantined

    def upload(self, data: bytes) -> None:
        """Take a piece of a request body that is large."""
        self._request.take(data)

    def sent(self, sent: Sent) -> bytes | None:
        """The request body is complete; its digest. None where it is not kept, because not all of it came here."""
        if (whole := self._request.finish(sent.size)) is None:
            self.writer.drop_upload(self.id)
            told = f"the recorder could not keep up with the request of stream {self.id}: its body is not kept"
            self._notices.add(Trouble(told))
            return None
        columns, digest = whole
        self._changed |= columns
        self.writer.link_turn(self.id, self._request.clues)
        return digest

    def response(self, response: ResponseMessage) -> None:
        """Take the status and headers of the response."""
        self._response.head(response)
        self._changed |= response_columns(response, self.writer.masker)

    def chunk(self, data: bytes, at_ns: int) -> None:
        """Take a piece of the response's body as it came over the wire."""
        self._note_first_byte(at_ns)
        self._response.chunk(data, at_ns)
        events = self._response.events
        if self._state == "open" and events is not None and (terminal := events.terminal_type) is not None:
            self._terminal = terminal
            self._settle(events.state, "server", terminal, at_ns)

    def _note_first_byte(self, at_ns: int) -> None:
        if not self._response.received.count:
            self._changed["first_byte_ns"] = at_ns

    def end(self, ending: EndingMessage, at_ns: int) -> None:
        """Nothing more will come."""
        if self._is_quarantined:
            self._end_unchecked()
            return
        response = self._response
        reasons = self._reasons(ending, at_ns)
        self._verdict = response.judged()
        # If anyone but the server hangs up after the terminal event, only a partial event is cut.
        unfinished = response.unfinished
        by_peer = ending.ended_by in ("server", "network")
        cut = not by_peer and (self._state == "open" or ending.lost > 0 or unfinished > 0)
        received = response.received
        if (broken := broken_within(response.damage)) is not None:
            self._verdict.encoding_broke(broken)
        if is_unreached(ending.reason):
            self._verdict.not_reached()
        self._verdict.finish(received.last_byte_ns, received.count - 1, cut=cut or not response.can_decode)
        if self._state == "open":
            self._settle(self._final_state(ending), ending.ended_by, "; ".join(reasons), at_ns)
        elif self._terminal is not None and not ending.complete and (by_peer or cut):
            within = [_within(unfinished)] if cut and unfinished else []
            self._changed["end_reason"] = "; ".join([self._terminal, f"but then {reasons[0]}", *within, *reasons[1:]])
            if cut:  # a later check must know that the server isn't to blame for what is missing
                self._changed["ended_by"] = ending.ended_by
        self._is_settled = True
        self._changed |= self._request.unfinished | response.columns
        self._close()

    def _close(self) -> None:
        """Keep what is to stay of a stream that is over, and nothing that was there for a worker to take over."""
        self.is_over = True
        if self._request.is_upload:
            self.writer.join_upload(self.id)
        self._changed |= self._response.close()

    def quarantine(self, fault: str, at_ns: int) -> None:
        """The recorder failed on this stream: its row says so, and what still comes is kept without being checked."""
        self._is_quarantined = True
        events = self._response.events
        if events is not None:
            events.stop_checking()
        reason = failure(fault)
        if self._state == "open":
            self._notices.finished("truncated", "recorder", reason, 0 if events is None else events.frames, [])
        self._state = "truncated"
        self._changed |= {"state": "truncated", "ended_by": "recorder", "end_reason": reason, "end_ns": at_ns}

    def _end_unchecked(self) -> None:
        events, received = self._response.events, self._response.received
        if events is not None:
            events.finish(received.last_byte_ns, max(0, received.count - 1), cut=True)
            self._changed["event_count"] = events.frames
        self._changed |= received.columns
        self._close()

    def _reasons(self, ending: EndingMessage, at_ns: int) -> list[str]:
        reasons = [ending.reason, *self._interrupted(ending, at_ns)]
        if ending.lost:
            reasons.append(f"{ending.lost} bytes were not recorded, because the recorder could not keep up")
        if self._response.damage is not None:
            reasons.append(self._response.damage)
        return reasons

    def _interrupted(self, ending: EndingMessage, at_ns: int) -> Iterator[str]:
        """In what the end came, and after how long a silence."""
        if self._state == "open" and self._response.events is not None:
            if self._response.unfinished:
                yield _within(self._response.unfinished)
            silence_s = (at_ns - self.last_byte_ns) / 1e9
            # A recorder that stops knows nothing of what has come since.
            if ending.ended_by != "recorder" and silence_s >= _SILENCE_SECONDS:
                yield f"silent for {silence_s:.1f} s"

    def _final_state(self, ending: EndingMessage) -> str:
        return self._response.final_state(ending)

    def _settle(self, state: str, ended_by: EndedBy, reason: str, at_ns: int) -> None:
        self._state = state
        self._is_settled = True
        self._changed |= {"state": state, "ended_by": ended_by, "end_reason": reason, "end_ns": at_ns}
        self._changed |= self._response.columns
        events = self._response.events
        verdict = events or self._verdict
        if verdict is not None:
            self.writer.set_output(self.id, verdict.output, self._request.clues.history)
        found = [] if verdict is None else verdict.findings
        self._notices.finished(state, ended_by, reason, 0 if events is None else events.events, found)

    def publish(self) -> list[Notice]:
        """Hand the writer what has changed; the notices for the time after the commit."""
        events = self._response.events
        if (verdict := events or self._verdict) is not None:
            self._notices.found(verdict.publish(settled=self._is_settled))
        if events is not None:
            self._notices.noticed(events)
            self._changed |= events.name()
        if self._changed:
            self.writer.set_stream(self.id, self._changed)
        if self._request.continues is not None:
            # At the end, too: the first part may have been written only now.
            self.writer.link_continuation(self.id, self._request.continues)
            self.writer.link_turn(self.id, self._request.clues)
            self._request.continues = self._request.continues if self._state == "open" else None
        self._changed = {}
        self._is_settled = False
        return self._notices.take()


def _within(unfinished: int) -> str:
    return f"{unfinished} bytes into an unfinished event"
