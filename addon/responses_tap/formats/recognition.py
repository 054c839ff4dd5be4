"""Tells what a file is by its content, whatever it is called."""

import io
import itertools
import json
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from responses_tap.formats import Foreign, curl, har, json_events, raw, trace
from responses_tap.formats.documents import LARGEST, load
from responses_tap.formats.imported import Imported, Skipped

_PIECE = 1 << 20
"""Bytes read at once: a stream of any size passes through a bounded amount of memory, but for its longest frame."""
_HEAD = 1 << 16
_EXPECTED = "expected events, a HAR or a trace"


class Source(NamedTuple):
    """A file that is recognised: what it is, and what is in it. The file stays open until that is read."""

    kind: str
    streams: Iterator[Imported | Skipped]


def recognise(file: BinaryIO) -> Source:
    """What `file` is; Foreign, here or while its streams are read, where it is none of our formats."""
    head = file.read(_HEAD)
    raw.refuse_foreign(head)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"{":
        return _objects(head, file)
    if start == b"[":
        return _array(load(file, head))
    if curl.is_curl(head):
        return Source("curl's output", curl.read(_lines(head, file)))
    pieces = itertools.chain([head], iter(lambda: file.read(_PIECE), b""))
    return Source("an event stream", iter([raw.read(pieces)]))


def _lines(head: bytes, file: BinaryIO) -> Iterator[bytes]:
    for line in io.BytesIO(head):
        yield line if line.endswith(b"\n") else line + file.readline(LARGEST)
    yield from file


def _objects(head: bytes, file: BinaryIO) -> Source:
    if curl.is_curl(head):  # `{ [5 bytes data]`
        return Source("curl's output", curl.read(_lines(head, file)))
    lines = _lines(head, file)
    read = []
    for line in lines:
        read.append(line)
        if line.strip():
            break
    if _is_event(read[-1]):
        return Source("JSON lines of events", iter([json_events.read_lines(itertools.chain(read, lines))]))
    return _document(load(file, max(head, b"".join(read), key=len)))


def _is_event(line: bytes) -> bool:
    try:
        first = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    return isinstance(first, dict) and isinstance(first.get("type"), str)


def _array(document: object) -> Source:
    if not isinstance(document, list):
        raise Foreign(f"is JSON; {_EXPECTED}")
    return Source("a JSON array of events", iter([json_events.read_array(document)]))


def _document(document: object) -> Source:
    if isinstance(document, dict) and trace.is_trace(document):
        return Source("a trace of responses-tap", trace.read(document))
    if isinstance(document, dict) and har.is_har(document):
        return Source("a HAR", har.read(document))
    if isinstance(document, dict) and "error" in document:
        raise Foreign(f"is an error answer in JSON; {_EXPECTED}")
    if isinstance(document, dict) and document.get("object") == "response":
        raise Foreign(f"is a whole response in JSON, not its stream; {_EXPECTED}")
    raise Foreign(f"is JSON; {_EXPECTED}")
