"""Which requests are further attempts of earlier ones: OpenAI's SDKs count theirs, others just ask again."""

import hashlib
import json
from dataclasses import dataclass

from responses_tap.protocol.events import json_object
from responses_tap.recorder.messages import RequestMessage
from responses_tap.recorder.worker_side.http_columns import RETRY_COUNT
from responses_tap.stream.columns import header
from responses_tap.stream.storable import Value, count_of

_MOST_TRIES = 500
"""Requests that are remembered."""
_PAUSE_NS = 90 * 10**9
"""How long after the end of an attempt the next may come: the SDKs wait 60 s where a server asks them to."""
_GOOD = ("completed", "incomplete", "queued", "in_progress", "cancelled")


@dataclass(slots=True)
class _Try:
    stream: int
    request: tuple[str, str, bytes]
    """Method, URL, and the fingerprint of the body."""
    attempt: int
    ended_ns: int | None = None
    has_failed: bool = False
    is_retried: bool = False


def fingerprint(body: bytes) -> bytes:
    """A hash of a request's body, the same for JSON whose keys come in another order: Codex shuffles them each time."""
    known = json_object(body)
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode() if known else body).digest()


class Attempts:
    """The latest requests, and how they ended. Times are those of one clock."""

    def __init__(self) -> None:
        self._tries: dict[int, _Try] = {}

    def begin(self, stream: int, request: RequestMessage, digest: bytes, at_ns: int) -> dict[str, Value]:
        """Take a new request, and the fingerprint of its body; what its row is to say of the attempt before it.

        An SDK's count is believed: 1 is the second attempt of the newest such request without one. Without a count, a
        request is a further attempt of the same one (method, URL and body) if that has failed just before.
        """
        told = count_of(header(request.headers, RETRY_COUNT))
        this = _Try(stream, (request.method, request.url, digest), told or 0)
        is_told = told is not None
        before = next((t for t in reversed(self._tries.values()) if _leads_to(t, this, at_ns, told=is_told)), None)
        self._tries[stream] = this
        if len(self._tries) > _MOST_TRIES:
            del self._tries[next(iter(self._tries))]
        if before is None:
            return {}
        before.is_retried = True
        this.attempt = before.attempt + 1
        return {"retry_of": before.stream, "attempt": this.attempt}

    def end(self, stream: int, state: str, at_ns: int) -> None:
        """A stream has ended in this state."""
        if (known := self._tries.get(stream)) is not None:
            known.ended_ns, known.has_failed = at_ns, state not in _GOOD


def _leads_to(before: _Try, this: _Try, at_ns: int, *, told: bool) -> bool:
    if before.is_retried or before.request != this.request:
        return False
    if before.ended_ns is None:
        # A client that gives up may ask again before it is known here that it has.
        return told and this.attempt == before.attempt + 1
    is_next = this.attempt == before.attempt + 1 if told else before.has_failed
    return is_next and at_ns - before.ended_ns <= _PAUSE_NS
