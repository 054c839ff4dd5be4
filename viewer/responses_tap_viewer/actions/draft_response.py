"""A response that faults are put into: blocks with their times, and how they are cut into pieces."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from responses_tap.protocol.faults import Block
from responses_tap_viewer.actions.playback import BreakOff, Playback

_COARSE = 4096
_SPLIT_CHARACTER = re.compile(rb"(?<=[\xc0-\xff])")
_SPLIT_CRLF = re.compile(rb"(?<=\r)(?=\n)")


@dataclass(frozen=True, slots=True)
class DraftResponse:
    """A response that faults are put into."""

    status: int
    headers: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    """Each with its time since the request."""
    chunks: str = "event"
    """In which pieces the blocks are sent."""
    break_off: BreakOff | None = None
    stall_ns: int | None = None

    def with_header(self, name: str, value: str) -> "DraftResponse":
        """With this header instead of any other of the name."""
        others = tuple((key, have) for key, have in self.headers if key.lower() != name.lower())
        return replace(self, headers=(*others, (name, value)))

    def playback(self) -> Playback:
        """The response to send."""
        pieces = _PIECES[self.chunks](self.blocks)
        return Playback(self.status, self.headers, tuple(pieces), self.break_off, self.stall_ns)


type Pieces = Sequence[tuple[int, bytes]]


def _split(at: re.Pattern[bytes]) -> Callable[[Sequence[Block]], Pieces]:
    return lambda blocks: [(b.at_ns or 0, piece) for b in blocks for piece in at.split(b.raw) if piece]


def _bytewise(blocks: Sequence[Block]) -> Pieces:
    return [(block.at_ns or 0, bytes([byte])) for block in blocks for byte in block.raw]


def _coarse(blocks: Sequence[Block]) -> Pieces:
    pieces, held, at_ns = [], b"", 0
    for block in blocks:
        held, at_ns = held + block.raw, block.at_ns or 0
        while len(held) >= _COARSE:
            pieces.append((at_ns, held[:_COARSE]))
            held = held[_COARSE:]
    return [*pieces, (at_ns, held)] if held else pieces


def _at_once(blocks: Sequence[Block]) -> Pieces:
    return [(max(block.at_ns or 0 for block in blocks), b"".join(block.raw for block in blocks))] if blocks else []


_PIECES: dict[str, Callable[[Sequence[Block]], Pieces]] = {
    "event": lambda blocks: [(block.at_ns or 0, block.raw) for block in blocks],
    "byte": _bytewise,
    "coarse": _coarse,
    "utf8": _split(_SPLIT_CHARACTER),
    "crlf": _split(_SPLIT_CRLF),
    "buffered": _at_once,
}
