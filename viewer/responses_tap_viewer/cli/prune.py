"""`prune`: removes old streams from a recording."""

from pathlib import Path

import click

from responses_tap_viewer.cli.parameters import DB, read_age
from responses_tap_viewer.printing import print_lines


@click.command()
@click.argument("db", type=DB, required=False)
@click.option("--older", callback=read_age, metavar="AGE", help="Delete streams older than AGE: 7d, 12h, 30m.")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="Always keep the newest N streams.")
@click.option("--dry-run", is_flag=True, help="Only report what would be deleted.")
def prune(db: Path | None, older: float | None, keep: int | None, dry_run: bool) -> None:
    """Delete old streams and reclaim disk space.

    With both --older and --keep, a stream is deleted only if it matches both. The file must not be in use by a
    recorder.

    \b
    Examples:
      responses-tap prune --older 7d
      responses-tap prune mine.db --keep 1000 --dry-run
    """
    from responses_tap_viewer.actions.removing import remove_old
    from responses_tap_viewer.streams import default_recording

    if older is None and keep is None:
        raise click.UsageError("specify --older AGE, --keep N, or both")
    print_lines(remove_old(db or default_recording(), older, keep or 0, dry_run=dry_run))
