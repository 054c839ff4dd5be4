"""`diff`: how two streams, the sides of a gateway or the streams of a recording differ."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from responses_tap_viewer.cli import completion
from responses_tap_viewer.printing import print_document, print_lines

if TYPE_CHECKING:
    from responses_tap.stream.model import JudgedStream


@click.command()
@click.argument("names", metavar="A B", nargs=-1, shell_complete=completion.streams)
@click.option("--ground-truth", is_flag=True, help="Treat A as the reference and report how B deviates.")
@click.option("--side-by-side", is_flag=True, help="Two columns, as wide as the terminal (or COLUMNS).")
@click.option(
    "--taps",
    "--gateway",
    "gateway",
    is_flag=True,
    help="A was recorded upstream and B downstream of a gateway; report what the gateway changed.",
)
@click.option("--by-shape", is_flag=True, help="Group the streams of one recording by event sequence.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def diff(
    ctx: click.Context,
    names: tuple[str, ...],
    ground_truth: bool,
    side_by_side: bool,
    gateway: bool,
    by_shape: bool,
    format_: str,
) -> None:
    """Compare two streams, ignoring IDs, timestamps, text and delta boundaries.

    A and B are ids in the default recording, FILE.db#ID, files with one stream, or FILE#INDEX. Items are matched
    by type and order. < and > mark what only A or B has, ~ what stands elsewhere, ≠ events with other fields or
    JSON types. Exit status: 0 same, 1 different, 2 invalid input.

    JSON: version, a, b (the names), same, and differences, each with kind (missing, extra, moved, reordered,
    shape), what (event, item, part), type, scope, a and b (the positions of its events in either stream), after
    and before (the positions around the gap where it is missing), detail, events, fields (field, and its JSON
    types in a and b, null where it is absent).

    --gateway joins the streams of two recordings (A nearer the server, B nearer the client) by response id, content or
    request; A and B may be two streams, too. It says what the gateway drops, adds, changes and rewrites, which make
    the status 1, and what it delays and re-chunks (#), which do not. JSON: version, a, b, same, only_a, only_b, and
    passages, each with a, b, joined_by, changed, identical, differences, texts (type, a and b in characters, at),
    rewritten, other_frames, deltas, pieces, delay (median_ns, most_ns, type, position, first_ns).

    --by-shape takes one recording, or the default one: a line a group, the largest first, with an example and the
    first event that another group does not have there. Exit status: 0 one shape, 1 several. JSON: version, recording,
    without_events, and groups, each with shape, count, ids, states, types, like, at, has, there.

    \b
    Examples:
      responses-tap diff openai.sse mine.sse --ground-truth
      responses-tap diff mine.db#3 mine.db#4 --side-by-side
      responses-tap diff before.sse after.sse --format json
      responses-tap diff --gateway upstream.db client.db
      responses-tap diff --by-shape mine.db
    """
    if gateway + by_shape + side_by_side + ground_truth > 1:
        raise click.UsageError("--ground-truth, --side-by-side, --gateway and --by-shape cannot be combined")
    if format_ == "json" and (ground_truth or side_by_side):
        raise click.UsageError("--ground-truth and --side-by-side are about the text: not with --format json")
    if by_shape and len(names) <= 1:
        ctx.exit(_by_shape(names[0] if names else None, format_))
    if len(names) != 2:  # noqa: PLR2004 - A and B
        raise click.UsageError("diff needs two streams, A and B" if not by_shape else "--by-shape takes one recording")
    if gateway:
        ctx.exit(_gateway(names[0], names[1], format_))
    ctx.exit(_streams(names[0], names[1], format_, ground_truth=ground_truth, side_by_side=side_by_side))


def _streams(a: str, b: str, format_: str, *, ground_truth: bool, side_by_side: bool) -> int:
    from responses_tap_viewer.compare.compare import compare_streams
    from responses_tap_viewer.reports import difference
    from responses_tap_viewer.streams import find_stream

    streams = find_stream(a), find_stream(b)
    compared = compare_streams(*streams)
    names = streams[0].name, streams[1].name
    if format_ == "json":
        print_document(difference.report(compared, names))
    elif side_by_side:
        import shutil

        print_lines(difference.side_by_side(compared, names, shutil.get_terminal_size((120, 24)).columns))
    else:
        print_lines(difference.lines(compared, names, right=_sender(streams[0]) if ground_truth else None))
    return 1 if compared.differences else 0


def _gateway(a: str, b: str, format_: str) -> int:
    from responses_tap_viewer.compare.gateway import GatewayDiff, gateway_diffs
    from responses_tap_viewer.reports import gateway_report

    found = list(gateway_diffs(a, b))
    if format_ == "json":
        print_document(gateway_report.report((a, b), found))
    else:
        print_lines(gateway_report.lines(found))
    return 1 if any(not isinstance(diff, GatewayDiff) or diff.changed for diff in found) else 0


def _by_shape(name: str | None, format_: str) -> int:
    from responses_tap.errors import UnusableInput
    from responses_tap_viewer.compare.shape_groups import groups
    from responses_tap_viewer.reports import shape_report
    from responses_tap_viewer.streams import default_recording, open_existing

    path = default_recording() if name is None else Path(name)
    with open_existing(path) as recording:
        found, bare = groups(recording)
        left_out = recording.left_out
    if format_ == "json":
        print_document(shape_report.report(str(path), found, bare))
    else:
        print_lines(shape_report.lines(found, bare))
    if left_out:
        raise UnusableInput("", left_out)
    return 1 if len(found) > 1 else 0


def _sender(stream: "JudgedStream") -> str:
    """The sender of the correct stream, as named in the differences."""
    return "OpenAI" if stream.row is not None and stream.row.host == "api.openai.com" else "A"
