"""The commands about a recording as a whole, and about the clients that fill it; `cli` adds them to its group."""

from collections.abc import Iterable
from pathlib import Path

import click

from responses_tap.filters import Filter, FilterError, parse
from responses_tap.protocol.profiles import PROFILES
from responses_tap_viewer import completion

DB = click.Path(path_type=Path, dir_okay=False)


def read_filter(ctx: click.Context, param: click.Parameter, value: str | None) -> Filter | None:
    """The filter that an option names; wrong usage where it cannot be read."""
    try:
        return None if value is None else parse(value)
    except FilterError as error:
        raise click.BadParameter(f"{value!r}: {error}", ctx, param) from error


def read_age(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """The seconds in a length of time like 7d, 12h or 30m; wrong usage where it is none."""
    from responses_tap_viewer.removing import seconds

    try:
        return None if value is None else seconds(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def print_lines(lines: Iterable[str]) -> None:
    """Print lines as they are made."""
    for line in lines:
        click.echo(line)


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
        click.echo(json.stream_list(rows), nl=False)
    else:
        print_lines(text.list_lines(rows))


@click.command()
@click.argument("db", type=DB, required=False)
@click.option("--profile", type=click.Choice(list(PROFILES)), help="Whose rules.  [default: as recorded]")
def recheck(db: Path | None, profile: str | None) -> None:
    """Renew the findings of a recording by today's rules.

    What was recorded is not touched: only findings and verdicts are made anew.

    \b
    Examples:
      responses-tap recheck
      responses-tap recheck mine.db --profile azure
    """
    from responses_tap_viewer.commands import run_recheck
    from responses_tap_viewer.streams import default_recording

    print_lines(run_recheck(db or default_recording(), profile))


@click.command()
@click.argument("streams", metavar="STREAM…", nargs=-1, required=True, shell_complete=completion.streams)
def rm(streams: tuple[str, ...]) -> None:
    """Take streams out of their recording, with their findings, and give the space back.

    STREAM is an id in the default recording, or FILE.db#ID. Not while a recorder writes the file.

    \b
    Examples:
      responses-tap rm 3 4
      responses-tap rm mine.db#3
    """
    from responses_tap_viewer.removing import remove_named

    print_lines(remove_named(streams))


@click.command()
@click.argument("db", type=DB, required=False)
@click.option("--older", callback=read_age, metavar="AGE", help="Only streams that began longer ago: 7d, 12h, 30m.")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="Leave the newest N streams in any case.")
@click.option("--dry-run", is_flag=True, help="Only say what would be taken out.")
def prune(db: Path | None, older: float | None, keep: int | None, dry_run: bool) -> None:
    """Take old streams out of a recording, and give the space back.

    With both --older and --keep a stream goes only where both let it. Not while a recorder writes the file.

    \b
    Examples:
      responses-tap prune --older 7d
      responses-tap prune mine.db --keep 1000 --dry-run
    """
    from responses_tap_viewer.removing import remove_old
    from responses_tap_viewer.streams import default_recording

    if older is None and keep is None:
        raise click.UsageError("say which streams: --older AGE, --keep N, or both")
    print_lines(remove_old(db or default_recording(), older, keep or 0, dry_run=dry_run))


@click.command()
@click.argument("name", required=False, shell_complete=completion.clients)
def clients(name: str | None) -> None:
    """List the known clients, or print how to point one at the recorder.

    \b
    Examples:
      responses-tap clients
      responses-tap clients codex
    """
    from responses_tap_viewer.clients import client_list, client_page, find_client

    if name is None:
        print_lines(client_list())
        return
    found = find_client(name)
    if found is None:
        raise click.UsageError(f"no one client is called {name}; `responses-tap clients` lists them")
    print_lines(client_page(found))
