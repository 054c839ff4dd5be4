"""A recorded stream from its row, and how it arrived, from the row's `source`."""

from collections.abc import Iterable

from responses_tap.coding import can_decode
from responses_tap.protocol.profiles import Lack
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.model import ENDED_BY, STATES, Ending, Request, Response, Stream, TimedFrame

CAPTURED = "captured"
"""The end of `source` for a stream whose bytes are as they arrived over the wire."""
EVENTS_ALONE = "events alone"
"""…and for one whose frames were made up, around bare events."""


def ways_of(stream: Stream) -> list[str]:
    """In which respects the body is as it arrived over the wire."""
    return [CAPTURED] * stream.live + [EVENTS_ALONE] * (not stream.framed) + sorted(stream.lacks)


def _ways_in(source: str) -> set[str]:
    """Derive it from a row's `source`."""
    ways = set()
    known = {CAPTURED, EVENTS_ALONE, *Lack}
    while (way := source.rpartition(", ")[2]) in known:
        ways.add(way)
        source = source.rpartition(", ")[0]
    return ways | ({CAPTURED} if source.endswith(CAPTURED) else set())


def stream_of(row: StreamRow, frames: Iterable[TimedFrame] = ()) -> Stream:
    """The recorded stream of a row; `frames` are those of its events."""
    ways = _ways_in(row.source)
    # Nobody is to blame for what is missing from a body that could not be decoded.
    ended_by = row.ended_by if can_decode(row.content_encoding) else "unknown"
    return Stream(
        frames,
        request=Request(row.method, row.url, row.http_version, row.request_headers, row.request_body, row.started_at),
        response=Response(row.status, row.response_headers, row.response_body),
        ending=Ending(
            row.state if row.state in STATES else None, ended_by if ended_by in ENDED_BY else None, row.end_reason
        ),
        framed=EVENTS_ALONE not in ways,
        live=CAPTURED in ways,
        socket=row.socket,
        lacks=frozenset(lack for lack in Lack if lack in ways),
    )
