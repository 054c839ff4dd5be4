"""Recordings of the same requests on both sides of a gateway: what the gateway did to each response.

A was recorded before the gateway (nearer the server), B behind it. Their clocks aren't compared: an event's delay is
relative to the event that passed fastest.
"""

import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import NamedTuple

from responses_tap.errors import UnusableInput
from responses_tap.privacy.masks import MASK
from responses_tap.protocol.events import Event, parse
from responses_tap.store import Recording
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.model import Entry, JudgedStream
from responses_tap_viewer.compare.compare import Comparison, Pair, compare
from responses_tap_viewer.compare.outline import Step, events_of
from responses_tap_viewer.compare.values import TextChange, rewritten
from responses_tap_viewer.streams import find_stream, is_recording, open_existing, recorded_stream

_NAMED = {"response id": ("response", "id"), "model": ("response", "model"), "item ids": ("item", "id")}
"""Where a gateway may replace values."""


class Delay(NamedTuple):
    """How much longer than the fastest event the others took through the gateway, in nanoseconds."""

    median: int
    most: int
    type: str
    """The type of the most delayed event, and its position in A."""
    position: int
    first: tuple[int, int]
    """When the first event arrived on each side, since that side's request."""


@dataclass(frozen=True, slots=True)
class GatewayDiff:
    """One response on both sides of the gateway."""

    a: str
    """The name of the stream: `FILE.db#ID`."""
    b: str
    by: str
    """How they were matched: response id, content, request, or named by the user."""
    comparison: Comparison
    texts: tuple[TextChange, ...]
    rewritten: tuple[str, ...]
    """What has different values behind the gateway: response id, item ids, model, and the paths of all others."""
    other: dict[str, tuple[int, int]]
    """The numbers of comments, `[DONE]` markers and truncated frames before and behind it, where they differ."""
    deltas: tuple[int, int]
    pieces: tuple[int, int]
    """In how many chunks the body arrived; 0 where unknown."""
    delay: Delay | None
    """None if one side has no times."""
    identical: bool
    """Whether the body passed byte for byte."""

    @property
    def changed(self) -> bool:
        """Whether the gateway changed more than pieces and times."""
        return bool(self.comparison.differences or self.texts or self.rewritten or self.other)


class Alone(NamedTuple):
    """A stream on one side only."""

    side: str
    name: str


def gateway_diffs(a: str, b: str) -> Iterator[GatewayDiff | Alone]:
    """Every response that both recordings have, in A's order, then those that only one has; or the two streams named.

    A and B are two recordings or two streams; UnusableInput where they are one of each.
    """
    paths = Path(a), Path(b)
    whole = [path.is_file() and is_recording(path) for path in paths]
    if not any(whole):
        yield _diff(find_stream(a), find_stream(b), "name")
        return
    if not all(whole):
        raise UnusableInput(f"{a} and {b}", "are a recording and something else; name two recordings, or two streams")
    with open_existing(paths[0]) as before, open_existing(paths[1]) as behind:
        yield from _joined(before, behind)


def _joined(a: Recording, b: Recording) -> Iterator[GatewayDiff | Alone]:
    left, right = {row.id: row for row in a.streams()}, {row.id: row for row in b.streams()}
    pairs: dict[int, tuple[int, str]] = {}
    for by, key in _KEYS.items():
        waiting: dict[str, deque[int]] = defaultdict(deque)
        for row in right.values():
            if (found := key(b, row)) is not None:
                waiting[found].append(row.id)
        for row in list(left.values()):
            if (found := key(a, row)) is not None and waiting[found]:
                pairs[row.id] = waiting[found].popleft(), by
                del left[row.id], right[pairs[row.id][0]]
    for id_, (partner, by) in sorted(pairs.items()):
        yield _diff(_load(a, id_), _load(b, partner), by)
    yield from (Alone("A", f"{a.path}#{id_}") for id_ in left)
    yield from (Alone("B", f"{b.path}#{id_}") for id_ in right)


def _load(recording: Recording, id_: int) -> JudgedStream:
    row = recording.stream(id_)
    if row is None:
        raise UnusableInput(str(recording.path), f"has no stream {id_} any more")
    return recorded_stream(recording, row)


def _content(recording: Recording, row: StreamRow) -> str | None:
    """A digest of the texts of a stream; None if it has none."""
    digest = hashlib.sha256()
    some = False
    for frame, _, _ in recording.frames(row.id):
        if frame.data and isinstance(delta := parse(frame.data).data.get("delta"), str):
            some = True
            digest.update(delta.encode(errors="replace"))
    return digest.hexdigest() if some else None


