"""The bench: every sample and every fault under a base URL of its own, for a client's test suite.

    http://HOST:PORT/                     the index, for a browser; /index.json for a program
    http://HOST:PORT/text/v1              a sample
    http://HOST:PORT/MD301/v1             a fault, in the first sample that can have it
    http://HOST:PORT/tool-call/MD301+slow=50ms/v1

A request is answered as it asks: its own tools are called, `"stream": false` gets the whole response, and what was
answered can be continued, retrieved and resumed.
"""

import itertools
import json
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from responses_tap.errors import UnusableInput
from responses_tap.protocol.faults import Block, CannotPlant, FaultSpec, events_of, similar
from responses_tap.protocol.grammar import TERMINALS
from responses_tap.protocol.rules import RULES
from responses_tap_viewer.actions.bench.answers import answer, has_calls, wants_no_call
from responses_tap_viewer.actions.bench.index import IndexedFault, IndexedSample, index_json, index_page
from responses_tap_viewer.actions.draft_response import DraftResponse
from responses_tap_viewer.actions.faulty import draft_of_body, every_fault, fault_named, planted, title_of
from responses_tap_viewer.actions.playback import Playback
from responses_tap_viewer.actions.replay_server import Asked, Refused
from responses_tap_viewer.actions.transport_faults import TRANSPORT_FAULTS
from responses_tap_viewer.streams import SAMPLES

_FIRST = ("text", "tool-call", "reasoning-summary")
"""The samples that a fault is planted in if it fits."""
_HEAD = 4
"""The stage from which on a fault is about status and headers, and fits a response in JSON, too."""
_API = ("v1", "responses", "models")
"""The segments of a path at which the names end."""
_MOST_REMEMBERED = 1000
_MODEL = {"id": "sample-1", "object": "model", "owned_by": "responses-tap"}
_JSON = ("Content-Type", "application/json")


class Bench:
    """Answers the requests of a bench; `streams` are further ones, by name, besides the samples."""

    def __init__(self, speed: float = 1, streams: Mapping[str, DraftResponse] | None = None) -> None:
        self._speed = speed
        self._streams = dict(streams or {})
        self._paths = {
            path.stem: path for folder in ("clean", "broken") for path in sorted((SAMPLES / folder).glob("*.sse"))
        }
        self._memory = _Memory()
        self.draft = cache(self._draft)
        self.first_fit = cache(self._first_fit)

    def __call__(self, asked: Asked) -> Playback:
        """The response to a request. Raises Refused."""
        path, _, query = asked.path.partition("?")
        names, call = _taken_apart(path)
        if not names and not call:
            return self._index(asked, path)
        place = self._place(tuple(names))
        match call, asked.method:
            case ["models"], _:
                return _json({"object": "list", "data": [_MODEL]})
            case ["responses"], "POST":
                return self._created(place, asked)
            case ["responses", id_], "GET" | "HEAD":
                return self._retrieved(id_, query)
        raise Refused(HTTPStatus.NOT_FOUND, "there are POST responses, GET responses/ID and GET models")

    @property
    def samples(self) -> list[str]:
        """The names of all streams, those first that faults are planted in."""
        return [*self._streams, *_FIRST, *(name for name in self._paths if name not in _FIRST)]

    def place(self, *names: str) -> str:
        """The path of the base URL of a stream or a fault, or both. Raises Refused."""
        place = self._place(names)
        try:
            planted(self.draft(place.sample), place.faults)
        except CannotPlant as error:
            raise Refused(HTTPStatus.NOT_FOUND, str(error)) from error
        return f"/{'/'.join(names)}/v1"

    def _draft(self, sample: str) -> DraftResponse:
        known = self._streams.get(sample)
        return known or draft_of_body(self._paths[sample].read_bytes(), self._speed)

    def _place(self, names: tuple[str, ...]) -> "_Place":
        """The stream and the faults that the names of a path say."""
        samples = [name for name in names if name in self._streams or name in self._paths]
        faults = [fault for name in names if name not in samples for fault in name.split("+")]
        specs = tuple(self._fault(fault) for fault in faults)
        if len(samples) > 1:
            raise Refused(HTTPStatus.NOT_FOUND, f"a path names one sample, not {' and '.join(samples)}")
        return _Place(samples[0] if samples else self.first_fit(specs), specs)

    def _fault(self, name: str) -> FaultSpec:
        try:
            return fault_named(name)
        except UnusableInput as error:
            words = error.message if "no fault" not in error.message else similar(name, [*self.samples, *every_fault()])
            raise Refused(HTTPStatus.NOT_FOUND, f"{words}; the index at / lists all samples and faults") from error

    def _first_fit(self, specs: tuple[FaultSpec, ...]) -> str:
        """The first sample that can have these faults."""
        reason = ""
        for sample in self.samples:
            try:
                planted(self.draft(sample), specs)
            except CannotPlant as error:
                reason = reason or str(error)
                continue
            return sample
        raise Refused(HTTPStatus.NOT_FOUND, f"{reason}, and so does every other sample")

    def _index(self, asked: Asked, path: str) -> Playback:
        if path not in ("/", "/index.json"):
            raise Refused(HTTPStatus.NOT_FOUND, "the index at / lists all samples and faults")
        samples = [IndexedSample(name, *_about(self.draft(name).blocks)) for name in self.samples]
        specs = [fault_named(name) for name in every_fault()]
        faults = [IndexedFault(str(spec), _rule_of(spec), title_of(spec), self.first_fit((spec,))) for spec in specs]
        show = index_page if path == "/" and "text/html" in asked.headers.get("accept", "") else index_json
        return show(f"http://{asked.headers['host']}", samples, faults)

    def _created(self, place: "_Place", asked: Asked) -> Playback:
        request = _parsed(asked.body)
        continued = request.get("previous_response_id")
        if continued is not None and self._memory.get(continued) is None:
            raise Refused(HTTPStatus.BAD_REQUEST, f"previous response {continued!r} was not sent by this bench")
        draft = self.draft(place.sample)
        if wants_no_call(request) and has_calls(draft.blocks):
            draft = self.draft("text")
        id_ = self._memory.new_id()
        right = answer(draft.blocks, request, id_)
        self._memory.add(id_, right)
        answered = DraftResponse(draft.status, draft.headers, tuple(right), break_off=draft.break_off)
        try:
            if request.get("stream") is not True:
                return _whole(answered, place.faults)
            return planted(answered, place.faults).playback()
        except CannotPlant as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"{error} (in the response to this request)") from error

    def _retrieved(self, id_: str, query: str) -> Playback:
        """A response that was answered before, whole or from an event on; never with a fault."""
        blocks = self._memory.get(unquote(id_))
        if blocks is None:
            raise Refused(HTTPStatus.NOT_FOUND, f"no response {unquote(id_)!r} was sent by this bench")
        asked = parse_qs(query)
        if asked.get("stream", ["false"])[-1] != "true":
            return _json(_final(blocks))
        after = asked.get("starting_after", ["-1"])[-1]
        if not after.removeprefix("-").isdecimal():
            raise Refused(HTTPStatus.BAD_REQUEST, "starting_after is a sequence_number")
        rest = [block for block in blocks if _number(block) > int(after)]
        pieces = tuple((0, block.raw) for block in rest)
        return Playback(200, (("Content-Type", "text/event-stream"),), pieces)


