"""What curl prints with `-i` (a response's headers before its body) and `-v` (lines with `* `, `> `, `< `)."""

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from responses_tap.formats import UnrecognizedFormat
from responses_tap.formats.raw import sifted
from responses_tap.protocol.sse import decode, looks_like_events
from responses_tap.stream.columns import header
from responses_tap.stream.model import Request, Response, Stream, TimedFrame

_STATUS = re.compile(rb"(?:< )?(HTTP/\d(?:\.\d)?) (\d{3})\b")
_REQUEST = re.compile(rb"> ([A-Z]+) (\S+) (HTTP/\d(?:\.\d)?)\s*$")
_SENT = re.compile(rb">(?: |\r?\n|$)")
_NOTE = re.compile(rb"\*(?: |\r?\n|$)|[{}] \[\d+ bytes data\]|Note: Unnecessary use of -X")
"""How curl's own lines begin, wherever they are."""
_METER = re.compile(
    rb"\s*% Total\s+% Received.*|\s+Dload\s+Upload.*"
    rb"|(?:\s*(?:[\d.kMG]+\s+){4,9}[\d:-]{8}(?:\s+[\d:-]{8}){2}\s+\d+[kMG]?)+"
)
"""The progress meter, on stderr where stdout isn't a terminal; the body may follow on the same line."""
_SECURE = re.compile(rb"\*.*(?:\b(?:SSL|TLS|ALPN)|https://)")
"""What -v says about an encrypted connection."""
_LEFT = re.compile(rb"\* Connection #\d+ to host \S+ left intact\s*$")
"""curl -v appends this to a body even if that ends without a line end."""


def is_curl(start: bytes) -> bool:
    """Whether a text with this start is curl's output."""
    return any(pattern.match(start) for pattern in (_STATUS, _SENT, _NOTE, _METER))


def read(lines: Iterable[bytes]) -> Iterator[Stream]:
    """The responses in these lines, one by one; UnrecognizedFormat where there is none."""
    text = _Output(lines)
    found = 0
    while (head := _head(text)) is not None:
        body = _body(text)
        found += 1
        yield _stream(head, body, text, f"answer {found}")
        for _ in body:  # what the reader has left unread
            pass
    if not found:
        raise UnrecognizedFormat("has curl's lines, but no response (`HTTP/1.1 200 OK`) among them")


class _Output:
    """Lines without curl's notes, numbered; the latest one can be put back."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._back: list[bytes] = []
        self.number = 0
        """The number of the latest line, from 1."""
        self.secure: bool | None = None
        """Whether the connection is encrypted, according to the notes so far; None where there are none."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while True:
            line = self._back.pop() if self._back else next(self._lines)
            self.number += 1
            if (meter := _METER.match(line)) is not None:
                line = line[meter.end() :]
                if not line.strip():
                    continue
            if _NOTE.match(line) is None:
                return line
            if line.startswith(b"*"):
                self._note(line)

    def _note(self, note: bytes) -> None:
        if b" Trying " in note or self.secure is None:  # a connection begins
            self.secure = False
        if _SECURE.match(note):
            self.secure = True

    def put_back(self, line: bytes) -> None:
        """Return this line, the latest, once more."""
        self._back.append(line)
        self.number -= 1


@dataclass
class _Head:
    """The head of a request, as far as curl -v shows it, and of its response."""

    request: Request = field(default_factory=Request)
    sent: list[tuple[str, str]] = field(default_factory=list)
    status: int | None = None
    received: list[tuple[str, str]] = field(default_factory=list)


def _head(text: _Output) -> _Head | None:
    """The next head, the last one of several without a body in between; None at the end."""
    head = _Head()
    in_response = False
    for line in text:
        if request := _REQUEST.match(line):
            method, target, version = (group.decode(errors="replace") for group in request.groups())
            head, in_response = _Head(Request(method, target, version)), False
        elif _SENT.match(line):
            head.sent += _header(line[2:])
        elif status := _STATUS.match(line):
            head.status, head.received, in_response = int(status[2]), [], True
        elif in_response and line.strip() in (b"", b"<"):
            if not _is_interim(text):
                return head
            in_response = False
        elif in_response:
            head.received += _header(line.removeprefix(b"< "))
        elif line.strip():
            raise UnrecognizedFormat(
                f"has a line {text.number} that is none of curl's; expected `HTTP/1.1 200 OK` or `> POST …`"
            )
    return head if head.status is not None else None


def _header(line: bytes) -> list[tuple[str, str]]:
    name, colon, value = line.decode(errors="replace").partition(":")
    return [(name.strip(), value.strip())] if colon else []


def _is_interim(text: _Output) -> bool:
    """Whether another head follows immediately: after `100 Continue`, a proxy's response, a redirect."""
    for line in text:
        text.put_back(line)
        return _begins_head(line)
    return False


def _begins_head(line: bytes) -> bool:
    """Whether a line is the first of a request's or a response's head."""
    return bool(_STATUS.match(line) or _REQUEST.match(line))


def _body(text: _Output) -> Iterator[bytes]:
    for line in text:
        if _begins_head(line):
            text.put_back(line)
            return
        yield _LEFT.sub(b"", line)


def _stream(head: _Head, body: Iterator[bytes], text: _Output, place: str) -> Stream:
    host = header(head.sent, "host") or ""
    scheme = "http" if text.secure is False or (text.secure is None and ":" in host) else "https"
    url = f"{scheme}://{host}{head.request.url}" if host and head.request.url.startswith("/") else head.request.url
    request = replace(head.request, url=url, headers=tuple(head.sent))
    response = Response(head.status, tuple(head.received))
    first = next(body, b"")
    body = itertools.chain([first], body)
    if not response.is_event_stream and not looks_like_events(first):
        return Stream(iter(()), place, request, replace(response, body=b"".join(body)))
    frames = sifted(_timed(body, text), is_ours=True)
    return Stream(frames, place, request, response)


def _timed(body: Iterator[bytes], text: _Output) -> Iterator[TimedFrame]:
    for frame in decode(body):
        lines = frame.raw[max(0, frame.raw.find(b"data")) :].count(b"\n")
        yield TimedFrame(frame, line=text.number - lines + 1)
