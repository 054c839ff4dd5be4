"""The bodies of streams and nothing else, byte for byte."""

from collections.abc import Sequence

from responses_tap_viewer.over_sse import over_sse
from responses_tap_viewer.streams import JudgedStream, UnusableInput


def body(streams: Sequence[JudgedStream]) -> bytes:
    """The one stream's body; UnusableInput where it has none."""
    (stream,) = streams
    if not stream.entries:
        raise UnusableInput(stream.name, "has no event stream; --format md and json show its answer")
    return over_sse(stream).body
