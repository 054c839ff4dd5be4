"""`rules`: the rules, and each one's page."""

import click

from responses_tap_viewer.cli import completion
from responses_tap_viewer.printing import print_lines


@click.command()
@click.argument("code", required=False, shell_complete=completion.rules)
def rules(code: str | None) -> None:
    """List the rules, or print the page of one.

    \b
    Examples:
      responses-tap rules
      responses-tap rules MD301
    """
    from responses_tap.protocol.rules import RULES
    from responses_tap_viewer.reports import text

    if code is None:
        print_lines(text.rule_list())
    elif (rule := RULES.get(code.upper())) is None:
        raise click.UsageError(f"there is no rule {code}; `responses-tap rules` lists them")
    else:
        print_lines(text.rule_page(rule))
