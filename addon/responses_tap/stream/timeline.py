"""A stream as rows: the one view that `show`, the TUI, the exports and the pytest plugin share.

Runs of deltas are folded into one row, each event is indented by its scope, a missing event has a row where it should
have been, and each finding appears below its event.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import sub
from typing import NamedTuple

from responses_tap.escaping import SHORT, printable, shorten
from responses_tap.protocol.events import Event, read
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.grammar import COMMAND, ITEM, OUTPUT, RESPONSE, ROWS, STREAM, VALUE, Role
from responses_tap.protocol.rules import advice
from responses_tap.protocol.sse import Frame
from responses_tap.stream.event_text import PLACE, dotted, subject, text_of
from responses_tap.stream.model import Entry

GLYPHS = {Severity.ERROR: "✖", Severity.WARNING: "▲", Severity.NOTE: "·"}
"""Each severity is recognisable without colour, too."""
MISSING = "✖"
OK = "●"
CUT = "¦"

FOLDABLE = frozenset(type_ for type_, row in ROWS.items() if row.role is Role.DELTA and row.kind is not COMMAND)
"""The types whose `Delta` can be built without their frame: no column has a command's index."""
_INDENT, _WIDTH = 15, 120
"""Columns between which a rendered finding stands."""


class Delta(NamedTuple):
    """A delta by what a recording keeps besides its frame: enough to fold it."""

    n: int
    position: int
    at_ns: int | None
    chunk: int | None
    response: int
    type: str
    output_index: int | None
    content_index: int | None
    summary_index: int | None
    command_index: int | None = None
    chars: int | None = None
    """How many characters it has, None if they haven't been counted yet."""

    @property
    def place(self) -> tuple[int | None, ...]:
        """The indexes that place it in its response."""
        return self[6:-1]

    @property
    def run(self) -> "_Run":
        """What deltas that are folded together have in common: response, type and place."""
        return self[4:-1]


type _Run = tuple[int | str | None, ...]


@dataclass(slots=True)
class TimelineRow:
    """What one line shows."""

    kind: str
    """event, run (folded deltas), missing (an event that should be here), comment, tail (bytes of a frame that hasn't
    ended yet), finding."""
    type: str
    depth: int = 0
    n: int | None = None
    """The (first) frame it shows; None for missing events and findings."""
    position: int | None = None
    response: int = 0
    at_ns: int | None = None
    subject: str = ""
    """Item type, id, status or text, safe to print."""
    count: int = 1
    """How many events a run folds."""
    chars: int = 0
    """How many characters its deltas have, as far as counted."""
    counted: int = 0
    """How many of its deltas, starting with the first, are counted in `chars`."""
    until_ns: int | None = None
    """When the last event of a run arrived."""
    pause_ns: int = 0
    """The longest time between two events of a run."""
    chunk: int | None = None
    """The chunk that completed the (first) frame."""
    until_chunk: int | None = None
    """The chunk that completed the last frame of a run."""
    finding: Finding | None = None


def timeline(entries: Iterable[Entry], findings: Iterable[Finding], *, full: bool = False) -> list[TimelineRow]:
    """The rows of a stream; with `full`, runs aren't folded and texts aren't shortened."""
    built = Timeline(findings, full=full)
    built.extend(entries)
    return [*built.rows, *built.end()]


def render(rows: Iterable[TimelineRow], *, fixes: bool = True) -> Iterator[str]:
    """The rows as plain text: position, seconds since the start, mark, event; findings wrapped below, with fixes."""
    for row in rows:
        if row.finding is not None and row.kind == "finding":
            yield from _finding_lines(row.finding, fixes=fixes)
            continue
        number = "" if row.position is None else str(row.position)
        time = "" if row.at_ns is None else f"{row.at_ns / 1e9:.3f}"
        mark = MISSING if row.kind == "missing" else " "
        yield f"{number:>5} {time:>8} {mark} {'  ' * row.depth}{label(row)}".rstrip()


def _finding_lines(finding: Finding, *, fixes: bool) -> Iterator[str]:
    yield from _wrapped(printable(finding.message), f"{GLYPHS[finding.severity]} {finding.code} {finding.name}: ", 2)
    if fixes and (text := advice(finding.code, finding.severity, finding)):
        yield from _wrapped(text, "  ", 4)


def _wrapped(text: str, head: str, hang: int) -> list[str]:
    first, later = f"{'':{_INDENT}}{head}", " " * (_INDENT + hang)
    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)


