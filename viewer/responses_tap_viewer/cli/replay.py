"""`replay`: a server that plays a stream, whole or with faults, or a bench of all samples and faults."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from responses_tap_viewer.cli import completion
from responses_tap_viewer.cli.parameters import address
from responses_tap_viewer.printing import print_lines, say

if TYPE_CHECKING:
    from responses_tap_viewer.actions.playback import Playback
    from responses_tap_viewer.actions.replay_server import Answers


@click.command()
@click.argument("stream", required=False, shell_complete=completion.streams)
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:0", help="Where to listen.  [default: a free port]")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Playback speed: 2 is twice as fast, 0 has no delays.",
)
@click.option(
    "--chunks",
    type=click.Choice(["exact", "event", "byte"]),
    default="exact",
    show_default=True,
    help="Chunking: as recorded, one event per chunk, or one byte per chunk.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[=ARG][@EVENT]",
    shell_complete=completion.faults,
    help="Plant a fault: a rule's code or a transport fault (see --list). Repeatable.",
)
@click.option("--rate", type=click.FloatRange(0, 1), help="Plant a fault in this fraction of the responses only.")
@click.option("--seed", type=int, help="Choose faults and their positions at random, with this seed.")
@click.option("--bench", is_flag=True, help="Serve every sample and every fault under a base URL of its own.")
@click.option("--list", "is_listed", is_flag=True, help="List the faults and exit.")
def replay(  # noqa: PLR0913, PLR0917 - one parameter an option
    stream: str | None,
    listen: str,
    speed: float,
    chunks: str,
    faults: tuple[str, ...],
    rate: float | None,
    seed: int | None,
    bench: bool,
    is_listed: bool,
) -> None:
    """Serve a recorded stream, as it was or with faults, to any client until Ctrl-C.

    \b
    Examples:
      responses-tap replay 3
      responses-tap replay stream.sse --listen 127.0.0.1:9000 --speed 0
      responses-tap replay stream.sse --fault MD301 --fault slow=50ms
      responses-tap replay stream.sse --fault cut@7
      responses-tap replay stream.sse --rate 0.2 --seed 1
      responses-tap replay --bench --listen 127.0.0.1:9000
    """  # fmt: skip
    from responses_tap_viewer.actions.bench import Bench

    if is_listed:
        print_lines(_listed())
    elif bench:
        if stream or faults or rate is not None or seed is not None or chunks != "exact":
            raise click.UsageError("--bench takes no STREAM; its paths say which sample and which faults are played.")
        _serve(Bench(speed), address(listen), 1, "the bench", "/text")
    elif stream is None:
        raise click.UsageError("Missing argument 'STREAM'. (--bench needs none.)")
    elif faults or rate is not None:
        _serve(_faulty(stream, faults, speed, chunks, rate, seed), address(listen), 1, stream, "")
    else:
        from responses_tap_viewer.actions.playback import playback
        from responses_tap_viewer.streams import find_stream

        _serve({"": playback(find_stream(stream), chunks)}, address(listen), speed, stream, "")


def _listed() -> list[str]:
    from responses_tap.protocol.faults import FAULTS
    from responses_tap_viewer.actions.faulty import fault_named, title_of
    from responses_tap_viewer.actions.transport_faults import TRANSPORT_FAULTS

    names = [*FAULTS, *TRANSPORT_FAULTS]
    widest = max(map(len, names))
    return [f"{name:{widest}}  {title_of(fault_named(name))}" for name in names]


def _faulty(
    stream: str, faults: Sequence[str], speed: float, chunks: str, rate: float | None, seed: int | None
) -> "Mapping[str, Playback] | Answers":
    """What is played: the stream with these faults, in all responses or in some."""
    from responses_tap.errors import UnusableInput
    from responses_tap.protocol.faults import CannotPlant, FaultSpec
    from responses_tap_viewer.actions.faulty import Chaos, draft_of, fault_named, planted
    from responses_tap_viewer.streams import find_stream

    specs = [fault_named(fault) for fault in faults]
    draft = draft_of(find_stream(stream), speed)
    try:
        if chunks != "exact":
            draft = planted(draft, [FaultSpec("rechunk", chunks)])
        if rate is None:
            return {"": planted(draft, specs, seed).playback()}
        for spec in specs:
            planted(draft, [spec])
    except CannotPlant as error:
        raise UnusableInput(stream, f"cannot be played with this fault: {error}") from error
    return Chaos(draft, rate, seed or 0, specs, say)


def _serve(
    answers: "Mapping[str, Playback] | Answers", where: tuple[str, int], speed: float, name: str, below: str
) -> None:
    """Play until the user ends it."""
    from responses_tap.errors import UnusableInput
    from responses_tap_viewer.actions.end_signals import wait_for_end
    from responses_tap_viewer.actions.replay_server import ReplayServer

    try:
        server = ReplayServer(answers, where, speed)
    except OSError as error:
        raise UnusableInput(f"{where[0]}:{where[1]}", f"cannot be listened on ({error.strerror})") from error
    with server:
        index = [f"  {server.url}/ lists all base URLs, {server.url}/index.json for a program", ""] if below else []
        way_in = f"  export OPENAI_BASE_URL={server.url}{below}/v1"
        lines = [f"Replaying {name}. In another terminal:", "", way_in, "", *index, "Press Ctrl-C to stop."]
        wait_for_end(lambda: print_lines(lines))
