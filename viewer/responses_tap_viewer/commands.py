"""What the larger commands do between their options and their output."""

import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.protocol.findings import Severity
from responses_tap_viewer.checking import Checked, Options, check_paths
from responses_tap_viewer.reports import github, json, junit, sarif, text
from responses_tap_viewer.streams import UNUSABLE, PassedOver, UnusableInput, find_stream

FOUND = 1
"""The exit status for findings at or above --fail-on."""


def run_check(paths: Sequence[str], options: Options, fail_on: Severity | None, format_: str) -> int:
    """Check `paths`, print the verdicts, and return the exit status."""
    results: list[Checked | UnusableInput] = []
    for result in check_paths(paths, options):
        if isinstance(result, UnusableInput):
            click.echo(f"responses-tap: {result}", err=True)
        if isinstance(result, PassedOver):
            continue
        results.append(result)
        for line in _at_once(result, format_):
            click.echo(line)
    checked = [result for result in results if isinstance(result, Checked)]
    if format_ == "text":
        click.echo(text.summary_line(checked, options.profile))
    elif format_ == "json":
        click.echo(json.check_report(results, options.profile), nl=False)
    elif format_ == "junit":
        click.echo(junit.junit(results, fail_on), nl=False)
    elif format_ == "sarif":
        click.echo(sarif.sarif(results), nl=False)
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


def run_import(paths: Sequence[str], db: Path) -> int:
    """Put the streams of files into a recording, say what each file was, and return the exit status."""
    from responses_tap_viewer.importing import import_paths

    imported = failed = 0
    for result in import_paths(paths, db):
        if isinstance(result, str):
            imported += 1
            click.echo(result)
        else:
            failed += not isinstance(result, PassedOver)
            click.echo(f"responses-tap: {result}", err=True)
    return UNUSABLE if failed or not imported else 0


def run_recheck(db: Path, profile: str | None) -> Iterator[str]:
    """Renew the findings of a recording; a line for each stream whose findings are others now, and one in all."""
    from responses_tap_viewer.rechecking import recheck
    from responses_tap_viewer.streams import open_existing

    open_existing(db).close()
    streams = changed = 0
    for id_, before, after in recheck(db, profile):
        streams += 1
        codes = [sorted(finding.code for finding in findings) for findings in (before, after)]
        if codes[0] != codes[1]:
            changed += 1
            yield f"stream {id_}: {', '.join(codes[0]) or 'nothing'} → {', '.join(codes[1]) or 'nothing'}"
    yield f"{text.counted(streams, 'stream')} checked again by rules {RULES_VERSION}, {changed} changed"


def run_replay(name: str, listen: tuple[str, int], speed: float, chunks: str) -> None:
    """Serve a stream until SIGINT or SIGTERM."""
    from responses_tap_viewer.replay import ReplayServer, playback

    playing = playback(find_stream(name), chunks)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    try:
        server = ReplayServer({"": playing}, listen, speed)
    except OSError as error:
        raise UnusableInput(f"{listen[0]}:{listen[1]}", f"cannot be listened on ({error.strerror})") from error
    with server:
        click.echo(f"Replaying {name}. In another terminal:\n\n  export OPENAI_BASE_URL={server.url}/v1\n")
        click.echo("Ctrl-C ends.")
        ended.wait()