def label(row: TimelineRow) -> str:
    """A row's type and details."""
    if row.kind == "missing":
        return f"{row.type}  {row.subject} (missing)" if row.subject else f"{row.type}  (missing)"
    if row.kind == "run":
        chars = f", {row.chars} characters" if row.chars and row.counted == row.count else ""
        return f"{row.type}  {row.subject} × {row.count}{chars}{_rate(row)}"
    return f"{row.type}  {row.subject}" if row.subject else row.type


def tail_row(raw: bytes) -> TimelineRow:
    """The row of a frame that is still arriving."""
    text = raw[: SHORT * 4].decode(errors="replace").strip()
    return TimelineRow("tail", "arriving", subject=f"{len(raw)} bytes of the next frame: {shorten(text)}")


def unstreamed_row(body: bytes) -> TimelineRow:
    """The row of a response that isn't an event stream."""
    text = body[: SHORT * 4].decode(errors="replace").strip()
    return TimelineRow("comment", "not streamed", subject=f"{len(body)} bytes: {shorten(text)}")


def take_frame(row: TimelineRow, frame: Frame, *, full: bool) -> None:
    """Add to a row what only the frame of its next `Delta` has: its characters, and with `full` its text."""
    event = read(frame.data or b"")
    row.chars += len(text_of(event))
    row.counted += 1
    if full:
        row.subject = subject(event, frame, full=True)


class Timeline:
    """The rows of a stream while its frames arrive; `timeline` makes them all at once."""

    def __init__(self, findings: Iterable[Finding] = (), *, full: bool = False) -> None:
        self.rows: list[TimelineRow] = []
        """The rows so far. The last one may be a run, and grow."""
        self._full = full
        self._run: _Run | None = None
        """The run of the last row, while it may continue."""
        self._reached = (0, -1)
        self._expect(_identified(findings))

    def extend(self, entries: Iterable[Entry | Delta]) -> None:
        """Add the next frames of the stream."""
        for run, pieces in groupby(map(self._piece, entries), _run_of):
            if run is None:
                self._run = None
                for row in pieces:
                    if isinstance(row, TimelineRow):
                        self._add(row)
            else:
                self._take_deltas(run, [delta for delta in pieces if isinstance(delta, Delta)])

    def _piece(self, entry: Entry | Delta) -> Delta | TimelineRow:
        """Either a candidate for a run, or a row of its own."""
        if not isinstance(entry, Delta):
            event = read(entry.frame.data) if entry.position is not None and entry.frame.data else None
            if self._full or event is None or event.row is None or event.row.role is not Role.DELTA:
                return self._row(entry, event)
            entry = _delta_of(entry, event)
        return _delta_rows([entry])[0] if (entry.response, entry.position) in self._at else entry

    def _take_deltas(self, run: _Run, deltas: list[Delta]) -> None:
        self._reached = (deltas[-1].response, deltas[-1].position)
        if self._full:
            self.rows += _delta_rows(deltas)
            return
        if run != self._run:
            self._run = run
            self.rows += _delta_rows([deltas.pop(0)])
        if deltas:
            _fold(self.rows[-1], deltas)

    def _add(self, row: TimelineRow) -> None:
        found: list[Finding] = []
        if row.position is not None:
            self._reached = (row.response, row.position)
            found = self._at.get(self._reached, found)
        self.rows.extend(self._with_findings(row, found))

    def end(self) -> list[TimelineRow]:
        """The rows of findings without an event: they come after all others."""
        return [row for finding in self._last for row in (*_missing(finding), _finding_row(finding))]

    def update(self, findings: Iterable[Finding]) -> bool:
        """Update the findings; False where that moves a row, so that all rows must be rebuilt."""
        now = _identified(findings)
        if self._passed(now) != self._passed(self._findings):
            return False
        later = {id(old): now[key] for key, old in self._findings.items() if key in now}
        for row in self.rows:
            if row.finding is not None:
                row.finding = later[id(row.finding)]
                if row.kind == "finding":
                    row.subject = printable(row.finding.message)
        self._expect(now)
        return True

    def _expect(self, findings: dict[tuple[object, ...], Finding]) -> None:
        self._findings = findings
        self._at: dict[tuple[int, int], list[Finding]] = {}
        self._last: list[Finding] = []
        for finding in findings.values():
            if finding.position is None:
                self._last.append(finding)
            else:
                self._at.setdefault((finding.response, finding.position), []).append(finding)

    def _passed(self, findings: dict[tuple[object, ...], Finding]) -> set[tuple[object, ...]]:
        return {
            key
            for key, finding in findings.items()
            if finding.position is not None and (finding.response, finding.position) <= self._reached
        }

    def _with_findings(self, row: TimelineRow, found: list[Finding]) -> Iterator[TimelineRow]:
        for finding in found:
            yield from _missing(finding)
        yield row
        for finding in found:
            yield _finding_row(finding, row.depth)

    def _row(self, entry: Entry, event: Event | None) -> TimelineRow:
        if event is None:
            text = entry.frame.raw.decode(errors="replace").strip()
            kind = "[DONE]" if entry.frame.is_done_marker else "comment" if entry.frame.complete else "cut off"
            shown = text if self._full else shorten(text)
            return TimelineRow(
                "comment",
                kind,
                n=entry.n,
                response=entry.response,
                at_ns=entry.at_ns,
                subject=printable(shown),
                chunk=entry.chunk,
            )
        return TimelineRow(
            "event",
            printable(event.type or "not an event"),
            depth_of(event.type),
            entry.n,
            entry.position,
            entry.response,
            entry.at_ns,
            subject(event, entry.frame, full=self._full),
            chunk=entry.chunk,
        )


