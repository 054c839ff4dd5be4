"""The one path to the terminal: the only escape sequences that reach it are our own colours."""

from collections.abc import Iterable

import click

from responses_tap.escaping import printable, terminal_line


def print_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Print lines as they are produced, to standard output or standard error."""
    for line in lines:
        click.echo(terminal_line(line), err=err)


def say(text: str) -> None:
    """Print a text of one or more lines to standard error; a name that may contain line ends must be printable."""
    print_lines(text.split("\n"), err=True)


def complain(problem: object) -> None:
    """Print what is wrong to standard error, on one line."""
    click.echo(f"responses-tap: {printable(str(problem))}", err=True)


def print_document(content: str | bytes, *, err: bool = False) -> None:
    """Print a document as it is: its writer has escaped its content."""
    click.echo(content, nl=False, err=err)