class _Place(NamedTuple):
    sample: str
    faults: tuple[FaultSpec, ...]


class _Memory:
    """What was answered, by response id: the latest ones."""

    def __init__(self) -> None:
        self._blocks: dict[str, Sequence[Block]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def new_id(self) -> str:
        return f"resp_bench_{next(self._numbers)}"

    def add(self, id_: str, blocks: Sequence[Block]) -> None:
        with self._lock:
            self._blocks[id_] = blocks
            while len(self._blocks) > _MOST_REMEMBERED:
                del self._blocks[next(iter(self._blocks))]

    def get(self, id_: object) -> Sequence[Block] | None:
        with self._lock:
            return self._blocks.get(id_) if isinstance(id_, str) else None


def _taken_apart(path: str) -> tuple[list[str], list[str]]:
    """The names in a path, and what is called below them."""
    segments = [unquote(segment) for segment in path.split("/") if segment]
    at = next((n for n, segment in enumerate(segments) if segment in _API), None)
    if at is None:
        return ([], []) if segments in ([], ["index.json"]) else (segments, [])
    return segments[:at], segments[at + (segments[at] == "v1") :]


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body isn't JSON: {error}") from error
    if not isinstance(request, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body isn't a JSON object")
    return request


def _whole(draft: DraftResponse, faults: Sequence[FaultSpec]) -> Playback:
    """The response in JSON, with the faults that it can have."""
    in_events = [spec for spec in faults if spec.name not in TRANSPORT_FAULTS]
    body = json.dumps(_final(planted(draft, in_events).blocks) or _final(draft.blocks)).encode()
    whole = DraftResponse(draft.status, (_JSON,), (Block(body, None, 0),))
    in_head = [spec for spec in faults if spec not in in_events and TRANSPORT_FAULTS[spec.name].stage >= _HEAD]
    return planted(whole, in_head).playback()


def _final(blocks: Sequence[Block]) -> dict[str, Any]:
    """The response of the terminal event, else of the last snapshot; {} where there is none."""
    snapshots = [event for event in events_of(blocks) if isinstance(event.get("response"), dict)]
    final = [event for event in snapshots if event.get("type") in TERMINALS] or snapshots
    return dict(final[-1]["response"]) if final else {}


def _number(block: Block) -> int:
    number = (block.event or {}).get("sequence_number")
    return number if isinstance(number, int) else -1


def _about(blocks: Sequence[Block]) -> tuple[int, str]:
    return len(events_of(blocks)), str(_final(blocks).get("status", "no response"))


def _rule_of(spec: FaultSpec) -> str | None:
    code = TRANSPORT_FAULTS[spec.name].shows if spec.name in TRANSPORT_FAULTS else spec.name
    return RULES[code].name if code else None


def _json(value: object) -> Playback:
    return Playback(200, (_JSON,), ((0, json.dumps(value).encode()),))
