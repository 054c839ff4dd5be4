"""Runs of deltas: most of a body is one event again and again, with another text and the next number.

Each event before a run was judged by itself. Where two in a row changed nothing but what a delta always changes, a
pattern is made of the second one's frame, with holes for the text, the number and the padding (`obfuscation`). What
matches the pattern right behind it is an event of the same scope with the same fields, so that its text and its number
are all there is to take: framing, JSON, fields and routing are spared. That takes a quarter of the time.

Whatever is odd (a gap in the numbers, an escape that might be half a character, a byte that isn't UTF-8) ends the run
before it, and is judged by itself.
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pydantic_core import from_json

from responses_tap.protocol.checker import Checker
from responses_tap.protocol.events import Event
from responses_tap.protocol.grammar import Role
from responses_tap.protocol.rules import DISPATCH
from responses_tap.protocol.scopes import Scope
from responses_tap.protocol.sse import Decoder, Frame

_HALF_OR_REPLACED = rb"[dD][89a-fA-F]|[fF]{3}[dD]"
"""How the escape of half a character, or of U+FFFD, goes on: AG612 and AG613 look at those."""
_ESCAPE = rb'\\(?:["\\/bfnrt]|u(?!%s)[0-9a-fA-F]{4})' % _HALF_OR_REPLACED
_PLAIN = rb'[^"\\\x00-\x1f]*'
_HOLES = {
    "delta": rb'"(%s(?:%s%s)*)"' % (_PLAIN, _ESCAPE, _PLAIN),
    "sequence_number": rb"(0|[1-9][0-9]{0,17})",
    # Nobody looks at the padding, so nothing may be wrong in it: ASCII without escapes.
    "obfuscation": rb'"([ !#-\[\]-~]*)"',
}
_ENOUGH = 16
"""Deltas of a scope before a pattern is made: that takes as long as judging a hundred events."""
_AT_ONCE = 256
"""Events matched before they are taken."""
_MOST_FINDINGS = 64
"""Where there are more, comparing them would take longer than a run saves."""


class Run(NamedTuple):
    """Events that followed the one judged last, alike but for their text and number."""

    position: int
    """Of the first."""
    number: int
    """The first one's sequence_number; each has the next."""
    raws: list[bytes]
    """Their frames."""


def check_pieces(checker: Checker, pieces: Iterable[bytes]) -> Iterator[tuple[Frame, Event | None] | Run]:
    """Have a body checked that comes in pieces, not to its end: each frame with its event, or a run behind it."""
    decoder = Decoder()
    runs = Runs(checker, decoder)
    for block in itertools.chain.from_iterable(map(decoder.blocks, pieces)):
        for frame in block:
            event = checker.feed(frame)
            yield frame, event
            if decoder.has_more:
                yield from runs.after(frame, event)
    for frame in decoder.finish():
        yield frame, checker.feed(frame)


class _Pattern(NamedTuple):
    regex: re.Pattern[bytes]
    delta: int
    """The number of its group."""
    number: int


