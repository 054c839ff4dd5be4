"""The pytest fixture that serves samples and faults; `responses_tap.server(fault="MD301")` calls it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from responses_tap_viewer.actions.bench import Bench

_GIVEN = "stream"
"""What a stream is called in a URL that was given as a file."""


@pytest.fixture
def responses_tap_server() -> Iterator[Callable[..., str]]:
    """A function from a stream and faults to the base URL of a server on loopback, which ends with the test.

    `stream` is the name of a sample (`text`, `tool-call`), or whatever `replay` takes as a STREAM; without it, it is
    the first sample that can have the faults. `fault` is one NAME[=ARG][@EVENT], or several. `speed` is that of
    `replay`; at 0, the default, nothing waits.
    """
    from responses_tap.errors import UnusableInput
    from responses_tap_viewer.actions.replay_server import Refused, ReplayServer

    with ExitStack() as servers:

        def serve(stream: str | Path | None = None, fault: str | Iterable[str] = (), speed: float = 0) -> str:
            __tracebackhide__ = True
            try:
                bench, path = _placed(stream, [fault] if isinstance(fault, str) else list(fault), speed)
            except (Refused, UnusableInput) as error:
                pytest.fail(f"responses_tap.server: {error}", pytrace=False)
            server = servers.enter_context(ReplayServer(bench))
            return server.url + quote(path, safe="/+=@")

        yield serve


def _placed(stream: str | Path | None, faults: list[str], speed: float) -> "tuple[Bench, str]":
    from responses_tap_viewer.actions.bench import Bench
    from responses_tap_viewer.actions.faulty import draft_of
    from responses_tap_viewer.streams import find_stream

    bench = Bench(speed)
    named = [] if stream is None else [str(stream)]
    if named and named[0] not in bench.samples:
        bench = Bench(speed, {_GIVEN: draft_of(find_stream(named[0]), speed)})
        named = [_GIVEN]
    return bench, bench.place(*named, *filter(None, ["+".join(filter(None, faults))]))
