"""`replay`: a server that plays a stream."""

import click

from responses_tap_viewer.cli import completion
from responses_tap_viewer.cli.parameters import address
from responses_tap_viewer.printing import print_lines


@click.command()
@click.argument("stream", shell_complete=completion.streams)
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
def replay(stream: str, listen: str, speed: float, chunks: str) -> None:
    """Serve a recorded stream to any client until Ctrl-C.

    \b
    Examples:
      responses-tap replay 3
      responses-tap replay stream.sse --listen 127.0.0.1:9000 --speed 0
    """  # fmt: skip
    import signal
    import threading

    from responses_tap.errors import UnusableInput
    from responses_tap_viewer.actions.playback import playback
    from responses_tap_viewer.actions.replay_server import ReplayServer
    from responses_tap_viewer.streams import find_stream

    where = address(listen)
    playing = playback(find_stream(stream), chunks)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    try:
        server = ReplayServer({"": playing}, where, speed)
    except OSError as error:
        raise UnusableInput(f"{where[0]}:{where[1]}", f"cannot be listened on ({error.strerror})") from error
    with server:
        way_in = f"  export OPENAI_BASE_URL={server.url}/v1"
        print_lines([f"Replaying {stream}. In another terminal:", "", way_in, "", "Ctrl-C ends."])
        ended.wait()
