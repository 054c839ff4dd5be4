"""The body of an event stream on its way into rows: cut into frames, checked, written frame by frame."""

import hashlib
from typing import Any

from responses_tap.privacy.looks import find_secrets
from responses_tap.protocol.checker import RULES_VERSION, Checker
from responses_tap.protocol.events import Event, parse
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.sockets import Turn
from responses_tap.protocol.sse import Decoder, Frame
from responses_tap.store import EventRow, Recording
from responses_tap.store.rows import storable_int, storable_text
from responses_tap.store.writer import Value, Writer

_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"event:", b"data:", b"id:", b"retry:", b":")


def looks_like_events(start: bytes) -> bool:
    """Whether a body that begins so is an event stream, whatever the server calls it."""
    return start.removeprefix(_BOM).startswith(_FIELDS)


class EventBody:
    """The frames of one event stream, and what they add up to."""

    def __init__(self, stream: int, writer: Writer, checker: Checker | Turn) -> None:
        self._stream = stream
        self._writer = writer
        self._checker = checker
        self._decoder = Decoder()
        self._frames = 0
        # What the decoder holds back: the beginning of a frame that has not ended.
        self._unframed = bytearray()
        self._tail_written: int | None = 0
        """How many bytes of that are in the file; None: it has other ones, from before the latest frame."""
        self._shape = hashlib.sha256()
        self._latest_type: str | None = None
        self._published: list[Finding] = []
        self.terminal_type: str | None = None
        """The type of the terminal event that the last response has reached."""
        self.fault: str | None = None
        """What the checker stumbled over: its findings are not all, the facts are."""
        self.secret: str | None = None
        """The first thing that looks like a secret, and where; deltas are not looked at, what they add up to is."""

    @property
    def events(self) -> int:
        """How many events there are so far."""
        return sum(response.events for response in self._checker.responses)

    @property
    def unfinished(self) -> int:
        """How many bytes there are of an event that has not ended."""
        return len(self._unframed)

    @property
    def state(self) -> str:
        """The state of the last response: open, completed, incomplete, failed or truncated."""
        responses = self._checker.responses
        return responses[-1].state if responses else "open"

    @property
    def findings(self) -> list[Finding]:
        """The findings so far."""
        return self._checker.findings

    @property
    def columns(self) -> dict[str, Value]:
        """What the stream's row says of the events so far."""
        columns: dict[str, Value] = {"event_count": self.events}
        if responses := self._checker.responses:
            usage: dict[str, Any] = responses[-1].usage or {}
            columns |= {
                "response_id": responses[0].id,
                "input_tokens": storable_int(usage.get("input_tokens")),
                "output_tokens": storable_int(usage.get("output_tokens")),
                "shape": self._shape.hexdigest()[:12],
            }
        return columns

    @property
    def model(self) -> str | None:
        """The model as the server names it."""
        responses = self._checker.responses
        return responses[0].model if responses else None

    def feed(self, data: bytes, at_ns: int, chunk: int) -> None:
        """Take decoded bytes that came with this chunk, `at_ns` after the stream's start."""
        frames = self._decoder.feed(data)
        if self._unframed or len(frames) != 1 or len(frames[0].raw) != len(data):  # nearly every chunk is a frame
            self._unframed += data
            if frames:
                del self._unframed[: sum(len(frame.raw) for frame in frames)]
                self._tail_written = None if self._tail_written != 0 else 0
        for frame in frames:
            self.take(frame, at_ns, chunk)

    def judge(self, body: bytes) -> None:
        """Have a whole body judged that isn't an event stream: none of it is written as a frame."""
        self._check(Frame(body, None, None), 0)

    def finish(self, at_ns: int, chunk: int, *, cut: bool) -> None:
        """No more bytes will come. `cut` says that it was not the server who stopped."""
        if (tail := self._decoder.finish()) is not None:
            self._unframed.clear()
            self._tail_written = None if self._tail_written != 0 else 0
            self.take(tail, at_ns, chunk)
        try:
            self._checker.finish(cut=cut and self.terminal_type is None)
        except Exception as error:  # noqa: BLE001 (facts are kept whatever a rule does)
            self.fault = self.fault or repr(error)

    def restore(self, recording: Recording) -> None:
        """Take over from a worker that has died, by the rows that it wrote."""
        for row in recording.events(self._stream):
            for frame in self._decoder.feed(row.raw):
                self._check(frame, row.at_ns)
        self._unframed += recording.tail(self._stream)
        self._decoder.feed(bytes(self._unframed))
        self._tail_written = len(self._unframed)
        self._published = self.findings

    def retake(self, frame: Frame, at_ns: int) -> None:
        """Take a frame that a worker which has died has already taken and written."""
        self._check(frame, at_ns)
        self._published = self.findings

    def publish(self, *, settled: bool) -> list[Finding]:
        """Write the tail, findings and verdict as far as they have changed; the findings that are new."""
        if self._tail_written is None:
            self._writer.set_tail(self._stream, bytes(self._unframed))
        elif len(self._unframed) > self._tail_written:
            self._writer.add_tail(self._stream, bytes(self._unframed[self._tail_written :]))
        self._tail_written = len(self._unframed)
        findings = self.findings
        published = set(self._published)
        new = [finding for finding in findings if finding not in published]
        if settled or new or len(findings) != len(self._published):
            profile = self._checker.profile.name
            self._writer.set_findings(self._stream, findings, rules=RULES_VERSION, profile=profile)
            self._published = findings
        return new

    def take(self, frame: Frame, at_ns: int, chunk: int) -> None:
        """Take one frame, already cut out of the body."""
        n = self._frames
        event = self._check(frame, at_ns)
        if self.secret is None and (event is None or not (event.type or "").endswith(".delta")):
            self._look_for_secret(frame, event)
        if event is None:
            row = EventRow(self._stream, n, None, at_ns, chunk, None, None, None, None, None, None, 0, frame.raw)
        else:
            row = EventRow(
                self._stream,
                n,
                event.position,
                at_ns,
                chunk,
                storable_text(event.type),
                event.sequence_number,
                event.output_index,
                event.content_index,
                event.summary_index,
                storable_text(event.item_id),
                event.response,
                frame.raw,
            )
        self._writer.add_event(row)

    def _check(self, frame: Frame, at_ns: int) -> Event | None:
        self._frames += 1
        try:
            event = self._checker.feed(frame, at_ns)
        except Exception as error:  # noqa: BLE001 (facts are kept whatever a rule does)
            self.fault = self.fault or repr(error)
            event = self._unchecked(frame)
        if event is not None and event.type != self._latest_type:
            self._latest_type = event.type
            self._shape.update(f"{event.type}\n".encode(errors="replace"))
            responses = self._checker.responses
            self.terminal_type = responses[-1].terminal_type if responses else None
        return event

    def _look_for_secret(self, frame: Frame, event: Event | None) -> None:
        for secret in find_secrets(frame.raw.decode(errors="replace"))[:1]:
            place = f"frame {self._frames - 1}" if event is None else f"event {event.position} ({event.type})"
            self.secret = f"{secret.kind} in {place}"

    def _unchecked(self, frame: Frame) -> Event | None:
        if not frame.data:
            return None
        event = parse(frame.data)
        if responses := self._checker.responses:
            event.position, event.response = responses[-1].events - 1, responses[-1].index
        return event
