"""The request as a curl command, for any POSIX shell; secrets are variables.

Everything from outside is a quoted word that cannot be taken for an option: a URL after `--url`, a header after its
name. The body is piped from the shell's built-in `printf`: a here-document could end early, and shells drop NULs in it.
"""

from collections.abc import Iterator, Sequence

from responses_tap.escaping import header_value, printable, shell_printed, shell_word
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.reports.resend import ResendRequest, resend_request

_CURL = "curl -gsSN --path-as-is --proto '=http,https'"
"""Don't expand or normalise the URL, and allow no other protocols."""


def script(streams: Sequence[JudgedStream]) -> str:
    """A shell script that resends the requests of the streams, one by one."""
    requests = [resend_request(stream) for stream in streams]
    lines = ["#!/bin/sh"]
    names = dict.fromkeys(name for request in requests for name in request.variables.values())
    if names:
        lines.append("# The secrets are masked in the recording. They go to the hosts below:")
    for name in names:
        lines.append(f': "${{{name}:?set it to the secret that the recording masks: export {name}=…}}"')
    for stream, request in zip(streams, requests, strict=True):
        lines += ["", f"# {printable(stream.name)}", *command(request)]
    return "\n".join(lines) + "\n"


def command(request: ResendRequest, body_file: str = "") -> Iterator[str]:
    """The lines of one command; with a `body_file`, a shell word, the body comes from that file."""
    pieces = [_CURL]
    if request.method != ("GET" if request.body is None else "POST"):
        pieces[0] += f" --request {shell_word(request.method)}"
    pieces.append(f"--url {_word(request, request.url)}")
    pieces += [f"--header {_header(request, name, value)}" for name, value in request.headers]
    if request.body is not None:
        pieces.append(f"--data-binary @{body_file or '-'}")
        if not body_file:
            yield f"{_printed(request, request.body)} |"
    yield from (f"{'  ' * (n > 0)}{piece}{' \\' * (n < len(pieces) - 1)}" for n, piece in enumerate(pieces))


def _header(request: ResendRequest, name: str, value: str) -> str:
    # curl's syntax: `Name:` would remove the header, `Name;` sends it without a value.
    sent = header_value(value).encode("latin-1").decode(errors="surrogateescape")
    return _word(request, f"{name}: {sent}" if sent.strip() else f"{name};")


def _word(request: ResendRequest, text: str) -> str:
    """A text as one word, with variables for its secrets."""
    return "".join(f'"${name}"' if name else shell_word(plain) for plain, name in request.parts(text)) or "''"


def _printed(request: ResendRequest, text: str) -> str:
    """The command that prints a text with its secrets."""
    pieces = [("%s", f'"${name}"') if name else shell_printed(plain) for plain, name in request.parts(text)]
    conversions = "".join(conversion for conversion, _ in pieces) or "%s"
    return f"printf {conversions} {''.join(f'{word} ' for _, word in pieces).rstrip() or "''"}"
