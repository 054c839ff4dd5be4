"""A stream as rows: the one picture that `show`, the TUI, the exports and the pytest plugin share.

Runs of deltas are folded into one row, each event is indented by its scope, a missing event has a row where it
should have stood, and each finding stands under its event.
"""

import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from responses_tap.protocol.events import Event, read
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.grammar import COMMAND, CONTENTS, ITEM, OUTPUT, RESPONSE, ROWS, STREAM, VALUE, Role
from responses_tap.protocol.sse import Frame

GLYPHS = {Severity.ERROR: "✖", Severity.WARNING: "▲", Severity.NOTE: "·"}
"""Each severity reads without colour, too."""
MISSING = "✖"
OK = "●"
CUT = "⏚"

_PLACE = ("output_index", "content_index", "summary_index", "command_index")
FOLDABLE = frozenset(type_ for type_, row in ROWS.items() if row.role is Role.DELTA and row.kind is not COMMAND)
"""The types whose Delta can be told without their frame: no column has a command's index."""
_WIDTH = 120
"""Columns that a rendered finding may fill."""
_SHORT = 60
"""Characters of a text shown in a row."""
_UNSAFE = re.compile(
    # Controls, line and paragraph separators, zero-width and bidirectional marks, surrogates, private use.
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\uf8ff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000fffff"
    # Terminals do not agree how wide these are, or draw them as nothing: joiners and fillers, halves of Hangul
    # syllables, enclosing marks, variation selectors, halves of flags, skin tones.
    "\u034f\u115f-\u11ff\u17b4\u17b5\u180b-\u180f\u20dd-\u20e4\u3164\ud7b0-\ud7ff\ufe00-\ufe0f\uffa0"
    "\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]"
)


class Entry(NamedTuple):
    """One frame of a stream, as the timeline needs it."""

    n: int
    """0-based number of the frame in the body."""
    frame: Frame
    position: int | None
    """The number of its event in its response, None where it is no event."""
    response: int = 0
    at_ns: int | None = None
    """Arrival in nanoseconds since the stream's start, None where no time was kept (a file)."""
    chunk: int | None = None


class Delta(NamedTuple):
    """A delta by what a recording keeps beside its frame: enough to fold it."""

    n: int
    position: int
    response: int
    at_ns: int | None
    chunk: int | None
    type: str
    sequence_number: int | None
    place: tuple[int | None, ...]
    """Its output, content, summary and command index."""
    chars: int | None = None
    """How many characters it has, None where nobody has counted them yet."""


@dataclass(slots=True)
class Row:
    """What is drawn in one line."""

    kind: str
    """event, run (folded deltas), missing (an event that should stand here), comment, tail (bytes of a frame that
    has not ended yet), finding."""
    type: str
    depth: int = 0
    n: int | None = None
    """The (first) frame it shows; None for missing events and findings."""
    position: int | None = None
    response: int = 0
    at_ns: int | None = None
    subject: str = ""
    """Item type, id, status or text, safe to print."""
    sequence_number: int | None = None
    count: int = 1
    """How many events a run folds."""
    chars: int = 0
    """How many characters a run's deltas have, as far as they are counted."""
    counted: int = 0
    """How many of a run's deltas, from its first on, are counted in `chars`."""
    until_ns: int | None = None
    """When the last event of a run arrived."""
    pause_ns: int = 0
    """The longest time between two events of a run."""
    chunk: int | None = None
    """The chunk that completed the (first) frame."""
    until_chunk: int | None = None
    """The chunk that completed the last frame of a run."""
    finding: Finding | None = None


def timeline(entries: Iterable[Entry], findings: Iterable[Finding], *, full: bool = False) -> list[Row]:
    """The rows of a stream; with `full`, runs are not folded and texts not shortened."""
    built = Timeline(findings, full=full)
    built.extend(entries)
    return [*built.rows, *built.end()]


def render(rows: Iterable[Row]) -> Iterator[str]:
    """The rows as plain text: position, seconds since the start, mark, event; findings wrapped below."""
    for row in rows:
        if row.finding is not None and row.kind == "finding":
            yield from _finding_lines(row.finding)
            continue
        number = "" if row.position is None else str(row.position)
        time = "" if row.at_ns is None else f"{row.at_ns / 1e9:.3f}"
        mark = MISSING if row.kind == "missing" else " "
        yield f"{number:>5} {time:>8} {mark} {'  ' * row.depth}{label(row)}".rstrip()


def _finding_lines(finding: Finding) -> list[str]:
    head = f"{'':15}{GLYPHS[finding.severity]} {finding.code} {finding.name}: "
    message = printable(finding.message)
    return textwrap.wrap(message, _WIDTH, initial_indent=head, subsequent_indent=f"{'':17}", break_on_hyphens=False)


