"""`export`: streams as files for others."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from responses_tap.stream.filters import Filter
from responses_tap_viewer.cli import completion
from responses_tap_viewer.cli.parameters import ALL, filter_option
from responses_tap_viewer.exit_status import UNUSABLE
from responses_tap_viewer.printing import complain, print_document, print_lines
from responses_tap_viewer.reports.export_formats import FORMATS, Format

if TYPE_CHECKING:
    from responses_tap.stream.model import JudgedStream


_PARQUET = "parquet"
_REPORT = "md"
_SUFFIXES = {format_.suffix for format_ in FORMATS.values()}
_ALIASES = {"markdown": "md", "htm": "html"}


class _Format(click.Choice[str]):
    """One of the formats, also by another name that people type."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's
        """The format's own name."""
        return super().convert(_ALIASES.get(str(value).lower(), value), param, ctx)


@click.command()
@click.argument("streams", metavar="STREAM…", nargs=-1, shell_complete=completion.streams)
@filter_option("Export the matching streams of each recording; `list --help` has the language.")
@click.option(
    "--format",
    "format_",
    type=_Format([*FORMATS, _PARQUET]),
    default=next(iter(FORMATS)),
    show_default=True,
    help="; ".join(f"{format_.name}: {format_.about}" for format_ in FORMATS.values())
    + f"; {_PARQUET}: a dataset for query engines (`pip install 'responses-tap[archive]'`).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    help=f"The file to write, or the folder or URL (s3://…) of a {_PARQUET} dataset.  [default: standard output]",
)
@click.option("--all", "all_", is_flag=True, help="Export all streams of each recording.")
@click.option("--with-events", is_flag=True, help=f"Include events, headers and bodies in a {_PARQUET} dataset.")
@click.option(
    "--impact",
    "with_impact",
    is_flag=True,
    help="Run the official clients on each stream, and include in the bug report what each delivers, loses or raises.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
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
@click.option("--mask-secrets", is_flag=True, help="Replace likely secrets with stars.")
@click.option("--allow-text", is_flag=True, help="Export text as it is, including likely personal data.")
@click.pass_context
def export(  # noqa: PLR0913, PLR0917 - one parameter an option
    ctx: click.Context,
    streams: tuple[str, ...],
    wanted: Filter | None,
    all_: bool,
    format_: str,
    output: str | None,
    with_events: bool,
    with_impact: bool,
    force: bool,
    redact_text: bool,
    structure_only: bool,
    mask_secrets: bool,
    allow_text: bool,
) -> None:
    """Export streams as a bug report, a page, a test, or for other programs.

    With --filter or --all, STREAM is a recording; without one, the default recording. Redaction never changes the
    findings. Export refuses to write anything that looks like a secret unless you pass --mask-secrets, or like personal
    data (e-mail addresses, card, account and telephone numbers) unless you redact it or pass --allow-text. A summary of
    what is exported goes to standard error.

    \b
    Examples:
      responses-tap export 3 > report.md
      responses-tap export 3 --impact > report.md
      responses-tap export mine.db#3 --format json -o trace.json
      responses-tap export 3 --format html --structure-only -o report.html
      responses-tap export --filter 'code:MD301 model:gpt*'
      responses-tap export --filter 'errors>0' --format parquet -o s3://bucket/streams
    """  # fmt: skip
    from responses_tap.privacy.redaction import Redaction
    from responses_tap_viewer.actions.exporting import archive, depart, write_whole
    from responses_tap_viewer.streams import matching_streams

    wanted = ALL if all_ else wanted
    if wanted is not None:
        found, failed = matching_streams(wanted, streams), 0
    elif streams:
        found, failed = _find(streams)
    else:
        raise click.UsageError("name streams, or select them with --filter or --all")
    report = _with_impact(format_) if with_impact else None
    redaction = Redaction.STRUCTURE if structure_only else Redaction.NO_TEXT if redact_text else Redaction.WHOLE
    if format_ == _PARQUET:
        if output is None:
            raise click.UsageError(f"name the folder or URL of the {_PARQUET} dataset with -o")
        leave = {"mask_secrets": mask_secrets, "allow_text": allow_text, "with_events": with_events}
        done, words = archive(found, output, redaction, **leave)
        print_lines([done, f"responses-tap: {words}"], err=True)
        ctx.exit(UNUSABLE if failed else 0)
    if with_events:
        raise click.UsageError(f"--with-events is for --format {_PARQUET}")
    written, words = depart(
        found, report or FORMATS[format_], redaction, mask_secrets=mask_secrets, allow_text=allow_text
    )
    if output is None or output == "-":
        print_document(written)
    else:
        write_whole(Path(output), written, over=force)
        print_lines([f"Wrote {output} ({len(written)} bytes)"], err=True)
    print_lines([f"responses-tap: {words}"], err=True)
    ctx.exit(UNUSABLE if failed else 0)


def _with_impact(format_: str) -> Format:
    """The bug report with what clients make of its streams; UsageError for another format."""
    if format_ != _REPORT:
        raise click.UsageError(f"--impact is for --format {_REPORT}")
    return FORMATS[_REPORT]._replace(writer="responses_tap_viewer.actions.impact_section:impact_bug_report")


def _find(names: Sequence[str]) -> "tuple[list[JudgedStream], int]":
    """The streams with these names, and how many names failed; UnusableInput where all did."""
    from responses_tap.errors import UnusableInput
    from responses_tap_viewer.streams import find_stream

    found: list[JudgedStream] = []
    for n, name in enumerate(names):
        try:
            found.append(find_stream(name))
        except UnusableInput as error:
            if n == len(names) - 1 and not found:
                raise
            is_output = found and Path(name).suffix.lower() in _SUFFIXES and not Path(name).exists()
            complain(f"{error}; use -o {name} to write to a file" if is_output else error)
    return found, len(names) - len(found)
