"""`vocabulary`: what the newest SDK knows and the checker doesn't."""

import click

from responses_tap_viewer.printing import print_lines

_DIFFERS = 1


@click.command()
@click.pass_context
def vocabulary(ctx: click.Context) -> None:
    """Compare event types, item types and required fields with the installed openai package.

    Exit status: 0 no difference, 1 differences, a line each, 2 no such package.

    \b
    Examples:
      responses-tap vocabulary
      uv run --with openai responses-tap vocabulary
    """
    from responses_tap_viewer.actions.vocabulary import MADE_FROM, differences

    installed, found = differences()
    print_lines(found)
    count = f"{len(found)} difference{'' if len(found) == 1 else 's'}"
    print_lines([f"{count} from openai {installed} (the vocabulary was last compared with {MADE_FROM})"])
    ctx.exit(_DIFFERS if found else 0)
