"""Judges the responses of recorded WebSockets again."""

from typing import TYPE_CHECKING

from responses_tap.protocol.websocket_checker import SocketChecker, Turn, judge_again
from responses_tap.stream.columns import StreamRow

if TYPE_CHECKING:
    from responses_tap.store import Recording


class Turns:
    """The responses of a recording's sockets: those of one socket are judged together, but requested one by one."""

    def __init__(self, recording: "Recording") -> None:
        self._recording = recording
        self._judged: tuple[int | None, str] = (None, "")
        self._turns: dict[int, Turn] = {}

    def of(self, row: StreamRow, profile: str) -> Turn:
        """The response of a stream from a socket, with all its messages; not finished yet."""
        assert row.socket is not None
        if self._judged != (row.socket, profile):
            self._turns = judge_again(SocketChecker(profile), self._recording.socket_messages(row.socket))
            self._judged = (row.socket, profile)
        return self._turns[row.id]
