"""Recognises what a file is by its content, whatever its name."""

import gzip
import io
import itertools
import json
import zlib
from collections.abc import Buffer, Callable, Iterator
from functools import cached_property
from typing import BinaryIO, NamedTuple, cast

from responses_tap.coding import MOST_TIMES, UNSUSPICIOUS
from responses_tap.formats import (
    Damaged,
    TooLarge,
    UnrecognizedFormat,
    cassettes,
    curl,
    flow_files,
    har,
    json_documents,
    json_events,
    parquet,
    pastes,
    raw,
    trace,
)
from responses_tap.protocol.events import is_error, parse
from responses_tap.protocol.other_apis import api_of
from responses_tap.protocol.profiles import Lack
from responses_tap.protocol.sse import decode, looks_like_events
from responses_tap.stream.model import Response, Skipped, Stream

_PIECE = 1 << 20
"""Bytes read at once: but for its longest frame, a stream of any size needs a bounded amount of memory."""
_HEAD = 1 << 16
_GZIP = b"\x1f\x8b"
_EXPECTED = "expected events, a HAR, a cassette or a trace"


class _Altered(Exception):  # noqa: N818 - it names what the file is
    """An event stream that somebody or some program has changed since."""


class Source(NamedTuple):
    """A recognised file: what it is, and its streams. The file stays open until they have been read."""

    kind: str
    streams: Iterator[Stream | Skipped]


def recognise(file: BinaryIO) -> Source:
    """What `file` is; UnrecognizedFormat, here or while its streams are read, where it is in none of the formats."""
    head, whole = _opened(file)
    if not head.startswith(_GZIP):
        return _decoded(head, whole)
    kind, streams = _decoded(*_opened(cast(BinaryIO, _Unpacked(whole))))
    return Source(f"{kind}, gzipped", streams)


def _decoded(head: bytes, file: BinaryIO) -> Source:
    if (encoding := raw.utf_16(head)) is None:
        return _recognised_or_paste(head, file)
    kind, streams = _recognised_or_paste(*_opened(io.BytesIO(_transcoded(file, encoding))))
    return Source(f"{kind}, UTF-16", streams)


def _recognised_or_paste(head: bytes, file: BinaryIO) -> Source:
    kept = _Kept(file)
    try:
        try:
            return _recognised(head, cast(BinaryIO, io.BufferedReader(kept, _PIECE)))
        except _Altered:
            return kept.altered()
    except TooLarge:
        raise
    except UnrecognizedFormat as error:
        if (paste := kept.paste(error)) is None:
            raise
        return paste
    finally:
        kept.forget()


def _recognised(head: bytes, file: BinaryIO) -> Source:
    if head.startswith(parquet.MAGIC):
        return Source("Parquet", parquet.read(file))
    if flow_files.is_flows(head):
        return Source("a flow file of mitmproxy", flow_files.read(file))
    return _text(head, file)


def _text(head: bytes, file: BinaryIO) -> Source:
    raw.refuse_foreign(head)
    for begins, opened in _TEXTS:
        if begins(head):
            return opened(file)
    if pastes.is_altered(head):
        raise _Altered
    return Source("an event stream", iter([raw.read(iter(lambda: file.read(_PIECE), b""))]))


