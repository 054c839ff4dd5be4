"""Checks what a user names: files, recordings, folders, standard input."""

import itertools
import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from responses_tap.errors import RecordingError, UnusableInput
from responses_tap.formats import parquet
from responses_tap.formats.recognition import recognise
from responses_tap.protocol.checker import Checker
from responses_tap.protocol.events import parse
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.profiles import AUTO, choose
from responses_tap.protocol.rules import RULES
from responses_tap.protocol.runs import Run
from responses_tap.protocol.websocket_checker import Turn
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.judging import by_response, checked, checker_for
from responses_tap.stream.model import Entry, Skipped, Stream, TimedFrame
from responses_tap.stream.recorded import stream_of
from responses_tap.stream.states import state_of
from responses_tap.urls import split
from responses_tap_viewer.checking.engines import LOCAL, spread
from responses_tap_viewer.checking.turns import Turns
from responses_tap_viewer.checking.units import PARQUET, Unit, opened, units_below
from responses_tap_viewer.joining import earlier_parts, joined_frames, parts
from responses_tap_viewer.streams import (
    InternalError,
    PassedOver,
    Remark,
    as_excerpt,
    file_of,
    is_recording,
    is_there,
    open_existing,
    passed_over,
    readable,
    remark_on,
    telling,
)

if TYPE_CHECKING:
    from responses_tap.store import Recording


@dataclass(frozen=True, slots=True)
class Options:
    """How to check."""

    profile: str
    select: tuple[str, ...] = ()
    """Prefixes of rule codes; empty: all rules."""
    ignore: tuple[str, ...] = ()
    resumed: bool = False
    joined: bool = False
    """Whether a resumed response is checked as one."""
    excerpt: bool = False
    """Whether files may begin and end in the middle of their streams."""

    def keeps(self, finding: Finding) -> bool:
        """Whether a finding is selected."""
        return self.keeps_code(finding.code)

    def keeps_code(self, code: str) -> bool:
        """Whether a rule is selected."""
        selected = not self.select or code.startswith(self.select)
        return selected and not code.startswith(self.ignore or ("-",))


@dataclass(frozen=True, slots=True)
class Checked:
    """One response, checked."""

    source: str
    """The path as given, or as found in a folder as given."""
    id: int | None
    """The stream's id in its recording, None for a file."""
    index: int
    """Which response of its body it is, 0-based."""
    response_id: str | None
    model: str | None
    state: str
    events: int
    findings: tuple[Finding, ...]
    lines: Mapping[int, int]
    """The line in the file, from 1, of each finding's position; the end's is at -1."""
    profile: str
    why: str = ""
    """Why this profile, where it was chosen (`--profile auto`)."""
    tolerated: tuple[Finding, ...] = ()
    """The findings in the baseline, which don't count."""
    host: str | None = None
    """Which host the request went to, as far as known."""
    day: str | None = None
    """When, in UTC: YYYY-MM-DD."""

    def line(self, finding: Finding) -> int:
        """The line of a finding in the file."""
        return self.lines.get(-1 if finding.position is None else finding.position, 1)

    @property
    def counted(self) -> tuple[Finding, ...]:
        """The findings not in the baseline."""
        return tuple(finding for finding in self.findings if finding not in self.tolerated)

    def count(self, severity: Severity) -> int:
        """How many of the findings that count are of one severity."""
        return sum(finding.severity is severity for finding in self.counted)


def known_codes(prefixes: Iterable[str]) -> tuple[str, ...]:
    """The prefixes given to --select or --ignore, split at commas; ValueError for one that no rule has."""
    parts = tuple(part.strip().upper() for value in prefixes for part in value.split(",") if part.strip())
    for part in parts:
        if not any(code.startswith(part) for code in RULES):
            raise ValueError(f"no rule's code begins with {part}; `responses-tap rules` lists them")
    return parts


def check_paths(paths: Iterable[str], options: Options, engine: str = LOCAL) -> Iterator[Checked | UnusableInput]:
    """Every response below `paths`, in order; for what cannot be read, the error.

    Much work is spread over several processes, or by Daft if that is the engine. UnusableInput where the engine isn't
    installed.
    """
    path, count = "", 0
    for unit, results in spread(partial(_check_one, options=options), units_below(paths), engine):
        # The parts of a file are checked as if they were files.
        count = count if unit.groups is not None and unit.path == path else 0
        path = unit.path
        for result in results:
            if isinstance(result, Checked) and count:
                yield replace(result, index=count + result.index)
            else:
                yield result
        if unit.groups is not None:
            count += sum(isinstance(result, Checked) for result in results)


