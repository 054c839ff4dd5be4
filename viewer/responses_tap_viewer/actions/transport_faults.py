"""Faults of the transport: when bytes arrive, in which pieces, under which headers, and how they end.

The faults of the events themselves are in `responses_tap.protocol.faults`. Both are named as NAME[=ARG][@EVENT].
"""

import gzip
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from typing import Any

from responses_tap.protocol.faults import Block, CannotPlant, FaultSpec, changed, counted_like, events_of, plant_blocks
from responses_tap_viewer.actions.draft_response import DraftResponse
from responses_tap_viewer.actions.playback import BreakOff

_SECOND = 10**9
_LONGEST = 3600.0
"""Seconds that a pause may have."""
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|)")
_BOM = b"\xef\xbb\xbf"
_ERROR = {"code": "server_error", "message": "The server had an error."}
_RECHUNKINGS = ("byte", "event", "coarse", "utf8", "crlf")
_RETRY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_ERROR_STATUSES = range(400, 600)


type Apply = Callable[[DraftResponse, FaultSpec], DraftResponse]


class Places(Enum):
    """Whether a fault is planted at an event."""

    NONE = "none"
    ONE = "one"
    ONE_OR_ALL = "one or all"


@dataclass(frozen=True, slots=True)
class TransportFault:
    """A fault of the transport."""

    name: str
    title: str
    stage: int
    """What is applied first: 0 events, 1 bytes, 2 times and pieces, 3 the end, 4 status and headers."""
    apply: Apply
    """Gets a spec with an event, where there are places."""
    examples: tuple[str, ...]
    """What a bench offers."""
    shows: str
    """The rule that a recording of it breaks, if it is long enough; empty where it is right, if unusual."""
    has_argument: bool
    places: Places

    def put_into(self, draft: DraftResponse, spec: FaultSpec, rnd: random.Random | None) -> DraftResponse:
        """The response with the fault, at a place that `rnd` draws, if given. Raises CannotPlant."""
        if spec.argument is not None and not self.has_argument:
            raise CannotPlant(f"{self.name} takes no argument")
        if spec.event is not None and self.places is Places.NONE:
            raise CannotPlant(f"{self.name} is about the whole response, and takes no @EVENT")
        if spec.event is not None or self.places is Places.ONE:
            spec = spec._replace(event=_place(len(events_of(draft.blocks)), spec, rnd))
        return self.apply(draft, spec)


TRANSPORT_FAULTS: dict[str, TransportFault] = {}
"""Every fault by its name."""


def _fault(
    name: str,
    title: str,
    stage: int,
    examples: str = "",
    *,
    shows: str = "",
    argument: bool = False,
    places: Places = Places.NONE,
) -> Callable[[Apply], Apply]:
    def enter(apply: Apply) -> Apply:
        offered = tuple(examples.split()) or (name,)
        TRANSPORT_FAULTS[name] = TransportFault(name, title, stage, apply, offered, shows, argument, places)
        return apply

    return enter