def _request(recording: Recording, row: StreamRow) -> str | None:
    whole = recording.stream(row.id)
    if whole is None or not whole.request_body:
        return None
    body = MASK.sub("masked", whole.request_body)  # its fingerprint differs between runs
    try:
        return json.dumps(json.loads(body), sort_keys=True)
    except ValueError:
        return body


_KEYS: dict[str, Callable[[Recording, StreamRow], str | None]] = {
    "response id": lambda _, row: row.response_id,
    "content": _content,
    "request": _request,
}
"""What two streams are matched by, the most reliable first; of several alike, the first match first."""


def _diff(a: JudgedStream, b: JudgedStream, by: str) -> GatewayDiff:
    comparison = compare(a.entries, b.entries)
    events = _events(a), _events(b)
    kinds = _other_frames(a), _other_frames(b)
    texts, others = rewritten(comparison)
    return GatewayDiff(
        a.name,
        b.name,
        by,
        comparison,
        (*_texts(*events), *texts),
        (*(name for name, path in _NAMED.items() if _is_rewritten(path, *events)), *others),
        {kind: (n, kinds[1][kind]) for kind, n in kinds[0].items() if n != kinds[1][kind]},
        (_deltas(events[0]), _deltas(events[1])),
        (len(a.chunks), len(b.chunks)),
        _delay(a, b, comparison.pairs),
        a.body == b.body,
    )


def _events(stream: JudgedStream) -> list[Event]:
    return [event for _, event in events_of(stream.entries)]


def _deltas(events: Iterable[Event]) -> int:
    return sum((event.type or "").endswith(".delta") for event in events)


def _texts(a: Iterable[Event], b: Iterable[Event]) -> Iterator[TextChange]:
    """The texts of all deltas of a type that both sides have, but differently."""
    texts = _joined_texts(a), _joined_texts(b)
    for type_, text in texts[0].items():
        other = texts[1].get(type_)
        if other is not None and other != text:
            yield TextChange.of(type_, text, other)


def _joined_texts(events: Iterable[Event]) -> dict[str, str]:
    pieces: dict[str, list[str]] = defaultdict(list)
    for event in events:
        if event.type is not None and isinstance(delta := event.data.get("delta"), str):
            pieces[event.type].append(delta)
    return {type_: "".join(texts) for type_, texts in pieces.items()}


def _is_rewritten(path: tuple[str, str], a: Iterable[Event], b: Iterable[Event]) -> bool:
    """Whether both sides have values there, but different ones."""
    values = [{str(value) for event in events if (value := event.object(path[0]).get(path[1]))} for events in (a, b)]
    # What one side lacks along with its item is already a difference.
    return all(values) and not (values[0] <= values[1] or values[1] <= values[0])


def _other_frames(stream: JudgedStream) -> dict[str, int]:
    """The number of frames that aren't events, by kind."""
    counts = {"comment": 0, "[DONE]": 0, "cut tail": 0}
    for frame in (entry.frame for entry in stream.entries if entry.position is None):
        counts["[DONE]" if frame.is_done_marker else "comment" if frame.complete else "cut tail"] += 1
    return counts


def _delay(a: JudgedStream, b: JudgedStream, pairs: Iterable[Pair]) -> Delay | None:
    if not (_has_times(a) and _has_times(b)):
        return None
    met = chain.from_iterable(_met(pair.a, pair.b) for pair in pairs if pair.a is not None and pair.b is not None)
    lags = [(y.at_ns - x.at_ns, x) for x, y in met if x.at_ns is not None and y.at_ns is not None]
    if not lags:
        return None
    quickest = min(lag for lag, _ in lags)
    most, latest = max(lags, key=lambda lag: lag[0])
    first = tuple(next(entry.at_ns or 0 for entry in stream.entries if entry.position is not None) for stream in (a, b))
    return Delay(
        round(median(lag for lag, _ in lags)) - quickest,
        most - quickest,
        parse(latest.frame.data or b"").type or "",
        latest.position or 0,
        (first[0], first[1]),
    )


def _has_times(stream: JudgedStream) -> bool:
    return any(entry.at_ns for entry in stream.entries)


def _met(a: Step, b: Step) -> Iterable[tuple[Entry, Entry]]:
    """The corresponding events; of runs that were split differently, the first and the last."""
    if a.count == b.count:
        return zip(a.entries, b.entries, strict=True)
    return (a.entries[0], b.entries[0]), (a.entries[-1], b.entries[-1])
