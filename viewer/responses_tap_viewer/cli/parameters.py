"""Parameters shared by several commands, and their parsing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from responses_tap.stream.filters import FIELDS, SYNTAX, Filter, FilterError, parse
from responses_tap_viewer.cli import completion

ALL = parse("id>0")
"""The filter of --all."""
DB = click.Path(path_type=Path, dir_okay=False)


def read_filter(ctx: click.Context, param: click.Parameter, value: str | None) -> Filter | None:
    """The filter in an option; BadParameter where it cannot be parsed."""
    try:
        return None if value is None else parse(value)
    except FilterError as error:
        raise click.BadParameter(f"{value!r}: {error}", ctx, param) from error


def filter_option(about: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option --filter, with this help."""
    return click.option(
        "--filter", "wanted", callback=read_filter, shell_complete=completion.terms, metavar="EXPR", help=about
    )


def given_options(ctx: click.Context) -> list[click.Parameter]:
    """The parameters that are on the command line."""
    return [
        param
        for param in ctx.command.params
        if param.name and ctx.get_parameter_source(param.name) is click.core.ParameterSource.COMMANDLINE
    ]


class FilterHelp(click.Command):
    """A command whose help ends with the language of filters."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the language and its fields."""
        with formatter.section("Filters (EXPR)"):
            formatter.write_text(SYNTAX)
            formatter.write_paragraph()
            formatter.write_dl([(name, field.meaning) for name, field in FIELDS.items()])


def read_age(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """The seconds in a duration like 7d, 12h or 30m; BadParameter for anything else."""
    from responses_tap_viewer.actions.removing import seconds

    try:
        return None if value is None else seconds(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def address(listen: str) -> tuple[str, int]:
    """Host and port of a --listen; BadParameter for anything else."""
    host, _, port = listen.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - the largest port
        raise click.BadParameter(
            f"invalid address {listen!r}: expected HOST:PORT or PORT, e.g. 127.0.0.1:8090", param_hint="--listen"
        )
    return host.strip("[]") or "127.0.0.1", int(port)
