"""`probe`: every server's conformance in one command."""

import importlib.util
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from responses_tap.escaping import is_token
from responses_tap.protocol.findings import counted
from responses_tap_viewer.cli import completion
from responses_tap_viewer.cli.parameters import given_options
from responses_tap_viewer.exit_status import INTERRUPTED, TERMINATED, UNUSABLE
from responses_tap_viewer.printing import complain, print_document, print_lines, say

if TYPE_CHECKING:
    from responses_tap.errors import UnusableInput
    from responses_tap_viewer.actions.probing import Plan
    from responses_tap_viewer.probe.known_problems import KnownProblems
    from responses_tap_viewer.probe.matrix import Matrix
    from responses_tap_viewer.probe.runner import ScenarioRun

_FORMATS = ("text", "json", "junit", "html", "md", "badge")
_FOUND = 1
"""The exit status where something is violated, unexpected, failed or flaky, the baseline is stale, or the server had no
time for anything or stopped responding."""
_OF_REQUESTS = ("--model", "--repeat", "--parallel", "--timeout", "--header", "--api-key-env", "--db")
"""The options that are about sending requests and recording the answers."""


@click.command()
@click.argument("urls", metavar="URL…", nargs=-1)
@click.option("--model", help="The server's name of the model.")
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.scenarios,
    help="Only these scenarios or groups.",
)
@click.option(
    "--skip",
    "skipped",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.scenarios,
    help="Skip these scenarios or groups.",
)
@click.option("--repeat", type=click.IntRange(1, 100), default=1, show_default=True, help="Run each scenario N times.")
@click.option(
    "--parallel", type=click.IntRange(1, 64), default=1, show_default=True, help="Run N scenarios concurrently."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    metavar="SEC",
    help="Give up after SEC without a byte, or 4 × SEC in all; by default derived from the server's speed.",
)
@click.option("--header", "headers", multiple=True, metavar="'K: V'", help="Send this header with each request.")
@click.option("--api-key-env", metavar="VAR", help="The variable with the API key; by default OPENAI_API_KEY.")
@click.option(
    "--baseline", metavar="F", type=click.Path(path_type=Path), help="Tolerate the problems in F; stale entries fail."
)
@click.option("--update-baseline", is_flag=True, help="Write what is found to the baseline instead of failing.")
@click.option("--db", type=click.Path(path_type=Path), default=Path("probe.db"), show_default=True, help="Record here.")
@click.option("--list", "is_listed", is_flag=True, help="List the scenarios without sending requests.")
@click.option(
    "--from",
    "is_earlier",
    is_flag=True,
    help="Report on recordings of earlier runs, given as URL…, without sending requests.",
)
@click.option("--format", "format_", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.pass_context
def probe(  # noqa: PLR0913, PLR0917 - one parameter an option
    ctx: click.Context,
    urls: tuple[str, ...],
    model: str | None,
    scenarios: tuple[str, ...],
    skipped: tuple[str, ...],
    repeat: int,
    parallel: int,
    timeout: float | None,
    headers: tuple[str, ...],
    api_key_env: str | None,
    baseline: Path | None,
    update_baseline: bool,
    db: Path,
    is_listed: bool,
    is_earlier: bool,
    format_: str,
) -> None:
    """Run test scenarios against a server and report what it gets wrong.

    URL is an API's base URL; several are compared side by side, and the second is recorded in probe-2.db. Each response
    is recorded, so that it can be shown, compared and exported. Exit status: 0 success, 1 if something is violated,
    unexpected, failed or flaky, the baseline is stale, the server stops responding, or it limits requests and nothing
    passed, 2 invalid input.

    \b
    Examples:
      responses-tap probe http://127.0.0.1:8000/v1 --model m
      responses-tap probe http://127.0.0.1:8000/v1 --model m --scenario tools --repeat 3
      responses-tap probe http://127.0.0.1:8000/v1 --model m --baseline known.json
      responses-tap probe --from probe.db --format html > matrix.html
      responses-tap probe --list
    """
    _require_clients()
    from responses_tap_viewer.actions import probing
    from responses_tap_viewer.reports.probe_report import scenario_lines

    _refuse_ignored(ctx)
    plan = _plan(model or "", scenarios, skipped, headers, api_key_env)
    if is_listed:
        print_lines(scenario_lines(probing.chosen(plan, with_hosted=True)))
        return
    if not urls or not (model or is_earlier):
        raise click.UsageError("give a URL and --model, or --from and recordings, or --list")
    if update_baseline and baseline is None:
        raise click.UsageError("--update-baseline writes the file that --baseline names")
    if baseline and len(urls) > 1:
        raise click.UsageError("a baseline is of one server: give one URL")
    known = None if baseline is None else _known(baseline, update=update_baseline)
    errors: list[UnusableInput] = []
    with _ended_by_sigterm() as terminations:
        if is_earlier:
            matrix = probing.from_recordings([Path(url) for url in urls], plan)
        else:
            plan = replace(plan, repeat=repeat, parallel=parallel, timeout=timeout)
            progress = _progress(len(urls) * len(probing.chosen(plan)))
            matrix = probing.probe(urls, db, plan, progress, errors.append)
        for error in errors:
            complain(error)
        stale = _compared(matrix, known)
        _print(matrix, errors, stale, format_)
        _tell_skipped(matrix)
    ctx.exit(TERMINATED if terminations else _status(matrix, errors, stale))


def _refuse_ignored(ctx: click.Context) -> None:
    """UsageError where an option is given that has no effect beside another one."""
    given = [param.opts[0] for param in given_options(ctx)]
    if "--list" in given and (useless := [name for name in given if name in ("--from", "--format")]):
        raise click.UsageError(f"--list prints all scenarios as text: without {' and '.join(useless)}")
    if "--from" in given and (useless := [name for name in given if name in _OF_REQUESTS]):
        raise click.UsageError(f"--from sends no requests: without {' and '.join(useless)}")


@contextmanager
def _ended_by_sigterm() -> Iterator[list[int]]:
    """Let SIGTERM end the command as Ctrl-C does, with a status of its own; the list says whether it came."""
    came: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield came
    except KeyboardInterrupt:
        if not came:
            raise
        complain("terminated")
        raise click.exceptions.Exit(TERMINATED) from None
    finally:
        signal.signal(signal.SIGTERM, former)


def _require_clients() -> None:
    """UsageError where the libraries are missing that the probe asks with: they are an extra."""
    if missing := [name for name in ("httpx2", "websockets") if importlib.util.find_spec(name) is None]:
        raise click.UsageError(f"probe needs {' and '.join(missing)}: pip install 'responses-tap[probe]'")


def _plan(
    model: str, scenarios: Sequence[str], skipped: Sequence[str], headers: Sequence[str], variable: str | None
) -> "Plan":
    from responses_tap_viewer.actions.probing import Plan, api_key

    sent = dict(map(_header, headers))
    shown = {name: f"$TAP_SECRET_{name.upper().replace('-', '_')}" for name in sent}
    key = api_key(variable)
    if key is not None and not any(name.lower() == "authorization" for name in sent):
        sent["Authorization"], shown["Authorization"] = f"Bearer {key[1]}", f"Bearer ${key[0]}"
    return Plan(model, scenarios, skipped, headers=sent, shown_headers=shown)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not is_token(name.strip()):
        raise click.BadParameter(f"{name!r} is not the name of a header; write 'Name: value'", param_hint="--header")
    if not value.isprintable() or not value.isascii():
        raise click.BadParameter(f"the value of {name} has characters that no header can have", param_hint="--header")
    return name.strip(), value.strip()


def _known(path: Path, *, update: bool) -> "KnownProblems":
    from responses_tap.baseline import BaselineError
    from responses_tap.errors import UnusableInput
    from responses_tap_viewer.probe.known_problems import KnownProblems

    try:
        return KnownProblems(path, update=update)
    except BaselineError as error:
        raise UnusableInput("", str(error)) from error


def _progress(count: int) -> Callable[["ScenarioRun"], object]:
    """What prints a line as each scenario ends, on a terminal; in a log the report has them all."""
    done = 0

    def tell(run: "ScenarioRun") -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            say(f"{done} of {count}: {run.scenario.group}/{run.scenario.name}: {run.verdict.outcome}")

    return tell


def _compared(matrix: "Matrix", known: "KnownProblems | None") -> int:
    """Mark what the baseline tolerates, and write it where asked for; how many of its entries are stale."""
    from responses_tap.baseline import BaselineError
    from responses_tap.errors import UnusableInput

    if known is None or not matrix.targets:
        return 0
    known.compare(matrix)
    stale = known.stale(matrix)
    for entry in stale:
        complain(entry)
    try:
        if not matrix.is_interrupted:
            known.write(matrix)
    except BaselineError as error:
        raise UnusableInput("", str(error)) from error
    return len(stale)


def _print(matrix: "Matrix", errors: "Sequence[UnusableInput]", stale: int, format_: str) -> None:
    from responses_tap_viewer.reports import probe_badge, probe_junit, probe_markdown, probe_page, probe_report

    if format_ == "text":
        print_lines(probe_report.matrix_lines(matrix))
    elif format_ == "json":
        print_document(probe_report.matrix_json(matrix, errors, stale))
    elif format_ == "junit":
        print_document(probe_junit.junit(matrix, errors))
    elif format_ == "html":
        print_document(probe_page.page(matrix))
    elif format_ == "md":
        print_document(probe_markdown.markdown(matrix, errors))
    else:
        print_document(probe_badge.badge(matrix))


def _tell_skipped(matrix: "Matrix") -> None:
    """Say which servers limited requests or stopped responding: the outcomes don't show what was skipped for it."""
    for target in matrix.targets:
        if target.limited:
            left = f"{target.limited} of {counted(len(target.cells), 'scenario')} were not judged"
            complain(f"{target.url} limits requests (429): {left}; run it again later")
        if target.gone:
            where = target.gone[0].removeprefix("the server ")
            left = f"{len(target.gone)} of {counted(len(target.cells), 'scenario')} were skipped"
            complain(f"{target.url} {where}: {left}")


def _status(matrix: "Matrix", errors: "Sequence[UnusableInput]", stale: int) -> int:
    if matrix.is_interrupted:
        return INTERRUPTED
    if errors or not matrix.targets:
        return UNUSABLE
    return _FOUND if stale or any(target.fails for target in matrix.targets) else 0
