"""The request of a stream, sent again: what of it to send, and which variables stand for its secrets."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from responses_tap_viewer.streams import Stream, UnusableInput

_MASKED = re.compile("‹masked ([0-9a-f]{6})›")
_NOT_SENT = frozenset(
    (
        "host", "content-length", "content-encoding", "accept-encoding", "connection", "keep-alive", "te",
        "transfer-encoding", "expect", "proxy-authorization", "proxy-connection",
    )
)  # fmt: skip
"""Headers of the first connection, or of how its body was packed; so are the SDK's counters, `x-stainless-…`."""
_VARIABLES = {"authorization": "OPENAI_API_KEY", "api-key": "AZURE_OPENAI_API_KEY"}


class Again(NamedTuple):
    """A request to send again. Its secrets stand masked in it, as the recording has them."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str | None
    variables: dict[str, str]
    """The fingerprint of a secret → the environment variable that holds it."""

    def parts(self, text: str) -> Iterator[tuple[str, str]]:
        """A text in pieces: (text, "") or ("", name of a variable)."""
        for n, piece in enumerate(_MASKED.split(text)):
            if n % 2:
                yield "", self.variables[piece]
            elif piece:
                yield piece, ""

    def masks(self, text: str) -> list[tuple[str, str]]:
        """The masks in a text: as they stand there, and the variable of each."""
        return [(f"‹masked {mark}›", self.variables[mark]) for mark in dict.fromkeys(_MASKED.findall(text))]


def again(stream: Stream) -> Again:
    """The request of a stream; UnusableInput where it is not known whole."""
    row = stream.row
    if row is None or not row.url or not row.method or (row.method == "POST" and row.request_body is None):
        raise UnusableInput(stream.name, "has no request to send again: its file tells of none, or --structure-only")
    if row.route == "websocket":
        raise UnusableInput(stream.name, "was asked for through a WebSocket; --format json has what was sent")
    headers = tuple(
        (name, value)
        for name, value in row.request_headers
        if name.lower() not in _NOT_SENT and not name.lower().startswith("x-stainless-")
    )
    body = row.request_body
    if body is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", "application/json"))
    variables: dict[str, str] = {}
    for name, value in headers:
        for mark in _MASKED.findall(value):
            own = _VARIABLES.get(name.lower()) or re.sub(r"\W", "_", name).upper()
            variables.setdefault(mark, own if own not in variables.values() else f"SECRET_{mark.upper()}")
    for mark in _MASKED.findall(f"{row.url} {body}"):
        variables.setdefault(mark, f"SECRET_{mark.upper()}")
    return Again(row.method, row.url, headers, body, variables)
