"""A bug report that says what the official clients make of its streams."""

from collections.abc import Iterator, Mapping, Sequence

from responses_tap.errors import UnusableInput
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.actions.client_runs import PlayedStream, played, run_clients
from responses_tap_viewer.clients.drivers import wanted_drivers
from responses_tap_viewer.clients.impact_matrix import StreamImpact
from responses_tap_viewer.reports.impact_report import impact_table
from responses_tap_viewer.reports.markdown import bug_report

_CLIENT_SECONDS = 30.0
"""How long a client may take for a stream."""


def impact_bug_report(streams: Sequence[JudgedStream]) -> str:
    """The bug report on these streams, each with a table of what the clients make of it.

    The clients get the streams as they leave: where their text is redacted, no client's error can quote it.
    """
    playing = [_playable(stream) for stream in streams]
    matrix = run_clients(
        [each for each in playing if isinstance(each, PlayedStream)], wanted_drivers(()), timeout=_CLIENT_SECONDS
    )
    impacts = iter(matrix.streams)
    found = [next(impacts) if isinstance(each, PlayedStream) else each for each in playing]
    return bug_report(streams, [list(_section(each, matrix.unavailable)) for each in found])


def _playable(stream: JudgedStream) -> PlayedStream | UnusableInput:
    try:
        return played(stream)
    except UnusableInput as error:
        return error


def _section(impact: StreamImpact | UnusableInput, unavailable: Mapping[str, str]) -> Iterator[str]:
    yield "## Official clients"
    yield ""
    if isinstance(impact, StreamImpact):
        yield from impact_table(impact, unavailable)
    else:
        yield f"Not run: the stream {impact.message}."
        yield ""
