"""What the detail pane shows: of an event, a run, a finding; of the request, the response, the bytes."""

import json
from typing import NamedTuple

from responses_tap.protocol.events import Event, parse
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.sse import Frame
from responses_tap.store import Recording
from responses_tap.stream.columns import Headers, StreamRow
from responses_tap.stream.timeline import GLYPHS, MISSING, TimelineRow
from responses_tap_viewer.reports.facts import where
from responses_tap_viewer.reports.text import counted
from responses_tap_viewer.tui.detail.bytes_page import hex_page, raw_lines, raw_page
from responses_tap_viewer.tui.detail.call_lines import call_lines, result_lines
from responses_tap_viewer.tui.detail.marks import marks
from responses_tap_viewer.tui.detail.rule_lines import page_lines
from responses_tap_viewer.tui.detail.stats_page import labelled, stats_page
from responses_tap_viewer.tui.detail.text_page import text_page
from responses_tap_viewer.tui.json_lines import json_lines
from responses_tap_viewer.tui.spans import SEVERITY_ROLES, Line

TABS = ("event", "text", "request", "response", "raw", "hex", "stats")

FINDING_TAB = "event"
"""The one that has a finding's page."""
_MOST_DELTAS = 2000
"""Deltas of a run that are joined."""
_NS = 1e9
_COLLAPSED, _EXPANDED = "▸", "▾"


class Subject(NamedTuple):
    """What the detail pane is about."""

    stream_id: int
    row: TimelineRow | None
    """The timeline's row."""
    event: TimelineRow | None
    """The row itself, or the event that a finding is about."""

    def names(self, tab: str) -> tuple[object, ...]:
        """What its page of that tab is a page of: it is the same one, though more may be on it."""
        row = self.row
        if row is None or tab in ("request", "response", "stats"):
            return (self.stream_id,)
        finding = row.finding
        place = (finding.position, *finding.scope.items()) if finding is not None else ()
        return self.stream_id, row.kind == "finding", row.n, row.type, *place


def page(recording: Recording, subject: Subject, tab: str, *, shows_headers: bool = False) -> list[Line]:
    """The lines of one of TABS."""
    if tab in _BYTES:
        return _bytes_page(recording, subject, tab)
    if tab == "text":
        return text_page(recording, subject.stream_id, None if subject.event is None else subject.event.n)
    if tab == "event" and subject.row is not None:
        return _row_page(recording, subject.stream_id, subject.row, subject.event)
    stream = recording.stream(subject.stream_id)
    if stream is None:
        return [[("This stream has been removed from the recording.", "dim")]]
    if tab == "stats":
        return stats_page(recording, stream)
    brought = result_lines(recording, stream.id) if tab == "request" else []
    written = _request_page if tab == "request" else _response_page
    return [*brought, *written(stream, shows_headers=shows_headers)]


def _bytes_page(recording: Recording, subject: Subject, tab: str) -> list[Line]:
    event = subject.event
    if subject.row is not None and subject.row.kind == "tail":
        return raw_lines(recording.tail(subject.stream_id))
    if event is None or event.n is None:
        return [[("No bytes belong to this row.", "dim")]]
    return _BYTES[tab](recording, subject.stream_id, event.n, event.count)


def _row_page(recording: Recording, stream_id: int, row: TimelineRow, event: TimelineRow | None) -> list[Line]:
    if row.finding is not None:
        finding = row.finding
        lines = _finding_page(finding)
        if event is not None and event.position is not None and event.position == finding.position:
            lines += [[], [(f"Event {event.position}", "label")], *_event_lines(recording, stream_id, event)]
        return lines
    if row.kind == "tail":
        return raw_lines(recording.tail(stream_id))
    if row.kind == "comment" and row.n is None:  # a response that was not streamed
        stream = recording.stream(stream_id)
        return [] if stream is None else _response_body_lines(stream)
    if row.kind == "run":
        return _run_page(recording, stream_id, row)
    return [*call_lines(recording, stream_id, row.position), *_event_lines(recording, stream_id, row)]


def _finding_page(finding: Finding) -> list[Line]:
    role = SEVERITY_ROLES[finding.severity]
    head: Line = [
        (f"{GLYPHS[finding.severity]} {finding.code} {finding.name}", role),
        (f"  {finding.severity}", "dim"),
    ]
    lines: list[Line] = [head, [(finding.message, "strong")], []]
    if finding.missing:
        lines.append(labelled("Missing", f"{MISSING} {finding.missing} is expected here"))
    lines.append(labelled("Where", where(finding)))
    if finding.count > 1:
        positions = ", ".join(str(position) for position in finding.evidence)
        also = f", also at {positions}" if positions else ""
        lines.append(labelled("Seen", f"{finding.count} times{also}"))
    return [*lines, *page_lines(finding.code, finding)]


