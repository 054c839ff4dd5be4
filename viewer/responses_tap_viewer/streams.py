"""Finds the streams that a person names: in a recording, in a file, below a folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from responses_tap.errors import RecordingError
from responses_tap.formats import Foreign
from responses_tap.formats.raw import SQLITE_MAGIC, read_frames
from responses_tap.protocol.checker import Checker
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.protocol.sse import Frame
from responses_tap.timeline import Entry

if TYPE_CHECKING:
    from responses_tap.store import ChunkRow, Recording, StreamRow

DEFAULT_RECORDING = Path("recordings/responses.db")
SAMPLES = Path(__file__).with_name("recordings")
if not SAMPLES.is_dir():  # a checkout keeps them at its top
    SAMPLES = Path(__file__).parents[2] / "recordings"

_SUFFIXES = (".sse", ".db", ".sqlite", ".sqlite3")


UNUSABLE = 2
"""The exit status for unusable input, as for wrong usage."""


class UnusableInput(Exception):  # noqa: N818 - it is about the input, and the person's to mend
    """A path or a name that leads to no stream; the message is one line: what, where, what to do."""

    def __init__(self, source: str, message: str) -> None:
        super().__init__(source, message)
        self.source = source
        self.message = message

    def __str__(self) -> str:
        return f"{self.source} {self.message}".strip()


@dataclass(slots=True)
class Stream:
    """A stream at hand: its frames with their times, and what the checker found."""

    source: str
    """The path it comes from, as given."""
    id: int | None = None
    """Its id in the recording, None for a file."""
    index: int | None = None
    """Which response of the file was asked for, None for all of it."""
    row: "StreamRow | None" = None
    """What the recording knows beside the body, None for a file."""
    entries: list[Entry] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    chunks: "list[ChunkRow]" = field(default_factory=list)

    @property
    def name(self) -> str:
        """How a person names it: the path, or `FILE.db#ID`."""
        suffix = self.id if self.id is not None else self.index
        return self.source if suffix is None else f"{self.source}#{suffix}"

    @property
    def body(self) -> bytes:
        """The frames joined, byte for byte."""
        return b"".join(entry.frame.raw for entry in self.entries)


def default_recording() -> Path:
    """The recording that is meant where none is named."""
    return Path(os.environ.get("RESPONSES_TAP_DB") or DEFAULT_RECORDING)


def open_existing(path: Path) -> "Recording":
    """Open a recording that must be there already; UnusableInput where there is none."""
    if not path.exists():
        raise UnusableInput(str(path), "does not exist; `responses-tap record -- COMMAND` makes a recording")
    # A file of one stream needs no database: sqlite-utils is imported only here, which halves the start.
    from responses_tap.store import open_recording

    try:
        return open_recording(path)
    except RecordingError as error:
        raise UnusableInput("", str(error)) from error


def is_recording(path: Path) -> bool:
    """Whether the file at `path` is an SQLite file."""
    with path.open("rb") as file:
        return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC


def find_stream(name: str) -> Stream:
    """The one stream that `name` means: ID, FILE.db#ID, FILE or FILE#INDEX."""
    if name.isdecimal():
        return _recorded(default_recording(), int(name))
    path, hash_, number = name.rpartition("#")
    if not hash_ or not number.isdecimal() or Path(name).exists():
        path, number = name, ""
    readable(Path(path))
    if is_recording(Path(path)):
        return _recorded(Path(path), int(number) if number else None)
    return _from_file(path, int(number) if number else None)


def readable(path: Path) -> None:
    """Raise UnusableInput unless `path` is a file that can be read."""
    if not path.exists():
        raise UnusableInput(str(path), "does not exist")
    if path.is_dir():
        raise UnusableInput(str(path), "is a folder; name a file in it")
    if not path.is_file():
        raise UnusableInput(str(path), "is no regular file")
    if not os.access(path, os.R_OK):
        raise UnusableInput(str(path), "cannot be read; check its permissions")


def files_below(folder: Path) -> list[Path]:
    """The streams and recordings below a folder, by name; UnusableInput where there are none."""
    found = sorted(p for p in folder.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
    if not found:
        raise UnusableInput(str(folder), f"holds no stream (looked for {', '.join(_SUFFIXES)})")
    return found


def file_frames(path: Path) -> Iterator[Frame]:
    """The frames in a file; UnusableInput where it is no event stream."""
    readable(path)
    try:
        with path.open("rb") as file:
            yield from read_frames(file)
    except Foreign as error:
        raise UnusableInput(str(path), str(error)) from error
    except OSError as error:
        raise UnusableInput(str(path), f"cannot be read ({error.strerror})") from error


def recorded_stream(recording: "Recording", row: "StreamRow") -> Stream:
    """A stream of an open recording, with its frames and the findings it was recorded with."""
    frames = recording.frames(row.id)
    entries = [
        Entry(event.n, frame, event.position, event.response, at_ns, chunk)
        for event, (frame, at_ns, chunk) in zip(recording.events(row.id), frames, strict=True)
    ]
    return Stream(str(recording.path), row.id, None, row, entries, recording.findings(row.id), recording.chunks(row.id))


def _recorded(path: Path, id_: int | None) -> Stream:
    with open_existing(path) as recording:
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


def _from_file(path: str, index: int | None) -> Stream:
    stream = check_file(Path(path), DEFAULT_PROFILE)
    count = 1 + max((entry.response for entry in stream.entries), default=0)
    if index is None:
        if count > 1:
            raise UnusableInput(path, f"has {count} responses; name one ({path}#0 … {path}#{count - 1})")
        return stream
    if index >= count:
        raise UnusableInput(path, f"has {count} response(s), counted from 0; there is no {index}")
    return replace(
        stream,
        index=index,
        entries=[entry for entry in stream.entries if entry.response == index],
        findings=[finding for finding in stream.findings if finding.response == index],
    )


def check_file(path: Path, profile: str) -> Stream:
    """The stream in a file, checked, with its frames kept."""
    checker = Checker(profile)
    entries = []
    response = 0
    for n, frame in enumerate(file_frames(path)):
        event = checker.feed(frame)
        response = response if event is None else event.response
        entries.append(Entry(n, frame, None if event is None else event.position, response))
    return Stream(str(path), entries=entries, findings=checker.finish())
