"""`impact`: what the official clients make of a stream."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from responses_tap_viewer.cli import completion
from responses_tap_viewer.exit_status import UNUSABLE
from responses_tap_viewer.printing import complain, print_document, print_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from responses_tap.errors import UnusableInput
    from responses_tap_viewer.actions.client_runs import PlayedStream
    from responses_tap_viewer.clients.drivers import WantedDriver

_HARMED = 1
"""The exit status where a client doesn't deliver what a stream says."""


@click.command()
@click.argument("streams", metavar="STREAM…", nargs=-1, shell_complete=completion.streams)
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="NAME[==VERSION]",
    shell_complete=completion.drivers,
    help="Only this client, or this release.",
)
@click.option("--newest", is_flag=True, help="Install the newest releases first, where others are installed.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=30,
    show_default=True,
    metavar="SEC",
    help="Report a client as hanging after SEC seconds.",
)
@click.option("--all-faults", is_flag=True, help="Measure every fault, for the rules' pages, instead of a STREAM.")
@click.option("-o", "--output", metavar="F", type=click.Path(path_type=Path), help="The output file of --all-faults.")
@click.option("--format", "format_", type=click.Choice(["text", "json", "md"]), default="text", show_default=True)
@click.pass_context
def impact(  # noqa: PLR0913, PLR0917 - one parameter an option
    ctx: click.Context,
    streams: tuple[str, ...],
    clients: tuple[str, ...],
    newest: bool,
    timeout: float,
    all_faults: bool,
    output: Path | None,
    format_: str,
) -> None:
    """Run the official clients on streams, and print what each delivers, loses or raises.

    Each client is installed on first use, in the user's cache folder, by uv (or pip) or npm. It gets the stream from a
    server on loopback, and neither keys nor settings. Exit status: 0 success, 1 if a client doesn't deliver what a
    stream says, 2 if a stream is unusable or a client that --client names cannot be run.

    \b
    Examples:
      responses-tap impact 3
      responses-tap impact broken.sse --client openai-python --client ai-sdk
      responses-tap impact broken.sse --client openai-python==3.54.0 --format json
      responses-tap impact --all-faults --newest -o addon/responses_tap/protocol/rules/measured.json
    """  # fmt: skip
    from responses_tap_viewer.actions.client_runs import run_clients
    from responses_tap_viewer.clients.drivers import wanted_drivers
    from responses_tap_viewer.reports import impact_report

    wanted = wanted_drivers(clients)
    if all_faults:
        if streams or output is None:
            raise click.UsageError("--all-faults takes -o F and no STREAM")
        ctx.exit(_measure(wanted, timeout, output, newest=newest))
    if not streams or output is not None:
        raise click.UsageError("give a STREAM, or --all-faults with -o F")
    playing, errors = _played(streams)
    matrix = run_clients(playing, wanted, timeout=timeout, newest=newest)
    if format_ == "json":
        print_document(impact_report.impact_json(matrix, errors))
    else:
        print_lines(impact_report.impact_markdown(matrix) if format_ == "md" else impact_report.impact_lines(matrix))
    is_unusable = errors or (clients and matrix.unavailable)
    ctx.exit(UNUSABLE if is_unusable else _HARMED if any(stream.harmed for stream in matrix.streams) else 0)


def _measure(wanted: "Sequence[WantedDriver]", timeout: float, output: Path, *, newest: bool) -> int:
    """Renew the file of measurements, and print what that changes; the exit status."""
    from responses_tap.protocol.rules.measured import measurements
    from responses_tap_viewer.actions.exporting import write_whole
    from responses_tap_viewer.actions.fault_runs import clean_samples, fault_cases, measure, measured_data
    from responses_tap_viewer.clients.measured_file import changes, contradictions, renewed, written

    samples = clean_samples()
    cases = fault_cases(samples)
    matrix = measure(cases, samples, wanted, timeout, newest=newest)
    now = renewed(measurements(), measured_data(cases, samples, matrix))
    write_whole(output, written(now).encode(), over=True)
    print_lines(changes(measurements(), now))
    print_lines(contradictions(now))
    print_lines((f"{name}: {why}" for name, why in matrix.unavailable.items()), err=True)
    return UNUSABLE if matrix.unavailable else 0


def _played(names: "Sequence[str]") -> "tuple[list[PlayedStream], list[UnusableInput]]":
    """The streams with these names that can be played, and what is wrong with the others."""
    from responses_tap.errors import UnusableInput
    from responses_tap_viewer.actions.client_runs import played
    from responses_tap_viewer.streams import find_stream

    playing: list[PlayedStream] = []
    errors: list[UnusableInput] = []
    for name in names:
        try:
            playing.append(played(find_stream(name)))
        except UnusableInput as error:
            complain(error)
            errors.append(error)
    return playing, errors
