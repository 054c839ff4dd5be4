"""The streams of a recording as they are listed: chosen from, sorted, grouped, and kept up to date."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from operator import itemgetter
from typing import NamedTuple

from responses_tap.stream.filters import TEXT, Filter
from responses_tap_viewer.tui.streams.conversation_heads import ConversationHead, heads
from responses_tap_viewer.tui.streams.groups import Group, grouped
from responses_tap_viewer.tui.streams.stream_columns import SORT_KEYS, first_words
from responses_tap_viewer.tui.summary import Summary

type Listed = int | Group | ConversationHead
"""What stands in a line: a stream's id, or what stands above streams."""
type LineKey = int | str
"""What identifies a line when others come and go: a stream's id, or a group's key."""


class Grouping(Enum):
    """What the streams have in common that are put together."""

    NONE = ""
    SHAPE = "shapes"
    CONVERSATION = "conversations"


class Totals(NamedTuple):
    """What the streams add up to."""

    streams: int
    open: int
    errors: int
    """Streams with errors."""
    warnings: int
    """Streams with warnings and no errors."""


class Order(NamedTuple):
    """How the list is arranged."""

    column: str = "id"
    down: bool = False
    """Largest first."""
    grouping: Grouping = Grouping.NONE

    @property
    def is_ascending(self) -> bool:
        """Whether it is the order of the ids."""
        return (self.column, self.down) == ("id", False)


