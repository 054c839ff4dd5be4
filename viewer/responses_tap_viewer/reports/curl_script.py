"""The request as a curl command, for any POSIX shell; secrets are variables.

Everything from outside is a quoted word, and a word that cannot begin another option: a URL behind `--url`, a header
behind its name. The body comes through a pipe from the shell's own `printf`: a here-document could end early, and
shells drop a NUL in it.
"""

from collections.abc import Iterator, Sequence

from responses_tap.escaping import header_value, printable, shell_printed, shell_word
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.reports.resend import ResendRequest, resend_request

_CURL = "curl -gsSN --path-as-is --proto '=http,https'"
"""Nothing in the URL is expanded or tidied up, and no other protocol is spoken."""


def script(streams: Sequence[JudgedStream]) -> str:
    """A shell script that sends the requests of the streams again, one after the other."""
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
    """The lines of one command; with a `body_file`, which the shell takes as it is, the body comes from there."""
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
    # As curl has it: `Name:` would take the header out, `Name;` sends it without a value.
    sent = header_value(value).encode("latin-1").decode(errors="surrogateescape")
    return _word(request, f"{name}: {sent}" if sent.strip() else f"{name};")


def _word(request: ResendRequest, text: str) -> str:
    """A text as one word, with the variables of its secrets in it."""
    return "".join(f'"${name}"' if name else shell_word(plain) for plain, name in request.parts(text)) or "''"


def _printed(request: ResendRequest, text: str) -> str:
    """The command that writes a text with its secrets."""
    pieces = [("%s", f'"${name}"') if name else shell_printed(plain) for plain, name in request.parts(text)]
    conversions = "".join(conversion for conversion, _ in pieces) or "%s"
    return f"printf {conversions} {''.join(f'{word} ' for _, word in pieces).rstrip() or "''"}"
