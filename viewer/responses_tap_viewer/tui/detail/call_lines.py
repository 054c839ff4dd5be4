"""Where the result of a call came, and where the call was whose result a request brings."""

from collections.abc import Iterable

from responses_tap.store import Recording
from responses_tap.stream.conversation import Call
from responses_tap_viewer.tui.spans import Line


def call_lines(recording: Recording, stream_id: int, position: int | None) -> list[Line]:
    """What the event at this position calls, where the result is known."""
    calls = recording.calls(stream_id) if position is not None else []
    return _lines((call for call in calls if (call.stream, call.position) == (stream_id, position)), stream_id)


def result_lines(recording: Recording, stream_id: int) -> list[Line]:
    """The results that the stream's request brings."""
    return _lines((call for call in recording.calls(stream_id) if call.result == stream_id), stream_id)


def _lines(calls: Iterable[Call], stream_id: int) -> list[Line]:
    lines: list[Line] = [[(words, "label")] for call in calls if (words := call.seen_from(stream_id))]
    return [*lines, []] if lines else []
