"""`recheck`: updates the findings of a recording by the current rules."""

from collections.abc import Iterable
from pathlib import Path

import click

from responses_tap.protocol.findings import Finding
from responses_tap.protocol.profiles import PROFILES
from responses_tap_viewer.cli.parameters import DB
from responses_tap_viewer.exit_status import UNUSABLE
from responses_tap_viewer.printing import complain, print_lines


@click.command()
@click.argument("db", type=DB, required=False)
@click.option("--profile", type=click.Choice(list(PROFILES)), help="Severity profile.  [default: as recorded]")
@click.pass_context
def recheck(ctx: click.Context, db: Path | None, profile: str | None) -> None:
    """Re-run the current rules on a recording.

    The recorded streams are not changed; only findings and verdicts are replaced.

    \b
    Examples:
      responses-tap recheck
      responses-tap recheck mine.db --profile azure
    """
    from responses_tap.protocol.checker import RULES_VERSION
    from responses_tap_viewer.actions.rechecking import Rechecked, recheck
    from responses_tap_viewer.reports.text import counted
    from responses_tap_viewer.streams import default_recording, open_existing

    path = db or default_recording()
    open_existing(path).close()
    streams = changed = failed = 0
    for result in recheck(path, profile):
        if not isinstance(result, Rechecked):
            failed += 1
            complain(result)
            continue
        streams += 1
        before, after = _codes(result.before), _codes(result.after)
        if before != after:
            changed += 1
            print_lines([f"stream {result.id}: {before or 'nothing'} → {after or 'nothing'}"])
    print_lines([f"Rechecked {counted(streams, 'stream')} with rules {RULES_VERSION}: {changed} changed"])
    ctx.exit(UNUSABLE if failed else 0)


def _codes(findings: Iterable[Finding]) -> str:
    return ", ".join(sorted(finding.code for finding in findings))
