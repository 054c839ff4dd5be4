"""The commands by which streams leave and come: `export`, `import`, and `replay`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from responses_tap.stream.filters import Filter
from responses_tap_viewer.commands import completion
from responses_tap_viewer.commands.parameters import DB, address, read_filter
from responses_tap_viewer.exporting.formats import FORMATS
from responses_tap_viewer.printing import complain, print_document, print_lines

if TYPE_CHECKING:
    from responses_tap_viewer.streams import JudgedStream


@click.command()
@click.argument("streams", metavar="STREAM…", nargs=-1, shell_complete=completion.streams)
@click.option(
    "--filter",
    "wanted",
    callback=read_filter,
    shell_complete=completion.terms,
    metavar="EXPR",
    help="These streams of each recording named.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    default=next(iter(FORMATS)),
    show_default=True,
    help="; ".join(f"{format_.name}: {format_.about}" for format_ in FORMATS.values()) + ".",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write.  [default: standard output]")
@click.option("--force", is_flag=True, help="Write over a file that is there already.")
@click.option(
    "--redact-text",
    is_flag=True,
    help="Replace each character of user and model text, and mask the values of headers and parameters of the URL that "
    "are not known to be harmless. Lengths, numbers, ids and names (of models, tools, parameters, members) stay.",
)
@click.option(
    "--structure-only",
    is_flag=True,
    help="Keep nothing but types, statuses, places in the stream, sizes and times: no text, name, number or header.",
)
@click.option("--mask-secrets", is_flag=True, help="Put stars where something looks like a secret.")
@click.option(
    "--allow-text", is_flag=True, help="Let texts leave as they are, with what looks like personal data in them."
)
@click.pass_context
def export(  # noqa: PLR0913, PLR0917 - one parameter an option
    ctx: click.Context,
    streams: tuple[str, ...],
    wanted: Filter | None,
    format_: str,
    output: Path | None,
    force: bool,
    redact_text: bool,
    structure_only: bool,
    mask_secrets: bool,
    allow_text: bool,
) -> None:
    """Export streams: for a bug report, for another program, to see them again.

    With --filter, STREAM is a recording, and the default one where none is named. Redacted or not, a stream shows the
    same findings. Nothing leaves in which something looks like a secret, unless it is masked, or like personal data
    (e-mail addresses, numbers of cards, bank accounts and telephones), unless it is redacted or --allow-text says so.
    What leaves is told on standard error.

    \b
    Examples:
      responses-tap export 3 > report.md
      responses-tap export mine.db#3 --format json -o trace.json
      responses-tap export 3 --format html --structure-only -o report.html
      responses-tap export --filter 'code:MD301 model:gpt*'
    """  # fmt: skip
    from responses_tap_viewer.exporting.export import depart, write_whole
    from responses_tap_viewer.exporting.redaction import Content
    from responses_tap_viewer.streams import UNUSABLE, matching_streams

    if wanted is not None:
        found, failed = matching_streams(wanted, streams), 0
    elif streams:
        found, failed = _find(streams)
    else:
        raise click.UsageError("name streams, or choose them with --filter")
    content = Content.STRUCTURE if structure_only else Content.NO_TEXT if redact_text else Content.WHOLE
    written, words = depart(found, FORMATS[format_], content, mask_secrets=mask_secrets, allow_text=allow_text)
    if output is None or str(output) == "-":
        print_document(written)
    else:
        write_whole(output, written, over=force)
        print_lines([f"Wrote {output} ({len(written)} bytes)"], err=True)
    print_lines([f"responses-tap: {words}"], err=True)
    ctx.exit(UNUSABLE if failed else 0)


def _find(names: Sequence[str]) -> "tuple[list[JudgedStream], int]":
    """The streams with these names, and how many names have none; UnusableInput where no name has one."""
    from responses_tap_viewer.streams import UnusableInput, find_stream

    found: list[JudgedStream] = []
    for n, name in enumerate(names):
        try:
            found.append(find_stream(name))
        except UnusableInput as error:
            if n == len(names) - 1 and not found:
                raise
            complain(error)
    return found, len(names) - len(found)


@click.command("import")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, shell_complete=completion.paths)
@click.option(
    "--db",
    type=DB,
    envvar="RESPONSES_TAP_DB",
    help="The recording.  [default: $RESPONSES_TAP_DB, else recordings/responses.db]",
)
@click.pass_context
def import_(ctx: click.Context, paths: tuple[str, ...], db: Path | None) -> None:
    """Put the streams of files into a recording, secrets masked.

    PATH is a saved body, what `curl -i` or `-v` printed, JSON lines or an array of events (the AI SDK's chunk files),
    a HAR, a flow file of mitmproxy, a VCR cassette (YAML or JSON), a JSON trace of `export`, any of these gzipped, a
    paste (what Python or node printed, a log, a list of event names), or a folder of them. What a file is, its content
    tells. Exit status: 0 fine, 2 unusable input.

    \b
    Examples:
      responses-tap import devtools.har --db mine.db
      responses-tap import trace.json captures/
    """  # fmt: skip
    from responses_tap_viewer.streams import default_recording

    ctx.exit(_import(paths, db or default_recording()))


@click.command()
@click.argument("stream", shell_complete=completion.streams)
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:0", help="Where to listen.  [default: a free port]")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="2 plays twice as fast, 0 without waiting.",
)
@click.option(
    "--chunks",
    type=click.Choice(["exact", "event", "byte"]),
    default="exact",
    show_default=True,
    help="In which pieces: as they arrived, an event each, a byte each.",
)
def replay(stream: str, listen: str, speed: float, chunks: str) -> None:
    """Serve a recorded stream again, to any client, until Ctrl-C.

    \b
    Examples:
      responses-tap replay 3
      responses-tap replay stream.sse --listen 127.0.0.1:9000 --speed 0
    """  # fmt: skip
    _replay(stream, address(listen), speed, chunks)


def _import(paths: Sequence[str], db: Path) -> int:
    """Put the streams of files into a recording, say what each file was, and return the exit status."""
    from responses_tap_viewer.importing import import_paths
    from responses_tap_viewer.streams import UNUSABLE, PassedOver

    imported = failed = 0
    for result in import_paths(paths, db):
        if isinstance(result, str):
            imported += 1
            print_lines([result])
        else:
            failed += not isinstance(result, PassedOver)
            complain(result)
    return UNUSABLE if failed or not imported else 0


def _replay(name: str, listen: tuple[str, int], speed: float, chunks: str) -> None:
    """Serve a stream until SIGINT or SIGTERM."""
    import signal
    import threading

    from responses_tap_viewer.replay import playback
    from responses_tap_viewer.serving import ReplayServer
    from responses_tap_viewer.streams import UnusableInput, find_stream

    playing = playback(find_stream(name), chunks)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    try:
        server = ReplayServer({"": playing}, listen, speed)
    except OSError as error:
        raise UnusableInput(f"{listen[0]}:{listen[1]}", f"cannot be listened on ({error.strerror})") from error
    with server:
        way_in = f"  export OPENAI_BASE_URL={server.url}/v1"
        print_lines([f"Replaying {name}. In another terminal:", "", way_in, "", "Ctrl-C ends."])
        ended.wait()
