"""The tables of the READMEs, generated from the commands and rules themselves."""

from textwrap import wrap

import click

from responses_tap.protocol.profiles import PROFILES
from responses_tap.protocol.rules import GROUPS, RULES
from responses_tap.stream.filters import FIELDS, SYNTAX
from responses_tap_viewer.cli import main

_WIDTH = 120
"""Characters of a line in a README."""


def command_table() -> str:
    """A row for each command: its usage and what it does."""
    context = click.Context(main, info_name="responses-tap")
    lines = ["| command | what it does |", "|---|---|"]
    for name in sorted(main.commands):
        command = main.commands[name]
        pieces = command.collect_usage_pieces(click.Context(command, info_name=name, parent=context))
        options = [f"[{p.opts[-1]}]" for p in command.params if isinstance(p, click.Option) and not p.hidden]
        arguments = [piece for piece in pieces if piece != "[OPTIONS]"]
        lines.append(f"| `{' '.join([name, *options, *arguments])}` | {_first_line(command)} |")
    return "\n".join(lines)


def filter_table() -> str:
    """The language of filters, and a row for each field."""
    lines = [*wrap(SYNTAX, _WIDTH), "", "| field | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {field.meaning} |" for name, field in FIELDS.items()]
    return "\n".join(lines)


def rule_table() -> str:
    """A row for each rule, by group."""
    lines = ["| code | rule | severity | what is wrong |", "|---|---|---|---|"]
    for group in GROUPS:
        for code, rule in sorted(RULES.items()):
            if rule.__module__ == group.__name__:
                lines.append(f"| {code} | {rule.name} | {rule.severity} | {rule.page().what} |")
    return "\n".join(lines)


def profile_table() -> str:
    """A row for each profile."""
    lines = ["| profile | applies to |", "|---|---|"]
    lines += [f"| `{profile.name}` | {profile.about} |" for profile in PROFILES.values()]
    return "\n".join(lines)


def _first_line(command: click.Command) -> str:
    return (command.help or "").partition("\n")[0].rstrip(".")
