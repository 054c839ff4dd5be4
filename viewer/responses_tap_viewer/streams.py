"""Finds the streams that a user names: in a recording, in a file, below a folder."""

import os
import re
import shlex
import sqlite3
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from responses_tap.errors import RecordingError, UnusableInput
from responses_tap.escaping import shorten
from responses_tap.formats import Damaged, UnrecognizedFormat
from responses_tap.formats.raw import SQLITE_MAGIC
from responses_tap.protocol.findings import counted
from responses_tap.protocol.profiles import DEFAULT_PROFILE, Lack, unasked
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.judging import checker_for, judged
from responses_tap.stream.model import JudgedStream, Request, Response, Skipped, Stream

if TYPE_CHECKING:
    from responses_tap.store import Recording
    from responses_tap.stream.filters import Filter

DEFAULT_RECORDING = Path("recordings/responses.db")
SAMPLES = Path(__file__).with_name("recordings")
if not SAMPLES.is_dir():  # a checkout keeps them at its top
    SAMPLES = Path(__file__).parents[2] / "recordings"

STDIN = "-"
"""The path that stands for standard input."""
_SUFFIXES = (".sse", ".db", ".sqlite", ".sqlite3")
_OTHER_SUFFIXES = (
    ".jsonl", ".ndjson", ".json", ".har", ".txt", ".log", ".out", ".yaml", ".yml", ".flow", ".flows", ".mitm", ".gz",
    ".parquet",
)  # fmt: skip
"""Endings that other files have, too: in a folder, such files are skipped if they hold no stream."""
_BESIDE_RECORDINGS = (".db-wal", ".db-shm", ".db-archive", ".db-otlp")
_MOST_KINDS = 5
"""Endings that are named of files that are not looked at."""

_REMOTE = re.compile(r"([\w.-]+@[\w.-]+):(.+)")
_CODE = 5
"""Characters of a rule's code."""


class NoStream(UnusableInput):
    """A file that is something else."""


class InternalError(UnusableInput):
    """Input that this program cannot handle because of a bug."""


class PassedOver(UnusableInput):
    """Unrelated content that the user didn't name: reported, but not a failure."""


class Remark(PassedOver):
    """How a file was read."""


def default_recording() -> Path:
    """The default recording."""
    return Path(os.environ.get("RESPONSES_TAP_DB") or DEFAULT_RECORDING)


def last_id(path: Path) -> int:
    """The id of the last stream of a recording, 0 where there is none yet."""
    from responses_tap.store import open_recording

    try:
        with open_recording(path) as recording:
            return max(recording.stream_ids(), default=0)
    except RecordingError:
        return 0


def open_existing(path: Path) -> "Recording":
    """Open an existing recording; UnusableInput where there is none."""
    if not is_there(path):
        several = (
            f"is in several files; name one of them, like {first}"
            if (first := recording_files(path)[0]) != path
            else ""
        )
        advice = "does not exist; `responses-tap record -- COMMAND` makes a recording"
        raise UnusableInput(str(path), several or _elsewhere(path) or advice)
    # A file of one stream needs no database: pydantic, which reads one, takes long to import.
    from responses_tap.store import open_recording

    try:
        return open_recording(path)
    except RecordingError as error:
        raise UnusableInput("", str(error)) from error


def recording_files(path: Path) -> list[Path]:
    """The files of the recording with that name: those of several processes, where there is no such file."""
    if is_there(path):
        return [path]
    from responses_tap.store.shares import shares

    return shares(path) or [path]


def is_recording(path: Path) -> bool:
    """Whether the file at `path` is an SQLite file; UnusableInput where it cannot be read."""
    with telling(str(path)), path.open("rb") as file:
        return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC


def find_stream(name: str) -> JudgedStream:
    """The one stream that `name` means: ID, FILE.db#ID, FILE, FILE#INDEX, or - for standard input."""
    with telling(name):
        return _found(name)


def _found(name: str) -> JudgedStream:
    if name.isdecimal():
        return _recorded(default_recording(), int(name))
    path, hash_, number = name.rpartition("#")
    if not hash_ or not number.isdecimal() or is_there(Path(name)):
        path, number = name, ""
    if path == STDIN:
        return _from_file(path, None)
    if recording_files(Path(path)) == [Path(path)]:
        readable(Path(path))
        if not is_recording(Path(path)):
            return _from_file(path, int(number) if number else None)
    return _recorded(Path(path), int(number) if number else None)


