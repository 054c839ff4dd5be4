"""Planting a fault: by its name, at an event or wherever it fits."""

import difflib
import itertools
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from responses_tap.protocol.check import frames_of
from responses_tap.protocol.faults.content_faults import CONTENT_FAULTS
from responses_tap.protocol.faults.draft import Block, Event, events_of
from responses_tap.protocol.faults.event_faults import EVENT_FAULTS
from responses_tap.protocol.faults.field_faults import FIELD_FAULTS
from responses_tap.protocol.faults.frame_faults import FRAME_FAULTS
from responses_tap.protocol.faults.ways import Fault, Way
from responses_tap.protocol.rules import RULES

_MOST_NAMED = 8
"""How many places an error names."""
_MOST_DIGITS = 9
"""How many an event's number may have."""
_SPEC = re.compile(r"(?P<name>[^=@]*)(?:=(?P<argument>[^@]*))?(?:@(?P<event>.*))?")


class CannotPlant(Exception):  # noqa: N818 - it is about the request
    """The fault is unknown or doesn't fit this stream; the message is one line."""


class FaultSpec(NamedTuple):
    """What NAME[=ARG][@EVENT] says."""

    name: str
    argument: str | None = None
    event: int | None = None

    def __str__(self) -> str:
        argument = "" if self.argument is None else f"={self.argument}"
        return f"{self.name}{argument}" + ("" if self.event is None else f"@{self.event}")


def _in_order(faults: Iterable[Fault]) -> dict[str, Fault]:
    order = list(RULES)
    return {fault.code: fault for fault in sorted(faults, key=lambda fault: order.index(fault.code))}


FAULTS: dict[str, Fault] = _in_order((*EVENT_FAULTS, *FIELD_FAULTS, *CONTENT_FAULTS, *FRAME_FAULTS))
"""Every fault by the code of its rule; `FAULTS[code].title` says in a line what it does to a stream."""


def parse_spec(text: str) -> FaultSpec:
    """Read NAME[=ARG][@EVENT]. Raises CannotPlant."""
    match = _SPEC.fullmatch(text)
    if match is None or not match["name"]:
        raise CannotPlant(f"{text!r} is not NAME[=ARG][@EVENT]")
    event = match["event"]
    if event is not None and not (event.isascii() and event.isdecimal() and len(event) <= _MOST_DIGITS):
        raise CannotPlant(f"{text!r}: the event after @ is its number, from 0")
    return FaultSpec(match["name"], match["argument"], None if event is None else int(event))


def similar(name: str, known: Iterable[str]) -> str:
    """The words for a name that doesn't exist: those of the known ones that are like it."""
    names = {each.casefold(): each for each in known}
    group = [each for key, each in names.items() if key[:3] == name.casefold()[:3]]
    near = [names[key] for key in difflib.get_close_matches(name.casefold(), names, n=4, cutoff=0.5)]
    offered = list(dict.fromkeys([*near, *group]))[:4]
    return f"there is no fault {name!r}" + (f"; did you mean {', '.join(offered)}?" if offered else "")


def find_fault(name: str) -> Fault:
    """The fault of this code, or of the rule with this name (`text-done-missing`). Raises CannotPlant."""
    by_name = {RULES[code].name: fault for code, fault in FAULTS.items()}
    found = FAULTS.get(name.upper()) or by_name.get(name.casefold())
    if found is None:
        raise CannotPlant(_unknown(name, by_name))
    return found


def _unknown(name: str, by_name: Mapping[str, Fault]) -> str:
    rule = RULES.get(name.upper())
    if rule is not None:
        return f"{rule.code} ({rule.name}) cannot be planted: the bytes of a stream don't show it"
    return similar(name, [*FAULTS, *by_name])


def plant(stream: bytes | str | Iterable[Mapping[str, Any]], fault: str, seed: int | None = None) -> bytes:
    """The body of the stream with a fault in it; all that isn't changed keeps its bytes.

    `fault` is a code, with `@N` to plant it at the N-th event (0-based, in the correct stream). Without a seed it is
    planted in the first way at the first event where it fits; with one, the way and the place are drawn by it. Raises
    CannotPlant.
    """
    blocks = [Block.of(frame) for frame in frames_of(stream)]
    return b"".join(block.raw for block in plant_blocks(blocks, parse_spec(fault), seed))


def plant_blocks(blocks: Sequence[Block], spec: FaultSpec, seed: int | None = None) -> list[Block]:
    """As `plant`, of blocks with their times."""
    fault = find_fault(spec.name)
    if spec.argument is not None:
        raise CannotPlant(f"{fault.code} takes no argument, only @EVENT")
    rnd = None if seed is None else random.Random(seed)  # noqa: S311 - nothing depends on its being secret
    for planted in plantings(blocks, fault, spec.event, rnd):
        return planted
    raise CannotPlant(_why_not(blocks, fault, spec.event))


def plantings(
    blocks: Sequence[Block], fault: Fault, event: int | None = None, rnd: random.Random | None = None
) -> Iterator[list[Block]]:
    """Every stream with the fault: each way, at each event where it fits; in the order that `rnd` draws, if given."""
    events = events_of(blocks)
    for way in _drawn(fault.ways, rnd):
        places = [n for n, each in enumerate(events) if event in (None, n) and way.may_fit(each)]
        for n in _drawn(places, rnd):
            planted = _spoilt(way, blocks, n)
            if planted is not None:
                yield planted


def _drawn[T](choices: Sequence[T], rnd: random.Random | None) -> Sequence[T]:
    return choices if rnd is None else rnd.sample(choices, len(choices))


def _spoilt(way: Way, blocks: Sequence[Block], n: int) -> list[Block] | None:
    try:
        return way.spoil(blocks, n)
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError):
        return None  # a stream with other faults may lack what a correct one has


def _why_not(blocks: Sequence[Block], fault: Fault, event: int | None) -> str:
    events = events_of(blocks)
    if event is None:
        return f"{fault.code} cannot be planted in this stream: it needs {fault.needs}"
    if event >= len(events):
        there = f"the stream has {len(events)}, from 0 to {len(events) - 1}" if events else "the stream has none"
        return f"{fault.code} cannot be planted at event {event}: {there}"
    fitting = list(itertools.islice(_places(blocks, events, fault), _MOST_NAMED + 1))
    if not fitting:
        return _why_not(blocks, fault, None)
    listed = ", ".join(map(str, fitting[:_MOST_NAMED])) + (", …" if len(fitting) > _MOST_NAMED else "")
    return f"{fault.code} cannot be planted at event {event} ({events[event].get('type')}); it can at {listed}"


def _places(blocks: Sequence[Block], events: Sequence[Event], fault: Fault) -> Iterator[int]:
    """The events at which the fault fits."""
    for n, event in enumerate(events):
        if any(way.may_fit(event) and _spoilt(way, blocks, n) is not None for way in fault.ways):
            yield n