def _check_one(unit: Unit, options: Options) -> list[Checked | UnusableInput]:
    if unit.error is not None:
        return [unit.error]
    found: list[Checked | UnusableInput] = []
    try:
        with telling(unit.path):
            found.extend(_check_unit(unit, options))
    except UnusableInput as error:
        found.append(passed_over(error, Path(unit.path)) if unit.is_below else error)
    return found


def _check_unit(unit: Unit, options: Options) -> Iterator[Checked | UnusableInput]:
    if unit.path.endswith(PARQUET) and unit.size:
        with opened(unit.path) as file:
            is_parquet = file.read(len(parquet.MAGIC)) == parquet.MAGIC
            file.seek(0)
            streams = parquet.read_groups(file, unit.groups) if is_parquet else recognise(file).streams
            yield from _check_streams(unit.path, streams, options)
    else:
        yield from _check_path(unit.path, options)


class Recorded:
    """The streams of a recording, each checked like a live one; with `joined`, together with its earlier parts."""

    def __init__(self, recording: "Recording", *, joined: bool = False) -> None:
        self._recording = recording
        self._joined = joined
        self._turns = Turns(recording)

    def stream(self, row: StreamRow) -> Stream:
        """A stream with its frames."""
        return stream_of(row, (TimedFrame(frame, at_ns) for frame, at_ns, _ in self._recording.frames(row.id)))

    def check(self, row: StreamRow, profile: str, *, resumed: bool = False) -> tuple[Checker | Turn, "EventLines"]:
        """Check a stream; return the finished checker and the lines of its events."""
        # Rows of a list have no headers, which state the content type.
        stream = self.stream(self._recording.stream(row.id) or row)
        if self._joined and len(response := parts(self._recording, row)) > 1:
            first = stream_of(self._recording.stream(response[0].stream) or row)
            # The parts share no clock.
            frames = map(TimedFrame, joined_frames(self._recording, response))
            stream = replace(first, frames=frames, response=replace(first.response, body=None), ending=stream.ending)
        elif row.socket is not None:
            checker = self._turns.of(row, profile)
            checker.finish(cut=stream.is_cut)
            return checker, _lines_of_messages(stream.frames)
        return _check(stream, checker_for(stream, profile, resumed=resumed))


class EventLines:
    """The line of each event in a body, from 1; each message of a socket is a line."""

    def __init__(self) -> None:
        self._starts: list[array[int]] = []
        self._line = 1

    def take(self, entries: Iterable[Entry | Run]) -> "EventLines":
        """Count the lines of all frames of the body, in order."""
        for entry in entries:
            if isinstance(entry, Run):
                self._take_run(entry.raws)
            else:
                self._take(entry)
        return self

    def _take(self, entry: Entry) -> None:
        raw, at = entry.frame.raw, self._line
        if entry.position is not None:
            if entry.response == len(self._starts):
                self._starts.append(array("Q"))
            self._starts[entry.response].append(entry.line or at + _before_data(raw))
        self._line = entry.line or at + raw.count(b"\n")

    def _take_run(self, raws: list[bytes]) -> None:
        # They share their lines, and belong to the response of the event before them.
        lines = raws[0].count(b"\n")
        begin, self._line = self._line, self._line + lines * len(raws)
        self._starts[-1].extend(range(begin + _before_data(raws[0]), self._line, lines))

    def of(self, findings: Iterable[Finding]) -> dict[int, int]:
        """The lines of the findings' positions; the body's last line is at -1."""
        places = {f.position: self._starts[f.response][f.position] for f in findings if f.position is not None}
        return places | {-1: self._line}


def _before_data(raw: bytes) -> int:
    """How many lines of a frame precede its data."""
    return raw.count(b"\n", 0, raw.find(b"data"))


def _check(stream: Stream, checker: Checker | Turn) -> tuple[Checker | Turn, EventLines]:
    """Check a stream; return the finished checker and the lines of its events."""
    return checker, EventLines().take(checked(stream, checker))


def _lines_of_messages(messages: Iterable[TimedFrame]) -> EventLines:
    return EventLines().take(
        Entry(n, frame, None if frame.data is None else n, line=n + 1) for n, (frame, *_) in enumerate(messages)
    )


