"""The request of a stream to resend: what to send, and which variables hold its secrets."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from responses_tap.errors import UnusableInput
from responses_tap.escaping import encodable, is_token
from responses_tap.stream.model import JudgedStream
from responses_tap.urls import requestable

_MASKED = re.compile("masked-([0-9a-f]{16})")
_OLD_MASK = re.compile("‹masked ([0-9a-f]{6})›")
"""A character in the masks of 0.1.0, impossible in a header or URL."""
_NOT_SENT = frozenset(
    (
        "host", "content-length", "content-encoding", "accept-encoding", "connection", "keep-alive", "te",
        "transfer-encoding", "expect", "proxy-authorization", "proxy-connection",
    )
)  # fmt: skip
"""Headers that belong to the original connection or its encoding, as do the SDK's counters, `x-stainless-…`."""
PREFIX = "TAP_SECRET_"
"""The prefix of the secrets' variables. Without it, a stranger's script could name any variable of the user's
environment and send its value to a host of the stranger's choice."""


class ResendRequest(NamedTuple):
    """A request to resend. Its secrets are masked, as in the recording."""

    method: str
    """A token of RFC 9110."""
    url: str
    """http or https, in ASCII."""
    headers: tuple[tuple[str, str], ...]
    """The names are tokens of RFC 9110, the values as recorded."""
    body: str | None
    variables: dict[str, str]
    """The environment variable for each secret, by fingerprint."""

    def parts(self, text: str) -> Iterator[tuple[str, str]]:
        """A text in pieces: (text, "") or ("", name of a variable)."""
        for n, piece in enumerate(_MASKED.split(text)):
            if n % 2:
                yield "", self.variables[piece]
            elif piece:
                yield piece, ""

    def masks(self, text: str) -> list[tuple[str, str]]:
        """The masks in a text, verbatim, and the variable of each."""
        return [(found[0], self.variables[found[1]]) for found in {m[0]: m for m in _MASKED.finditer(text)}.values()]


def resend_request(stream: JudgedStream) -> ResendRequest:
    """The request of a stream; UnusableInput where it isn't completely known or isn't valid."""
    row = stream.row
    if row is None or not row.url or not row.method or (row.method == "POST" and row.request_body is None):
        raise UnusableInput(stream.name, "cannot be sent again: the source has no request")
    if row.route == "websocket":
        raise UnusableInput(stream.name, "was asked for through a WebSocket; --format json has what was sent")
    url = requestable(_ascii_masks(row.url))
    if url is None:
        raise UnusableInput(stream.name, "cannot be requested again: its URL is not a well-formed http or https URL")
    if not is_token(row.method):
        raise UnusableInput(stream.name, "cannot be requested again: its method is not one that HTTP knows")
    headers = _headers(row.request_headers)
    body = None if row.request_body is None else _ascii_masks(encodable(row.request_body))
    if body is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", "application/json"))
    return ResendRequest(row.method, url, headers, body, _variables(headers, f"{url} {body}"))


def _headers(recorded: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The headers to send, without names that HTTP/1.1 doesn't allow: browsers' HARs have `:path` and the like."""
    return tuple(
        (name, _ascii_masks(value))
        for name, value in recorded
        if is_token(name) and name.lower() not in _NOT_SENT and not name.lower().startswith("x-stainless-")
    )


def _variables(headers: Sequence[tuple[str, str]], text: str) -> dict[str, str]:
    """A variable for each secret, named after its header if it has one, else after its fingerprint."""
    variables: dict[str, str] = {}
    for name, value in headers:
        for mark in _MASKED.findall(value):
            own = PREFIX + re.sub("[^A-Z0-9]", "_", name.upper())
            variables.setdefault(mark, own if own not in variables.values() else f"{PREFIX}{mark.upper()}")
    for mark in _MASKED.findall(text):
        variables.setdefault(mark, f"{PREFIX}{mark.upper()}")
    return variables


def _ascii_masks(text: str) -> str:
    return _OLD_MASK.sub(r"masked-0000000000\1", text)