class Runs:
    """Finds the runs of one body, between what `decoder` cuts and `checker` judges."""

    def __init__(self, checker: Checker, decoder: Decoder) -> None:
        self._checker = checker
        self._decoder = decoder
        self._scope: Scope | None = None
        """That of the latest delta."""
        self._position = -1
        """Its position."""
        self._found: tuple[int, int] | None = None
        """What had been found by then."""
        self._pattern: _Pattern | None = None
        self._tries_at = _ENOUGH
        """With how many deltas of the scope another pattern is tried."""

    def after(self, frame: Frame, event: Event | None) -> Iterator[Run]:
        """Take what comes behind this event, the last one judged, and is like it; its bytes leave the decoder."""
        if event is None or not self._may_repeat(frame, event):
            return
        assert self._scope is not None
        if self._pattern is None or self._pattern.regex.fullmatch(frame.raw) is None:
            if self._scope.deltas < self._tries_at:
                return
            self._take_pattern(_pattern_of(frame, event), self._scope)
        if self._pattern is not None:
            yield from self._runs(self._pattern, self._scope)

    def _take_pattern(self, pattern: _Pattern | None, scope: Scope) -> None:
        """Go on with this pattern or without one, until there are twice as many deltas."""
        self._pattern, self._tries_at = pattern, 2 * scope.deltas

    def _may_repeat(self, frame: Frame, event: Event) -> bool:
        """Whether this event, and the one before it in its scope, changed nothing but what each delta changes."""
        row = event.row
        if row is None or row.role is not Role.DELTA or row.value != "delta" or row.type in DISPATCH:
            return False
        scope = self._checker.scope
        if scope is not self._scope:
            self._scope, self._pattern, self._tries_at = scope, None, _ENOUGH
        if scope is None or scope.deltas < _ENOUGH - 1:
            return False
        is_next = event.position == self._position + 1
        before, self._position = self._found, event.position
        self._found = found = self._checker.found(_MOST_FINDINGS)
        return (
            is_next
            and found is not None
            and found == before
            and not (event.problems or event.flaw or frame.run_together)
            and frame.complete
            and scope.deltas >= _ENOUGH
        )

    def _runs(self, pattern: _Pattern, scope: Scope) -> Iterator[Run]:
        while (number := self._checker.next_number) is not None:
            texts, ends = self._matches(pattern, number)
            pieces = _texts(texts)
            if not pieces:
                if texts:  # odd ones: matching so many for each event would cost more than it saves
                    self._take_pattern(None, scope)
                return
            position = self._checker.extend(pieces)
            self._position += len(pieces)
            yield Run(position, number, self._decoder.take(ends[: len(pieces)]))
            if len(pieces) < _AT_ONCE:
                return

    def _matches(self, pattern: _Pattern, number: int) -> tuple[list[bytes], list[int]]:
        """The texts of the next events that match and have the next numbers, and where their frames end."""
        texts: list[bytes] = []
        ends: list[int] = []
        held, at = self._decoder.held, self._decoder.at
        for n in range(number, number + _AT_ONCE):
            match = pattern.regex.match(held, at)
            if match is None or int(match[pattern.number]) != n:
                break
            at = match.end()
            texts.append(match[pattern.delta])
            ends.append(at)
        return texts, ends


def _pattern_of(frame: Frame, event: Event) -> _Pattern | None:
    """The pattern of frames like this one, None where it has not one text and one number, each once."""
    raw, data = frame.raw, event.data
    if raw.endswith(b"\r") or b"\n" in (frame.data or b"") or frame.data is None:
        return None
    holes = []
    for name, hole in _HOLES.items():
        if name not in data:
            continue
        key = b'"%s"' % name.encode()
        # Once at any depth: then it is the field itself.
        found = re.search(rb"[{,]\s*%s\s*:\s*(?=(%s))" % (key, hole), raw)
        if raw.count(key) != 1 or found is None:
            return None
        holes.append((found.end(), found.end(1), name))
    holes.sort()
    names = [name for _, _, name in holes]
    if "delta" not in names or "sequence_number" not in names:
        return None
    pattern, at = b"", 0
    for start, end, name in holes:
        pattern += re.escape(raw[at:start]) + _HOLES[name]
        at = end
    pattern += re.escape(raw[at:])
    return _Pattern(re.compile(pattern), names.index("delta") + 1, names.index("sequence_number") + 1)


def _texts(pieces: list[bytes]) -> list[str]:
    """The texts of deltas, as JSON has them between its quotes, up to the first that must be looked at."""
    joined = b"".join(pieces)
    if joined.isascii() and b"\\" not in joined:
        return b"\x00".join(pieces).decode("ascii").split("\x00") if pieces else []
    texts: list[str] = []
    for piece in pieces:
        text = _text(piece)
        if text is None or "\ufffd" in text:
            break
        texts.append(text)
    return texts


def _text(piece: bytes) -> str | None:
    if b"\\" in piece:
        try:
            parsed = from_json(b'"%s"' % piece)
        except ValueError:
            return None
        return parsed if isinstance(parsed, str) else None
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return None
