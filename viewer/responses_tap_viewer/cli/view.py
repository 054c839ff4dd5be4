"""`view`: the terminal UI."""

import click


@click.command()
@click.argument("paths", metavar="[DB or PATH]…", nargs=-1)
def view(paths: tuple[str, ...]) -> None:
    """Browse a recording in the terminal, also while it is being written; or streams that are not in one.

    PATH is whatever `import` takes, a folder of such files, or - for a stream that comes through a pipe.

    \b
    Examples:
      responses-tap view
      responses-tap view mine.db
      responses-tap view stream.sse captures/
      curl -sN … | responses-tap view -
    """
    from responses_tap_viewer.tui.launch import view

    view(paths)
