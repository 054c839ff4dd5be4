"""`list`: the streams of a recording, a line each."""

from pathlib import Path

import click

from responses_tap.stream.filters import Filter
from responses_tap_viewer.cli.parameters import DB, filter_option
from responses_tap_viewer.printing import print_document, print_lines


@click.command("list")
@click.argument("db", type=DB, required=False)
@filter_option("Only these: model:gpt* errors>0 code:MD*")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_(db: Path | None, wanted: Filter | None, format_: str) -> None:
    """List the streams of a recording.

    \b
    Examples:
      responses-tap list
      responses-tap list mine.db --format json
      responses-tap list --filter 'errors>0 -code:MD*'
    """
    from responses_tap_viewer.reports import json_report, text
    from responses_tap_viewer.streams import default_recording, open_existing

    with open_existing(db or default_recording()) as recording:
        rows = recording.matching(wanted) if wanted else recording.streams()
        if format_ == "json":
            print_document(json_report.stream_list(rows))
        else:
            print_lines(text.list_lines(rows))
        recording.require_whole()
