"""Long streams out of short ones."""

import json
import random
from collections.abc import Iterable, Iterator
from typing import Any

type Event = dict[str, Any]

PIECES = ("a", " the", "", "ü", "😀", "\n", '"', "\\", "\t\x7f", "\u2028", "\ufffd", "delta", '{"delta":"x"}', "\x00")


def lengthened(events: list[Event], rng: random.Random, times: int, odd: float = 0.3) -> Iterator[Event]:
    """The same stream with many deltas for each, some of them odd; their texts don't match its done events."""
    padded, numbered = rng.random() < 0.3, rng.random() < 0.9 or not odd
    number = 0
    for event in events:
        repeats = rng.randrange(1, times) if event["type"].endswith(".delta") else 1
        for _ in range(repeats):
            copy = dict(event)
            if repeats > 1:
                copy["delta"] = rng.choice(PIECES) if rng.random() < odd else "w"
                if padded:
                    copy["obfuscation"] = "x" * rng.randrange(20)
            if numbered:
                copy["sequence_number"] = number
                number += 1
            yield copy


def framed(events: Iterable[Event], rng: random.Random) -> list[bytes]:
    """Each event as a frame, in the same style."""
    end = rng.choice((b"\n", b"\n", b"\n", b"\r\n"))
    style = rng.choice(({"separators": (",", ":"), "ensure_ascii": False}, {}))
    return [
        b"event: %s%sdata: %s%s%s"
        % (event["type"].encode(), end, json.dumps(event, **style).encode(errors="surrogatepass"), end, end)
        for event in events
    ]
