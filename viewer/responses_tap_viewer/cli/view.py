"""`view`: the terminal UI."""

import click


@click.command()
@click.argument("paths", metavar="[DB or PATH]…", nargs=-1)
def view(paths: tuple[str, ...]) -> None:
    """Browse a recording in the terminal, live or afterwards, or streams from files.

    PATH is any file that `import` reads, a folder of them, or - for a stream from a pipe.

    \b
    Examples:
      responses-tap view
      responses-tap view mine.db
      responses-tap view stream.sse captures/
      curl -sN … | responses-tap view -
    """
    from responses_tap_viewer.tui.launch import view

    view(paths)
