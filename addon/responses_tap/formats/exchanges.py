"""What formats share that contain requests with complete responses, not all of them of this API."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from responses_tap.coding import ContentDecoder
from responses_tap.formats import UnrecognizedFormat
from responses_tap.formats.raw import sifted
from responses_tap.protocol.sse import decode, looks_like_events
from responses_tap.stream.columns import header
from responses_tap.stream.model import Ending, Request, Response, Skipped, Stream, TimedFrame
from responses_tap.urls import split

_NAMED = 5
"""How many skipped exchanges are named one by one."""
_PIECE = 1 << 16


class Exchange(NamedTuple):
    """A request and its response."""

    place: str
    """Where in its file it is: `entry 3`."""
    request: Request
    response: Response
    """Its head."""
    body: bytes | None
    """The response's body, None where the file doesn't have it."""
    ending: Ending = Ending()
    line: int = 1
    """The line of the file in which it begins."""
    live: bool = False
    mime: str = ""
    """The body's content type, if the file states it outside the response's headers."""

    @property
    def is_stream(self) -> bool:
        """Whether the response is declared an event stream."""
        return self.response.is_event_stream or self.mime.lower().startswith("text/event-stream")

    @property
    def is_named_ours(self) -> bool:
        """Whether its URL is this API's."""
        return split(self.request.url).path.endswith("/responses")

    @property
    def is_ours(self) -> bool:
        """Whether it may be of this API."""
        return self.is_stream or self.is_named_ours


def streams(exchanges: Iterable[Stream | Exchange | Skipped], kind: str, bodies: str) -> Iterator[Stream | Skipped]:
    """The streams among the exchanges, and what was skipped; UnrecognizedFormat where nothing is of this API.

    `kind` is what to call the file, `bodies` how to get one that has the responses' bodies.
    """
    passed: list[str] = []
    found = False
    for exchange in exchanges:
        if isinstance(exchange, Exchange) and not exchange.is_ours:
            passed.append(exchange.place)
        else:
            found = True
            yield _stream(exchange, bodies) if isinstance(exchange, Exchange) else exchange
    if not found:
        raise UnrecognizedFormat(f"is {kind} with no event stream of the Responses API (of {len(passed)} requests)")
    if passed:
        more = f" and {len(passed) - _NAMED} more" if len(passed) > _NAMED else ""
        yield Skipped(f"{', '.join(passed[:_NAMED])}{more}:", "no event stream", fault=False)


def _stream(exchange: Exchange, bodies: str) -> Stream | Skipped:
    """The stream of an exchange that may be of this API."""
    place, response, body = exchange.place, exchange.response, exchange.body
    if not body:
        return Skipped(place, f"has no response body; {bodies}", fault=True)
    try:
        body = decoded(body, header(response.headers, "content-encoding"))
    except ValueError as error:
        return Skipped(place, f"has a response body that cannot be decoded ({error})", fault=True)
    frames: Iterator[TimedFrame] = iter(())
    if exchange.is_stream or looks_like_events(body):
        try:
            taken = (TimedFrame(frame, line=exchange.line) for frame in decode([body]))
            frames = sifted(taken, is_ours=exchange.is_named_ours)
        except UnrecognizedFormat as error:
            return Skipped(place, str(error), fault=False)
    else:
        response = replace(response, body=body)
    return Stream(frames, place, exchange.request, response, exchange.ending, live=exchange.live)


def decoded(body: bytes, encodings: str | None) -> bytes:
    """The body without its content-encoding, which most programs take off without removing the header.

    ValueError where it is damaged.
    """
    if not encodings or looks_like_events(body) or body.lstrip()[:1] in (b"{", b"["):
        return body
    decoder = ContentDecoder(encodings)
    decoded = b"".join(decoder.decode(body[at : at + _PIECE]) for at in range(0, len(body), _PIECE))
    if decoder.damage is not None:
        raise ValueError(decoder.damage)
    return decoded
