"""`rm`: removes streams from a recording."""

import click

from responses_tap_viewer.cli import completion
from responses_tap_viewer.printing import print_lines


@click.command()
@click.argument("streams", metavar="STREAM…", nargs=-1, required=True, shell_complete=completion.streams)
@click.option("--dry-run", is_flag=True, help="Only report what would be deleted.")
def rm(streams: tuple[str, ...], *, dry_run: bool) -> None:
    """Delete streams and reclaim disk space.

    STREAM is an id in the default recording, or FILE.db#ID. The file must not be in use by a recorder.

    \b
    Examples:
      responses-tap rm 3 4
      responses-tap rm mine.db#3
    """
    from responses_tap_viewer.actions.removing import remove_named

    print_lines(remove_named(streams, dry_run=dry_run))
