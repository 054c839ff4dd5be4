"""What `record` reports to the terminal UI that runs it (`record --ui`): JSON lines through a pipe.

`{"notice": "Listening", "way_in": "export …"}` once the proxy listens, `{"notice": "Warning", "message": "…"}` for what
goes wrong beside the streams.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Listening:
    """The proxy listens."""

    way_in: str
    """The shell line that points a client at it; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 (its name on the screen)
    """Something the user should look at."""

    message: str


_KINDS = {kind.__name__: kind for kind in (Listening, Warning)}


class NoticePipe:
    """Sends notices until nobody reads them; `descriptor` is -1 if nobody does."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, notice: Listening | Warning) -> None:
        """Send one notice, in one write."""
        if self._descriptor >= 0:
            line = json.dumps({"notice": type(notice).__name__, **asdict(notice)}).encode() + b"\n"
            try:
                os.write(self._descriptor, line)
            except BrokenPipeError:
                self._descriptor = -1


def read_notices(lines: Iterable[bytes]) -> Iterator[Listening | Warning]:
    """The notices in the lines read from the pipe."""
    for line in lines:
        facts = json.loads(line)
        yield _KINDS[facts.pop("notice")](**facts)
