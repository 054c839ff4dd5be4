"""What corresponds in two scopes: their children, and the elements of their sequences."""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from responses_tap_viewer.compare.outline import ScopeNode, Step

type _Key = tuple[str, int]
type Matched = tuple[ScopeNode, ScopeNode]
"""Corresponding scopes of A and B."""


class Token(NamedTuple):
    """An element of a scope's sequence: an event of its own, or the beginning or end of one of its children."""

    key: _Key
    at: Step
    bound: str = ""
    """Which child begins or ends here, in words; empty for an event."""

    @property
    def label(self) -> str:
        """What it is, in words."""
        return self.bound or self.at.type


def matched_children(a: Sequence[ScopeNode], b: Sequence[ScopeNode]) -> list[Matched]:
    """The corresponding scopes, in A's order: matched by type and name first, then by type, each in order."""
    partners: dict[int, ScopeNode] = {}
    taken: set[int] = set()
    for by_name in (True, False):
        waiting: dict[tuple[str, str], deque[ScopeNode]] = defaultdict(deque)
        for scope in b:
            if id(scope) not in taken:
                waiting[scope.type, scope.name if by_name else ""].append(scope)
        for scope in a:
            found = waiting[scope.type, scope.name if by_name else ""]
            if id(scope) not in partners and found:
                partners[id(scope)] = found.popleft()
                taken.add(id(partners[id(scope)]))
    return [(scope, partners[id(scope)]) for scope in a if id(scope) in partners]


def in_order(pairs: Sequence[Matched]) -> list[Matched]:
    """The longest subsequence of pairs whose second scopes are in the order of the first ones."""
    longest: list[tuple[int, int | None]] = []
    tails: list[int] = []
    for index, (_, b) in enumerate(pairs):
        at = bisect_left([pairs[tail][1].begin.serial for tail in tails], b.begin.serial)
        longest.append((index, tails[at - 1] if at else None))
        tails[at:] = [index, *tails[at + 1 :]]
    kept = []
    last = tails[-1] if tails else None
    while last is not None:
        kept.append(pairs[last])
        last = longest[last][1]
    return kept[::-1]


def tokens_of(scope: ScopeNode, children: Sequence[Matched], side: int) -> list[Token]:
    """The sequence of a scope, with `side` 0 for A and 1 for B; `children` are the pairs in the same order on both."""
    tokens = [Token((step.type, -1), step) for step in scope.steps]
    for n, pair in enumerate(children):
        # A child that begins or ends with a different event reports that itself.
        if pair[0].begin.type == pair[1].begin.type:
            tokens.append(Token(("begins", n), pair[side].begin, f"{pair[side].short} begins"))
        if pair[0].end.type == pair[1].end.type:
            tokens.append(Token(("ends", n), pair[side].end, f"{pair[side].short} ends"))
    return sorted(tokens, key=lambda token: token.at.last if token.key[0] == "ends" else token.at.serial)


def matching(a: Sequence[_Key], b: Sequence[_Key]) -> list[tuple[int, int]]:
    """The indexes of the elements that both sequences have, in order."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    middle = SequenceMatcher(None, a[start : len(a) - end], b[start : len(b) - end], autojunk=False)
    inner = [
        (start + block.a + n, start + block.b + n) for block in middle.get_matching_blocks() for n in range(block.size)
    ]
    return [
        *((n, n) for n in range(start)),
        *inner,
        *((len(a) - n, len(b) - n) for n in range(end, 0, -1)),
    ]


def moved(left: Sequence[Token], right: Sequence[Token], rest_a: list[int], rest_b: list[int]) -> list[tuple[int, int]]:
    """The elements that both sides have in different places; removes them from the remainders."""
    waiting: dict[_Key, deque[int]] = defaultdict(deque)
    for j in rest_b:
        waiting[right[j].key].append(j)
    pairs = [(i, waiting[left[i].key].popleft()) for i in rest_a if waiting[left[i].key]]
    moved_a, moved_b = {i for i, _ in pairs}, {j for _, j in pairs}
    rest_a[:] = [i for i in rest_a if i not in moved_a]
    rest_b[:] = [j for j in rest_b if j not in moved_b]
    return pairs