def label(row: Row) -> str:
    """A row's type with what there is to say about it."""
    if row.kind == "missing":
        return f"{row.type}  (missing)"
    if row.kind == "run":
        chars = f", {row.chars} characters" if row.chars and row.counted == row.count else ""
        return f"{row.type}  {row.subject} × {row.count}{chars}{_rate(row)}"
    return f"{row.type}  {row.subject}" if row.subject else row.type


def printable(text: str) -> str:
    """`text` with everything escaped that a terminal or a reader's eye could be fooled by."""
    return _UNSAFE.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def tail_row(raw: bytes) -> Row:
    """The row of a frame that is still arriving."""
    text = raw[: _SHORT * 4].decode(errors="replace").strip()
    return Row("tail", "arriving", subject=f"{len(raw)} bytes of the next frame: {shorten(text)}")


def count_chars(frame: Frame) -> int:
    """How many characters the delta in a frame has."""
    return len(_text_of(read(frame.data or b"")))


def shorten(text: str, most: int = _SHORT) -> str:
    """At most `most` characters of a text, made printable."""
    return printable(text if len(text) <= most else text[: most - 1] + "…")


class Timeline:
    """The rows of a stream while its frames come in; `timeline` makes them all at once."""

    def __init__(self, findings: Iterable[Finding] = (), *, full: bool = False) -> None:
        self.rows: list[Row] = []
        """The rows so far. The last one may be a run, and grow."""
        self._full = full
        self._run: Row | None = None
        self._run_key: tuple[object, ...] = ()
        self._reached = (0, -1)
        self._expect(_identified(findings))

    def extend(self, entries: Iterable[Entry | Delta]) -> None:
        """Take the next frames of the stream; a Delta only where runs are folded."""
        for entry in entries:
            if isinstance(entry, Delta):
                self._take_delta(entry)
                continue
            event = read(entry.frame.data) if entry.position is not None and entry.frame.data else None
            if event is not None and not self._full and event.row is not None and event.row.role is Role.DELTA:
                self._take_delta(_delta_of(entry, event))
            else:
                self._run = None
                self._add(self._row(entry, event))

    def _take_delta(self, delta: Delta) -> None:
        run = self._run
        has_finding = (delta.response, delta.position) in self._at
        if run is not None and not has_finding and self._run_key == (delta.type, delta.response, delta.place):
            self._reached = (delta.response, delta.position)
            _fold(run, delta)
            return
        row = _delta_row(delta)
        self._run, self._run_key = None if has_finding else row, (delta.type, delta.response, delta.place)
        self._add(row)

    def _add(self, row: Row) -> None:
        found: list[Finding] = []
        if row.position is not None:
            self._reached = (row.response, row.position)
            found = self._at.get(self._reached, found)
        self.rows.extend(self._with_findings(row, found))

    def end(self) -> list[Row]:
        """The rows of the findings that no event shows: they stand after all others."""
        return [row for finding in self._last for row in (*_missing(finding), _finding_row(finding))]

    def update(self, findings: Iterable[Finding]) -> bool:
        """Take the findings as they are now; False where that moves a row, and all must be made anew."""
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

    def _with_findings(self, row: Row, found: list[Finding]) -> Iterator[Row]:
        for finding in found:
            yield from _missing(finding)
        yield row
        for finding in found:
            yield _finding_row(finding, row.depth)

    def _row(self, entry: Entry, event: Event | None) -> Row:
        if event is None:
            text = entry.frame.raw.decode(errors="replace").strip()
            kind = "[DONE]" if entry.frame.is_done_marker else "comment" if entry.frame.complete else "cut off"
            shown = text if self._full else shorten(text)
            return Row(
                "comment",
                kind,
                n=entry.n,
                response=entry.response,
                at_ns=entry.at_ns,
                subject=printable(shown),
                chunk=entry.chunk,
            )
        return Row(
            "event",
            printable(event.type or "not an event"),
            depth_of(event.type),
            entry.n,
            entry.position,
            entry.response,
            entry.at_ns,
            _subject(event, entry.frame, full=self._full),
            event.sequence_number,
            chunk=entry.chunk,
        )


def depth_of(type_: str | None) -> int:
    """How deep in the tree of scopes an event of this type stands: 0 response, 1 item, 2 part, 3 inside."""
    row = ROWS.get(type_ or "")
    if row is None or row.kind in (RESPONSE, STREAM):
        return 0
    if row.kind is ITEM:
        return 1 if row.role in (Role.OPEN, Role.CLOSE) else 2
    if row.kind in (VALUE, OUTPUT) or row.role in (Role.OPEN, Role.CLOSE):
        return 2
    return 3


