"""`import`: adds streams from files to a recording."""

from pathlib import Path

import click

from responses_tap_viewer.cli import completion
from responses_tap_viewer.cli.parameters import DB
from responses_tap_viewer.exit_status import UNUSABLE
from responses_tap_viewer.printing import complain, print_lines


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
    """Import streams from files into a recording, with secrets masked.

    PATH is a saved body, what `curl -i` or `-v` printed, JSON lines or an array of events (the AI SDK's chunk files),
    a HAR, a flow file of mitmproxy, a VCR cassette (YAML or JSON), a JSON trace of `export`, any of these gzipped, a
    paste (what Python or node printed, a log, a list of event names), or a folder of them. File types are
    detected from content. Exit status: 0 success, 2 invalid input.

    \b
    Examples:
      responses-tap import devtools.har --db mine.db
      responses-tap import trace.json captures/
    """  # fmt: skip
    from responses_tap_viewer.importing import import_paths
    from responses_tap_viewer.streams import PassedOver, default_recording

    imported = failed = 0
    for result in import_paths(paths, db or default_recording()):
        if isinstance(result, str):
            imported += 1
            print_lines([result])
        else:
            failed += not isinstance(result, PassedOver)
            complain(result)
    ctx.exit(UNUSABLE if failed or not imported else 0)
