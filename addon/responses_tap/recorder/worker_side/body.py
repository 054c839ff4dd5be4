"""The body of an event stream on its way into rows: cut into frames, checked, written frame by frame."""

import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

from responses_tap.privacy.looks import find_secrets
from responses_tap.protocol.checker import RULES_VERSION, Checker
from responses_tap.protocol.events import Event, parse
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.runs import Run, Runs
from responses_tap.protocol.sse import Decoder, Frame
from responses_tap.protocol.websocket_checker import Turn
from responses_tap.recorder.worker_side.recorded_output import RecordedOutput
from responses_tap.store import EventRow, Recording
from responses_tap.store.rows import HUGE, bare_event
from responses_tap.store.writer import Writer
from responses_tap.stream.storable import Value, short_text, storable_int

_PIECE, _OVERLAP = 2**20, 2**13
_MOST_SEARCHED = 2**23
"""Bytes of an event in which secrets are looked for: that takes a second, in which nothing else is recorded."""


class EventBody:
    """The frames of one event stream, and what they add up to."""

    def __init__(self, stream: int, writer: Writer, checker: Checker | Turn) -> None:
        self._stream = stream
        self._writer = writer
        self._checker = checker
        self._decoder = Decoder()
        self._runs = Runs(checker, self._decoder) if isinstance(checker, Checker) else None
        self._frames = 0
        self._tail_written: int | None = 0
        """How many bytes of what the decoder holds are in the file; None: it has those of an earlier frame."""
        self._shape = hashlib.sha256()
        self._latest_type: str | None = None
        self._response = 0
        """The number of the last event's response: what isn't an event belongs to it."""
        self._is_unchecked = False
        self._published: list[Finding] = []
        self._is_named = False
        self.terminal_type: str | None = None
        """The type of the terminal event that the last response has reached."""
        self.fault: str | None = None
        """What the checker stumbled over: its findings are not all, the facts are."""
        self.output = RecordedOutput(writer.masker)
        """The items that the response puts out."""
        self.secret: str | None = None
        """The first thing that looks like a secret, and where; deltas are not looked at, what they add up to is."""

    @property
    def events(self) -> int:
        """How many events there are so far."""
        return sum(response.events for response in self._checker.responses)

    @property
    def frames(self) -> int:
        """How many frames there are so far."""
        return self._frames

    @property
    def unfinished(self) -> int:
        """How many bytes there are of an event that has not ended."""
        return len(self._decoder.held)

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
                "response_id": _short(responses[0].id),
                "input_tokens": storable_int(usage.get("input_tokens")),
                "output_tokens": storable_int(usage.get("output_tokens")),
                "shape": self._shape.hexdigest()[:12],
            }
        return columns

    @property
    def model(self) -> str | None:
        """The model as the server names it."""
        responses = self._checker.responses
        return _short(responses[0].model) if responses else None

    def name(self) -> dict[str, Value]:
        """What the row says of the response's id, once, when it is known.

        While the stream is open others need it: a client may take up the response again over another connection.
        """
        id_ = None if self._is_named else self.columns.get("response_id")
        self._is_named = self._is_named or bool(id_)
        return {"response_id": id_} if id_ else {}

    def feed(self, data: bytes, at_ns: int, chunk: int) -> None:
        """Take decoded bytes that came with this chunk, `at_ns` after the stream's start."""
        for block in self._decoder.blocks(data):
            if self._tail_written:
                self._tail_written = None
            for frame in block:
                event = self.take(frame, at_ns, chunk)
                if event is not None and self._decoder.has_more:
                    self._take_runs(frame, event, at_ns, chunk)

    def judge(self, body: bytes) -> None:
        """Have a whole body judged that isn't an event stream: none of it is written as a frame."""
        self._check(Frame(body, None, None), 0)
        self.output.take_document(body)

    def encoding_broke(self, within: int) -> None:
        """The encoding could not be undone within so many bytes."""
        if isinstance(self._checker, Checker):
            self._checker.encoding_broke(within)

    def not_reached(self) -> None:
        """The request found no server."""
        if isinstance(self._checker, Checker):
            self._checker.not_reached()

    def finish(self, at_ns: int, chunk: int, *, cut: bool) -> None:
        """No more bytes will come. `cut` says that it was not the server who stopped."""
        if tail := self._decoder.finish():
            if self._tail_written:
                self._tail_written = None
            for frame in tail:
                self.take(frame, at_ns, chunk)
        if self._is_unchecked:
            return
        try:
            self._checker.finish(cut=cut)
        except Exception as error:  # noqa: BLE001 (facts are kept whatever a rule does)
            self.fault = self.fault or described(error)

    def restore(self, recording: Recording) -> None:
        """Take over from a worker that has died, by the rows that it wrote."""
        for row in recording.events(self._stream):
            for frame in self._decoder.feed(row.raw):
                self._retake(frame, row.at_ns)
        self._decoder.feed(recording.tail(self._stream))
        self._tail_written = self.unfinished
        self._published = self.findings

    def retake(self, frame: Frame, at_ns: int) -> None:
        """Take a frame that a worker which has died has already taken and written."""
        self._retake(frame, at_ns)
        self._published = self.findings

    def _retake(self, frame: Frame, at_ns: int) -> None:
        self._frames += 1
        self._check(frame, at_ns)

    def publish(self, *, settled: bool) -> list[Finding]:
        """Write the tail, findings and verdict as far as they have changed; the findings that are new."""
        if self._tail_written is None:
            self._writer.drop_tail(self._stream)
        written = self._tail_written or 0
        with memoryview(self._decoder.held) as held:
            for at in range(written, len(held), _PIECE):  # as large as they come, SQLite would copy them twice
                self._writer.add_tail(self._stream, bytes(held[at : at + _PIECE]))
        self._tail_written = self.unfinished
        if self._is_unchecked:
            return []
        findings = self.findings
        published = set(self._published)
        new = [finding for finding in findings if finding not in published]
        if settled or new or len(findings) != len(self._published):
            profile = self._checker.profile.name
            self._writer.set_findings(self._stream, findings, rules=RULES_VERSION, profile=profile)
            self._published = findings
        return new

    def take(self, frame: Frame, at_ns: int, chunk: int) -> Event | None:
        """Take one frame, already cut out of the body; its event, where it is one that was checked."""
        n = self._frames
        self._frames += 1
        event = None
        is_huge = _is_huge(frame)
        row = bare_event(self._stream, n, at_ns, chunk, b"" if is_huge else frame.raw, self._response)
        try:
            if not self._is_unchecked:
                event = self._judged(frame, at_ns)
                row = row if event is None else _row_of(row, event)
        except Exception as error:  # noqa: BLE001 (as for a rule)
            self.fault = self.fault or described(error)
        if is_huge:
            self._writer.add_huge_event(row, frame.pieces)
        else:
            self._writer.add_event(row)
        return event

    def _take_runs(self, frame: Frame, event: Event, at_ns: int, chunk: int) -> None:
        """Take the events that follow this one and are like it."""
        if self._runs is None or self.fault is not None:
            return
        try:
            for run in self._runs.after(frame, event):
                row = _row_of(bare_event(self._stream, 0, at_ns, chunk, b"", event.response), event)
                self._writer.add_events(self._rows(run, row))
                self._frames += len(run.raws)
        except Exception as error:  # noqa: BLE001 (as for a rule)
            self.fault = described(error)

    def _rows(self, run: Run, row: EventRow) -> Iterator[EventRow]:
        """The rows of a run, which have `row`'s facts in common."""
        n, position, number = self._frames, run.position, run.number
        stream, at_ns, chunk, type_ = row.stream, row.at_ns, row.chunk, row.type
        place = row.output_index, row.content_index, row.summary_index, row.item_id
        for i, raw in enumerate(run.raws):
            yield EventRow(stream, n + i, position + i, at_ns, chunk, type_, number + i, *place, row.response, raw)

    def _judged(self, frame: Frame, at_ns: int) -> Event | None:
        event = self._check(frame, at_ns)
        if self.secret is None and (event is None or not (event.type or "").endswith(".delta")):
            self._look_for_secret(frame, event)
        return event

    def stop_checking(self) -> None:
        """Keep only the frames of what still comes."""
        self._is_unchecked = True

    def _check(self, frame: Frame, at_ns: int) -> Event | None:
        try:
            event = self._checker.feed(frame, at_ns)
        except Exception as error:  # noqa: BLE001 (facts are kept whatever a rule does)
            self.fault = self.fault or described(error)
            event = self._unchecked(frame)
        if event is not None:
            self._response = event.response
        if event is not None and event.type != self._latest_type:
            self._latest_type = event.type
            self._shape.update(f"{event.type}\n".encode(errors="replace"))
            responses = self._checker.responses
            self.terminal_type = responses[-1].terminal_type if responses else None
        if event is not None:
            self.output.take_event(event)
        return event

    def _look_for_secret(self, frame: Frame, event: Event | None) -> None:
        secrets = itertools.chain.from_iterable(map(find_secrets, _texts(frame)))
        for secret in itertools.islice(secrets, 1):
            place = f"frame {self._frames - 1}" if event is None else f"event {event.position} ({event.type})"
            self.secret = f"{secret.kind} in {place}"

    def _unchecked(self, frame: Frame) -> Event | None:
        if not frame.data:
            return None
        event = parse(frame.data)
        if responses := self._checker.responses:
            event.position, event.response = responses[-1].events - 1, responses[-1].index
        return event


def _row_of(row: EventRow, event: Event) -> EventRow:
    """The row of a frame, with what its event says."""
    return row._replace(
        position=event.position,
        type=_short(event.type),
        sequence_number=event.sequence_number,
        output_index=event.output_index,
        content_index=event.content_index,
        summary_index=event.summary_index,
        item_id=_short(event.item_id),
        response=event.response,
    )


def failure(fault: str) -> str:
    """How a stream ended that the recorder failed on."""
    return f"the recorder failed on this stream: {fault}"


def described(error: BaseException) -> str:
    """An exception in a short line."""
    return short_text(f"{type(error).__name__}: {error}".rstrip(": ").partition("\n")[0])


def _is_huge(frame: Frame) -> bool:
    return len(frame.data or frame.before) >= HUGE


def _texts(frame: Frame) -> Iterator[str]:
    """A frame as a text; the beginning of a huge one in pieces, which overlap by more than a secret is long."""
    for piece in frame.pieces if _is_huge(frame) else (frame.raw,):
        for at in range(0, min(max(1, len(piece)), _MOST_SEARCHED), _PIECE):
            yield piece[at : at + _PIECE + _OVERLAP].decode(errors="replace")


def _short(text: str | None) -> str | None:
    return None if text is None else short_text(text)
