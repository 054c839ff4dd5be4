"""The commands that judge: `check`, and `recheck` for what is in a recording."""

from functools import partial
from pathlib import Path

import click

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.profiles import AUTO, DEFAULT_PROFILE, PROFILES
from responses_tap_viewer.commands import completion
from responses_tap_viewer.commands.parameters import DB

_FORMATS = ("text", "json", "junit", "sarif", "github")
_SEVERITIES = [str(severity) for severity in Severity]


@click.command()
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, shell_complete=completion.paths)
@click.option(
    "--profile",
    type=click.Choice([*PROFILES, AUTO]),
    default=DEFAULT_PROFILE,
    show_default=True,
    help="Whose rules: they change severities; auto chooses by host and response.",
)
@click.option(
    "--select",
    multiple=True,
    metavar="CODES",
    shell_complete=completion.codes,
    help="Only rules whose codes begin so (NS,MD3).",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="CODES",
    shell_complete=completion.codes,
    help="Not the rules whose codes begin so.",
)
@click.option(
    "--fail-on",
    type=click.Choice([*_SEVERITIES, "never"]),
    default="error",
    show_default=True,
    help="Exit with status 1 from this severity on.",
)
@click.option("--resume", is_flag=True, help="The streams are the rest of background responses (starting_after).")
@click.option("--join", is_flag=True, help="A recorded response that was taken up again (starting_after) is one.")
@click.option("--excerpt", is_flag=True, help="Files may begin and end in the middle of a stream.")
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
    excerpt: bool,
    watch: bool,
    format_: str,
) -> None:
    """Check streams against the protocol.

    PATH is a saved body (.sse, as `curl -N` writes it), what `curl -i` or `-v` printed, JSON lines or an array of
    events, a HAR, a flow file of mitmproxy, a VCR cassette, a JSON trace, any of these gzipped, a paste (what Python or
    node printed, a log, a list of event names), a recording, FILE.db#ID, a folder of these, or - for standard input.
    Exit status: 0 fine, 1 findings at or above --fail-on, 2 unusable input.

    \b
    Examples:
      responses-tap check stream.sse
      curl -sN … | responses-tap check -
      responses-tap check captures/ --ignore TR902 --fail-on warning
      responses-tap check stream.sse --watch
      responses-tap check mine.db --format json
    """  # fmt: skip
    from responses_tap_viewer.actions import watching
    from responses_tap_viewer.checking.paths import Options, known_codes
    from responses_tap_viewer.commands.verdicts import run_check

    try:
        options = Options(profile, known_codes(select), known_codes(ignore), resume, join, excerpt)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if watch and (format_ != "text" or "-" in paths):
        raise click.UsageError("--watch prints text, and watches files and folders: without --format and -")
    run = partial(run_check, paths, options, None if fail_on == "never" else Severity(fail_on), format_)
    ctx.exit(watching.watch(paths, run) if watch else run())


@click.command()
@click.argument("db", type=DB, required=False)
@click.option("--profile", type=click.Choice(list(PROFILES)), help="Whose rules.  [default: as recorded]")
@click.pass_context
def recheck(ctx: click.Context, db: Path | None, profile: str | None) -> None:
    """Renew the findings of a recording by today's rules.

    What was recorded is not touched: only findings and verdicts are made anew.

    \b
    Examples:
      responses-tap recheck
      responses-tap recheck mine.db --profile azure
    """
    from responses_tap_viewer.commands.verdicts import run_recheck
    from responses_tap_viewer.streams import default_recording

    ctx.exit(run_recheck(db or default_recording(), profile))