def is_there(path: Path) -> bool:
    """Whether there is anything at `path`, whose name may be too long for a file."""
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True


def require_here(path: Path) -> None:
    """Raise UnusableInput where a path that isn't there names something on a server or another machine."""
    if not is_there(path) and (hint := _elsewhere(path)):
        raise UnusableInput(str(path), hint)


def _elsewhere(path: Path) -> str:
    """What to do where a path is meant as a URL, a file on another machine (as scp names it), or a stream; or empty."""
    if path.parts[:1] in (("http:",), ("https:",)):
        return "is a URL; save its stream with curl -N, or test the server with `responses-tap probe URL --model M`"
    if remote := _REMOTE.fullmatch(str(path)):
        machine, there = map(shlex.quote, remote.groups())
        return f"is on another machine; copy it here, or run `ssh -t {machine} responses-tap view {there}`"
    file, hash_, number = str(path).rpartition("#")
    if hash_ and is_there(Path(file)):
        if number.isdecimal():
            return f"is one stream, where a recording or a file is expected: name {file}"
        return f"is not a stream: the ID after # is a number, as in {file}#1"
    return ""


def readable(path: Path) -> None:
    """Raise UnusableInput unless `path` is a readable file."""
    if not is_there(path):
        raise UnusableInput(str(path), _elsewhere(path) or "does not exist")
    if path.is_dir():
        raise UnusableInput(str(path), "is a folder; name a file in it")
    if not path.is_file():
        raise UnusableInput(str(path), "is not a regular file")
    if not os.access(path, os.R_OK):
        raise UnusableInput(str(path), "cannot be read; check its permissions")


def files_below(folder: Path) -> list[Path]:
    """The files below a folder that may be streams or recordings, by name; UnusableInput where there are none."""
    suffixes = _SUFFIXES + _OTHER_SUFFIXES
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes and p.is_file())
    if not found:
        raise UnusableInput(str(folder), f"holds no stream (looked for {', '.join(suffixes)})")
    return found


