"""The last check before a stream leaves: what in it looks like a secret, where, and how to mask it."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from responses_tap.errors import UnusableInput
from responses_tap.escaping import printable
from responses_tap.privacy.looks import Secret, find_secrets
from responses_tap.privacy.masking import Masker
from responses_tap.privacy.personal import Personal
from responses_tap.privacy.rewriting import delta_texts, rewrite
from responses_tap.protocol.events import parse
from responses_tap.protocol.sse import decode
from responses_tap.stream.columns import COLUMNS, StreamRow
from responses_tap.stream.model import Entry, JudgedStream
from responses_tap.stream.over_sse import over_sse

_MASKER = Masker(written=True)
"""What is masked here was in plain text in the recording: its fingerprints hold for one run."""
_NAMED = 3
"""Places named besides the first."""
_STARRED = re.compile(r"(?<!\\)[\x21\x23-\x5b\x5d-\x7e]")
"""The characters of a secret that become a star: not those that JSON escapes."""


class Leak(NamedTuple):
    """Something in a stream that looks like a secret."""

    place: str
    """Where it is, in words."""
    kind: str
    """What it looks like: `API key`."""


class SecretFound(UnusableInput):
    """A stream that must not be exported as it is."""

    def __init__(self, stream: JudgedStream, leaks: Sequence[Leak]) -> None:
        first, others = leaks[0], [leak.place for leak in leaks[1:]]
        more = f", and in {', '.join(others[:_NAMED])}{' and more' * (len(others) > _NAMED)}" if others else ""
        super().__init__(
            stream.name,
            f"has a possible secret ({first.kind}) in {first.place}{more}; --mask-secrets masks it",
        )


def find_leaks(stream: JudgedStream) -> Iterator[Leak]:
    """Everything in the stream that looks like a secret and isn't masked."""
    if stream.row is not None:
        yield from _in_row(stream.row)
    if find_secrets(stream.body.decode(errors="surrogateescape")):
        for entry in stream.entries:
            found = find_secrets(entry.frame.raw.decode(errors="surrogateescape"))
            yield from (Leak(named(entry), secret.kind) for secret in found[:1])
    for text, whole in delta_texts(stream.entries).items():
        yield from (Leak(f"the text of the {text.type} events", secret.kind) for secret in find_secrets(whole)[:1])
    for finding in stream.findings:
        yield from (Leak(f"the message of {finding.code}", secret.kind) for secret in find_secrets(finding.message)[:1])


def leak_line(stream: JudgedStream) -> Iterator[str]:
    """A line saying where the stream has what looks like a secret, if anywhere."""
    leaks = [f"{leak.kind} in {leak.place}" for leak in find_leaks(stream)]
    if leaks:
        more = f" and {len(leaks) - _NAMED} more" if len(leaks) > _NAMED else ""
        places = printable(", ".join(leaks[:_NAMED]))
        yield f"⚑ possible secret: {places}{more}; --mask-secrets masks it in exports"


def secrets_in(stream: JudgedStream) -> set[str]:
    """The texts in a stream's events that look like secrets."""
    texts = (stream.body.decode(errors="surrogateescape"), *delta_texts(stream.entries).values())
    return {text[secret.start : secret.end] for text in texts for secret in find_secrets(text)}


def masked(stream: JudgedStream) -> JudgedStream:
    """The stream with what looks like a secret masked: by stars; in the request, by a fingerprint."""
    stream = over_sse(stream)
    frames = rewrite(stream.entries, lambda _path, _kind, text: starred(text))
    # A secret that is recognised by the name before it shows only in the whole frame.
    bodies = (starred(frame.raw.decode(errors="surrogateescape")) for frame in frames)
    again = decode(body.encode(errors="surrogateescape") for body in bodies)
    return replace(
        stream,
        row=None if stream.row is None else _masked_row(stream.row),
        entries=[entry._replace(frame=frame) for entry, frame in zip(stream.entries, again, strict=True)],
        findings=[replace(finding, text=starred(finding.text)) for finding in stream.findings],
    )


def starred(text: str, find: Callable[[str], Sequence[Secret | Personal]] = find_secrets) -> str:
    """The text with stars where it has what `find` finds."""
    parts = []
    at = 0
    for secret in find(text):
        parts += [text[at : secret.start], _STARRED.sub("*", text[secret.start : secret.end])]
        at = secret.end
    return "".join((*parts, text[at:]))


def _in_row(row: StreamRow) -> Iterator[Leak]:
    clean = _masked_row(row)
    for name, column in COLUMNS.items():
        was, now = getattr(row, name), getattr(clean, name)
        if column.is_headers:
            for (header, value), (_, other) in zip(was, now, strict=True):
                if value != other:
                    yield Leak(f"{column.words} {header}", "matched by name or value")
        elif was != now:
            yield Leak(column.words, "matched by name or value")


def _masked_row(row: StreamRow) -> StreamRow:
    written = {name: getattr(row, name) for name, column in COLUMNS.items() if column.words}
    masks: dict[str, Any] = {
        name: _MASKS.get(name, _MASKER.text)(value) for name, value in written.items() if value is not None
    }
    return replace(row, **masks)


def _masked_bytes(body: bytes) -> bytes:
    return starred(body.decode(errors="surrogateescape")).encode(errors="surrogateescape")


def named(entry: Entry) -> str:
    """The place of a frame in its stream, in words."""
    if entry.position is None:
        return f"frame {entry.n}"
    type_ = parse(entry.frame.data or b"").type
    return f"event {entry.position}{f' ({type_})' if type_ else ''}"


_MASKS: dict[str, Callable[[Any], object]] = {
    "url": _MASKER.url,
    "request_headers": lambda headers: tuple(_MASKER.request_headers(headers)),
    "request_body": _MASKER.body,
    "response_headers": lambda headers: tuple(_MASKER.response_headers(headers)),
    "response_body": _masked_bytes,
}
"""How to mask secrets in the columns whose syntax is known; all others are plain text."""
