"""The worker's way back to its supervisor."""

import os

from responses_tap.recorder.messages import Reply, encode_reply


class ReplyPipe:
    """Sends replies through a pipe, until nobody listens any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_heard = True

    def send(self, *replies: Reply) -> None:
        """Send replies, unless nobody listens any more."""
        data = b"".join(encode_reply(reply) for reply in replies)
        while data and self._is_heard:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BrokenPipeError:
                self._is_heard = False
