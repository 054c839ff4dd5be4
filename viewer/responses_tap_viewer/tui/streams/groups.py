"""Streams of one shape, put together: so the one in twenty that fails stands out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from operator import attrgetter
from typing import NamedTuple

from rich.cells import cell_len

from responses_tap.protocol.findings import Severity
from responses_tap.stream.timeline import MISSING, OK
from responses_tap_viewer.reports.text import counted
from responses_tap_viewer.tui.short_types import short_type
from responses_tap_viewer.tui.spans import Line, Role
from responses_tap_viewer.tui.streams.stream_columns import finding
from responses_tap_viewer.tui.summary import Summary

type Skeleton = Sequence[str]
"""The types of a stream's events, each run of the same type as one."""

_RARE = 20
"""One in this many, or fewer, is rare."""
_COUNT_WIDTH = 6
_MOST_STEPS = 1000
"""Types of a skeleton that are compared: beyond that, one does not look at the difference, but at the stream."""
_MOST_CODES = 2
_FOUND_UNTIL = 52
"""The column behind the findings of most groups."""
_MOST_DIFFERENCES = 6
FOLDED, UNFOLDED = "▸", "▾"


class Group(NamedTuple):
    """The listed streams of one shape."""

    shape: str
    ids: tuple[int, ...]
    """In the order of the list."""
    share: float
    """Of all listed streams."""
    is_rare: bool
    faulty: int
    """How many of its streams have errors or warnings."""
    findings: tuple[tuple[tuple[str, Severity | None], int], ...]
    """The first findings of its streams, by code and severity, and how many have them, the commonest first."""
    example: int
    """The stream that stands for it: one that has findings, if there is one."""
    shortest: int
    """The stream with the fewest events."""
    is_shapeless: bool
    """Whether its streams have no events, or not all of them yet; they have their state in common."""

    @property
    def key(self) -> str:
        """What identifies its line."""
        return self.shape


def grouped(summaries: Iterable[Summary]) -> list[Group]:
    """The groups of these streams, the rarest first."""
    by_shape: defaultdict[str, list[Summary]] = defaultdict(list)
    for summary in summaries:
        by_shape[summary.shape or summary.state].append(summary)
    total = sum(map(len, by_shape.values()))
    groups = [_group(shape, members, total) for shape, members in by_shape.items()]
    return sorted(groups, key=lambda group: (len(group.ids), group.shape))


def _group(shape: str, members: list[Summary], total: int) -> Group:
    faulty = [member for member in members if member.is_faulty]
    findings = Counter(filter(None, map(attrgetter("first_finding"), members)))
    return Group(
        shape,
        tuple(map(attrgetter("id"), members)),
        len(members) / total,
        members[0].state != "open" and len(members) * _RARE <= total,
        len(faulty),
        tuple(findings.most_common()),
        (faulty or members)[-1].id,
        min(members, key=attrgetter("event_count")).id,
        members[0].shape is None,
    )


def group_line(group: Group, own: Skeleton | None, usual: Skeleton | None, *, is_open: bool) -> Line:
    """How many, how often, what was found, and in what it is not as the commonest group."""
    line: Line = [
        (UNFOLDED if is_open else FOLDED, "label"),
        (f"{len(group.ids):>{_COUNT_WIDTH}} ×", "strong"),
        (f" {group.share:>6.1%} ", "plain"),
        (" rare  " if group.is_rare else "       ", "warning"),
        *_found(group),
    ]
    line.append((" " * (_FOUND_UNTIL - sum(cell_len(text) for text, _ in line)), "plain"))
    if group.is_shapeless:
        return [*line, (f"  no complete event sequence: {group.shape}", "dim")]
    if own is None:
        return line
    if usual is None or own == usual:
        return [*line, ("  most common: ", "dim"), (_in_words(own), "dim")]
    return [*line, ("  ", "plain"), *_difference(usual, own)]


def _found(group: Group) -> Line:
    if not group.findings:
        return [(f"{OK} no findings", "ok")]
    line: Line = []
    if 0 < group.faulty < len(group.ids) and len(group.findings) > 1:
        line.append((f"{MISSING} {group.faulty} with findings: ", "error"))
    for found, count in group.findings[:_MOST_CODES]:
        text, role = finding(*found)
        line.append((f"{text}{_share(count, len(group.ids))}  ", role))
    if len(group.findings) > _MOST_CODES:
        line.append((f"and {len(group.findings) - _MOST_CODES} more", "dim"))
    return line


def _share(count: int, total: int) -> str:
    if total == 1:
        return ""
    return f" in all {counted(total, 'stream')}" if count == total else f" in {count}"


def _difference(usual: Skeleton, own: Skeleton) -> Line:
    """What `own` lacks and has more than `usual`."""
    matcher = SequenceMatcher(None, usual[:_MOST_STEPS], own[:_MOST_STEPS], autojunk=False)
    changes: list[tuple[str, Role]] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            changes += [(f"− {short_type(type_)}  ", "error") for type_ in usual[i1:i2]]
            changes += [(f"+ {short_type(type_)}  ", "number") for type_ in own[j1:j2]]
    return changes[:_MOST_DIFFERENCES]


def _in_words(skeleton: Skeleton) -> str:
    return ", ".join(map(short_type, skeleton[:_MOST_DIFFERENCES])) + (
        ", …" if len(skeleton) > _MOST_DIFFERENCES else ""
    )
