"""Faults: how the defect of each rule that bytes can show is planted in a correct stream.

    from responses_tap.protocol.faults import FAULTS, plant

    body = plant(correct, "MD301")       # where it fits first
    body = plant(correct, "AG601@7")     # at event 7
    body = plant(correct, "AG601", seed=3)

A planted fault breaks its rule, and no other at error or warning but for those in its `spread`.
"""

from responses_tap.protocol.faults.draft import Block, Event, changed, counted_like, events_of
from responses_tap.protocol.faults.planting import (
    FAULTS,
    CannotPlant,
    FaultSpec,
    find_fault,
    parse_spec,
    plant,
    plant_blocks,
    plantings,
    similar,
)
from responses_tap.protocol.faults.ways import Fault, everywhere

__all__ = [
    "FAULTS",
    "Block",
    "CannotPlant",
    "Event",
    "Fault",
    "FaultSpec",
    "changed",
    "counted_like",
    "events_of",
    "everywhere",
    "find_fault",
    "parse_spec",
    "plant",
    "plant_blocks",
    "plantings",
    "similar",
]