class Catalogue:
    """The streams that the filter lets pass, line by line.

    A summary is None until it has been read; while there is a filter, an unread stream is not in the list.
    """

    def __init__(self, wanted: Filter | None = None, order: Order | None = None) -> None:
        self.wanted = wanted or Filter()
        self.order = order or Order()
        self._refolded: set[str] = set()
        """The keys of the groups that are folded otherwise than at first: shapes are folded then, conversations not."""
        self._ids: list[int] = []
        self._summaries: dict[int, Summary] = {}
        self._unread: set[int] = set()
        self._passing: list[int] = []
        self._lines: Sequence[Listed] = []
        self._line_of: dict[LineKey, int] = {}
        """The lines by key, where they do not ascend."""
        self.groups = 0
        """How many groups there are, 0 while they are not grouped."""
        self.has_findings = True
        """Whether a listed stream has something to say of what went wrong; looked at only for conversations."""
        self._usual: Group | None = None
        self._is_arranged = True
        self._searched: set[int] = set()
        """The streams whose contents have been compared with the filter."""
        self._with_text: set[int] = set()
        """Those of them that match it."""
        self._is_searched = False
        """Whether nothing more is known to wait for that."""

    def emptied(self) -> "Catalogue":
        """An empty one with the same filter and order."""
        return Catalogue(self.wanted, self.order)

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, index: int) -> Summary | None:
        return self._summaries.get(self.id_at(index))

    @property
    def total(self) -> int:
        """How many streams there are, whether the filter lets them pass or not."""
        return len(self._ids)

    @property
    def shown(self) -> list[int]:
        """The ids of the streams that the filter lets pass, ascending."""
        return self._passing

    @property
    def usual(self) -> Group | None:
        """The group of the shape that most streams have, while they are grouped."""
        return self._usual

    @property
    def lines(self) -> Sequence[Listed]:
        """What is listed; another object whenever that changes."""
        if not self._is_arranged:
            self._arrange()
        return self._lines

    def get(self, stream_id: int) -> Summary | None:
        """What is known of a stream."""
        return self._summaries.get(stream_id)

    @property
    def known(self) -> Iterable[Summary]:
        """What has been read, of listed streams and others."""
        return self._summaries.values()

    def choose(self, wanted: Filter) -> None:
        """List the streams that this filter lets pass."""
        if [term for term in wanted.terms if term.field == TEXT] != [t for t in self.wanted.terms if t.field == TEXT]:
            self._searched, self._with_text = set(), set()
            self._is_searched = False
        self.wanted = wanted
        self._passing = [stream_id for stream_id in self._ids if self._passes(stream_id)] if wanted else self._ids
        self._is_arranged = False

    def arrange(self, order: Order) -> None:
        """List them in this order."""
        self.order = order
        self._is_arranged = False

    def turn_fold(self, group: Group | ConversationHead) -> None:
        """List a group's streams below it, or no longer."""
        self._refolded ^= {group.key}
        self._is_arranged = False

    def is_unfolded(self, group: Group | ConversationHead) -> bool:
        """Whether a group's streams are listed below it."""
        return (group.key in self._refolded) is not isinstance(group, ConversationHead)

    def _passes(self, stream_id: int) -> bool:
        summary = self._summaries.get(stream_id)
        if summary is None or not self.wanted.matches(summary.asked, summary.codes):
            return False
        return not self.wanted.asks_text or stream_id in self._with_text

    @property
    def is_searching(self) -> bool:
        """Whether contents may still have to be compared with the filter."""
        return self.wanted.asks_text and not self._is_searched

    def unsearched(self) -> list[int]:
        """The streams whose contents are still to be compared with the filter, the newest first."""
        waiting = (id_ for id_ in reversed(self._ids) if id_ not in self._searched)
        known = ((id_, self.get(id_)) for id_ in waiting)
        found = [id_ for id_, summary in known if summary and self.wanted.matches(summary.asked, summary.codes)]
        self._is_searched = not found
        return found

    def take_searched(self, searched: Mapping[int, bool], wanted: Filter) -> None:
        """Take which of these streams have the text of that filter, unless there is another filter by now."""
        if wanted is self.wanted:
            self._searched |= searched.keys()
            self._with_text |= {id_ for id_, has_text in searched.items() if has_text}
            self.choose(wanted)

    def _arrange(self) -> None:
        self._is_arranged = self.has_findings = True
        self._line_of = {}
        ids = self._passing if self.order.is_ascending else self._sorted()
        if self.order.grouping is not Grouping.NONE:
            self._lines = self._in_groups(ids)
            return
        self._lines = ids
        if not self.order.is_ascending:
            self._line_of.update(zip(ids, range(len(ids)), strict=True))

    def _sorted(self) -> list[int]:
        key = SORT_KEYS[self.order.column]
        told, rest = [], []
        for stream_id in self._passing:
            summary = self._summaries.get(stream_id)
            value = None if summary is None else key(summary)
            if value is None:
                rest.append(stream_id)
            else:
                told.append((value, stream_id))
        told.sort(key=itemgetter(0), reverse=self.order.down)
        return [stream_id for _, stream_id in told] + rest

    def _in_groups(self, ids: list[int]) -> list[Listed]:
        lines: list[Listed] = []
        summaries = [summary for stream_id in ids if (summary := self._summaries.get(stream_id)) is not None]
        by_shape = self.order.grouping is Grouping.SHAPE
        groups: Sequence[Group | ConversationHead] = grouped(summaries) if by_shape else heads(summaries, self.known)
        self.has_findings = by_shape or any(first_words(summary)[0] for summary in summaries)
        for group in groups:
            self._line_of |= dict.fromkeys((group.key, *group.ids), len(lines))
            is_lone = len(group.ids) == 1 and not by_shape  # a line above it would only repeat it
            lines += [] if is_lone else [group]
            if is_lone or self.is_unfolded(group):
                self._line_of |= {stream_id: len(lines) + place for place, stream_id in enumerate(group.ids)}
                lines += group.ids
        self.groups = len(groups)
        shapes = [group for group in groups if isinstance(group, Group) and not group.is_shapeless]
        self._usual = shapes[-1] if shapes else None
        return lines

    def id_at(self, index: int) -> int:
        """The id of the stream in that line, of a group the one that stands for it."""
        line = self.lines[index]
        return line if isinstance(line, int) else line.example

    def key_at(self, index: int) -> LineKey:
        """What identifies that line when the list has changed."""
        line = self.lines[index]
        return line if isinstance(line, int) else line.key

    def index_of(self, key: LineKey) -> int | None:
        """The line with that key; of a stream that is folded away its group's, of one that has gone None.

        In a list that ascends, it is then the line of the stream that came after it.
        """
        if not self._is_arranged:
            self._arrange()
        if self.order == Order() and isinstance(key, int):
            return bisect_left(self._passing, key)
        return self._line_of.get(key)

    def set_ids(self, ids: list[int]) -> bool:
        """Take the ids that there are now, ascending; whether they are others than before."""
        if ids == self._ids:
            return False
        known = set(ids)
        for gone in self._summaries.keys() - known:
            del self._summaries[gone]
        self._ids = ids
        self._unread = known - self._summaries.keys()
        self.choose(self.wanted)
        return True

    def reread(self) -> None:
        """Have all summaries read again."""
        self._unread = set(self._ids)

    def put(self, summaries: Iterable[Summary]) -> None:
        """Take what has been read."""
        read = {summary.id: summary for summary in summaries}
        changed = {stream_id: summary for stream_id, summary in read.items() if summary != self.get(stream_id)}
        self._summaries |= changed
        self._unread -= read.keys()
        self._searched -= changed.keys()  # an open stream has grown
        self._is_searched &= not changed
        if not changed:
            return
        if self.wanted:
            passing = {stream_id for stream_id in changed if self._passes(stream_id)}
            self._passing = sorted(set(self._passing) - changed.keys() | passing)
        if self.wanted or self.order != Order():
            self._is_arranged = False

    def stale(self, visible_range: Iterable[int]) -> list[int]:
        """The ids of what may have changed and matters: open streams, and those in the visible lines."""
        seen = {self.id_at(index) for index in visible_range if index < len(self)}
        return sorted(seen | {summary.id for summary in self._summaries.values() if summary.state == "open"})

    def before_unread(self) -> int | None:
        """The id below which the next page of summaries is to be read, None where all have been."""
        return max(self._unread) + 1 if self._unread else None

    def passed(self, before_id: int, page: list[Summary]) -> None:
        """Take a page of streams below `before_id`; those of them that it lacks have gone."""
        lowest = page[0].id if page else 0
        self._unread = {unread for unread in self._unread if not lowest <= unread < before_id}
        self.put(page)

    def totals(self) -> Totals:
        """What is known so far, added up."""
        is_open = errors = warnings = 0
        for summary in self._summaries.values():
            is_open += summary.state == "open"
            errors += summary.errors > 0
            warnings += summary.warnings > 0 and not summary.errors
        return Totals(len(self._ids), is_open, errors, warnings)

    def next_faulty(self, index: int, step: int) -> int | None:
        """The line of the next stream with errors or warnings, up or down from `index`, round the end.

        It is `index` itself where no other has any, and None where that has none either. Of a group the line counts
        only while its streams are folded away: else they stand below it.
        """
        count = len(self)
        for distance in range(1, count + 1):
            line = (index + step * distance) % count
            listed, summary = self.lines[line], self[line]
            is_head = not isinstance(listed, int) and self.is_unfolded(listed)
            if summary is not None and summary.is_faulty and not is_head:
                return line
        return None
