"""Tells what a file is by its content, whatever it is called."""

import gzip
import io
import itertools
import zlib
from collections.abc import Buffer, Iterator
from typing import BinaryIO, NamedTuple, cast

from responses_tap.formats import Damaged, Foreign, cassettes, curl, documents, flows, har, json_events, raw, trace
from responses_tap.formats.imported import Imported, Skipped

_PIECE = 1 << 20
"""Bytes read at once: a stream of any size passes through a bounded amount of memory, but for its longest frame."""
_HEAD = 1 << 16
_GZIP = b"\x1f\x8b"
_UNSUSPICIOUS = 32 << 20
"""Bytes that a gzipped file may unpack to in any case."""
_MOST_TIMES = 250
"""How many times its size a gzipped file may unpack to; streams come to 10 to 50."""
_EXPECTED = "expected events, a HAR, a cassette or a trace"


class Source(NamedTuple):
    """A file that is recognised: what it is, and what is in it. The file stays open until that is read."""

    kind: str
    streams: Iterator[Imported | Skipped]


def recognise(file: BinaryIO) -> Source:
    """What `file` is; Foreign, here or while its streams are read, where it is none of our formats."""
    head, whole = _opened(file)
    if not head.startswith(_GZIP):
        return _told(head, whole)
    kind, streams = _told(*_opened(cast(BinaryIO, _Unpacked(whole))))
    return Source(f"{kind}, gzipped", streams)


def _told(head: bytes, file: BinaryIO) -> Source:
    if flows.is_flows(head):
        return Source("a flow file of mitmproxy", flows.read(file))
    raw.refuse_foreign(head)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"[":
        return _array(documents.load(file))
    if curl.is_curl(head):  # before JSON: `{ [5 bytes data]`
        return Source("curl's output", curl.read(file))
    if start == b"{":
        return _objects(file)
    if cassettes.is_yaml(head) and not raw.looks_like_events(head):
        return Source("a VCR cassette in YAML", cassettes.read_yaml(file))
    return Source("an event stream", iter([raw.read(iter(lambda: file.read(_PIECE), b""))]))


def _opened(file: BinaryIO) -> tuple[bytes, BinaryIO]:
    """The head of a file, and the file from its beginning all the same."""
    head = file.read(_HEAD)
    return head, io.BufferedReader(_Whole(head, file), _PIECE)


class _Whole(io.RawIOBase):
    """A file from its beginning, though its head has been read: standard input cannot be read twice."""

    def __init__(self, head: bytes, file: BinaryIO) -> None:
        self._head = head
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        piece = self._head[: len(view)] or self._file.read(len(view))
        self._head = self._head[len(view) :]
        view[: len(piece)] = piece
        return len(piece)


class _Counted(io.RawIOBase):
    """A file that counts what is read of it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        piece = self._file.read(len(view))
        view[: len(piece)] = piece
        self.count += len(piece)
        return len(piece)


class _Unpacked(gzip.GzipFile):
    """What a gzipped file holds; Damaged where that breaks, or is far more than any stream is in so few bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._packed = _Counted(file)
        self._size = 0
        super().__init__(fileobj=io.BufferedReader(self._packed, _HEAD), mode="rb")

    def read(self, size: int | None = -1) -> bytes:
        try:
            piece = super().read(size)
            self._size += len(piece)
            if self._size > _UNSUSPICIOUS and self._size > _MOST_TIMES * self._packed.count:
                raise Damaged(f"is gzip that unpacks to more than {_MOST_TIMES} times its size (the limit); unpack it")
            return piece
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Damaged(f"is gzip that is damaged or cut ({error})") from error


def _objects(file: BinaryIO) -> Source:
    read = []
    for line in iter(lambda: file.readline(documents.LARGEST + 1), b""):
        read.append(line)
        if line.strip():
            break
    try:
        first = documents.parse(read[-1])
    except Foreign:  # an object over several lines, or what it breaks in is told with its line
        return _document(documents.load(file, b"".join(read)))
    if isinstance(first, dict) and isinstance(first.get("type"), str):
        return Source("JSON lines of events", iter([json_events.read_lines(itertools.chain(read, file))]))
    rest = file.read(documents.LARGEST)
    return _document(documents.parse(b"".join((*read, rest))) if rest.strip() else first)


def _array(document: object) -> Source:
    if not isinstance(document, list):
        raise Foreign(f"is JSON; {_EXPECTED}")
    return Source("a JSON array of events", iter([json_events.read_array(document)]))


def _document(document: object) -> Source:
    if isinstance(document, dict) and trace.is_trace(document):
        return Source("a trace of responses-tap", trace.read(document))
    if isinstance(document, dict) and har.is_har(document):
        return Source("a HAR", har.read(document))
    if isinstance(document, dict) and cassettes.is_cassette(document):
        return Source("a VCR cassette in JSON", cassettes.read(document))
    if isinstance(document, dict) and "error" in document:
        raise Foreign(f"is an error answer in JSON; {_EXPECTED}")
    if isinstance(document, dict) and document.get("object") == "response":
        raise Foreign(f"is a whole response in JSON, not its stream; {_EXPECTED}")
    raise Foreign(f"is JSON; {_EXPECTED}")
