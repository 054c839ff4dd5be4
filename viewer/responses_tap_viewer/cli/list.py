"""`list`: the streams of a recording, or of files, a line each."""

import click

from responses_tap.stream.filters import Filter
from responses_tap_viewer.cli.parameters import FilterHelp, filter_option
from responses_tap_viewer.exit_status import UNUSABLE
from responses_tap_viewer.printing import print_document, print_lines


@click.command("list", cls=FilterHelp)
@click.argument("paths", metavar="[DB or PATH]…", nargs=-1)
@filter_option("Only matching streams: model:gpt* errors>0 code:MD*")
@click.option("--by-conversation", is_flag=True, help="Put the turns of a conversation together.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def list_(
    ctx: click.Context, paths: tuple[str, ...], wanted: Filter | None, by_conversation: bool, format_: str
) -> None:
    """List the streams in a recording, or in files and folders.

    \b
    Examples:
      responses-tap list
      responses-tap list mine.db --format json
      responses-tap list captures/ other.sse
      responses-tap list --filter 'errors>0 -code:MD*'
      responses-tap list --by-conversation --filter 'tool:get_weather after:1h'
    """
    from responses_tap_viewer.actions.gathering import gathered
    from responses_tap_viewer.reports import text
    from responses_tap_viewer.streams import open_existing

    with gathered(paths) as source, open_existing(source.db) as recording:
        rows = recording.matching(wanted) if wanted else recording.streams()
        if format_ == "json":
            from responses_tap_viewer.reports import json_report

            print_document((json_report.conversation_list if by_conversation else json_report.stream_list)(rows))
        else:
            errors = recording.errors((row.id, row.state) for row in rows)
            print_lines((text.conversation_lines if by_conversation else text.list_lines)(rows, errors))
        recording.require_whole()
        if source.is_partial:
            ctx.exit(UNUSABLE)
