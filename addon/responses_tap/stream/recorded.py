"""A recorded stream, by what its row says of it; and what the row's `source` says of the way that it came."""

from collections.abc import Iterable

from responses_tap.coding import can_decode
from responses_tap.protocol.profiles import Lack
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.model import ENDED_BY, STATES, Ending, Request, Response, Stream, TimedFrame

CAPTURED = "captured"
"""How the source of a stream ends whose bytes are as they came over the wire."""
EVENTS_ALONE = "events alone"
"""And of one whose frames were made for events that came without."""


def ways_of(stream: Stream) -> list[str]:
    """In what respect the body is, or is not, as it came over the wire."""
    return [CAPTURED] * stream.live + [EVENTS_ALONE] * (not stream.framed) + sorted(stream.lacks)


def _ways_in(source: str) -> set[str]:
    """The same, out of what a row says of its source."""
    ways = set()
    known = {CAPTURED, EVENTS_ALONE, *Lack}
    while (way := source.rpartition(", ")[2]) in known:
        ways.add(way)
        source = source.rpartition(", ")[0]
    return ways | ({CAPTURED} if source.endswith(CAPTURED) else set())


def stream_of(row: StreamRow, frames: Iterable[TimedFrame] = ()) -> Stream:
    """A recorded stream, by what its row says; `frames` are those of its events."""
    ways = _ways_in(row.source)
    # Nobody is to blame for what is missing in a body that could not be decoded.
    ended_by = row.ended_by if can_decode(row.content_encoding) else "unknown"
    return Stream(
        frames,
        request=Request(row.method, row.url, row.http_version, row.request_headers, row.request_body, row.started_at),
        response=Response(row.status, row.response_headers, row.response_body),
        ending=Ending(row.state if row.state in STATES else None, ended_by if ended_by in ENDED_BY else None),
        framed=EVENTS_ALONE not in ways,
        live=CAPTURED in ways,
        socket=row.socket,
        lacks=frozenset(lack for lack in Lack if lack in ways),
    )
