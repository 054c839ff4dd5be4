"""One recorded request and its response, from its first message to its last."""

from collections import Counter
from collections.abc import Iterator

from responses_tap.coding import ContentDecoder
from responses_tap.protocol.bodies import asks_for_stream
from responses_tap.protocol.sse import looks_like_events
from responses_tap.recorder.messages import (
    EndedBy,
    EndingMessage,
    FindingMade,
    Hint,
    Notice,
    RequestMessage,
    ResponseMessage,
    Sent,
    StreamFinished,
    StreamStarted,
    Trouble,
)
from responses_tap.recorder.values import short_text
from responses_tap.recorder.worker_side.body import EventBody
from responses_tap.recorder.worker_side.http_columns import (
    field,
    json_object,
    request_columns,
    response_columns,
    response_state,
)
from responses_tap.recorder.worker_side.upload import Upload
from responses_tap.store import ChunkRow, Recording
from responses_tap.store.rows import storable_int, storable_text
from responses_tap.store.waiting import Value
from responses_tap.store.writer import Writer, first_code
from responses_tap.stream import model
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.judging import checker_for
from responses_tap.urls import continued_response

_SILENCE_SECONDS = 1.0
"""A shorter silence before the end says nothing."""


class StreamRecorder:
    """A stream that is being recorded. Times are given in nanoseconds since its request.

    Its rows go to the writer, what changes again and again only at `publish`, which precedes each commit.
    """

    def __init__(self, stream: int, url: str, writer: Writer, profile: str) -> None:
        self.id = stream
        self._url = url
        self.writer = writer
        """Whose file it is in."""
        self._profile = profile
        self._notices: list[Notice] = []
        self._changed: dict[str, Value] = {}
        self._state = "open"
        self._terminal: str | None = None
        self._is_settled = False
        self.is_over = False
        """Whether nothing more will come."""
        self._names_model = True
        self._names_response = False
        self._is_upload = False
        self._upload: Upload | None = None
        self._continued: str | None = None
        self._fault: str | None = None
        self._secret: str | None = None
        self._status: int | None = None
        self._content_type: str | None = None
        self._coding = ContentDecoder(None)
        self._can_decode = True
        self._chunks = 0
        self._wire_size = 0
        self.size = 0
        """Bytes of the body, decoded."""
        self.last_byte_ns = 0
        """When the last piece of the body came."""
        self._keeps_wire = False
        self._asks_for_stream = False
        self._is_quarantined = False
        self._events: EventBody | None = None
        self._other = bytearray()
        self._verdict: EventBody | None = None
        """What judges the events, or at the end the body that has none."""

    @classmethod
    def begin(
        cls, flow: int, request: RequestMessage, writer: Writer, profile: str, columns: dict[str, Value] | None = None
    ) -> "StreamRecorder":
        """A new stream, with a row of its own, of the flow that the supervisor gave this number.

        `columns` is what the row says of the request, where that is known already.
        """
        columns = columns or request_columns(request, writer.masker)
        url, model = str(columns["url"]), columns["model"]
        live = cls(writer.add_stream(columns), url, writer, profile)
        live._names_model = model is not None
        live._asks_for_stream = asks_for_stream(url, storable_text(columns["request_body"]))
        if request.is_upload:
            live._is_upload, live._upload = True, Upload(live.id, request, writer)
        live._continued = continued_response(url)
        model = None if model is None else str(model)
        live._notices.append(StreamStarted(live.id, flow, str(writer.path), request.method, url, model))
        return live

    @classmethod
    def restore(cls, row: StreamRow, recording: Recording, writer: Writer, profile: str) -> "StreamRecorder":
        """The stream as a worker had it that died."""
        live = cls(row.id, row.url, writer, profile)
        live._state, live._names_model = row.state, row.model is not None
        live._asks_for_stream = asks_for_stream(row.url, row.request_body)
        live._is_upload = recording.has_upload(row.id)
        live._is_quarantined = row.state == "truncated"  # of a stream that goes on nothing else says so
        if row.status is not None:
            live._take_head(ResponseMessage(row.status, list(row.response_headers)))
        if not (chunks := recording.chunks(row.id)):
            return live
        last = chunks[-1]
        live._chunks, live.size, live.last_byte_ns = len(chunks), last.offset + last.size, last.at_ns
        live._wire_size = sum(chunk.wire_size for chunk in chunks)
        for raw in recording.wire(row.id):
            live._keeps_wire = True
            live._other += live._coding.decode(raw)
        if live._events is None and looks_like_events(bytes(live._other) or recording.body(row.id)):
            live._events = live._event_body()
        if live._events is not None:
            live._other.clear()
            live._events.restore(recording)
            if live._is_quarantined:
                live._events.stop_checking()
            live._terminal = live._events.terminal_type
        return live

    @property
    def state(self) -> str:
        """As its row has it."""
        return self._state

    def upload(self, data: bytes) -> None:
        """Take a piece of a request body that is large."""
        if self._upload is not None:
            self._upload.take(data)

    def sent(self, sent: Sent) -> bytes | None:
        """The request body is complete; its digest. None where it is not kept, because not all of it came here."""
        upload, self._upload = self._upload, None
        if upload is None or upload.size != sent.size:
            self.writer.drop_upload(self.id)
            told = f"the recorder could not keep up with the request of stream {self.id}: its body is not kept"
            self._notices.append(Trouble(told))
            return None
        columns = upload.columns()
        self._names_model = columns["model"] is not None
        self._asks_for_stream = asks_for_stream(self._url, storable_text(columns["request_body"]))
        self._changed |= columns
        return upload.digest

    def response(self, response: ResponseMessage) -> None:
        """Take the status and headers of the response."""
        self._take_head(response)
        self._changed |= response_columns(response, self.writer.masker)

    def chunk(self, data: bytes, at_ns: int) -> None:
        """Take a piece of the response's body as it came over the wire."""
        decoded = self._coding.decode(data)
        if self._events is None and self.size == 0 and looks_like_events(decoded):
            self._events = self._event_body()
        n = self._arrived(len(data), len(decoded), at_ns)
        if self._events is None or not self._coding.is_identity:
            self.writer.add_wire(self.id, n, data)
            self._keeps_wire = True
        if self._events is None:
            self._other += decoded
            return
        self._events.feed(decoded, at_ns, n)
        if self._state == "open" and (terminal := self._events.terminal_type) is not None:
            self._terminal = terminal
            self._settle(self._events.state, "server", terminal, at_ns)

    def _arrived(self, wire_size: int, size: int, at_ns: int) -> int:
        """Note the arrival of a chunk; its number."""
        n = self._chunks
        self.writer.add_chunk(ChunkRow(self.id, n, at_ns, wire_size, self.size, size))
        if n == 0:
            self._changed["first_byte_ns"] = at_ns
        self._chunks += 1
        self._wire_size += wire_size
        self.size += size
        self.last_byte_ns = at_ns
        return n

    def end(self, ending: EndingMessage, at_ns: int) -> None:
        """Nothing more will come."""
        if self._is_quarantined:
            self._end_unchecked()
            return
        reasons = self._reasons(ending, at_ns)
        self._verdict = self._events or self._judged()
        # Whoever but the server hung up after the terminal event has cut what was within an event, and nothing else.
        unfinished = self._events.unfinished if self._events is not None else 0
        by_peer = ending.ended_by in ("server", "network")
        cut = not by_peer and (self._state == "open" or ending.lost > 0 or unfinished > 0)
        self._verdict.finish(self.last_byte_ns, self._chunks - 1, cut=cut or not self._can_decode)
        if self._state == "open":
            self._settle(self._final_state(ending), ending.ended_by, "; ".join(reasons), at_ns)
        elif self._terminal is not None and not ending.complete and (by_peer or cut):
            within = [_within(unfinished)] if cut and unfinished else []
            self._changed["end_reason"] = "; ".join([self._terminal, f"but then {reasons[0]}", *within, *reasons[1:]])
            if cut:  # whoever checks the recording must know that the server isn't to blame for what is missing
                self._changed["ended_by"] = ending.ended_by
        self._conclude()

    def _conclude(self) -> None:
        self._is_settled = True
        if self._upload is not None:
            self._changed |= self._upload.columns()
        self._changed |= self._measures()
        self._close()

    def _close(self) -> None:
        """Keep what is to stay of a stream that is over, and nothing that was there for a worker to take over."""
        self.is_over = True
        if self._is_upload:
            self.writer.join_upload(self.id)
        if self._keeps_wire:
            self.writer.drop_wire(self.id)
        if self._events is None:
            self._changed["response_body"] = bytes(self._other) or None

    def quarantine(self, fault: str, at_ns: int) -> None:
        """The recorder failed on this stream: its row says so, and what still comes is kept without being checked."""
        self._is_quarantined = True
        if self._events is not None:
            self._events.stop_checking()
        reason = f"the recorder failed on this stream: {fault}"
        if self._state == "open":
            events = self._events.frames if self._events is not None else 0
            self._notices.append(StreamFinished(self.id, "truncated", "recorder", reason, events, 0, 0, 0, None))
        self._state = "truncated"
        self._changed |= {"state": "truncated", "ended_by": "recorder", "end_reason": reason, "end_ns": at_ns}

    @property
    def is_quarantined(self) -> bool:
        """Whether the recorder has failed on it."""
        return self._is_quarantined

    def _end_unchecked(self) -> None:
        if self._events is not None:
            self._events.finish(self.last_byte_ns, max(0, self._chunks - 1), cut=True)
            self._changed["event_count"] = self._events.frames
        self._changed |= {"wire_size": self._wire_size, "last_byte_ns": self.last_byte_ns if self._chunks else None}
        self._close()

    def _reasons(self, ending: EndingMessage, at_ns: int) -> list[str]:
        reasons = [ending.reason, *self._interrupted(at_ns)]
        if ending.lost:
            reasons.append(f"{ending.lost} bytes were not recorded, because the recorder could not keep up")
        if self._coding.damage is not None:
            reasons.append(self._coding.damage)
        return reasons

    def _interrupted(self, at_ns: int) -> Iterator[str]:
        """In what the end came, and after how long a silence."""
        if self._state == "open" and self._events is not None:
            if self._events.unfinished:
                yield _within(self._events.unfinished)
            silence_s = (at_ns - self.last_byte_ns) / 1e9
            if silence_s >= _SILENCE_SECONDS:
                yield f"silent for {silence_s:.1f} s"

    def publish(self) -> list[Notice]:
        """Hand the writer what has changed; the notices for the time after the commit."""
        if (verdict := self._events or self._verdict) is not None:
            for found in verdict.publish(settled=self._is_settled):
                notice = FindingMade(
                    self.id, found.code, found.name, str(found.severity), found.position, found.message
                )
                self._notices.append(notice)
        if self._events is not None:
            if self._events.fault != self._fault:
                self._fault = self._events.fault
                self._notices.append(Trouble(f"the findings of stream {self.id} are not all: {self._fault}"))
            self._name_response()
            if self._events.secret != self._secret:
                self._secret = self._events.secret
                advice = "exports will refuse or mask it"
                self._notices.append(Hint(f"stream {self.id} has what looks like a secret: {self._secret}; {advice}"))
        if self._changed:
            self.writer.set_stream(self.id, self._changed)
        if self._continued is not None:
            # At the end, too: the first part may have been written only now.
            self.writer.link_continuation(self.id, self._continued)
            self._continued = None if self._state != "open" else self._continued
        self._changed = {}
        self._is_settled = False
        notices, self._notices = self._notices, []
        return sorted(notices, key=lambda notice: isinstance(notice, StreamFinished))

    def _name_response(self) -> None:
        # While the stream is open others need it: a client may take up the response again over another connection.
        if not self._names_response and self._events is not None and (id_ := self._events.columns.get("response_id")):
            self._names_response = True
            self._changed["response_id"] = id_

    def _take_head(self, response: ResponseMessage) -> None:
        self._status = response.status
        self._content_type = field(response.headers, "content-type") or ""
        self._coding = ContentDecoder(field(response.headers, "content-encoding"))
        self._can_decode = self._coding.damage is None
        if self._content_type.lower().startswith("text/event-stream"):
            self._events = self._event_body()

    def _event_body(self, *, streamed: bool = True) -> EventBody:
        typed = () if self._content_type is None else (("content-type", self._content_type),)
        known = model.Stream(
            request=model.Request(url=self._url), response=model.Response(self._status, typed), live=True
        )
        return EventBody(self.id, self.writer, checker_for(known, self._profile, streamed=streamed))

    def _judged(self) -> EventBody:
        """The verdict on a body that isn't an event stream."""
        verdict = self._event_body(streamed=self._asks_for_stream)
        verdict.judge(bytes(self._other))
        return verdict

    def _final_state(self, ending: EndingMessage) -> str:
        if self._status is None or not 200 <= self._status < 300:  # noqa: PLR2004 (HTTP's successes)
            return "http-error"
        if self._events is not None or not ending.complete:
            return "truncated"
        return response_state(json_object(bytes(self._other)))

    def _settle(self, state: str, ended_by: EndedBy, reason: str, at_ns: int) -> None:
        self._state = state
        self._is_settled = True
        self._changed |= {"state": state, "ended_by": ended_by, "end_reason": reason, "end_ns": at_ns}
        self._changed |= self._measures()
        self._notices.append(self._finished(state, ended_by, reason))

    def _measures(self) -> dict[str, Value]:
        """What the row says of the body so far."""
        measures: dict[str, Value] = {
            "last_byte_ns": self.last_byte_ns if self._chunks else None,
            "wire_size": self._wire_size,
        }
        if self._events is not None:
            if not self._names_model:
                measures["model"] = self._events.model
            return measures | self._events.columns
        response = json_object(bytes(self._other))
        usage = response.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        return measures | {
            "event_count": 0,
            "response_id": short_text(response.get("id")) or None,
            "input_tokens": storable_int(usage.get("input_tokens")),
            "output_tokens": storable_int(usage.get("output_tokens")),
        }

    def _finished(self, state: str, ended_by: EndedBy, reason: str) -> StreamFinished:
        verdict = self._events or self._verdict
        findings = verdict.findings if verdict is not None else []
        counts = Counter(str(finding.severity) for finding in findings)
        return StreamFinished(
            self.id,
            state,
            ended_by,
            reason,
            self._events.events if self._events is not None else 0,
            counts["error"],
            counts["warning"],
            counts["note"],
            first_code(findings),
        )


def _within(unfinished: int) -> str:
    return f"{unfinished} bytes into an unfinished event"
