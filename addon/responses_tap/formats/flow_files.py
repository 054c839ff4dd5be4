"""mitmproxy's flow files (`mitmdump -w`, or saved from mitmproxy and mitmweb)."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from responses_tap.coding import ContentDecoder
from responses_tap.formats import Damaged, json_documents
from responses_tap.formats.exchanges import Exchange, streams
from responses_tap.privacy.body_masking import as_text
from responses_tap.stream import file_values
from responses_tap.stream.columns import Headers
from responses_tap.stream.model import Ending, Request, Response, Skipped, Stream

if TYPE_CHECKING:
    from mitmproxy.flow import Flow
    from mitmproxy.http import Headers as FlowHeaders
    from mitmproxy.http import HTTPFlow

_START = re.compile(rb"\d{1,12}:\d{1,12}:[a-z_]+[,;]")
_LENGTH = re.compile(rb"\d:")
"""Each value is preceded by its length."""
_UNSUSPICIOUS = 1 << 20
_BODIES = "mitmproxy streamed it through; let it keep such bodies (--set store_streamed_bodies=true)"


def is_flows(start: bytes) -> bool:
    """Whether a file with this start is a flow file: a dictionary in tnetstrings."""
    return _START.match(start) is not None


def read(file: BinaryIO) -> Iterator[Stream | Skipped]:
    """The event streams among the flows, one flow in memory at a time; Damaged where the file breaks."""
    return streams(_exchanges(file), "a flow file of mitmproxy", _BODIES)


def _exchanges(file: BinaryIO) -> Iterator[Exchange | Skipped]:
    from mitmproxy.exceptions import FlowReadException
    from mitmproxy.http import HTTPFlow
    from mitmproxy.io import FlowReader

    flows: Iterator[Flow] = iter(FlowReader(_Bounded(file)).stream())  # type: ignore[arg-type]
    n = 0
    while True:
        place = f"flow {n}"
        try:
            flow = next(flows, None)
            if flow is None:
                return
            if isinstance(flow, HTTPFlow):
                yield _exchange(flow, place)
            else:
                yield Exchange(place, Request(), Response(), None)
        except FlowReadException as error:
            raise Damaged(f"is a flow file that breaks in {place} ({error})") from error
        except (
            ArithmeticError,
            AssertionError,
            AttributeError,
            LookupError,
            OSError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise Damaged(f"is a flow file whose {place} is damaged ({type(error).__name__}: {error})") from error
        n += 1


class _Bounded:
    """A file that reads no more at once than fits into memory: a damaged length may be any number."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.peek = getattr(file, "peek")  # noqa: B009 (not declared by BinaryIO)

    def read(self, size: int) -> bytes:
        if size > json_documents.LARGEST:
            raise Damaged(
                f"is a flow file with a flow of more than {json_documents.LARGEST >> 20} MB, too large to read"
            )
        read = self._file.read(size)
        if size > _UNSUSPICIOUS and sum(1 for _ in _LENGTH.finditer(read)) > json_documents.MOST_VALUES:
            raise Damaged(
                f"is a flow file with a flow of more than {json_documents.MOST_VALUES:,} values, too many to read"
            )
        return read


def _exchange(flow: "HTTPFlow", place: str) -> Exchange | Skipped:
    request, response = flow.request, flow.response
    started = request.timestamp_start
    sent = Request(
        request.method,
        request.pretty_url,
        request.http_version,
        _headers(request.headers),
        _text(request.headers, request.raw_content),
        datetime.fromtimestamp(started, UTC).isoformat(),
    )
    if response is None:
        exchange = Exchange(place, sent, Response(), None)
        why = f"has no response ({flow.error.msg if flow.error else 'it was still open'})"
        return Skipped(place, why, fault=True) if exchange.is_ours else exchange
    head = Response(response.status_code, _headers(response.headers), at_ns=_since(started, response.timestamp_start))
    found = Exchange(place, sent, head, response.raw_content, _ending(flow), live=True)
    if flow.websocket is not None and found.is_ours:
        return Skipped(place, "is a WebSocket, whose messages cannot be read from a flow file yet", fault=True)
    return found


def _text(headers: "FlowHeaders", body: bytes | None) -> str | None:
    # Not the flow's own get_text, which decodes without limit.
    return as_text(ContentDecoder(headers.get("content-encoding")).decode(body)) if body else None


def _ending(flow: "HTTPFlow") -> Ending:
    assert flow.response is not None
    at_ns = _since(flow.request.timestamp_start, flow.response.timestamp_end)
    if flow.error is None:
        return Ending(at_ns=at_ns)
    by = "client" if "client disconnected" in flow.error.msg.lower() else "network"
    return Ending(None, by, flow.error.msg, at_ns)


def _since(start: float, at: float | None) -> int | None:
    return None if at is None else file_values.time_ns(max(0.0, at - start), 1e9)


def _headers(headers: "FlowHeaders") -> Headers:
    return tuple(headers.items(multi=True))  # type: ignore[no-untyped-call]