def left_out_below(folder: Path) -> Iterator["PassedOver"]:
    """What a folder holds beside them, in a line: nobody should take for checked what was not looked at."""
    suffixes = _SUFFIXES + _OTHER_SUFFIXES + _BESIDE_RECORDINGS
    visible = (p for p in folder.rglob("*") if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    others = [p.suffix.lower() for p in visible if p.suffix.lower() not in suffixes and p.is_file()]
    if others:
        kinds = ", ".join(suffix or "no ending" for suffix in sorted(set(others))[:_MOST_KINDS])
        told = f"holds {counted(len(others), 'more file')} that {'is' if len(others) == 1 else 'are'} not looked at"
        yield PassedOver(str(folder), f"{told} ({kinds}); name a file to have it read, whatever its ending")


def passed_over(error: UnusableInput, path: Path) -> UnusableInput:
    """The error for a file found in a folder: one that may well be unrelated isn't a failure."""
    if isinstance(error, NoStream) and path.suffix.lower() in _OTHER_SUFFIXES:
        return PassedOver(error.source, f"is passed over: it {error.message}")
    return error


@contextmanager
def telling(source: str, words: str = "") -> Iterator[None]:
    """Raise whatever goes wrong with one path or stream as UnusableInput, so that the others are still done.

    RecordingError and sqlite3.Error, for a recording that cannot be read or written, are raised as they are.
    """
    try:
        yield
    except (UnusableInput, RecordingError, sqlite3.Error):
        raise
    except Damaged as error:
        raise UnusableInput(source, f"{words}{error}") from error
    except UnrecognizedFormat as error:
        raise NoStream(source, f"{words}{error}") from error
    except OSError as error:
        raise UnusableInput(source, f"{words}cannot be read ({error.strerror})") from error
    except Exception as error:
        raise InternalError(source, f"{words}caused {internal(error)}") from error


def internal(error: Exception) -> str:
    """An unexpected error in one line: what it is, where it was raised, what to do."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    what = shorten(f"{type(error).__name__}: {error}", 200)
    return f"an internal error, {what} ({Path(where.filename).name}:{where.lineno}); please report it"


def remark_on(stream: Stream) -> str:
    """How a file was read and which rules could not be checked, in one line; empty if there is nothing to report."""
    codes = ", ".join(f"{code}…" if len(code) < _CODE else code for code in unasked(stream.lacks))
    lacks = f"{', '.join(sorted(stream.lacks))}; rules not asked: {codes}" if codes else ""
    return "; ".join(filter(None, (stream.remark, lacks)))


def as_excerpt(stream: Stream) -> Stream:
    """The same stream, marked as one that may have begun earlier and continued later."""
    return replace(stream, lacks=stream.lacks | {Lack.EXCERPT})


def recorded_stream(recording: "Recording", row: StreamRow) -> JudgedStream:
    """A stream of an open recording, with its frames and recorded findings."""
    entries = list(recording.entries(row.id))
    if row.first_byte_ns is None:  # imported from a file without times
        entries = [entry._replace(at_ns=None) for entry in entries]
    return JudgedStream(
        str(recording.path),
        row.id,
        None,
        row,
        entries,
        recording.findings(row.id),
        recording.chunks(row.id),
        recording.calls(row.id),
    )


def matching_streams(wanted: "Filter", recordings: Sequence[str]) -> list[JudgedStream]:
    """The streams of these recordings, or of the default one, that match a filter; UnusableInput if none does."""
    found = []
    named = map(Path, recordings) if recordings else [default_recording()]
    for path in chain.from_iterable(map(recording_files, named)):
        with open_existing(path) as recording:
            for row in recording.matching(wanted):
                whole = recording.stream(row.id)
                if whole is not None:  # else it was removed in the meantime
                    found.append(recorded_stream(recording, whole))
    if not found:
        raise UnusableInput("", f"no stream matches {wanted}; `responses-tap list` lists the streams")
    return found


def file_of(path: Path, stream_id: int) -> Path:
    """The file of a recording that a stream is in."""
    from responses_tap.store.shares import file_of

    return file_of(path, stream_id)


def _recorded(path: Path, id_: int | None) -> JudgedStream:
    with open_existing(path if id_ is None else file_of(path, id_)) as recording:
        ids = recording.stream_ids()
        if id_ is None:
            if len(ids) != 1:
                some = f" ({path}#{ids[0]} … {path}#{ids[-1]})" if ids else ""
                raise UnusableInput(str(path), f"has {len(ids)} streams; name one{some}")
            id_ = ids[0]
        row = recording.stream(id_)
        if row is None:
            raise UnusableInput(str(path), f"has no stream {id_}; `responses-tap list {path}` shows what it has")
        return recorded_stream(recording, row)


def _from_file(path: str, index: int | None) -> JudgedStream:
    streams = check_file(Path(path), DEFAULT_PROFILE)
    counts = [1 + max((entry.response for entry in stream.entries), default=0) for stream in streams]
    count = sum(counts)
    if index is None:
        if count > 1:
            raise UnusableInput(path, f"has {count} responses; name one ({path}#0 … {path}#{count - 1})")
        return streams[0]
    if index >= count:
        raise UnusableInput(path, f"has {counted(count, 'response')}, counted from 0; there is no {index}")
    response = index
    while response >= counts[0]:
        response -= counts.pop(0)
    stream = streams[-len(counts)]
    return replace(
        stream,
        index=index,
        entries=[entry for entry in stream.entries if entry.response == response],
        findings=[finding for finding in stream.findings if finding.response == response],
    )


def check_file(path: Path, profile: str) -> list[JudgedStream]:
    """The streams in a file or in standard input, checked, with their frames kept; UnusableInput for none."""
    # A recording needs none of the formats: a list of streams starts in half the time without them.
    from responses_tap.formats.recognition import recognise

    streams = []
    skipped = []
    with telling(str(path)), _opened(path) as file:
        for found in recognise(file).streams:
            if isinstance(found, Skipped):
                skipped.append(str(found))
            else:
                streams.append(_checked(path, found, profile))
    if not streams:
        raise UnusableInput(str(path), f"has no stream: {'; '.join(skipped)}")
    return streams


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if str(path) == STDIN:
        yield sys.stdin.buffer
        return
    readable(path)
    with path.open("rb") as file:
        yield file


def _checked(path: Path, stream: Stream, profile: str) -> JudgedStream:
    checker = checker_for(stream, profile)
    entries = list(judged(stream, checker))
    checked = JudgedStream(str(path), entries=entries, findings=checker.findings, remark=remark_on(stream))
    if stream.request == Request() and stream.response == Response() and not stream.chunks:
        return checked
    # Most files are just a body: the modules of a recording are imported only for the others.
    from responses_tap_viewer.file_facts import file_row

    checked.row = file_row(path, stream, checker)
    checked.chunks = list(stream.chunks)
    return checked
