"""The command that compares two streams; `cli` adds it to its group."""

import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from responses_tap_viewer.streams import Stream


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--ground-truth", is_flag=True, help="A is right: say what B does otherwise.")
@click.option("--side-by-side", is_flag=True, help="Two columns, as wide as the terminal (or COLUMNS).")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def diff(ctx: click.Context, a: str, b: str, ground_truth: bool, side_by_side: bool, format_: str) -> None:
    """Say in what two streams differ, whatever their ids, times, texts and token splits.

    A and B are ids in the default recording, FILE.db#ID, files with one stream, or FILE#INDEX. Items are matched
    by type and order. < and > mark what only A or B has, ~ what stands elsewhere, ≠ events with other fields or
    JSON types. Exit status: 0 the same, 1 different, 2 unusable input.

    JSON: version, a, b (the names), same, and differences, each with kind (missing, extra, moved, reordered,
    shape), what (event, item, part), type, scope, a and b (the positions of its events in either stream), after
    and before (the positions around the gap where it is missing), detail, events, fields (field, and its JSON
    types in a and b, null where it is absent).

    \b
    Examples:
      responses-tap diff openai.sse mine.sse --ground-truth
      responses-tap diff mine.db#3 mine.db#4 --side-by-side
      responses-tap diff before.sse after.sse --format json
    """
    from responses_tap_viewer.compare import compare_streams
    from responses_tap_viewer.reports import difference
    from responses_tap_viewer.streams import find_stream

    if side_by_side and (ground_truth or format_ == "json"):
        raise click.UsageError("--side-by-side is a text of its own: without --ground-truth and --format json")
    streams = find_stream(a), find_stream(b)
    compared = compare_streams(*streams)
    names = streams[0].name, streams[1].name
    if format_ == "json":
        click.echo(difference.report(compared, names), nl=False)
    elif side_by_side:
        _print(difference.side_by_side(compared, names, shutil.get_terminal_size((120, 24)).columns))
    else:
        _print(difference.lines(compared, names, right=_sender(streams[0]) if ground_truth else None))
    ctx.exit(1 if compared.differences else 0)


def _sender(stream: "Stream") -> str:
    """Who sends what is held to be right, as the differences call it."""
    return "OpenAI" if stream.row is not None and stream.row.host == "api.openai.com" else "A"


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