def _check_path(path: str, options: Options) -> Iterator[Checked | UnusableInput]:
    if path == "-":
        with telling("-", "(standard input) "):
            yield from _check_streams("-", recognise(sys.stdin.buffer).streams, options)
        return
    file, id_ = _split(path)
    readable(file)
    if is_recording(file):
        yield from _check_recording(file, id_, options)
    else:
        with telling(path), file.open("rb") as opened:
            yield from _check_streams(path, recognise(opened).streams, options)


def _split(path: str) -> tuple[Path, int | None]:
    name, hash_, number = path.rpartition("#")
    if hash_ and number.isdecimal() and not is_there(Path(path)):
        return file_of(Path(name), int(number)) if not is_there(Path(name)) else Path(name), int(number)
    return Path(path), None


def _check_streams(
    source: str, streams: Iterable[Stream | Skipped], options: Options
) -> Iterator[Checked | UnusableInput]:
    index = 0
    for found in streams:
        if isinstance(found, Skipped):
            yield UnusableInput(source, str(found)) if found.fault else PassedOver(source, str(found))
            continue
        stream = as_excerpt(found) if options.excerpt else found
        if remark := remark_on(stream):
            yield Remark(source, f"{stream.place} {remark}".lstrip())
        try:
            with telling(source, f"{found.place} ".lstrip()):
                for checked in _check_found(source, stream, options):
                    yield replace(checked, index=index)
                    index += 1
        except InternalError as error:
            yield error


def _check_found(source: str, stream: Stream, options: Options) -> Iterator[Checked]:
    profile, why, stream = _profile(options, stream)
    checker, lines = _check(stream, checker_for(stream, profile, resumed=options.resumed))
    state = state_of(stream.response.status, stream.response.body)
    host, day = _host_and_day(source, stream.request.url, stream.request.started_at)
    eventless = Checked(source, None, 0, None, None, state, 0, (), {}, profile, why, host=host, day=day)
    yield from _results(eventless, checker, lines, options)


def _host_and_day(source: str, url: str, started_at: str | None) -> tuple[str | None, str | None]:
    """Where and when a stream was asked for, by what is known of its request, else by the Hive partition."""
    stated = {name: unquote(value) for name, value in _PARTITION.findall(source)}
    day = _DAY.match(started_at or stated.get("day", ""))
    return split(url).hostname or stated.get("host"), day and day[0]


_PARTITION = re.compile(r"/(day|host)=([^/]+)(?=/)")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _check_recording(path: Path, id_: int | None, options: Options) -> Iterator[Checked | UnusableInput]:
    with open_existing(path) as recording:
        recorded = Recorded(recording, joined=options.joined)
        rows = recording.streams() if id_ is None else [recording.stream(id_)]
        covered = earlier_parts(recording, filter(None, rows)) if options.joined else set()
        for row in rows:
            if row is None:
                raise UnusableInput(str(path), f"has no stream {id_}; `responses-tap list {path}` shows what it has")
            if row.id in covered:
                continue
            try:
                with telling(f"{path}#{row.id}"):
                    yield from _check_row(str(path), recorded, row, options)
            except (UnusableInput, RecordingError) as error:
                yield error if isinstance(error, UnusableInput) else UnusableInput("", str(error))
        yield from (UnusableInput("", str(error)) for error in recording.damaged.values())


def _check_row(source: str, recorded: Recorded, row: StreamRow, options: Options) -> Iterator[Checked]:
    profile, why, _ = _profile(options, recorded.stream(row))
    checker, lines = recorded.check(row, profile, resumed=options.resumed)
    host, day = row.host, row.started_at[:10]
    eventless = Checked(
        source, row.id, 0, row.response_id, row.model, row.state, 0, (), {}, profile, why, host=host, day=day
    )
    yield from _results(eventless, checker, lines, options)


def _results(eventless: Checked, checker: Checker | Turn, lines: EventLines, options: Options) -> Iterator[Checked]:
    """The verdict on each response of a body; `eventless` is what is known about one without events."""
    for facts, findings in by_response(checker):
        mine = tuple(filter(options.keeps, findings))
        yield replace(eventless, **facts, findings=mine, lines=lines.of(mine))


def _profile(options: Options, stream: Stream) -> tuple[str, str, Stream]:
    """The profile to check with, the reason, and the stream, whose first frames may have been examined."""
    if options.profile != AUTO:
        return options.profile, "", stream
    frames, looked_at = iter(stream.frames), []
    response: dict[str, Any] = {}
    for timed in frames:
        looked_at.append(timed)
        if timed.frame.data:
            response = parse(timed.frame.data).object("response")
            break
    name, why = choose(stream.request.url, response)
    return name, why, replace(stream, frames=itertools.chain(looked_at, frames))
