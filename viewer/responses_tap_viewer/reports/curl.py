"""The request as a curl command, for any POSIX shell; secrets are variables."""

import re
import shlex
from collections.abc import Iterator, Sequence

from responses_tap.escaping import printable
from responses_tap_viewer.reports.again import Again, again
from responses_tap_viewer.streams import Stream

_DELIMITER = "JSON"


def script(streams: Sequence[Stream]) -> str:
    """A shell script that sends the requests of the streams again, one after the other."""
    requests = [again(stream) for stream in streams]
    lines = ["#!/bin/sh"]
    for name in dict.fromkeys(name for request in requests for name in request.variables.values()):
        lines.append(f': "${{{name}:?set it to the secret that the recording masks}}"')
    for stream, request in zip(streams, requests, strict=True):
        lines += ["", f"# {printable(stream.name)}", *command(request)]
    return "\n".join(lines) + "\n"


def command(request: Again) -> Iterator[str]:
    """The lines of one command."""
    method = "" if request.method == ("GET" if request.body is None else "POST") else f"-X {request.method} "
    pieces = [f"curl -gsSN {method}{_quoted(request, request.url)}"]
    # `-H 'Name:'` would take the header out; so curl writes one without a value.
    pieces += [f"-H {_quoted(request, f'{n}: {v}' if v else f'{n};')}" for n, v in request.headers]
    if request.body is None:
        yield from _joined(pieces)
        return
    delimiter = _DELIMITER
    while delimiter in request.body.splitlines():
        delimiter += "_"
    has_secrets = bool(request.masks(request.body))
    pieces.append(f"--data-binary @- <<{delimiter}" if has_secrets else f"--data-binary @- <<'{delimiter}'")
    yield from _joined(pieces)
    yield _expanded(request, request.body, r"[\\$`]") if has_secrets else request.body
    yield delimiter


def _joined(pieces: list[str]) -> Iterator[str]:
    for n, piece in enumerate(pieces):
        yield ("  " if n else "") + piece + (" \\" if n < len(pieces) - 1 else "")


def _quoted(request: Again, text: str) -> str:
    return f'"{_expanded(request, text, r'[\\$`"]')}"' if request.masks(text) else shlex.quote(text)


def _expanded(request: Again, text: str, special: str) -> str:
    """A text in which the shell puts the variables in."""
    parts = (f"${{{name}}}" if name else re.sub(special, r"\\\g<0>", plain) for plain, name in request.parts(text))
    return re.sub(r"(?<!\\)\$\{(\w+)\}(?!\w)", r"$\1", "".join(parts))
