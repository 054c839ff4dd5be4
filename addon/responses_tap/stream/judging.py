"""The one path from the frames of a stream to its findings and to the entries of its timeline."""

from collections.abc import Iterator
from typing import Any

from responses_tap.coding import broken_within
from responses_tap.protocol.bodies import Head, is_unreached
from responses_tap.protocol.checker import Checker
from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.protocol.request_facts import RequestFacts, facts_of
from responses_tap.protocol.runs import Run, check_pieces
from responses_tap.protocol.websocket_checker import SocketChecker, Turn
from responses_tap.stream.columns import header
from responses_tap.stream.model import Entry, Response, SseBody, Stream, TimedFrame

_CREATE = b'{"type":"response.create"}'


def checker_for(
    stream: Stream, profile: str = DEFAULT_PROFILE, *, resumed: bool = False, request: RequestFacts | None = None
) -> Checker | Turn:
    """The checker for a stream, set up with what is known about its request and response.

    `resumed` says that a client resumed a background response, where the URL doesn't show it; `request` is what is
    known about the request, where its body isn't available.
    """
    if stream.socket is not None:
        return _turn_of(stream, profile)
    response = stream.response
    if request is None:
        request = facts_of(stream.request.url, stream.request.body)
    checker = Checker(
        profile,
        live=stream.live,
        framed=stream.framed,
        request=request._replace(resumes=resumed or request.resumes),
        head=Head(response.status, _content_type(response), header(response.headers, "content-encoding")),
        streamed=response.body is None,
        lacks=stream.lacks,
    )
    if (within := broken_within(stream.ending.reason)) is not None:
        checker.encoding_broke(within)
    if is_unreached(stream.ending.reason):
        checker.not_reached()
    return checker


def _content_type(response: Response) -> str | None:
    """The content type; empty where the headers are known and don't state one."""
    return header(response.headers, "content-type") or ("" if response.headers else None)


def judged(stream: Stream, checker: Checker | Turn) -> Iterator[Entry]:
    """Check the stream frame by frame, to its end. Afterwards, the checker has the findings."""
    entries = _Entries()
    for timed in stream.frames:
        yield entries.next(timed, checker.feed(timed.frame, timed.at_ns))
    _finish(stream, checker)


def checked(stream: Stream, checker: Checker | Turn) -> Iterator[Entry | Run]:
    """Check the stream like `judged`, but faster: runs of deltas get no entries."""
    if not isinstance(stream.frames, SseBody) or not isinstance(checker, Checker):
        yield from judged(stream, checker)
        return
    entries = _Entries()
    for step in check_pieces(checker, stream.frames.pieces):
        if isinstance(step, Run):
            entries.skip(len(step.raws))
            yield step
        else:
            frame, event = step
            yield entries.next(TimedFrame(frame), event)
    _finish(stream, checker)


def by_response(checker: Checker | Turn) -> Iterator[tuple[dict[str, Any], list[Finding]]]:
    """What is known of each response of a finished checker, and its findings; {} and all of them where none began."""
    for response in checker.responses:
        facts = {
            "index": response.index,
            "response_id": response.id,
            "model": response.model,
            "state": response.state,
            "events": response.events,
        }
        yield facts, [finding for finding in checker.findings if finding.response == response.index]
    if not checker.responses:
        yield {}, checker.findings


class _Entries:
    """Makes the entries of a stream, in order.

    A frame that isn't an event (a comment, `[DONE]`) belongs to the response of the event before it.
    """

    def __init__(self) -> None:
        self._n = 0
        self._response = 0

    def next(self, timed: TimedFrame, event: Event | None) -> Entry:
        """The entry of the next frame, which contains this event."""
        n = self._n
        self._n += 1
        if event is not None:
            self._response = event.response
        position = None if event is None else event.position
        return Entry(n, timed.frame, position, self._response, timed.at_ns, timed.chunk, timed.line)

    def skip(self, count: int) -> None:
        """Skip this many frames, which get no entries."""
        self._n += count


def _finish(stream: Stream, checker: Checker | Turn) -> None:
    if stream.response.body is not None and isinstance(checker, Checker):
        checker.feed_whole(stream.response.body)
    checker.finish(cut=stream.is_cut)


def _turn_of(stream: Stream, profile: str) -> Turn:
    """The turn of a socket of which only this response is known; without a request for a steered one."""
    socket = SocketChecker(profile)
    turn = socket.asked((stream.request.body or "").encode(errors="replace")) or socket.asked(_CREATE)
    assert turn is not None
    return turn
