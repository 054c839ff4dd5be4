"""`show`: the timeline of one stream."""

import click

from responses_tap_viewer.cli import completion
from responses_tap_viewer.printing import complain, print_document, print_lines


@click.command()
@click.argument("stream", shell_complete=completion.streams)
@click.option("--full", is_flag=True, help="Show every delta and the full text.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show(stream: str, full: bool, format_: str) -> None:
    """Show the timeline of a stream, with each finding at its event.

    STREAM is an id in the default recording, FILE.db#ID, a file with one stream, FILE#INDEX, or - for standard input.

    \b
    Examples:
      responses-tap show 3
      responses-tap show mine.db#3 --full
      responses-tap show stream.sse
      curl -sN … | responses-tap show -
    """
    from responses_tap.formats import trace
    from responses_tap.privacy.leaks import leak_line
    from responses_tap.stream.timeline import timeline
    from responses_tap_viewer.reports import text
    from responses_tap_viewer.streams import find_stream

    found = find_stream(stream)
    if found.remark:
        complain(f"{found.source} {found.remark}")
    if format_ == "json":
        print_document(trace.write([found]))
    else:
        print_lines(text.stream_lines(found, timeline(found.entries, found.findings, full=full)))
        print_lines(leak_line(found))
