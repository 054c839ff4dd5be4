"""Runs the official clients on streams: a server that plays them, and a driver for each client, one after another."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from responses_tap.protocol.sse import Frame
from responses_tap.stream.model import JudgedStream
from responses_tap.stream.over_sse import over_sse
from responses_tap_viewer.actions.playback import Playback, playback
from responses_tap_viewer.actions.replay_server import ReplayServer
from responses_tap_viewer.clients.driver_process import DriverProcess
from responses_tap_viewer.clients.drivers import WantedDriver
from responses_tap_viewer.clients.environments import CannotRun, environment
from responses_tap_viewer.clients.impact_matrix import ImpactMatrix, StreamImpact
from responses_tap_viewer.clients.stated import Stated, events_in, stated
from responses_tap_viewer.clients.verdict import verdict

_MOST_FAILURES = 3
"""After how many streams in a row that a driver ends at it is given up."""
_RUNS_TOOLS = "not run: the stream may call tools, which this client would run"


class PlayedStream(NamedTuple):
    """A stream as the clients get it."""

    name: str
    playback: Playback
    says: Stated
    calls: bool
    """Whether a client might take anything in it for a call."""


def played(stream: JudgedStream) -> PlayedStream:
    """A stream for the clients. UnusableInput where it has nothing that can be sent."""
    playing = playback(stream, "event")
    return _played(stream.name, playing, (entry.frame for entry in over_sse(stream).entries))


def played_body(name: str, frames: Iterable[Frame]) -> PlayedStream:
    """A body that no recording has, for the clients."""
    frames = list(frames)
    head = (("Content-Type", "text/event-stream"),)
    return _played(name, Playback(200, head, tuple((0, frame.raw) for frame in frames)), frames)


def _played(name: str, playing: Playback, frames: Iterable[Frame]) -> PlayedStream:
    events = events_in(frame.data for frame in frames)
    calls = any('_call"' in json.dumps(event) for event in events) or any(b'_call"' in raw for _, raw in playing.pieces)
    return PlayedStream(name, playing, stated(events), calls)


def run_clients(
    streams: Sequence[PlayedStream], wanted: Sequence[WantedDriver], *, timeout: float, newest: bool = False
) -> ImpactMatrix:
    """What each client makes of each stream; those that cannot be run are named, and the others are run.

    `timeout` is in seconds, for one client and one stream. `newest` installs the registry's newest versions first.
    """
    matrix = ImpactMatrix([StreamImpact(stream.name, stream.says) for stream in streams])
    playbacks = {f"/{n}/": stream.playback for n, stream in enumerate(streams)}
    with ReplayServer(playbacks, speed=0) as server:
        for each in wanted:
            try:
                installed = environment(each, newest=newest)
                with DriverProcess(each.driver, installed, timeout) as process:
                    _run(process, each, streams, matrix, server.url)
            except CannotRun as error:
                matrix.unavailable[each.driver.name] = str(error)
    return matrix


def _run(
    process: DriverProcess, each: WantedDriver, streams: Sequence[PlayedStream], matrix: ImpactMatrix, url: str
) -> None:
    """Run one client on all streams. Raises CannotRun where its driver never answers."""
    name = each.driver.name
    failures = 0
    for n, (stream, impact) in enumerate(zip(streams, matrix.streams, strict=True)):
        if stream.calls and each.driver.runs_tools:
            impact.not_run[name] = _RUNS_TOOLS
            continue
        try:
            answer = process.ask(f"{url}/{n}/v1", stream.says.tools)
        except CannotRun as error:
            failures += 1
            if failures == min(_MOST_FAILURES, len(streams)):
                raise
            impact.not_run[name] = str(error)
        else:
            failures = 0
            impact.verdicts[name] = verdict(answer, stream.says)
