"""Checks, prints the verdicts, and has the exit status."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.protocol.findings import Severity
from responses_tap_viewer.checking.paths import Checked, Options, check_paths
from responses_tap_viewer.printing import complain, print_document, print_lines
from responses_tap_viewer.reports import github, json_report, junit, sarif, text
from responses_tap_viewer.streams import UNUSABLE, PassedOver, UnusableInput

FOUND = 1
"""The exit status for findings at or above --fail-on."""


def run_check(paths: Sequence[str], options: Options, fail_on: Severity | None, format_: str) -> int:
    """Check `paths`, print the verdicts, and return the exit status."""
    results: list[Checked | UnusableInput] = []
    for result in check_paths(paths, options):
        if isinstance(result, UnusableInput):
            complain(result)
        if isinstance(result, PassedOver):
            continue
        results.append(result)
        print_lines(_at_once(result, format_))
    checked = [result for result in results if isinstance(result, Checked)]
    if format_ == "text":
        print_lines([text.summary_line(checked, options.profile)])
    elif format_ == "json":
        print_document(json_report.check_report(results, options.profile))
    elif format_ == "junit":
        print_document(junit.junit(results, fail_on))
    elif format_ == "sarif":
        print_document(sarif.sarif(results))
    if len(checked) < len(results) or not results:
        return UNUSABLE
    return FOUND if fail_on and any(_fails(result, fail_on) for result in checked) else 0


def _at_once(result: Checked | UnusableInput, format_: str) -> Iterable[str]:
    """What is printed for one response before the next is looked at."""
    if format_ == "github":
        return github.annotations(result)
    if format_ == "text" and isinstance(result, Checked):
        return text.checked_lines(result)
    return ()


def _fails(checked: Checked, fail_on: Severity) -> bool:
    return any(finding.severity.rank <= fail_on.rank for finding in checked.findings)


def run_recheck(db: Path, profile: str | None) -> int:
    """Renew the findings of a recording, print a line for each stream whose findings changed, and return the status."""
    from responses_tap_viewer.actions.rechecking import Rechecked, recheck
    from responses_tap_viewer.streams import open_existing

    open_existing(db).close()
    streams = changed = failed = 0
    for result in recheck(db, profile):
        if not isinstance(result, Rechecked):
            failed += 1
            complain(result)
            continue
        streams += 1
        codes = [sorted(finding.code for finding in findings) for findings in (result.before, result.after)]
        if codes[0] != codes[1]:
            changed += 1
            print_lines(
                [f"stream {result.id}: {', '.join(codes[0]) or 'nothing'} → {', '.join(codes[1]) or 'nothing'}"]
            )
    print_lines([f"{text.counted(streams, 'stream')} checked again by rules {RULES_VERSION}, {changed} changed"])
    return UNUSABLE if failed else 0
