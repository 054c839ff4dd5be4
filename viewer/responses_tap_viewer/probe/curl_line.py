"""A request as one line of curl, to ask a server the same again."""

from collections.abc import Mapping

from responses_tap.escaping import shell_word
from responses_tap_viewer.probe.client import ProbeRequest


def curl_line(base: str, headers: Mapping[str, str], request: ProbeRequest) -> str:
    """The line. `headers` are words of a shell by their names: secrets stand in it as variables."""
    words = ["curl", "-gsSN"]
    if request.method != ("GET" if request.content is None else "POST"):
        words += ["-X", request.method]
    words.append(shell_word(base.rstrip("/") + request.path))
    if request.content is not None:
        words += ["-H", "'content-type: application/json'"]
    words += [part for name, value in headers.items() for part in ("-H", f'"{name}: {value}"')]
    if request.content is not None:
        words += ["--data-binary", shell_word(request.content.decode())]
    return " ".join(words)
