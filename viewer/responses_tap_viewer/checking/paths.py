"""Checks everything that a person points at: files, recordings, folders, standard input."""

import itertools
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from responses_tap.coding import can_decode
from responses_tap.errors import RecordingError
from responses_tap.formats.recognition import recognise
from responses_tap.protocol.bodies import asks_for_stream
from responses_tap.protocol.checker import Checker
from responses_tap.protocol.events import Event, parse
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.profiles import AUTO, Lack, choose
from responses_tap.protocol.rules import RULES
from responses_tap.protocol.sockets import Turn
from responses_tap.protocol.transport import Head
from responses_tap.stream.model import Skipped, Stream, TimedFrame
from responses_tap.urls import is_resumption
from responses_tap_viewer.checking.turns import Turns
from responses_tap_viewer.file_facts import CAPTURED, EVENTS_ALONE, state_of, ways_of
from responses_tap_viewer.joining import earlier_parts, joined_frames, parts
from responses_tap_viewer.streams import (
    InternalError,
    PassedOver,
    Remark,
    UnusableInput,
    as_excerpt,
    checker_of,
    files_below,
    is_recording,
    is_there,
    open_existing,
    passed_over,
    readable,
    remark_on,
    telling,
)

if TYPE_CHECKING:
    from responses_tap.store import Recording, StreamRow

_MUCH_BYTES = 32 << 20
"""From so many bytes in several files on, starting more processes pays."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to check."""

    profile: str
    select: tuple[str, ...] = ()
    """Beginnings of rule codes; empty: all rules."""
    ignore: tuple[str, ...] = ()
    resumed: bool = False
    joined: bool = False
    """Whether a recorded response that was taken up again is checked as one."""
    excerpt: bool = False
    """Whether files may begin and end in the middle of their streams."""

    def keeps(self, finding: Finding) -> bool:
        """Whether a finding is among those asked for."""
        selected = not self.select or finding.code.startswith(self.select)
        return selected and not finding.code.startswith(self.ignore or ("-",))


@dataclass(frozen=True, slots=True)
class Checked:
    """One response, checked."""

    source: str
    """The path as given, or as found below a folder as given."""
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
    """In which line of the file, from 1, the event of each finding's position stands; the end's is at -1."""
    profile: str
    why: str = ""
    """Why this profile, where it was chosen (`--profile auto`)."""

    def line(self, finding: Finding) -> int:
        """The line of the file that shows a finding."""
        return self.lines.get(-1 if finding.position is None else finding.position, 1)

    def count(self, severity: Severity) -> int:
        """How many findings are of one severity."""
        return sum(finding.severity is severity for finding in self.findings)


def known_codes(prefixes: Iterable[str]) -> tuple[str, ...]:
    """The prefixes as given to --select or --ignore, split at commas; ValueError for one that no rule has."""
    parts = tuple(part.strip().upper() for value in prefixes for part in value.split(",") if part.strip())
    for part in parts:
        if not any(code.startswith(part) for code in RULES):
            raise ValueError(f"no rule's code begins with {part}; `responses-tap rules` lists them")
    return parts


def check_paths(paths: Iterable[str], options: Options) -> Iterator[Checked | UnusableInput]:
    """Every response below `paths`, in order; what cannot be read comes out as the error it is.

    Much work in several files is spread over the processors.
    """
    files = list(_files(paths))
    sizes = [Path(file).stat().st_size for file in files if isinstance(file, str) and is_there(Path(file))]
    check = partial(_check_one, options=options)
    if len(sizes) > 1 and sum(sizes) >= _MUCH_BYTES:
        with ProcessPoolExecutor() as pool:
            yield from itertools.chain.from_iterable(pool.map(check, files))
    else:
        yield from itertools.chain.from_iterable(map(check, files))


class _Below(str):
    """A path that was found below a folder, where other files may lie, too."""

    __slots__ = ()


