"""`probe`: every server's conformance in one command."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from responses_tap_viewer.printing import print_document, print_lines, say

if TYPE_CHECKING:
    from responses_tap_viewer.probe.runner import Run

_FOUND = 1
"""The exit status where something is violated, failed or unexpected."""


@click.command()
@click.argument("urls", metavar="URL…", nargs=-1)
@click.option("--model", help="The model that is asked, as the server calls it.")
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME", help="Only these scenarios or groups.")
@click.option("--skip", "skipped", multiple=True, metavar="NAME", help="Not these scenarios or groups.")
@click.option("--repeat", type=click.IntRange(1, 100), default=1, show_default=True, help="Run each so often.")
@click.option("--timeout", type=click.FloatRange(min=0.1), metavar="SEC", help="Give up after so long without a byte.")
@click.option("--header", "headers", multiple=True, metavar="'K: V'", help="Send this header with each request.")
@click.option("--api-key-env", metavar="VAR", help="The variable with the key; by default OPENAI_API_KEY.")
@click.option("--db", type=click.Path(path_type=Path), default=Path("probe.db"), show_default=True)
@click.option("--list", "is_listed", is_flag=True, help="List the scenarios, and ask nothing.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def probe(  # noqa: PLR0913, PLR0917 - one parameter an option
    ctx: click.Context,
    urls: tuple[str, ...],
    model: str | None,
    scenarios: tuple[str, ...],
    skipped: tuple[str, ...],
    repeat: int,
    timeout: float | None,
    headers: tuple[str, ...],
    api_key_env: str | None,
    db: Path,
    is_listed: bool,
    format_: str,
) -> None:
    """Ask a server what a correct one answers, and say where it differs.

    URL is an API's base URL. Every answer is recorded, so that it can be shown and exported. Exit status: 0 fine, 1 if
    something is violated, failed or unexpected, 2 unusable input.

    \b
    Examples:
      responses-tap probe http://127.0.0.1:8000/v1 --model m
      responses-tap probe http://127.0.0.1:8000/v1 --model m --scenario tools --repeat 3
      responses-tap probe --list
    """
    from responses_tap_viewer.actions.probing import Wishes, chosen, probe
    from responses_tap_viewer.probe.outcome import BAD
    from responses_tap_viewer.reports.probe_report import matrix_json, matrix_lines, scenario_lines

    sent = dict(map(_header, headers))
    if is_listed:
        print_lines(scenario_lines(chosen(Wishes(model or "", scenarios, skipped))))
        return
    if not urls or not model:
        raise click.UsageError("give a URL and --model, or --list")
    wishes = Wishes(model, scenarios, skipped, repeat, timeout, _with_key(sent, api_key_env))
    matrix = probe(urls, db, wishes, _tell)
    if format_ == "json":
        print_document(matrix_json(matrix))
    else:
        print_lines(matrix_lines(matrix))
    ctx.exit(_FOUND if any(matrix.summary[str(outcome)] for outcome in BAD) else 0)


def _tell(url: str, run: "Run") -> None:
    say(f"{url}: {run.scenario.group}/{run.scenario.name}: {run.verdict.outcome}")


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f"{text!r} is no header; write it as 'Name: value'", param_hint="--header")
    return name.strip(), value.strip()


def _with_key(headers: dict[str, str], variable: str | None) -> dict[str, str]:
    from responses_tap_viewer.actions.probing import api_key

    key = api_key(variable)
    has_own = any(name.lower() == "authorization" for name in headers)
    return headers if key is None or has_own else {"Authorization": f"Bearer {key}", **headers}
