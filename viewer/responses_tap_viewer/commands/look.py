"""The commands that show: `view`, `list`, `show`, and `rules`."""

from pathlib import Path

import click

from responses_tap.stream.filters import Filter
from responses_tap_viewer.commands import completion
from responses_tap_viewer.commands.parameters import DB, read_filter
from responses_tap_viewer.printing import complain, print_document, print_lines


@click.command()
@click.argument("paths", metavar="[DB or PATH]…", nargs=-1)
def view(paths: tuple[str, ...]) -> None:
    """Browse a recording in the terminal, also while it is being written; or streams that are not in one.

    PATH is whatever `import` takes, a folder of such files, or - for a stream that comes through a pipe.

    \b
    Examples:
      responses-tap view
      responses-tap view mine.db
      responses-tap view stream.sse captures/
      curl -sN … | responses-tap view -
    """
    from responses_tap_viewer.viewing.view import view

    view(paths)


@click.command("list")
@click.argument("db", type=DB, required=False)
@click.option(
    "--filter",
    "wanted",
    callback=read_filter,
    shell_complete=completion.terms,
    metavar="EXPR",
    help="Only these: model:gpt* errors>0 code:MD*",
)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_(db: Path | None, wanted: Filter | None, format_: str) -> None:
    """List the streams of a recording.

    \b
    Examples:
      responses-tap list
      responses-tap list mine.db --format json
      responses-tap list --filter 'errors>0 -code:MD*'
    """
    from responses_tap_viewer.reports import json, text
    from responses_tap_viewer.streams import default_recording, open_existing

    with open_existing(db or default_recording()) as recording:
        rows = recording.matching(wanted) if wanted else recording.streams()
        if format_ == "json":
            print_document(json.stream_list(rows))
        else:
            print_lines(text.list_lines(rows))
        recording.require_whole()


@click.command()
@click.argument("stream", shell_complete=completion.streams)
@click.option("--full", is_flag=True, help="Show each delta and whole texts.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show(stream: str, full: bool, format_: str) -> None:
    """Print the timeline of one stream, with each finding at its event.

    STREAM is an id in the default recording, FILE.db#ID, a file with one stream, or FILE#INDEX.

    \b
    Examples:
      responses-tap show 3
      responses-tap show mine.db#3 --full
      responses-tap show stream.sse
    """
    from responses_tap.stream.timeline import timeline
    from responses_tap_viewer.exporting.leaks import leak_line
    from responses_tap_viewer.reports import text, trace
    from responses_tap_viewer.streams import find_stream

    found = find_stream(stream)
    if found.remark:
        complain(f"{found.source} {found.remark}")
    if format_ == "json":
        print_document(trace.trace([found]))
    else:
        print_lines(text.stream_lines(found, timeline(found.entries, found.findings, full=full)))
        print_lines(leak_line(found))


@click.command()
@click.argument("code", required=False, shell_complete=completion.rules)
def rules(code: str | None) -> None:
    """List the rules, or print the page of one.

    \b
    Examples:
      responses-tap rules
      responses-tap rules MD301
    """
    from responses_tap.protocol.rules import RULES
    from responses_tap_viewer.reports import text

    if code is None:
        print_lines(text.rule_list())
    elif (rule := RULES.get(code.upper())) is None:
        raise click.UsageError(f"there is no rule {code}; `responses-tap rules` lists them")
    else:
        print_lines(text.rule_page(rule))