def _files(paths: Iterable[str]) -> Iterator[str | UnusableInput]:
    """The paths with each folder replaced by what is below it."""
    for path in paths:
        try:
            with telling(path):
                below = (
                    files_below(Path(path)) if path != "-" and is_there(Path(path)) and Path(path).is_dir() else None
                )
        except UnusableInput as error:
            yield error
            continue
        yield from [path] if below is None else map(_Below, below)


def _check_one(path: str | UnusableInput, options: Options) -> list[Checked | UnusableInput]:
    if isinstance(path, UnusableInput):
        return [path]
    found: list[Checked | UnusableInput] = []
    try:
        with telling(path):
            found.extend(_check_path(path, options))
    except UnusableInput as error:
        found.append(passed_over(error, Path(path)) if isinstance(path, _Below) else error)
    return found


class Recorded:
    """The streams of a recording, each checked as the recorder does it live; with `joined`, with its earlier parts."""

    def __init__(self, recording: "Recording", *, joined: bool = False) -> None:
        self._recording = recording
        self._joined = joined
        self._turns = Turns(recording)

    def frames(self, row: "StreamRow") -> Iterator[TimedFrame]:
        """The frames of a stream, with their times."""
        return (TimedFrame(frame, at_ns) for frame, at_ns, _ in self._recording.frames(row.id))

    def check(self, row: "StreamRow", profile: str, *, resumed: bool = False) -> tuple[Checker | Turn, "Lines"]:
        """Check a stream; the finished checker, and where its events stand."""
        frames = self.frames(row)
        checker: Checker | Turn
        if self._joined and len(response := parts(self._recording, row)) > 1:
            # Between the parts there is no clock.
            first = self._recording.stream(response[0].stream) or row
            checker = checker_of_row(first, profile, resumed=resumed)
            lines = _feed(checker, map(TimedFrame, joined_frames(self._recording, response)))
        elif row.socket is not None:
            checker, lines = self._turns.of(row, profile), _lines_of_messages(frames)
        else:
            # A list's rows come without their headers, which name the type of the content.
            whole = self._recording.stream(row.id) or row
            checker = checker_of_row(whole, profile, resumed=resumed)
            lines = _feed(checker, frames, whole.response_body)
        checker.finish(cut=was_cut(row))
        return checker, lines


def checker_of_row(row: "StreamRow", profile: str, *, resumed: bool = False) -> Checker:
    """The checker for a recorded stream, by what its row says of request and answer."""
    resumed = resumed or is_resumption(row.url)
    content_type = next((value for name, value in row.response_headers if name.lower() == "content-type"), None)
    ways = ways_of(row.source)
    return Checker(
        profile,
        live=CAPTURED in ways,
        resumed=resumed,
        framed=EVENTS_ALONE not in ways,
        head=Head(row.status, content_type),
        lacks=[lack for lack in Lack if lack in ways],
        streamed=row.response_body is None or asks_for_stream(row.url, row.request_body),
    )


def was_cut(row: "StreamRow") -> bool:
    """Whether the server is not to blame for what is missing: somebody else ended it, or it could not be decoded."""
    is_ours = row.ended_by in ("client", "recorder", "unknown") or row.state == "open"
    return is_ours or not can_decode(row.content_encoding)


class Lines:
    """In which line of a body, from 1, each event stands; of a socket, each message is a line."""

    def __init__(self) -> None:
        self._starts: list[array[int]] = []
        self._line = 1

    def add(self, taken: TimedFrame, event: Event | None) -> None:
        """Take the next frame of the body."""
        frame, line = taken.frame, taken.line
        if event is not None:
            if event.response == len(self._starts):
                self._starts.append(array("Q"))
            before = frame.raw[: frame.raw.find(b"data")] if line is None else b""
            self._starts[event.response].append((line or self._line) + before.count(b"\n"))
        self._line = self._line + frame.raw.count(b"\n") if line is None else line

    def of(self, findings: Iterable[Finding]) -> dict[int, int]:
        """The lines of the findings' positions; the body's last line is at -1."""
        places = {f.position: self._starts[f.response][f.position] for f in findings if f.position is not None}
        return places | {-1: self._line}


