"""A stream with faults in it, ready to be played."""

import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from responses_tap.errors import UnusableInput
from responses_tap.protocol.check import frames_of
from responses_tap.protocol.faults import (
    FAULTS,
    Block,
    CannotPlant,
    FaultSpec,
    find_fault,
    parse_spec,
    plant_blocks,
    similar,
)
from responses_tap.protocol.rules import RULES
from responses_tap.stream.model import JudgedStream
from responses_tap.stream.over_sse import over_sse
from responses_tap_viewer.actions.draft_response import DraftResponse
from responses_tap_viewer.actions.playback import PACE_NS, Playback, playback
from responses_tap_viewer.actions.replay_server import Asked
from responses_tap_viewer.actions.transport_faults import TRANSPORT_FAULTS


def every_fault() -> list[str]:
    """The faults that a bench offers, as NAME or NAME=ARG: those of the rules, and those of the transport."""
    return [*FAULTS, *(example for fault in TRANSPORT_FAULTS.values() for example in fault.examples)]


def title_of(spec: FaultSpec) -> str:
    """What a fault does to a stream."""
    return TRANSPORT_FAULTS[spec.name].title if spec.name in TRANSPORT_FAULTS else FAULTS[spec.name].title


def fault_named(text: str) -> FaultSpec:
    """Read NAME[=ARG][@EVENT]. Raises UnusableInput for an unknown fault, with similar names and where all are."""
    try:
        spec = parse_spec(text)
        if spec.name in TRANSPORT_FAULTS:
            return spec
        return spec._replace(name=_rule_fault(spec.name))
    except CannotPlant as error:
        raise UnusableInput(text, f"cannot be planted: {error}") from None


def _rule_fault(name: str) -> str:
    instead = [fault.name for fault in TRANSPORT_FAULTS.values() if fault.shows == name.upper()]
    if name.upper() in RULES and name.upper() not in FAULTS and instead:
        raise CannotPlant(f"{name.upper()} is about the transport: take {' or '.join(instead)}")
    try:
        return find_fault(name).code
    except CannotPlant:
        if name.upper() in RULES:
            raise
        names = [*FAULTS, *TRANSPORT_FAULTS, *(RULES[code].name for code in FAULTS)]
        raise CannotPlant(f"{similar(name, names)} (`responses-tap replay --list` lists all)") from None


def draft_of(stream: JudgedStream, speed: float = 1) -> DraftResponse:
    """The response to a stream as it was, at this speed; UnusableInput where it has none that can be sent."""
    right = playback(stream, "event").at_speed(speed)
    frames = [entry.frame for entry in over_sse(stream).entries]
    if len(frames) != len(right.pieces):  # a response that isn't streamed
        blocks = [Block(piece, None, at_ns) for at_ns, piece in right.pieces]
    else:
        blocks = [Block.of(frame, at_ns) for frame, (at_ns, _) in zip(frames, right.pieces, strict=True)]
    return DraftResponse(right.status, right.headers, tuple(blocks), break_off=right.break_off)


def draft_of_body(body: bytes, speed: float = 1) -> DraftResponse:
    """The response with this body, an event stream."""
    pace = round(PACE_NS / speed) if speed else 0
    blocks = tuple(Block.of(frame, n * pace) for n, frame in enumerate(frames_of(body)))
    return DraftResponse(200, (("Content-Type", "text/event-stream"),), blocks)


def planted(draft: DraftResponse, faults: Iterable[FaultSpec], seed: int | None = None) -> DraftResponse:
    """The response with all of these faults. Raises CannotPlant.

    Events are counted in the stream as it was: faults at later ones are planted first, then those that choose their
    place, and those of the transport last.
    """
    specs = list(faults)
    rnd = None if seed is None else random.Random(seed)  # noqa: S311 - nothing depends on its being secret
    in_events = [spec for spec in specs if spec.name not in TRANSPORT_FAULTS]
    for spec in sorted(in_events, key=lambda spec: -1 if spec.event is None else spec.event, reverse=True):
        blocks = plant_blocks(draft.blocks, spec, None if rnd is None else rnd.randrange(1 << 30))
        draft = replace(draft, blocks=tuple(blocks))
    in_transport = [spec for spec in specs if spec.name in TRANSPORT_FAULTS]
    for spec in sorted(in_transport, key=lambda spec: TRANSPORT_FAULTS[spec.name].stage):
        draft = TRANSPORT_FAULTS[spec.name].put_into(draft, spec, rnd)
    return draft


class Chaos:
    """Answers some requests with a fault, each with the probability `rate`; the same seed gives the same faults.

    `faults` are those to choose from, all where empty; one that the stream can't have is passed over.
    """

    def __init__(
        self, draft: DraftResponse, rate: float, seed: int, faults: Sequence[FaultSpec], note: Callable[[str], None]
    ) -> None:
        self._draft = draft
        self._rate = rate
        self._seed = seed
        self._faults = faults or [parse_spec(name) for name in every_fault()]
        self._note = note
        self._requests = itertools.count(1)

    def __call__(self, _asked: Asked) -> Playback:
        """The response to the next request."""
        number = next(self._requests)
        rnd = random.Random(f"{self._seed} {number}")  # noqa: S311 - nothing depends on its being secret
        if rnd.random() < self._rate:
            for spec in rnd.sample(self._faults, len(self._faults)):
                with suppress(CannotPlant):
                    response = planted(self._draft, [spec], rnd.randrange(1 << 30)).playback()
                    self._note(f"request {number}: {spec} ({title_of(spec)})")
                    return response
        return self._draft.playback()
