"""The worker's side of the spool: what comes next, what a worker may have died of, what nobody needs any more."""

from collections.abc import Iterable

from responses_tap.recorder.messages import MESSAGE_HEAD, Message, decode_head, decode_messages
from responses_tap.recorder.spool import COMMITTED, DEATHS, HEAD_BYTES, IN_HAND, SUSPECT, Spool

_READ_BYTES = 2**17
"""What is read at once is handled in one go."""
_STEP_BYTES = 2**20
"""Space is given back in pieces of this size: a call for each page would take longer than reading it."""


class SpoolReader:
    """The messages of a spool in their order.

    Which message is in hand stands in the spool itself, where the next worker sees it: those that had not been
    committed when this one's predecessor died are read one by one, so that the culprit is among them alone.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._head = spool.head
        self.at = HEAD_BYTES
        """Where the next message begins."""
        self._given_back = self._looked_at = HEAD_BYTES
        self.careful_until = self._head[IN_HAND]
        """The offset of the last message that a worker may have died of; 0 for a session's first worker."""
        if self._head[SUSPECT]:
            self._head[DEATHS] += 1

    @property
    def committed(self) -> int:
        """The offset before which everything is in the recording, as the spool has it."""
        return self._head[COMMITTED]

    @property
    def unread(self) -> int:
        """The bytes that wait behind the last message that has been read."""
        return self._spool.size - self.at

    def read(self) -> list[Message]:
        """The next messages that are whole; none where nothing waits."""
        data = self._spool.read(self.at, _READ_BYTES)
        if len(data) < MESSAGE_HEAD.size:
            return []
        messages = decode_messages(data, self.at) or self._long_message(data)
        if self.at <= self.careful_until:
            del messages[1:]
        if messages:
            self.at = messages[-1].end
        return messages

    def again(self, places: Iterable[int]) -> list[Message]:
        """The messages at these offsets, which have not been given back."""
        return [self._long_message(self._spool.read(at, MESSAGE_HEAD.size), at)[0] for at in places]

    def take_in_hand(self, message: Message) -> None:
        """Note that this message is being handled."""
        self._head[IN_HAND] = message.place

    def suspect(self, message: Message) -> int:
        """Note that this message alone is being handled; how many workers have died of it."""
        if self._head[SUSPECT] != message.place:
            self._head[DEATHS] = 0
            self._head[SUSPECT] = message.place
        return self._head[DEATHS]

    def acquit(self) -> None:
        """No message is handled alone."""
        self._head[SUSPECT] = 0

    def commit(self, until: int, kept: list[Message]) -> None:
        """Note that everything before this offset is in the recording, and give the space back.

        `kept` are messages before it that are needed yet, in their order. OSError where space cannot be given back.
        """
        self._head[COMMITTED] = until
        if until - self._looked_at < _STEP_BYTES:
            return
        self._looked_at = until
        at = self._given_back
        # Pages that were kept before may be free now: from the first kept one on they are looked at again.
        self._given_back = min(until, kept[0].place if kept else until)
        for message in kept:
            self._spool.give_back(at, message.place)
            at = max(at, message.end)
        self._spool.give_back(at, until)

    def _long_message(self, head: bytes, place: int | None = None) -> list[Message]:
        """The message at an offset, which is longer than what was read; none while it is not whole."""
        place = self.at if place is None else place
        kind, flow, at_ns, size = decode_head(head)
        payload = self._spool.read(place + MESSAGE_HEAD.size, size)
        return [Message(kind, flow, at_ns, payload, place)] if len(payload) == size else []