def _event_lines(recording: Recording, stream_id: int, row: TimelineRow) -> list[Line]:
    recorded = next(recording.events(stream_id, row.n or 0, 1), None)
    if recorded is None:
        return []
    frame = Frame.whole(recorded.raw)
    event = parse(frame.data) if frame.data and row.position is not None else None
    if event is None or event.flaw is not None:
        return raw_lines(recorded.raw)
    about = [
        finding
        for finding in recording.findings(stream_id)
        if (finding.response, finding.position) == (row.response, row.position)
    ]
    try:
        return [*_problem_lines(event), *json_lines(event.data, marks(event, about))]
    except RecursionError:
        return raw_lines(recorded.raw)


def _problem_lines(event: Event) -> list[Line]:
    """The fields that the event lacks, which no line of its JSON can show."""
    missing = [problem.field for problem in event.problems if problem.absent]
    return [[(f"{MISSING} without {field}", "error")] for field in missing]


def _run_page(recording: Recording, stream_id: int, row: TimelineRow) -> list[Line]:
    took = ((row.until_ns or 0) - (row.at_ns or 0)) / _NS
    rate = f", {(row.count - 1) / took:.0f} events/s" if took > 0 else ""
    recorded = recording.events(stream_id, row.n or 0, min(row.count, _MOST_DELTAS))
    text = "".join(parse(Frame.whole(event.raw).data or b"").string("delta") or "" for event in recorded)
    text_lines: list[Line] = [[(line, "string")] for line in text.split("\n")]
    cut = f" (of the first {_MOST_DELTAS} events)" if row.count > _MOST_DELTAS else ""
    return [
        [(f"{row.type} {row.subject}", "strong")],
        [(f"{row.count} events, {row.chars} characters in {took:.3f} s{rate}", "plain")],
        [],
        [(f"Text{cut}", "label")],
        *text_lines,
        [],
        [("First event", "label")],
        *_event_lines(recording, stream_id, row),
    ]


def _request_page(stream: StreamRow, *, shows_headers: bool) -> list[Line]:
    return [
        [(f"{stream.method} {stream.url}", "strong"), (f"  {stream.http_version}", "dim")],
        [],
        *_body_lines(stream.request_body or ""),
        [],
        *_header_lines(stream.request_headers, shows_all=shows_headers),
    ]


def _response_page(stream: StreamRow, *, shows_headers: bool) -> list[Line]:
    ended = " ".join(word for word in (stream.ended_by, stream.end_reason and f"({stream.end_reason})") if word)
    status = "" if stream.status is None else str(stream.status)
    return [
        *_labelled({"Status": status, "State": stream.state, "Ended by": ended, "Note": stream.note or ""}),
        *([[], *_response_body_lines(stream), []] if stream.response_body else ()),
        *_labelled(_response_facts(stream)),
        [],
        *_header_lines(stream.response_headers, shows_all=shows_headers),
    ]


def _response_facts(stream: StreamRow) -> dict[str, str]:
    tokens = [f"{n} {way}" for n, way in ((stream.input_tokens, "in"), (stream.output_tokens, "out")) if n is not None]
    return {
        "Started": stream.started_at,
        "First byte": _seconds(stream.first_byte_ns),
        "Last byte": _seconds(stream.last_byte_ns),
        "Closed": _seconds(stream.end_ns),
        "Response": stream.response_id or "",
        "Events": str(stream.event_count),
        "Tokens": ", ".join(tokens),
        "Wire": "" if stream.wire_size is None else f"{stream.wire_size} bytes",
        "Attempt": str(stream.attempt) if stream.attempt else "",
        "Links": ", ".join(stream.links),
        "Profile": " ".join(word for word in (stream.profile, stream.rules) if word),
        "Source": stream.source,
    }


def _labelled(facts: dict[str, str]) -> list[Line]:
    return [labelled(label, text) for label, text in facts.items() if text]


def _response_body_lines(stream: StreamRow) -> list[Line]:
    return _body_lines((stream.response_body or b"").decode(errors="backslashreplace"))


def _seconds(ns: int | None) -> str:
    return "" if ns is None else f"{ns / _NS:.3f} s"


def _header_lines(headers: Headers, *, shows_all: bool) -> list[Line]:
    """The headers, or only how many there are: bodies are what one looks for."""
    head: Line = [(f"{_EXPANDED if shows_all else _COLLAPSED} {counted(len(headers), 'header')}", "label")]
    if not shows_all:
        return [[*head, ("  h expands", "dim")]]
    lines: list[Line] = [[(f"{name}: ", "key"), (value, "plain")] for name, value in headers]
    return [head, *lines]


def _body_lines(text: str) -> list[Line]:
    try:
        return json_lines(json.loads(text))
    except (ValueError, RecursionError):
        return [[(line, "plain")] for line in text.split("\n")] if text else []


_BYTES = {"raw": raw_page, "hex": hex_page}
