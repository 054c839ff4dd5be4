"""`list`: the streams of a recording, or of files, a line each."""

import click

from responses_tap.stream.filters import Filter
from responses_tap_viewer.cli.parameters import filter_option
from responses_tap_viewer.printing import print_document, print_lines


@click.command("list")
@click.argument("paths", metavar="[DB or PATH]…", nargs=-1)
@filter_option("Only matching streams: model:gpt* errors>0 code:MD*")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def list_(ctx: click.Context, paths: tuple[str, ...], wanted: Filter | None, format_: str) -> None:
    """List the streams in a recording, or in files and folders.

    \b
    Examples:
      responses-tap list
      responses-tap list mine.db --format json
      responses-tap list captures/ other.sse
      responses-tap list --filter 'errors>0 -code:MD*'
    """
    from responses_tap_viewer.actions.gathering import gathered
    from responses_tap_viewer.reports import text
    from responses_tap_viewer.streams import UNUSABLE, open_existing

    with gathered(paths) as source, open_existing(source.db) as recording:
        rows = recording.matching(wanted) if wanted else recording.streams()
        if format_ == "json":
            from responses_tap_viewer.reports import json_report

            print_document(json_report.stream_list(rows))
        else:
            print_lines(text.list_lines(rows, recording.errors((row.id, row.state) for row in rows)))
        recording.require_whole()
        if source.is_partial:
            ctx.exit(UNUSABLE)