@_fault("done-early", "send [DONE] before the terminal event", 0, shows="TR908", places=Places.ONE)
def _done_early(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    planted = plant_blocks(draft.blocks, FaultSpec("TR908", event=spec.event))
    return replace(draft, blocks=tuple(planted))


@_fault("no-done", "leave out [DONE]", 0, shows="TR909")
def _no_done(draft: DraftResponse, _spec: FaultSpec) -> DraftResponse:
    blocks = tuple(block for block in draft.blocks if not block.is_done_marker)
    if len(blocks) == len(draft.blocks):
        raise CannotPlant("no-done cannot be planted in this stream: it has no [DONE]")
    return replace(draft, blocks=blocks)


@_fault("error-mid", "send an error event instead of the rest; with =failed, response.failed after it", 0,
        "error-mid error-mid=failed", shows="LC104", argument=True, places=Places.ONE)  # fmt: skip
def _error_mid(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    if spec.argument not in (None, "failed"):
        raise CannotPlant(f"error-mid={spec.argument}: only =failed is known")
    n = _event(spec)

    def end(events: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
        numbered = counted_like(events[0])
        error = {"type": "error", **_ERROR, "param": None, **numbered}
        return [*events[:n], error, *([_failed(events) | numbered] if spec.argument else [])]

    blocks = changed(draft.blocks, end, n, renumbers=True)
    return replace(draft, blocks=tuple(blocks or draft.blocks))


def _failed(events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    created = events[0].get("response")
    response = (created if isinstance(created, dict) else {}) | {"status": "failed", "error": _ERROR}
    return {"type": "response.failed", "response": response}


@_fault("keepalive-comments", "send a comment before every event", 0)
def _keepalive_comments(draft: DraftResponse, _spec: FaultSpec) -> DraftResponse:
    blocks = (each for block in draft.blocks for each in (Block(b": keepalive\n\n", None, block.at_ns), block))
    return replace(draft, blocks=tuple(blocks))


@_fault("keepalive-event", "send a keepalive event before every event but the first", 0)
def _keepalive_event(draft: DraftResponse, _spec: FaultSpec) -> DraftResponse:

    def insert(events: list[dict[str, Any]], _n: int) -> list[dict[str, Any]]:
        more = {"type": "keepalive"} | counted_like(events[0])
        return events[:1] + [each for event in events[1:] for each in (dict(more), event)]

    blocks = changed(draft.blocks, insert, 0, renumbers=True) if events_of(draft.blocks) else None
    return replace(draft, blocks=tuple(blocks or draft.blocks))


@_fault(
    "no-blank-line",
    "leave out the blank lines between events; with @EVENT, the one after it",
    1,
    shows="TR914",
    places=Places.ONE_OR_ALL,
)
def _no_blank_line(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    last = len(draft.blocks) - 1
    places = range(last) if spec.event is None else [min(_block_of(draft, _event(spec)), last - 1)]
    blocks = list(draft.blocks)
    for n in places:
        blocks[n] = blocks[n].without_blank_line()
    return replace(draft, blocks=tuple(blocks))


@_fault("crlf", "end lines with CRLF", 1)
def _crlf(draft: DraftResponse, _spec: FaultSpec) -> DraftResponse:
    return _with_crlf(draft)


@_fault("bom", "begin with a byte order mark", 1)
def _bom(draft: DraftResponse, _spec: FaultSpec) -> DraftResponse:
    if not draft.blocks:
        raise CannotPlant("bom cannot be planted in this stream: it has no event")
    first = draft.blocks[0]
    return replace(draft, blocks=(first._replace(raw=_BOM + first.raw), *draft.blocks[1:]))


@_fault("slow", "send an event every 200 ms, or every ARG", 2, "slow=50ms", argument=True)
def _slow(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    every = _nanoseconds(spec, 0.2)
    return replace(draft, blocks=tuple(b._replace(at_ns=n * every) for n, b in enumerate(draft.blocks)))


@_fault(
    "gap",
    "send nothing for 5 s, or for ARG, before an event",
    2,
    "gap=1s",
    shows="TM002",
    argument=True,
    places=Places.ONE,
)
def _gap(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    place, pause = _block_of(draft, _event(spec)), _nanoseconds(spec, 5)
    later = (block._replace(at_ns=(block.at_ns or 0) + pause) for block in draft.blocks[place:])
    return replace(draft, blocks=(*draft.blocks[:place], *later))


@_fault("buffered", "send everything at once, at the end", 2, shows="TM001")
def _buffered(draft: DraftResponse, _spec: FaultSpec) -> DraftResponse:
    return replace(draft, chunks="buffered")


@_fault(
    "rechunk",
    "cut the body elsewhere: =byte, =event, =coarse, =utf8 (inside characters), =crlf (inside line ends)",
    2,
    "rechunk=byte rechunk=event rechunk=coarse rechunk=utf8 rechunk=crlf",
    argument=True,
)
def _rechunk(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    if spec.argument not in _RECHUNKINGS:
        raise CannotPlant(f"rechunk takes one of {', '.join(_RECHUNKINGS)}: rechunk=byte")
    if spec.argument == "crlf":
        draft = _with_crlf(draft)
    if spec.argument == "utf8" and all(block.raw.isascii() for block in draft.blocks):
        raise CannotPlant("rechunk=utf8 cannot be planted in this stream: it has no character of several bytes")
    return replace(draft, chunks=spec.argument)


@_fault("half-event", "end the body within an event", 3, shows="LC103", places=Places.ONE)
def _half_event(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    place = _block_of(draft, _event(spec))
    cut = draft.blocks[place]
    return replace(draft, blocks=(*draft.blocks[:place], cut._replace(raw=cut.raw[: len(cut.raw) // 2])))


@_fault("cut", "close the connection before an event", 3, shows="LC103", places=Places.ONE)
def _cut(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    return _broken_off(draft, spec, BreakOff.CUT)


@_fault("reset", "reset the connection before an event", 3, shows="LC103", places=Places.ONE)
def _reset(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    return _broken_off(draft, spec, BreakOff.RESET)


@_fault("stall", "send nothing more before an event, until the client hangs up; with ARG, hang up after it", 3,
        "stall stall=1s", shows="LC103", argument=True, places=Places.ONE)  # fmt: skip
def _stall(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    stall_ns = None if spec.argument is None else _nanoseconds(spec, 0)
    return replace(_broken_off(draft, spec, BreakOff.STALL), stall_ns=stall_ns)


@_fault("content-type", "declare another type, application/json or ARG", 4, shows="TR906", argument=True)
def _content_type(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    return draft.with_header("Content-Type", spec.argument or "application/json")


@_fault("encoding-lie", "say gzip and send plain bytes; with =unsaid, send gzip and don't say so", 4,
        "encoding-lie encoding-lie=unsaid", shows="TR915", argument=True)  # fmt: skip
def _encoding_lie(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    if spec.argument is None:
        return draft.with_header("Content-Encoding", "gzip")
    if spec.argument != "unsaid":
        raise CannotPlant(f"encoding-lie={spec.argument}: only =unsaid is known")
    packed = gzip.compress(b"".join(block.raw for block in draft.blocks), mtime=0)
    return replace(draft, blocks=(Block(packed, None, draft.blocks[-1].at_ns if draft.blocks else 0),))


@_fault("status", "return 429 with Retry-After, or the HTTP error ARG", 4, "status=429 status=500 status=503",
        shows="TR907", argument=True)  # fmt: skip
def _status(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    status = _number(spec, HTTPStatus.TOO_MANY_REQUESTS)
    if status not in _ERROR_STATUSES:
        raise CannotPlant(f"status={spec.argument}: an HTTP error is from 400 to 599")
    error = json.dumps(
        {"error": {"message": f"HTTP {status}, as requested", "type": "error", "code": None, "param": None}}
    )
    refused = replace(draft, status=status, blocks=(Block(error.encode(), None, 0),), chunks="event", break_off=None)
    refused = refused.with_header("Content-Type", "application/json")
    return refused.with_header("Retry-After", "1") if status in _RETRY else refused


@_fault("retry-after", "return 429, or the status of another fault, with Retry-After: ARG", 5, "retry-after=2",
        shows="TR907", argument=True)  # fmt: skip
def _retry_after(draft: DraftResponse, spec: FaultSpec) -> DraftResponse:
    seconds = _number(spec, 1)
    refused = draft if draft.status in _ERROR_STATUSES else _status(draft, FaultSpec("status"))
    return refused.with_header("Retry-After", str(seconds))


def _broken_off(draft: DraftResponse, spec: FaultSpec, how: BreakOff) -> DraftResponse:
    place = _block_of(draft, _event(spec))
    return replace(draft, blocks=draft.blocks[:place], break_off=how)


def _with_crlf(draft: DraftResponse) -> DraftResponse:
    return replace(draft, blocks=tuple(block.with_line_ends(b"\r\n") for block in draft.blocks))


def _event(spec: FaultSpec) -> int:
    assert spec.event is not None, "a fault with a place is applied at one"
    return spec.event


def _place(events: int, spec: FaultSpec, rnd: random.Random | None) -> int:
    """The event that a fault is planted at: the one asked for, else one in the middle."""
    if spec.event is not None and spec.event < events:
        return spec.event
    if spec.event is not None or events <= 1:
        there = f"the stream has {events}, from 0 to {events - 1}" if events > 1 else "the stream has no second one"
        raise CannotPlant(f"{spec.name} cannot be planted at event {spec.event or 1}: {there}")
    return events // 2 if rnd is None else rnd.randrange(1, events)


def _block_of(draft: DraftResponse, event: int) -> int:
    return [n for n, block in enumerate(draft.blocks) if block.event is not None][event]


def _number(spec: FaultSpec, default: int) -> int:
    if spec.argument is None:
        return default
    if not re.fullmatch(r"[0-9]{1,6}", spec.argument):
        raise CannotPlant(f"{spec.name}={spec.argument}: {spec.argument!r} isn't a number")
    return int(spec.argument)


def _nanoseconds(spec: FaultSpec, default: float) -> int:
    """A duration: `30s`, `200ms`, `0.5` (seconds)."""
    if spec.argument is None:
        return round(default * _SECOND)
    match = _DURATION.fullmatch(spec.argument)
    seconds = float(match[1]) / (1000 if match[2] == "ms" else 1) if match else _LONGEST + 1
    if seconds > _LONGEST:
        raise CannotPlant(f"{spec.name}={spec.argument}: expected a time up to an hour, like 30s or 200ms")
    return round(seconds * _SECOND)
