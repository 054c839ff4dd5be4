"""The one way to the terminal: of what is printed, it obeys our own colours and nothing else."""

from collections.abc import Iterable

import click

from responses_tap.escaping import printable, terminal_line


def print_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Print lines as they are made, to standard output or standard error."""
    for line in lines:
        click.echo(terminal_line(line), err=err)


def say(text: str) -> None:
    """Print a text of one or more lines to standard error; a name in it that may have line ends must be printable."""
    print_lines(text.split("\n"), err=True)


def complain(problem: object) -> None:
    """Print what is wrong to standard error, on one line."""
    click.echo(f"responses-tap: {printable(str(problem))}", err=True)


def print_document(content: str | bytes, *, err: bool = False) -> None:
    """Print a whole document as it is: what writes one has escaped what is in it for its place."""
    click.echo(content, nl=False, err=err)