def _begins(head: bytes, start: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(start)


def _begun(streams: Iterator[Stream]) -> Iterator[Stream | Skipped]:
    """The same streams; an error in the first one is raised immediately."""
    return itertools.chain([next(streams)], streams)


def _transcoded(file: BinaryIO, encoding: str) -> bytes:
    """A text in UTF-16, as PowerShell's `>` writes it, as UTF-8; UnrecognizedFormat where it is too large."""
    content = file.read(pastes.LARGEST + 1)
    if len(content) > pastes.LARGEST:
        raise UnrecognizedFormat(
            f"is UTF-16 of more than {pastes.LARGEST >> 20} MB; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"
        )
    return content.decode(encoding, errors="replace").encode(errors="replace")


def _opened(file: BinaryIO) -> tuple[bytes, BinaryIO]:
    """The head of a file, and the file from its beginning."""
    head = file.read(_HEAD)
    return head, io.BufferedReader(_Whole(head, file), _PIECE)


class _Passing(io.RawIOBase):
    """A file that reads from another one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        piece = self._next(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def _next(self, size: int) -> bytes:
        return self._file.read(size)


class _Whole(_Passing):
    """A file from its beginning, although its head has been read: standard input cannot be read twice."""

    def __init__(self, head: bytes, file: BinaryIO) -> None:
        super().__init__(file)
        self._head = head

    def _next(self, size: int) -> bytes:
        piece = self._head[:size] or super()._next(size)
        self._head = self._head[size:]
        return piece


class _Kept(_Passing):
    """A file that keeps its beginning until its format is known: a paste is read from there again."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._read: list[bytes] | None = []
        self._size = 0

    def _next(self, size: int) -> bytes:
        piece = super()._next(size)
        self._size += len(piece)
        if self._size > pastes.LARGEST:
            self._read = None
        if self._read is not None:
            self._read.append(piece)
        return piece

    def forget(self) -> None:
        """Stop keeping the beginning."""
        self._read = None

    def altered(self) -> Source:
        """The file as a paste, or as an event stream after all; UnrecognizedFormat where it is a text about one."""
        if self._pastes:
            return _pasted(self._pastes)
        if (foreign := self._foreign()) is not None:
            return foreign
        is_around = len(self._content) <= pastes.LARGEST and pastes.separate.is_surrounded(self._content)
        if is_around and b"\ndata:" in self._content:
            raise UnrecognizedFormat("is text in which few lines are events; paste those alone")
        pieces = itertools.chain([self._content], iter(lambda: self._file.read(_PIECE), b""))
        return Source("an event stream", iter([raw.read(pieces)]))

    def paste(self, error: UnrecognizedFormat) -> Source | None:
        """The file as a paste, if it is one; UnrecognizedFormat says what else it is, if that is known."""
        if self._read is None:
            return None
        found = self._pastes
        if found and (
            not isinstance(error, Damaged)
            or all(paste.is_whole or paste.stream.lacks - {Lack.EXCERPT} for paste in found)
        ):
            return _pasted(found)
        if self._is_text and (document := pastes.separate.error(self._content)) is not None:
            return _answer(document)
        if not isinstance(error, Damaged) and (words := pastes.refusals.named(self._content)):
            raise UnrecognizedFormat(words) from error
        return None

    def _foreign(self) -> Source | None:
        """The first stream of another API that the text shows: for the rules to report (SC815)."""
        if not self._is_text:
            return None
        for section in (*pastes.separate.fences(self._content, b"data:"), *pastes.separate.runs(self._content)):
            frames = (frame for frame in decode([section.content, b"\n\n"]) if frame.data)
            if any(api_of(parse(frame.data or b"").data, frame.event) for frame in frames):
                return Source("an event stream with other text around it", iter([raw.read(iter([section.content]))]))
        return None

    @cached_property
    def _content(self) -> bytes:
        """The file, or as much of it as shows that it is too large for a paste."""
        assert self._read is not None
        return b"".join([*self._read, self._file.read(pastes.LARGEST + 1 - self._size)])

    @property
    def _is_text(self) -> bool:
        return len(self._content) <= pastes.LARGEST and b"\x00" not in self._content[:4096]

    @cached_property
    def _pastes(self) -> list[pastes.Paste]:
        return pastes.read_all(self._content) if self._is_text else []


class _Counted(_Passing):
    """A file that counts the bytes read from it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.count = 0

    def _next(self, size: int) -> bytes:
        piece = super()._next(size)
        self.count += len(piece)
        return piece


class _Unpacked(gzip.GzipFile):
    """The content of a gzipped file; Damaged where it breaks, or expands far more than any stream would."""

    def __init__(self, file: BinaryIO) -> None:
        self._packed = _Counted(file)
        self._size = 0
        super().__init__(fileobj=io.BufferedReader(self._packed, _HEAD), mode="rb")

    def read(self, size: int | None = -1) -> bytes:
        try:
            piece = super().read(size)
            self._size += len(piece)
            if self._size > max(UNSUSPICIOUS, MOST_TIMES * self._packed.count):
                raise Damaged(f"is gzip that unpacks to more than {MOST_TIMES} times its size (the limit); unpack it")
            return piece
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Damaged(f"is gzip that is damaged or cut ({error})") from error


def _pasted(found: list[pastes.Paste]) -> Source:
    return Source(found[0].kind, iter([paste.stream for paste in found]))


def _objects(file: BinaryIO) -> Source:
    read = []
    for line in iter(lambda: file.readline(json_documents.LARGEST + 1), b""):
        read.append(line)
        if line.strip():
            break
    try:
        first = json_documents.parse(read[-1])
    except UnrecognizedFormat:  # an object over several lines, or a damaged one: the error names the line
        return _document(json_documents.load(file, b"".join(read)))
    if isinstance(first, dict) and isinstance(first.get("type"), str):
        lines = itertools.chain(read, file)
        return Source("JSON lines of events", iter([json_events.read_lines(lines, dumped=True)]))
    rest = file.read(json_documents.LARGEST)
    return _document(json_documents.parse(b"".join((*read, rest))) if rest.strip() else first)


def _array(document: object) -> Source:
    if document is None or is_error(document):
        return _answer(document)
    if not isinstance(document, list):
        raise UnrecognizedFormat(f"is JSON; {_EXPECTED}")
    return Source("a JSON array of events", iter([json_events.read_array(document)]))


def _document(document: object) -> Source:
    if isinstance(document, dict) and trace.is_trace(document):
        return Source("a trace of responses-tap", trace.read(document))
    if isinstance(document, dict) and har.is_har(document):
        return Source("a HAR", har.read(document))
    if isinstance(document, dict) and cassettes.is_cassette(document):
        return Source("a VCR cassette in JSON", cassettes.read(document))
    if isinstance(document, dict) and pastes.is_event(document):
        return Source("an event in JSON", iter([json_events.read_array([document])]))
    if (isinstance(document, dict) and document.get("object") == "response") or is_error(document):
        return _answer(document)
    raise UnrecognizedFormat(f"is JSON; {_EXPECTED}")


def _answer(document: object) -> Source:
    """What a request was answered with instead of a stream: a whole response, an error, or `null`."""
    body = json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass")
    kind = "an error in JSON" if is_error(document) else "a response in JSON"
    return Source(kind, iter([Stream(response=Response(body=body))]))


_TEXTS: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO], Source]], ...] = (
    (curl.is_curl, lambda file: Source("curl's output", _begun(curl.read(file)))),  # before JSON: `{ [5 bytes data]`
    (
        lambda head: _begins(head, b"[") or head.removeprefix(b"\xef\xbb\xbf").strip() == b"null",
        lambda file: _array(json_documents.load(file)),
    ),
    (lambda head: _begins(head, b"{"), _objects),
    (
        lambda head: cassettes.is_yaml(head) and not looks_like_events(head),
        lambda file: Source("a VCR cassette in YAML", cassettes.read_yaml(file)),
    ),
)
"""The text formats besides event streams and pastes, each with how it begins, in the order in which they are tried."""
