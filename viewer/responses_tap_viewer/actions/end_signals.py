"""Takes the signals that end a command, SIGINT and SIGTERM."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue

_LOOK_AGAIN_SECONDS = 0.5


@contextmanager
def on_end_signals(handler: Callable[[int, object], object]) -> Iterator[None]:
    """Have `handler` called with them meanwhile, on the main thread."""
    former = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in former.items():
            signal.signal(number, old)


def wait_for_end(tell_ready: Callable[[], None], over: SimpleQueue[None] | None = None) -> bool:
    """Wait for one of them, or until `over` gets an element; whether it was a signal.

    `tell_ready` is called as soon as signals are taken.
    """
    over = over or SimpleQueue()
    signals: list[int] = []

    def note(number: int, _frame: object) -> None:
        signals.append(number)
        over.put(None)  # an Event's set() would hang if the other signal came within it

    with on_end_signals(note):
        tell_ready()
        # Two signals at once may both be delivered to another thread; then nothing wakes this one, which handles them.
        while not signals:
            with suppress(Empty):
                over.get(timeout=_LOOK_AGAIN_SECONDS)
                break
    return bool(signals)
