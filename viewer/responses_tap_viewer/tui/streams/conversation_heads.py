"""The lines above the turns of conversations."""

from collections.abc import Iterable
from typing import NamedTuple

from responses_tap_viewer.compare.conversation_groups import Conversation, conversations
from responses_tap_viewer.reports.text import clock, conversation_words
from responses_tap_viewer.tui.spans import Line, Role
from responses_tap_viewer.tui.streams.groups import FOLDED, UNFOLDED
from responses_tap_viewer.tui.summary import Summary


class ConversationHead(NamedTuple):
    """The listed turns of one conversation."""

    conversation: Conversation[Summary]

    @property
    def key(self) -> str:
        """What identifies its line."""
        return f"conversation {self.conversation.name}"

    @property
    def ids(self) -> tuple[int, ...]:
        """Its streams, in the order of the list."""
        return tuple(summary.id for summary in self.conversation.streams)

    @property
    def example(self) -> int:
        """The stream that stands for it: the first one that has findings, if there is one."""
        streams = self.conversation.streams
        return next((summary for summary in streams if summary.is_faulty), streams[0]).id


def heads(summaries: Iterable[Summary]) -> list[ConversationHead]:
    """The conversations of these streams, in the order of their first ones."""
    return [ConversationHead(conversation) for conversation in conversations(summaries)]


def head_line(head: ConversationHead, *, is_open: bool) -> Line:
    """What its turns add up to."""
    conversation = head.conversation
    name, *words = conversation_words(conversation)
    role: Role = "error" if conversation.errors else "warning" if conversation.warnings else "strong"
    began = clock(conversation.started_at, "%H:%M:%S")
    return [(f"{UNFOLDED if is_open else FOLDED} ", "label"), (name, role), (" · ".join(["", began, *words]), "dim")]