def _feed(checker: Checker, frames: Iterable[TimedFrame], body: bytes | None = None) -> Lines:
    """Have the frames checked, or the `body` that isn't an event stream; where the events stand."""
    lines = Lines()
    for taken in frames:
        lines.add(taken, checker.feed(taken.frame, taken.at_ns))
    if body is not None:
        checker.feed_whole(body)
    return lines


def _lines_of_messages(messages: Iterable[TimedFrame]) -> Lines:
    lines = Lines()
    for n, taken in enumerate(messages):
        lines.add(taken._replace(line=n + 1), None if taken.frame.data is None else parse(b"{}"))
    return lines


def _check_path(path: str, options: Options) -> Iterator[Checked | UnusableInput]:
    if path == "-":
        with telling("-", "(standard input) "):
            yield from _check_file("-", sys.stdin.buffer, options)
        return
    file, id_ = _split(path)
    readable(file)
    if is_recording(file):
        yield from _check_recording(file, id_, options)
    else:
        with telling(path), file.open("rb") as opened:
            yield from _check_file(path, opened, options)


def _split(path: str) -> tuple[Path, int | None]:
    name, hash_, number = path.rpartition("#")
    if hash_ and number.isdecimal() and not is_there(Path(path)):
        return Path(name), int(number)
    return Path(path), None


def _check_file(source: str, file: BinaryIO, options: Options) -> Iterator[Checked | UnusableInput]:
    index = 0
    for found in recognise(file).streams:
        if isinstance(found, Skipped):
            yield UnusableInput(source, str(found)) if found.fault else PassedOver(source, str(found))
            continue
        imported = as_excerpt(found) if options.excerpt else found
        if remark := remark_on(imported):
            yield Remark(source, f"{imported.place} {remark}".lstrip())
        try:
            with telling(source, f"{found.place} ".lstrip()):
                for checked in _check_imported(source, imported, options):
                    yield replace(checked, index=index)
                    index += 1
        except InternalError as error:
            yield error


def _check_imported(source: str, imported: Stream, options: Options) -> Iterator[Checked]:
    profile, why, frames = _profile(options, imported.request.url, imported.frames)
    checker = checker_of(imported, profile, resumed=options.resumed)
    lines = _feed(checker, frames, imported.response.body)
    checker.finish(cut=imported.is_cut)
    eventless = Checked(source, None, 0, None, None, state_of(imported), 0, (), {}, profile, why)
    yield from _results(eventless, checker, lines, options)


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


def _check_row(source: str, recorded: Recorded, row: "StreamRow", options: Options) -> Iterator[Checked]:
    profile, why, _ = _profile(options, row.url, recorded.frames(row))
    checker, lines = recorded.check(row, profile, resumed=options.resumed)
    eventless = Checked(source, row.id, 0, row.response_id, row.model, row.state, 0, (), {}, profile, why)
    yield from _results(eventless, checker, lines, options)


def _results(eventless: Checked, checker: Checker | Turn, lines: Lines, options: Options) -> Iterator[Checked]:
    """The verdict on each response of a body; `eventless` is what is known of one that has no event."""
    findings = [finding for finding in checker.findings if options.keeps(finding)]
    for response in checker.responses:
        mine = tuple(finding for finding in findings if finding.response == response.index)
        yield replace(
            eventless,
            index=response.index,
            response_id=response.id,
            model=response.model,
            state=response.state,
            events=response.events,
            findings=mine,
            lines=lines.of(mine),
        )
    if not checker.responses:
        yield replace(eventless, findings=tuple(findings), lines=lines.of(findings))


def _profile(options: Options, url: str, frames: Iterator[TimedFrame]) -> tuple[str, str, Iterator[TimedFrame]]:
    """The profile to check with, why, and the frames, of which the first may have been looked at."""
    if options.profile != AUTO:
        return options.profile, "", frames
    looked_at = []
    response: dict[str, Any] = {}
    for taken in frames:
        looked_at.append(taken)
        if taken.frame.data:
            response = parse(taken.frame.data).object("response")
            break
    name, why = choose(url, response)
    return name, why, itertools.chain(looked_at, frames)
