"""`rules`: the rules, and each one's page."""

import click

from responses_tap_viewer.cli import completion
from responses_tap_viewer.printing import print_lines


@click.command()
@click.argument("code", metavar="[CODE or WORDS]", required=False, shell_complete=completion.rules)
@click.option("--search", metavar="WORDS", help="Search rules by text, client error message or issue.")
def rules(code: str | None, search: str | None) -> None:
    """List the rules, or show one.

    Instead of a code, the beginning of codes, a rule's name or words of its page will do.

    \b
    Examples:
      responses-tap rules
      responses-tap rules MD301
      responses-tap rules NS
      responses-tap rules --search "stream closed before"
    """
    from responses_tap.protocol.rules import RULES
    from responses_tap_viewer.reports import text
    from responses_tap_viewer.reports.rule_search import matching, named

    if code is not None and search is not None:
        raise click.UsageError("--search looks through all rules: without CODE")
    if search is not None:
        if not (found := matching(search)):
            raise click.UsageError(f"no rule's page has {search!r}; try fewer words")
        print_lines(text.rule_list(found))
    elif code is None:
        print_lines(text.rule_list())
    elif len(found := named(code)) == 1:
        print_lines(text.rule_page(RULES[found[0]]))
    elif found:
        print_lines(text.rule_list(found))
    else:
        raise click.UsageError(f"unknown rule {code!r}; `responses-tap rules` lists all rules")
