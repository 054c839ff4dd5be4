"""The stream that is being replayed from within the terminal UI."""

import asyncio

from responses_tap.errors import UnusableInput
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.actions.playback import playback
from responses_tap_viewer.actions.replay_server import ReplayServer


class Replays:
    """One stream at a time, served until it is stopped."""

    def __init__(self) -> None:
        self._server: ReplayServer | None = None
        self.words = ""
        """What is being replayed and where, empty while nothing is."""

    async def start(self, stream: JudgedStream) -> None:
        """Serve a stream on a free port of this machine; UnusableInput where it cannot be."""
        await self.stop()
        playing = await asyncio.to_thread(playback, stream)
        try:
            self._server = ReplayServer({"": playing}).__enter__()
        except OSError as error:
            raise UnusableInput("127.0.0.1", f"cannot be listened on ({error.strerror})") from error
        self.words = f"▶ stream {stream.id} at {self._server.url}/v1 · z stops"

    async def stop(self) -> None:
        """Serve no more."""
        if self._server is not None:
            server, self._server, self.words = self._server, None, ""
            await asyncio.to_thread(server.__exit__, None, None, None)
