"""The lines above the turns of conversations."""

from collections.abc import Iterable
from typing import NamedTuple

from responses_tap_viewer.compare.conversation_groups import Conversation, conversations
from responses_tap_viewer.reports.text import clock, conversation_words, counted
from responses_tap_viewer.tui.spans import Line, Role
from responses_tap_viewer.tui.streams.groups import FOLDED, UNFOLDED
from responses_tap_viewer.tui.summary import Summary

_LONG_NAME, _SHOWN_OF_NAME = 16, 12
"""Characters: of a UUID the first ones tell the conversations of a recording apart, and leave room for the rest."""


class ConversationHead(NamedTuple):
    """The listed turns of one conversation."""

    conversation: Conversation[Summary]
    turns_in_all: int
    """With those that a filter leaves out."""

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


def heads(summaries: Iterable[Summary], known: Iterable[Summary]) -> list[ConversationHead]:
    """The conversations of these streams, in the order of their first ones; `known` are those not listed, too."""
    turns = {conversation.name: conversation.turns for conversation in conversations(known)}
    return [ConversationHead(conversation, turns[conversation.name]) for conversation in conversations(summaries)]


def head_line(head: ConversationHead, *, is_open: bool) -> Line:
    """What its turns add up to."""
    conversation = head.conversation
    if len(conversation.name) > _LONG_NAME:
        conversation = conversation._replace(name=f"{conversation.name[:_SHOWN_OF_NAME]}…")
    name, turns, *words = conversation_words(conversation)
    if head.turns_in_all > conversation.turns:
        turns = f"{conversation.turns} of {counted(head.turns_in_all, 'turn')}"
    role: Role = "error" if conversation.errors else "warning" if conversation.warnings else "strong"
    began = clock(conversation.started_at, "%H:%M:%S")
    return [
        (f"{UNFOLDED if is_open else FOLDED} ", "label"),
        (name, role),
        (" · ".join(["", began, turns, *words]), "dim"),
    ]