def depth_of(type_: str | None) -> int:
    """The depth of an event of this type in the tree of scopes: 0 response, 1 item, 2 part, 3 inside."""
    row = ROWS.get(type_ or "")
    if row is None or row.kind in (RESPONSE, STREAM):
        return 0
    if row.kind is ITEM:
        return 1 if row.role in (Role.OPEN, Role.CLOSE) else 2
    if row.kind in (VALUE, OUTPUT) or row.role in (Role.OPEN, Role.CLOSE):
        return 2
    return 3


def _missing(finding: Finding) -> Iterator[TimelineRow]:
    if finding.missing:
        # Where several are missing in one place, only the indexes distinguish them.
        place = f"[{dotted(map(finding.scope.get, PLACE))}]" if finding.scope else ""
        depth = depth_of(finding.missing)
        yield TimelineRow("missing", finding.missing, depth, response=finding.response, subject=place, finding=finding)


def _finding_row(finding: Finding, depth: int = 0) -> TimelineRow:
    return TimelineRow(
        "finding",
        finding.code,
        depth,
        position=finding.position,
        response=finding.response,
        subject=printable(finding.message),
        finding=finding,
    )


def _identified(findings: Iterable[Finding]) -> dict[tuple[object, ...], Finding]:
    """The findings by what doesn't change while they keep counting."""
    identified: dict[tuple[object, ...], Finding] = {}
    alike: Counter[tuple[object, ...]] = Counter()
    for finding in findings:
        key = (finding.code, finding.response, finding.position, *finding.scope.items(), finding.missing)
        identified[*key, alike[key]] = finding
        alike[key] += 1
    return identified


def _run_of(piece: Delta | TimelineRow) -> _Run | None:
    return piece.run if isinstance(piece, Delta) else None


def _delta_of(entry: Entry, event: Event) -> Delta:
    return Delta(
        entry.n,
        entry.position or 0,
        entry.at_ns,
        entry.chunk,
        entry.response,
        event.type or "",
        event.output_index,
        event.content_index,
        event.summary_index,
        event.index("command_index"),
        len(text_of(event)),
    )


def _delta_rows(deltas: list[Delta]) -> list[TimelineRow]:
    """A row for each of these deltas, which share their place."""
    depth, place = depth_of(deltas[0].type), f"[{dotted(deltas[0].place)}]"
    return [
        TimelineRow(
            "event",
            delta.type,
            depth,
            delta.n,
            delta.position,
            delta.response,
            delta.at_ns,
            place,
            chars=delta.chars or 0,
            counted=delta.chars is not None,
            chunk=delta.chunk,
        )
        for delta in deltas
    ]


def _fold(run: TimelineRow, deltas: list[Delta]) -> None:
    run.kind = "run"
    run.count += len(deltas)
    run.until_chunk = deltas[-1].chunk
    chars = [delta.chars for delta in deltas if delta.chars is not None]
    run.chars += sum(chars)
    run.counted += len(chars)
    times = [delta.at_ns for delta in deltas if delta.at_ns is not None]
    if times:
        before = run.at_ns if run.until_ns is None else run.until_ns
        run.pause_ns = max((run.pause_ns, *map(sub, times, (before or 0, *times))))
        run.until_ns = times[-1]


def _rate(row: TimelineRow) -> str:
    if row.at_ns is None or row.until_ns is None or row.until_ns <= row.at_ns:
        return ""
    return f", {(row.count - 1) * 1e9 / (row.until_ns - row.at_ns):.0f}/s"
