"""`check`: findings and exit status for streams of any source."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.profiles import AUTO, DEFAULT_PROFILE, PROFILES
from responses_tap_viewer.cli import completion
from responses_tap_viewer.cli.project_settings import ConfiguredCommand
from responses_tap_viewer.exit_status import UNUSABLE
from responses_tap_viewer.printing import complain, print_document, print_lines

if TYPE_CHECKING:
    from responses_tap.errors import UnusableInput
    from responses_tap_viewer.checking.baselines import StaleEntry
    from responses_tap_viewer.checking.paths import Checked, Options

_FORMATS = ("text", "json", "junit", "sarif", "github")
_ENGINES = ("local", "daft")
_SEVERITIES = [str(severity) for severity in Severity]
_FOUND = 1
"""The exit status for findings at or above --fail-on."""


def _named(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        hint = "Name files, or - for standard input: responses-tap check - < stream.sse"
        raise click.MissingParameter(hint, ctx, param)
    return value


@click.command(cls=ConfiguredCommand)
@click.argument("paths", metavar="PATH…", nargs=-1, callback=_named, shell_complete=completion.paths)
@click.option(
    "--profile",
    type=click.Choice([*PROFILES, AUTO]),
    default=DEFAULT_PROFILE,
    show_default=True,
    help="Severity profile; auto selects one by host and response.",
)
@click.option(
    "--select",
    multiple=True,
    metavar="CODES",
    shell_complete=completion.codes,
    help="Run only rules whose code starts with one of these prefixes (NS,MD3).",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="CODES",
    shell_complete=completion.codes,
    help="Skip rules whose code starts with one of these prefixes.",
)
@click.option(
    "--fail-on",
    type=click.Choice([*_SEVERITIES, "never"]),
    default="error",
    show_default=True,
    help="Exit with status 1 at this severity or above.",
)
@click.option("--resume", is_flag=True, help="Treat the input as resumed background responses (starting_after).")
@click.option(
    "--join", is_flag=True, help="Join a response and its resumed continuation (starting_after) into one stream."
)
@click.option("--baseline", metavar="F", type=click.Path(), help="Tolerate the findings in F; stale entries fail.")
@click.option("--update-baseline", is_flag=True, help="Write what is found to the baseline instead of failing.")
@click.option("--statistics", is_flag=True, help="Count the findings by rule, and the streams by host, model, day.")
@click.option(
    "--engine",
    type=click.Choice(_ENGINES),
    default=_ENGINES[0],
    show_default=True,
    help="Where to check: on this machine's processors, or on Daft, which may have a cluster (`pip install daft`).",
)
@click.option("--excerpt", is_flag=True, help="Files may begin and end in the middle of a stream.")
@click.option("-q", "--quiet", is_flag=True, help="Print only streams with findings, and the summary.")
@click.option("--watch", is_flag=True, help="Check again whenever a file changes, until Ctrl-C.")
@click.option("--format", "format_", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.pass_context
def check(  # noqa: PLR0913, PLR0917 - one parameter an option
    ctx: click.Context,
    paths: tuple[str, ...],
    profile: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str,
    resume: bool,
    join: bool,
    baseline: str | None,
    update_baseline: bool,
    statistics: bool,
    excerpt: bool,
    quiet: bool,
    engine: str,
    watch: bool,
    format_: str,
) -> None:
    """Check streams against the protocol.

    PATH is a saved body (.sse, as `curl -N` writes it), what `curl -i` or `-v` printed, JSON lines or an array of
    events, a response in JSON, a HAR, a flow file of mitmproxy, a VCR cassette, a JSON trace, any of these gzipped, a
    paste (what Python or node printed, a log, a list of event names), Parquet with a stream in each row or a dataset
    that export or record has written, also at a URL (s3://…), a recording, FILE.db#ID, a folder of these, or - for
    standard input.
    Exit status: 0 success, 1 findings at or above --fail-on or a stale baseline, 2 invalid input.
    Settings may stand in [tool.responses-tap] of pyproject.toml, or in responses-tap.toml, of this folder or one above
    it: profile, select, ignore, fail-on, baseline.

    \b
    Examples:
      responses-tap check stream.sse
      curl -sN … | responses-tap check -
      responses-tap check captures/ --ignore TR902 --fail-on warning
      responses-tap check captures/ --baseline known.json --update-baseline
      responses-tap check stream.sse --watch
      responses-tap check mine.db --format json
      responses-tap check 's3://bucket/streams/*.parquet' --statistics --engine daft
    """  # fmt: skip
    from responses_tap_viewer.actions import watching
    from responses_tap_viewer.checking.paths import Options, known_codes

    try:
        options = Options(profile, known_codes(select), known_codes(ignore), resume, join, excerpt)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if update_baseline and (watch or baseline is None):
        raise click.UsageError("--update-baseline writes the file that --baseline names, and not with --watch")
    if statistics and format_ != "text":
        raise click.UsageError("--statistics prints text; leave out --format")
    if watch and (format_ != "text" or "-" in paths):
        raise click.UsageError("--watch prints text, and watches files and folders; leave out --format and -")
    outcome = _Outcome(
        None if fail_on == "never" else Severity(fail_on),
        format_,
        Path(baseline) if baseline else None,
        update_baseline,
        statistics,
        quiet,
        engine,
    )
    run = partial(_run, paths, options, outcome)
    ctx.exit(watching.watch(paths, run) if watch else run())


class _Outcome(NamedTuple):
    """What to do with findings."""

    fail_on: Severity | None
    format: str
    baseline: Path | None
    update: bool
    statistics: bool
    quiet: bool
    """Whether streams without findings are left out of the text."""
    engine: str

    @property
    def is_document(self) -> bool:
        """Whether the format is one document, which needs all results."""
        return self.format in ("json", "junit", "sarif")


def _run(paths: Sequence[str], options: "Options", outcome: _Outcome) -> int:
    """Check `paths`, print what is found, and return the exit status."""
    from responses_tap.baseline import BaselineError
    from responses_tap.errors import UnusableInput
    from responses_tap_viewer.checking.baselines import BaselineRun
    from responses_tap_viewer.checking.paths import Checked, check_paths
    from responses_tap_viewer.checking.tally import Tally
    from responses_tap_viewer.reports import text
    from responses_tap_viewer.streams import PassedOver

    try:
        comparison = BaselineRun(outcome.baseline, outcome.fail_on, update=outcome.update)
    except BaselineError as error:
        complain(error)
        return UNUSABLE
    tally = Tally()
    results: list[Checked | UnusableInput] = []
    is_whole, fails = True, False
    for found in check_paths(paths, options, outcome.engine):
        result = comparison.compared(found) if isinstance(found, Checked) else found
        if isinstance(result, Checked):
            tally.add(result)
            fails |= comparison.fails(result)
        else:
            complain(result)
        if not isinstance(result, PassedOver):
            is_whole &= isinstance(result, Checked)
            _print_result(result, outcome)
            results += [result] * outcome.is_document
    stale = comparison.stale(options)
    _print_stale(stale, outcome)
    if outcome.is_document:
        _print_report(results, options.profile, outcome, stale)
    elif outcome.format == "text":
        print_lines(text.statistics(tally) if outcome.statistics else ())
        print_lines([text.summary_line(tally, options.profile)])
    if not is_whole or not tally.streams:
        return UNUSABLE
    try:
        comparison.write()
    except BaselineError as error:
        complain(error)
        return UNUSABLE
    return _FOUND if stale or fails else 0


def _print_result(result: "Checked | UnusableInput", outcome: _Outcome) -> None:
    """Print the lines for one response, if the format has any, before the next response is checked."""
    from responses_tap_viewer.checking.paths import Checked
    from responses_tap_viewer.reports import github, text

    if outcome.format == "github":
        print_lines(github.annotations(result))
    elif outcome.format == "text" and isinstance(result, Checked) and not (outcome.quiet and not result.findings):
        print_lines(text.checked_lines(result))


def _print_stale(stale: "Sequence[StaleEntry]", outcome: _Outcome) -> None:
    """Print the entries of the baseline that no longer occur, to standard error and as the format has them."""
    from responses_tap_viewer.reports import github

    for entry in stale:
        complain(entry)
    if outcome.format == "github":
        print_lines(map(github.stale_annotation, stale))


def _print_report(
    results: "Sequence[Checked | UnusableInput]", profile: str, outcome: _Outcome, stale: "Sequence[StaleEntry]"
) -> None:
    """Print a format's document of all results."""
    from responses_tap_viewer.reports import json_report, junit, sarif

    if outcome.format == "json":
        print_document(json_report.check_report(results, profile, stale if outcome.baseline else None))
    elif outcome.format == "junit":
        print_document(junit.junit(results, outcome.fail_on, stale))
    else:
        print_document(sarif.sarif(results))