def _missing(finding: Finding) -> Iterator[Row]:
    if finding.missing:
        yield Row("missing", finding.missing, depth_of(finding.missing), response=finding.response, finding=finding)


def _finding_row(finding: Finding, depth: int = 0) -> Row:
    return Row(
        "finding",
        finding.code,
        depth,
        position=finding.position,
        response=finding.response,
        subject=printable(finding.message),
        finding=finding,
    )


def _identified(findings: Iterable[Finding]) -> dict[tuple[object, ...], Finding]:
    """The findings by what stays the same of them while they go on counting."""
    identified: dict[tuple[object, ...], Finding] = {}
    alike: Counter[tuple[object, ...]] = Counter()
    for finding in findings:
        key = (finding.code, finding.response, finding.position, *finding.scope.items(), finding.missing)
        identified[*key, alike[key]] = finding
        alike[key] += 1
    return identified


def _delta_of(entry: Entry, event: Event) -> Delta:
    return Delta(
        entry.n,
        entry.position or 0,
        entry.response,
        entry.at_ns,
        entry.chunk,
        event.type or "",
        event.sequence_number,
        tuple([event.index(name) for name in _PLACE]),
        len(_text_of(event)),
    )


def _delta_row(delta: Delta) -> Row:
    return Row(
        "event",
        printable(delta.type),
        depth_of(delta.type),
        delta.n,
        delta.position,
        delta.response,
        delta.at_ns,
        f"[{_dotted(delta.place)}]",
        delta.sequence_number,
        chars=delta.chars or 0,
        counted=delta.chars is not None,
        chunk=delta.chunk,
    )


def _fold(run: Row, delta: Delta) -> None:
    run.kind = "run"
    run.count += 1
    run.until_chunk = delta.chunk
    if delta.chars is not None:
        run.chars += delta.chars
        run.counted += 1
    if delta.at_ns is not None:
        before = run.at_ns if run.until_ns is None else run.until_ns
        run.pause_ns = max(run.pause_ns, delta.at_ns - (before or 0))
        run.until_ns = delta.at_ns


def _rate(row: Row) -> str:
    if row.at_ns is None or row.until_ns is None or row.until_ns <= row.at_ns:
        return ""
    return f", {(row.count - 1) * 1e9 / (row.until_ns - row.at_ns):.0f}/s"


def _text_of(event: Event) -> str:
    return event.string("delta") or ""


def _subject(event: Event, frame: Frame, *, full: bool) -> str:
    if event.fault is not None:
        raw = (frame.data or b"").decode(errors="replace")
        return f"{event.fault.kind}: {printable(raw) if full else shorten(raw)}"
    row, data = event.row, event.data
    if row is None:
        return ""
    if row.role is Role.ERROR:
        return _quote(_error_text(data), full=full)
    if row.kind is RESPONSE:
        snapshot = event.object("response")
        return _words(snapshot.get("id"), snapshot.get("status"))
    if row.kind is ITEM and row.role in (Role.OPEN, Role.CLOSE):
        return f"[{_place(event)}] {_item(event.object('item'), row.role)}"
    text = event.string(row.value) if row.role is not Role.DELTA and row.value else None
    if row.role is Role.DELTA and full:
        text = _text_of(event)
    part = event.object("part")
    known = CONTENTS.get(str(part.get("type")))
    if part:
        text = part.get(known.field) if known and row.role is Role.CLOSE else None
    shown = _quote(text, full=full) if isinstance(text, str) else ""
    return _words(f"[{_place(event)}]", part.get("type"), shown)


def _place(event: Event) -> str:
    return _dotted(event.index(name) for name in _PLACE)


def _dotted(indexes: Iterable[int | None]) -> str:
    return ".".join([str(index) for index in indexes if index is not None])


def _item(item: dict[str, Any], role: Role) -> str:
    name = item.get("name")
    status = item.get("status") if role is Role.CLOSE else None
    return _words(item.get("type"), name, item.get("id"), status)


def _error_text(data: dict[str, Any]) -> str:
    error = data.get("error")
    source = error if isinstance(error, dict) else data
    return _words(source.get("code"), source.get("message"))


def _words(*words: object) -> str:
    return " ".join(shorten(word) for word in words if isinstance(word, str) and word)


def _quote(text: str, *, full: bool) -> str:
    quoted = json.dumps(text if full or len(text) <= _SHORT else text[: _SHORT - 1] + "…", ensure_ascii=False)
    return printable(quoted)
